//! Runs random programs, and shrinks those that fail.
//!
//! `VELLUM_SEED=N` runs the one program of that seed (or those from N on, `VELLUM_RUNS` of them);
//! `VELLUM_SHRINK=0` reports a failure as it is.

use super::coverage::Coverage;
use super::op::Op;
use super::random::Random;
use super::system::{Outcome, Setup, System};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where a program's operations come from.
pub type Mix = fn(&mut Random) -> Op;

/// The operations of a seed.
pub fn program(seed: u64, length: usize, mix: Mix) -> Vec<Op> {
    let mut random = Random::new(seed);
    (0..length).map(|_| mix(&mut random)).collect()
}

/// Runs `ops` on a fresh machine; answers the failing operation's index and what was wrong.
pub fn run<const SHIFT: u32>(
    setup: Setup,
    ops: &[Op],
    coverage: Option<&mut Coverage>,
) -> Result<(), (usize, String)> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut system = System::<SHIFT>::new(setup);
        let mut short = 0;
        for (n, op) in ops.iter().enumerate() {
            let outcome = catch(|| {
                let outcome = system.step(*op)?;
                system.check_quick()?;
                if n % 8 == 7 {
                    system.check_regions(n / 8 % system.tasks.len())?;
                }
                if n % 64 == 63 {
                    system.discard_copy();
                    system.audit()?;
                }
                Ok(outcome)
            });
            short += u64::from(outcome.map_err(|what| (n, what))? == Outcome::Short);
        }
        system.audit().map_err(|what| (ops.len(), what))?;
        if let Some(coverage) = coverage {
            coverage.operations += ops.len() as u64;
            coverage.shortages += short;
            coverage.add(&system);
        }
        catch(|| system.finish()).map_err(|what| (ops.len(), what))
    }));
    result.unwrap_or_else(|_| Err((0, "a panic outside the operations".into())))
}

thread_local! {
    /// This thread shrinks: its panics are not news.
    static QUIET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

fn quiet_hook() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                usual(panic);
            }
        }));
    });
}

/// A panic is a failure like another.
pub fn catch<T>(f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|reason| {
        let text = reason.downcast_ref::<String>().cloned();
        Err(text
            .or_else(|| reason.downcast_ref::<&str>().map(|text| text.to_string()))
            .unwrap_or_else(|| "a panic".into()))
    })
}

/// Makes a failing program smaller: drops pieces of halving length, then simplifies what is left.
pub fn shrink(mut ops: Vec<Op>, fails: impl Fn(&[Op]) -> bool) -> Vec<Op> {
    let mut budget = 3_000;
    let mut piece = ops.len() / 2;
    while piece > 0 && budget > 0 {
        let mut at = 0;
        while at < ops.len() && budget > 0 {
            let mut fewer = ops.clone();
            fewer.drain(at..(at + piece).min(ops.len()));
            budget -= 1;
            if fails(&fewer) {
                ops = fewer;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    for at in 0..ops.len() {
        for simpler in ops[at].simpler() {
            let mut changed = ops.clone();
            changed[at] = simpler;
            budget -= 1;
            if budget > 0 && fails(&changed) {
                ops = changed;
                break;
            }
        }
    }
    ops
}

/// Runs `runs` programs of `length` operations; on a failure shrinks it and panics with the line that
/// repeats it.
pub fn run_all<const SHIFT: u32>(
    test: &str,
    setup: Setup,
    (runs, length, mix): (u64, usize, Mix),
    coverage: &mut Coverage,
) {
    let before = coverage.operations;
    for seed in seeds(runs) {
        let ops = program(seed, length, mix);
        if let Err((at, what)) = run::<SHIFT>(setup, &ops, Some(coverage)) {
            report(test, seed, ops, at, what, |ops| {
                run::<SHIFT>(setup, ops, None).err().map(|(_, what)| what)
            });
        }
    }
    told::<SHIFT>(test, coverage.operations - before, seeds(runs));
}

/// Says how many operations have agreed, in the words that `cargo vellum soak` adds up.
pub fn told<const SHIFT: u32>(test: &str, steps: u64, seeds: std::ops::Range<u64>) {
    println!(
        "model steps: {steps} in pages of {} bytes, {test}, seeds {}..{}",
        1 << SHIFT,
        seeds.start,
        seeds.end
    );
}

/// The seeds to run.
pub fn seeds(runs: u64) -> std::ops::Range<u64> {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    match (number("VELLUM_SEED"), number("VELLUM_RUNS")) {
        (Some(seed), runs) => seed..seed + runs.unwrap_or(1),
        (None, more) => 0..more.unwrap_or(runs),
    }
}

/// Shrinks a failure and panics with it.
pub fn report(
    test: &str,
    seed: u64,
    ops: Vec<Op>,
    at: usize,
    what: String,
    check: impl Fn(&[Op]) -> Option<String>,
) -> ! {
    quiet_hook();
    QUIET.set(true);
    let mut ops = ops;
    ops.truncate(at + 1);
    // The same kind of failure: the first words agree.
    let kind = |what: &str| what.split([' ', ':']).next().map(str::to_string);
    let wanted = kind(&what);
    let shrinks = std::env::var("VELLUM_SHRINK").as_deref() != Ok("0");
    let small = if !shrinks {
        ops
    } else {
        shrink(ops, |ops| {
            check(ops).is_some_and(|what| kind(&what) == wanted)
        })
    };
    let again = check(&small).unwrap_or_else(|| "(did not repeat)".into());
    QUIET.set(false);
    let listing: String = small.iter().map(|op| format!("    {op:?}\n")).collect();
    panic!(
        "seed {seed}, operation {at}: {what}\n  shrunk to {} operations: {again}\n{listing}  repeat: VELLUM_SEED={seed} cargo test -p vm --features sim --test model {test} -- --nocapture",
        small.len()
    );
}
