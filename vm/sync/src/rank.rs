//! The lock order, and its check.
//!
//! Owns: the ranks of the whole kernel, the trait [`Rank`] by which a lock's type carries its rank,
//! and [`RankStack`], the memory of which ranks a thread holds.
//!
//! A thread may take a lock if it holds no lock of a higher rank; a lock of the same rank only if
//! the rank [`NESTS`](Rank::NESTS), in an order that its module defines (maps by address, an object
//! before its shadow). Against the order only `try_lock` is allowed, then drop all and retry.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Task and process tables, thread lists.
pub const TASK: u8 = 8;
/// Address maps.
pub const MAP: u8 = 12;
/// Memory objects.
pub const OBJECT: u8 = 16;
/// Page queues.
pub const PAGE_QUEUES: u8 = 20;
/// The compressor.
pub const COMPRESSOR: u8 = 24;
/// Swap files.
pub const SWAP: u8 = 28;
/// Page tables.
pub const PMAP: u8 = 32;
/// Reverse maps.
pub const PV: u8 = 36;
/// Zones.
pub const ZONE: u8 = 40;
/// The free list of pages.
pub const FREE_LIST: u8 = 44;
/// The scheduler: run queues and wait queues.
pub const SCHEDULER: u8 = 52;
/// Timers.
pub const TIMER: u8 = 54;
/// The console and the event ring: taken last.
pub const CONSOLE: u8 = 60;
/// Ranks are below this.
pub const LIMIT: u8 = 64;

/// A place in the lock order, carried by a lock's type.
pub trait Rank: 'static {
    /// The number, below [`LIMIT`]: higher is taken later.
    const RANK: u8;
    /// What panics call it.
    const NAME: &'static str;
    /// A thread may hold several locks of this rank.
    const NESTS: bool = false;
    /// Interrupt handlers take it too: interrupts are off while it is held.
    const INTERRUPT: bool = false;
}

/// The ranks that one thread holds. Its own thread writes it, and interrupt handlers that run on top
/// of that thread, which leave it as they found it; so plain loads and stores do.
pub struct RankStack {
    held: AtomicU64,
    counts: [AtomicU8; LIMIT as usize],
    spinning: AtomicU32,
}

impl RankStack {
    /// Nothing held.
    pub const fn new() -> Self {
        RankStack {
            held: AtomicU64::new(0),
            counts: [const { AtomicU8::new(0) }; LIMIT as usize],
            spinning: AtomicU32::new(0),
        }
    }

    /// The highest rank held, or `None`.
    pub fn top(&self) -> Option<u8> {
        let held = self.held.load(Relaxed);
        (held != 0).then(|| (63 - held.leading_zeros()) as u8)
    }

    /// How many locks of `rank` are held.
    pub fn count(&self, rank: u8) -> u8 {
        self.counts[usize::from(rank)].load(Relaxed)
    }

    /// Panics if a lock of rank `R` may not be taken now by waiting for it.
    #[track_caller]
    pub(crate) fn check<R: Rank>(&self) {
        if let Some(top) = self.top() {
            let fits = top < R::RANK || (top == R::RANK && R::NESTS);
            assert!(
                fits,
                "I-LOCK-1: `{}` (rank {}) taken while a lock of rank {top} is held",
                R::NAME,
                R::RANK
            );
        }
    }

    /// Panics if a spin lock is held.
    #[track_caller]
    pub(crate) fn check_sleep(&self) {
        assert!(
            self.spinning.load(Relaxed) == 0,
            "I-LOCK-2: a thread may sleep while it holds a spin lock"
        );
    }

    pub(crate) fn push<R: Rank>(&self, kind: Kind) {
        let count = &self.counts[usize::from(R::RANK)];
        count.store(
            count
                .load(Relaxed)
                .checked_add(1)
                .expect("I-LOCK-1: too many locks of one rank"),
            Relaxed,
        );
        self.held
            .store(self.held.load(Relaxed) | 1 << R::RANK, Relaxed);
        if kind == Kind::Spin {
            self.spinning
                .store(self.spinning.load(Relaxed) + 1, Relaxed);
        }
    }

    pub(crate) fn pop<R: Rank>(&self, kind: Kind) {
        let count = &self.counts[usize::from(R::RANK)];
        let left = count
            .load(Relaxed)
            .checked_sub(1)
            .expect("I-LOCK-1: a lock is released by a thread that does not hold it");
        count.store(left, Relaxed);
        if left == 0 {
            self.held
                .store(self.held.load(Relaxed) & !(1 << R::RANK), Relaxed);
        }
        if kind == Kind::Spin {
            self.spinning
                .store(self.spinning.load(Relaxed) - 1, Relaxed);
        }
    }
}

impl Default for RankStack {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether holding a lock forbids sleeping.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Spin,
    Sleep,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Low;
    impl Rank for Low {
        const RANK: u8 = MAP;
        const NAME: &'static str = "low";
        const NESTS: bool = true;
    }
    struct High;
    impl Rank for High {
        const RANK: u8 = ZONE;
        const NAME: &'static str = "high";
    }

    #[test]
    fn releases_in_any_order() {
        let ranks = RankStack::new();
        ranks.push::<Low>(Kind::Sleep);
        ranks.push::<High>(Kind::Spin);
        ranks.pop::<Low>(Kind::Sleep);
        assert_eq!(ranks.top(), Some(ZONE));
        ranks.pop::<High>(Kind::Spin);
        assert_eq!(ranks.top(), None);
        ranks.check_sleep();
    }

    #[test]
    fn a_nesting_rank_may_repeat() {
        let ranks = RankStack::new();
        ranks.push::<Low>(Kind::Sleep);
        ranks.check::<Low>();
        ranks.push::<Low>(Kind::Sleep);
        ranks.pop::<Low>(Kind::Sleep);
        assert_eq!((ranks.top(), ranks.count(MAP)), (Some(MAP), 1));
    }

    #[test]
    #[should_panic(expected = "I-LOCK-1: `low` (rank 12) taken while a lock of rank 40 is held")]
    fn a_lower_rank_panics() {
        let ranks = RankStack::new();
        ranks.push::<High>(Kind::Spin);
        ranks.check::<Low>();
    }

    #[test]
    #[should_panic(expected = "I-LOCK-1: `high`")]
    fn a_rank_that_does_not_nest_panics() {
        let ranks = RankStack::new();
        ranks.push::<High>(Kind::Spin);
        ranks.check::<High>();
    }

    #[test]
    #[should_panic(expected = "I-LOCK-2")]
    fn sleeping_with_a_spin_lock_panics() {
        let ranks = RankStack::new();
        ranks.push::<High>(Kind::Spin);
        ranks.check_sleep();
    }
}
