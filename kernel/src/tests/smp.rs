//! Several CPUs: all of them run threads, at once.

use super::rig::Rig;
use super::threads::{with_bound_threads, with_threads};
use super::{Outcome, Unmet, check, same, tests};
use crate::platform::Machine;
use crate::sched::queues::{Interruptible, Priority};
use crate::sched::run;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use sync::NoPreempt;

tests!("smp":
    a_bound_thread_runs_on_its_cpu,
    as_many_threads_run_at_once_as_there_are_cpus,
    a_baton_goes_round_the_cpus,
    a_busy_cpu_is_called_for_a_more_important_thread,
    no_busy_thread_keeps_its_cpu,
);

const SECOND: u64 = 1_000_000_000;

/// How many CPUs there are, if several.
fn several() -> Outcome<usize> {
    match run::cpu_count() {
        0 | 1 => Err(Unmet::skipped("there is one CPU (--smp 2 or more)")),
        count => Ok(count),
    }
}

fn here() -> usize {
    NoPreempt::<Machine>::new().cpu()
}

fn event<T>(of: &T) -> usize {
    core::ptr::from_ref(of) as usize
}

fn a_bound_thread_runs_on_its_cpu(_: &mut Rig<'_>) -> Outcome {
    let count = several()?;
    let strayed = AtomicUsize::new(0);
    let work = |strayed: &AtomicUsize, index: usize| {
        for _ in 0..200 {
            if here() != index {
                strayed.fetch_add(1, SeqCst);
            }
            run::yield_now();
        }
    };
    with_bound_threads(&strayed, count, Priority::USER, work, || Ok(()))?;
    same!(strayed.load(SeqCst), 0);
    Ok(())
}

#[derive(Default)]
struct Meeting {
    arrived: AtomicUsize,
    wanted: AtomicUsize,
    missed: AtomicBool,
}

/// Nobody yields: they meet only if each has a CPU of its own.
fn as_many_threads_run_at_once_as_there_are_cpus(_: &mut Rig<'_>) -> Outcome {
    let count = several()?;
    let meeting = Meeting::default();
    // The calling thread sleeps meanwhile.
    meeting.wanted.store(count, SeqCst);
    let work = |meeting: &Meeting, _| {
        meeting.arrived.fetch_add(1, SeqCst);
        let patience = arch::timer::now() + 10 * SECOND;
        let _stay = NoPreempt::<Machine>::new();
        while meeting.arrived.load(SeqCst) < meeting.wanted.load(SeqCst) {
            if arch::timer::now() > patience {
                meeting.missed.store(true, SeqCst);
                return;
            }
            arch::cpu::relax();
        }
    };
    with_threads(&meeting, count, Priority::USER, work, || Ok(()))?;
    check!(
        !meeting.missed.load(SeqCst),
        "{} of {count} met",
        meeting.arrived.load(SeqCst)
    );
    Ok(())
}

struct Round {
    at: AtomicUsize,
    count: usize,
}

/// Each thread wakes one on another CPU and sleeps: no wakeup is lost on the way.
fn a_baton_goes_round_the_cpus(_: &mut Rig<'_>) -> Outcome {
    const ROUNDS: usize = 2000;
    let count = several()?;
    let round = Round {
        at: AtomicUsize::new(0),
        count,
    };
    let work = |round: &Round, index: usize| {
        loop {
            run::assert_wait(event(round), None, Interruptible::No);
            let at = round.at.load(SeqCst);
            if at >= ROUNDS {
                run::clear_wait();
                return;
            }
            if at % round.count == index {
                run::clear_wait();
                round.at.store(at + 1, SeqCst);
                run::wakeup(event(round));
            } else {
                run::block();
            }
        }
    };
    with_bound_threads(&round, count, Priority::USER, work, || Ok(()))?;
    check!(
        round.at.load(SeqCst) >= ROUNDS,
        "{} of {ROUNDS}",
        round.at.load(SeqCst)
    );
    Ok(())
}

#[derive(Default)]
struct Call {
    busy: AtomicUsize,
    ran: AtomicU64,
    stop: AtomicBool,
}

/// All CPUs spin in threads; one that is more important and bound to the last CPU runs there before any turn
/// is over.
fn a_busy_cpu_is_called_for_a_more_important_thread(_: &mut Rig<'_>) -> Outcome {
    let count = several()?;
    let call = Call::default();
    let spin = |call: &Call, _| {
        call.busy.fetch_add(1, SeqCst);
        while !call.stop.load(SeqCst) {
            arch::cpu::relax();
        }
    };
    let important = |call: &Call, index: usize| {
        call.ran.fetch_or(1 << index, SeqCst);
    };
    with_bound_threads(&call, count, Priority::USER, spin, || {
        let patience = arch::timer::now() + 10 * SECOND;
        while call.busy.load(SeqCst) < count && arch::timer::now() < patience {
            run::yield_now();
        }
        let outcome = with_bound_threads(&call, count, Priority::KERNEL, important, || Ok(()));
        let ran = call.ran.load(SeqCst);
        call.stop.store(true, SeqCst);
        outcome?;
        // They were joined while everybody spun.
        same!(ran, (1 << count) - 1);
        Ok(())
    })
}

struct Crowd {
    /// Threads that have lost their CPU often enough.
    done: AtomicUsize,
    count: usize,
}

/// One busy thread more than CPUs: each of them loses its CPU again and again, also who took one that was idle.
fn no_busy_thread_keeps_its_cpu(_: &mut Rig<'_>) -> Outcome {
    const TURNS: u64 = 4;
    let crowd = Crowd {
        done: AtomicUsize::new(0),
        count: several()? + 1,
    };
    let work = |crowd: &Crowd, _| {
        let patience = arch::timer::now() + 10 * SECOND;
        let mut counted = false;
        while crowd.done.load(SeqCst) < crowd.count {
            if !counted && run::current().switches() >= TURNS {
                counted = true;
                crowd.done.fetch_add(1, SeqCst);
            }
            if arch::timer::now() > patience {
                return;
            }
            arch::cpu::relax();
        }
    };
    with_threads(&crowd, crowd.count, Priority::USER, work, || Ok(()))?;
    let done = crowd.done.load(SeqCst);
    check!(
        done == crowd.count,
        "{done} of {} gave way {TURNS} times",
        crowd.count
    );
    Ok(())
}
