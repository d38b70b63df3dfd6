//! Ranked locks: how CPUs and threads keep out of each other's way.
//!
//! Owns: spin locks and reader-writer spin locks (preemption is off while one is held), the sleeping
//! reader-writer lock, sequence locks, per-CPU slots, and the check of the lock order in debug builds.
//! Does not own: threads, CPUs, wait queues; those come by [`Platform`].
//! Locks: the order is [`rank`]; a lock may be taken only if no lock of a higher rank is held.
//!
//! Every lock is a few words without pointers to anything, so it may stand in a `static`, in zone
//! memory or on a stack. Nothing here allocates.
#![cfg_attr(not(any(test, feature = "host", feature = "shuttle")), no_std)]

pub mod atomic;
#[cfg(feature = "host")]
pub mod host;
mod per_cpu;
mod platform;
pub mod rank;
mod seq;
mod sleep_rw;
mod spin;
mod spin_rw;
pub mod statistics;

pub use per_cpu::PerCpu;
pub use platform::{Event, InterruptState, NoPreempt, Platform, block};
pub use rank::{Rank, RankStack};
pub use seq::{SeqLock, SeqValue};
pub use sleep_rw::{Released, SleepReadGuard, SleepRwLock, SleepWriteGuard};
pub use spin::{SpinGuard, SpinLock};
pub use spin_rw::{SpinReadGuard, SpinRwLock, SpinWriteGuard};
