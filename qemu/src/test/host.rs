//! The host's tests: cargo's, counted.
//!
//! Owns: which cargo commands, and the sum of their `test result:` lines.
//! Does not own: the tests, which stand beside the code they test.

use super::report::Counts;
use crate::build::cargo::cargo;
use crate::failure::{Context, Failure};
use crate::guest;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// The cargo commands, each with what must be there for it to mean anything.
const COMMANDS: [&[&str]; 2] = [
    &["--no-fail-fast"],
    &[
        "--no-fail-fast",
        "--package",
        "sync",
        "--features",
        "shuttle",
        "--test",
        "shuttle",
    ],
];

/// Runs them, prints what they print and gives the counts.
///
/// A command that fails without a failed test (it does not compile) counts as one failure.
pub fn run() -> Result<Counts, Failure> {
    let mut total = Counts::default();
    for arguments in COMMANDS {
        println!("\nhost: cargo test {}", arguments.join(" "));
        let mut command = cargo("test");
        command
            .arg("--quiet")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start cargo")?;
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
            println!("host: cargo test ended with {status} without naming a failed test");
            counts.failed = 1;
        }
        total = total.plus(counts);
    }
    Ok(total)
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
