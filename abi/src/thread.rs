//! Threads of a program: the words of `bsdthread_*` and `ulock_*`, as libpthread and XNU share them.
//!
//! `bsdthread_register(threadstart, wqthread, pthread_size, *data, data_size, offset)` once says where
//! threads begin; `bsdthread_create(function, argument, stack, pthread, flags)` then makes one that
//! enters `threadstart(pthread, port, function, argument, stack, flags)` on that stack, with its thread
//! pointer at `pthread` plus the registered offset. `bsdthread_terminate(stack, size, port, ulock)` ends
//! the caller: its stack goes, the word at `ulock` becomes the port without its low two bits, and who
//! waits there wakes.

/// `bsdthread_create`: the caller made the stack. There is no other way.
pub const PTHREAD_START_CUSTOM: u32 = 0x0100_0000;
/// `bsdthread_create`, to `threadstart`: the kernel set the thread pointer.
pub const PTHREAD_START_TSD_BASE_SET: u32 = 0x1000_0000;
/// `bsdthread_create`: the thread does not run yet. Not supported.
pub const PTHREAD_START_SUSPENDED: u32 = 0x2000_0000;

/// `bsdthread_register`'s answer: the kernel knows `bsdthread_ctl`'s thread pointer, by `tsd_offset`.
pub const PTHREAD_FEATURE_SETSELF: u32 = 8;
/// The largest size of a `pthread` that may be registered, in bytes.
pub const MAX_PTHREAD_SIZE: u32 = 64 << 10;

/// What `bsdthread_register` reads and writes. The C record is packed, so its last fields are words.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct PthreadRegistration {
    /// In: the record's bytes, as the call's argument has them. Out: the bytes of the kernel's own.
    pub version: u64,
    /// In: where libdispatch keeps its queue.
    pub dispatch_queue_offset: u64,
    /// Out: the main thread's quality of service: none.
    pub main_qos: u64,
    /// In: from a `pthread` to where its thread pointer shall point, in bytes.
    pub tsd_offset: u32,
    /// In: where the kernel may ask a thread to come back.
    pub return_to_kernel_offset: u32,
    /// In: from the thread pointer to where a new thread's port is to be written, in bytes; 0: nowhere.
    pub mach_thread_self_offset: u32,
    /// Out: where stacks should lie, low half and high half; 0: anywhere.
    pub stack_addr_hint: [u32; 2],
    /// Out: how mutexes are by default.
    pub mutex_default_policy: u32,
}

/// The most threads of a process.
pub const TASK_THREADS: usize = 1024;

/// The operation's field in `ulock_wait` and `ulock_wake`.
pub const UL_OPCODE_MASK: u32 = 0xff;
/// Waits while a word of 32 bits has a value; known to this process by its address.
pub const UL_COMPARE_AND_WAIT: u32 = 1;
/// The same, known to all processes by the memory that it lies in.
pub const UL_COMPARE_AND_WAIT_SHARED: u32 = 3;
/// The same as `UL_COMPARE_AND_WAIT` with a word of 64 bits.
pub const UL_COMPARE_AND_WAIT64: u32 = 5;
/// The same as `UL_COMPARE_AND_WAIT_SHARED` with a word of 64 bits.
pub const UL_COMPARE_AND_WAIT64_SHARED: u32 = 6;

/// `ulock_wake`: all who wait, not the first alone.
pub const ULF_WAKE_ALL: u32 = 0x100;
/// `ulock_wake`: the thread whose port `wake_value` is.
pub const ULF_WAKE_THREAD: u32 = 0x200;
/// `ulock_wake`: also by who does not own the lock.
pub const ULF_WAKE_ALLOW_NON_OWNER: u32 = 0x400;
/// `ulock_wait`: a hint to work queues.
pub const ULF_WAIT_WORKQ_DATA_CONTENTION: u32 = 0x1_0000;
/// `ulock_wait`: the wait is a cancellation point.
pub const ULF_WAIT_CANCEL_POINT: u32 = 0x2_0000;
/// `ulock_wait`: a hint to spin first.
pub const ULF_WAIT_ADAPTIVE_SPIN: u32 = 0x4_0000;
/// Both: an error is answered as its negative, not in the carry flag.
pub const ULF_NO_ERRNO: u32 = 0x0100_0000;
/// What `ulock_wait` takes.
pub const ULF_WAIT_MASK: u32 =
    ULF_NO_ERRNO | ULF_WAIT_WORKQ_DATA_CONTENTION | ULF_WAIT_CANCEL_POINT | ULF_WAIT_ADAPTIVE_SPIN;
/// What `ulock_wake` takes.
pub const ULF_WAKE_MASK: u32 =
    ULF_NO_ERRNO | ULF_WAKE_ALL | ULF_WAKE_THREAD | ULF_WAKE_ALLOW_NON_OWNER;

const _: () = {
    assert!(size_of::<PthreadRegistration>() == 48);
    assert!(core::mem::offset_of!(PthreadRegistration, stack_addr_hint) == 36);
};
