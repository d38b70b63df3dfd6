//! pthread.h.
//!
//! Owns: what a thread of a program is: its record, which its thread pointer leads to. Does not own: the
//! threads of the kernel, which it drives by `bsdthread_*` and `ulock_*`.
//!
//! The record of a made thread lies above its stack, in the same mapping: guard, stack, record, the block of
//! `_Thread_local` variables. The first thread's is static. The thread pointer leads to the record's array of
//! thread-specific data, whose first words are the library's (`slot`).

mod attr;
mod cond;
mod create;
pub(crate) mod key;
mod mutex;
mod once;
mod rwlock;
pub(crate) mod signal;
mod tlv;

use crate::{arch, mach, start};
use abi::Errno;
use core::ffi::{c_int, c_void};
use core::mem::offset_of;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

pub use create::pthread_exit;
use key::PTHREAD_KEYS_MAX;

/// The library's own words of thread-specific data, as the assembly knows them.
pub mod slot {
    /// The record.
    pub const RECORD: usize = 0;
    /// Where `errno` is.
    pub const ERRNO: usize = 1;
    /// The block of `_Thread_local` variables.
    pub const TLV: usize = 2;
    /// The thread's port, which the kernel writes.
    pub const PORT: usize = 3;
    /// The keys of programs begin here.
    pub const KEYS: usize = 8;
}

/// Words of thread-specific data.
const WORDS: usize = slot::KEYS + PTHREAD_KEYS_MAX;
/// `__sig` of a thread.
const SIGNATURE: u64 = 0x5448_5244;

/// In `gate` until the kernel writes the port without its low two bits there: the thread is alive.
const ALIVE: u32 = 3;

/// What a thread does when it ends, in `state`.
mod state {
    /// Somebody may join it.
    pub const JOINABLE: u32 = 0;
    /// Nobody may: all of it goes with it.
    pub const DETACHED: u32 = 1;
    /// It ended, or is about to, and somebody may join it.
    pub const ENDED: u32 = 2;
    /// Somebody joins it.
    pub const JOINING: u32 = 3;
}

/// Memory of a thread, in bytes from `start`.
#[derive(Clone, Copy)]
struct Mapping {
    start: usize,
    size: usize,
    /// Bytes of guard and stack, in front of the record's pages; 0 if the stack is the program's own.
    stack: usize,
}

/// A thread; a `pthread_t` points to it. C knows the first two words.
#[repr(C)]
pub struct Thread {
    signature: u64,
    /// The handlers that `pthread_cleanup_push` pushed, the last one first.
    cleanup: *mut CleanupHandler,
    /// What its joiner waits on.
    gate: AtomicU32,
    state: AtomicU32,
    errno: c_int,
    /// Boolean: the first thread.
    main: u32,
    function: Option<extern "C" fn(*mut c_void) -> *mut c_void>,
    argument: *mut c_void,
    result: *mut c_void,
    mapping: Mapping,
    /// One past the stack's highest byte, and its size in bytes.
    stack_top: usize,
    stack_size: usize,
    specific: [*mut c_void; WORDS],
}

/// A handler of `pthread_cleanup_push`, in the frame that pushed it.
#[repr(C)]
struct CleanupHandler {
    routine: extern "C" fn(*mut c_void),
    argument: *mut c_void,
    next: *mut Self,
}

/// From a record to its thread pointer, in bytes.
const TSD_OFFSET: usize = offset_of!(Thread, specific);
/// Bytes of the first thread's stack, and one past it: what exec makes.
const MAIN_STACK: (usize, usize) = (8 << 20, 0x7ff7_bff0_0000);

/// The first thread.
static mut MAIN: Thread = Thread {
    signature: SIGNATURE,
    cleanup: null_mut(),
    gate: AtomicU32::new(ALIVE),
    state: AtomicU32::new(state::JOINABLE),
    errno: 0,
    main: 1,
    function: None,
    argument: null_mut(),
    result: null_mut(),
    mapping: Mapping {
        start: 0,
        size: 0,
        stack: 0,
    },
    stack_top: MAIN_STACK.1,
    stack_size: MAIN_STACK.0,
    specific: [null_mut(); WORDS],
};

/// How many threads the program has.
static COUNT: AtomicUsize = AtomicUsize::new(1);

