//! A CPU's few free elements of one zone.
//!
//! Owns: up to [`ROUNDS`] free elements, and the CPU's share of the zone's counters.
//! Locks: none. Only the CPU's own thread, with preemption off, comes here; others read the counters.

use core::cell::Cell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Elements that a magazine holds; half of it moves at once.
pub(crate) const ROUNDS: usize = 12;
/// Stands in `count` while the magazine is in use, so that an interrupt handler that allocates is found.
const BUSY: u32 = u32::MAX;

#[repr(C, align(128))]
pub(crate) struct Magazine {
    count: AtomicU32,
    /// Elements that left the zone on this CPU, ever.
    pub allocs: AtomicU64,
    /// Elements that came back on this CPU, ever.
    pub frees: AtomicU64,
    rounds: [Cell<*mut u8>; ROUNDS],
}

impl Magazine {
    pub const fn new() -> Self {
        Magazine {
            count: AtomicU32::new(0),
            allocs: AtomicU64::new(0),
            frees: AtomicU64::new(0),
            rounds: [const { Cell::new(core::ptr::null_mut()) }; ROUNDS],
        }
    }

    /// Takes the magazine for a moment. `None`: it is in use already.
    #[inline]
    pub fn open(&self) -> Option<Open<'_>> {
        // Only this CPU writes `count`: no read-modify-write is needed.
        let count = self.count.load(Relaxed);
        self.count.store(BUSY, Relaxed);
        (count != BUSY).then(|| Open {
            magazine: self,
            count: count as usize,
        })
    }

    /// Elements in it, or `None` while it is in use.
    pub fn length(&self) -> Option<usize> {
        let count = self.count.load(Relaxed);
        (count != BUSY).then_some(count as usize)
    }
}

/// Only one CPU writes, so a load and a store do.
#[inline]
fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}

/// A magazine in use; dropping it stores what is left.
pub(crate) struct Open<'a> {
    magazine: &'a Magazine,
    count: usize,
}

impl Open<'_> {
    #[inline]
    pub fn pop(&mut self) -> Option<NonNull<u8>> {
        let top = self.count.checked_sub(1)?;
        let element = NonNull::new(self.magazine.rounds.get(top)?.get())?;
        self.count = top;
        Some(element)
    }

    /// Answers false if there is no room.
    #[inline]
    pub fn push(&mut self, element: NonNull<u8>) -> bool {
        let Some(round) = self.magazine.rounds.get(self.count) else {
            return false;
        };
        round.set(element.as_ptr());
        self.count += 1;
        true
    }

    /// Elements that it has room for.
    #[inline]
    pub fn room(&self) -> usize {
        ROUNDS.saturating_sub(self.count)
    }

    #[inline]
    pub fn count_alloc(&self) {
        bump(&self.magazine.allocs);
    }

    #[inline]
    pub fn count_free(&self) {
        bump(&self.magazine.frees);
    }
}

impl Drop for Open<'_> {
    #[inline]
    fn drop(&mut self) {
        self.magazine.count.store(self.count as u32, Relaxed);
    }
}
