//! The library's own locks.
//!
//! Owns: a lock of one word whose fast path makes no system call, and the same for a thread that may take
//! it again. Does not own: what programs lock (`pthread::mutex`, which is built on the word).
//! Order: environment, `atexit`, the list of streams, a stream, keys, malloc. `fork` takes those that are
//! not a stream's, so that the child finds whole data behind them.

use crate::pthread;
use abi::Errno;
use abi::thread::{UL_COMPARE_AND_WAIT, ULF_NO_ERRNO, ULF_WAKE_ALL};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{
    AtomicU32, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// How a wait on a word ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// Somebody woke it, the word had another value, or a signal came: look again.
    Perhaps,
    /// Its time was over.
    TimedOut,
}

/// Waits while `word` is `value`, for `timeout` microseconds at most (0: for ever). `operation` says who can
/// wake. `errno` stays as it was.
pub fn wait(operation: u32, word: &AtomicU32, value: u32, timeout: u32) -> Waited {
    let answer = unix!(
        SYS_ULOCK_WAIT,
        operation | ULF_NO_ERRNO,
        word.as_ptr(),
        value,
        timeout
    );
    if answer as i32 == -Errno::ETIMEDOUT.0 {
        Waited::TimedOut
    } else {
        Waited::Perhaps
    }
}

/// Wakes who came first.
pub fn wake_one(operation: u32, word: &AtomicU32) {
    unix!(SYS_ULOCK_WAKE, operation | ULF_NO_ERRNO, word.as_ptr(), 0);
}

/// Wakes all who wait.
pub fn wake_all(operation: u32, word: &AtomicU32) {
    let operation = operation | ULF_NO_ERRNO | ULF_WAKE_ALL;
    unix!(SYS_ULOCK_WAKE, operation, word.as_ptr(), 0);
}

/// The calls by their C names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __ulock_wait(
    operation: u32,
    word: *mut c_void,
    value: u64,
    timeout: u32,
) -> c_int {
    unix!(SYS_ULOCK_WAIT, operation, word, value, timeout) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __ulock_wake(operation: u32, word: *mut c_void, value: u64) -> c_int {
    unix!(SYS_ULOCK_WAKE, operation, word, value) as c_int
}

/// Nobody has it.
const FREE: u32 = 0;
/// Somebody has it.
const HELD: u32 = 1;
/// Somebody has it, and somebody may wait for it.
const WANTED: u32 = 2;

/// A lock of one word.
#[repr(transparent)]
pub struct Word(AtomicU32);

impl Word {
    /// Free.
    pub const fn new() -> Self {
        Self(AtomicU32::new(FREE))
    }

    /// Takes it if it is free.
    #[inline]
    pub fn try_lock(&self) -> bool {
        self.0
            .compare_exchange(FREE, HELD, Acquire, Relaxed)
            .is_ok()
    }

    /// Takes it; waits by `operation`.
    #[inline]
    pub fn lock_by(&self, operation: u32) {
        if !self.try_lock() {
            self.lock_slowly(operation);
        }
    }

    #[cold]
    fn lock_slowly(&self, operation: u32) {
        while self.0.swap(WANTED, Acquire) != FREE {
            wait(operation, &self.0, WANTED, 0);
        }
    }

    /// Gives it up; wakes by `operation`.
    #[inline]
    pub fn unlock_by(&self, operation: u32) {
        if self.0.swap(FREE, Release) == WANTED {
            wake_one(operation, &self.0);
        }
    }

    /// Whether somebody has it at this moment.
    pub fn is_held(&self) -> bool {
        self.0.load(Relaxed) != FREE
    }
}

/// A lock of the library.
pub struct Lock(Word);

impl Lock {
    /// Free.
    pub const fn new() -> Self {
        Self(Word::new())
    }

    /// Takes it until the guard goes.
    #[inline]
    pub fn hold(&self) -> Held<'_> {
        self.lock();
        Held(self)
    }

    /// Takes it.
    #[inline]
    pub fn lock(&self) {
        self.0.lock_by(UL_COMPARE_AND_WAIT);
    }

    /// Gives it up.
    #[inline]
    pub fn unlock(&self) {
        self.0.unlock_by(UL_COMPARE_AND_WAIT);
    }
}

/// A lock that is held.
pub struct Held<'a>(&'a Lock);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

/// A lock that its owner may take again.
pub struct Recursive {
    word: Word,
    /// The owner's `pthread`, or 0. Only the owner finds itself here.
    owner: AtomicUsize,
    /// How often the owner has it.
    depth: AtomicUsize,
}

impl Recursive {
    /// Free.
    pub const fn new() -> Self {
        Self {
            word: Word::new(),
            owner: AtomicUsize::new(0),
            depth: AtomicUsize::new(0),
        }
    }

    /// Takes it.
    #[inline]
    pub fn lock(&self) {
        let me = pthread::current() as usize;
        if self.owner.load(Relaxed) != me {
            self.word.lock_by(UL_COMPARE_AND_WAIT);
            self.owner.store(me, Relaxed);
        }
        self.deepen();
    }

    /// Takes it if no other thread has it.
    pub fn try_lock(&self) -> bool {
        let me = pthread::current() as usize;
        if self.owner.load(Relaxed) != me {
            if !self.word.try_lock() {
                return false;
            }
            self.owner.store(me, Relaxed);
        }
        self.deepen();
        true
    }

    /// The child of a fork has one thread: what others had belongs to nobody.
    pub fn forget_others(&mut self) {
        if self.owner.load(Relaxed) != pthread::current() as usize {
            *self = Self::new();
        }
    }

    fn deepen(&self) {
        self.depth.store(self.depth.load(Relaxed) + 1, Relaxed);
    }

    /// Gives it up once.
    #[inline]
    pub fn unlock(&self) {
        let depth = self.depth.load(Relaxed) - 1;
        self.depth.store(depth, Relaxed);
        if depth == 0 {
            self.owner.store(0, Relaxed);
            self.word.unlock_by(UL_COMPARE_AND_WAIT);
        }
    }
}
