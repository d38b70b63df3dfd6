//! The sleeping reader-writer lock: many readers or one writer, for work that may sleep.
//!
//! Owns: shared and exclusive access, and who goes first: a writer that waits keeps new readers out,
//! so writers do not starve. Does not own: the wait queues; sleeping goes through [`Platform`].
//! Locks: its own rank; it may not be waited for while a spin lock is held.
//!
//! Two events name the waiters: the lock's address for writers, the address plus one for readers. A
//! waiter makes itself known in `state` first, says `assert_wait`, and looks at `state` once more; who
//! lets go changes `state` first and wakes afterwards. One of the two always sees the other. Where the platform
//! says so ([`Platform::LOOKS`]) a waiter looks for a while before it makes itself known.

use crate::atomic::{AtomicU64, Ordering};
use crate::platform::{Event, Platform};
use crate::rank::{Kind, Rank, RankStack};
use crate::statistics::{self, Found, Hold};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

/// A writer holds the lock.
const WRITER: u64 = 1;
/// Readers sleep; set only while a writer holds the lock or waits for it, so a writer wakes them.
const READERS_SLEEP: u64 = 2;
/// One writer that waits (30 bits).
const WAITING: u64 = 1 << 2;
const WAITING_MASK: u64 = ((1 << 30) - 1) << 2;
/// One reader (32 bits).
const READER: u64 = 1 << 32;

/// A reader-writer lock whose waiters sleep. `R` is its place in the lock order.
pub struct SleepRwLock<P, R, T: ?Sized> {
    _types: PhantomData<fn() -> (P, R)>,
    state: AtomicU64,
    value: UnsafeCell<T>,
}

// SAFETY: readers share the value (`T: Sync`), and a writer alone may change or move it (`T: Send`).
unsafe impl<P, R, T: ?Sized + Send + Sync> Sync for SleepRwLock<P, R, T> {}
// SAFETY: the lock owns the value.
unsafe impl<P, R, T: ?Sized + Send> Send for SleepRwLock<P, R, T> {}

