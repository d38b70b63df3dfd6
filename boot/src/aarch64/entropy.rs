//! Random words for the kernel: from the CPU, the loader, the counter; or from a seed.
//!
//! Owns: the mixing. Does not own: the generator that they feed (`kernel`).

use aarch64_cpu::registers::{CNTVCT_EL0, Readable};

/// Four words that depend on the seed alone: everything repeats.
pub fn from_seed(seed: u64) -> [u64; 4] {
    let mut state = seed;
    [(); 4].map(|()| next(&mut state))
}

/// Four words that depend on everything there is.
pub fn gather(seeds: impl Iterator<Item = u64>) -> [u64; 4] {
    let mut state = CNTVCT_EL0.get();
    let mut words = from_seed(state);
    for (index, seed) in seeds.enumerate() {
        state ^= seed;
        words[index % 4] ^= next(&mut state);
    }
    for word in &mut words {
        if let Some(random) = arch::cpu::random() {
            *word ^= random;
        }
        state = state.wrapping_add(CNTVCT_EL0.get());
        *word ^= next(&mut state);
    }
    words
}

/// SplitMix64: a counter and a mixing function.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}
