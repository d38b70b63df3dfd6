//! Signals of threads.

use super::{Thread, state, thread};
use crate::errno;
use abi::Errno;
use core::ffi::c_int;
use core::sync::atomic::Ordering;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_kill(to: *mut Thread, signal: c_int) -> c_int {
    let found = match thread(to) {
        Ok(found) if found.state.load(Ordering::Acquire) != state::ENDED => found,
        _ => return Errno::ESRCH.0,
    };
    let saved = errno::get();
    let answer = unix!(SYS_PTHREAD_KILL, found.port(), signal);
    let error = errno::get();
    errno::set(saved);
    if answer == 0 { 0 } else { error.0 }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_sigmask(how: c_int, set: *const u32, old: *mut u32) -> c_int {
    let saved = errno::get();
    let answer = unix!(SYS_PTHREAD_SIGMASK, how, set, old);
    let error = errno::get();
    errno::set(saved);
    if answer == 0 { 0 } else { error.0 }
}
