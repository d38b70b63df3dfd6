//! Calls of cargo and of compilers: silent unless they fail.
//!
//! Owns: the environment that a nested cargo sees, and what is printed when a build fails.

use crate::failure::Failure;
use crate::{guest, project};
use std::process::{Command, Stdio};

/// A cargo command in the source tree, with the target folder of this one.
pub fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(project::program("CARGO", "cargo"));
    command
        .arg(subcommand)
        .current_dir(project::root())
        .env("CARGO_TARGET_DIR", project::target());
    // What cargo told this program about itself would look to the next cargo like a changed input.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text.starts_with("CARGO_BIN_")
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a build step; what it printed is shown only if it fails.
pub fn silently(what: &str, command: &mut Command) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        Failure::not_started(format_args!(
            "cannot start {program} to build {what}: {error}; `cargo vellum doctor` says what is missing"
        ))
    })?;
    if output.status.success() {
        return Ok(());
    }
    if guest::interrupted() {
        return Err(Failure::interrupted());
    }
    eprint!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Err(Failure::not_started(format_args!(
        "building {what} failed: {program} ended with {}",
        output.status
    )))
}
