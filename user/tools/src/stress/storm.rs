//! What a storm of faults does, and what it may not show.
//!
//! Owns: the words that are written to memory, which operation comes next, the judgement of what each CPU did.
//! Does not own: memory, processes and threads (`guest::stress::faults`).

use super::Random;

/// What a worker does next with a region of so many pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Writes it all, makes it read-only and looks, makes it writable and writes it again.
    Protect,
    /// Replaces one page in the middle by a fresh one.
    Replace,
    /// Forks: the child writes one half, the parent the other.
    Fork,
    /// Has the kernel throw contents away, and writes again.
    Discard,
    /// Adds to words that all processes share.
    Share,
}

/// The most pages of a region.
pub const PAGES_MAX: u64 = 24;

/// The next step and the pages of its region. Forks are rare: each costs as much as many others.
pub fn next(random: &mut Random) -> (Step, u64) {
    let pages = 3 + random.below(PAGES_MAX - 2);
    let step = match random.below(100) {
        0..35 => Step::Protect,
        35..60 => Step::Replace,
        60..68 => Step::Fork,
        68..85 => Step::Discard,
        _ => Step::Share,
    };
    (step, pages)
}

/// The word at an address in a worker's round: no two agree by accident.
pub fn word(address: u64, salt: u64) -> u64 {
    (address ^ salt.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}

/// The CPUs that did less than a tenth of their share.
pub fn idlers(operations: &[u64]) -> impl Iterator<Item = usize> {
    let count = operations.len() as u64;
    let total: u64 = operations.iter().sum();
    operations
        .iter()
        .enumerate()
        // operations < total / count / 10, without the rounding.
        .filter(move |&(_, &own)| u128::from(own) * u128::from(count) * 10 < u128::from(total))
        .map(|(cpu, _)| cpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_tenth_of_the_share_is_enough() {
        let lazy = |all: &[u64]| idlers(all).collect::<Vec<_>>();
        assert_eq!(lazy(&[100]), []);
        assert_eq!(lazy(&[1000, 1000, 1000, 75]), [3], "the share is 768");
        assert_eq!(lazy(&[1000, 1000, 1000, 77]), []);
        assert_eq!(lazy(&[0, 10]), [0]);
        assert_eq!(lazy(&[0, 0]), [], "nobody did anything");
    }

    #[test]
    fn every_step_comes_and_regions_have_a_middle() {
        let mut seen = [0; 5];
        for index in 0..2000 {
            let (step, pages) = next(&mut Random::of(1, 2, index));
            assert!((3..=PAGES_MAX).contains(&pages));
            seen[step as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 50), "{seen:?}");
    }

    #[test]
    fn words_are_never_zero_and_differ_by_place_and_salt() {
        for at in (0..1 << 16).step_by(8) {
            assert_ne!(word(at, 1), 0);
            assert_ne!(word(at, 1), word(at + 8, 1));
            assert_ne!(word(at, 1), word(at, 2));
        }
    }
}
