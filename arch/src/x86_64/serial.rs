//! The serial line: the first 16550 (COM1), polled out, interrupt-driven in.
//!
//! Owns: the port and its interrupt line. Does not own: lines, records or echo (`kernel`).
//! Locks: none, and no driver state: each call makes a fresh driver value over the same registers, so that
//! the panic path may write past whoever was writing. Callers keep whole lines together.

use core::sync::atomic::{AtomicU8, Ordering};
use uart_16550::backend::PioBackend;
use uart_16550::spec::registers::{FifoTriggerLevel, IER};
use uart_16550::{BaudRate, Config, Uart16550};

/// COM1's first port.
const BASE: u16 = 0x3f8;
/// The IOAPIC's line that COM1 interrupts: ISA 4, unless the firmware says otherwise.
static LINE: AtomicU8 = AtomicU8::new(4);

/// Sets the IOAPIC's line.
pub(super) fn set_line(line: u8) {
    LINE.store(line, Ordering::Relaxed);
}

const fn uart() -> Uart16550<PioBackend> {
    // SAFETY: ports 0x3f8–0x3ff are COM1's on every PC; nothing else drives them.
    match unsafe { Uart16550::new_port(BASE) } {
        Ok(uart) => uart,
        Err(_) => panic!("COM1's ports are in range"),
    }
}

/// Sets the line up: 115200 baud, 8 bits, FIFOs on, no interrupts yet. Called once by `boot`.
/// A line that is not there swallows what is written; there is nowhere to report it.
pub fn init() {
    let config = Config {
        baud_rate: BaudRate::Baud115200,
        fifo_trigger_level: Some(FifoTriggerLevel::One),
        ..Config::DEFAULT
    };
    let _ = uart().init(config);
}

/// Writes the bytes as they are, waiting for the device.
pub fn write(bytes: &[u8]) {
    uart().send_bytes_exact(bytes);
}

/// The next byte received, if one waits.
pub fn read() -> Option<u8> {
    uart().try_receive_byte().ok()
}

/// Lets a received byte interrupt the boot CPU (`Interrupt::Serial`).
pub fn enable_receive_interrupt() {
    uart().enable_interrupts(IER::DATA_READY);
    super::ioapic::route_isa(LINE.load(Ordering::Relaxed), super::vectors::SERIAL);
}
