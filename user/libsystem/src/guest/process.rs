//! Processes: end, fork, exec, wait, kill, numbers.
//!
//! Owns: the `atexit` list. Does not own: `posix_spawn` (`spawn`), signals' handlers (`signal`).

use crate::lock::Lock;
use crate::{arch, environment, errno, malloc, pthread, signal, stdio, string};
use abi::Errno;
use abi::proc::Rusage;
use abi::syscall::{SYS_FORK, signal::SIGABRT};
use core::ffi::{c_char, c_int, c_uint};
use core::ptr::{null, null_mut};

/// The most functions that `atexit` takes.
const AT_EXIT: usize = 64;
static mut HANDLERS: [Option<extern "C" fn()>; AT_EXIT] = [None; AT_EXIT];
static mut HANDLER_COUNT: usize = 0;
/// Held while somebody uses these two.
static AT_EXIT_LIST: Lock = Lock::new();

#[unsafe(no_mangle)]
pub extern "C" fn atexit(function: extern "C" fn()) -> c_int {
    let _held = AT_EXIT_LIST.hold();
    // SAFETY: the list is held; the count stays within the array.
    unsafe {
        if HANDLER_COUNT == AT_EXIT {
            errno::set(Errno::ENOMEM);
            return -1;
        }
        HANDLERS[HANDLER_COUNT] = Some(function);
        HANDLER_COUNT += 1;
    }
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn exit(status: c_int) -> ! {
    while let Some(function) = last_handler() {
        function();
    }
    // SAFETY: a null stream means all.
    unsafe { stdio::fflush(null_mut()) };
    _exit(status)
}

/// Takes the last function off the `atexit` list. One that runs may add more, which then run too.
fn last_handler() -> Option<extern "C" fn()> {
    let _held = AT_EXIT_LIST.hold();
    // SAFETY: the list is held; the count stays within the array.
    unsafe {
        HANDLER_COUNT = HANDLER_COUNT.checked_sub(1)?;
        HANDLERS[HANDLER_COUNT]
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn _exit(status: c_int) -> ! {
    unix!(SYS_EXIT, status);
    arch::trap()
}

#[unsafe(no_mangle)]
pub extern "C" fn _Exit(status: c_int) -> ! {
    _exit(status)
}

#[unsafe(no_mangle)]
pub extern "C" fn abort() -> ! {
    signal::deliver_default(SIGABRT as c_int);
    arch::trap()
}

/// What the library's data is behind, in the order of the locks: the child of a fork, which has one
/// thread, must find it whole.
static DATA: [&Lock; 5] = [
    &environment::ENVIRONMENT,
    &AT_EXIT_LIST,
    &stdio::STREAMS,
    &pthread::key::KEYS,
    &malloc::HEAP,
];

/// `fork`: the second result tells parent (0) and child (1) apart.
#[unsafe(no_mangle)]
pub extern "C" fn fork() -> c_int {
    DATA.iter().for_each(|lock| lock.lock());
    // SAFETY: no arguments; the child gets a copy of everything this function uses.
    let answer = unsafe { arch::unix(SYS_FORK, [0; 6]) };
    if let Ok((_, 1)) = answer {
        pthread::after_fork();
        stdio::after_fork();
    }
    DATA.iter().rev().for_each(|lock| lock.unlock());
    match answer {
        Ok((_, 1)) => 0,
        Ok((pid, _)) => pid as c_int,
        Err(number) => {
            errno::set(Errno(number));
            -1
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn vfork() -> c_int {
    fork()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn execve(
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    unix!(SYS_EXECVE, path, argv, envp) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn execv(path: *const c_char, argv: *const *const c_char) -> c_int {
    // SAFETY: the caller's vectors.
    unsafe { execve(path, argv, crate::environment::environ.cast()) }
}

/// Where `execvp` looks when there is no `PATH`.
const DEFAULT_PATH: &core::ffi::CStr = c"/bin:/usr/bin";

/// Calls `attempt` with `file`, or with each directory of `PATH` before it, until it does not fail
/// with "not there"; answers its last answer, an error number.
pub unsafe fn search_path(
    file: *const c_char,
    mut attempt: impl FnMut(*const c_char) -> c_int,
) -> c_int {
    // SAFETY: C strings; the buffer is bounded by its checks.
    unsafe {
        if !string::strchr(file, i32::from(b'/')).is_null() {
            return attempt(file);
        }
        let length = string::strlen(file);
        let mut at = crate::environment::getenv(c"PATH".as_ptr()).cast_const();
        if at.is_null() {
            at = DEFAULT_PATH.as_ptr();
        }
        let mut buffer = [0 as c_char; abi::proc::MAXPATHLEN];
        let mut answer = Errno::ENOENT.0;
        loop {
            let end = string::strcspn(at, c":".as_ptr());
            if length != 0 && end + length + 2 <= buffer.len() {
                core::ptr::copy_nonoverlapping(at, buffer.as_mut_ptr(), end);
                let mut n = end;
                if n != 0 {
                    buffer[n] = b'/' as c_char;
                    n += 1;
                }
                core::ptr::copy_nonoverlapping(file, buffer.as_mut_ptr().add(n), length + 1);
                let error = attempt(buffer.as_ptr());
                match Errno(error) {
                    Errno::ENOENT | Errno::ENOTDIR => {}
                    Errno::EACCES => answer = error,
                    _ => return error,
                }
            }
            if *at.add(end) == 0 {
                return answer;
            }
            at = at.add(end + 1);
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvp(file: *const c_char, argv: *const *const c_char) -> c_int {
    // SAFETY: the caller's vectors.
    unsafe {
        let error = search_path(file, |path| {
            execv(path, argv);
            errno::get().0
        });
        errno::set(Errno(error));
    }
    -1
}

/// The most arguments of `execl`.
const LIST: usize = 256;

unsafe fn list(
    first: *const c_char,
    mut args: arch::VaList,
    run: impl Fn(*const *const c_char) -> c_int,
) -> c_int {
    let mut argv = [null::<c_char>(); LIST];
    argv[0] = first;
    for at in 1..LIST {
        if argv[at - 1].is_null() {
            return run(argv.as_ptr());
        }
        // SAFETY: the caller ends its list with a null pointer.
        argv[at] = unsafe { arch::va_integer(&mut args) } as *const c_char;
    }
    errno::set(Errno::E2BIG);
    -1
}

/// `execl` after its entry stub: `first` is argv[0], `args` holds what follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libsystem_execl(
    path: *const c_char,
    first: *const c_char,
    args: arch::VaList,
) -> c_int {
    // SAFETY: as `execv`.
    unsafe { list(first, args, |argv| execv(path, argv)) }
}

/// `execlp` after its entry stub.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libsystem_execlp(
    file: *const c_char,
    first: *const c_char,
    args: arch::VaList,
) -> c_int {
    // SAFETY: as `execvp`.
    unsafe { list(first, args, |argv| execvp(file, argv)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn wait4(
    pid: c_int,
    status: *mut c_int,
    options: c_int,
    usage: *mut Rusage,
) -> c_int {
    unix!(SYS_WAIT4, pid, status, options, usage) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int {
    // SAFETY: the caller's pointer.
    unsafe { wait4(pid, status, options, null_mut()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn wait(status: *mut c_int) -> c_int {
    // SAFETY: the caller's pointer.
    unsafe { wait4(-1, status, 0, null_mut()) }
}

#[unsafe(no_mangle)]
pub extern "C" fn getpid() -> c_int {
    unix!(SYS_GETPID) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn getppid() -> c_int {
    unix!(SYS_GETPPID) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn getpgrp() -> c_int {
    unix!(SYS_GETPGRP) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn setpgid(pid: c_int, group: c_int) -> c_int {
    unix!(SYS_SETPGID, pid, group) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn setsid() -> c_int {
    unix!(SYS_SETSID) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn setuid(user: c_uint) -> c_int {
    unix!(SYS_SETUID, user) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn getuid() -> c_uint {
    unix!(SYS_GETUID) as c_uint
}

#[unsafe(no_mangle)]
pub extern "C" fn geteuid() -> c_uint {
    unix!(SYS_GETEUID) as c_uint
}

#[unsafe(no_mangle)]
pub extern "C" fn getgid() -> c_uint {
    unix!(SYS_GETGID) as c_uint
}

#[unsafe(no_mangle)]
pub extern "C" fn getegid() -> c_uint {
    unix!(SYS_GETEGID) as c_uint
}

#[unsafe(no_mangle)]
pub extern "C" fn kill(pid: c_int, signal: c_int) -> c_int {
    // Darwin's third argument asks for POSIX behaviour.
    unix!(SYS_KILL, pid, signal, 1) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn killpg(group: c_int, signal: c_int) -> c_int {
    kill(-group, signal)
}

#[unsafe(no_mangle)]
pub extern "C" fn raise(signal: c_int) -> c_int {
    // SAFETY: the running thread.
    let error = unsafe { pthread::signal::pthread_kill(pthread::current(), signal) };
    if error == 0 {
        return 0;
    }
    errno::set(Errno(error));
    -1
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrusage(who: c_int, usage: *mut Rusage) -> c_int {
    unix!(SYS_GETRUSAGE, who, usage) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrlimit(resource: c_int, limit: *mut u64) -> c_int {
    unix!(SYS_GETRLIMIT, resource, limit) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn setrlimit(resource: c_int, limit: *const u64) -> c_int {
    unix!(SYS_SETRLIMIT, resource, limit) as c_int
}
