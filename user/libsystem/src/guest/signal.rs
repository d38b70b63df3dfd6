//! signal.h.
//!
//! Owns: C's calls around the kernel's actions. Does not own: the trampoline (`arch`), delivery (the kernel).

use crate::errno;
use abi::Errno;
use abi::signal::{Action, OldAction, SA_RESTART, SIG_DFL, SIG_SETMASK, SIG_UNBLOCK, SigStack};
use core::ffi::{c_char, c_int};
use core::ptr::null_mut;

unsafe extern "C" {
    fn libsystem_sigtramp();
}

/// The highest signal.
const NSIG: c_int = 32;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaction(
    signal: c_int,
    new: *const OldAction,
    old: *mut OldAction,
) -> c_int {
    if new.is_null() {
        return unix!(SYS_SIGACTION, signal, 0, old) as c_int;
    }
    // SAFETY: the caller's action.
    let new = unsafe { &*new };
    let action = Action {
        handler: new.handler,
        trampoline: libsystem_sigtramp as *const () as u64,
        mask: new.mask,
        flags: new.flags,
    };
    unix!(SYS_SIGACTION, signal, &raw const action, old) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn signal(signal: c_int, handler: u64) -> u64 {
    let action = OldAction {
        handler,
        mask: 0,
        flags: SA_RESTART,
    };
    let mut old = OldAction::default();
    // SAFETY: both records are ours.
    if unsafe { sigaction(signal, &action, &mut old) } == 0 {
        old.handler
    } else {
        u64::MAX
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigprocmask(how: c_int, set: *const u32, old: *mut u32) -> c_int {
    unix!(SYS_SIGPROCMASK, how, set, old) as c_int
}

/// The signals that are blocked now.
pub fn current_mask() -> u32 {
    let mut mask = 0;
    // SAFETY: the mask is ours.
    unsafe { sigprocmask(SIG_SETMASK, core::ptr::null(), &mut mask) };
    mask
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigsuspend(mask: *const u32) -> c_int {
    // SAFETY: the caller's mask; the call takes it by value.
    unix!(SYS_SIGSUSPEND, unsafe { *mask }) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaltstack(new: *const SigStack, old: *mut SigStack) -> c_int {
    unix!(SYS_SIGALTSTACK, new, old) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigemptyset(set: *mut u32) -> c_int {
    // SAFETY: the caller's set.
    unsafe { *set = 0 };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigfillset(set: *mut u32) -> c_int {
    // SAFETY: the caller's set.
    unsafe { *set = u32::MAX };
    0
}

/// The bit of a signal in a set.
fn bit(signal: c_int) -> Option<u32> {
    if (1..NSIG).contains(&signal) {
        return Some(1 << (signal - 1));
    }
    errno::set(Errno::EINVAL);
    None
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaddset(set: *mut u32, signal: c_int) -> c_int {
    bit(signal).map_or(-1, |bit| {
        // SAFETY: the caller's set.
        unsafe { *set |= bit };
        0
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigdelset(set: *mut u32, signal: c_int) -> c_int {
    bit(signal).map_or(-1, |bit| {
        // SAFETY: the caller's set.
        unsafe { *set &= !bit };
        0
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigismember(set: *const u32, signal: c_int) -> c_int {
    // SAFETY: the caller's set.
    bit(signal).map_or(-1, |bit| c_int::from(unsafe { *set } & bit != 0))
}

/// Ends this process by `signal`, whatever it had planned for it.
pub fn deliver_default(signal: c_int) {
    let action = OldAction {
        handler: SIG_DFL,
        mask: 0,
        flags: 0,
    };
    let mask = 1u32 << (signal - 1);
    // SAFETY: the records are ours.
    unsafe {
        sigaction(signal, &action, null_mut());
        sigprocmask(SIG_UNBLOCK, &mask, null_mut());
    }
    crate::process::raise(signal);
}

macro_rules! texts {
    ($($number:literal)*) => {
        /// The sentence of a signal, with its NUL.
        fn text(signal: c_int) -> &'static core::ffi::CStr {
            $(
                const { assert!(abi::syscall::signal::text($number).len() < 32) };
                if signal == $number {
                    static TEXT: [u8; 32] = {
                        let from = abi::syscall::signal::text($number).as_bytes();
                        let mut to = [0; 32];
                        let mut i = 0;
                        while i < from.len() {
                            to[i] = from[i];
                            i += 1;
                        }
                        to
                    };
                    return core::ffi::CStr::from_bytes_until_nul(&TEXT).unwrap_or(c"");
                }
            )*
            c"Unknown signal"
        }
    };
}
texts!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);

#[unsafe(no_mangle)]
pub extern "C" fn strsignal(signal: c_int) -> *mut c_char {
    text(signal).as_ptr().cast_mut()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn psignal(signal: c_int, prefix: *const c_char) {
    if !prefix.is_null() {
        // SAFETY: the caller's C string.
        crate::unistd::write_all(2, unsafe { core::ffi::CStr::from_ptr(prefix) }.to_bytes());
        crate::unistd::write_all(2, b": ");
    }
    crate::unistd::write_all(2, text(signal).to_bytes());
    crate::unistd::write_all(2, b"\n");
}
