//! Threads that wait, wake, preempt and take turns.

use super::rig::{Rig, sleep};
use super::threads::{on_one_cpu, with_as_many, with_threads};
use super::{Outcome, Unmet, check, same, tests};
use crate::platform::Machine;
use crate::sched::queues::{Interruptible, MAXIMUM_THREADS, Priority, WaitResult};
use crate::sched::run;
use crate::shared::NoMemory;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use sync::{Rank, SleepRwLock};

tests!("sched":
    a_more_important_thread_runs_at_once,
    a_less_important_thread_waits,
    equals_take_turns_without_yielding,
    a_wakeup_before_the_sleep_is_not_lost,
    a_wait_ends_at_its_deadline_and_not_before,
    deadlines_come_in_their_order,
    a_baton_goes_round,
    four_hundred_threads_end,
    readers_and_writers_of_a_sleeping_lock,
    threads_run_out_as_an_error,
);

const MILLISECOND: u64 = 1_000_000;

fn event<T>(of: &T) -> usize {
    core::ptr::from_ref(of) as usize
}

fn a_more_important_thread_runs_at_once(_: &mut Rig<'_>) -> Outcome {
    on_one_cpu(a_more_important_thread_runs_at_once_here)
}

fn a_more_important_thread_runs_at_once_here() -> Outcome {
    let ran = AtomicBool::new(false);
    with_threads(
        &ran,
        1,
        Priority::KERNEL,
        |ran, _| ran.store(true, SeqCst),
        || {
            // `start` returns only after the other one has run.
            check!(ran.load(SeqCst));
            Ok(())
        },
    )?;
    // The same when it is woken.
    let woken = AtomicBool::new(false);
    let waiting = |woken: &AtomicBool, _| {
        run::assert_wait(event(woken), None, Interruptible::No);
        run::block();
        woken.store(true, SeqCst);
    };
    with_threads(&woken, 1, Priority::KERNEL, waiting, || {
        check!(!woken.load(SeqCst));
        run::wakeup(event(&woken));
        check!(woken.load(SeqCst));
        Ok(())
    })
}

fn a_less_important_thread_waits(_: &mut Rig<'_>) -> Outcome {
    on_one_cpu(a_less_important_thread_waits_here)
}

fn a_less_important_thread_waits_here() -> Outcome {
    let ran = AtomicBool::new(false);
    with_threads(
        &ran,
        1,
        Priority(5),
        |ran, _| ran.store(true, SeqCst),
        || {
            let until = arch::timer::now() + 40 * MILLISECOND;
            while arch::timer::now() < until {
                check!(!ran.load(SeqCst));
                run::yield_now();
            }
            // On a busy host a sleep may be over before it has begun.
            for _ in 0..1000 {
                sleep(MILLISECOND);
                if ran.load(SeqCst) {
                    return Ok(());
                }
            }
            Err(Unmet::failed("it never ran, though nobody else wanted to"))
        },
    )
}

#[derive(Default)]
struct Busy {
    stop: AtomicBool,
    rounds: [AtomicU64; 4],
}

fn equals_take_turns_without_yielding(_: &mut Rig<'_>) -> Outcome {
    on_one_cpu(equals_take_turns_without_yielding_here)
}

fn equals_take_turns_without_yielding_here() -> Outcome {
    let busy = Busy::default();
    let work = |busy: &Busy, index: usize| {
        while !busy.stop.load(SeqCst) {
            busy.rounds[index].fetch_add(1, SeqCst);
        }
    };
    with_threads(&busy, 4, Priority::USER, work, || {
        // Each turn is at most 10 ms, and they were all runnable: in 400 ms everybody had several.
        sleep(400 * MILLISECOND);
        busy.stop.store(true, SeqCst);
        let rounds = [0, 1, 2, 3].map(|index| busy.rounds[index].load(SeqCst));
        let (least, most) = (rounds.iter().min(), rounds.iter().max());
        check!(least > Some(&0), "somebody never ran: {rounds:?}");
        check!(
            most < least.map(|least| least * 20).as_ref(),
            "unfair: {rounds:?}"
        );
        Ok(())
    })
}

fn a_wakeup_before_the_sleep_is_not_lost(_: &mut Rig<'_>) -> Outcome {
    let place = 0u8;
    for _ in 0..100 {
        run::assert_wait(event(&place), None, Interruptible::No);
        run::wakeup(event(&place));
        run::block();
        run::assert_wait(event(&place), None, Interruptible::No);
        run::clear_wait();
    }
    Ok(())
}

fn a_wait_ends_at_its_deadline_and_not_before(rig: &mut Rig<'_>) -> Outcome {
    let place = 0u8;
    for _ in 0..20 {
        let wanted = rig.below(4 * MILLISECOND);
        let began = arch::timer::now();
        let result = run::wait(event(&place), (), Some(began + wanted), Interruptible::Yes);
        let took = arch::timer::now() - began;
        same!(result, WaitResult::TimedOut);
        check!(took >= wanted, "woke {} ns early", wanted - took);
    }
    // One that is over already.
    let result = run::wait(event(&place), (), Some(1), Interruptible::No);
    same!(result, WaitResult::TimedOut);
    Ok(())
}

struct Race {
    begin: u64,
    deadlines: [u64; 32],
    order: [AtomicUsize; 32],
    arrived: AtomicUsize,
    /// Somebody began to wait after the first deadline: the host was busy, and nothing is said.
    late: AtomicBool,
}

