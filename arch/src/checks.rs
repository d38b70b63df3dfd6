//! Checks of the machine by itself, for `kernel`'s in-kernel tests.
//!
//! Owns: what both machines promise, tried through the common names. Each machine adds its own
//! (`machine_checks`, where there are any). Does not own: who runs them, and when: any time after `init`, on a kernel
//! thread, with interrupts enabled.

use crate::layout::{KERNEL_BASE, USER_END};
#[cfg(target_arch = "x86_64")]
use crate::machine_checks::CHECKS;
use crate::{cpu, frames, interrupts, preempt, timer, user};

#[cfg(target_arch = "aarch64")]
static CHECKS: [Check; 0] = [];

/// A check; an error says what does not hold.
pub struct Check {
    /// Named after what must hold.
    pub name: &'static str,
    /// Tries it.
    pub run: fn() -> Result<(), &'static str>,
}

/// What is checked on both machines.
static COMMON: [Check; 5] = [
    Check {
        name: "user_copies_refuse_what_is_not_user_space",
        run: user_copies_refuse_what_is_not_user_space,
    },
    Check {
        name: "frames_are_cleared_and_copied_to_their_ends",
        run: frames_are_cleared_and_copied_to_their_ends,
    },
    Check {
        name: "interrupt_masking_nests",
        run: interrupt_masking_nests,
    },
    Check {
        name: "preemption_count_nests_and_ast_is_taken_once",
        run: preemption_count_nests_and_ast_is_taken_once,
    },
    Check {
        name: "clock_goes_forward",
        run: clock_goes_forward,
    },
];

/// All checks of this machine.
pub fn all() -> impl Iterator<Item = &'static Check> {
    COMMON.iter().chain(&CHECKS)
}

/// The error, unless the condition holds.
pub(crate) fn require(holds: bool, what: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}

fn user_copies_refuse_what_is_not_user_space() -> Result<(), &'static str> {
    let mut bytes = [0u8; 8];
    for address in [
        KERNEL_BASE,
        USER_END,
        USER_END - 7,
        u64::MAX - 7,
        u64::MAX,
        1 << 63,
    ] {
        require(
            user::copy_in(&mut bytes, address).is_err(),
            "copy_in read past user space",
        )?;
        require(
            user::copy_out(address, &bytes).is_err(),
            "copy_out wrote past user space",
        )?;
    }
    for address in [KERNEL_BASE, USER_END, u64::MAX] {
        require(
            user::copy_in_string(&mut bytes, address).is_err(),
            "copy_in_string read past user space",
        )?;
    }
    require(
        user::copy_in(&mut [], USER_END).is_ok(),
        "an empty copy failed",
    )
}

fn frames_are_cleared_and_copied_to_their_ends() -> Result<(), &'static str> {
    const UNIT: usize = frames::UNIT;
    const { assert!(UNIT <= 512, "the buffers are aligned to 512") };
    #[repr(C, align(512))]
    struct Buffer([u8; 4 * UNIT]);
    let mut from = Buffer(core::array::from_fn(|index| index as u8 ^ 0x5a));
    let mut to = Buffer([0xff; 4 * UNIT]);
    // SAFETY: both buffers are ours, aligned, and the middle halves are two units long.
    unsafe { frames::copy(to.0[UNIT..].as_mut_ptr(), from.0[UNIT..].as_ptr(), 2 * UNIT) };
    require(
        to.0[UNIT..3 * UNIT] == from.0[UNIT..3 * UNIT],
        "a copy differs",
    )?;
    let untouched = |buffer: &[u8]| buffer.iter().all(|&byte| byte == 0xff);
    require(
        untouched(&to.0[..UNIT]) && untouched(&to.0[3 * UNIT..]),
        "a copy wrote outside its range",
    )?;
    // SAFETY: as above.
    unsafe { frames::zero(from.0[UNIT..].as_mut_ptr(), 2 * UNIT) };
    require(
        from.0[UNIT..3 * UNIT].iter().all(|&byte| byte == 0),
        "a cleared frame is not zero",
    )?;
    let kept = |index: usize| from.0[index] == index as u8 ^ 0x5a;
    require(
        (0..UNIT).all(kept) && (3 * UNIT..4 * UNIT).all(kept),
        "clearing wrote outside its range",
    )
}

fn interrupt_masking_nests() -> Result<(), &'static str> {
    require(interrupts::enabled(), "a test began with interrupts masked")?;
    let outer = interrupts::disable();
    let inner = interrupts::disable();
    let masked = !interrupts::enabled();
    interrupts::restore(inner);
    let still_masked = !interrupts::enabled();
    interrupts::restore(outer);
    require(masked && still_masked, "interrupts came back too early")?;
    require(interrupts::enabled(), "interrupts did not come back")
}

fn preemption_count_nests_and_ast_is_taken_once() -> Result<(), &'static str> {
    let saved = interrupts::disable();
    let before = preempt::count();
    let asked_before = preempt::take_ast();
    preempt::disable();
    preempt::disable();
    let nested = preempt::count();
    preempt::request_ast();
    let (first, second) = (preempt::take_ast(), preempt::take_ast());
    preempt::enable();
    preempt::enable();
    let after = preempt::count();
    if asked_before {
        preempt::request_ast();
    }
    interrupts::restore(saved);
    require(
        nested == before + 2 && after == before,
        "the count is wrong",
    )?;
    require(first && !second, "the AST was not taken exactly once")
}

fn clock_goes_forward() -> Result<(), &'static str> {
    let mut last = (timer::now(), cpu::cycle_count());
    for _ in 0..1000 {
        let next = (timer::now(), cpu::cycle_count());
        require(next.0 >= last.0 && next.1 >= last.1, "the clock went back")?;
        last = next;
    }
    require(
        timer::wall_clock() > 1_700_000_000,
        "the real-time clock says it is before 2023",
    )
}
