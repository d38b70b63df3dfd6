//! This CPU's local APIC (xAPIC, memory-mapped): end of interrupt, its timer, IPIs.
//!
//! Owns: its registers. Does not own: what the timer means (`timer`), routing (`ioapic`).
//! Locks: none: a CPU sees only its own. Sources: Intel SDM 3A §11.

use super::cpu::{self, MAX_CPUS};
use super::{interrupts, msr, timer, vectors};
use crate::layout::DEVICE_WINDOW_BASE;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Where the registers are unless the firmware says otherwise.
pub const DEFAULT_ADDRESS: u64 = 0xfee0_0000;

const ID: u64 = 0x20;
const TASK_PRIORITY: u64 = 0x80;
const END_OF_INTERRUPT: u64 = 0xb0;
const SPURIOUS: u64 = 0xf0;
const COMMAND_LOW: u64 = 0x300;
const COMMAND_HIGH: u64 = 0x310;
const LVT_TIMER: u64 = 0x320;
const LVT_LINT0: u64 = 0x350;
const LVT_LINT1: u64 = 0x360;
const LVT_ERROR: u64 = 0x370;
const INITIAL_COUNT: u64 = 0x380;
const CURRENT_COUNT: u64 = 0x390;
const DIVIDE: u64 = 0x3e0;

const MASKED: u32 = 1 << 16;
const DELIVER_NMI: u32 = 4 << 8;
const DELIVER_INIT: u32 = 5 << 8;
const DELIVER_STARTUP: u32 = 6 << 8;
const LEVEL_ASSERT: u32 = 1 << 14;
/// Nanoseconds from INIT to the first SIPI.
const INIT_WAIT: u64 = 10_000_000;
/// Nanoseconds after a SIPI.
const STARTUP_WAIT: u64 = 200_000;
const SOFTWARE_ENABLE: u32 = 1 << 8;
const DIVIDE_BY_1: u32 = 0xb;
const DELIVERY_PENDING: u32 = 1 << 12;

static WINDOW: AtomicU64 = AtomicU64::new(DEVICE_WINDOW_BASE + DEFAULT_ADDRESS);

#[inline(always)]
fn register(offset: u64) -> *mut u32 {
    (WINDOW.load(Ordering::Relaxed) + offset) as *mut u32
}

#[inline(always)]
fn read(offset: u64) -> u32 {
    // SAFETY: boot maps the registers, uncached, at the window, and they stay there.
    unsafe { register(offset).read_volatile() }
}

#[inline(always)]
fn write(offset: u64, value: u32) {
    // SAFETY: as for `read`; the offsets and values are this file's.
    unsafe { register(offset).write_volatile(value) };
}

/// What the hardware calls each CPU.
static HARDWARE_IDS: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];

/// Notes where the registers are, and turns the boot CPU's APIC on.
///
/// # Safety
/// `address` is the registers' physical address, mapped at the device window; otherwise as for
/// [`init_cpu`].
pub(super) unsafe fn init(address: u64) {
    WINDOW.store(DEVICE_WINDOW_BASE + address, Ordering::Relaxed);
    // SAFETY: the caller's.
    unsafe { init_cpu() };
}

/// Turns this CPU's APIC on, with everything but NMI masked.
///
/// # Safety
/// The interrupt table is loaded; interrupts are masked.
pub(super) unsafe fn init_cpu() {
    // SAFETY: every 64-bit CPU has the register; bit 11 enables the APIC.
    unsafe { msr::write(msr::APIC_BASE, msr::read(msr::APIC_BASE) | 1 << 11) };
    write(LVT_TIMER, MASKED | u32::from(vectors::TIMER));
    write(LVT_LINT0, MASKED);
    write(LVT_LINT1, DELIVER_NMI);
    write(LVT_ERROR, MASKED);
    write(DIVIDE, DIVIDE_BY_1);
    write(TASK_PRIORITY, 0);
    write(SPURIOUS, SOFTWARE_ENABLE | u32::from(vectors::SPURIOUS));
    end_of_interrupt();
    HARDWARE_IDS[cpu::id()].store(hardware_id(), Ordering::Relaxed);
}

/// The hardware's number of this CPU.
pub fn hardware_id() -> u32 {
    read(ID) >> 24
}

/// Tells the APIC that the interrupt in service has been taken.
#[inline(always)]
pub(super) fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

/// Lets the timer interrupt; it stands still until it is started.
pub(super) fn enable_timer() {
    write(INITIAL_COUNT, 0);
    write(LVT_TIMER, u32::from(vectors::TIMER));
}

/// Lets the timer count down once from `ticks` and interrupt; 0 stops it.
#[inline(always)]
pub(super) fn start_timer(ticks: u32) {
    write(INITIAL_COUNT, ticks);
}

/// Lets the timer count down from the top without interrupting, to be measured.
pub(super) fn start_silent_timer() {
    write(LVT_TIMER, MASKED | u32::from(vectors::TIMER));
    write(INITIAL_COUNT, u32::MAX);
}

/// What the timer has left.
pub(super) fn timer_count() -> u32 {
    read(CURRENT_COUNT)
}

/// Sends `Interrupt::Ipi` to the CPU that the hardware calls `target`.
pub fn send_ipi(target: u32) {
    command(target, u32::from(vectors::IPI));
}

/// Sends an NMI to CPU `id`, which takes it even with interrupts masked.
pub fn send_nmi(id: usize) {
    command(HARDWARE_IDS[id].load(Ordering::Relaxed), DELIVER_NMI);
}

/// What the hardware calls CPU `id`, which is up.
pub(super) fn hardware_id_of(id: usize) -> u32 {
    HARDWARE_IDS[id].load(Ordering::Relaxed)
}

/// Starts the CPU that the hardware calls `target` in real mode at `page` × 4 KiB: INIT, 10 ms, twice
/// SIPI (SDM 3A §9.4.4).
pub fn start_cpu(target: u32, page: u8) {
    command(target, DELIVER_INIT | LEVEL_ASSERT);
    wait(INIT_WAIT);
    for _ in 0..2 {
        command(target, DELIVER_STARTUP | LEVEL_ASSERT | u32::from(page));
        wait(STARTUP_WAIT);
    }
}

fn command(target: u32, low: u32) {
    let saved = interrupts::disable();
    while read(COMMAND_LOW) & DELIVERY_PENDING != 0 {
        core::hint::spin_loop();
    }
    write(COMMAND_HIGH, target << 24);
    write(COMMAND_LOW, low);
    interrupts::restore(saved);
}

fn wait(nanoseconds: u64) {
    let until = timer::now() + nanoseconds;
    while timer::now() < until {
        core::hint::spin_loop();
    }
}
