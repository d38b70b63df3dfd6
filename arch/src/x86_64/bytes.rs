//! The byte routines that compiled code calls, in few instructions.
//!
//! Owns: `memcpy` and its kin for the kernel (the compiler's own are weak symbols). On hosts they
//! are compiled under names of their own and tested.

use core::arch::global_asm;

global_asm!(include_str!("bytes.s"));

#[cfg(target_os = "none")]
global_asm!(
    ".global memcpy, memmove, memset, memcmp, bcmp",
    ".set memcpy, bytes_copy",
    ".set memmove, bytes_move",
    ".set memset, bytes_set",
    ".set memcmp, bytes_compare",
    ".set bcmp, bytes_compare",
);

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    unsafe extern "C" {
        fn bytes_copy(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
        fn bytes_move(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
        fn bytes_set(to: *mut u8, byte: i32, length: usize) -> *mut u8;
        fn bytes_compare(a: *const u8, b: *const u8, length: usize) -> i32;
    }

    const ROOM: usize = 160;

    fn pattern() -> Vec<u8> {
        (0..ROOM).map(|index| (index * 7 + 3) as u8).collect()
    }

    #[test]
    fn copies_of_every_length_and_alignment_are_exact() {
        let from = pattern();
        for length in 0..100 {
            for (source, target) in [(0, 0), (1, 0), (3, 5), (8, 16), (7, 9)] {
                let mut to = std::vec![0xee; ROOM];
                let mut expected = to.clone();
                expected[target..target + length].copy_from_slice(&from[source..source + length]);
                // SAFETY: both ranges lie in their vectors.
                let result = unsafe {
                    bytes_copy(to[target..].as_mut_ptr(), from[source..].as_ptr(), length)
                };
                assert_eq!(result, to[target..].as_mut_ptr());
                assert_eq!(to, expected, "length {length}");
            }
        }
    }

    #[test]
    fn moves_keep_overlapping_bytes() {
        for length in 0..100 {
            for (source, target) in [
                (0, 1),
                (1, 0),
                (0, 8),
                (8, 0),
                (5, 20),
                (20, 5),
                (9, 9),
                (0, 33),
            ] {
                let mut bytes = pattern();
                let mut expected = bytes.clone();
                expected.copy_within(source..source + length, target);
                let base = bytes.as_mut_ptr();
                // SAFETY: both ranges lie in the vector.
                unsafe { bytes_move(base.add(target), base.add(source), length) };
                assert_eq!(bytes, expected, "length {length}, {source} to {target}");
            }
        }
    }

    #[test]
    fn sets_fill_exactly_their_range() {
        for length in 0..100 {
            for start in [0, 1, 6] {
                let mut bytes = pattern();
                let mut expected = bytes.clone();
                expected[start..start + length].fill(0xa5);
                // SAFETY: the range lies in the vector. Only the low byte counts.
                unsafe { bytes_set(bytes[start..].as_mut_ptr(), 0x1a5, length) };
                assert_eq!(bytes, expected, "length {length}");
            }
        }
    }

    #[test]
    fn comparisons_order_by_the_first_difference() {
        for length in 0..40 {
            let a = pattern();
            // SAFETY: both ranges lie in the vector, which is at least `length` long.
            let same = unsafe { bytes_compare(a.as_ptr(), a.as_ptr(), length) };
            assert_eq!(same, 0);
            for at in 0..length {
                let mut b = a.clone();
                b[at] = b[at].wrapping_add(1);
                if at + 1 < length {
                    b[at + 1] = b[at + 1].wrapping_sub(9);
                }
                let expected = a[..length].cmp(&b[..length]) as i32;
                // SAFETY: the ranges lie in the two vectors.
                let found = unsafe { bytes_compare(a.as_ptr(), b.as_ptr(), length) };
                assert_eq!(found.signum(), expected, "length {length}, at {at}");
            }
        }
    }
}
