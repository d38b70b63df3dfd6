//! `vm` in another kernel: built for a machine that is neither of ours, and its example run there.
//!
//! Owns: which target and which board that is, what the example prints when all is well, the judgement.
//! Does not own: the example (`vm/examples/kernel`), its host tests (cargo's).

use super::report::Counts;
use super::step::Fate;
use crate::build::cargo::cargo;
use crate::failure::{Context, Failure};
use crate::guest::{Event, Exit, Guest};
use crate::record::Item;
use crate::{guest, project};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The target.
pub const TARGET: &str = "riscv64gc-unknown-none-elf";
/// The program that plays it.
pub const QEMU: &str = "qemu-system-riscv64";
/// The board, and the firmware that QEMU brings along.
const BOARD: &str =
    "-machine virt -bios default -display none -serial stdio -monitor none -no-reboot";
/// It takes a second.
const LIMIT: Duration = Duration::from_secs(60);
/// What the example's steps print, after a line about its memory.
const LINES: &str = "vm/examples/kernel/lines.txt";
/// What it prints last.
const VERDICT: &str = "example kernel: passed";

/// Runs both steps, prints a line for each and gives the counts.
pub fn run() -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    println!("\nhost: vm in another kernel");
    for (name, step) in [
        (
            "vm, zalloc and sync build for riscv64",
            libraries as fn() -> _,
        ),
        ("the example kernel runs on riscv64", example),
    ] {
        let fate = if has_library() {
            step()?
        } else {
            Fate::Skipped(format!("Rust's library for {TARGET} is not installed"))
        };
        fate.report(name, &mut counts);
    }
    Ok(counts)
}

fn has_library() -> bool {
    let library = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(project::root())
        .output();
    library.is_ok_and(|output| {
        let path = String::from_utf8_lossy(&output.stdout);
        output.status.success() && PathBuf::from(path.trim()).is_dir()
    })
}

fn libraries() -> Result<Fate, Failure> {
    build(&[
        "--package",
        "vm",
        "--package",
        "zalloc",
        "--package",
        "sync",
    ])
}

fn example() -> Result<Fate, Failure> {
    let built = build(&["--package", "example-kernel", "--profile", "ktest"])?;
    let Fate::Passed(_) = built else {
        return Ok(built);
    };
    let there = Command::new(QEMU).arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        return Ok(Fate::Skipped(format!(
            "there is no {QEMU}; `cargo vellum doctor` says how to get it"
        )));
    }
    let lines = project::root().join(LINES);
    let lines =
        std::fs::read_to_string(&lines).context(format_args!("cannot read {}", lines.display()))?;
    let (printed, exit) = boot()?;
    Ok(match judge(&printed, &lines, exit) {
        Ok(()) => Fate::Passed(None),
        Err(why) => Fate::Failed(why, printed),
    })
}

/// A build for the target; one that fails is a failed test.
fn build(arguments: &[&str]) -> Result<Fate, Failure> {
    let mut command = cargo("build");
    command
        .args(["--quiet", "--target", TARGET])
        .args(arguments);
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo")?;
    if guest::interrupted() {
        return Err(Failure::interrupted());
    }
    Ok(if output.status.success() {
        Fate::Passed(None)
    } else {
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        Fate::Failed(format!("cargo ended with {}", output.status), printed)
    })
}

/// Boots the example: what it printed, the firmware's lines before, and how QEMU ended, if it did in time.
fn boot() -> Result<(String, Option<Exit>), Failure> {
    let image = project::target()
        .join(TARGET)
        .join("ktest")
        .join("example-kernel");
    let mut command = Command::new(QEMU);
    command.args(BOARD.split(' ')).arg("-kernel").arg(image);
    let folder = project::run_folder()?;
    let mut guest = Guest::start(command, folder.path())?;
    let deadline = Instant::now() + LIMIT;
    let mut printed = Vec::new();
    let exit = loop {
        match guest.next(Some(deadline))? {
            Event::Item(Item::Data(bytes)) => printed.extend(bytes),
            Event::Item(_) => {}
            Event::Ended(exit) => break Some(exit),
            Event::Deadline => break None,
        }
    };
    let printed = String::from_utf8_lossy(&printed).replace('\r', "");
    Ok((printed, exit))
}

/// Whether the example printed its steps and the verdict, and nothing after them, and ended with status 0.
fn judge(printed: &str, lines: &str, exit: Option<Exit>) -> Result<(), String> {
    let Some(exit) = exit else {
        return Err(format!("it still ran after {} s", LIMIT.as_secs()));
    };
    if !exit.status.success() {
        return Err(format!(
            "QEMU ended with {}: {}",
            exit.status, exit.complaint
        ));
    }
    if !printed.ends_with(&format!("\n{lines}{VERDICT}\n")) {
        return Err(format!("it did not print the lines of {LINES}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn ended(code: i32) -> Option<Exit> {
        Some(Exit {
            status: ExitStatus::from_raw(code << 8),
            complaint: String::new(),
            triple_fault: false,
        })
    }

    #[test]
    fn only_all_lines_and_status_0_pass() {
        let all = "firmware\nram\none\ntwo\nexample kernel: passed\n";
        let lines = "one\ntwo\n";
        assert_eq!(judge(all, lines, ended(0)), Ok(()));
        assert!(judge(all, lines, ended(1)).is_err());
        assert!(judge(all, lines, None).is_err());
        assert!(judge(&format!("{all}more\n"), lines, ended(0)).is_err());
        assert!(judge(&all.replace("two\n", ""), lines, ended(0)).is_err());
        assert!(judge(&all.replace("passed", "FAILED"), lines, ended(0)).is_err());
    }
}