fn deadlines_come_in_their_order(rig: &mut Rig<'_>) -> Outcome {
    on_one_cpu(|| deadlines_come_in_their_order_here(rig))
}

fn deadlines_come_in_their_order_here(rig: &mut Rig<'_>) -> Outcome {
    let mut slots = [0u64; 32];
    for (index, slot) in slots.iter_mut().enumerate() {
        *slot = index as u64;
    }
    for index in (1..32).rev() {
        slots.swap(index, rig.below(index as u64 + 1) as usize);
    }
    let work = |race: &Race, index: usize| {
        let deadline = Some(race.deadlines[index]);
        run::assert_wait(event(&race.order[index]), deadline, Interruptible::No);
        if arch::timer::now() >= race.begin {
            race.late.store(true, SeqCst);
        }
        run::block();
        let place = race.arrived.fetch_add(1, SeqCst);
        race.order[place].store(index, SeqCst);
    };
    for margin in [50, 200, 800, 3200] {
        let begin = arch::timer::now() + margin * MILLISECOND;
        let race = Race {
            begin,
            deadlines: slots.map(|slot| begin + slot * 3 * MILLISECOND),
            order: [const { AtomicUsize::new(0) }; 32],
            arrived: AtomicUsize::new(0),
            late: AtomicBool::new(false),
        };
        with_threads(&race, 32, Priority::KERNEL, work, || Ok(()))?;
        if race.late.load(SeqCst) {
            continue;
        }
        let deadlines = race
            .order
            .iter()
            .map(|index| race.deadlines[index.load(SeqCst)]);
        let seen: Vec<u64> = deadlines.collect();
        check!(seen.is_sorted(), "the order is {:?}", race.order);
        return Ok(());
    }
    Err(Unmet::skipped(
        "32 threads take more than 3 s to start here",
    ))
}

struct Baton {
    at: AtomicUsize,
    lock: SleepRwLock<Machine, TestRank, ()>,
}

struct TestRank;
impl Rank for TestRank {
    const RANK: u8 = 1;
    const NAME: &'static str = "test";
}

const RUNNERS: usize = 16;
const ROUNDS: usize = 50;

fn a_baton_goes_round(_: &mut Rig<'_>) -> Outcome {
    let baton = Baton {
        at: AtomicUsize::new(0),
        lock: SleepRwLock::new(()),
    };
    let work = |baton: &Baton, index: usize| {
        for round in 0..ROUNDS {
            let turn = round * RUNNERS + index;
            loop {
                run::assert_wait(event(&baton.at), None, Interruptible::No);
                if baton.at.load(SeqCst) == turn {
                    run::clear_wait();
                    break;
                }
                run::block();
            }
            baton.at.fetch_add(1, SeqCst);
            run::wakeup(event(&baton.at));
        }
    };
    with_threads(&baton, RUNNERS, Priority::USER, work, || Ok(()))?;
    same!(baton.at.load(SeqCst), RUNNERS * ROUNDS);
    Ok(())
}

fn four_hundred_threads_end(_: &mut Rig<'_>) -> Outcome {
    let count = AtomicUsize::new(0);
    let work = |count: &AtomicUsize, index: usize| {
        for _ in 0..5 {
            count.fetch_add(1, SeqCst);
            if index.is_multiple_of(3) {
                sleep(MILLISECOND);
            } else {
                run::yield_now();
            }
        }
    };
    with_threads(&count, 400, Priority::USER, work, || Ok(()))?;
    same!(count.load(SeqCst), 2000);
    Ok(())
}

fn readers_and_writers_of_a_sleeping_lock(_: &mut Rig<'_>) -> Outcome {
    let baton = Baton {
        at: AtomicUsize::new(0),
        lock: SleepRwLock::new(()),
    };
    // A writer makes the number odd, sleeps, and makes it even again: nobody else may see it odd.
    static ODD: AtomicUsize = AtomicUsize::new(0);
    ODD.store(0, SeqCst);
    let work = |baton: &Baton, index: usize| {
        for _ in 0..10 {
            if index.is_multiple_of(4) {
                let _guard = baton.lock.write();
                baton.at.fetch_add(1, SeqCst);
                sleep(MILLISECOND / 4);
                baton.at.fetch_add(1, SeqCst);
            } else {
                let _guard = baton.lock.read();
                ODD.fetch_add(baton.at.load(SeqCst) % 2, SeqCst);
                run::yield_now();
                ODD.fetch_add(baton.at.load(SeqCst) % 2, SeqCst);
            }
        }
    };
    with_threads(&baton, 12, Priority::USER, work, || Ok(()))?;
    same!(ODD.load(SeqCst), 0);
    same!(baton.at.load(SeqCst), 3 * 10 * 2);
    Ok(())
}

fn threads_run_out_as_an_error(_: &mut Rig<'_>) -> Outcome {
    // More threads than there are numbers, or than memory has stacks.
    let go = AtomicBool::new(false);
    let work = |go: &AtomicBool, _| loop {
        run::assert_wait(event(go), None, Interruptible::No);
        if go.load(SeqCst) {
            run::clear_wait();
            return;
        }
        run::block();
    };
    with_as_many(
        &go,
        MAXIMUM_THREADS,
        Priority::USER,
        work,
        |count, started| {
            go.store(true, SeqCst);
            run::wakeup(event(&go));
            same!(started, Err(NoMemory));
            check!(count > 100, "only {count} threads");
            Ok(())
        },
    )
}
