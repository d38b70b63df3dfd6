//! Which number of the interrupt table means what.
//!
//! Owns: the assignment. 0–31 are the CPU's; the local APIC delivers higher numbers first.

/// Where the 8259s would deliver: masked, but a spurious one may still come.
pub const LEGACY: u8 = 0x20;
/// The first number of devices behind the IOAPIC (`Interrupt::Device(vector - DEVICES)`).
pub const DEVICES: u8 = 0x30;
/// COM1 received something.
pub const SERIAL: u8 = 0xe0;
/// One past the devices' numbers.
pub const DEVICES_END: u8 = 0xe0;
/// The local APIC's timer.
pub const TIMER: u8 = 0xf0;
/// Another CPU asks for attention.
pub const IPI: u8 = 0xf1;
/// The local APIC's spurious interrupt.
pub const SPURIOUS: u8 = 0xff;
