//! `soak`: the model and the protocols with new seeds, until enough steps have agreed and the time is up.
//!
//! Owns: the rounds, and the sum of the steps that the model's tests say they made. Does not own: the
//! tests (`vm/tests`), which name the seed or the schedule that fails and the line that repeats it.

use crate::build::cargo::cargo;
use crate::cli::SoakOptions;
use crate::failure::{Context, Failure};
use crate::guest;
use crate::test::host;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Seeds in one round.
const SEEDS: u64 = 200;

/// Schedules of each kind that each protocol is run under, in each page size and round.
const SCHEDULES: u64 = 400;

/// Steps of programs of all operations that a run makes at least, in each page size.
const STEPS: u64 = 1_000_000;

/// The page sizes that the model runs in.
const PAGES: [u64; 2] = [4096, 16384];

/// Those whose programs are made of all operations.
const WHOLE: &str = "random_programs_agree";

/// Steps that agreed, by test and bytes of a page.
#[derive(Default)]
struct Steps(BTreeMap<(String, u64), u64>);

impl Steps {
    /// Takes a line of a test's output: one that tells steps counts, all others do not.
    fn hear(&mut self, line: &str) {
        if let Some((steps, pages, test)) = told(line) {
            *self.0.entry((test.into(), pages)).or_default() += steps;
        }
    }

    /// Steps in pages of this size, of the tests whose name begins so.
    fn sum(&self, pages: u64, prefix: &str) -> u64 {
        let of = |(test, size): &(String, u64)| *size == pages && test.starts_with(prefix);
        let all = self.0.iter().filter(|(key, _)| of(key));
        all.map(|(_, steps)| steps).sum()
    }

    fn are_enough(&self) -> bool {
        PAGES.iter().all(|pages| self.sum(*pages, WHOLE) >= STEPS)
    }
}

/// `model steps: 500 in pages of 4096 bytes, NAME, seeds 1..2`, wherever in a line it begins: the steps,
/// the page size, the name.
fn told(line: &str) -> Option<(u64, u64, &str)> {
    let (_, rest) = line.split_once("model steps: ")?;
    let (steps, rest) = rest.split_once(" in pages of ")?;
    let (pages, rest) = rest.split_once(" bytes, ")?;
    let (test, _) = rest.split_once(", seeds ")?;
    Some((steps.parse().ok()?, pages.parse().ok()?, test))
}

/// Runs the model tests again and again with new seeds: for so many minutes, and until a million steps
/// have agreed in each page size.
pub fn run(options: &SoakOptions) -> Result<u8, Failure> {
    let started = Instant::now();
    let end = started + Duration::from_secs(60 * options.minutes);
    let mut seed = options.seed;
    let (mut steps, mut rounds) = (Steps::default(), 0);
    while !steps.are_enough() || Instant::now() < end {
        round(seed, &mut steps)?;
        rounds += 1;
        seed = seed.wrapping_add(SEEDS);
        println!(
            "soak: round {rounds}, seeds {}..{seed}, {} and {} steps of all operations so far",
            seed.wrapping_sub(SEEDS),
            steps.sum(PAGES[0], WHOLE),
            steps.sum(PAGES[1], WHOLE)
        );
    }
    println!("\nsteps that agreed, seeds {}..{seed}:", options.seed);
    for ((test, pages), count) in &steps.0 {
        println!("{count:>12}  pages of {pages:>5}  {test}");
    }
    for pages in PAGES {
        println!("{:>12}  pages of {pages:>5}  all", steps.sum(pages, ""));
    }
    println!(
        "soak: {rounds} rounds passed in {} s",
        started.elapsed().as_secs()
    );
    Ok(0)
}

/// One round: each of the model's tests with the seeds from `seed` on, each protocol with schedules of it.
fn round(seed: u64, steps: &mut Steps) -> Result<(), Failure> {
    const MODEL: [&str; 6] = ["--package", "vm", "--features", "sim", "--test", "model"];
    for (arguments, runs) in [(MODEL, SEEDS), (host::SHUTTLE, SCHEDULES)] {
        let mut command = cargo("test");
        command.arg("--quiet").args(arguments);
        command.args(["--", "--nocapture"]);
        let command = command
            .env("VELLUM_SEED", seed.to_string())
            .env("VELLUM_RUNS", runs.to_string());
        heard(command, seed, steps)?;
    }
    Ok(())
}

/// Runs a round's tests and hears what they say.
fn heard(command: &mut Command, seed: u64, steps: &mut Steps) -> Result<(), Failure> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start cargo")?;
    let mut said = Vec::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("cannot read cargo's output")?;
            let line = String::from_utf8_lossy(&line).into_owned();
            steps.hear(&line);
            said.push(line);
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    if guest::interrupted() {
        return Err(Failure::interrupted());
    }
    if status.success() {
        return Ok(());
    }
    println!("{}", said.join("\n"));
    Err(Failure::plain(format_args!(
        "a test of the round with seed {seed} failed (the line that repeats it is above); to repeat the round: cargo vellum soak --minutes 0 --seed {seed}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_what_the_tests_say() {
        let mut steps = Steps::default();
        for line in [
            "model steps: 100000 in pages of 4096 bytes, random_programs_agree_4k, seeds 1..201",
            "..model steps: 20 in pages of 16384 bytes, random_programs_agree_16k, seeds 1..201",
            "model steps: 7 in pages of 16384 bytes, families_agree, seeds 1..201",
            "model steps: many in pages of 4096 bytes, random_programs_agree_4k, seeds 1..201",
            "test result: ok. 9 passed",
        ] {
            steps.hear(line);
        }
        assert_eq!(steps.sum(4096, WHOLE), 100_000);
        assert_eq!(steps.sum(16384, WHOLE), 20);
        assert_eq!(steps.sum(16384, ""), 27);
        assert!(!steps.are_enough());
        steps.hear(
            "model steps: 999980 in pages of 16384 bytes, random_programs_agree_16k, seeds 1..2",
        );
        assert!(!steps.are_enough());
        steps.hear(
            "model steps: 900000 in pages of 4096 bytes, random_programs_agree_4k, seeds 1..2",
        );
        assert!(steps.are_enough());
    }
}
