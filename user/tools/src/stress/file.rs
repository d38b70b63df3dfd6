//! What is done to one file in every way that there is, and what the file holds then.
//!
//! Owns: the choice of steps, biased to the borders of pages and to the end of the file; the model, an array of
//! bytes; the bytes of the marks that a host looks for after a power cut. Does not own: the file
//! (`guest::stress::files`).

use super::Random;

/// One thing done to the file. Bytes are from the file's beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// `pread`, beyond the end too.
    Read(Part),
    /// `pwrite`, which may make the file longer and leave a hole.
    Write(Part),
    /// `ftruncate`, in both directions.
    Truncate(u64),
    /// Looks through a shared mapping; within the file.
    Look(Part),
    /// Writes through a shared mapping; within the file.
    Store(Part),
    /// Looks and writes through a private mapping: nobody sees that.
    Private(Part),
    /// `msync`, and waits.
    Sync(Part),
    /// `msync`, and the pages leave memory.
    Invalidate(Part),
    /// `fsync`.
    Flush,
    /// Closes the file and opens it again, and maps it anew.
    Reopen,
}

/// Some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// The first one.
    pub at: u64,
    /// How many.
    pub bytes: u64,
}

/// The most bytes of a step.
pub const PART_MAX: u64 = 24 << 10;

/// A number up to `most`, often next to the border of a page.
fn place(random: &mut Random, most: u64, page: u64) -> u64 {
    let at = random.below(most + 1);
    match random.below(4) {
        0 => at - at % page,
        1 => (at - at % page + page - 1).min(most),
        2 => (at - at % page + 1).min(most),
        _ => at,
    }
}

fn part(random: &mut Random, end: u64, page: u64) -> Part {
    let at = place(random, end.saturating_sub(1), page);
    let most = PART_MAX.min(end - at).max(1);
    let bytes = match random.below(4) {
        0 => 1 + random.below(most.min(16)),
        _ => 1 + random.below(most),
    };
    Part { at, bytes }
}

/// The next step for a file of `size` bytes that may have `most`.
pub fn next(random: &mut Random, size: u64, most: u64, page: u64) -> Step {
    let inside = size.min(most);
    match random.below(100) {
        0..22 => Step::Read(part(random, most, page)),
        22..44 => Step::Write(part(random, most, page)),
        44..52 => Step::Truncate(place(random, most, page)),
        _ if inside == 0 => Step::Write(part(random, most, page)),
        52..66 => Step::Look(part(random, inside, page)),
        66..82 => Step::Store(part(random, inside, page)),
        82..87 => Step::Private(part(random, inside, page)),
        87..91 => Step::Sync(part(random, inside, page)),
        91..96 => Step::Invalidate(part(random, inside, page)),
        96..98 => Step::Flush,
        _ => Step::Reopen,
    }
}

/// The byte that step `step` writes at `at`: never zero, so that it differs from a hole.
pub fn byte(seed: u64, step: u64, at: u64) -> u8 {
    let mixed = (seed ^ step.rotate_left(17) ^ at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8 | 1
}

/// What the file should hold.
pub struct Model<'a> {
    /// The bytes, zeros beyond the size.
    pub bytes: &'a mut [u8],
    /// The size.
    pub size: &'a mut u64,
}

impl Model<'_> {
    /// The bytes of a part, as far as the file goes.
    pub fn part(&self, part: Part) -> &[u8] {
        let end = (part.at + part.bytes).min(*self.size);
        self.bytes
            .get(part.at as usize..end as usize)
            .unwrap_or(&[])
    }

    /// Bytes are written; the file becomes longer if it must.
    pub fn write(&mut self, part: Part, from: &[u8]) {
        let end = part.at + part.bytes;
        self.bytes[part.at as usize..end as usize].copy_from_slice(from);
        *self.size = (*self.size).max(end);
    }

    /// The file has so many bytes.
    pub fn truncate(&mut self, size: u64) {
        if size < *self.size {
            self.bytes[size as usize..*self.size as usize].fill(0);
        }
        *self.size = size;
    }
}

/// A sum that tells two contents apart (FNV-1a, 64 bits).
pub fn sum(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let step = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn steps_stay_within_their_bounds() {
        let mut random = Random::of(1, 0, 0);
        for size in [0, 1, 4095, 4096, 4097, 65536] {
            for _ in 0..2000 {
                let (part, end) = match next(&mut random, size, 65536, 4096) {
                    Step::Read(part) | Step::Write(part) => (part, 65536),
                    Step::Look(part) | Step::Store(part) | Step::Private(part) => (part, size),
                    Step::Sync(part) | Step::Invalidate(part) => (part, size),
                    Step::Truncate(size) => (Part { at: size, bytes: 0 }, 65536),
                    Step::Flush | Step::Reopen => continue,
                };
                assert!(part.at + part.bytes <= end, "{part:?} of {size}");
            }
        }
    }

    #[test]
    fn what_is_cut_off_reads_as_zeros() {
        let (mut bytes, mut size) = (vec![0; 8], 0);
        let mut model = Model {
            bytes: &mut bytes,
            size: &mut size,
        };
        model.write(Part { at: 2, bytes: 3 }, &[1, 2, 3]);
        model.truncate(3);
        model.truncate(6);
        assert_eq!(model.part(Part { at: 0, bytes: 8 }), [0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn the_sum_is_the_published_one() {
        assert_eq!(sum(*b"foobar"), 0x8594_4171_f739_67e8);
    }
}
