//! Streams and threads: who uses a stream has it for himself.

use super::stream::{FILE, each_listed};
use core::ffi::c_int;

/// A stream that this thread alone uses, until the guard goes.
pub(super) struct Busy(*mut FILE);

/// Takes a stream; the thread may have it already.
///
/// # Safety
/// The stream is open, or a standard one.
#[inline]
pub(super) unsafe fn hold(stream: *mut FILE) -> Busy {
    // SAFETY: the caller's stream.
    unsafe { (*stream).lock.lock() };
    Busy(stream)
}

/// Takes a stream unless another thread has it.
///
/// # Safety
/// As for [`hold`].
pub(super) unsafe fn try_hold(stream: *mut FILE) -> Option<Busy> {
    // SAFETY: the caller's stream.
    unsafe { (*stream).lock.try_lock() }.then_some(Busy(stream))
}

impl core::ops::Deref for Busy {
    type Target = FILE;
    fn deref(&self) -> &FILE {
        // SAFETY: the stream lives while it is held.
        unsafe { &*self.0 }
    }
}

impl core::ops::DerefMut for Busy {
    fn deref_mut(&mut self) -> &mut FILE {
        // SAFETY: as above; no other thread has it.
        unsafe { &mut *self.0 }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.lock.unlock();
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn flockfile(stream: *mut FILE) {
    // SAFETY: the caller's stream.
    core::mem::forget(unsafe { hold(stream) });
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftrylockfile(stream: *mut FILE) -> c_int {
    // SAFETY: the caller's stream.
    let held = unsafe { try_hold(stream) };
    let failed = c_int::from(held.is_none());
    core::mem::forget(held);
    failed
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn funlockfile(stream: *mut FILE) {
    drop(Busy(stream));
}

/// The child of a fork has one thread: what others had belongs to nobody.
pub fn after_fork() {
    // SAFETY: living streams, and no other thread.
    each_listed(|stream| unsafe { (*stream).lock.forget_others() });
}
