//! vellum.h: any system call by its number, for programs that try them all.

use crate::arch;
use core::ffi::{c_int, c_uint};

/// A BSD call: its errno, or 0 and its first result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vellum_unix(
    number: c_uint,
    args: *const [u64; 6],
    result: *mut u64,
) -> c_int {
    // SAFETY: six words of the caller's, who keeps the call's contract and has a place for the result.
    unsafe {
        match arch::unix(number, *args) {
            Ok((first, _)) => {
                *result = first;
                0
            }
            Err(error) => error,
        }
    }
}

/// A Mach trap: its result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vellum_mach(number: c_uint, args: *const [u64; 6]) -> c_int {
    // SAFETY: six words of the caller's, who keeps the trap's contract.
    unsafe { arch::mach(number, *args) as c_int }
}
