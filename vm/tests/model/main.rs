//! The model test: random programs on a simulated machine, against a naive reference.
//!
//! | file | what it is |
//! |---|---|
//! | `reference` | what tasks see, said naively |
//! | `verdict` | what calls answer, said naively |
//! | `op` | the operations of a program |
//! | `argument` | the numbers that they are given, at the edges of things too |
//! | `mix` | which of them a random program is made of |
//! | `care` | those about memory that may go, and about limits: both sides |
//! | `system` | the tasks, both sides of each operation, and the comparison of answers |
//! | `ranges` | the same for the calls on a range: allocate, protect, wire … |
//! | `access` | what programs see of their bytes |
//! | `superpage` | memory of which each piece is one run of frames |
//! | `advise` | advice about ranges |
//! | `observe` | what is told of pages and regions |
//! | `library` | a submap that tasks show |
//! | `checks` | what must hold after every operation, and at the end |
//! | `share` | the same for those that move memory between tasks |
//! | `carry` | the same for copies that are on their way |
//! | `file` | the same for files |
//! | `kernel` | the same for the kernel's own memory |
//! | `chains` | what is told of entries' objects |
//! | `run` | programs by seed, shrinking |
//! | `coverage` | what they met, and must have met |
//! | `threads` | several CPUs in one map, by a seeded baton |
//! | `purging` | purges while several CPUs use the memory |
//! | `main` | the tests |

mod access;
mod advise;
mod argument;
mod care;
mod carry;
mod chains;
mod checks;
mod coverage;
mod file;
mod kernel;
mod library;
mod mix;
mod observe;
mod op;
mod purging;
mod random;
mod ranges;
mod reference;
mod run;
mod share;
mod superpage;
mod system;
mod threads;
mod verdict;

use coverage::Coverage;
use op::Op;
use run::{Mix, catch, program, report, run_all, seeds, told};
use system::{Outcome, Setup, System};
use vm::counters::Event;
use vm::vm::WriteExecute;

const ROOMY: Setup = Setup {
    frames: 2000,
    tasks: 7,
    write_execute: WriteExecute::Allowed,
    may_run_short: false,
};
const STRICT: Setup = Setup {
    write_execute: WriteExecute::Refused,
    ..ROOMY
};
const FAMILY: Setup = Setup { tasks: 40, ..ROOMY };
const FEW: Setup = Setup { tasks: 4, ..ROOMY };
const TIGHT: Setup = Setup {
    frames: 70,
    may_run_short: true,
    ..ROOMY
};

/// What the core meets in any mix of operations on one thread at a time.
const USUAL: &[Event] = &[
    Event::VirtualCopy,
    Event::CowFault,
    Event::ZeroFill,
    Event::ZeroRead,
    Event::Shadow,
    Event::Collapse,
    Event::Bypass,
    Event::Clip,
    Event::Coalesce,
    Event::ForkCopy,
    Event::Through,
    Event::Nested,
    Event::CopyUp,
    Event::DelayedCopy,
    Event::Push,
    Event::Purge,
    Event::PurgedPage,
    Event::WillNeed,
    Event::Reusable,
    Event::SharedKill,
    Event::ZeroWired,
    Event::OverUserLimit,
    Event::PageInRequest,
    Event::PageIn,
    Event::SpeculativeHit,
    Event::PageOutRequest,
    Event::PageOut,
];

mod model {
    use super::*;

    /// 300 programs of 500 operations in each page size: 150,000 operations each.
    fn agree<const SHIFT: u32>(test: &str, setup: Setup) {
        let mut coverage = Coverage::default();
        run_all::<SHIFT>(test, setup, (300, 500, Op::random), &mut coverage);
        coverage.require(USUAL);
        coverage.require_nesting(500);
        coverage.require_superpages(200);
        coverage.require_answers();
    }

    #[test]
    fn random_programs_agree_4k() {
        agree::<12>("random_programs_agree_4k", ROOMY);
    }

    #[test]
    fn random_programs_agree_16k() {
        agree::<14>("random_programs_agree_16k", STRICT);
    }

    /// Families of many living tasks: chains get deep and are cut.
    #[test]
    fn families_agree() {
        let mut coverage = Coverage::default();
        let family: Mix = Op::random_of_family;
        run_all::<12>("families_agree", FAMILY, (60, 400, family), &mut coverage);
        run_all::<14>("families_agree", FAMILY, (20, 400, family), &mut coverage);
        coverage.require(&[Event::Flatten, Event::Collapse, Event::Bypass]);
    }

    /// Few tasks that share, fork and end again and again, for thousands of operations.
    #[test]
    fn long_programs_agree() {
        let mut coverage = Coverage::default();
        let few: Mix = Op::random_of_few;
        run_all::<12>("long_programs_agree", FEW, (30, 4000, few), &mut coverage);
        run_all::<14>("long_programs_agree", FEW, (30, 4000, few), &mut coverage);
        coverage.require(&[Event::Collapse, Event::Bypass]);
    }

