//! The host's tests: cargo's, counted.
//!
//! Owns: which cargo commands, and the sum of their `test result:` lines.
//! Does not own: the tests, which stand beside the code they test.

use super::report::Counts;
use crate::build::cargo::cargo;
use crate::failure::{Context, Failure};
use crate::{guest, project};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// The arguments of the cargo commands: all crates of the host, locks that count, then the lock algorithms, the
/// shootdown and the core's protocols under shuttle's schedules.
const COMMANDS: [&[&str]; 5] = [
    &[],
    &[
        "--package",
        "sync",
        "--features",
        "host,statistics",
        "--test",
        "statistics",
    ],
    &[
        "--package",
        "sync",
        "--features",
        "shuttle",
        "--test",
        "shuttle",
    ],
    &[
        "--package",
        "arch",
        "--features",
        "shuttle",
        "--test",
        "shuttle",
    ],
    &SHUTTLE,
];

/// The core's protocols under shuttle's schedules.
pub const SHUTTLE: [&str; 6] = [
    "--package",
    "vm",
    "--features",
    "shuttle",
    "--test",
    "shuttle",
];

/// The crates whose unsafe code Miri reads.
const MIRI: [&str; 7] = [
    "+nightly",
    "miri",
    "test",
    "--package",
    "sync",
    "--package",
    "zalloc",
];

/// Runs them, prints what they print and gives the counts.
pub fn run() -> Result<Counts, Failure> {
    let mut total = Counts::default();
    for arguments in COMMANDS {
        let mut command = cargo("test");
        command.args(["--quiet", "--no-fail-fast"]).args(arguments);
        total = total.plus(counted(
            &format!("cargo test {}", arguments.join(" ")),
            &mut command,
        )?);
    }
    Ok(total.plus(miri()?))
}

/// Miri where a nightly with it is installed; one skip that says so where not.
fn miri() -> Result<Counts, Failure> {
    let version = Command::new("cargo")
        .args(["+nightly", "miri", "--version"])
        .stdin(Stdio::null())
        .output();
    if !version.is_ok_and(|output| output.status.success()) {
        println!(
            "\nhost: miri over sync and zalloc ... ignored, there is no nightly toolchain with miri"
        );
        return Ok(Counts {
            skipped: 1,
            ..Counts::default()
        });
    }
    let mut command = Command::new("cargo");
    command
        .args(MIRI)
        .args(["--quiet", "--lib", "--tests"])
        .current_dir(project::root());
    command.env("CARGO_TARGET_DIR", project::products().join("miri"));
    command
        .env("MIRIFLAGS", "-Zmiri-disable-isolation -Zmiri-ignore-leaks")
        .env_remove("CARGO");
    counted("cargo +nightly miri test", &mut command)
}

/// Runs one command and counts its results; one that fails without naming a failed test (it does not compile)
/// counts as one failure.
fn counted(name: &str, command: &mut Command) -> Result<Counts, Failure> {
    println!("\nhost: {name}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut counts = Counts::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("cannot read cargo's output")?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            counts = counts.plus(result_line(&line).unwrap_or_default());
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    if guest::interrupted() {
        return Err(Failure::interrupted());
    }
    if !status.success() && counts.failed == 0 {
        println!("host: {name} ended with {status} without naming a failed test");
        counts.failed = 1;
    }
    Ok(counts)
}

/// The counts of `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
fn result_line(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let (_, counts) = rest.split_once(". ")?;
    let mut found = Counts::default();
    for part in counts.split("; ") {
        let (number, what) = part.split_once(' ')?;
        match what {
            "passed" => found.passed = number.parse().ok()?,
            "failed" => found.failed = number.parse().ok()?,
            "ignored" => found.skipped = number.parse().ok()?,
            _ => {}
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted_and_nothing_else() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s";
        assert_eq!(
            result_line(line),
            Some(Counts {
                passed: 12,
                failed: 2,
                skipped: 1
            })
        );
        assert_eq!(result_line("test result of mine: ok. 1 passed"), None);
        assert_eq!(result_line("running 3 tests"), None);
    }
}
