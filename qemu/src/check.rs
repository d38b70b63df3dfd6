//! `check`: format, lints, documentation, the direction of the arrows.
//!
//! Owns: which commands these are. Each prints one line: ok, or what it found.

use crate::build::cargo::cargo;
use crate::failure::{Context, Failure};
use crate::guest;
use crate::machine::Arch;
use crate::test::embed;
use std::process::{Command, Stdio};

/// Runs all checks; the result is 0 if every one is clean.
pub fn run() -> Result<u8, Failure> {
    let mut failed = 0;
    for (name, mut command) in checks() {
        let output = command
            .stdin(Stdio::null())
            .output()
            .context("cannot start cargo")?;
        if guest::interrupted() {
            return Err(Failure::interrupted());
        }
        if output.status.success() {
            println!("{name}: ok");
        } else {
            println!("{name}: FAILED");
            print!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            failed += 1;
        }
    }
    if failed == 0 {
        Ok(0)
    } else {
        Err(Failure::plain(format_args!("{failed} checks failed")))
    }
}

fn checks() -> Vec<(String, Command)> {
    let mut checks = Vec::new();
    let mut format = cargo("fmt");
    format.args(["--all", "--check"]);
    checks.push(("format".to_string(), format));
    checks.push(("lints, host".into(), lints(&["--all-targets"])));
    for arch in Arch::ALL {
        let target = ["--target", arch.kernel_target(), "--package", "kernel"];
        for (name, features) in [
            ("kernel", ""),
            ("kernel with its tests", "ktest"),
            ("kernel that counts its locks", "lock-statistics"),
        ] {
            checks.push((
                format!("lints, {name} for {arch}"),
                lints(&[&target[..], &["--features", features]].concat()),
            ));
        }
        let user = [
            "--target",
            arch.user_target(),
            "--package",
            "libsystem",
            "--package",
            "tools",
        ];
        checks.push((format!("lints, programs for {arch}"), lints(&user)));
    }
    let small = [
        "--target",
        Arch::Aarch64.kernel_target(),
        "--package",
        "kernel",
        "--features",
        "granule-4k",
    ];
    checks.push((
        "lints, kernel for aarch64 with the 4 KiB granule".into(),
        lints(&small),
    ));
    let explored = ["--package", "vm", "--features", "shuttle", "--tests"];
    checks.push(("lints, vm under shuttle".into(), lints(&explored)));
    let example = ["--target", embed::TARGET, "--package", "example-kernel"];
    checks.push(("lints, example kernel for riscv64".into(), lints(&example)));
    let mut documentation = cargo("doc");
    documentation
        .args(["--quiet", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "-D warnings");
    checks.push(("documentation".into(), documentation));
    let mut arrows = cargo("test");
    arrows.args(["--quiet", "--package", "vellum", "--test", "arrows"]);
    checks.push(("arrows".into(), arrows));
    checks
}

/// clippy that takes no warning; the flags come after `--`, so they go to the workspace's crates alone.
fn lints(arguments: &[&str]) -> Command {
    let mut command = cargo("clippy");
    command
        .arg("--quiet")
        .args(arguments)
        .args(["--", "-D", "warnings"]);
    command
}
