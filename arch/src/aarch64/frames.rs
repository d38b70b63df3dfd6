//! Clearing and copying page frames with the widest registers that the CPU has.
//!
//! Owns: the loops, and the kernel's use of SVE, which programs do not get. A loop borrows one or two
//! vector registers with interrupts masked, so that no switch sees it, and gives the program's values back
//! (the part above 128 bits is nobody's). Without SVE, clearing uses DC ZVA.

use super::interrupts;
use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{CPACR_EL1, Readable, Writeable};
use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The unit of length and alignment in bytes.
pub const UNIT: usize = 512;

/// Vectors that one round of the SVE loops stores.
const ROUND: usize = 16;
/// Bytes of one round, or `usize::MAX` without SVE. The same on every CPU.
static SVE_ROUND: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Lets the kernel use SVE, if this CPU has it. Each CPU, once.
pub(super) fn init() {
    let features: u64;
    // SAFETY: reads a register.
    unsafe {
        asm!("mrs {}, id_aa64pfr0_el1", out(reg) features, options(nomem, nostack, preserves_flags))
    };
    if features >> 32 & 0xf == 0 {
        return;
    }
    // ZEN = 1: EL1 may, EL0 traps.
    CPACR_EL1.set(CPACR_EL1.get() & !(3 << 16) | 1 << 16);
    barrier::isb(barrier::SY);
    let bytes: usize;
    // SAFETY: the CPU has SVE and lets EL1 use it; ZCR_EL1 (S3_0_C1_C2_0) asks for the longest vectors.
    unsafe {
        asm!(
            ".arch_extension sve",
            "msr s3_0_c1_c2_0, {longest}",
            "isb",
            "rdvl {bytes}, #1",
            ".arch_extension nosve",
            longest = in(reg) 0xf_u64,
            bytes = out(reg) bytes,
            options(nomem, nostack, preserves_flags)
        );
    }
    if bytes.is_power_of_two() && bytes > 16 {
        SVE_ROUND.store(bytes * ROUND, Relaxed);
    }
}

/// Sets `bytes` bytes at `to` to zero.
///
/// # Safety
/// The range is the caller's to write, aligned to [`UNIT`] and a multiple of it long, in write-back
/// memory. Vector instructions do not trap.
pub unsafe fn zero(to: *mut u8, bytes: usize) {
    debug_assert!(bytes.is_multiple_of(UNIT) && (to as usize).is_multiple_of(UNIT));
    let end = to.wrapping_add(bytes);
    let round = SVE_ROUND.load(Relaxed);
    if bytes & round.wrapping_sub(1) != 0 {
        // SAFETY: the caller's range.
        return unsafe { zero_blocks(to, end) };
    }
    let mut kept = 0u128;
    let saved = interrupts::disable();
    // SAFETY: the caller's range, a whole number of rounds; `kept` holds the register meanwhile, and
    // interrupts are masked.
    unsafe {
        asm!(
            ".arch_extension fp",
            ".arch_extension sve",
            "str q0, [{kept}]",
            "mov z0.d, #0",
            "2:",
            ".set vector, 0",
            ".rept 16",
            "str z0, [{to}, #vector, mul vl]",
            ".set vector, vector + 1",
            ".endr",
            "add {to}, {to}, {round}",
            "cmp {to}, {end}",
            "b.lo 2b",
            "ldr q0, [{kept}]",
            ".arch_extension nosve",
            ".arch_extension nofp",
            to = inout(reg) to => _,
            end = in(reg) end,
            round = in(reg) round,
            kept = in(reg) &raw mut kept,
            options(nostack),
        );
    }
    interrupts::restore(saved);
}

/// The same without vectors.
///
/// # Safety
/// As for [`zero`]; `end` is where the range ends.
unsafe fn zero_blocks(to: *mut u8, end: *mut u8) {
    let dczid: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, dczid_el0", out(reg) dczid, options(nomem, nostack, preserves_flags)) };
    // 64 bytes a block, and allowed: every core that this kernel knows.
    if dczid & 0x1f == 4 {
        // SAFETY: the caller's range, eight blocks of 64 bytes at a time.
        unsafe {
            asm!(
                "2:",
                ".rept 8",
                "dc zva, {to}",
                "add {to}, {to}, #64",
                ".endr",
                "cmp {to}, {end}",
                "b.lo 2b",
                to = inout(reg) to => _,
                end = in(reg) end,
                options(nostack),
            );
        }
    } else {
        // SAFETY: the caller's range.
        unsafe {
            asm!(
                "2:",
                "stp xzr, xzr, [{to}]",
                "stp xzr, xzr, [{to}, #16]",
                "stp xzr, xzr, [{to}, #32]",
                "stp xzr, xzr, [{to}, #48]",
                "add {to}, {to}, #64",
                "cmp {to}, {end}",
                "b.lo 2b",
                to = inout(reg) to => _,
                end = in(reg) end,
                options(nostack),
            );
        }
    }
}

/// Copies `bytes` bytes from `from` to `to`.
///
/// # Safety
/// Both ranges are the caller's, do not overlap, are aligned to [`UNIT`] and a multiple of it long. Vector
/// instructions do not trap.
pub unsafe fn copy(to: *mut u8, from: *const u8, bytes: usize) {
    debug_assert!(bytes.is_multiple_of(UNIT) && (to as usize | from as usize).is_multiple_of(UNIT));
    let mut kept = [0u128; 2];
    let round = SVE_ROUND.load(Relaxed);
    let end = to.wrapping_add(bytes);
    let saved = interrupts::disable();
    // SAFETY: the caller's ranges; `kept` holds the registers meanwhile, and interrupts are masked.
    unsafe {
        if bytes & round.wrapping_sub(1) == 0 {
            asm!(
                ".arch_extension fp",
                ".arch_extension sve",
                "str q0, [{kept}]",
                "2:",
                ".set vector, 0",
                ".rept 16",
                "ldr z0, [{from}, #vector, mul vl]",
                "str z0, [{to}, #vector, mul vl]",
                ".set vector, vector + 1",
                ".endr",
                "add {from}, {from}, {round}",
                "add {to}, {to}, {round}",
                "cmp {to}, {end}",
                "b.lo 2b",
                "ldr q0, [{kept}]",
                ".arch_extension nosve",
                ".arch_extension nofp",
                to = inout(reg) to => _,
                from = inout(reg) from => _,
                end = in(reg) end,
                round = in(reg) round,
                kept = in(reg) &raw mut kept,
                options(nostack),
            );
        } else {
            asm!(
                ".arch_extension fp",
                "stp q0, q1, [{kept}]",
                "2:",
                ".set offset, 0",
                ".rept 16",
                "ldp q0, q1, [{from}, #offset]",
                "stp q0, q1, [{to}, #offset]",
                ".set offset, offset + 32",
                ".endr",
                "add {from}, {from}, #512",
                "add {to}, {to}, #512",
                "cmp {to}, {end}",
                "b.lo 2b",
                "ldp q0, q1, [{kept}]",
                ".arch_extension nofp",
                to = inout(reg) to => _,
                from = inout(reg) from => _,
                end = in(reg) end,
                kept = in(reg) &raw mut kept,
                options(nostack),
            );
        }
    }
    interrupts::restore(saved);
}
