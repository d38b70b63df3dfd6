//! Failures by order.
//!
//! Owns: a countdown that every zone and the page allocator strike on each allocation, so that a test
//! can make the *k*-th one fail.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts allocations down; the one that reaches zero fails.
#[derive(Debug, Default)]
pub struct Injector {
    /// Strikes left, or 0 when nothing is ordered.
    left: AtomicU64,
    /// What `left` starts again with after a failure.
    period: AtomicU64,
    failures: AtomicU64,
}

impl Injector {
    /// Nothing ordered.
    pub const fn new() -> Self {
        Injector {
            left: AtomicU64::new(0),
            period: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Lets the `k`-th allocation from now fail, once. `k` is at least 1.
    pub fn fail_once(&self, k: u64) {
        self.period.store(0, Relaxed);
        self.left.store(k.max(1), Relaxed);
    }

    /// Lets every `k`-th allocation fail. `k` is at least 1.
    pub fn fail_every(&self, k: u64) {
        self.period.store(k.max(1), Relaxed);
        self.left.store(k.max(1), Relaxed);
    }

    /// Orders no more failures. Answers whether one was still to come.
    pub fn disarm(&self) -> bool {
        self.period.store(0, Relaxed);
        self.left.swap(0, Relaxed) != 0
    }

    /// Failures that were injected.
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// Called once by each allocation; if it answers true, the allocation fails.
    #[inline]
    #[must_use]
    pub fn strikes(&self) -> bool {
        self.left.load(Relaxed) != 0 && self.count_down()
    }

    #[cold]
    fn count_down(&self) -> bool {
        let period = self.period.load(Relaxed);
        let before = self.left.fetch_update(Relaxed, Relaxed, |left| match left {
            0 => None,
            1 => Some(period),
            _ => Some(left - 1),
        });
        let fails = before == Ok(1);
        if fails {
            self.failures.fetch_add(1, Relaxed);
        }
        fails
    }
}

#[cfg(test)]
mod tests {
    use super::Injector;

    #[test]
    fn the_third_fails_once() {
        let injector = Injector::new();
        assert!(!injector.strikes());
        injector.fail_once(3);
        let struck: Vec<bool> = (0..5).map(|_| injector.strikes()).collect();
        assert_eq!(struck, [false, false, true, false, false]);
        assert!(!injector.disarm());
        assert_eq!(injector.failures(), 1);
    }

    #[test]
    fn every_second_fails() {
        let injector = Injector::new();
        injector.fail_every(2);
        let struck: Vec<bool> = (0..5).map(|_| injector.strikes()).collect();
        assert_eq!(struck, [false, true, false, true, false]);
        assert!(injector.disarm());
        assert!(!injector.strikes());
    }
}
