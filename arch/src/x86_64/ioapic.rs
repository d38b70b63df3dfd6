//! The IOAPIC: which device line interrupts which CPU with which vector; and the 8259s, silenced.
//!
//! Owns: both chips' registers. Does not own: devices. Locks: routing is done on the boot CPU while
//! it sets devices up. Sources: 82093AA datasheet; ISA lines are edge-triggered, active high.

use super::{apic, vectors};
use crate::layout::DEVICE_WINDOW_BASE;
use core::sync::atomic::{AtomicU64, Ordering};
use x86::instructions::port::Port;

/// Where the registers are unless the firmware says otherwise.
pub const DEFAULT_ADDRESS: u64 = 0xfec0_0000;

const SELECT: u64 = 0;
const WINDOW_REGISTER: u64 = 0x10;
const VERSION: u32 = 1;
const REDIRECTION: u32 = 0x10;
const MASKED: u32 = 1 << 16;

static WINDOW: AtomicU64 = AtomicU64::new(DEVICE_WINDOW_BASE + DEFAULT_ADDRESS);

fn select(index: u32) -> *mut u32 {
    let base = WINDOW.load(Ordering::Relaxed);
    // SAFETY: boot maps the registers, uncached, at the window, and they stay there.
    unsafe { ((base + SELECT) as *mut u32).write_volatile(index) };
    (base + WINDOW_REGISTER) as *mut u32
}

fn read(index: u32) -> u32 {
    // SAFETY: as in `select`.
    unsafe { select(index).read_volatile() }
}

fn write(index: u32, value: u32) {
    // SAFETY: as in `select`.
    unsafe { select(index).write_volatile(value) };
}

/// Masks every line of the IOAPIC and of the 8259s.
///
/// # Safety
/// `address` is the registers' physical address, mapped at the device window; interrupts are masked.
pub(super) unsafe fn init(address: u64) {
    WINDOW.store(DEVICE_WINDOW_BASE + address, Ordering::Relaxed);
    let last_line = read(VERSION) >> 16 & 0xff;
    for line in 0..=last_line {
        write(REDIRECTION + 2 * line, MASKED);
        write(REDIRECTION + 2 * line + 1, 0);
    }
    // The 8259s: vectors out of the CPU's own range, cascade on line 2, 8086 mode, all masked.
    for (command, offset, cascade) in [
        (0x20u16, vectors::LEGACY, 4u8),
        (0xa0, vectors::LEGACY + 8, 2),
    ] {
        let mut control = Port::<u8>::new(command);
        let mut data = Port::<u8>::new(command + 1);
        // SAFETY: the ports are the 8259s' on every PC, and nothing else drives them.
        unsafe {
            control.write(0x11);
            data.write(offset);
            data.write(cascade);
            data.write(1);
            data.write(0xff);
        }
    }
}

/// Routes an ISA line to this CPU with `vector`.
pub(super) fn route_isa(line: u8, vector: u8) {
    let entry = REDIRECTION + 2 * u32::from(line);
    write(entry, MASKED);
    write(entry + 1, apic::hardware_id() << 24);
    write(entry, u32::from(vector));
}
