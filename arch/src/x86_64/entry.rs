//! The machine's start as far as `arch` is concerned, and the assembly's constants.
//!
//! Owns: the order of `init`.

use super::descriptors::{USER_CODE, USER_DATA};
use super::frame::{SYSCALL_MARK, TrapFrame};
use super::{apic, cpu, ioapic, msr, percpu, serial, timer, trap};
use crate::devices::Devices;
use core::arch::global_asm;
use core::mem::offset_of;

global_asm!(
    include_str!("entry.s"),
    frame_rbp = const offset_of!(TrapFrame, rbp),
    frame_r10 = const offset_of!(TrapFrame, r10),
    frame_r9 = const offset_of!(TrapFrame, r9),
    frame_r8 = const offset_of!(TrapFrame, r8),
    frame_rax = const offset_of!(TrapFrame, rax),
    frame_rdx = const offset_of!(TrapFrame, rdx),
    frame_rsi = const offset_of!(TrapFrame, rsi),
    frame_rdi = const offset_of!(TrapFrame, rdi),
    frame_vector = const offset_of!(TrapFrame, vector),
    frame_rip = const offset_of!(TrapFrame, rip),
    frame_cs = const offset_of!(TrapFrame, cs),
    frame_rflags = const offset_of!(TrapFrame, rflags),
    frame_rsp = const offset_of!(TrapFrame, rsp),
    kernel_stack = const percpu::KERNEL_STACK,
    user_stack = const percpu::USER_STACK,
    preempt = const percpu::PREEMPT,
    user_data = const USER_DATA,
    user_code = const USER_CODE,
    syscall_mark = const SYSCALL_MARK,
    ist_size = const percpu::IST_STACK_SIZE,
    gs_base = const msr::GS_BASE,
);

/// Makes exceptions reportable on the boot CPU: per-CPU record, descriptors, interrupt table. The
/// first thing in 64-bit mode.
///
/// # Safety
/// Called once, on the boot CPU, with interrupts masked.
pub unsafe fn early_init() {
    // SAFETY: the caller's; the order is each step's requirement.
    unsafe {
        percpu::init(0);
        trap::init();
        trap::load();
    }
}

/// The same on a CPU that came up later, and the protections that the final tables want.
///
/// # Safety
/// Called once on CPU `id`, which is not the boot CPU, with interrupts masked; the tables in use give the
/// running code what it needs under these protections.
pub unsafe fn early_init_cpu(id: usize) {
    // SAFETY: the caller's; the boot CPU has filled the interrupt table.
    unsafe {
        percpu::init(id);
        trap::load();
        cpu::enable_protections();
    }
}

/// Sets the interrupt controllers and the clock up. Interrupts stay masked.
///
/// # Safety
/// Called once, on the boot CPU, with interrupts masked, after `early_init`, on the final tables,
/// with the devices' registers mapped at their windows.
pub unsafe fn init(devices: &Devices) {
    let local_apic = devices
        .cpu_interface
        .map_or(apic::DEFAULT_ADDRESS, |range| range.start);
    let ioapic = devices
        .distributor
        .map_or(ioapic::DEFAULT_ADDRESS, |range| range.start);
    if let Some(line) = devices
        .serial_interrupt
        .and_then(|line| u8::try_from(line).ok())
    {
        serial::set_line(line);
    }
    // SAFETY: the caller's; the 8259s must be silent before the local APIC listens.
    unsafe {
        ioapic::init(ioapic);
        apic::init(local_apic);
    }
    timer::init();
}

/// Sets the calling CPU's local APIC up: it can be interrupted by its timer and by other CPUs.
///
/// # Safety
/// As for [`early_init_cpu`], after it, on the final tables.
pub unsafe fn init_cpu() {
    // SAFETY: the caller's; the boot CPU has found the registers.
    unsafe { apic::init_cpu() };
    apic::enable_timer();
}
