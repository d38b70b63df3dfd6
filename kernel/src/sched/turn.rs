//! How long a thread runs before its equals get their turn.
//!
//! Owns: the length, fixed or (for tests) random. Does not own: what happens at its end (`run`).

use crate::random;
use arch::cpu;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The usual length, in nanoseconds.
pub const TURN: u64 = 10_000_000;
/// The shortest random one, in nanoseconds.
const SHORTEST: u64 = 2_000;

/// From one place of a sequence to the next (any odd number).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The longest random turn in nanoseconds; 0: turns are not random.
static LONGEST: AtomicU64 = AtomicU64::new(0);
/// Each CPU's place in its own random sequence.
static SEQUENCE: [AtomicU64; cpu::MAX_CPUS] = [const { AtomicU64::new(0) }; cpu::MAX_CPUS];

/// Makes turns random, `longest` microseconds at most. Once, before the other CPUs start.
pub fn randomise(longest: u64, seed: u64) {
    for (cpu, place) in SEQUENCE.iter().enumerate() {
        place.store(seed ^ (cpu as u64) << 56, Relaxed);
    }
    LONGEST.store(longest.saturating_mul(1000).max(SHORTEST + 1), Relaxed);
}

/// The length of the next turn on this CPU, in nanoseconds. Preemption is off.
pub fn length() -> u64 {
    match LONGEST.load(Relaxed) {
        0 => TURN,
        longest => {
            let place = SEQUENCE[cpu::id()].fetch_add(STEP, Relaxed);
            SHORTEST + random::mix(place) % (longest - SHORTEST)
        }
    }
}
