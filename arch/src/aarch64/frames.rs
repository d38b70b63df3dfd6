//! Clearing and copying page frames.
//!
//! Owns: two loops. Clearing uses DC ZVA, a cache line and more at a time. Copying borrows four vector
//! registers with interrupts masked, and gives the program's values back.

use super::interrupts;
use core::arch::asm;

/// The unit of length and alignment in bytes.
pub const UNIT: usize = 512;

/// Sets `bytes` bytes at `to` to zero.
///
/// # Safety
/// The range is the caller's to write, aligned to [`UNIT`] and a multiple of it long, in write-back memory.
#[inline]
pub unsafe fn zero(to: *mut u8, bytes: usize) {
    debug_assert!(bytes.is_multiple_of(UNIT) && (to as usize).is_multiple_of(UNIT));
    let dczid: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, dczid_el0", out(reg) dczid, options(nomem, nostack, preserves_flags)) };
    let end = to.wrapping_add(bytes);
    // 64 bytes a block, and allowed: every core that this kernel knows.
    if dczid & 0x1f == 4 {
        // SAFETY: the caller's range, eight blocks of 64 bytes at a time.
        unsafe {
            asm!(
                "2:",
                "add {b}, {to}, #64",
                "add {c}, {to}, #128",
                "add {d}, {to}, #192",
                "dc zva, {to}",
                "dc zva, {b}",
                "dc zva, {c}",
                "dc zva, {d}",
                "add {to}, {to}, #256",
                "add {b}, {b}, #256",
                "add {c}, {c}, #256",
                "add {d}, {d}, #256",
                "dc zva, {to}",
                "dc zva, {b}",
                "dc zva, {c}",
                "dc zva, {d}",
                "add {to}, {to}, #256",
                "cmp {to}, {end}",
                "b.lo 2b",
                to = inout(reg) to => _,
                end = in(reg) end,
                b = out(reg) _,
                c = out(reg) _,
                d = out(reg) _,
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
    let saved = interrupts::disable();
    // SAFETY: the caller's ranges; `kept` holds the two registers meanwhile, and interrupts are masked.
    unsafe {
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
            end = in(reg) to.wrapping_add(bytes),
            kept = in(reg) &raw mut kept,
            options(nostack),
        );
    }
    interrupts::restore(saved);
}
