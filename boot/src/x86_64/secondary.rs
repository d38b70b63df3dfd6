//! The other CPUs' way from a SIPI to `kernel_secondary_main`.
//!
//! Owns: the trampoline's page, below 1 MiB, and its tables. Does not own: the interrupts that start a CPU
//! (`arch::apic`), who waits for it (`kernel`). One CPU starts at a time: [`start`]'s caller sees to it.

use crate::info::BootInfo;
use crate::secondary::{StartError, kernel_secondary_main};
use arch::layout::direct_map;
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU64, Ordering};

/// The trampoline's code; a page number that fits a SIPI. It lies in what `start` keeps reserved.
const TRAMPOLINE: u64 = 0x8000;
/// Its root, the next table, and the last, which maps the first 2 MiB to themselves.
const TABLES: [u64; 3] = [0x9000, 0xa000, 0xb000];
/// Words at the end of its page: the root, the stack's end (0: nobody is expected), the entry.
const ROOT: u64 = TRAMPOLINE + 0xfe8;
const STACK: u64 = TRAMPOLINE + 0xff0;
const ENTRY: u64 = TRAMPOLINE + 0xff8;

/// Entries of a root that belong to the kernel: the upper half.
const KERNEL_ENTRIES: core::ops::Range<u64> = 256..512;
const PRESENT_WRITABLE: u64 = 3;
const LARGE: u64 = 1 << 7;

global_asm!(
    include_str!("trampoline.s"),
    trampoline = const TRAMPOLINE,
    root = const ROOT,
    stack = const STACK,
    entry = const ENTRY,
);

unsafe extern "C" {
    static trampoline_start: u8;
    static trampoline_end: u8;
}

/// The CPU that is expected: its index, the hardware's number, the kernel's root.
static EXPECTED: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// Starts CPU `index` of `info.cpus`: it calls `kernel_secondary_main(index)` on the stack that ends at
/// `stack_top`. Answers when it has been asked to; the caller waits until it is there. A CPU that was given up
/// and comes after all finds no stack, and halts.
///
/// Errors: the hardware's number cannot be named by this interrupt controller.
///
/// # Safety
/// The stack is the CPU's alone, for ever. No other CPU is starting.
pub unsafe fn start(info: &BootInfo, index: usize, stack_top: usize) -> Result<(), StartError> {
    let hardware_id = info.cpus[index].hardware_id;
    let target = u8::try_from(hardware_id).map_err(|_| StartError::Unreachable)?;
    for (to, value) in EXPECTED
        .iter()
        .zip([index as u64, hardware_id, info.kernel_root])
    {
        to.store(value, Ordering::Relaxed);
    }
    let [root, middle, last] = TABLES;
    // SAFETY: these pages are reserved since boot and nobody else's; the kernel's root is only read.
    unsafe {
        let code = (&raw const trampoline_start, &raw const trampoline_end);
        let size = code.1 as usize - code.0 as usize;
        core::ptr::copy_nonoverlapping(code.0, direct_map(TRAMPOLINE) as *mut u8, size);
        for table in TABLES {
            core::ptr::write_bytes(direct_map(table) as *mut u8, 0, 4096);
        }
        for entry in KERNEL_ENTRIES {
            write(root + entry * 8, read(info.kernel_root + entry * 8));
        }
        write(root, middle | PRESENT_WRITABLE);
        write(middle, last | PRESENT_WRITABLE);
        write(last, LARGE | PRESENT_WRITABLE);
        write(ROOT, root);
        write(ENTRY, secondary_main as *const () as u64);
        write(STACK, stack_top as u64);
    }
    arch::apic::start_cpu(target.into(), (TRAMPOLINE >> 12) as u8);
    Ok(())
}

/// Nobody is expected any more. Answers whether the CPU has taken its stack: then it is on its way, and the
/// stack must stay.
pub fn give_up() -> bool {
    // SAFETY: the word lies in the trampoline's page, which nobody else's code uses.
    let stack = unsafe { &*(direct_map(STACK) as *const AtomicU64) };
    stack.swap(0, Ordering::SeqCst) == 0
}

unsafe fn write(at: u64, value: u64) {
    // SAFETY: the caller's: an aligned word of RAM that is its own.
    unsafe { (direct_map(at) as *mut u64).write_volatile(value) };
}

unsafe fn read(at: u64) -> u64 {
    // SAFETY: the caller's: an aligned word of RAM.
    unsafe { (direct_map(at) as *const u64).read_volatile() }
}

/// From the trampoline, in long mode, on the given stack and the trampoline's tables.
extern "C" fn secondary_main() -> ! {
    let [index, hardware_id, root] = EXPECTED.each_ref().map(|word| word.load(Ordering::Relaxed));
    if u64::from(arch::cpu::first_hardware_id()) != hardware_id {
        // One that was given up took another one's stack.
        loop {
            arch::interrupts::halt();
        }
    }
    // SAFETY: the first code of this CPU, interrupts masked; the kernel's tables map what runs here at the
    // same addresses.
    unsafe {
        arch::early_init_cpu(index as usize);
        asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags));
        arch::init_cpu();
    }
    kernel_secondary_main(index as usize)
}
