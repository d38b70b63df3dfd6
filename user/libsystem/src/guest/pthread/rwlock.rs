//! Locks for many readers or one writer.
//!
//! One word: how many read, or that somebody writes; another counts releases, so that who waits sleeps
//! while nothing was released. Readers go before writers: who reads already may read again.

use super::{code, current};
use crate::lock;
use abi::Errno;
use abi::thread::UL_COMPARE_AND_WAIT;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};

/// `__sig` of a reader-writer lock.
const SIGNATURE: u64 = 0x2da8_b3b4;
/// In `state`: somebody writes.
const WRITING: u32 = u32::MAX;
/// The most readers.
const READERS: u32 = u32::MAX - 1;

/// `pthread_rwlock_t`: 200 bytes.
#[repr(C)]
pub struct ReadWrite {
    signature: u64,
    state: AtomicU32,
    /// Counted up where it became free.
    releases: AtomicU32,
    waiters: AtomicU32,
    pad: u32,
    /// Who writes.
    writer: AtomicUsize,
    more: [u64; 21],
}

const _: () = assert!(size_of::<ReadWrite>() == 200);

/// Whether a lock waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Wait,
    Hurry,
}

impl ReadWrite {
    fn take(&self, patience: Patience, next: impl Fn(u32) -> Option<u32>) -> Result<(), Errno> {
        loop {
            let releases = self.releases.load(SeqCst);
            let Err(_) = self.state.fetch_update(SeqCst, SeqCst, &next) else {
                return Ok(());
            };
            if patience == Patience::Hurry {
                return Err(Errno::EBUSY);
            }
            self.waiters.fetch_add(1, SeqCst);
            // Who released it before this thread was counted woke nobody: look once more.
            if self.state.fetch_update(SeqCst, SeqCst, &next).is_ok() {
                self.waiters.fetch_sub(1, SeqCst);
                return Ok(());
            }
            lock::wait(UL_COMPARE_AND_WAIT, &self.releases, releases, 0);
            self.waiters.fetch_sub(1, SeqCst);
        }
    }

    fn read(&self, patience: Patience) -> Result<(), Errno> {
        if self.writer.load(SeqCst) == current() as usize {
            return Err(Errno::EDEADLK);
        }
        self.take(patience, |state| (state < READERS).then(|| state + 1))
    }

    fn write(&self, patience: Patience) -> Result<(), Errno> {
        if self.writer.load(SeqCst) == current() as usize {
            return Err(Errno::EDEADLK);
        }
        self.take(patience, |state| (state == 0).then_some(WRITING))?;
        self.writer.store(current() as usize, SeqCst);
        Ok(())
    }

    fn release(&self) -> Result<(), Errno> {
        let before = if self.state.load(SeqCst) == WRITING {
            if self.writer.swap(0, SeqCst) != current() as usize {
                return Err(Errno::EPERM);
            }
            self.state.swap(0, SeqCst)
        } else {
            let fewer = |state: u32| state.checked_sub(1);
            self.state
                .fetch_update(SeqCst, SeqCst, fewer)
                .map_err(|_| Errno::EPERM)?
        };
        if before == WRITING || before == 1 {
            self.releases.fetch_add(1, SeqCst);
            if self.waiters.load(SeqCst) != 0 {
                lock::wake_all(UL_COMPARE_AND_WAIT, &self.releases);
            }
        }
        Ok(())
    }
}

fn with(of: *mut ReadWrite, act: impl FnOnce(&ReadWrite) -> Result<(), Errno>) -> c_int {
    // SAFETY: the caller's lock, or null.
    let found = unsafe { of.as_ref() }.filter(|lock| lock.signature == SIGNATURE);
    code(found.ok_or(Errno::EINVAL).and_then(act))
}

/// There are no attributes but the default ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_init(
    to: *mut ReadWrite,
    _attributes: *const c_void,
) -> c_int {
    // SAFETY: the caller's room for a lock; all zeros are a value.
    unsafe {
        to.write_bytes(0, 1);
        (*to).signature = SIGNATURE;
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_destroy(of: *mut ReadWrite) -> c_int {
    let checked = with(of, |lock| {
        if lock.state.load(SeqCst) == 0 {
            Ok(())
        } else {
            Err(Errno::EBUSY)
        }
    });
    if checked == 0 {
        // SAFETY: the caller's lock, which nobody uses any more.
        unsafe { (*of).signature = 0 };
    }
    checked
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_rdlock(of: *mut ReadWrite) -> c_int {
    with(of, |lock| lock.read(Patience::Wait))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_tryrdlock(of: *mut ReadWrite) -> c_int {
    with(of, |lock| lock.read(Patience::Hurry))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_wrlock(of: *mut ReadWrite) -> c_int {
    with(of, |lock| lock.write(Patience::Wait))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_trywrlock(of: *mut ReadWrite) -> c_int {
    with(of, |lock| lock.write(Patience::Hurry))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_unlock(of: *mut ReadWrite) -> c_int {
    with(of, ReadWrite::release)
}
