//! Masking interrupts on this CPU: PSTATE.I.
//!
//! Owns: the mask. Does not own: the interrupt controller (`gic`), what interrupts do (`trap`).

use core::arch::asm;

/// The mask as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "the mask must be restored"]
pub struct Saved(u64);

impl Saved {
    /// The same as a word, for `sync`.
    #[inline(always)]
    pub fn into_word(self) -> usize {
        self.0 as usize
    }

    /// What [`Saved::into_word`] answered.
    #[inline(always)]
    pub fn from_word(word: usize) -> Self {
        Self(word as u64)
    }
}

const MASKED: u64 = 1 << 7;

/// Masks interrupts and answers how it was before.
#[inline(always)]
pub fn disable() -> Saved {
    let daif: u64;
    // SAFETY: masking interrupts breaks no memory rule; the block is a compiler barrier.
    unsafe { asm!("mrs {}, daif", "msr daifset, #2", out(reg) daif, options(nostack)) };
    Saved(daif)
}

/// Puts the mask back.
#[inline(always)]
pub fn restore(saved: Saved) {
    // SAFETY: the value came from DAIF.
    unsafe { asm!("msr daif, {}", in(reg) saved.0, options(nostack)) };
}

/// Unmasks interrupts.
#[inline(always)]
pub fn enable() {
    // SAFETY: whoever calls is ready to be interrupted; handlers balance what they touch.
    unsafe { asm!("msr daifclr, #2", options(nostack)) };
}

/// Whether interrupts are unmasked.
#[inline(always)]
pub fn enabled() -> bool {
    let daif: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, daif", out(reg) daif, options(nomem, nostack, preserves_flags)) };
    daif & MASKED == 0
}

/// Rests until an interrupt is pending, masked or not.
pub fn halt() {
    aarch64_cpu::asm::wfi();
}