    /// Memory runs out again and again; what fails leaves no trace.
    #[test]
    fn random_programs_agree_when_memory_is_short() {
        let mut coverage = Coverage::default();
        let test = "random_programs_agree_when_memory_is_short";
        run_all::<12>(test, TIGHT, (60, 500, Op::random), &mut coverage);
        run_all::<14>(test, TIGHT, (20, 500, Op::random), &mut coverage);
        coverage.require(&[
            Event::Shortage,
            Event::Relief,
            Event::Eviction,
            Event::Reactivation,
        ]);
        coverage.require_shortages(20);
    }

    /// Each operation is tried with its first allocation failing, then its second, and so on until it
    /// succeeds; after each failure nothing may have changed.
    fn inject<const SHIFT: u32>(ops: &[Op], failures: &mut u64) -> Result<(), (usize, String)> {
        let mut system = System::<SHIFT>::new(Setup {
            may_run_short: true,
            ..ROOMY
        });
        for (n, op) in ops.iter().enumerate() {
            let result = catch(|| {
                for k in 1.. {
                    let before = system.trace();
                    system.vm.frames().injector().fail_once(k);
                    let outcome = system.step(*op);
                    let fired = !system.vm.frames().injector().disarm();
                    let outcome =
                        outcome.map_err(|what| format!("with allocation {k} failing: {what}"))?;
                    system.check_quick()?;
                    *failures += u64::from(fired);
                    if outcome == Outcome::Agreed {
                        break;
                    }
                    if !fired {
                        return Err(format!(
                            "short of memory, with allocation {k} to fail, which it never made"
                        ));
                    }
                    system
                        .audit()
                        .map_err(|what| format!("after allocation {k} failed: {what}"))?;
                    let more = system.trace().more_than(&before);
                    if op.is_atomic() && !more.is_empty() {
                        return Err(format!("allocation {k} failed and left a trace: {more:?}"));
                    }
                }
                Ok(())
            });
            result.map_err(|what| (n, what))?;
        }
        catch(|| system.finish()).map_err(|what| (ops.len(), what))
    }

    fn inject_all<const SHIFT: u32>(test: &str, runs: u64) {
        const LENGTH: usize = 150;
        let (mut failures, mut steps) = (0, 0);
        for seed in seeds(runs) {
            let ops = program(seed.wrapping_add(1 << 32), LENGTH, Op::random);
            if let Err((at, what)) = inject::<SHIFT>(&ops, &mut failures) {
                report(test, seed, ops, at, what, |ops| {
                    inject::<SHIFT>(ops, &mut 0).err().map(|(_, what)| what)
                });
            }
            steps += LENGTH as u64;
        }
        println!("injected failures: {failures}");
        told::<SHIFT>(test, steps, seeds(runs));
        assert!(
            failures > 20 * runs || std::env::var("VELLUM_SEED").is_ok(),
            "only {failures} failures were injected"
        );
    }

    #[test]
    fn every_failed_allocation_leaves_no_trace_4k() {
        inject_all::<12>("every_failed_allocation_leaves_no_trace_4k", 30);
    }

    #[test]
    fn every_failed_allocation_leaves_no_trace_16k() {
        inject_all::<14>("every_failed_allocation_leaves_no_trace_16k", 30);
    }

    /// Three CPUs in one map at once: every byte is its last writer's, a child keeps the bytes of the
    /// moment at which it was made.
    #[test]
    fn threads_agree() {
        let mut coverage = Coverage::default();
        for seed in seeds(300) {
            threads::run::<12>(seed, &mut coverage);
            threads::run::<14>(seed, &mut coverage);
        }
        coverage.require(&[Event::CowFault, Event::Retry, Event::Through, Event::CopyUp]);
        coverage.require_nesting(1_000);
        assert!(coverage.switches > 1_000, "{coverage:?}");
    }

    /// Three CPUs in purgeable memory at once: nothing old comes back, nothing needed goes.
    #[test]
    fn purges_agree() {
        let mut coverage = Coverage::default();
        for seed in seeds(200) {
            purging::run::<12>(seed, &mut coverage);
            purging::run::<14>(seed, &mut coverage);
        }
        println!("coverage: {coverage:?}");
        let count = |event| coverage.events.iter().find(|(known, _)| *known == event);
        for event in [Event::Purge, Event::PurgedPage, Event::BusyWait] {
            let met = count(event).is_some_and(|(_, count)| *count > 0);
            assert!(
                met || std::env::var("VELLUM_SEED").is_ok(),
                "never met {event:?}"
            );
        }
        assert!(coverage.switches > 1_000, "{coverage:?}");
    }
}
