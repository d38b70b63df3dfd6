//! What a process may have: the limits that `setrlimit` changes.
//!
//! Owns: `RLIMIT_AS` and `RLIMIT_MEMLOCK`, soft and hard. Does not own: keeping to them (`vm`, per
//! map), limits that are fixed (`syscall::process`). Locks: none; a task's own thread writes them.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vm::MapLimits;

/// No limit.
pub const RLIM_INFINITY: u64 = i64::MAX as u64;

/// A limit in bytes: what holds, and what it may be raised to.
pub struct Limit {
    soft: AtomicU64,
    hard: AtomicU64,
}

impl Limit {
    const fn none() -> Self {
        Self {
            soft: AtomicU64::new(RLIM_INFINITY),
            hard: AtomicU64::new(RLIM_INFINITY),
        }
    }

    /// Soft and hard.
    pub fn get(&self) -> [u64; 2] {
        [self.soft.load(Relaxed), self.hard.load(Relaxed)]
    }

    /// Both anew.
    pub fn set(&self, [soft, hard]: [u64; 2]) {
        self.soft.store(soft, Relaxed);
        self.hard.store(hard, Relaxed);
    }

    fn bytes(&self) -> u64 {
        match self.soft.load(Relaxed) {
            RLIM_INFINITY.. => u64::MAX,
            bytes => bytes,
        }
    }
}

/// The limits of a process.
pub struct Limits {
    /// `RLIMIT_AS`: the size of its address space.
    pub size: Limit,
    /// `RLIMIT_MEMLOCK`: what it may wire.
    pub wired: Limit,
}

impl Limits {
    /// None yet.
    pub const fn none() -> Self {
        Self {
            size: Limit::none(),
            wired: Limit::none(),
        }
    }

    /// A child begins with its parent's.
    pub fn inherit(&self, parent: &Self) {
        self.size.set(parent.size.get());
        self.wired.set(parent.wired.get());
    }

    /// As the map keeps them.
    pub fn of_map(&self) -> MapLimits {
        MapLimits {
            size: self.size.bytes(),
            wired: self.wired.bytes(),
        }
    }
}