/// Makes the program's first thread one that knows itself. Called once, before everything that may fail.
pub fn init() {
    let me = &raw mut MAIN;
    // SAFETY: nobody else runs yet, and the record lives for ever.
    unsafe {
        prepare(me);
        arch::set_thread_pointer((&raw mut (*me).specific) as u64);
    }
}

/// Gives the first thread its `_Thread_local` variables. Called once, after [`init`], when memory can be had.
pub fn init_variables() {
    start::bind_variables();
    let block = tlv::allocate();
    // SAFETY: as `init`.
    unsafe { MAIN.specific[slot::TLV] = block };
}

/// Fills in what a thread finds through its pointer.
///
/// # Safety
/// The record is the caller's.
unsafe fn prepare(record: *mut Thread) {
    // SAFETY: the caller's record; the first thread's port is known to the kernel.
    unsafe {
        (*record).specific[slot::RECORD] = record.cast();
        (*record).specific[slot::ERRNO] = (&raw mut (*record).errno).cast();
    }
}

/// The running thread.
#[inline(always)]
pub fn current() -> *mut Thread {
    arch::thread_word::<{ slot::RECORD }>() as *mut Thread
}

/// Where the running thread's `errno` is.
#[inline(always)]
pub fn errno_place() -> *mut c_int {
    arch::thread_word::<{ slot::ERRNO }>() as *mut c_int
}

/// The child of a fork has one thread, the one that forked, whichever that was.
pub fn after_fork() {
    let me = current();
    COUNT.store(1, Ordering::Relaxed);
    // SAFETY: the running thread's own record.
    unsafe {
        (*me).main = 1;
        (*me).gate.store(ALIVE, Ordering::Relaxed);
        (*me).specific[slot::PORT] = mach::mach_thread_self() as usize as *mut c_void;
    }
}

/// The thread behind a `pthread_t`. `ESRCH` if it is none.
fn thread<'a>(thread: *mut Thread) -> Result<&'a Thread, Errno> {
    if thread.is_null() {
        return Err(Errno::ESRCH);
    }
    // SAFETY: a `pthread_t` points to a thread that has not been joined and is not detached and gone.
    let found = unsafe { &*thread };
    if found.signature == SIGNATURE {
        Ok(found)
    } else {
        Err(Errno::ESRCH)
    }
}

impl Thread {
    fn port(&self) -> mach::Port {
        if self.main != 0 {
            return FIRST_PORT;
        }
        // SAFETY: written by the kernel before the thread began.
        unsafe { (&raw const self.specific[slot::PORT]).read_volatile() as mach::Port }
    }
}

/// The port of a process's first thread.
const FIRST_PORT: mach::Port = 0x203;

/// What C's functions answer: 0, or the error's number.
fn code(result: Result<(), Errno>) -> c_int {
    result.map_or_else(|error| error.0, |()| 0)
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_self() -> *mut Thread {
    current()
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_equal(a: *const Thread, b: *const Thread) -> c_int {
    c_int::from(core::ptr::eq(a, b))
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_main_np() -> c_int {
    // SAFETY: the running thread's own record.
    c_int::from(unsafe { (*current()).main != 0 })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mach_thread_np(of: *mut Thread) -> mach::Port {
    thread(of).map_or(0, Thread::port)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_get_stackaddr_np(of: *mut Thread) -> *mut c_void {
    thread(of).map_or(0, |thread| thread.stack_top) as *mut c_void
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_get_stacksize_np(of: *mut Thread) -> usize {
    thread(of).map_or(0, |thread| thread.stack_size)
}

/// The running thread's number; of another one it is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_threadid_np(of: *mut Thread, to: *mut u64) -> c_int {
    if to.is_null() || !(of.is_null() || of == current()) {
        return Errno::EINVAL.0;
    }
    let number = unix!(SYS_THREAD_SELFID) as u64;
    // SAFETY: the caller's place.
    unsafe { *to = number };
    0
}

/// The index of the CPU that ran the caller when the kernel was asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cpu_number_np(to: *mut usize) -> c_int {
    if to.is_null() {
        return Errno::EINVAL.0;
    }
    let number = mach!(CPU_NUMBER) as usize;
    // SAFETY: the caller's place.
    unsafe { *to = number };
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_yield_np() {
    crate::time::sched_yield();
}
