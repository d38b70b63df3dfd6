//! From counter ticks to nanoseconds and back.
//!
//! Owns: the fixed-point ratio. Does not own: the counters (`timer`). Tested on every host.

/// Ticks per second of a counter that counts nanoseconds.
pub const GIGAHERTZ: u64 = 1_000_000_000;

/// A ratio in units of 2^-32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ratio(pub u64);

impl Ratio {
    /// One to one.
    pub const ONE: Self = Self(1 << 32);

    /// `a / b`; one if either is 0, for a counter that stands still.
    pub fn new(a: u64, b: u64) -> Self {
        if a == 0 || b == 0 {
            return Self::ONE;
        }
        Self(u64::try_from((u128::from(a) << 32) / u128::from(b)).unwrap_or(u64::MAX))
    }

    /// `value` times the ratio, rounded down.
    #[inline(always)]
    pub const fn apply(self, value: u64) -> u64 {
        ((value as u128 * self.0 as u128) >> 32) as u64
    }
}

/// Whether a measured rate is so near to 1 GHz (3 %) that it is that.
pub const fn is_gigahertz(rate: u64) -> bool {
    rate.abs_diff(GIGAHERTZ) < GIGAHERTZ / 100 * 3
}

/// The fraction, in lowest terms that fit, by which ticks of `frequency` become nanoseconds.
pub const fn timebase(frequency: u64) -> (u32, u32) {
    let (mut numerator, mut denominator) = (GIGAHERTZ, if frequency == 0 { 1 } else { frequency });
    let (mut a, mut b) = (numerator, denominator);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    numerator /= a;
    denominator /= a;
    while denominator > u32::MAX as u64 {
        numerator = if numerator > 1 { numerator >> 1 } else { 1 };
        denominator >>= 1;
    }
    (numerator as u32, denominator as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_scale_without_overflow() {
        assert_eq!(Ratio::new(GIGAHERTZ, GIGAHERTZ), Ratio::ONE);
        assert_eq!(Ratio::new(GIGAHERTZ, 2 * GIGAHERTZ).apply(10), 5);
        assert_eq!(Ratio::new(3, 1).apply(1 << 60), 3 << 60);
        // A century at 3 GHz.
        let ticks = 3 * GIGAHERTZ * 3_155_760_000;
        let century = Ratio::new(GIGAHERTZ, 3 * GIGAHERTZ).apply(ticks);
        assert!(century.abs_diff(3_155_760_000 * GIGAHERTZ) < GIGAHERTZ * 10);
        assert_eq!(Ratio::new(0, 5), Ratio::ONE);
        assert_eq!(Ratio::new(5, 0), Ratio::ONE);
    }

    #[test]
    fn timebases_are_reduced_to_32_bits() {
        assert_eq!(timebase(GIGAHERTZ), (1, 1));
        assert_eq!(timebase(24_000_000), (125, 3));
        assert_eq!(timebase(2_400_000_000), (5, 12));
        let (numerator, denominator) = timebase(4_999_999_999);
        let nanoseconds = 4_999_999_999u128 * u128::from(numerator) / u128::from(denominator);
        assert!(nanoseconds.abs_diff(1_000_000_000) < 10);
        assert_eq!(timebase(0), (1_000_000_000, 1));
    }

    #[test]
    fn gigahertz_is_recognised_within_three_percent() {
        assert!(is_gigahertz(1_000_000_000) && is_gigahertz(970_000_001));
        assert!(!is_gigahertz(970_000_000) && !is_gigahertz(1_030_000_000));
    }
}
