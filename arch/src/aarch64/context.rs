//! Threads as the CPU sees them: what a switch keeps, what a CPU knows of itself, user state.
//!
//! Owns: `Context` (kernel registers, preemption words), `Cpu` blocks, `UserState` (vector
//! registers, thread pointers, keys), the way to user mode. Does not own: which thread runs.
//! TPIDR_EL1 points to the running thread's `Context`, which knows its CPU.

use super::cpu::MAX_CPUS;
use super::trap::TrapFrame;
use abi::signal::arm64::MContext;
use core::arch::{asm, global_asm};
use core::cell::Cell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a kernel stack.
pub const KERNEL_STACK_SIZE: usize = 32768;

/// A CPU's own block.
#[repr(C)]
pub(super) struct Cpu {
    /// Index below `MAX_CPUS`.
    pub id: usize,
    /// The lowest address of the kernel stack in use; 0: not known.
    pub stack_limit: AtomicUsize,
}

static CPUS: [Cpu; MAX_CPUS] = {
    let mut id = 0;
    let mut cpus = [const {
        Cpu {
            id: 0,
            stack_limit: AtomicUsize::new(0),
        }
    }; MAX_CPUS];
    while id < MAX_CPUS {
        cpus[id].id = id;
        id += 1;
    }
    cpus
};

/// What a thread keeps while it does not run; while it runs, its preemption words and its CPU.
/// It must not move from its first [`switch`] to its thread's end.
#[repr(C, align(16))]
pub struct Context {
    pub(super) preempt_count: Cell<u32>,
    pub(super) ast: Cell<u32>,
    cpu: *const Cpu,
    /// The kernel's word for whoever runs on it.
    pub(super) local: Cell<*const ()>,
    /// x19–x28, x29, x30, sp.
    saved: [u64; 13],
}

// SAFETY: the cells are used only by the CPU that runs the thread; a `Context` at rest is read by
// the CPU that switches to it, ordered by the scheduler's lock.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

/// What each CPU runs on until its first switch.
static FIRST: [Context; MAX_CPUS] = {
    let mut id = 0;
    let mut contexts = [const { Context::empty() }; MAX_CPUS];
    while id < MAX_CPUS {
        contexts[id].cpu = &raw const CPUS[id];
        id += 1;
    }
    contexts
};

impl Context {
    /// A context to switch away from.
    pub const fn empty() -> Self {
        Self {
            preempt_count: Cell::new(0),
            ast: Cell::new(0),
            cpu: core::ptr::null(),
            local: Cell::new(core::ptr::null()),
            saved: [0; 13],
        }
    }

    /// A context whose first switch calls `entry(arg)` with interrupts masked, on the stack that
    /// ends at `stack_top` (16-aligned). The topmost `size_of::<TrapFrame>()` bytes stay untouched:
    /// a user frame may lie there.
    pub fn new(stack_top: usize, entry: extern "C" fn(usize) -> !, arg: usize) -> Self {
        let mut context = Self::empty();
        context.saved[0] = entry as usize as u64;
        context.saved[1] = arg as u64;
        context.saved[11] = thread_start as *const () as u64;
        context.saved[12] = (stack_top - size_of::<TrapFrame>()) as u64;
        context
    }
}

unsafe extern "C" {
    fn thread_start();
    fn context_switch(prev: *mut Context, next: *const Context);
    fn user_return(frame: *mut TrapFrame) -> !;
    fn vectors_save(to: *mut [u64; 2]);
    fn vectors_restore(from: *const [u64; 2]);
}

global_asm!(
    include_str!("context.s"),
    CONTEXT_SAVED = const offset_of!(Context, saved),
);

/// The running thread's context.
#[inline(always)]
pub(super) fn running() -> &'static Context {
    let running: *const Context;
    // Not `pure`: a switch changes it, and the compiler must read it again after one.
    // SAFETY: TPIDR_EL1 has pointed to a live `Context` since `init_cpu`.
    unsafe {
        asm!("mrs {}, tpidr_el1", out(reg) running, options(nomem, nostack, preserves_flags));
        &*running
    }
}

/// This CPU's block. Stable only while preemption is forbidden.
#[inline(always)]
pub(super) fn this_cpu() -> &'static Cpu {
    // SAFETY: a running context's CPU is set, by `init_cpu` or by the switch to it.
    unsafe { &*running().cpu }
}

/// Makes the calling CPU's first context, of CPU `id`, the running one.
pub(super) fn init_cpu(id: usize) {
    let first: *const Context = &raw const FIRST[id];
    // SAFETY: the context is static.
    unsafe { asm!("msr tpidr_el1, {}", in(reg) first, options(nostack, preserves_flags)) };
}

