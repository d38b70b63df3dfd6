//! Before the MMU: what the CPU can do, the first tables, the switch.
//!
//! Owns: the code that runs at physical addresses. Does not own: everything after it (`main`).
//! No atomic read-modify-write here: without the MMU, memory is no place for them.

use super::tables::{self, Attributes, PAGE_SIZE, Tables};
use crate::report;
use crate::{Arguments, device_tree::DeviceTree};
use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{
    ID_AA64ISAR0_EL1, ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1, MAIR_EL1, Readable, SCTLR_EL1, TCR_EL1,
    TTBR0_EL1, TTBR1_EL1, Writeable,
};
use arch::layout;

/// SCTLR_EL1 with the MMU and caches off: the bits that read as one.
pub const SCTLR_OFF: u64 = 0x30d0_0800;

/// SCTLR_EL1 as the kernel runs: besides the bits that read as one, the MMU, caches and checks of
/// stack alignment; programs may use `dc zva`, `dc cvau`, `ic ivau`, CTR_EL0, `wfi` and `wfe`. SPAN
/// is 0: an exception sets PAN.
const SCTLR_ON: u64 = {
    const M: u64 = 1;
    const C: u64 = 1 << 2;
    const SA: u64 = 1 << 3;
    const SA0: u64 = 1 << 4;
    const I: u64 = 1 << 12;
    const DZE: u64 = 1 << 14;
    const UCT: u64 = 1 << 15;
    const NTWI: u64 = 1 << 16;
    const NTWE: u64 = 1 << 18;
    const SPAN: u64 = 1 << 23;
    const UCI: u64 = 1 << 26;
    SCTLR_OFF & !SPAN | M | C | SA | SA0 | I | DZE | UCT | NTWI | NTWE | UCI
};

/// Physical memory that the first tables map to itself: what `boot` may read and take frames from.
pub const IDENTITY_END: u64 = 64 << 30;
/// Where `virt`'s RAM begins; below are devices.
const RAM_BASE: u64 = 1 << 30;

unsafe extern "C" {
    static image_end: [u8; 0];
    static early_tables: [u8; 0];
    static early_tables_end: [u8; 0];
}

/// Checks the CPU, builds the first tables and turns the MMU on. Returns with physical addresses
/// mapped to themselves and the image also where it is linked.
#[unsafe(no_mangle)]
extern "C" fn early_main(device_tree: *const u8, image: u64) {
    if let Err(what) = check_cpu() {
        let plausible = super::start::is_plausible(device_tree);
        // SAFETY: the loader's pointer, judged as `boot_main` does.
        if let Some(Ok(tree)) = plausible.then(|| unsafe { DeviceTree::at(device_tree) }) {
            report::set_console(Arguments::console_of(tree.command_line().unwrap_or("")));
        }
        report::fail(format_args!("boot: {what}"));
    }
    let mut next = (&raw const early_tables) as u64;
    let end = (&raw const early_tables_end) as u64;
    let mut take = || {
        let frame = next;
        next += PAGE_SIZE;
        (next <= end).then_some(frame)
    };
    let image_size = (&raw const image_end) as u64 - image;
    // SAFETY: the MMU is off, and the frames are set aside for this.
    let built = unsafe { build(image, image_size, &mut take) };
    let Ok((low, high)) = built else {
        report::fail(format_args!(
            "boot: the kernel image of {image_size:#x} bytes is too large"
        ));
    };
    enable_mmu(low, high);
}

/// What this CPU lacks, as a sentence.
fn check_cpu() -> Result<(), &'static str> {
    let granules = ID_AA64MMFR0_EL1.get();
    if cfg!(feature = "granule-4k") {
        // 15: none. 0 and 1: supported.
        if granules >> 28 & 0xf == 0xf {
            return Err("the CPU has no 4 KiB granule");
        }
    } else if granules >> 20 & 0xf == 0 {
        return Err("the CPU has no 16 KiB granule (use -cpu max or cortex-a76)");
    }
    if ID_AA64ISAR0_EL1.get() >> 20 & 0xf < 2 {
        return Err("the CPU has no LSE atomics (use -cpu max or cortex-a76)");
    }
    Ok(())
}

/// The two halves' first tables: physical addresses of their roots.
///
/// # Safety
/// As `Tables::new`.
unsafe fn build(
    image: u64,
    image_size: u64,
    take: &mut impl FnMut() -> Option<u64>,
) -> Result<(u64, u64), tables::NoFrame> {
    // SAFETY: the caller's promise.
    let mut low = unsafe { Tables::new(&mut *take)? };
    low.map(0, 0, RAM_BASE, Attributes::DEVICE)?;
    low.map(
        RAM_BASE,
        RAM_BASE,
        IDENTITY_END - RAM_BASE,
        Attributes::EARLY,
    )?;
    let low_root = low.root();
    // SAFETY: the caller's promise.
    let mut high = unsafe { Tables::new(&mut *take)? };
    // In blocks if the image may lie anywhere in them: its last block may reach beyond it.
    let block = 2 << 20;
    let size = if cfg!(feature = "granule-4k") && image.is_multiple_of(block) {
        image_size.next_multiple_of(block)
    } else {
        image_size
    };
    high.map(layout::IMAGE_BASE, image, size, Attributes::EARLY)?;
    Ok((low_root, high.root()))
}

fn enable_mmu(low: u64, high: u64) {
    let features = ID_AA64MMFR0_EL1.get();
    // 48 bits are enough for whatever has 52.
    let physical_bits = (features & 0xf).min(5);
    let asid16 = features >> 4 & 0xf == 2;
    let access_flags = ID_AA64MMFR1_EL1.get() & 0xf;
    let (low_granule, high_granule) = if cfg!(feature = "granule-4k") {
        (0b00, 0b10)
    } else {
        (0b10, 0b01)
    };
    let unused_bits = u64::from(64 - tables::ADDRESS_BITS);
    // Walks through write-back, inner-shareable memory.
    let walk = 0b01 | 0b01 << 2 | 0b11 << 4;
    let mut tcr = unused_bits | walk << 8 | low_granule << 14;
    tcr |= unused_bits << 16 | walk << 24 | high_granule << 30;
    tcr |= physical_bits << 32 | u64::from(asid16) << 36;
    // The hardware notes use where it can (HA); writes are noted by faults.
    tcr |= u64::from(access_flags >= 1) << 39;
    MAIR_EL1.set(arch::pmap::format::aarch64::MAIR);
    TCR_EL1.set(tcr);
    TTBR0_EL1.set(low);
    TTBR1_EL1.set(high);
    barrier::dsb(barrier::SY);
    barrier::isb(barrier::SY);
    // SAFETY: drops what the TLB may hold from before; nothing uses it.
    unsafe { core::arch::asm!("tlbi vmalle1", "dsb nsh", "isb", options(nostack)) };
    SCTLR_EL1.set(SCTLR_ON);
    barrier::isb(barrier::SY);
}
