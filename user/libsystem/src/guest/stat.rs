//! sys/stat.h.

use abi::stat::Stat64;
use core::ffi::{c_char, c_int};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn stat(path: *const c_char, to: *mut Stat64) -> c_int {
    unix!(SYS_STAT64, path, to) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstat(path: *const c_char, to: *mut Stat64) -> c_int {
    unix!(SYS_LSTAT64, path, to) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstat(fd: c_int, to: *mut Stat64) -> c_int {
    unix!(SYS_FSTAT64, fd, to) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn chmod(path: *const c_char, mode: u16) -> c_int {
    unix!(SYS_CHMOD, path, mode) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: u16) -> c_int {
    unix!(SYS_MKDIR, path, mode) as c_int
}
