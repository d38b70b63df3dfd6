//! sys/mount.h.

use abi::mount::Statfs64;
use core::ffi::{c_char, c_int, c_void};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn statfs(path: *const c_char, to: *mut Statfs64) -> c_int {
    unix!(SYS_STATFS64, path, to) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstatfs(fd: c_int, to: *mut Statfs64) -> c_int {
    unix!(SYS_FSTATFS64, fd, to) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getfsstat(to: *mut Statfs64, bytes: c_int, flags: c_int) -> c_int {
    unix!(SYS_GETFSSTAT64, to, bytes, flags) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mount(
    kind: *const c_char,
    directory: *const c_char,
    flags: c_int,
    data: *mut c_void,
) -> c_int {
    unix!(SYS_MOUNT, kind, directory, flags, data) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unmount(directory: *const c_char, flags: c_int) -> c_int {
    unix!(SYS_UNMOUNT, directory, flags) as c_int
}
