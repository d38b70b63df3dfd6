//! Memory is out: who must go.
//!
//! Owns: the choice of one task, its report, and the wait of the others until its pages are back.
//! Does not own: the reserve that lets it die (`vm`).

use crate::log;
use crate::memory::vm;
use crate::sched::queues::Interruptible;
use crate::sched::{Thread, run};
use crate::shared::Shared;
use crate::task::table::Life;
use crate::task::{Task, life};
use abi::syscall::signal::SIGKILL;
use core::sync::atomic::{AtomicI32, Ordering};
use vm::Pages;

/// How long a fault waits before it tries again, in nanoseconds.
const PATIENCE: u64 = 2_000_000;

/// Free pages with which a shortage is not believed at once: some other allocation failed.
const PLENTY: u32 = 128;
/// After so many attempts it is believed all the same.
const ATTEMPTS: u32 = 8;

/// The task that was told to die last, or 0.
static VICTIM: AtomicI32 = AtomicI32::new(0);

/// Of the volatile groups, all: somebody is about to die.
const ALL_GROUPS: u8 = 8;

/// Finds memory for the running thread, or a task to take it from. Returns when it is worth trying
/// again, or when the thread itself is to end. `attempt` counts from 0.
pub fn relieve(me: &Thread, attempt: u32) {
    if attempt < ATTEMPTS && vm().statistics().free_count > PLENTY {
        run::yield_now();
        return;
    }
    if vm().purge(Pages(u64::from(PLENTY)), ALL_GROUPS).0 != 0 {
        return;
    }
    let last = VICTIM.load(Ordering::Acquire);
    let dying = last != 0
        && life::find(crate::task::table::Pid(last)).is_some_and(|victim| {
            victim.exit_status().is_some() && !matches!(life::life(victim.pid), Some(Life::Zombie(_)) | None)
        });
    if !dying {
        kill_largest();
    }
    if !me.is_ending() {
        let soon = arch::timer::now() + PATIENCE;
        run::assert_wait((&raw const VICTIM) as usize, Some(soon), Interruptible::Yes);
        run::block();
    }
}

fn kill_largest() {
    let Some((victim, pages)) = largest() else { return };
    VICTIM.store(victim.pid.0, Ordering::Release);
    let page = vm().page_size();
    victim.with_identity(|identity| {
        log!(
            "memory is exhausted: killed {} [{}], which had {} KiB in {} pages",
            Name(&identity.command),
            victim.pid.0,
            pages * page / 1024,
            pages
        );
    });
    victim.request_exit(SIGKILL);
}

/// The task with the most resident pages; init and the shell that it started only if they are alone.
fn largest() -> Option<(Shared<Task>, u64)> {
    let mut cursor = 0;
    let mut best: Option<(bool, u64, Shared<Task>)> = None;
    while let Some((state, task)) = life::next(&mut cursor) {
        if state != Life::Alive || task.exit_status().is_some() || task.pid.0 <= 1 {
            continue;
        }
        let pages = task.resident(vm());
        let expendable = task.parent() != 1;
        if best.as_ref().is_none_or(|best| (best.0, best.1) < (expendable, pages)) {
            best = Some((expendable, pages, task));
        }
    }
    best.map(|(_, pages, task)| (task, pages))
}

/// A command's name for the log.
pub struct Name<'a>(pub &'a [u8]);

impl core::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("?")?;
            }
        }
        Ok(())
    }
}
