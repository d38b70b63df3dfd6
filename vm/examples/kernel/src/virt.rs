//! QEMU's `virt` board: entry, console, power.
//!
//! Owns: the way from the firmware to `kernel` and to QEMU's status, the firmware's console (RISC-V SBI
//! specification, "Legacy Extensions"). Does not own: paging (`Sv39`).

use core::arch::{asm, global_asm};
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::ptr::{self, NonNull};
use example_kernel::boot::boot;
use example_kernel::hart::Hart;
use example_kernel::kernel::run;
use example_kernel::pte::PAGE;
use example_kernel::ram::Ram;
use vm::{Machine, PhysAddr};

/// Where the board has RAM.
const RAM: PhysAddr = PhysAddr(0x8000_0000);
/// The board's test device: what is written there ends QEMU.
const TEST_DEVICE: usize = 0x10_0000;
/// How much of RAM is used, in pages: 64 MiB. The board has 128 MiB unless QEMU is told otherwise.
const FRAMES: u32 = 64 << 8;

// The firmware enters at the image's first byte, paging off, interrupts off; `.bss` is as QEMU's
// loader left it: zero.
global_asm!(
    ".section .text.start, \"ax\"",
    ".global start",
    "start: la sp, stack_end",
    "la t0, trap",
    "csrw stvec, t0",
    "j {main}",
    ".section .bss.stack, \"aw\", @nobits",
    ".balign 16",
    ".space 256 * 1024",
    "stack_end:",
    ".section .text.trap, \"ax\"",
    ".balign 4",
    "trap: j {trapped}",
    main = sym main,
    trapped = sym trapped,
);

unsafe extern "C" {
    static mut image_end: u8;
}

extern "C" fn main() -> ! {
    let end = ptr::addr_of_mut!(image_end).addr() as u64;
    let taken = ((end - RAM.0) / PAGE) as u32;
    let start = NonNull::new(ptr::with_exposed_provenance_mut(RAM.0 as usize));
    // SAFETY: the board has this RAM, at this address with paging off and on; it is aligned to 1 GiB.
    let ram = unsafe { Ram::new(start.expect("RAM is not at 0"), RAM, FRAMES) };
    // SAFETY: the firmware and the image, stack included, end before `image_end`, and `main` runs once.
    let result = unsafe { boot(Hart, ram, taken) }.map_err(Into::into);
    let result = result.and_then(|vm| {
        vm.machine().activate(vm.machine().kernel_pmap());
        run(&vm, &mut Console)
    });
    match result {
        Ok(()) => {
            let _ = writeln!(Console, "example kernel: passed");
            power_off(End::Pass)
        }
        Err(failed) => panic!("{failed:?}"),
    }
}

/// A trap that no access of a program's explains.
extern "C" fn trapped() -> ! {
    let (cause, at, value): (usize, usize, usize);
    // SAFETY: reading these registers changes nothing.
    unsafe {
        asm!("csrr {}, scause", "csrr {}, sepc", "csrr {}, stval", out(reg) cause, out(reg) at, out(reg) value);
    }
    panic!("trap {cause} at {at:#x}, value {value:#x}");
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Console, "example kernel: FAILED: {info}");
    power_off(End::Fail)
}

/// The firmware's console.
struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(put);
        Ok(())
    }
}

/// How the kernel ended.
#[derive(Clone, Copy)]
enum End {
    /// QEMU's status is 0.
    Pass = 0x5555,
    /// QEMU's status is 1.
    Fail = 1 << 16 | 0x3333,
}

/// Ends QEMU by the board's test device, with paging off: no table has the device.
fn power_off(end: End) -> ! {
    let device = ptr::with_exposed_provenance_mut::<u32>(TEST_DEVICE);
    // SAFETY: the kernel runs where RAM is, so it goes on without paging; the register is the board's.
    unsafe {
        asm!("csrw satp, zero", "sfence.vma");
        device.write_volatile(end as u32);
    }
    loop {
        core::hint::spin_loop();
    }
}

/// Writes a character: the firmware's "console putchar".
fn put(byte: u8) {
    // SAFETY: the call touches no memory of the kernel's.
    unsafe {
        asm!(
            "ecall",
            inout("a0") usize::from(byte) => _,
            out("a1") _,
            in("a7") 1,
            options(nostack),
        );
    }
}
