//! The tests that run in the machine.
//!
//! Owns: which tests there are, their order, the records of a test boot (`abi::record`), the judgement of
//! a test that leaks. Does not own: what is leaked (`balance`), programs (`programs`), the host's side
//! (`vellum test`).
//!
//! All tests run on process 1's thread, one after the other. The order and every random number of a test
//! are functions of the boot's seed and the test's name, so one name and one seed repeat it alone. A
//! failed `check!` returns an error; a panic ends the machine, and the host boots it again and goes on
//! with the next test.

#![expect(
    clippy::result_large_err,
    reason = "a failure's text is in the error itself, because the heap is under test"
)]

mod balance;
mod block;
mod copies;
mod exec;
mod fault;
mod files;
mod fork;
mod frames;
mod hardware;
mod kmem;
mod map;
mod nest;
mod pipes;
mod programs;
mod rig;
mod sched;
mod shortage;
mod smp;
mod submap;
mod threads;
mod unmet;
mod zones;

use crate::console::output::{self, Escaped};
use crate::memory::vm;
use crate::random;
use crate::task::Task;
use abi::record::ev;
use alloc::vec::Vec;
use balance::Balance;
use boot::BootInfo;
use core::fmt;
use programs::Program;
use rig::Rig;
use unmet::{Outcome, Unmet, check, same};

/// A test of the kernel's own.
struct Test {
    /// `module::behaviour`.
    name: &'static str,
    run: fn(&mut Rig<'_>) -> Outcome,
}

/// Names a module's tests after its functions.
macro_rules! tests {
    ($module:literal: $($name:ident,)*) => {
        pub(super) static TESTS: &[$crate::tests::Test] = &[$($crate::tests::Test {
            name: concat!($module, "::", stringify!($name)),
            run: $name,
        }),*];
    };
}
use tests;

static MODULES: &[&[Test]] = &[
    block::TESTS,
    copies::TESTS,
    exec::TESTS,
    fault::TESTS,
    files::TESTS,
    fork::TESTS,
    hardware::TESTS,
    kmem::TESTS,
    map::TESTS,
    nest::TESTS,
    pipes::TESTS,
    sched::TESTS,
    shortage::TESTS,
    smp::TESTS,
    submap::TESTS,
    zones::TESTS,
];

/// Something with a name that can be run.
#[derive(Clone, Copy)]
enum Case<'a> {
    Kernel(&'static Test),
    Machine(&'static arch::checks::Check),
    Program(&'a Program),
}

impl Case<'_> {
    fn run(self, rig: &mut Rig<'_>) -> Outcome {
        match self {
            Self::Kernel(test) => (test.run)(rig),
            Self::Machine(check) => (check.run)().map_err(Unmet::failed),
            Self::Program(program) => program.run(rig),
        }
    }
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(test) => f.write_str(test.name),
            Self::Machine(check) => write!(f, "arch::{}", check.name),
            Self::Program(program) => write!(f, "user::{}", program.name()),
        }
    }
}

/// What became of all tests so far.
#[derive(Default)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

/// Runs the tests that the boot arguments choose, on process 1's thread.
pub fn run(task: &Task, info: &BootInfo) {
    let arguments = &info.arguments;
    let seed = arguments.seed.unwrap_or(info.entropy[0]);
    let Ok(programs) = programs::list() else {
        boot::report::fail(format_args!("the tests' programs cannot be listed"));
    };
    let mut cases: Vec<Case<'_>> = MODULES
        .iter()
        .flat_map(|tests| tests.iter())
        .map(Case::Kernel)
        .chain(arch::checks::all().map(Case::Machine))
        .chain(programs.iter().map(Case::Program))
        .filter(|case| match (arguments.isolate, arguments.filter) {
            (Some(name), _) => matches(case, |have| have == name),
            (None, Some(text)) => matches(case, |have| have.contains(text)),
            (None, None) => true,
        })
        .collect();
    cases.sort_by_cached_key(|case| random_of(seed, case));
    let skip = cases.len().min(arguments.skip as usize);
    cases.drain(..skip);
    plan(&cases, seed);
    let mut tally = Tally::default();
    for case in &cases {
        one(task, *case, random_of(seed, case), &mut tally);
    }
    let Tally {
        passed,
        failed,
        skipped,
    } = tally;
    let ran = passed + failed + skipped;
    output::record(
        ev::DONE,
        format_args!(
            ",\"ran\":{ran},\"passed\":{passed},\"failed\":{failed},\"skipped\":{skipped}"
        ),
    );
}

