//! Time: the virtual counter and its one-shot timer, and the real-time clock.
//!
//! Owns: their scales. Does not own: who waits for what (`kernel`). The counter starts at reset and
//! is the same on all CPUs, programs read it too; the timer is each CPU's own.

use crate::devices::DeviceRange;
use crate::layout::DEVICE_WINDOW_BASE;
use crate::ratio::{self, GIGAHERTZ, Ratio};
use aarch64_cpu::registers::{
    CNTFRQ_EL0, CNTKCTL_EL1, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVCT_EL0, Readable, Writeable,
};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Ticks per second.
static HZ: AtomicU64 = AtomicU64::new(GIGAHERTZ);
/// Nanoseconds per tick, as `Ratio`.
static NS_PER_TICK: AtomicU64 = AtomicU64::new(Ratio::ONE.0);
/// Ticks per nanosecond, as `Ratio`.
static TICKS_PER_NS: AtomicU64 = AtomicU64::new(Ratio::ONE.0);
/// The real-time clock's window, 0 if there is none.
static CLOCK: AtomicUsize = AtomicUsize::new(0);

/// Starts time. A frequency of 0 (no firmware set it) counts as 1 GHz.
pub(super) fn init(clock: Option<DeviceRange>) {
    let hz = match CNTFRQ_EL0.get() & 0xffff_ffff {
        0 => GIGAHERTZ,
        hz => hz,
    };
    NS_PER_TICK.store(Ratio::new(GIGAHERTZ, hz).0, Ordering::Relaxed);
    TICKS_PER_NS.store(Ratio::new(hz, GIGAHERTZ).0, Ordering::Relaxed);
    HZ.store(hz, Ordering::Relaxed);
    if let Some(clock) = clock {
        CLOCK.store(
            (DEVICE_WINDOW_BASE + clock.start) as usize,
            Ordering::Relaxed,
        );
    }
    init_cpu();
}

/// Sets this CPU's timer up: silent, and the counter readable by programs.
pub(super) fn init_cpu() {
    quiet();
    CNTKCTL_EL1.write(CNTKCTL_EL1::EL0VCTEN::SET);
}

/// Nanoseconds since the machine started.
#[inline]
pub fn now() -> u64 {
    Ratio(NS_PER_TICK.load(Ordering::Relaxed)).apply(CNTVCT_EL0.get())
}

/// The fraction that turns the counter that programs read (CNTVCT_EL0) into nanoseconds of
/// [`now`].
pub fn timebase() -> (u32, u32) {
    ratio::timebase(HZ.load(Ordering::Relaxed))
}

/// Makes this CPU's timer interrupt once, when [`now`] reaches `ns`; at once if it has. `u64::MAX`:
/// never.
#[inline]
pub fn set_deadline(ns: u64) {
    if ns == u64::MAX {
        quiet();
        return;
    }
    // Rounded up, so that the deadline has passed when the interrupt comes.
    let ratio = Ratio(TICKS_PER_NS.load(Ordering::Relaxed));
    let ticks = ratio.apply(ns).saturating_add(1);
    CNTV_CVAL_EL0.set(ticks);
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::SET);
}

/// Stops the machine's other clocks, which tick for nobody. There are none.
pub fn quiet_others() {}

/// Silences this CPU's timer.
#[inline]
pub(super) fn quiet() {
    CNTV_CTL_EL0.set(0);
}

/// Seconds since 1970, 0 without a clock.
pub fn wall_clock() -> u64 {
    match CLOCK.load(Ordering::Relaxed) {
        0 => 0,
        // SAFETY: `init` stored the window of a PL031, whose first register is the time.
        base => u64::from(unsafe { (base as *const u32).read_volatile() }),
    }
}
