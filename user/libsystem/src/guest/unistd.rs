//! unistd.h, fcntl.h and sys/ioctl.h: descriptors, paths, folders.

use crate::{arch, errno, process};
use abi::Errno;
use abi::proc::MAXPATHLEN;
use abi::syscall::{O_CREAT, O_TRUNC, O_WRONLY, SYS_PIPE};
use abi::termios::TIOCGETA;
use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};

/// Writes all of `bytes`, again where a write was short; gives up at an error.
pub fn write_all(fd: c_int, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let n = unix!(SYS_WRITE, fd, rest.as_ptr(), rest.len());
        match usize::try_from(n) {
            Ok(n) => rest = &rest[n.min(rest.len())..],
            Err(_) if errno::get() == Errno::EINTR => {}
            Err(_) => return false,
        }
    }
    true
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(fd: c_int, buffer: *mut c_void, count: usize) -> isize {
    unix!(SYS_READ, fd, buffer, count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, count: usize) -> isize {
    unix!(SYS_WRITE, fd, buffer, count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread(fd: c_int, buffer: *mut c_void, count: usize, offset: i64) -> isize {
    unix!(SYS_PREAD, fd, buffer, count, offset)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(
    fd: c_int,
    buffer: *const c_void,
    count: usize,
    offset: i64,
) -> isize {
    unix!(SYS_PWRITE, fd, buffer, count, offset)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn readv(fd: c_int, vectors: *const c_void, count: c_int) -> isize {
    unix!(SYS_READV, fd, vectors, count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, vectors: *const c_void, count: c_int) -> isize {
    unix!(SYS_WRITEV, fd, vectors, count)
}

/// `open` after its entry stub, which finds the optional mode.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libsystem_open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unix!(SYS_OPEN, path, flags, mode) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn creat(path: *const c_char, mode: u16) -> c_int {
    unix!(SYS_OPEN, path, O_CREAT | O_TRUNC | O_WRONLY, mode) as c_int
}

/// `fcntl` after its entry stub, which finds the optional argument.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libsystem_fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int {
    unix!(SYS_FCNTL, fd, command, argument) as c_int
}

/// `ioctl` after its entry stub, which finds the optional argument.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libsystem_ioctl(
    fd: c_int,
    request: c_ulong,
    argument: *mut c_void,
) -> c_int {
    unix!(SYS_IOCTL, fd, request, argument) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn close(fd: c_int) -> c_int {
    unix!(SYS_CLOSE, fd) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn lseek(fd: c_int, offset: i64, whence: c_int) -> i64 {
    unix!(SYS_LSEEK, fd, offset, whence) as i64
}

#[unsafe(no_mangle)]
pub extern "C" fn dup(fd: c_int) -> c_int {
    unix!(SYS_DUP, fd) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn dup2(fd: c_int, to: c_int) -> c_int {
    unix!(SYS_DUP2, fd, to) as c_int
}

/// `pipe`: the call answers both ends in registers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pipe(ends: *mut c_int) -> c_int {
    // SAFETY: no arguments.
    match unsafe { arch::unix(SYS_PIPE, [0; 6]) } {
        Ok((from, to)) => {
            // SAFETY: the caller's array of two.
            unsafe {
                *ends = from as c_int;
                *ends.add(1) = to as c_int;
            }
            0
        }
        Err(number) => {
            errno::set(Errno(number));
            -1
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn fsync(fd: c_int) -> c_int {
    unix!(SYS_FSYNC, fd) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(fd: c_int) -> c_int {
    unix!(SYS_FDATASYNC, fd) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn sync() {
    unix!(SYS_SYNC);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn symlink(target: *const c_char, path: *const c_char) -> c_int {
    unix!(SYS_SYMLINK, target, path) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn chown(path: *const c_char, user: c_uint, group: c_uint) -> c_int {
    unix!(SYS_CHOWN, path, user, group) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lchown(path: *const c_char, user: c_uint, group: c_uint) -> c_int {
    unix!(SYS_LCHOWN, path, user, group) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn fchown(fd: c_int, user: c_uint, group: c_uint) -> c_int {
    unix!(SYS_FCHOWN, fd, user, group) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn ftruncate(fd: c_int, length: i64) -> c_int {
    unix!(SYS_FTRUNCATE, fd, length) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn truncate(path: *const c_char, length: i64) -> c_int {
    unix!(SYS_TRUNCATE, path, length) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn access(path: *const c_char, mode: c_int) -> c_int {
    unix!(SYS_ACCESS, path, mode) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    unix!(SYS_UNLINK, path) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(path: *const c_char, new: *const c_char) -> c_int {
    unix!(SYS_LINK, path, new) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(path: *const c_char, new: *const c_char) -> c_int {
    unix!(SYS_RENAME, path, new) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlink(path: *const c_char, buffer: *mut c_char, size: usize) -> isize {
    unix!(SYS_READLINK, path, buffer, size)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    unix!(SYS_RMDIR, path) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn chdir(path: *const c_char) -> c_int {
    unix!(SYS_CHDIR, path) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn fchdir(fd: c_int) -> c_int {
    unix!(SYS_FCHDIR, fd) as c_int
}

/// `fcntl`: the path of an open file.
const F_GETPATH: c_int = 50;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getcwd(buffer: *mut c_char, size: usize) -> *mut c_char {
    let mut path = [0 as c_char; MAXPATHLEN];
    // SAFETY: the calls get a C string and a buffer of the longest path.
    unsafe {
        let fd = libsystem_open(c".".as_ptr(), 0, 0);
        if fd < 0 {
            return core::ptr::null_mut();
        }
        let answer = libsystem_fcntl(fd, F_GETPATH, path.as_mut_ptr() as c_long);
        let error = errno::get();
        close(fd);
        errno::set(error);
        if answer < 0 {
            return core::ptr::null_mut();
        }
        let length = crate::string::strlen(path.as_ptr()) + 1;
        let to = if buffer.is_null() {
            crate::malloc::malloc(length.max(size)).cast()
        } else {
            buffer
        };
        if to.is_null() {
            return to;
        }
        if !buffer.is_null() && size < length {
            errno::set(if size == 0 {
                Errno::EINVAL
            } else {
                Errno::ERANGE
            });
            return core::ptr::null_mut();
        }
        core::ptr::copy_nonoverlapping(path.as_ptr(), to, length);
        to
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn isatty(fd: c_int) -> c_int {
    let mut settings = abi::termios::Termios::default();
    c_int::from(unix!(SYS_IOCTL, fd, TIOCGETA, &raw mut settings) == 0)
}

#[unsafe(no_mangle)]
pub extern "C" fn getpagesize() -> c_int {
    crate::mach::page_size() as c_int
}

/// `sysconf`: bytes of a page.
const SC_PAGESIZE: c_int = 29;
/// `sysconf`: processors that run.
const SC_NPROCESSORS_ONLN: c_int = 58;
/// `sysconf`: processors.
const SC_NPROCESSORS_CONF: c_int = 57;

#[unsafe(no_mangle)]
pub extern "C" fn sysconf(name: c_int) -> c_long {
    match name {
        SC_PAGESIZE => crate::mach::page_size() as c_long,
        SC_NPROCESSORS_CONF | SC_NPROCESSORS_ONLN => {
            crate::sysctl::integer(c"hw.ncpu").unwrap_or(1) as c_long
        }
        _ => {
            errno::set(Errno::EINVAL);
            -1
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn getentropy(buffer: *mut c_void, size: usize) -> c_int {
    unix!(SYS_GETENTROPY, buffer, size) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn umask(mask: u16) -> u16 {
    unix!(SYS_UMASK, mask) as u16
}

#[unsafe(no_mangle)]
pub extern "C" fn pause() -> c_int {
    // SAFETY: an empty mask.
    unsafe { crate::signal::sigsuspend(&crate::signal::current_mask()) }
}

#[unsafe(no_mangle)]
pub extern "C" fn tcgetpgrp(fd: c_int) -> c_int {
    let mut group: c_int = 0;
    if unix!(SYS_IOCTL, fd, abi::termios::TIOCGPGRP, &raw mut group) == 0 {
        group
    } else {
        -1
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn tcsetpgrp(fd: c_int, group: c_int) -> c_int {
    unix!(SYS_IOCTL, fd, abi::termios::TIOCSPGRP, &raw const group) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn getpgid(pid: c_int) -> c_int {
    if pid == 0 || pid == process::getpid() {
        return process::getpgrp();
    }
    match crate::libproc::bsd_info(pid) {
        Some(info) => info.pgid as c_int,
        None => -1,
    }
}
