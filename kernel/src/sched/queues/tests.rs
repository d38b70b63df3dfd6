//! The books against plain models.

use super::*;
use std::boxed::Box;
use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

mod cpus;

fn running(queues: &mut Queues, priority: u8) -> ThreadId {
    queues.add(Priority(priority), State::Running).unwrap()
}

#[test]
fn the_most_important_runs_first_and_equals_take_turns() {
    let mut queues = Box::new(Queues::new());
    let ids: Vec<_> = [31, 81, 31, 0]
        .iter()
        .map(|&p| running(&mut queues, p))
        .collect();
    for &id in &ids {
        queues.requeue(id, Place::Back);
    }
    let order: Vec<_> = core::iter::from_fn(|| queues.pick(0)).collect();
    assert_eq!(order, [ids[1], ids[0], ids[2], ids[3]]);
    assert_eq!(queues.best(0), None);
}

#[test]
fn ready_are_those_that_run_or_could() {
    let mut queues = Box::new(Queues::new());
    running(&mut queues, 0);
    let ids: Vec<_> = (0..4).map(|_| running(&mut queues, 31)).collect();
    assert_eq!(queues.ready_count(), 4);
    queues.requeue(ids[0], Place::Back);
    queues.assert_wait(ids[1], 7, None, Interruptible::No);
    assert_eq!(queues.ready_count(), 4, "about to sleep is not asleep");
    assert!(queues.sleep(ids[1]));
    queues.kill(ids[2]);
    assert_eq!(queues.ready_count(), 2);
}

#[test]
fn a_preempted_thread_keeps_its_turn() {
    let mut queues = Box::new(Queues::new());
    let first = running(&mut queues, 31);
    let second = running(&mut queues, 31);
    queues.requeue(second, Place::Back);
    queues.requeue(first, Place::Front);
    assert_eq!(queues.pick(0), Some(first));
}

#[test]
fn a_wakeup_before_sleep_is_not_lost() {
    let mut queues = Box::new(Queues::new());
    let id = running(&mut queues, 31);
    queues.assert_wait(id, 7, Some(100), Interruptible::Yes);
    assert_eq!(queues.wakeup(7), None);
    assert!(!queues.sleep(id));
    assert_eq!(
        (queues.state(id), queues.result(id)),
        (State::Running, WaitResult::Woken)
    );
    assert_eq!(queues.next_deadline(), None);
}

#[test]
fn a_wakeup_reaches_all_waiters_of_its_event_and_no_other() {
    let mut queues = Box::new(Queues::new());
    let ids: Vec<_> = (0..600).map(|_| running(&mut queues, 31)).collect();
    for (index, &id) in ids.iter().enumerate() {
        queues.assert_wait(id, index % 3, None, Interruptible::No);
        assert!(queues.sleep(id));
    }
    assert_eq!(queues.wakeup(1), Some(Priority(31)));
    for (index, &id) in ids.iter().enumerate() {
        let expected = if index % 3 == 1 {
            State::Runnable
        } else {
            State::Waiting
        };
        assert_eq!(queues.state(id), expected);
    }
}

#[test]
fn signals_end_only_waits_that_allow_it() {
    let mut queues = Box::new(Queues::new());
    let deaf = running(&mut queues, 31);
    let alert = running(&mut queues, 31);
    queues.assert_wait(deaf, 1, None, Interruptible::No);
    queues.assert_wait(alert, 1, None, Interruptible::Yes);
    assert!(queues.sleep(deaf) && queues.sleep(alert));
    assert_eq!(queues.interrupt(deaf), None);
    assert_eq!(queues.interrupt(alert), Some(Priority(31)));
    assert_eq!(queues.result(alert), WaitResult::Interrupted);
    assert_eq!(queues.state(deaf), State::Waiting);
}

