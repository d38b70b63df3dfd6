//! Random bytes for programs.
//!
//! Owns: a generator seeded at boot, so that a seed on the command line repeats a run. Does not own:
//! the seed's origin (`boot`). It is not cryptographic; nothing secret depends on it yet.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

static STATE: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);

/// Seeds it.
pub fn init(entropy: [u64; 4]) {
    let seed = entropy.iter().fold(0, |mixed: u64, word| mixed.rotate_left(17) ^ word);
    STATE.store(seed, Relaxed);
}

/// The next word (splitmix64).
pub fn next() -> u64 {
    mix(STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed))
}

/// What the generator makes of a state.
pub fn mix(state: u64) -> u64 {
    let mut word = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// Fills a buffer.
pub fn fill(into: &mut [u8]) {
    for chunk in into.chunks_mut(8) {
        let word = next().to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
}
