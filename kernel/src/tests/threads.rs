//! Kernel threads for tests.
//!
//! Owns: starting some over one shared value, and joining them before it goes. Does not own: what they do.

use super::unmet::Outcome;
use crate::sched::queues::Priority;
use crate::sched::{Thread, Work, run as scheduler};
use crate::shared::{Shared, try_push};
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

/// Runs `work` on so many threads, with their index, and `meanwhile` on the calling one; returns when all
/// have ended.
pub fn with_threads<T: Sync, O>(
    shared: &T,
    count: usize,
    priority: Priority,
    work: fn(&T, usize),
    meanwhile: impl FnOnce() -> Outcome<O>,
) -> Outcome<O> {
    let jobs: Vec<Box<Job<'_, T>>> = (0..count)
        .map(|index| {
            Box::new(Job {
                shared,
                work,
                index,
            })
        })
        .collect();
    let mut threads: Vec<Shared<Thread>> = Vec::new();
    let mut started = Ok(());
    for job in &jobs {
        let work = Work {
            run: begin::<T>,
            argument: core::ptr::from_ref::<Job<'_, T>>(job) as usize,
        };
        let thread = Thread::kernel(work, priority);
        started = thread.and_then(|thread| {
            try_push(&mut threads, thread.clone())?;
            scheduler::start(&thread);
            Ok(())
        });
        if started.is_err() {
            break;
        }
    }
    let outcome = match started {
        Ok(()) => meanwhile(),
        Err(error) => Err(error.into()),
    };
    for thread in threads {
        scheduler::join(thread);
    }
    outcome
}
