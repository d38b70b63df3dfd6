//! Traps, interrupts and system calls: from the frame to a cause, and to the kernel's upcalls.
//!
//! Owns: the interrupt table, decoding, the way back to a program. Does not own: the register
//! saving (`entry.s`), what is done about a cause (`kernel`).

use super::descriptors::{Gate, GateUse, STAR_VALUE, TablePointer};
use super::{apic, interrupts, msr, percpu, preempt, timer, tlb, user, vectors};
use crate::layout::USER_END;
use core::cell::UnsafeCell;

pub use super::decode::{decode, decode_page_fault};
pub use super::frame::TrapFrame;
pub use crate::cause::{Access, Cause, Interrupt, Syscall, SyscallClass};
pub use abi::signal::x86_64::MContext;

// What `kernel` provides.
unsafe extern "Rust" {
    /// A trap that is no interrupt. From a program: interrupts enabled. From the kernel: as they
    /// were where it trapped; a page fault on a user address inside a user copy is resolved here,
    /// or ended by `user::recover`.
    pub safe fn kernel_trap(frame: &mut TrapFrame, cause: Cause);
    /// A system call; interrupts enabled.
    pub safe fn kernel_syscall(frame: &mut TrapFrame);
    /// A device or timer interrupted; interrupts masked, the controller already told.
    pub safe fn kernel_interrupt(which: Interrupt);
    /// Reschedule now; interrupts masked, and masked again on return.
    pub safe fn kernel_preempt();
    /// The AST was asked for and this CPU is about to return to the program. Called again until
    /// `preempt::take_ast` has been called and nobody asks any more; interrupts enabled.
    pub safe fn kernel_return_to_user(frame: &mut TrapFrame);
}

unsafe extern "C" {
    static trap_stubs: [[u8; 16]; 256];
    fn syscall_entry();
}

struct Table(UnsafeCell<[Gate; 256]>);
// SAFETY: written once by `init` on the boot CPU; afterwards only CPUs read it.
unsafe impl Sync for Table {}
static TABLE: Table = Table(UnsafeCell::new([Gate::MISSING; 256]));

/// The vector of non-maskable interrupts.
const NON_MASKABLE: u64 = 2;

/// Flags that `syscall` clears: IF, TF, DF, NT, AC and everything else that a program may set.
const SYSCALL_CLEARS: u64 = 0x25_7fd5;

/// Fills the table of all CPUs. Once, on the boot CPU, before [`load`].
///
/// # Safety
/// Interrupts are masked and no other CPU runs.
pub(super) unsafe fn init() {
    // SAFETY: the caller is the only one who uses the table.
    let table = unsafe { &mut *TABLE.0.get() };
    for (vector, gate) in table.iter_mut().enumerate() {
        // SAFETY: the stubs are code, constant for ever; only their address is taken.
        let handler = unsafe { (&raw const trap_stubs[vector]) as u64 };
        let (stack, use_) = match vector {
            8 => (1, GateUse::Hardware),
            2 => (2, GateUse::Hardware),
            1 => (3, GateUse::Hardware),
            18 => (4, GateUse::Hardware),
            3 => (0, GateUse::Programs),
            _ => (0, GateUse::Hardware),
        };
        *gate = Gate::new(handler, stack, use_);
    }
}

/// Makes this CPU use the table and the system-call entry.
///
/// # Safety
/// `init` and this CPU's `percpu::init` are done.
pub(super) unsafe fn load() {
    let pointer = TablePointer {
        limit: (size_of::<[Gate; 256]>() - 1) as u16,
        base: TABLE.0.get() as u64,
    };
    // SAFETY: the table is static and complete; the registers exist on every 64-bit CPU, and their
    // values are the selectors and the entry that this crate defines.
    unsafe {
        core::arch::asm!("lidt [{}]", in(reg) &raw const pointer,
            options(nostack, preserves_flags, readonly));
        msr::write(msr::STAR, STAR_VALUE);
        msr::write(msr::LSTAR, syscall_entry as *const () as u64);
        msr::write(msr::SFMASK, SYSCALL_CLEARS);
    }
}

/// Page faults, from `entry.s`; interrupts are masked.
#[unsafe(no_mangle)]
extern "C" fn page_fault_enter(frame: &mut TrapFrame) {
    let address = read_fault_address();
    // Resolving such a fault would not help: SMAP refuses the access again, for ever.
    if !frame.is_user() && address < USER_END && !user::is_copying(frame) {
        stray_access(frame, address);
    }
    handle(frame, decode_page_fault(frame.error, address));
}

