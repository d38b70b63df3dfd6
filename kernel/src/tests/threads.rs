//! Kernel threads for tests.
//!
//! Owns: starting some over one shared value, and joining them before it goes. Does not own: what they do.

use super::unmet::Outcome;
use crate::platform::Machine;
use crate::sched::queues::Priority;
use crate::sched::{Thread, Work, run as scheduler};
use crate::shared::{NoMemory, Shared, try_push};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What a thread finds: the shared value, what to do with it, which thread it is.
struct Job<'a, T> {
    shared: &'a T,
    work: fn(&T, usize),
    index: usize,
}

fn begin<T: Sync>(job: usize) {
    // SAFETY: `with_threads` keeps the job until it has joined this thread.
    let job = unsafe { &*(job as *const Job<'_, T>) };
    (job.work)(job.shared, job.index);
}

/// Keeps the calling thread, and the threads that it starts here, on one CPU: for tests of who comes first.
pub fn on_one_cpu<O>(work: impl FnOnce() -> Outcome<O>) -> Outcome<O> {
    let here = sync::NoPreempt::<Machine>::new().cpu();
    scheduler::bind(Some(here));
    let outcome = work();
    scheduler::bind(None);
    outcome
}

/// Runs `work` on so many threads, with their index, and `meanwhile` on the calling one; returns when all
/// have ended. If the calling thread is bound to a CPU, so are they.
pub fn with_threads<T: Sync, O>(
    shared: &T,
    count: usize,
    priority: Priority,
    work: fn(&T, usize),
    meanwhile: impl FnOnce() -> Outcome<O>,
) -> Outcome<O> {
    with_as_many(shared, count, priority, work, |_, started| {
        started?;
        meanwhile()
    })
}

/// The same with each thread on the CPU that has its index.
pub fn with_bound_threads<T: Sync, O>(
    shared: &T,
    count: usize,
    priority: Priority,
    work: fn(&T, usize),
    meanwhile: impl FnOnce() -> Outcome<O>,
) -> Outcome<O> {
    with_threads_on(Some, shared, count, priority, work, |_, started| {
        started?;
        meanwhile()
    })
}

/// The same with as many threads as there can be, up to `most`: `meanwhile` hears how many there are, and
/// why not more.
pub fn with_as_many<T: Sync, O>(
    shared: &T,
    most: usize,
    priority: Priority,
    work: fn(&T, usize),
    meanwhile: impl FnOnce(usize, Result<(), NoMemory>) -> Outcome<O>,
) -> Outcome<O> {
    let bound = scheduler::binding();
    with_threads_on(|_| bound, shared, most, priority, work, meanwhile)
}

/// `cpu` says where the thread of each index is bound.
fn with_threads_on<T: Sync, O>(
    cpu: impl Fn(usize) -> Option<usize>,
    shared: &T,
    most: usize,
    priority: Priority,
    work: fn(&T, usize),
    meanwhile: impl FnOnce(usize, Result<(), NoMemory>) -> Outcome<O>,
) -> Outcome<O> {
    let jobs: Vec<Box<Job<'_, T>>> = (0..most)
        .map(|index| {
            Box::new(Job {
                shared,
                work,
                index,
            })
        })
        .collect();
    let mut threads: Vec<Shared<Thread>> = Vec::new();
    let mut start = |job: &Job<'_, T>| {
        let work = Work {
            run: begin::<T>,
            argument: core::ptr::from_ref(job) as usize,
        };
        let thread = Thread::kernel(work, priority)?;
        try_push(&mut threads, thread.clone())?;
        scheduler::start_on(&thread, cpu(job.index));
        Ok(())
    };
    let started = jobs.iter().try_for_each(|job| start(job));
    let outcome = meanwhile(threads.len(), started);
    for thread in threads {
        scheduler::join(thread);
    }
    outcome
}
