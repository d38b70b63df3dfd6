//! `errno`, of which every thread has its own, and its sentences.

use crate::pthread;
use abi::Errno;
use core::ffi::{c_char, c_int};

/// Where `errno` is (the macro of errno.h).
#[unsafe(no_mangle)]
pub extern "C" fn __error() -> *mut c_int {
    pthread::errno_place()
}

/// Sets `errno`.
pub fn set(error: Errno) {
    // SAFETY: the running thread's own.
    unsafe { *pthread::errno_place() = error.0 };
}

/// Reads `errno`.
pub fn get() -> Errno {
    // SAFETY: the running thread's own.
    Errno(unsafe { *pthread::errno_place() })
}

/// A call's first result, or -1 with `errno` set.
#[inline]
pub fn answer(result: Result<(u64, u64), i32>) -> isize {
    match result {
        Ok((value, _)) => value as isize,
        Err(number) => {
            set(Errno(number));
            -1
        }
    }
}

/// Room for `strerror`'s answer: as C has it, the next call overwrites it, whichever thread's.
static mut UNKNOWN: [u8; 32] = [0; 32];

#[unsafe(no_mangle)]
pub extern "C" fn strerror(number: c_int) -> *mut c_char {
    let buffer = &raw mut UNKNOWN;
    // SAFETY: the buffer lives for ever.
    unsafe { strerror_r(number, buffer.cast(), 32) };
    buffer.cast()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strerror_r(number: c_int, buffer: *mut c_char, size: usize) -> c_int {
    let known = number == 0 || Errno(number).name() != "?";
    let mut text = crate::format::Fixed::<64>::new();
    match number {
        0 => text.push(b"Undefined error: 0"),
        _ if known => text.push(Errno(number).text().as_bytes()),
        _ => {
            text.push(b"Unknown error: ");
            text.push_decimal(i64::from(number));
        }
    }
    if size != 0 {
        let n = text.bytes().len().min(size - 1);
        // SAFETY: the caller's buffer holds `size` bytes.
        unsafe {
            core::ptr::copy_nonoverlapping(text.bytes().as_ptr(), buffer.cast(), n);
            *buffer.add(n) = 0;
        }
    }
    if !known {
        Errno::EINVAL.0
    } else if text.bytes().len() >= size {
        Errno::ERANGE.0
    } else {
        0
    }
}