/// Where a test's random numbers begin: the seed, mixed with each byte of the name.
fn random_of(seed: u64, case: &Case<'_>) -> u64 {
    struct Hash(u64);
    impl fmt::Write for Hash {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for byte in text.bytes() {
                self.0 = random::mix(self.0 ^ u64::from(byte));
            }
            Ok(())
        }
    }
    let mut hash = Hash(random::mix(seed));
    // Hashing never fails.
    let _ = fmt::write(&mut hash, format_args!("{case}"));
    hash.0
}

/// Whether a case's name is as wanted.
fn matches(case: &Case<'_>, wanted: impl FnOnce(&str) -> bool) -> bool {
    let mut name = unmet::Text::default();
    // Writing into a `Text` never fails, and no name is as long as one.
    let _ = fmt::write(&mut name, format_args!("{case}"));
    wanted(name.as_str())
}

fn plan(cases: &[Case<'_>], seed: u64) {
    struct Names<'a>(&'a [Case<'a>]);
    impl fmt::Display for Names<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for (index, case) in self.0.iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                write!(f, "{comma}\"{}\"", Escaped(format_args!("{case}")))?;
            }
            Ok(())
        }
    }
    let (count, names) = (cases.len(), Names(cases));
    output::record(
        ev::PLAN,
        format_args!(",\"count\":{count},\"seed\":{seed},\"tests\":[{names}]"),
    );
}

/// Recounts everything; the machine is quiet.
fn audit() -> Outcome {
    crate::pageout::settle();
    match vm().audit() {
        Ok(_) => Ok(()),
        Err(error) => {
            let zones = vm().zone_registry().audit();
            let zones = zones.err();
            let (what, place) = (error.what, error.place);
            Err(Unmet::failed(format_args!(
                "audit: {what} ({place:#x}; zones: {zones:?})"
            )))
        }
    }
}

fn one(task: &Task, case: Case<'_>, state: u64, tally: &mut Tally) {
    random::init([state, 0, 0, 0]);
    output::record(
        ev::START,
        format_args!(",\"test\":\"{}\"", Escaped(format_args!("{case}"))),
    );
    let mut rig = Rig::new(task, state);
    let before = Balance::take();
    let began = arch::timer::now();
    let outcome = case.run(&mut rig);
    let cost = arch::timer::now().saturating_sub(began);
    let left = rig.settle();
    let after = Balance::take();
    let mut outcome = outcome.and(left);
    let audit = audit();
    if outcome.is_ok() {
        outcome = audit.and_then(|()| before.compare(&after));
    } else if let Err(Unmet::Failed(why)) = audit {
        crate::log!("{}", why.as_str());
    }
    let (result, why) = match &outcome {
        Ok(()) => ("ok", ""),
        Err(Unmet::Skipped(why)) => ("skip", why.as_str()),
        Err(Unmet::Failed(why)) => ("fail", why.as_str()),
    };
    match result {
        "ok" => tally.passed += 1,
        "skip" => tally.skipped += 1,
        _ => tally.failed += 1,
    }
    output::record(
        ev::END,
        format_args!(
            ",\"test\":\"{}\",\"result\":\"{result}\",\"why\":\"{}\",\"insns\":{cost},\"pages\":{},\"elems\":{}",
            Escaped(format_args!("{case}")),
            Escaped(format_args!("{why}")),
            after.pages_since(&before),
            after.elements_since(&before),
        ),
    );
}
