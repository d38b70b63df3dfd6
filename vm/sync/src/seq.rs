//! The sequence lock: readers never write, they read again if a writer was there.
//!
//! Owns: a small value that is read often and written rarely (time, statistics snapshots).
//! Locks: writers exclude each other by the sequence number itself, preemption off.

use crate::atomic::{AtomicU64, Ordering, fence};
use crate::platform::{NoPreempt, Platform};
use core::marker::PhantomData;

/// A value that a [`SeqLock`] keeps as `N` words, so that a torn read is a wrong number and nothing
/// worse.
pub trait SeqValue<const N: usize>: Copy {
    /// The value as words.
    fn to_words(self) -> [u64; N];
    /// The value of these words, which `to_words` made.
    fn from_words(words: [u64; N]) -> Self;
}

impl<const N: usize> SeqValue<N> for [u64; N] {
    fn to_words(self) -> [u64; N] {
        self
    }
    fn from_words(words: [u64; N]) -> Self {
        words
    }
}

/// A value of `N` words under a sequence number, which is odd while a writer is at work.
pub struct SeqLock<P, T, const N: usize> {
    _types: PhantomData<fn() -> (P, T)>,
    sequence: AtomicU64,
    words: [AtomicU64; N],
}

impl<P: Platform, T: SeqValue<N>, const N: usize> SeqLock<P, T, N> {
    /// A lock around `value`.
    pub fn new(value: T) -> Self {
        SeqLock {
            _types: PhantomData,
            sequence: AtomicU64::new(0),
            words: value.to_words().map(AtomicU64::new),
        }
    }

    /// The value as some writer left it. Spins while one is at work.
    #[inline]
    pub fn read(&self) -> T {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            if before & 1 == 0 {
                let words = core::array::from_fn(|i| self.words[i].load(Ordering::Relaxed));
                fence(Ordering::Acquire);
                if self.sequence.load(Ordering::Relaxed) == before {
                    return T::from_words(words);
                }
            }
            P::relax();
        }
    }

    /// Replaces the value by what `change` makes of it. Writers go one after the other.
    pub fn update(&self, change: impl FnOnce(T) -> T) {
        let _here = NoPreempt::<P>::new();
        let mut sequence = self.sequence.load(Ordering::Relaxed);
        while sequence & 1 != 0
            || self
                .sequence
                .compare_exchange_weak(sequence, sequence + 1, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
        {
            P::relax();
            sequence = self.sequence.load(Ordering::Relaxed);
        }
        // The odd number is visible before any new word is.
        fence(Ordering::Release);
        let old = T::from_words(core::array::from_fn(|i| {
            self.words[i].load(Ordering::Relaxed)
        }));
        for (word, new) in self.words.iter().zip(change(old).to_words()) {
            word.store(new, Ordering::Relaxed);
        }
        self.sequence.store(sequence + 2, Ordering::Release);
    }

    /// Replaces the value.
    pub fn write(&self, value: T) {
        self.update(|_| value);
    }
}
