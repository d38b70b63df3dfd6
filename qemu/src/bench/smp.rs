//! `bench smp`: what several CPUs gain in wall time, and what one CPU pays for it in instructions.
//!
//! Owns: which machines boot, the tables. Does not own: the benchmarks (`user/bench`), their lines (`rounds`,
//! `locks`), the figures of first light (`first_light`).
//! Only ratios within one boot are claimed: the host's other work is in every figure.

use super::rounds::{LOOP, ROUNDS, Rounds, Spread};
use super::{boot, first_light, locks, machine, rounds, shown, write_json};
use crate::build::kernel::Flavor;
use crate::cli::BenchOptions;
use crate::failure::Failure;
use crate::machine::{Arch, Clock};
use serde_json::{Value, json};
use std::time::Duration;

/// What `bench` is asked for.
pub const NAME: &str = "smp";
/// Machines are booted with so many CPUs.
const CPUS: [u32; 3] = [1, 2, 4];
/// RAM: half of it is what all workers together fault on.
pub const MEMORY: &str = "1G";
/// One boot, on a host that has other work.
const LIMIT: Duration = Duration::from_secs(900);

/// Runs the command; the result is its exit code.
pub fn run(options: &BenchOptions) -> Result<u8, Failure> {
    let mut all = Vec::new();
    for arch in Arch::ALL {
        if options.arch.is_some_and(|asked| asked != arch) {
            continue;
        }
        for cpus in CPUS {
            all.extend(measure(arch, cpus, options)?);
        }
        // A kernel that counts its locks is another one than first light's.
        if arch == Arch::X86_64 && !options.locks {
            all.extend(first_light::compare()?);
        }
    }
    if let Some(path) = &options.json {
        write_json(path, &all)?;
    }
    Ok(0)
}

/// Boots one machine, prints its tables; as values of the JSON file.
fn measure(arch: Arch, cpus: u32, options: &BenchOptions) -> Result<Vec<Value>, Failure> {
    let flavor = if options.locks {
        Flavor::Locks
    } else {
        Flavor::Release
    };
    let machine = machine(arch, MEMORY, cpus, Clock::Host)?;
    let said = boot::run(&machine, flavor, "smpbench", LIMIT)?;
    let rounds = rounds::read(&said.text, cpus)
        .map_err(|why| Failure::plain(format_args!("smpbench on {arch}: {why}")))?;
    print_table(arch, cpus, &rounds);
    let mut values: Vec<_> = rounds
        .iter()
        .map(|rounds| {
            json!({
                "machine": arch.name(), "cpus": cpus, "name": rounds.name, "unit": "operations/s",
                "one_worker": rounds.one, "all_workers": rounds.all,
                "speedup": rounds.speedup().map(|speedup| speedup.median),
            })
        })
        .collect();
    if options.locks {
        let locks = locks::read(&said.text);
        if locks.is_empty() {
            return Err(Failure::plain("the kernel counted no locks"));
        }
        println!();
        locks::print(&locks);
        values.extend(locks.iter().map(|lock| lock.json(arch.name(), cpus)));
    }
    Ok(values)
}

fn print_table(arch: Arch, cpus: u32, rounds: &[Rounds]) {
    let plural = if cpus == 1 { "CPU" } else { "CPUs" };
    println!("\n{arch}, {cpus} {plural}, {MEMORY}: operations a second, median of {ROUNDS} rounds");
    let head = format!("{:<24} {:>14}", "operation", "1 worker");
    if cpus == 1 {
        println!("{head}");
    } else {
        let all = format!("{cpus} workers");
        println!(
            "{head} {all:>14} {:>9} (min – max)   of the loop's",
            "speed-up"
        );
    }
    let of_loop = rounds.iter().find(|rounds| rounds.name == LOOP);
    let median =
        |rates: &[f64]| Spread::of(rates).map_or("-".into(), |spread| shown(spread.median));
    for rounds in rounds {
        let head = format!("{:<24} {:>14}", rounds.name, median(&rounds.one));
        let share = of_loop.and_then(|of_loop| rounds.share_of(of_loop));
        match (rounds.speedup(), share) {
            (Some(speedup), Some(share)) => println!(
                "{head} {:>14} {:>9.2} ({:.2} – {:.2}) {:>14.2}",
                median(&rounds.all),
                speedup.median,
                speedup.min,
                speedup.max,
                share.median
            ),
            _ => println!("{head}"),
        }
    }
}
