//! What is done once.

use crate::lock;
use abi::Errno;
use abi::thread::UL_COMPARE_AND_WAIT;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};

/// `__sig` of a `pthread_once_t`.
const SIGNATURE: u64 = 0x30b1_bcba;

/// Nobody has begun.
const NEW: u32 = 0;
/// Somebody is at it.
const RUNNING: u32 = 1;
/// Somebody is at it, and others wait.
const AWAITED: u32 = 2;
/// It is done.
const DONE: u32 = 3;

/// `pthread_once_t`: 16 bytes.
#[repr(C)]
pub struct Once {
    signature: u64,
    state: AtomicU32,
    pad: u32,
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_once(control: *mut Once, routine: extern "C" fn()) -> c_int {
    // SAFETY: the caller's control block, or null.
    let Some(once) = (unsafe { control.as_ref() }).filter(|once| once.signature == SIGNATURE)
    else {
        return Errno::EINVAL.0;
    };
    loop {
        let begun = once
            .state
            .compare_exchange(NEW, RUNNING, Ordering::Acquire, Ordering::Acquire);
        match begun {
            Ok(_) => {
                routine();
                if once.state.swap(DONE, Ordering::Release) == AWAITED {
                    lock::wake_all(UL_COMPARE_AND_WAIT, &once.state);
                }
                return 0;
            }
            Err(DONE) => return 0,
            Err(state) => {
                let marked = once.state.compare_exchange(
                    state,
                    AWAITED,
                    Ordering::Acquire,
                    Ordering::Acquire,
                );
                if marked.is_ok() {
                    lock::wait(UL_COMPARE_AND_WAIT, &once.state, AWAITED, 0);
                }
            }
        }
    }
}
