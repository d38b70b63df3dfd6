//! sys/stat.h, and the calls of sys/time.h that set a file's times.

use abi::stat::Stat64;
use abi::sysctl::Timeval;
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

#[unsafe(no_mangle)]
pub extern "C" fn fchmod(fd: c_int, mode: u16) -> c_int {
    unix!(SYS_FCHMOD, fd, mode) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mknod(path: *const c_char, mode: u16, device: c_int) -> c_int {
    unix!(SYS_MKNOD, path, mode, device) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn utimes(path: *const c_char, times: *const Timeval) -> c_int {
    unix!(SYS_UTIMES, path, times) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn futimes(fd: c_int, times: *const Timeval) -> c_int {
    unix!(SYS_FUTIMES, fd, times) as c_int
}