#[test]
fn busy_threads_sink_and_rise_again_when_they_wait() {
    let mut queues = Box::new(Queues::new());
    let id = running(&mut queues, 31);
    for _ in 0..10 {
        queues.sink(id);
    }
    assert_eq!(queues.priority(id), Priority::USER_LOWEST);
    queues.assert_wait(id, 1, None, Interruptible::No);
    queues.sleep(id);
    queues.wakeup(1);
    assert_eq!(queues.priority(id), Priority::USER);
    let kernel = running(&mut queues, 81);
    queues.sink(kernel);
    assert_eq!(queues.priority(kernel), Priority::KERNEL);
}

#[test]
fn the_table_fills_and_empties() {
    let mut queues = Box::new(Queues::new());
    let ids: Vec<_> = (0..MAXIMUM_THREADS)
        .map(|_| running(&mut queues, 1))
        .collect();
    assert_eq!(queues.add(Priority(1), State::Running), None);
    queues.kill(ids[77]);
    queues.remove(ids[77]);
    assert_eq!(queues.add(Priority(1), State::Running), Some(ids[77]));
}

/// Random operations against queues made of the standard library's collections.
#[test]
fn random_operations_agree_with_the_model() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Waiter {
        event: usize,
        deadline: u64,
    }
    let mut queues = Box::new(Queues::new());
    let ids: Vec<_> = (0..50)
        .map(|index| running(&mut queues, 20 + index % 4))
        .collect();
    let mut run: BTreeMap<u8, VecDeque<u16>> = BTreeMap::new();
    let mut wait: BTreeMap<u16, Waiter> = BTreeMap::new();
    let mut on_cpu: Vec<ThreadId> = ids.clone();
    let mut seed = 99u64;
    let mut random = move |below: u64| {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    let mut now = 0;
    let wake = |wait: &mut BTreeMap<u16, Waiter>,
                run: &mut BTreeMap<u8, VecDeque<u16>>,
                queues: &Queues,
                gone: &dyn Fn(&Waiter) -> bool| {
        let woken: Vec<u16> = wait
            .iter()
            .filter(|(_, waiter)| gone(waiter))
            .map(|(&id, _)| id)
            .collect();
        for id in woken {
            wait.remove(&id);
            // The order among threads woken together is the wait queue's or the heap's.
            run.entry(queues.priority(ThreadId(id)).0)
                .or_default()
                .push_back(id);
        }
    };
    for _ in 0..20_000 {
        match random(5) {
            0 | 1 if !on_cpu.is_empty() => {
                let id = on_cpu.swap_remove(random(on_cpu.len() as u64) as usize);
                if random(2) == 0 {
                    queues.requeue(id, Place::Back);
                    run.entry(queues.priority(id).0)
                        .or_default()
                        .push_back(id.0);
                } else {
                    let waiter = Waiter {
                        event: random(6) as usize,
                        deadline: now + random(50),
                    };
                    queues.assert_wait(id, waiter.event, Some(waiter.deadline), Interruptible::No);
                    assert!(queues.sleep(id));
                    wait.insert(id.0, waiter);
                }
            }
            2 => {
                let picked = queues.pick(0);
                let expected = run
                    .iter()
                    .rev()
                    .find(|(_, list)| !list.is_empty())
                    .map(|(&p, _)| p);
                assert_eq!(picked.map(|id| queues.priority(id).0), expected);
                if let Some(id) = picked {
                    let list = run.get_mut(&expected.unwrap()).unwrap();
                    let place = list.iter().position(|&other| other == id.0).unwrap();
                    list.remove(place);
                    on_cpu.push(id);
                }
            }
            3 => {
                let event = random(6) as usize;
                queues.wakeup(event);
                wake(&mut wait, &mut run, &queues, &|waiter| {
                    waiter.event == event
                });
            }
            _ => {
                now += random(20);
                queues.expire(now);
                wake(&mut wait, &mut run, &queues, &|waiter| {
                    waiter.deadline <= now
                });
            }
        }
        assert_eq!(
            queues.next_deadline(),
            wait.values().map(|waiter| waiter.deadline).min()
        );
        for id in &ids {
            let expected = if on_cpu.contains(id) {
                State::Running
            } else if wait.contains_key(&id.0) {
                State::Waiting
            } else {
                State::Runnable
            };
            assert_eq!(queues.state(*id), expected);
        }
    }
}
