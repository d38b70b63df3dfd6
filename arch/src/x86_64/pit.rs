//! The 8254: its second channel, which interrupts nobody, is a ruler for other clocks; the others are silent.
//!
//! Owns: the channels and the gate. Source: Intel 8254 datasheet.

use x86::instructions::port::Port;

/// Ticks per second.
pub const FREQUENCY: u64 = 1_193_182;

const CHANNEL_0: u16 = 0x40;
const CHANNEL_2: u16 = 0x42;
const COMMAND: u16 = 0x43;
const GATE: u16 = 0x61;
/// Channel 2, low then high byte, mode 0 (count down once).
const COUNT_DOWN: u8 = 0xb0;
/// The same for channel 0.
const COUNT_DOWN_0: u8 = 0x30;
const LATCH_CHANNEL_2: u8 = 0x80;

/// Stops channel 0, which the firmware left ticking: nobody listens, but an emulator's clock would not stand still.
pub fn silence() {
    // SAFETY: the ports are the PC's timer's, and its line is masked.
    unsafe {
        Port::<u8>::new(COMMAND).write(COUNT_DOWN_0);
        let mut data = Port::<u8>::new(CHANNEL_0);
        data.write(1);
        data.write(0);
    }
}

/// Starts counting down from 65535.
pub fn start() {
    let mut gate = Port::<u8>::new(GATE);
    let mut data = Port::<u8>::new(CHANNEL_2);
    // SAFETY: the ports are the PC's timer and speaker gate; the speaker is switched off.
    unsafe {
        let old = gate.read();
        gate.write(old & !2 | 1);
        Port::<u8>::new(COMMAND).write(COUNT_DOWN);
        data.write(0xff);
        data.write(0xff);
    }
}

/// What is left.
pub fn count() -> u16 {
    let mut data = Port::<u8>::new(CHANNEL_2);
    // SAFETY: as in `start`.
    unsafe {
        Port::<u8>::new(COMMAND).write(LATCH_CHANNEL_2);
        u16::from_le_bytes([data.read(), data.read()])
    }
}
