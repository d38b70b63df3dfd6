//! dirent.h.
//!
//! Owns: a folder's buffer of records. Does not own: their layout (`abi::stat`).

use crate::{errno, malloc, unistd};
use abi::stat::DirentHead;
use abi::syscall::O_DIRECTORY;
use core::ffi::{c_char, c_int};
use core::ptr::null_mut;

/// Bytes that one call asks for.
const BUFFER: usize = 8192;

/// C's `DIR`.
#[repr(C, align(8))]
pub struct Dir {
    fd: c_int,
    at: usize,
    end: usize,
    base: i64,
    buffer: [u8; BUFFER],
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn opendir(path: *const c_char) -> *mut Dir {
    // SAFETY: the caller's C string.
    let fd = unsafe {
        unistd::libsystem_open(path, (O_DIRECTORY | abi::syscall::O_CLOEXEC) as c_int, 0)
    };
    if fd < 0 {
        return null_mut();
    }
    fdopendir(fd)
}

#[unsafe(no_mangle)]
pub extern "C" fn fdopendir(fd: c_int) -> *mut Dir {
    let dir = malloc::malloc(size_of::<Dir>()).cast::<Dir>();
    if dir.is_null() {
        unistd::close(fd);
        return dir;
    }
    // SAFETY: the block has the record's size; the buffer is written before it is read.
    unsafe {
        (*dir).fd = fd;
        (*dir).at = 0;
        (*dir).end = 0;
        (*dir).base = 0;
    }
    dir
}

/// The next record; the null pointer at the end, or with `errno` set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdir(dir: *mut Dir) -> *mut DirentHead {
    // SAFETY: made by `opendir`; records lie one after the other in the buffer.
    unsafe {
        let dir = &mut *dir;
        if dir.at >= dir.end {
            let got = unix!(
                SYS_GETDIRENTRIES64,
                dir.fd,
                dir.buffer.as_mut_ptr(),
                BUFFER,
                &raw mut dir.base
            );
            if got <= 0 {
                return null_mut();
            }
            dir.at = 0;
            dir.end = got as usize;
        }
        let record = dir.buffer.as_mut_ptr().add(dir.at).cast::<DirentHead>();
        dir.at += usize::from((*record).reclen.max(1));
        record
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rewinddir(dir: *mut Dir) {
    // SAFETY: made by `opendir`.
    unsafe {
        unistd::lseek((*dir).fd, 0, 0);
        (*dir).at = 0;
        (*dir).end = 0;
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn dirfd(dir: *mut Dir) -> c_int {
    // SAFETY: made by `opendir`.
    unsafe { (*dir).fd }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn closedir(dir: *mut Dir) -> c_int {
    // SAFETY: made by `opendir`.
    unsafe {
        let answer = unistd::close((*dir).fd);
        let error = errno::get();
        malloc::free(dir.cast());
        errno::set(error);
        answer
    }
}
