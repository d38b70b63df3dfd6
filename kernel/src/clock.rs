//! What time it is.
//!
//! Owns: the moment of the boot by the machine's clock, read once. Does not own: the counter since
//! (`arch::timer`).

use abi::stat::Timespec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Nanoseconds of a second.
pub const SECOND: u64 = 1_000_000_000;

static BOOTED: AtomicU64 = AtomicU64::new(0);

/// Reads the machine's clock.
pub fn init() {
    let since = arch::timer::now() / SECOND;
    BOOTED.store(arch::timer::wall_clock().saturating_sub(since), Relaxed);
}

/// When the machine was started, in seconds since 1970.
pub fn booted() -> u64 {
    BOOTED.load(Relaxed)
}

/// Seconds since 1970.
pub fn seconds() -> i64 {
    (booted() + arch::timer::now() / SECOND) as i64
}

/// Now, since 1970.
pub fn timespec() -> Timespec {
    let since = arch::timer::now();
    Timespec {
        sec: (booted() + since / SECOND) as i64,
        nsec: (since % SECOND) as i64,
    }
}

/// Seconds since 1970, and microseconds.
pub fn precise() -> (i64, i64) {
    let since = arch::timer::now();
    ((booted() + since / SECOND) as i64, (since % SECOND / 1000) as i64)
}
