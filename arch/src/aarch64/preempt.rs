//! Preemption of this CPU: a count that forbids it and a word that asks for it.
//!
//! Owns: their use. Both lie in the running thread's `Context`, to which TPIDR_EL1 points, and
//! `context::switch` carries them over: they behave as the CPU's, and an update that is interrupted
//! and resumed on another CPU still meets the right words.
//! Does not own: the scheduler (`kernel_preempt`).

use super::{context, interrupts};

unsafe extern "Rust" {
    /// Reschedules now; interrupts are masked on entry and on return.
    safe fn kernel_preempt();
}

/// Forbids preemption until the matching [`enable`].
#[inline(always)]
pub fn disable() {
    let running = context::running();
    running.preempt_count.set(running.preempt_count.get() + 1);
    compiler_fence();
}

/// Undoes one [`disable`]; at the last one, reschedules if that was asked for and interrupts are
/// unmasked.
#[inline(always)]
pub fn enable() {
    compiler_fence();
    let running = context::running();
    let count = running.preempt_count.get() - 1;
    running.preempt_count.set(count);
    if count == 0 && running.ast.get() != 0 {
        preempt();
    }
}

/// How often preemption is forbidden.
#[inline(always)]
pub fn count() -> u32 {
    context::running().preempt_count.get()
}

/// Asks this CPU to look for work that its threads owe (reschedule, signals): at the next
/// [`enable`] that reaches 0, return from an interrupt, or return to user code.
#[inline(always)]
pub fn request_ast() {
    context::running().ast.set(1);
}

/// Whether it was asked, and forgets it.
#[inline(always)]
pub fn take_ast() -> bool {
    let running = context::running();
    let asked = running.ast.get() != 0;
    running.ast.set(0);
    asked
}

#[cold]
fn preempt() {
    if interrupts::enabled() {
        let saved = interrupts::disable();
        kernel_preempt();
        interrupts::restore(saved);
    }
}

/// Keeps the compiler from moving guarded accesses out of the region.
#[inline(always)]
fn compiler_fence() {
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
}
