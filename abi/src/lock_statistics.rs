//! What `debug.lock_statistics` answers in kernels that count their locks.
//!
//! Owns: the record. Does not own: the counts (`sync::statistics`).
//!
//! The leaf exists only in kernels built with the feature `lock-statistics`; in others its name and numbers are
//! `ENOENT`. It answers one record for each rank of which a lock was ever taken, in the order of the ranks.
//! Writing anything to it forgets all counts, after the old ones were answered.

/// Bytes of a name, its NUL included.
pub const NAME: usize = 40;

/// The locks of one rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct LockStatistics {
    /// The rank's name, filled with NULs; at least one.
    pub name: [u8; NAME],
    /// How often one was taken.
    pub acquisitions: u64,
    /// How often somebody else had it.
    pub contended: u64,
    /// The longest that one was held, in nanoseconds.
    pub longest: u64,
}

impl LockStatistics {
    /// A record with this name, cut to what fits.
    pub fn new(name: &str, acquisitions: u64, contended: u64, longest: u64) -> Self {
        let mut record = Self {
            name: [0; NAME],
            acquisitions,
            contended,
            longest,
        };
        let length = name.len().min(NAME - 1);
        record.name[..length].copy_from_slice(&name.as_bytes()[..length]);
        record
    }
}

const _: () = assert!(size_of::<LockStatistics>() == 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_with_a_nul_however_long_it_is() {
        let record = LockStatistics::new("free list", 1, 2, 3);
        assert_eq!(&record.name[..10], b"free list\0");
        let long = LockStatistics::new(&"0123456789".repeat(5)[..], 0, 0, 0);
        assert_eq!(&long.name[37..], b"78\0");
    }
}
