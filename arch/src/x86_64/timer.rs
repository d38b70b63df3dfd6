//! Time: nanoseconds since boot by the time-stamp counter, deadlines by the local APIC's timer.
//!
//! Owns: their calibration against the PIT, and conversion. Does not own: who waits (`kernel`).
//! TCG 7.2 has no TSC-deadline timer. Under `-icount shift=0` both counters run at 1 GHz and count
//! instructions; that is recognised after 0.1 ms, so that boot does not spin for 10.

use super::percpu::{self, DEADLINE};
use crate::ratio::{self, GIGAHERTZ, Ratio, is_gigahertz};
use super::{apic, cpu, pit};
use core::sync::atomic::{AtomicU64, Ordering};

pub use super::rtc::wall_clock;

/// Nanoseconds per counter tick (a [`Ratio`]).
static NS_PER_TICK: AtomicU64 = AtomicU64::new(Ratio::ONE.0);
/// Timer ticks per nanosecond (a [`Ratio`]).
static TIMER_PER_NS: AtomicU64 = AtomicU64::new(Ratio::ONE.0);
/// The counter's ticks per second.
static FREQUENCY: AtomicU64 = AtomicU64::new(GIGAHERTZ);

/// Measures both counters. Once, on the boot CPU, after `apic::init`.
pub(super) fn init() {
    let mut rates = measure(pit::FREQUENCY / 10_000);
    if is_gigahertz(rates.counter) && is_gigahertz(rates.timer) {
        rates = Rates {
            counter: GIGAHERTZ,
            timer: GIGAHERTZ,
        };
    } else {
        rates = measure(pit::FREQUENCY / 100);
    }
    FREQUENCY.store(rates.counter, Ordering::Relaxed);
    NS_PER_TICK.store(Ratio::new(GIGAHERTZ, rates.counter).0, Ordering::Relaxed);
    TIMER_PER_NS.store(Ratio::new(rates.timer, GIGAHERTZ).0, Ordering::Relaxed);
    apic::enable_timer();
}

/// Frequencies in hertz.
struct Rates {
    counter: u64,
    timer: u64,
}

fn measure(pit_ticks: u64) -> Rates {
    apic::start_silent_timer();
    pit::start();
    let start = pit::count();
    let counter_start = cpu::cycle_count();
    let timer_start = apic::timer_count();
    let elapsed = loop {
        let elapsed = start.wrapping_sub(pit::count());
        if u64::from(elapsed) >= pit_ticks {
            break u64::from(elapsed);
        }
    };
    let counter = cpu::cycle_count().wrapping_sub(counter_start);
    let timer = timer_start.wrapping_sub(apic::timer_count());
    Rates {
        counter: counter.saturating_mul(pit::FREQUENCY) / elapsed,
        timer: u64::from(timer).saturating_mul(pit::FREQUENCY) / elapsed,
    }
}

/// Stops the machine's other clocks, which tick for nobody: an emulator whose clock jumps to the next tick while the CPU
/// rests would not stand still for them. The wall clock has been read.
pub fn quiet_others() {
    pit::silence();
    super::rtc::stop();
}

/// Nanoseconds since boot, which is when the counter was 0; never goes back on one CPU.
#[inline]
pub fn now() -> u64 {
    Ratio(NS_PER_TICK.load(Ordering::Relaxed)).apply(cpu::cycle_count())
}

/// The fraction that turns the counter that programs read (`rdtsc`) into nanoseconds of [`now`].
pub fn timebase() -> (u32, u32) {
    ratio::timebase(FREQUENCY.load(Ordering::Relaxed))
}

/// Sets this CPU's deadline, in nanoseconds since boot; `Interrupt::Timer` comes once, at or after
/// it. `u64::MAX` is none. A deadline replaces the one before. Called with preemption disabled.
pub fn set_deadline(ns: u64) {
    percpu::write::<DEADLINE>(ns);
    arm(ns);
}

fn arm(deadline: u64) {
    if deadline == u64::MAX {
        apic::start_timer(0);
        return;
    }
    let wait = deadline.saturating_sub(now());
    let ticks = Ratio(TIMER_PER_NS.load(Ordering::Relaxed)).apply(wait);
    // A wait beyond the counter's reach takes several rounds.
    apic::start_timer(u32::try_from(ticks).unwrap_or(u32::MAX).max(1));
}

/// After a timer interrupt: whether the deadline has come. If not, the timer runs again.
pub(super) fn expired() -> bool {
    let deadline = percpu::read::<DEADLINE>();
    if deadline == u64::MAX {
        return false;
    }
    if now() < deadline {
        arm(deadline);
        return false;
    }
    percpu::write::<DEADLINE>(u64::MAX);
    true
}
