//! What each CPU has for itself, found through GS.
//!
//! Owns: the record's layout (the assembly knows its offsets by `offset_of!`), the array of all
//! CPUs' records. Does not own: what `kernel` keeps per CPU (one word, `cpu::set_local`).
//! Locks: none. A record is its CPU's alone; another CPU touches only `id`, constant after `init`.

use super::cpu::MAX_CPUS;
use super::descriptors::{Gdt, TaskState};
use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;

/// Bytes of a stack for one of the interrupts that cannot trust the thread's (a power of two: the
/// entry code finds the stack's top by masking).
pub const IST_STACK_SIZE: usize = 8192;
/// Interrupts with a stack of their own: double fault, NMI, debug, machine check.
pub const IST_COUNT: usize = 4;

/// Bit of `PerCpu::preempt` that is set while no AST is wanted: decrementing the count to zero
/// with an AST wanted leaves zero, which one instruction can tell.
pub const NO_AST: u32 = 1 << 31;

/// One CPU's record. GS points to it while the CPU is in the kernel.
#[repr(C, align(64))]
pub struct PerCpu {
    /// What the kernel keeps here.
    pub local: usize,
    /// The user's stack pointer between two instructions of the system-call entry.
    pub user_stack: u64,
    /// Preemption count, and [`NO_AST`].
    pub preempt: u32,
    /// Index of this CPU.
    pub id: u32,
    /// The timer's deadline in nanoseconds.
    pub deadline: u64,
    /// Keeps the next field's stack pointers aligned to 8 (they lie 4 bytes in).
    pub pad: u32,
    /// The task state: its first stack is the thread's kernel stack, for traps and system calls.
    pub tss: TaskState,
    /// The segment descriptors.
    pub gdt: Gdt,
}

/// Offset of the thread's kernel stack pointer.
pub const KERNEL_STACK: usize = offset_of!(PerCpu, tss) + 4;
/// Offset of the user's stack pointer.
pub const USER_STACK: usize = offset_of!(PerCpu, user_stack);
/// Offset of the preemption word.
pub const PREEMPT: usize = offset_of!(PerCpu, preempt);
/// Offset of the CPU's index.
pub const ID: usize = offset_of!(PerCpu, id);
/// Offset of the kernel's word.
pub const LOCAL: usize = offset_of!(PerCpu, local);
/// Offset of the timer's deadline.
pub const DEADLINE: usize = offset_of!(PerCpu, deadline);
const _: () = assert!(KERNEL_STACK.is_multiple_of(8));

#[repr(C, align(8192))]
struct IstStack(UnsafeCell<[u8; IST_STACK_SIZE]>);

struct Records([UnsafeCell<PerCpu>; MAX_CPUS]);
struct Stacks([[IstStack; IST_COUNT]; MAX_CPUS]);

// SAFETY: each CPU touches its own record only (`init` runs on that CPU, `this` reads GS).
unsafe impl Sync for Records {}
// SAFETY: the stacks are used by their CPU's interrupt entries only.
unsafe impl Sync for Stacks {}

static RECORDS: Records = Records(
    [const {
        UnsafeCell::new(PerCpu {
            local: 0,
            user_stack: 0,
            preempt: NO_AST,
            id: 0,
            deadline: u64::MAX,
            pad: 0,
            tss: TaskState::new(),
            gdt: Gdt::new(),
        })
    }; MAX_CPUS],
);
static STACKS: Stacks = Stacks(
    [const { [const { IstStack(UnsafeCell::new([0; IST_STACK_SIZE])) }; IST_COUNT] }; MAX_CPUS],
);

/// Sets up the record of CPU `id` on that CPU: descriptors, interrupt stacks, GS.
///
/// # Safety
/// Called once per CPU, on that CPU, with interrupts masked.
pub unsafe fn init(id: usize) {
    let record = RECORDS.0[id].get();
    // SAFETY: the caller is the only user of this CPU's record so far.
    let cpu = unsafe { &mut *record };
    cpu.id = id as u32;
    for (index, stack) in STACKS.0[id].iter().enumerate() {
        let top = stack.0.get() as usize + IST_STACK_SIZE - 16;
        // SAFETY: `top` lies within this stack; the entry code reads the word to find the record.
        unsafe { *(top as *mut usize) = record as usize };
        cpu.tss.set_interrupt_stack(index + 1, top as u64);
    }
    let state = core::ptr::from_ref(&cpu.tss) as u64;
    cpu.gdt.set_task_state(state);
    // SAFETY: the tables lie in the static record; the selectors are the ones that Gdt lays out.
    unsafe {
        cpu.gdt.load();
        asm!("wrmsr", in("ecx") super::msr::GS_BASE,
            in("eax") record as u64 as u32, in("edx") (record as u64 >> 32) as u32,
            options(nostack, preserves_flags));
        asm!("wrmsr", in("ecx") super::msr::KERNEL_GS_BASE, in("eax") 0, in("edx") 0,
            options(nostack, preserves_flags));
    }
}

/// Reads a 64-bit field of this CPU's record.
#[inline(always)]
pub fn read<const OFFSET: usize>() -> u64 {
    let value: u64;
    // SAFETY: OFFSET is one of this file's; GS points to the record in kernel mode.
    unsafe {
        asm!("mov {}, gs:[{}]", out(reg) value, const OFFSET,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// Writes a 64-bit field of this CPU's record.
#[inline(always)]
pub fn write<const OFFSET: usize>(value: u64) {
    // SAFETY: as for `read`.
    unsafe {
        asm!("mov gs:[{}], {}", const OFFSET, in(reg) value, options(nostack, preserves_flags));
    }
}

/// Reads a 32-bit field of this CPU's record.
#[inline(always)]
pub fn read_u32<const OFFSET: usize>() -> u32 {
    let value: u32;
    // SAFETY: as for `read`.
    unsafe {
        asm!("mov {:e}, gs:[{}]", out(reg) value, const OFFSET,
            options(nostack, preserves_flags, readonly));
    }
    value
}
