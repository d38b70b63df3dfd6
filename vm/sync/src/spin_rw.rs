//! The reader-writer spin lock: many readers or one writer, preemption off while it is held.
//!
//! Owns: shared access for short work. A writer that waits keeps new readers out.
//! Locks: its own rank, for readers and writers alike.

use crate::atomic::{AtomicU32, Ordering};
use crate::platform::{InterruptState, Platform};
use crate::rank::{Kind, Rank};
use crate::spin::{enter, leave};
use crate::statistics::{self, Found, Hold};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

const WRITER: u32 = 1 << 31;
const WANTED: u32 = 1 << 30;
const READER: u32 = 1;

/// A reader-writer lock for short work that never sleeps.
pub struct SpinRwLock<P, R, T: ?Sized> {
    _types: PhantomData<fn() -> (P, R)>,
    /// `WRITER`, `WANTED` (a writer waits), and the number of readers. At most one reader per CPU.
    state: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: readers share the value (`T: Sync`), and a writer alone may change or move it (`T: Send`).
unsafe impl<P, R, T: ?Sized + Send + Sync> Sync for SpinRwLock<P, R, T> {}
// SAFETY: the lock owns the value.
unsafe impl<P, R, T: ?Sized + Send> Send for SpinRwLock<P, R, T> {}

impl<P, R, T> SpinRwLock<P, R, T> {
    /// An unlocked lock around `value`.
    pub const fn new(value: T) -> Self {
        SpinRwLock {
            _types: PhantomData,
            state: AtomicU32::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// The value of a lock that nobody else has.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<P: Platform, R: Rank, T: ?Sized> SpinRwLock<P, R, T> {
    /// Waits until no writer holds or wants the lock, and shares it.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> SpinReadGuard<'_, P, R, T> {
        if cfg!(debug_assertions) {
            P::with_ranks(|ranks| ranks.check::<R>());
        }
        let interrupts = enter::<P, R>();
        let mut found = Found::Free;
        while !self.take_shared() {
            found = Found::Held;
            P::relax();
        }
        push::<P, R>();
        SpinReadGuard {
            lock: self,
            interrupts,
            hold: statistics::taken::<P, R>(found),
            _here: PhantomData,
        }
    }

    /// Shares the lock if no writer holds or wants it. Allowed against the lock order.
    #[inline]
    pub fn try_read(&self) -> Option<SpinReadGuard<'_, P, R, T>> {
        let interrupts = enter::<P, R>();
        if !self.take_shared() {
            leave::<P, R>(interrupts);
            return None;
        }
        push::<P, R>();
        Some(SpinReadGuard {
            lock: self,
            interrupts,
            hold: statistics::taken::<P, R>(Found::Free),
            _here: PhantomData,
        })
    }

    /// Waits until nobody holds the lock, and takes it.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> SpinWriteGuard<'_, P, R, T> {
        if cfg!(debug_assertions) {
            P::with_ranks(|ranks| ranks.check::<R>());
        }
        let interrupts = enter::<P, R>();
        let mut found = Found::Free;
        if self
            .state
            .compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            found = Found::Held;
            self.wait_exclusive();
        }
        push::<P, R>();
        SpinWriteGuard {
            lock: self,
            interrupts,
            hold: statistics::taken::<P, R>(found),
            _here: PhantomData,
        }
    }

    /// Takes the lock if nobody holds it. Allowed against the lock order.
    #[inline]
    pub fn try_write(&self) -> Option<SpinWriteGuard<'_, P, R, T>> {
        let interrupts = enter::<P, R>();
        let state = self.state.load(Ordering::Relaxed);
        // A waiting writer keeps its mark: it will see the lock free later.
        if state & !WANTED != 0
            || self
                .state
                .compare_exchange(state, state | WRITER, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
        {
            leave::<P, R>(interrupts);
            return None;
        }
        push::<P, R>();
        Some(SpinWriteGuard {
            lock: self,
            interrupts,
            hold: statistics::taken::<P, R>(Found::Free),
            _here: PhantomData,
        })
    }

    /// Whether anybody holds the lock at this moment: a hint, for work that can be done before it is waited for.
    #[inline]
    pub fn is_held(&self) -> bool {
        self.state.load(Ordering::Relaxed) & !WANTED != 0
    }

    /// The value, through the only reference to the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline]
    fn take_shared(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (WRITER | WANTED) == 0 {
            match self.state.compare_exchange_weak(
                state,
                state + READER,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    #[cold]
    fn wait_exclusive(&self) {
        loop {
            let state = self.state.load(Ordering::Relaxed);
            if state & !WANTED == 0 {
                // Taking the lock clears the mark; other writers that wait set it again.
                if self
                    .state
                    .compare_exchange_weak(state, WRITER, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
                {
                    return;
                }
            } else {
                if state & WANTED == 0 {
                    self.state.fetch_or(WANTED, Ordering::Relaxed);
                }
                P::relax();
            }
        }
    }
}

impl<P, R, T: Default> Default for SpinRwLock<P, R, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

#[inline]
fn push<P: Platform, R: Rank>() {
    if cfg!(debug_assertions) {
        P::with_ranks(|ranks| ranks.push::<R>(Kind::Spin));
    }
}

#[inline]
fn pop<P: Platform, R: Rank>() {
    if cfg!(debug_assertions) {
        P::with_ranks(|ranks| ranks.pop::<R>(Kind::Spin));
    }
}

/// Shares a [`SpinRwLock`]; dropping it lets go.
#[must_use]
pub struct SpinReadGuard<'a, P: Platform, R: Rank, T: ?Sized> {
    lock: &'a SpinRwLock<P, R, T>,
    interrupts: InterruptState,
    hold: Hold,
    _here: PhantomData<*mut ()>,
}

impl<P: Platform, R: Rank, T: ?Sized> Deref for SpinReadGuard<'_, P, R, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: while a reader is counted no writer gets in, and this guard is counted.
        unsafe { &*self.lock.value.get() }
    }
}

impl<P: Platform, R: Rank, T: ?Sized> Drop for SpinReadGuard<'_, P, R, T> {
    #[inline]
    fn drop(&mut self) {
        pop::<P, R>();
        statistics::released::<P, R>(self.hold);
        self.lock.state.fetch_sub(READER, Ordering::Release);
        leave::<P, R>(self.interrupts);
    }
}

/// Holds a [`SpinRwLock`] alone; dropping it lets go.
#[must_use]
pub struct SpinWriteGuard<'a, P: Platform, R: Rank, T: ?Sized> {
    lock: &'a SpinRwLock<P, R, T>,
    interrupts: InterruptState,
    hold: Hold,
    _here: PhantomData<*mut ()>,
}

impl<P: Platform, R: Rank, T: ?Sized> Deref for SpinWriteGuard<'_, P, R, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the writer mark is this guard's, so nobody else is at the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<P: Platform, R: Rank, T: ?Sized> DerefMut for SpinWriteGuard<'_, P, R, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `&mut self` makes this the only reference through the guard.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<P: Platform, R: Rank, T: ?Sized> Drop for SpinWriteGuard<'_, P, R, T> {
    #[inline]
    fn drop(&mut self) {
        pop::<P, R>();
        statistics::released::<P, R>(self.hold);
        self.lock.state.fetch_and(!WRITER, Ordering::Release);
        leave::<P, R>(self.interrupts);
    }
}
