//! The interrupt flag of this CPU.
//!
//! Owns: masking and its nesting. Does not own: preemption (`preempt`), devices (`apic`, `ioapic`).

use core::arch::asm;

/// RFLAGS.IF.
const INTERRUPT_FLAG: u64 = 1 << 9;

/// What the flag was before [`disable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the flag must be restored"]
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

/// Masks interrupts on this CPU and says what they were.
#[inline(always)]
pub fn disable() -> Saved {
    let flags: u64;
    // SAFETY: reads RFLAGS and clears IF; no memory but the stack is touched.
    unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags) };
    Saved(flags)
}

/// Puts the flag back as [`disable`] found it.
#[inline(always)]
pub fn restore(saved: Saved) {
    if saved.0 & INTERRUPT_FLAG != 0 {
        enable();
    }
}

/// Admits interrupts on this CPU.
#[inline(always)]
pub fn enable() {
    // SAFETY: handlers are installed by `init` before anyone calls this.
    unsafe { asm!("sti", options(nostack)) };
}

/// Masks interrupts without looking at what they were.
#[inline(always)]
pub(crate) fn mask() {
    // SAFETY: clears IF only.
    unsafe { asm!("cli", options(nostack)) };
}

/// Whether this CPU admits interrupts.
#[inline(always)]
pub fn enabled() -> bool {
    let flags: u64;
    // SAFETY: reads RFLAGS through the stack.
    unsafe { asm!("pushfq", "pop {}", out(reg) flags, options(nomem, preserves_flags)) };
    flags & INTERRUPT_FLAG != 0
}

/// Rests until an interrupt comes, with interrupts as they are: masked, only a non-maskable one ends it.
pub fn halt() {
    // SAFETY: `hlt` touches no memory.
    unsafe { asm!("hlt", options(nomem, nostack, preserves_flags)) };
}