/// Leaves the running thread, whose state `prev` keeps, for `next`, for which `cpu::local` answers
/// `local`. Returns when something switches back to `prev`, perhaps on another CPU. The preemption count
/// and request stay with the CPU.
///
/// # Safety
/// Interrupts are masked; both are valid; no CPU runs or switches to `next`, and nothing switches to
/// `prev` before this CPU has left it.
#[inline]
pub unsafe fn switch(prev: *mut Context, next: *const Context, local: *const ()) {
    // SAFETY: the caller's promise is the routine's; nobody else looks at `next` now.
    unsafe {
        (*next).local.set(local);
        context_switch(prev, next);
    }
}

/// Enters user mode with the registers of `frame`, which lies at the top of this thread's kernel
/// stack: exceptions from user mode build the next frame in the same place.
///
/// # Safety
/// `frame` is valid and holds user state; the frames above it on the stack are forgotten.
pub unsafe fn return_to_user(frame: *mut TrapFrame) -> ! {
    // SAFETY: the caller's promise is the routine's.
    unsafe { user_return(frame) }
}

/// Tells this CPU where the kernel stack in use ends, so that an overflow can be named.
#[inline]
pub fn set_kernel_stack(top: usize) {
    this_cpu()
        .stack_limit
        .store(top.wrapping_sub(KERNEL_STACK_SIZE), Ordering::Relaxed);
}

/// Where this CPU's kernel stack in use begins (its lowest address).
pub(super) const STACK_LIMIT_OFFSET: usize = offset_of!(Cpu, stack_limit);
/// Where a `Context` knows its CPU.
pub(super) const CPU_OFFSET: usize = offset_of!(Context, cpu);
/// Where a `Context` has the request word.
pub(super) const AST_OFFSET: usize = offset_of!(Context, ast);

/// The machine's call that sets the thread pointer, `thread_set_cthread_self`.
pub const SET_THREAD_POINTER: u32 = 2;

/// User registers that the kernel's own code never touches, kept while the thread does not run.
#[derive(Clone)]
#[repr(C, align(16))]
pub struct UserState {
    v: [[u64; 2]; 32],
    fpsr: u64,
    fpcr: u64,
    /// TPIDRRO_EL0: what libSystem's thread-local storage hangs on; the program reads it.
    thread_pointer: u64,
    /// TPIDR_EL0: the program's own.
    user_word: u64,
    /// Pointer-authentication keys (IA, IB, DA, DB, GA; low and high): their place. They are
    /// loaded once programs are signed.
    pub keys: [u64; 10],
}

impl Default for UserState {
    fn default() -> Self {
        Self::new()
    }
}

impl UserState {
    /// All zero: what a program starts with.
    pub const fn new() -> Self {
        Self {
            v: [[0; 2]; 32],
            fpsr: 0,
            fpcr: 0,
            thread_pointer: 0,
            user_word: 0,
            keys: [0; 10],
        }
    }

    /// Takes the CPU's user registers. Interrupts masked, or preemption forbidden.
    pub fn save(&mut self) {
        // SAFETY: the area holds 32 vectors and, after them, two words: `repr(C)`.
        unsafe {
            vectors_save(self.v.as_mut_ptr());
            asm!("mrs {}, tpidr_el0", out(reg) self.user_word, options(nomem, nostack, preserves_flags));
        }
    }

    /// Gives them back to the CPU. Interrupts masked, or preemption forbidden.
    pub fn restore(&self) {
        // SAFETY: as in `save`; the registers are the program's and the kernel's code uses none.
        unsafe {
            vectors_restore(self.v.as_ptr());
            asm!(
                "msr tpidrro_el0, {}",
                "msr tpidr_el0, {}",
                in(reg) self.thread_pointer,
                in(reg) self.user_word,
                options(nomem, nostack, preserves_flags)
            );
        }
    }

    /// Sets the thread pointer, in effect from the next [`UserState::restore`].
    pub fn set_thread_pointer(&mut self, pointer: u64) {
        self.thread_pointer = pointer;
    }

    /// Writes the vector registers into a signal's context. `self` has been saved.
    pub fn save_to(&self, out: &mut MContext) {
        out.neon.v = self.v;
        out.neon.fpsr = self.fpsr as u32;
        out.neon.fpcr = self.fpcr as u32;
    }

    /// Takes the vector registers from a signal's context. In effect from the next restore.
    pub fn load_from(&mut self, from: &MContext) {
        self.v = from.neon.v;
        self.fpsr = u64::from(from.neon.fpsr);
        self.fpcr = u64::from(from.neon.fpcr);
    }
}
