//! The model test: random programs on a simulated machine, against a naive reference.
//!
//! | file | what it is |
//! |---|---|
//! | `reference` | what tasks see, said naively |
//! | `op` | the operations of a program |
//! | `system` | both sides of each operation, and the comparison |
//! | `run` | programs by seed, shrinking, coverage |
//! | `main` | the tests |

mod op;
mod random;
mod reference;
mod run;
mod system;

use run::{Coverage, catch, program, report, run_all, seeds};
use system::{Outcome, Setup, System};
use vm::counters::Event;
use vm::vm::WriteExecute;

const ROOMY: Setup = Setup {
    frames: 1500,
    write_execute: WriteExecute::Allowed,
    may_run_short: false,
};
const STRICT: Setup = Setup {
    write_execute: WriteExecute::Refused,
    ..ROOMY
};
const TIGHT: Setup = Setup {
    frames: 260,
    may_run_short: true,
    ..ROOMY
};

/// What the core meets in any mix of operations on one thread at a time.
const USUAL: [Event; 9] = [
    Event::CowFault,
    Event::ZeroFill,
    Event::ZeroRead,
    Event::Shadow,
    Event::Collapse,
    Event::Bypass,
    Event::Clip,
    Event::Coalesce,
    Event::ForkCopy,
];

mod model {
    use super::*;

    /// 100 programs of 500 operations per page size: 100,000 in all.
    #[test]
    fn random_programs_agree_4k() {
        let mut coverage = Coverage::default();
        run_all::<12>("random_programs_agree_4k", ROOMY, 100, 500, &mut coverage);
        if std::env::var("VELLUM_SEED").is_err() {
            coverage.require(&USUAL);
        }
    }

    #[test]
    fn random_programs_agree_16k() {
        let mut coverage = Coverage::default();
        run_all::<14>("random_programs_agree_16k", STRICT, 100, 500, &mut coverage);
        if std::env::var("VELLUM_SEED").is_err() {
            coverage.require(&USUAL);
        }
    }

    /// Memory runs out again and again; what fails leaves no trace.
    #[test]
    fn random_programs_agree_when_memory_is_short() {
        let mut coverage = Coverage::default();
        run_all::<12>(
            "random_programs_agree_when_memory_is_short",
            TIGHT,
            40,
            500,
            &mut coverage,
        );
        if std::env::var("VELLUM_SEED").is_err() {
            coverage.require(&[Event::Shortage]);
            assert!(
                coverage.shortages > 20,
                "memory was short only {} times",
                coverage.shortages
            );
        }
    }

    /// Each operation is tried with its first allocation failing, then its second, and so on until it
    /// succeeds; after each failure nothing may have changed.
    fn inject<const SHIFT: u32>(ops: &[op::Op], failures: &mut u64) -> Result<(), (usize, String)> {
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
                    let after = system.trace();
                    if op.is_atomic() && before != after {
                        return Err(format!(
                            "allocation {k} failed and left a trace: before {before:?}, after {after:?}"
                        ));
                    }
                }
                Ok(())
            });
            result.map_err(|what| (n, what))?;
        }
        catch(|| system.finish()).map_err(|what| (ops.len(), what))
    }

    fn inject_all<const SHIFT: u32>(test: &str, runs: u64) {
        let mut failures = 0;
        for seed in seeds(runs) {
            let ops = program(seed.wrapping_add(1 << 32), 150);
            if let Err((at, what)) = inject::<SHIFT>(&ops, &mut failures) {
                report(test, seed, ops, at, what, |ops| {
                    inject::<SHIFT>(ops, &mut 0).err().map(|(_, what)| what)
                });
            }
        }
        println!("injected failures: {failures}");
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
}
