//! The spin lock: one byte of state, preemption off while it is held.
//!
//! Owns: mutual exclusion for short work. Does not own: fairness; the holder is soon done.
//! Locks: its own rank, checked before waiting in debug builds.

use crate::atomic::{AtomicBool, Ordering};
use crate::platform::{InterruptState, Platform};
use crate::rank::{Kind, Rank};
use crate::statistics::{self, Found, Hold};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

/// A lock for short work that never sleeps. `R` is its place in the lock order.
pub struct SpinLock<P, R, T: ?Sized> {
    _types: PhantomData<fn() -> (P, R)>,
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one thread at a time at the value, so sharing the lock only moves access to
// the value from thread to thread.
unsafe impl<P, R, T: ?Sized + Send> Sync for SpinLock<P, R, T> {}
// SAFETY: the lock owns the value.
unsafe impl<P, R, T: ?Sized + Send> Send for SpinLock<P, R, T> {}

impl<P, R, T> SpinLock<P, R, T> {
    /// An unlocked lock around `value`.
    pub const fn new(value: T) -> Self {
        SpinLock {
            _types: PhantomData,
            locked: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// The value of a lock that nobody else has.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<P: Platform, R: Rank, T: ?Sized> SpinLock<P, R, T> {
    /// Waits for the lock. Preemption (and interrupts, if the rank says so) stays off until the
    /// guard is dropped.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> SpinGuard<'_, P, R, T> {
        if cfg!(debug_assertions) {
            P::with_ranks(|ranks| ranks.check::<R>());
        }
        let interrupts = enter::<P, R>();
        let mut found = Found::Free;
        if self
            .locked
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            found = Found::Held;
            self.wait();
        }
        self.guard(interrupts, found)
    }

    /// Takes the lock if it is free. Allowed against the lock order.
    #[inline]
    pub fn try_lock(&self) -> Option<SpinGuard<'_, P, R, T>> {
        let interrupts = enter::<P, R>();
        if self
            .locked
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            leave::<P, R>(interrupts);
            return None;
        }
        Some(self.guard(interrupts, Found::Free))
    }

    /// Whether somebody holds the lock at this moment: for assertions only.
    pub fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }

    /// The value, through the only reference to the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[cold]
    fn wait(&self) {
        loop {
            while self.locked.load(Ordering::Relaxed) {
                P::relax();
            }
            if self
                .locked
                .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
            {
                return;
            }
        }
    }

    #[inline]
    fn guard(&self, interrupts: InterruptState, found: Found) -> SpinGuard<'_, P, R, T> {
        if cfg!(debug_assertions) {
            P::with_ranks(|ranks| ranks.push::<R>(Kind::Spin));
        }
        SpinGuard {
            lock: self,
            interrupts,
            hold: statistics::taken::<P, R>(found),
            _here: PhantomData,
        }
    }
}

impl<P, R, T: Default> Default for SpinLock<P, R, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// Preemption off; interrupts too where handlers take the lock.
#[inline]
pub(crate) fn enter<P: Platform, R: Rank>() -> InterruptState {
    let interrupts = if R::INTERRUPT {
        P::interrupts_disable()
    } else {
        InterruptState(0)
    };
    P::preempt_disable();
    interrupts
}

/// Undoes [`enter`].
#[inline]
pub(crate) fn leave<P: Platform, R: Rank>(interrupts: InterruptState) {
    if R::INTERRUPT {
        P::interrupts_restore(interrupts);
    }
    // SAFETY: it undoes the call in `enter`; the lock's guards hold no reference into per-CPU slots.
    unsafe { P::preempt_enable() }
}

/// Holds a [`SpinLock`]; dropping it lets go.
#[must_use]
pub struct SpinGuard<'a, P: Platform, R: Rank, T: ?Sized> {
    lock: &'a SpinLock<P, R, T>,
    interrupts: InterruptState,
    hold: Hold,
    /// A guard ends on the CPU where it began.
    _here: PhantomData<*mut ()>,
}

// SAFETY: a shared guard gives out shared references to the value and nothing else.
unsafe impl<P: Platform, R: Rank, T: ?Sized + Sync> Sync for SpinGuard<'_, P, R, T> {}

impl<P: Platform, R: Rank, T: ?Sized> Deref for SpinGuard<'_, P, R, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard exists, so its thread alone holds the lock until the guard is dropped.
        unsafe { &*self.lock.value.get() }
    }
}

impl<P: Platform, R: Rank, T: ?Sized> DerefMut for SpinGuard<'_, P, R, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `&mut self` makes this the only reference through the guard.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<P: Platform, R: Rank, T: ?Sized> Drop for SpinGuard<'_, P, R, T> {
    #[inline]
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            P::with_ranks(|ranks| ranks.pop::<R>(Kind::Spin));
        }
        statistics::released::<P, R>(self.hold);
        self.lock.locked.store(false, Ordering::Release);
        leave::<P, R>(self.interrupts);
    }
}
