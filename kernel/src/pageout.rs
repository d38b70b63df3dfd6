//! The pageout thread, which gives files' pages back when memory is short.
//!
//! Owns: when it runs. Does not own: what it does (`vm::pageout`), what is written without need (`files::flusher`).

use crate::memory::vm;
use crate::sched::queues::{Interruptible, Priority};
use crate::sched::{Thread, Work, run};
use crate::shared::NoMemory;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use vm::Pages;

/// How long pageout rests after a round that found nothing to take, in nanoseconds (XNU: 50 ms when the queues
/// are empty).
const EMPTY: u64 = 50_000_000;

/// Nobody wakes who sleeps here: time passes.
static TIME: AtomicU8 = AtomicU8::new(0);

/// It rests after a round that found nothing.
static RESTS: AtomicBool = AtomicBool::new(false);

/// How long [`settle`] waits between two looks, in nanoseconds.
const LOOK: u64 = 1_000_000;

/// Starts it.
pub fn start() -> Result<(), NoMemory> {
    let work = Work {
        run: pageout,
        argument: 0,
    };
    let thread = Thread::kernel(work, Priority::KERNEL)?;
    thread.make_privileged();
    run::start(&thread);
    Ok(())
}

fn pageout(_: usize) {
    loop {
        vm().pageout_wait();
        if vm().pageout() == Pages(0) && vm().is_low() {
            RESTS.store(true, SeqCst);
            sleep(EMPTY);
            RESTS.store(false, SeqCst);
        }
    }
}

/// Waits until the thread works on nothing: who counts everything counts what it holds, too.
pub fn settle() {
    while !vm().pageout_waits() && !RESTS.load(SeqCst) {
        sleep(LOOK);
    }
}

fn sleep(nanoseconds: u64) {
    let until = arch::timer::now().saturating_add(nanoseconds);
    run::assert_wait((&raw const TIME) as usize, Some(until), Interruptible::No);
    run::block();
}
