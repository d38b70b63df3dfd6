//! The end of the machine.
//!
//! Owns: QEMU's `isa-debug-exit` device, whose exit code is `value * 2 + 1`.

use x86::instructions::port::Port;

/// `isa-debug-exit`'s port, as the host command places it.
const EXIT_PORT: u16 = 0xf4;

/// Ends the machine; `status` becomes QEMU's exit code. It is odd: the device can say nothing else.
pub fn exit(status: u8) -> ! {
    super::interrupts::mask();
    let mut port = Port::<u32>::new(EXIT_PORT);
    // SAFETY: the port belongs to the exit device or to nothing; the write ends the machine.
    unsafe { port.write(u32::from(status) >> 1) };
    loop {
        // The emulator may run on for a while: no second write, only rest.
        x86::instructions::hlt();
    }
}
