//! The serial line: a PL011, raw bytes.
//!
//! Owns: where its registers are; sending, receiving. Does not own: lines, records, echo (`kernel`).
//! Locks: none. Whoever writes whole lines keeps others out; the panic path does not.

use crate::devices::DeviceRange;
use crate::layout::DEVICE_WINDOW_BASE;
use arm_pl011_uart::{
    DataBits, Interrupts, LineConfig, PL011Registers, Parity, StopBits, Uart, UniqueMmioPointer,
};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Where QEMU's `virt` has it: good until the device tree has been read, while physical addresses
/// are mapped to themselves.
const EARLY: usize = 0x0900_0000;
/// The clock that feeds it on `virt`, and the rate of the line (QEMU ignores both).
const CLOCK_HZ: u32 = 24_000_000;
const BAUD: u32 = 115_200;

static BASE: AtomicUsize = AtomicUsize::new(EARLY);

fn uart() -> Uart<'static> {
    let registers = NonNull::new(BASE.load(Ordering::Relaxed) as *mut PL011Registers);
    // SAFETY: the address is the device's, mapped as device memory. Several of these values exist
    // at times (a panic during a write); each only makes volatile accesses to single registers.
    unsafe { Uart::new(UniqueMmioPointer::new(registers.unwrap_unchecked())) }
}

/// Moves to the window of the device that the device tree names, before there are windows: the
/// registers at their physical address.
pub fn use_early(device: DeviceRange) {
    BASE.store(device.start as usize, Ordering::Relaxed);
}

/// Moves to the device's window for good.
pub fn use_window(device: DeviceRange) {
    BASE.store(
        (DEVICE_WINDOW_BASE + device.start) as usize,
        Ordering::Relaxed,
    );
}

/// Sets the line up.
pub(super) fn init(device: DeviceRange) {
    use_window(device);
    let line = LineConfig {
        data_bits: DataBits::Bits8,
        parity: Parity::None,
        stop_bits: StopBits::One,
    };
    // The divisor of constants is in range; QEMU would work without it.
    let _ = uart().enable(line, BAUD, CLOCK_HZ);
    uart().set_interrupt_masks(Interrupts::empty());
}

/// Sends bytes as they are; waits while the queue is full.
pub fn write(bytes: &[u8]) {
    let mut uart = uart();
    for &byte in bytes {
        while uart.is_tx_fifo_full() {}
        uart.write_word(byte);
    }
}

/// Takes a received byte, if there is one. A byte that arrived damaged is dropped.
pub fn read() -> Option<u8> {
    let mut uart = uart();
    loop {
        match uart.read_word() {
            Ok(byte) => return byte,
            Err(_) => continue,
        }
    }
}

/// Makes received bytes interrupt (`Interrupt::Serial`); the handler reads until there is none.
pub fn enable_receive_interrupt() {
    uart().set_interrupt_masks(Interrupts::RXI | Interrupts::RTI);
}
