//! The flusher: what was written to files goes to the disks after some seconds, without anybody asking.
//!
//! Owns: one thread, and when it looks. Does not own: how things are written (`vfs`), what pressure of memory
//! demands (`vm`). It also lets vnodes go that nobody looks up any more, and takes the samples of the load.

use super::tree;
use crate::clock::SECOND;
use crate::sched::queues::{Interruptible, Priority};
use crate::sched::{Thread, Work, load, run};
use crate::shared::NoMemory;

/// Nanoseconds between two looks: what is written survives a power cut after twice that.
const PERIOD: u64 = load::PERIOD * SECOND;
/// Looks between two sweeps.
const SWEEP: u32 = 12;

/// Vnodes of one mount from which on it sweeps at every look.
const CROWD: u32 = 1024;

/// What the flusher waits for: nobody ever wakes it.
static EVENT: u8 = 0;

/// Starts it.
pub fn start() -> Result<(), NoMemory> {
    let work = Work {
        run: |_| flush(),
        argument: 0,
    };
    let thread = Thread::kernel(work, Priority::KERNEL)?;
    // It gives memory back; it does not wait for any.
    thread.make_privileged();
    run::start(&thread);
    Ok(())
}

fn flush() {
    let mut looks = 0u32;
    loop {
        let deadline = arch::timer::now().saturating_add(PERIOD);
        run::assert_wait(&raw const EVENT as usize, Some(deadline), Interruptible::No);
        run::block();
        looks = looks.wrapping_add(1);
        load::sample();
        tree().each(|mount| {
            // The pager and the disk have said what failed; it stays dirty, and is tried again.
            let _ = mount.sync();
            if looks.is_multiple_of(SWEEP) || mount.files_in_use() > CROWD {
                mount.sweep();
            }
        });
    }
}
