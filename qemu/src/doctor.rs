//! `doctor`: a line per requirement, ok or how to fix it.
//!
//! Owns: the list of what is needed and by whom. Does not own: the installation (`qemu/setup.sh`).

use crate::cli::DoctorOptions;
use crate::failure::{Context, Failure};
use crate::machine::Arch;
use crate::project;
use crate::test::embed;
use std::process::{Command, Stdio};

/// One requirement: what it is, how to see it, how to fix it.
struct Requirement {
    name: String,
    found: Option<String>,
    fix: String,
    need: Need,
}

/// Whether the project can do without.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Always,
    /// One test is skipped then.
    Optional,
}

/// Runs the command; the result is 0 if nothing is missing.
pub fn run(options: &DoctorOptions) -> Result<u8, Failure> {
    if options.fix {
        let status = Command::new("sh")
            .arg(project::root().join("qemu/setup.sh"))
            .arg("--fix")
            .status()
            .context("cannot start sh")?;
        if !status.success() {
            return Err(Failure::plain("not everything could be installed"));
        }
    }
    let mut missing = 0;
    for requirement in requirements() {
        match requirement.found {
            Some(version) => println!("ok       {}: {version}", requirement.name),
            None if requirement.need == Need::Optional => {
                println!("optional {}: {}", requirement.name, requirement.fix);
            }
            None => {
                println!("missing  {}: {}", requirement.name, requirement.fix);
                missing += 1;
            }
        }
    }
    match missing {
        0 => Ok(0),
        _ if options.fix => Err(Failure::plain(format_args!(
            "{missing} requirements are still missing"
        ))),
        _ => Err(Failure::plain(format_args!(
            "{missing} requirements are missing; `cargo vellum doctor --fix` installs them"
        ))),
    }
}

fn requirements() -> Vec<Requirement> {
    let mut all = vec![
        program("a C compiler and linker", "cc", "gcc libc6-dev"),
        program("clang, for C programs of the guest", "clang", "clang"),
    ];
    for arch in Arch::ALL {
        let package = match arch {
            Arch::X86_64 => "qemu-system-x86",
            Arch::Aarch64 => "qemu-system-arm",
        };
        all.push(program(&format!("QEMU for {arch}"), arch.qemu(), package));
    }
    all.push(Requirement {
        need: Need::Optional,
        ..program(
            "QEMU for riscv64, for the example kernel of vm",
            embed::QEMU,
            "qemu-system-misc",
        )
    });
    all.push(program("git, for `make mutants`", "git", "git"));
    for (tool, what) in [
        ("mke2fs", "makes"),
        ("e2fsck", "checks"),
        ("debugfs", "reads"),
    ] {
        all.push(Requirement {
            name: format!("{tool}, which {what} ext2 images"),
            found: e2fs_version(tool),
            fix: "type: apt-get install --no-install-recommends e2fsprogs".into(),
            need: Need::Always,
        });
    }
    all.push(Requirement {
        name: "the Rust toolchain of rust-toolchain.toml".into(),
        found: first_line(
            Command::new("rustc")
                .arg("--version")
                .current_dir(project::root()),
        ),
        fix: "type: rustup toolchain install".into(),
        need: Need::Always,
    });
    let targets = Arch::ALL
        .iter()
        .flat_map(|arch| [arch.kernel_target(), arch.user_target()]);
    for target in targets.chain([embed::TARGET]) {
        let library = first_line(
            Command::new("rustc")
                .args(["--print", "target-libdir", "--target", target])
                .current_dir(project::root()),
        );
        all.push(Requirement {
            name: format!("Rust's library for {target}"),
            found: library
                .filter(|path| std::path::Path::new(path).is_dir())
                .map(|_| "installed".into()),
            fix: format!("type: rustup target add {target}"),
            need: Need::Always,
        });
    }
    for (name, tool) in [("rustfmt", "rustfmt"), ("clippy", "cargo-clippy")] {
        all.push(Requirement {
            name: format!("{name}, for `make check`"),
            found: first_line(
                Command::new(tool)
                    .arg("--version")
                    .current_dir(project::root()),
            ),
            fix: format!("type: rustup component add {name}"),
            need: Need::Always,
        });
    }
    all
}

fn program(name: &str, program: &str, packages: &str) -> Requirement {
    Requirement {
        name: name.into(),
        found: first_line(Command::new(program).arg("--version")),
        fix: format!("type: apt-get install --no-install-recommends {packages}"),
        need: Need::Always,
    }
}

/// What a program of e2fsprogs says to `-V`, on its standard error; it may be outside a user's PATH.
fn e2fs_version(tool: &str) -> Option<String> {
    let output = ["", "/usr/sbin/", "/sbin/"].iter().find_map(|folder| {
        let mut command = Command::new(format!("{folder}{tool}"));
        command.arg("-V").stdin(Stdio::null()).output().ok()
    })?;
    let line = String::from_utf8_lossy(&output.stderr);
    line.lines().next().map(|line| line.trim().to_string())
}

/// The first line that a command prints, if it can be run and succeeds.
fn first_line(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .map(|line| line.trim().to_string())
}
