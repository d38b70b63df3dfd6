//! A second CPU is worth having: faults of two threads on two CPUs, in wall time.
//!
//! Owns: the bound, the judgement. Does not own: the benchmarks (`user/bench`), the reading of their lines
//! (`bench::rounds`).
//! Five boots, a round each, and the middle one counts: the emulator takes a lock of its own for each exception, and
//! what that costs two CPUs differs from boot to boot (faults of one kernel gained from 1.3 to 1.9, and seldom changed
//! within a boot). A host that has other work shows in the loop that never faults, and then nothing is judged.

use super::report::Counts;
use super::step::Fate;
use crate::bench::rounds::{self, FAULTS, LOOP, ROUNDS, Rounds, Spread};
use crate::bench::{boot, machine, smp};
use crate::build::kernel::Flavor;
use crate::failure::{Failure, MACHINE_FAILED};
use crate::machine::{Arch, Clock};
use std::time::Duration;

/// CPUs, and threads.
const CPUS: u32 = 2;
/// Of the loop's speed-up so much must be left with faults.
const SHARE: f64 = 0.8;
/// A loop that gains less says that the host has not two processors to give.
const FREE_HOST: f64 = 1.6;
/// One boot takes seconds.
const LIMIT: Duration = Duration::from_secs(300);

/// Boots both machines, prints a line for each and gives the counts.
pub fn run() -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    println!("\nhost: what a second CPU gains");
    for arch in Arch::ALL {
        let name = format!("faults of two threads scale as a loop does, {arch}");
        measure(arch)?.report(&name, &mut counts);
    }
    Ok(counts)
}

fn measure(arch: Arch) -> Result<Fate, Failure> {
    let machine = machine(arch, smp::MEMORY, CPUS, Clock::Host)?;
    let command = format!("smpbench 1 {LOOP} {FAULTS}");
    let mut text = String::new();
    for _ in 0..ROUNDS {
        match boot::run(&machine, Flavor::Release, &command, LIMIT) {
            Ok(said) => text.push_str(&said.text),
            // A kernel that dies fails the test; Ctrl-C and a failed build end everything.
            Err(failure) if [MACHINE_FAILED, 1].contains(&failure.code()) => {
                return Ok(Fate::Failed(failure.to_string(), text));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(match rounds::read(&text, CPUS) {
        Ok(rounds) => judge(&rounds, text),
        Err(why) => Fate::Failed(why, text),
    })
}

fn judge(rounds: &[Rounds], printed: String) -> Fate {
    let find = |name| rounds.iter().find(|rounds| rounds.name == name);
    let figures = find(LOOP).zip(find(FAULTS)).and_then(|(of_loop, faults)| {
        let speedups = of_loop.speedup().zip(faults.speedup())?;
        Some((speedups, faults.share_of(of_loop)?))
    });
    let Some(((of_loop, faults), share)) = figures else {
        return Fate::Failed("a benchmark is missing".into(), printed);
    };
    let figure = format!(
        "{} of the loop's gain; faults {}, the loop {}",
        shown(share),
        shown(faults),
        shown(of_loop)
    );
    if of_loop.median < FREE_HOST {
        Fate::Skipped(format!(
            "the loop itself gains less than {FREE_HOST}: {figure}"
        ))
    } else if share.median < SHARE {
        Fate::Failed(format!("less than {SHARE}: {figure}"), printed)
    } else {
        Fate::Passed(Some(figure))
    }
}

fn shown(speedup: Spread) -> String {
    let Spread { min, median, max } = speedup;
    format!("{median:.2} ({min:.2} – {max:.2})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(of_loop: f64, faults: f64) -> Fate {
        let rounds = |name: &str, speedup: f64| Rounds {
            name: name.into(),
            one: vec![10.0; 5],
            all: vec![10.0, 1000.0, 10.0 * speedup, 10.0 * speedup, 10.0 * speedup],
        };
        let both = [rounds(LOOP, of_loop), rounds(FAULTS, faults)];
        judge(&both, String::new())
    }

    #[test]
    fn faults_need_four_fifths_of_the_loop_s_gain() {
        assert!(matches!(fate(1.9, 1.53), Fate::Passed(Some(_))));
        assert!(matches!(fate(1.9, 1.51), Fate::Failed(..)));
        assert!(matches!(fate(1.6, 1.2), Fate::Failed(..)));
    }

    #[test]
    fn a_busy_host_is_told_with_the_figure() {
        let Fate::Skipped(why) = fate(1.59, 1.0) else {
            panic!("judged");
        };
        assert!(
            why.contains("faults 1.00") && why.contains("the loop 1.59"),
            "{why}"
        );
        // Not even faults that gain more are taken as proof.
        assert!(matches!(fate(1.59, 1.9), Fate::Skipped(_)));
    }

    #[test]
    fn a_missing_benchmark_fails() {
        assert!(matches!(judge(&[], String::new()), Fate::Failed(..)));
    }
}
