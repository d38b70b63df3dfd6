//! What a thread keeps while it does not run: its kernel context and its user state.
//!
//! Owns: the switch, the FP/SIMD area, the thread pointer, the first entry to user mode. Does not
//! own: who runs (`kernel`), the user's general registers (`frame`, on the kernel stack).

use super::cpu::{Features, features};
use super::frame::TrapFrame;
use super::{msr, percpu};
use abi::signal::x86_64::MContext;
use core::arch::asm;

/// Bytes of a thread's kernel stack.
pub const KERNEL_STACK_SIZE: usize = 32768;

/// A thread's kernel context: its stack pointer, below which the callee-saved registers lie.
#[derive(Debug)]
#[repr(C)]
pub struct Context {
    stack: usize,
}

unsafe extern "C" {
    fn context_switch(prev: *mut Context, next: *const Context);
    fn context_start();
    fn return_to_user_asm(frame: *mut TrapFrame) -> !;
}

impl Context {
    /// For the thread that is running already: the first switch fills it.
    pub const fn empty() -> Self {
        Self { stack: 0 }
    }

    /// A thread that will run `entry(arg)` on the stack that ends at `stack_top` (a multiple of 16).
    /// The topmost `size_of::<TrapFrame>()` bytes stay untouched: a user frame may lie there.
    pub fn new(stack_top: usize, entry: extern "C" fn(usize) -> !, arg: usize) -> Self {
        let words: [usize; 8] = [
            0,              // r15
            0,              // r14
            entry as usize, // r13
            arg,            // r12
            0,              // rbx
            0,              // rbp
            context_start as *const () as usize,
            0, // keeps the stack aligned at the start
        ];
        let stack = stack_top - size_of::<TrapFrame>() - size_of_val(&words);
        // SAFETY: the caller's stack is the new thread's alone, and larger than this.
        unsafe { (stack as *mut [usize; 8]).write(words) };
        Self { stack }
    }
}

/// Leaves `prev`'s thread and goes on with `next`'s, for which `cpu::local` answers `local`; returns when
/// somebody switches back.
///
/// # Safety
/// Interrupts are masked; `next` was made by [`Context::new`] or filled by an earlier switch, its
/// stack is mapped and no CPU runs on it; both stay where they are during the call.
#[inline]
pub unsafe fn switch(prev: *mut Context, next: *const Context, local: *const ()) {
    percpu::write::<{ percpu::LOCAL }>(local as u64);
    // SAFETY: the caller's.
    unsafe { context_switch(prev, next) };
}

/// Sets where this CPU's next entry from user mode puts its frame: the running thread's stack top.
#[inline(always)]
pub fn set_kernel_stack(top: usize) {
    percpu::write::<{ percpu::KERNEL_STACK }>(top as u64);
}

/// Starts or resumes a program. `frame` lies on the running thread's kernel stack.
///
/// # Safety
/// Nothing on the stack below the frame is needed any more, [`set_kernel_stack`] names this
/// thread's stack, and the program's address space is active.
pub unsafe fn return_to_user(frame: *mut TrapFrame) -> ! {
    // SAFETY: the caller's.
    unsafe { return_to_user_asm(frame) }
}

/// The machine's call that sets the thread pointer, `thread_fast_set_cthread_self64`.
pub const SET_THREAD_POINTER: u32 = 3;

/// Bytes of the extended state: legacy area, header, AVX.
const AREA_SIZE: usize = 512 + 64 + 256;
/// x87, SSE, AVX.
const STATE_MASK: u32 = 7;

/// FP and SIMD registers, as `fxsave` or `xsave` write them.
#[derive(Clone)]
#[repr(C, align(64))]
struct Area([u8; AREA_SIZE]);

/// What of a program's state the kernel itself does not use, and so leaves in the CPU until it
/// switches threads.
#[derive(Clone)]
pub struct UserState {
    area: Area,
    thread_pointer: u64,
}

impl UserState {
    /// The state that a program starts with.
    pub const fn new() -> Self {
        let mut area = [0; AREA_SIZE];
        // FCW: all exceptions masked, 64-bit precision. MXCSR: all exceptions masked.
        (area[0], area[1]) = (0x7f, 0x03);
        (area[24], area[25]) = (0x80, 0x1f);
        Self {
            area: Area(area),
            thread_pointer: 0,
        }
    }

    /// Takes the running program's state from the CPU.
    #[inline]
    pub fn save(&mut self) {
        let area = self.area.0.as_mut_ptr();
        // SAFETY: the area is as large and aligned as the instruction wants; OSFXSR, or OSXSAVE
        // with AVX, were set by `cpu::enable_protections`.
        unsafe {
            if features().contains(Features::AVX) {
                asm!("xsave64 [{}]", in(reg) area, in("eax") STATE_MASK, in("edx") 0,
                    options(nostack, preserves_flags));
            } else {
                asm!("fxsave64 [{}]", in(reg) area, options(nostack, preserves_flags));
            }
        }
    }

    /// Gives the state to the CPU, and the thread pointer with it.
    #[inline]
    pub fn restore(&self) {
        let area = self.area.0.as_ptr();
        // SAFETY: the area holds what `save` or `new` wrote, or what `load_from` has made
        // loadable; the thread pointer is a user address.
        unsafe {
            if features().contains(Features::AVX) {
                asm!("xrstor64 [{}]", in(reg) area, in("eax") STATE_MASK, in("edx") 0,
                    options(nostack, preserves_flags, readonly));
            } else {
                asm!("fxrstor64 [{}]", in(reg) area, options(nostack, preserves_flags, readonly));
            }
            msr::write(msr::KERNEL_GS_BASE, self.thread_pointer);
        }
    }

    /// Sets the base of GS, the thread pointer of Darwin's programs. Takes effect at [`restore`].
    /// An address outside user space becomes 0.
    ///
    /// [`restore`]: Self::restore
    pub fn set_thread_pointer(&mut self, address: u64) {
        self.thread_pointer = if address < crate::layout::USER_END {
            address
        } else {
            0
        };
    }

    /// Writes x87 and SSE state, as last saved, into a signal context.
    pub fn save_to(&self, out: &mut MContext) {
        out.float.reserved = [0; 2];
        out.float.fxsave.copy_from_slice(&self.area.0[..512]);
        out.float.reserved1 = 0;
    }

    /// Takes x87 and SSE state from a signal context, which the program may have written. Bits of
    /// MXCSR that would fault are dropped; AVX's upper halves start at zero.
    pub fn load_from(&mut self, from: &MContext) {
        let area = &mut self.area.0;
        area[..512].copy_from_slice(&from.float.fxsave);
        // MXCSR has 16 bits; the mask word is the CPU's.
        area[26..32].fill(0);
        // The CPU's own words of the legacy area, and the header: x87 and SSE are present.
        area[464..].fill(0);
        area[512] = 3;
    }
}

impl Default for UserState {
    fn default() -> Self {
        Self::new()
    }
}