#[cold]
fn stray_access(frame: &TrapFrame, address: u64) -> ! {
    panic!(
        "the kernel touched user address {address:#x} outside a user copy: pc {:#x}, sp {:#x}",
        frame.rip, frame.rsp
    );
}

/// Other exceptions that can be returned from, from `entry.s`; interrupts are masked.
#[unsafe(no_mangle)]
extern "C" fn exception_enter(frame: &mut TrapFrame) {
    let cause = decode(frame.vector as u8, frame.rip);
    handle(frame, cause);
}

#[inline(always)]
fn handle(frame: &mut TrapFrame, cause: Cause) {
    if frame.interrupts_enabled() {
        interrupts::enable();
    }
    kernel_trap(frame, cause);
    interrupts::mask();
    if frame.is_user() {
        before_user(frame);
    }
}

/// Devices, timer and other CPUs, from `entry.s`; interrupts are masked.
#[unsafe(no_mangle)]
extern "C" fn interrupt_enter(frame: &mut TrapFrame) {
    tlb::wake();
    interrupt(frame.vector as u8);
    if frame.is_user() {
        before_user(frame);
    } else if percpu::read_u32::<{ percpu::PREEMPT }>() == 0 && frame.interrupts_enabled() {
        kernel_preempt();
    }
}

fn interrupt(vector: u8) {
    match vector {
        vectors::TIMER => {
            apic::end_of_interrupt();
            if timer::expired() {
                kernel_interrupt(Interrupt::Timer);
            }
        }
        vectors::SERIAL => {
            apic::end_of_interrupt();
            kernel_interrupt(Interrupt::Serial);
        }
        vectors::IPI => {
            apic::end_of_interrupt();
            tlb::serve();
            kernel_interrupt(Interrupt::Ipi);
        }
        vectors::DEVICES..vectors::DEVICES_END => {
            apic::end_of_interrupt();
            kernel_interrupt(Interrupt::Device(u32::from(vector - vectors::DEVICES)));
        }
        // A spurious interrupt of the local APIC or of the masked 8259s wants no answer.
        _ => {}
    }
}

/// System calls, from `entry.s`; interrupts are enabled.
#[unsafe(no_mangle)]
extern "C" fn syscall_enter(frame: &mut TrapFrame) {
    kernel_syscall(frame);
}

/// The long way out of a system call and the first way into a program, from `entry.s`.
#[unsafe(no_mangle)]
extern "C" fn user_exit(frame: &mut TrapFrame) {
    before_user(frame);
}

/// The last thing before a program goes on; interrupts are masked, on return too.
#[inline(always)]
fn before_user(frame: &mut TrapFrame) {
    if percpu::read_u32::<{ percpu::PREEMPT }>() & percpu::NO_AST == 0 {
        serve_ast(frame);
    }
    debug_assert_eq!(
        preempt::count(),
        0,
        "preemption is forbidden on return to user"
    );
    frame.make_returnable();
}

#[cold]
fn serve_ast(frame: &mut TrapFrame) {
    while percpu::read_u32::<{ percpu::PREEMPT }>() & percpu::NO_AST == 0 {
        interrupts::enable();
        kernel_return_to_user(frame);
        interrupts::mask();
    }
}

/// Entries that nothing can return from, on a stack of their own.
#[unsafe(no_mangle)]
extern "C" fn trap_fatal(frame: &TrapFrame) -> ! {
    if frame.vector == NON_MASKABLE {
        kernel_interrupt(Interrupt::NonMaskable);
    }
    let what = match frame.vector {
        1 => "debug trap in the kernel",
        2 => "non-maskable interrupt",
        8 => "double fault (is the kernel stack exhausted?)",
        _ => "machine check",
    };
    panic!(
        "{what}: pc {:#x}, sp {:#x}, cr2 {:#x}",
        frame.rip,
        frame.rsp,
        read_fault_address()
    );
}

fn read_fault_address() -> u64 {
    let address: u64;
    // SAFETY: reading CR2 has no effect.
    unsafe {
        core::arch::asm!("mov {}, cr2", out(reg) address, options(nomem, nostack, preserves_flags));
    }
    address
}