impl<P, R, T> SleepRwLock<P, R, T> {
    /// An unlocked lock around `value`.
    pub const fn new(value: T) -> Self {
        SleepRwLock {
            _types: PhantomData,
            state: AtomicU64::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// The value of a lock that nobody else has.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<P: Platform, R: Rank, T: ?Sized> SleepRwLock<P, R, T> {
    /// Shares the lock; sleeps while a writer holds it or waits for it.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> SleepReadGuard<'_, P, R, T> {
        check::<P, R>();
        let mut found = Found::Free;
        let state = self.state.load(Ordering::Relaxed);
        if state & (WRITER | WAITING_MASK) != 0
            || self
                .state
                .compare_exchange(state, state + READER, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
        {
            found = Found::Held;
            self.wait_shared();
        }
        push::<P, R>();
        SleepReadGuard {
            lock: self,
            hold: statistics::taken::<P, R>(found),
            _here: PhantomData,
        }
    }

    /// Shares the lock if that needs no waiting. Allowed against the lock order.
    #[inline]
    pub fn try_read(&self) -> Option<SleepReadGuard<'_, P, R, T>> {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (WRITER | WAITING_MASK) == 0 {
            match self.state.compare_exchange_weak(
                state,
                state + READER,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    push::<P, R>();
                    return Some(SleepReadGuard {
                        lock: self,
                        hold: statistics::taken::<P, R>(Found::Free),
                        _here: PhantomData,
                    });
                }
                Err(now) => state = now,
            }
        }
        None
    }

    /// Takes the lock alone; sleeps while anybody holds it.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> SleepWriteGuard<'_, P, R, T> {
        check::<P, R>();
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
        SleepWriteGuard {
            lock: self,
            hold: statistics::taken::<P, R>(found),
            _here: PhantomData,
        }
    }

    /// Takes the lock alone if nobody holds it. Allowed against the lock order.
    #[inline]
    pub fn try_write(&self) -> Option<SleepWriteGuard<'_, P, R, T>> {
        let state = self.state.load(Ordering::Relaxed);
        if !is_free(state)
            || self
                .state
                .compare_exchange(state, state | WRITER, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
        {
            return None;
        }
        push::<P, R>();
        Some(SleepWriteGuard {
            lock: self,
            hold: statistics::taken::<P, R>(Found::Free),
            _here: PhantomData,
        })
    }

    /// Turns a shared guard into the exclusive one if it is the only one. Otherwise the shared guard
    /// is gone too, and the caller looks everything up again.
    pub fn try_upgrade<'a>(
        guard: SleepReadGuard<'a, P, R, T>,
    ) -> Result<SleepWriteGuard<'a, P, R, T>, Released> {
        let lock = guard.lock;
        let mut state = lock.state.load(Ordering::Relaxed);
        while state >> 32 == 1 {
            match lock.state.compare_exchange_weak(
                state,
                state - READER + WRITER,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    let kept = ManuallyDrop::new(guard);
                    return Ok(SleepWriteGuard {
                        lock,
                        hold: kept.hold,
                        _here: PhantomData,
                    });
                }
                Err(now) => state = now,
            }
        }
        drop(guard);
        Err(Released)
    }

    /// The value, through the only reference to the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Whether a writer holds the lock at this moment: for assertions only.
    pub fn is_write_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) & WRITER != 0
    }

    fn writers_event(&self) -> Event {
        Event::of(&self.state)
    }

    fn readers_event(&self) -> Event {
        Event(Event::of(&self.state).0 + 1)
    }

    /// Looks for a while whether the lock comes free: most holders are soon done, and a sleep is two switches and a
    /// call to an idle CPU. `enter` is the state with the caller in, or `None` while it may not enter. Who sleeps is
    /// not overtaken.
    fn look(&self, enter: impl Fn(u64) -> Option<u64>) -> bool {
        for _ in 0..P::LOOKS {
            let state = self.state.load(Ordering::Relaxed);
            if state & (WAITING_MASK | READERS_SLEEP) != 0 {
                return false;
            }
            if enter(state).is_some_and(|next| {
                self.state
                    .compare_exchange(state, next, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            }) {
                return true;
            }
            P::relax();
        }
        false
    }

    #[cold]
    fn wait_shared(&self) {
        if self.look(|state| (state & WRITER == 0).then_some(state + READER)) {
            return;
        }
        loop {
            let state = self.state.load(Ordering::Relaxed);
            if state & (WRITER | WAITING_MASK) == 0 {
                if self
                    .state
                    .compare_exchange_weak(
                        state,
                        state + READER,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    )
                    .is_ok()
                {
                    return;
                }
                continue;
            }
            if state & READERS_SLEEP == 0
                && self
                    .state
                    .compare_exchange_weak(
                        state,
                        state | READERS_SLEEP,
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    )
                    .is_err()
            {
                continue;
            }
            P::assert_wait(self.readers_event());
            // Who clears the mark wakes afterwards: if it still stands, that wakeup is to come.
            if self.state.load(Ordering::Relaxed) & READERS_SLEEP != 0 {
                P::block();
            } else {
                P::clear_wait();
            }
        }
    }

    #[cold]
    fn wait_exclusive(&self) {
        if self.look(|state| is_free(state).then_some(state | WRITER)) {
            return;
        }
        self.state.fetch_add(WAITING, Ordering::Relaxed);
        loop {
            let state = self.state.load(Ordering::Relaxed);
            if is_free(state) {
                if self
                    .state
                    .compare_exchange_weak(
                        state,
                        state - WAITING + WRITER,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    )
                    .is_ok()
                {
                    return;
                }
                continue;
            }
            P::assert_wait(self.writers_event());
            // A holder that is still there sees that a writer waits, and wakes when it lets go.
            if is_free(self.state.load(Ordering::Relaxed)) {
                P::clear_wait();
            } else {
                P::block();
            }
        }
    }

    #[inline]
    fn release_shared(&self) {
        let before = self.state.fetch_sub(READER, Ordering::Release);
        if before & WAITING_MASK != 0 && before >> 32 == 1 {
            P::wakeup(self.writers_event());
        }
    }

    #[inline]
    fn release_exclusive(&self) {
        if self
            .state
            .compare_exchange(WRITER, 0, Ordering::Release, Ordering::Relaxed)
            .is_err()
        {
            self.hand_over(0);
        }
    }

    /// Ends the writer's hold, leaves `readers` in its place, and wakes who goes next.
    #[cold]
    fn hand_over(&self, readers: u64) {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let writers_wait = state & WAITING_MASK != 0;
            // While a writer waits the readers sleep on.
            let keep = if writers_wait {
                !WRITER
            } else {
                !(WRITER | READERS_SLEEP)
            };
            match self.state.compare_exchange_weak(
                state,
                (state & keep) + readers,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) if writers_wait && readers == 0 => return P::wakeup(self.writers_event()),
                Ok(_) if !writers_wait && state & READERS_SLEEP != 0 => {
                    return P::wakeup(self.readers_event());
                }
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
    }
}

