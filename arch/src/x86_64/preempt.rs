//! Preemption of this CPU's thread: a count that forbids it and a flag that asks for it.
//!
//! Owns: one word per CPU, the count in its low bits and `NO_AST` while nothing is asked, so that
//! the last `enable` finds out with its own decrement. Does not own: who runs next (`kernel`).

use super::percpu::{self, NO_AST, PREEMPT};
use super::{interrupts, trap};
use core::arch::asm;

/// Forbids preemption until the matching [`enable`]. Nests.
#[inline(always)]
pub fn disable() {
    // SAFETY: one instruction on this CPU's own word: no interrupt can come between.
    unsafe { asm!("inc dword ptr gs:[{}]", const PREEMPT, options(nostack)) };
}

/// Ends one [`disable`]. The last one reschedules, if that was asked for meanwhile and interrupts
/// are enabled.
#[inline(always)]
pub fn enable() {
    let wanted: u8;
    // SAFETY: as in `disable`; the word is zero exactly if the count is and an AST is wanted.
    unsafe {
        asm!("dec dword ptr gs:[{}]", "setz {}", const PREEMPT, out(reg_byte) wanted,
            options(nostack));
    }
    if wanted != 0 {
        reschedule();
    }
}

#[cold]
fn reschedule() {
    if !interrupts::enabled() {
        return;
    }
    let saved = interrupts::disable();
    // An interrupt may have served the wish meanwhile.
    if percpu::read_u32::<PREEMPT>() == 0 {
        trap::kernel_preempt();
    }
    interrupts::restore(saved);
}

/// How many times preemption is forbidden.
#[inline(always)]
pub fn count() -> u32 {
    percpu::read_u32::<PREEMPT>() & !NO_AST
}

/// Asks that this CPU look at its thread again soon: before it returns to a program, when
/// preemption is allowed again, or on return from an interrupt.
#[inline(always)]
pub fn request_ast() {
    // SAFETY: one instruction on this CPU's own word.
    unsafe { asm!("and dword ptr gs:[{}], 0x7fffffff", const PREEMPT, options(nostack)) };
}

/// Whether it was asked; it no longer is.
#[inline(always)]
pub fn take_ast() -> bool {
    let wanted: u8;
    // SAFETY: `bts` sets the bit and says what it was, on this CPU's own word.
    unsafe {
        asm!("bts dword ptr gs:[{}], 31", "setnc {}", const PREEMPT, out(reg_byte) wanted,
            options(nostack));
    }
    wanted != 0
}
