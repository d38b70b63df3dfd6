//! Several CPUs: who is called, who takes whom.

use super::*;

fn with_cpus(count: usize) -> (Box<Queues>, Vec<ThreadId>) {
    let mut queues = Box::new(Queues::new());
    let idle = (0..count)
        .map(|cpu| {
            let id = running(&mut queues, Priority::IDLE.0);
            queues.adopt(cpu, id);
            queues.come_up(cpu);
            id
        })
        .collect();
    (queues, idle)
}

fn ready(queues: &mut Queues, priority: u8) -> ThreadId {
    let id = queues.add(Priority(priority), State::Dead).unwrap();
    queues.start(id);
    id
}

#[test]
fn each_idle_cpu_is_called_once() {
    let (mut queues, _) = with_cpus(3);
    for _ in 0..3 {
        ready(&mut queues, 31);
    }
    assert_eq!(queues.take_calls(), CpuSet(0b111));
    // All are spoken for: equals wait.
    ready(&mut queues, 31);
    assert_eq!(queues.take_calls(), CpuSet(0));
    // A more important one calls a CPU all the same.
    ready(&mut queues, 81);
    assert_eq!(queues.take_calls().count(), 1);
}

#[test]
fn a_cpu_that_heard_its_call_in_vain_is_called_again() {
    let (mut queues, idle) = with_cpus(2);
    let first = ready(&mut queues, 31);
    let called = queues.take_calls().iter().next().unwrap();
    // The other one was faster.
    assert_eq!(queues.pick(1 - called), Some(first));
    queues.stay(idle[called]);
    ready(&mut queues, 31);
    assert_eq!(queues.take_calls(), CpuSet(1 << called));
}

#[test]
fn the_least_important_is_interrupted() {
    let (mut queues, _) = with_cpus(2);
    let important = ready(&mut queues, 40);
    assert_eq!(queues.pick(0), Some(important));
    let humble = ready(&mut queues, 20);
    assert_eq!(queues.pick(1), Some(humble));
    queues.take_calls();
    ready(&mut queues, 31);
    assert_eq!(queues.take_calls(), CpuSet(0b10));
    // Whoever sank is the least important from then on.
    assert_eq!(
        (queues.cpu_of(important), queues.cpu_of(humble)),
        (Some(0), Some(1))
    );
}

#[test]
fn a_woken_thread_calls_its_last_cpu_if_that_is_idle() {
    let (mut queues, _) = with_cpus(4);
    let id = ready(&mut queues, 31);
    queues.take_calls();
    assert_eq!(queues.pick(2), Some(id));
    queues.assert_wait(id, 7, None, Interruptible::No);
    assert!(queues.sleep(id));
    assert_eq!(queues.pick(2), None);
    for cpu in [0, 1, 3] {
        assert_eq!(queues.pick(cpu), None);
    }
    queues.wakeup(7);
    assert_eq!(queues.take_calls(), CpuSet(0b100));
}

#[test]
fn a_bound_thread_runs_on_its_cpu_only() {
    let (mut queues, _) = with_cpus(2);
    let id = queues.add(Priority(31), State::Dead).unwrap();
    queues.bind(id, Some(1));
    queues.start(id);
    assert_eq!(queues.take_calls(), CpuSet(0b10));
    assert_eq!((queues.best(0), queues.pick(0)), (None, None));
    assert_eq!(queues.pick(1), Some(id));
    queues.bind(id, None);
    queues.requeue(id, Place::Back);
    assert_eq!(queues.pick(0), Some(id));
}

#[test]
fn bound_and_free_threads_take_turns() {
    let (mut queues, _) = with_cpus(1);
    let bound = queues.add(Priority(31), State::Dead).unwrap();
    queues.bind(bound, Some(0));
    queues.start(bound);
    let free = ready(&mut queues, 31);
    for round in 0..6 {
        let picked = queues.pick(0).unwrap();
        assert_eq!(picked, if round % 2 == 0 { bound } else { free });
        queues.requeue(picked, Place::Back);
    }
}

#[test]
fn a_cpu_prefers_what_it_ran_but_passes_nobody_over_for_ever() {
    let (mut queues, _) = with_cpus(2);
    let [mine, other] = [0, 1].map(|cpu| {
        let id = ready(&mut queues, 31);
        assert_eq!(queues.pick(cpu), Some(id));
        id
    });
    queues.requeue(other, Place::Back);
    queues.requeue(mine, Place::Back);
    // `other` is in front, and CPU 1 never comes.
    let mut passed = 0;
    loop {
        let picked = queues.pick(0).unwrap();
        if picked == other {
            break;
        }
        passed += 1;
        assert_eq!(picked, mine);
        queues.requeue(picked, Place::Back);
    }
    assert_eq!(passed, 2);
}
