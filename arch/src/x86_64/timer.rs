//! Time: nanoseconds since boot by the time-stamp counter, deadlines by the local APIC's timer.
//!
//! Owns: their calibration against the PIT, and conversion. Does not own: who waits (`kernel`).
//! TCG 7.2 has no TSC-deadline timer. Under `-icount shift=0` both counters run at 1 GHz and count
//! instructions; that is recognised after 0.1 ms, so that boot does not spin for 10.

use super::percpu::{self, DEADLINE};
use super::{apic, cpu, pit};
use core::sync::atomic::{AtomicU64, Ordering};

pub use super::rtc::wall_clock;

const GIGAHERTZ: u64 = 1_000_000_000;

/// Nanoseconds per counter tick, in units of 2^-32.
static NS_PER_TICK: AtomicU64 = AtomicU64::new(1 << 32);
/// Timer ticks per nanosecond, in units of 2^-32.
static TIMER_PER_NS: AtomicU64 = AtomicU64::new(1 << 32);
/// The counter's ticks per second.
static FREQUENCY: AtomicU64 = AtomicU64::new(GIGAHERTZ);

/// Measures both counters. Once, on the boot CPU, after `apic::init`.
pub(super) fn init() {
    let mut rates = measure(pit::FREQUENCY / 10_000);
    if !(rates.is_nanoseconds()) {
        rates = measure(pit::FREQUENCY / 100);
    }
    FREQUENCY.store(rates.counter.max(1), Ordering::Relaxed);
    NS_PER_TICK.store(ratio(GIGAHERTZ, rates.counter), Ordering::Relaxed);
    TIMER_PER_NS.store(ratio(rates.timer, GIGAHERTZ), Ordering::Relaxed);
    apic::start_timer(0);
}

/// Frequencies in hertz.
struct Rates {
    counter: u64,
    timer: u64,
}

impl Rates {
    /// Both within 3 % of 1 GHz, which is then what they are.
    fn is_nanoseconds(&mut self) -> bool {
        let near = |rate: u64| rate.abs_diff(GIGAHERTZ) < GIGAHERTZ / 100 * 3;
        let both = near(self.counter) && near(self.timer);
        if both {
            (self.counter, self.timer) = (GIGAHERTZ, GIGAHERTZ);
        }
        both
    }
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

/// `a / b` in units of 2^-32; a counter that stands still counts as one of 1 GHz.
fn ratio(a: u64, b: u64) -> u64 {
    if a == 0 || b == 0 {
        return 1 << 32;
    }
    u64::try_from((u128::from(a) << 32) / u128::from(b)).unwrap_or(u64::MAX)
}

#[inline(always)]
fn scale(value: u64, ratio: u64) -> u64 {
    ((u128::from(value) * u128::from(ratio)) >> 32) as u64
}

/// Nanoseconds since boot, which is when the counter was 0; never goes back on one CPU.
#[inline]
pub fn now() -> u64 {
    scale(cpu::cycle_count(), NS_PER_TICK.load(Ordering::Relaxed))
}

/// The fraction that turns the counter that programs read (`rdtsc`) into nanoseconds of [`now`].
pub fn timebase() -> (u32, u32) {
    let (mut numerator, mut denominator) = (GIGAHERTZ, FREQUENCY.load(Ordering::Relaxed));
    let (mut a, mut b) = (numerator, denominator);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    numerator /= a;
    denominator /= a;
    while denominator > u64::from(u32::MAX) {
        numerator = (numerator >> 1).max(1);
        denominator >>= 1;
    }
    (numerator as u32, denominator as u32)
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
    let ticks = scale(wait, TIMER_PER_NS.load(Ordering::Relaxed));
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
