//! What `stress` calls with: random arguments, biased to where mistakes are.
//!
//! Owns: the random numbers, what kinds of arguments there are and how hostile ones look, which calls
//! would only hurt the caller itself, the count of outcomes. Does not own: processes and memory
//! (`guest::stress`). Pure: the same seed, process and index give the same call, on every machine with
//! the same page size and the same answers before.

pub mod calls;
pub mod file;
pub mod outcome;
pub mod storm;
pub mod value;

/// Random numbers: each call has its own stream.
pub struct Random(u64);

impl Random {
    /// The stream of one call.
    pub fn of(seed: u64, process: u64, index: u64) -> Self {
        let mut random = Self(seed ^ process.rotate_left(40) ^ index.rotate_left(20));
        random.number();
        random
    }

    /// The next number, all 64 bits.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// True `percent` times of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of some.
    pub fn pick(&mut self, from: &[u64]) -> u64 {
        from[self.below(from.len() as u64) as usize]
    }
}

/// A range of addresses that the caller cannot live without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Its first address.
    pub start: u64,
    /// One past its last.
    pub end: u64,
}

/// Most ranges of the caller's own.
pub const OWN_MAX: usize = 64;
/// Addresses and names that are remembered.
pub const KEPT: usize = 8;

/// What arguments are made of. Nothing in it is allocated: it is used while memory is under attack.
pub struct Context {
    /// A letter for the process.
    pub process: u8,
    /// Bytes of a page.
    pub page: u64,
    /// Where memory lies that is worth attacking: several pages each.
    pub hot: [u64; 4],
    /// Addresses that calls have answered.
    pub answered: [u64; KEPT],
    /// The caller's own port.
    pub me: u64,
    /// The port of the child that was made to be attacked.
    pub subject: u64,
    /// The host's port.
    pub host: u64,
    /// Names that calls have answered.
    pub names: [u64; KEPT],
    /// Words that calls may read and write: [`SCRATCH_WORDS`] of them, followed by a guard.
    pub scratch: u64,
    /// What calls on the caller itself must leave alone.
    pub own: [Own; OWN_MAX],
    /// How many of these there are.
    pub own_count: usize,
}

/// Words of scratch memory.
pub const SCRATCH_WORDS: usize = 512;
/// The word of it where addresses go in and out.
pub const ADDRESS_WORD: usize = 0;
/// The word of it where names come out.
pub const NAME_WORD: usize = 1;
/// The word of it where a size goes in and out.
pub const SIZE_WORD: usize = 2;
/// The first word of a record or list that goes in.
pub const RECORD_WORD: usize = 16;

impl Context {
    /// Whether a range, as a call would understand it, touches what is the caller's own.
    pub fn is_own(&self, address: u64, size: u64) -> bool {
        let mask = self.page - 1;
        let start = address & !mask;
        // A range that wraps is refused by every call.
        let Some(end) = address
            .checked_add(size)
            .and_then(|end| end.checked_add(mask))
        else {
            return false;
        };
        let end = (end & !mask).max(start.saturating_add(self.page));
        let own = &self.own[..self.own_count];
        own.iter().any(|own| own.start < end && start < own.end)
    }

    /// Remembers an address that a call has answered, at a random place.
    pub fn keep_address(&mut self, random: &mut Random, address: u64) {
        self.answered[random.below(KEPT as u64) as usize] = address;
    }

    /// Remembers a name that a call has answered.
    pub fn keep_name(&mut self, random: &mut Random, name: u64) {
        self.names[random.below(KEPT as u64) as usize] = name;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn context() -> Context {
        let mut context = Context {
            process: b'A',
            page: 4096,
            hot: [0x3000_0000_0000; 4],
            answered: [0x3000_0001_0000; KEPT],
            me: 0x103,
            subject: 0x403,
            host: 0x303,
            names: [0x503; KEPT],
            scratch: 0x2_0000,
            own: [Own::default(); OWN_MAX],
            own_count: 1,
        };
        context.own[0] = Own {
            start: 0x1_0000_0000,
            end: 0x1_0001_0000,
        };
        context
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_others_do_not() {
        let numbers = |seed, process, index| {
            let mut random = Random::of(seed, process, index);
            [random.number(), random.number(), random.below(1000)]
        };
        assert_eq!(numbers(1, 2, 3), numbers(1, 2, 3));
        for other in [(2, 2, 3), (1, 3, 3), (1, 2, 4)] {
            assert_ne!(numbers(1, 2, 3), numbers(other.0, other.1, other.2));
        }
    }

    #[test]
    fn own_ranges_are_seen_as_calls_see_them() {
        let context = context();
        assert!(context.is_own(0x1_0000_0000, 1));
        assert!(context.is_own(0xffff_ffff, 2), "rounded to both its pages");
        assert!(context.is_own(0, 1 << 47));
        assert!(
            context.is_own(0x1_0000_ffff, 0),
            "an address without a size is its page"
        );
        assert!(!context.is_own(0x1_0001_0000, 4096));
        assert!(!context.is_own(0xffff_f000, 4096));
        assert!(
            !context.is_own(0x1_0000_0000, u64::MAX),
            "a range that wraps is none"
        );
        assert!(
            !context.is_own(0, u64::MAX - 4094),
            "nor one that does when it is rounded"
        );
    }
}
