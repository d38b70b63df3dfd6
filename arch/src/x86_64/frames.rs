//! Clearing and copying page frames with the widest registers that the CPU has.
//!
//! Owns: two loops. The kernel is compiled without SIMD; a loop borrows one register, with
//! interrupts masked so that no switch sees it, and gives the program's value back. Speed is
//! counted in instructions here, and `rep stosq` is one per 8 bytes: 512 for a page, 138 this way.

use super::cpu::{Features, features};
use super::interrupts;
use core::arch::asm;

/// The unit of length and alignment in bytes.
pub const UNIT: usize = 512;

/// Sets `bytes` bytes at `to` to zero.
///
/// # Safety
/// The range is the caller's to write, aligned to 32 bytes, and a multiple of [`UNIT`] long.
pub unsafe fn zero(to: *mut u8, bytes: usize) {
    debug_assert!(bytes.is_multiple_of(UNIT) && (to as usize).is_multiple_of(32));
    let mut kept = [0u8; 32];
    let saved = interrupts::disable();
    // SAFETY: the caller's range; `kept` holds the register meanwhile, and interrupts are masked.
    unsafe {
        if features().contains(Features::AVX) {
            asm!(
                "vmovdqu [{kept}], ymm0",
                "vpxor xmm0, xmm0, xmm0",
                "2:",
                ".set frame_byte, 0",
                ".rept 16",
                "vmovdqa [{to} + frame_byte], ymm0",
                ".set frame_byte, frame_byte + 32",
                ".endr",
                "add {to}, 512",
                "cmp {to}, {end}",
                "jb 2b",
                "vmovdqu ymm0, [{kept}]",
                to = inout(reg) to => _,
                end = in(reg) to.add(bytes),
                kept = in(reg) &raw mut kept,
                options(nostack),
            );
        } else {
            asm!(
                "movdqu [{kept}], xmm0",
                "pxor xmm0, xmm0",
                "2:",
                ".set frame_byte, 0",
                ".rept 32",
                "movdqa [{to} + frame_byte], xmm0",
                ".set frame_byte, frame_byte + 16",
                ".endr",
                "add {to}, 512",
                "cmp {to}, {end}",
                "jb 2b",
                "movdqu xmm0, [{kept}]",
                to = inout(reg) to => _,
                end = in(reg) to.add(bytes),
                kept = in(reg) &raw mut kept,
                options(nostack),
            );
        }
    }
    interrupts::restore(saved);
}

/// Copies `bytes` bytes from `from` to `to`.
///
/// # Safety
/// Both ranges are the caller's, do not overlap, are aligned to 32 bytes, and a multiple of [`UNIT`]
/// long.
pub unsafe fn copy(to: *mut u8, from: *const u8, bytes: usize) {
    debug_assert!(bytes.is_multiple_of(UNIT) && (to as usize | from as usize).is_multiple_of(32));
    let mut kept = [0u8; 32];
    let saved = interrupts::disable();
    // SAFETY: as in `zero`.
    unsafe {
        if features().contains(Features::AVX) {
            asm!(
                "vmovdqu [{kept}], ymm0",
                "2:",
                ".set frame_byte, 0",
                ".rept 16",
                "vmovdqa ymm0, [{from} + frame_byte]",
                "vmovdqa [{to} + frame_byte], ymm0",
                ".set frame_byte, frame_byte + 32",
                ".endr",
                "add {from}, 512",
                "add {to}, 512",
                "cmp {to}, {end}",
                "jb 2b",
                "vmovdqu ymm0, [{kept}]",
                to = inout(reg) to => _,
                from = inout(reg) from => _,
                end = in(reg) to.add(bytes),
                kept = in(reg) &raw mut kept,
                options(nostack),
            );
        } else {
            asm!(
                "movdqu [{kept}], xmm0",
                "2:",
                ".set frame_byte, 0",
                ".rept 32",
                "movdqa xmm0, [{from} + frame_byte]",
                "movdqa [{to} + frame_byte], xmm0",
                ".set frame_byte, frame_byte + 16",
                ".endr",
                "add {from}, 512",
                "add {to}, 512",
                "cmp {to}, {end}",
                "jb 2b",
                "movdqu xmm0, [{kept}]",
                to = inout(reg) to => _,
                from = inout(reg) from => _,
                end = in(reg) to.add(bytes),
                kept = in(reg) &raw mut kept,
                options(nostack),
            );
        }
    }
    interrupts::restore(saved);
}