/// Neither a writer nor a reader holds the lock.
#[inline]
fn is_free(state: u64) -> bool {
    state & WRITER == 0 && state < READER
}

#[inline]
#[track_caller]
fn check<P: Platform, R: Rank>() {
    if cfg!(debug_assertions) {
        P::with_ranks(|ranks| {
            RankStack::check_sleep(ranks);
            ranks.check::<R>();
        });
    }
}

#[inline]
fn push<P: Platform, R: Rank>() {
    if cfg!(debug_assertions) {
        P::with_ranks(|ranks| ranks.push::<R>(Kind::Sleep));
    }
}

#[inline]
fn pop<P: Platform, R: Rank>() {
    if cfg!(debug_assertions) {
        P::with_ranks(|ranks| ranks.pop::<R>(Kind::Sleep));
    }
}

impl<P, R, T: Default> Default for SleepRwLock<P, R, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// The lock could not be upgraded and is not held any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Released;

/// Shares a [`SleepRwLock`]; dropping it lets go.
#[must_use]
pub struct SleepReadGuard<'a, P: Platform, R: Rank, T: ?Sized> {
    lock: &'a SleepRwLock<P, R, T>,
    hold: Hold,
    /// The rank check counts per thread.
    _here: PhantomData<*mut ()>,
}

// SAFETY: a shared guard gives out shared references to the value and nothing else.
unsafe impl<P: Platform, R: Rank, T: ?Sized + Sync> Sync for SleepReadGuard<'_, P, R, T> {}

impl<'a, P: Platform, R: Rank, T: ?Sized> SleepReadGuard<'a, P, R, T> {
    /// The lock that this guard shares.
    pub fn lock(&self) -> &'a SleepRwLock<P, R, T> {
        self.lock
    }
}

impl<P: Platform, R: Rank, T: ?Sized> Deref for SleepReadGuard<'_, P, R, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: while a reader is counted no writer gets in, and this guard is counted.
        unsafe { &*self.lock.value.get() }
    }
}

impl<P: Platform, R: Rank, T: ?Sized> Drop for SleepReadGuard<'_, P, R, T> {
    #[inline]
    fn drop(&mut self) {
        pop::<P, R>();
        statistics::released::<P, R>(self.hold);
        self.lock.release_shared();
    }
}

/// Holds a [`SleepRwLock`] alone; dropping it lets go.
#[must_use]
pub struct SleepWriteGuard<'a, P: Platform, R: Rank, T: ?Sized> {
    lock: &'a SleepRwLock<P, R, T>,
    hold: Hold,
    _here: PhantomData<*mut ()>,
}

// SAFETY: a shared guard gives out shared references to the value and nothing else.
unsafe impl<P: Platform, R: Rank, T: ?Sized + Sync> Sync for SleepWriteGuard<'_, P, R, T> {}

impl<'a, P: Platform, R: Rank, T: ?Sized> SleepWriteGuard<'a, P, R, T> {
    /// Goes on as a reader without letting a writer in between.
    pub fn downgrade(self) -> SleepReadGuard<'a, P, R, T> {
        let kept = ManuallyDrop::new(self);
        kept.lock.hand_over(READER);
        SleepReadGuard {
            lock: kept.lock,
            hold: kept.hold,
            _here: PhantomData,
        }
    }

    /// The lock that this guard holds.
    pub fn lock(&self) -> &'a SleepRwLock<P, R, T> {
        self.lock
    }
}

impl<P: Platform, R: Rank, T: ?Sized> Deref for SleepWriteGuard<'_, P, R, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the writer mark is this guard's, so nobody else is at the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<P: Platform, R: Rank, T: ?Sized> DerefMut for SleepWriteGuard<'_, P, R, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `&mut self` makes this the only reference through the guard.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<P: Platform, R: Rank, T: ?Sized> Drop for SleepWriteGuard<'_, P, R, T> {
    #[inline]
    fn drop(&mut self) {
        pop::<P, R>();
        statistics::released::<P, R>(self.hold);
        self.lock.release_exclusive();
    }
}
