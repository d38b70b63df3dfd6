//! What a process may have: the limits that `setrlimit` changes.
//!
//! Owns: `RLIMIT_AS` and `RLIMIT_MEMLOCK`, soft and hard. Does not own: keeping to them (`vm`, per
//! map), limits that are fixed (`syscall::process`). Locks: each limit's, of rank "task state", so that
//! soft and hard belong together.

use crate::platform::{SpinLock, TaskStateRank};
use vm::MapLimits;

/// No limit.
pub const RLIM_INFINITY: u64 = i64::MAX as u64;

/// A limit in bytes: what holds, and what it may be raised to.
pub struct Limit {
    /// Soft and hard.
    both: SpinLock<TaskStateRank, [u64; 2]>,
}

impl Limit {
    const fn none() -> Self {
        Self {
            both: SpinLock::new([RLIM_INFINITY; 2]),
        }
    }

    /// Soft and hard.
    pub fn get(&self) -> [u64; 2] {
        *self.both.lock()
    }

    /// Both anew.
    pub fn set(&self, both: [u64; 2]) {
        *self.both.lock() = both;
    }

    fn bytes(&self) -> u64 {
        match self.get()[0] {
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
        for (own, parent) in [(&self.size, &parent.size), (&self.wired, &parent.wired)] {
            let both = parent.get();
            // Most tasks have no limits, and a new one has none.
            if both != [RLIM_INFINITY; 2] {
                own.set(both);
            }
        }
    }

    /// As the map keeps them.
    pub fn of_map(&self) -> MapLimits {
        MapLimits {
            size: self.size.bytes(),
            wired: self.wired.bytes(),
        }
    }
}
