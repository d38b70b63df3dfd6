//! The disk that the test runner lends the guest (`vd1`), and what each side writes on it.
//!
//! Owns: sizes and patterns, so that kernel and host command agree. Does not own: who checks what: the guest reads the
//! first half, the host the second, after the machine has gone.

/// Bytes of the disk.
pub const BYTES: u64 = 256 * 1024;
/// Where the guest's half begins.
pub const GUEST: u64 = BYTES / 2;
/// Bytes of the disk that tests may do with as they like (`vd0`).
pub const SCRATCH: u64 = 4 * 1024 * 1024;
/// The test that writes the guest's half.
pub const WRITER: &str = "block::the_host_finds_what_a_virtio_disk_was_given";

/// The byte at place `at` of the disk, once its half has been written: no two blocks are alike.
pub const fn byte(at: u64) -> u8 {
    let mixed = (at ^ 0x5d15c).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_blocks_are_alike() {
        let block = |number: u64| {
            core::array::from_fn::<u8, 512, _>(|index| byte(number * 512 + index as u64))
        };
        for first in 0..BYTES / 512 {
            for second in first + 1..BYTES / 512 {
                assert!(block(first) != block(second), "{first} {second}");
            }
        }
    }
}
