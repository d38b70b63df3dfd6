//! How often locks are taken, how often somebody had to wait, how long they are held.
//!
//! Owns: a row for each rank, in builds with the feature `statistics`; in others everything here is empty
//! and costs nothing. Does not own: the locks, the clock ([`Platform::now`]).
//! Locks: none; the rows are atomics that all CPUs share, which slows a measured kernel down: its counts are
//! right, its times are upper bounds.

use crate::platform::Platform;
use crate::rank::Rank;

/// What a lock's guard remembers: when the lock was taken.
#[derive(Clone, Copy)]
pub(crate) struct Hold {
    #[cfg(feature = "statistics")]
    since: u64,
}

/// Whether somebody else had the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Free,
    Held,
}

/// A lock of rank `R` was taken.
#[inline(always)]
pub(crate) fn taken<P: Platform, R: Rank>(found: Found) -> Hold {
    #[cfg(feature = "statistics")]
    return table::taken::<P, R>(found);
    #[cfg(not(feature = "statistics"))]
    {
        let _ = (found, R::RANK, P::MAX_CPUS);
        Hold {}
    }
}

/// It is let go.
#[inline(always)]
pub(crate) fn released<P: Platform, R: Rank>(hold: Hold) {
    #[cfg(feature = "statistics")]
    table::released::<P, R>(hold);
    #[cfg(not(feature = "statistics"))]
    let _ = (hold, R::RANK, P::MAX_CPUS);
}

#[cfg(feature = "statistics")]
pub use table::{Row, reset, rows};

#[cfg(feature = "statistics")]
mod table {
    use super::{Found, Hold};
    use crate::platform::Platform;
    use crate::rank::{LIMIT, Rank};
    use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed};

    struct Cells {
        name: AtomicPtr<u8>,
        name_length: AtomicUsize,
        acquisitions: AtomicU64,
        contended: AtomicU64,
        longest: AtomicU64,
    }

    static ROWS: [Cells; LIMIT as usize] = [const {
        Cells {
            name: AtomicPtr::new(core::ptr::null_mut()),
            name_length: AtomicUsize::new(0),
            acquisitions: AtomicU64::new(0),
            contended: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        }
    }; LIMIT as usize];

    /// What is known of the locks of one rank.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Row {
        /// The rank's name.
        pub name: &'static str,
        /// How often one was taken.
        pub acquisitions: u64,
        /// How often somebody else had it.
        pub contended: u64,
        /// The longest that one was held, in nanoseconds.
        pub longest: u64,
    }

    pub(super) fn taken<P: Platform, R: Rank>(found: Found) -> Hold {
        let row = &ROWS[usize::from(R::RANK)];
        if row.acquisitions.fetch_add(1, Relaxed) == 0 {
            row.name_length.store(R::NAME.len(), Relaxed);
            row.name.store(R::NAME.as_ptr().cast_mut(), Relaxed);
        }
        if found == Found::Held {
            row.contended.fetch_add(1, Relaxed);
        }
        Hold { since: P::now() }
    }

    pub(super) fn released<P: Platform, R: Rank>(hold: Hold) {
        let held = P::now().saturating_sub(hold.since);
        ROWS[usize::from(R::RANK)].longest.fetch_max(held, Relaxed);
    }

    /// Forgets everything.
    pub fn reset() {
        for row in &ROWS {
            row.acquisitions.store(0, Relaxed);
            row.contended.store(0, Relaxed);
            row.longest.store(0, Relaxed);
        }
    }

    /// The rows of ranks of which a lock was ever taken, in the order of the ranks.
    pub fn rows() -> impl Iterator<Item = Row> {
        ROWS.iter().filter_map(|row| {
            let name = row.name.load(Relaxed);
            let length = row.name_length.load(Relaxed);
            if name.is_null() || row.acquisitions.load(Relaxed) == 0 {
                return None;
            }
            // SAFETY: both came from one `&'static str`; all locks of a rank have the same name, and the length
            // was stored first.
            let bytes = unsafe { core::slice::from_raw_parts(name, length) };
            Some(Row {
                name: core::str::from_utf8(bytes).ok()?,
                acquisitions: row.acquisitions.load(Relaxed),
                contended: row.contended.load(Relaxed),
                longest: row.longest.load(Relaxed),
            })
        })
    }
}
