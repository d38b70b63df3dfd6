//! libSystem's functions by their C names; the headers in user/sdk document them.

use abi::mount::Statfs64;
use abi::proc::Rusage;
use abi::region::ZoneInfo;
use abi::signal::OldAction;
use abi::stat::{DirentHead, Stat64, Timespec};
use abi::sysctl::Timeval;
use abi::termios::Termios;
use core::ffi::{c_char, c_int, c_uint, c_void};

unsafe extern "C" {
    pub static mut environ: *mut *mut c_char;

    pub fn malloc(size: usize) -> *mut c_void;
    pub fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void;
    pub fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    pub fn free(pointer: *mut c_void);
    pub fn __error() -> *mut c_int;
    pub fn strerror(number: c_int) -> *const c_char;
    pub fn _exit(status: c_int) -> !;
    pub fn getenv(name: *const c_char) -> *const c_char;
    pub fn setenv(name: *const c_char, value: *const c_char, overwrite: c_int) -> c_int;
    pub fn unsetenv(name: *const c_char) -> c_int;

    pub fn read(fd: c_int, to: *mut c_void, count: usize) -> isize;
    pub fn write(fd: c_int, from: *const c_void, count: usize) -> isize;
    pub fn pread(fd: c_int, to: *mut c_void, count: usize, offset: i64) -> isize;
    pub fn pwrite(fd: c_int, from: *const c_void, count: usize, offset: i64) -> isize;
    pub fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    pub fn close(fd: c_int) -> c_int;
    pub fn dup2(fd: c_int, to: c_int) -> c_int;
    pub fn pipe(ends: *mut c_int) -> c_int;
    pub fn isatty(fd: c_int) -> c_int;
    pub fn access(path: *const c_char, mode: c_int) -> c_int;
    pub fn chdir(path: *const c_char) -> c_int;
    pub fn getcwd(buffer: *mut c_char, size: usize) -> *mut c_char;
    pub fn readlink(path: *const c_char, buffer: *mut c_char, size: usize) -> isize;
    pub fn stat(path: *const c_char, to: *mut Stat64) -> c_int;
    pub fn lstat(path: *const c_char, to: *mut Stat64) -> c_int;
    pub fn mkdir(path: *const c_char, mode: u16) -> c_int;
    pub fn rmdir(path: *const c_char) -> c_int;
    pub fn unlink(path: *const c_char) -> c_int;
    pub fn rename(path: *const c_char, new: *const c_char) -> c_int;
    pub fn link(path: *const c_char, new: *const c_char) -> c_int;
    pub fn symlink(target: *const c_char, path: *const c_char) -> c_int;
    pub fn chmod(path: *const c_char, mode: u16) -> c_int;
    pub fn umask(mask: u16) -> u16;
    pub fn utimes(path: *const c_char, times: *const Timeval) -> c_int;
    pub fn lseek(fd: c_int, offset: i64, whence: c_int) -> i64;
    pub fn ftruncate(fd: c_int, length: i64) -> c_int;
    pub fn fsync(fd: c_int) -> c_int;
    pub fn sync();
    pub fn statfs(path: *const c_char, to: *mut Statfs64) -> c_int;
    pub fn getfsstat(to: *mut Statfs64, bytes: c_int, flags: c_int) -> c_int;
    pub fn mount(
        kind: *const c_char,
        directory: *const c_char,
        flags: c_int,
        data: *mut c_void,
    ) -> c_int;
    pub fn unmount(directory: *const c_char, flags: c_int) -> c_int;
    pub fn opendir(path: *const c_char) -> *mut c_void;
    pub fn readdir(dir: *mut c_void) -> *const DirentHead;
    pub fn closedir(dir: *mut c_void) -> c_int;

    pub fn fork() -> c_int;
    pub fn execvp(file: *const c_char, argv: *const *const c_char) -> c_int;
    pub fn wait4(pid: c_int, status: *mut c_int, options: c_int, usage: *mut Rusage) -> c_int;
    pub fn getpid() -> c_int;
    pub fn getpgrp() -> c_int;
    pub fn setpgid(pid: c_int, group: c_int) -> c_int;
    pub fn tcsetpgrp(fd: c_int, group: c_int) -> c_int;
    pub fn tcgetattr(fd: c_int, to: *mut Termios) -> c_int;
    pub fn tcsetattr(fd: c_int, action: c_int, from: *const Termios) -> c_int;
    pub fn kill(pid: c_int, signal: c_int) -> c_int;
    pub fn sched_yield() -> c_int;
    pub fn sigaction(signal: c_int, new: *const OldAction, old: *mut OldAction) -> c_int;
    pub fn nanosleep(wanted: *const Timespec, left: *mut Timespec) -> c_int;
    pub fn time(to: *mut i64) -> i64;
    pub fn gettimeofday(to: *mut Timeval, zone: *mut c_void) -> c_int;

    pub fn mmap(
        address: *mut c_void,
        length: usize,
        protection: c_int,
        flags: c_int,
        fd: c_int,
        offset: i64,
    ) -> *mut c_void;
    pub fn mprotect(address: *mut c_void, length: usize, protection: c_int) -> c_int;
    pub fn munmap(address: *mut c_void, length: usize) -> c_int;
    pub fn msync(address: *mut c_void, length: usize, flags: c_int) -> c_int;
    pub fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    pub fn minherit(address: *mut c_void, length: usize, inheritance: c_int) -> c_int;
    pub fn pthread_create(
        thread: *mut *mut c_void,
        attributes: *const c_void,
        start: extern "C" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void,
    ) -> c_int;
    pub fn pthread_join(thread: *mut c_void, result: *mut *mut c_void) -> c_int;
    pub fn shm_unlink(name: *const c_char) -> c_int;
    pub fn vellum_unix(number: c_uint, args: *const [u64; 6], result: *mut u64) -> c_int;
    pub fn vellum_mach(number: c_uint, args: *const [u64; 6]) -> c_int;
    pub fn vellum_vm_objects(
        task: c_uint,
        address: *mut u64,
        depth: *mut c_uint,
        bytes: *mut u8,
        size: *mut u64,
    ) -> c_int;
    pub fn vellum_audit(report: *mut u64) -> c_int;

    pub fn mach_host_self() -> c_uint;
    pub fn mach_task_self() -> c_uint;
    pub fn mach_error_string(code: c_int) -> *const c_char;
    pub fn task_for_pid(target: c_uint, pid: c_int, task: *mut c_uint) -> c_int;
    pub fn task_info(task: c_uint, flavor: c_uint, info: *mut c_int, count: *mut c_uint) -> c_int;
    pub fn host_statistics64(
        host: c_uint,
        flavor: c_int,
        info: *mut c_int,
        count: *mut c_uint,
    ) -> c_int;
    pub fn host_page_size(host: c_uint, size: *mut usize) -> c_int;
    pub fn mach_vm_region_recurse(
        task: c_uint,
        address: *mut u64,
        size: *mut u64,
        depth: *mut c_uint,
        info: *mut c_int,
        count: *mut c_uint,
    ) -> c_int;
    pub fn vellum_zone_info(
        host: c_uint,
        names: *mut c_char,
        info: *mut ZoneInfo,
        count: *mut c_uint,
    ) -> c_int;
    pub fn proc_pidinfo(
        pid: c_int,
        flavor: c_int,
        argument: u64,
        buffer: *mut c_void,
        size: c_int,
    ) -> c_int;
    pub fn proc_pidpath(pid: c_int, buffer: *mut c_void, size: c_uint) -> c_int;
    pub fn sysctl(
        name: *const c_int,
        count: c_uint,
        old: *mut c_void,
        old_size: *mut usize,
        new: *const c_void,
        new_size: usize,
    ) -> c_int;
}
