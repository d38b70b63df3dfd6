//! From parts to what a device takes: pieces of physical memory, so many at once.
//!
//! Owns: joining parts whose bytes are neighbours in physical memory, and the division of a long request into
//! several, each of whole blocks. Does not own: devices.

use super::request::{BLOCK, Part, Why};
use vm::PageId;

/// Pieces of one request of the device.
pub const PIECES: usize = 62;
/// Bytes of one request of the device, at most.
const LONGEST: u64 = 1 << 20;

/// Bytes in one piece of physical memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Piece {
    /// The first byte's physical address.
    pub at: u64,
    /// Bytes.
    pub length: u32,
}

/// The pieces of one request of the device.
#[derive(Clone, Debug)]
pub struct Pieces {
    list: [Piece; PIECES],
    count: usize,
}

impl Pieces {
    /// None.
    pub const NONE: Self = Self {
        list: [Piece { at: 0, length: 0 }; PIECES],
        count: 0,
    };

    /// The pieces, in order.
    pub fn as_slice(&self) -> &[Piece] {
        &self.list[..self.count]
    }

    /// Becomes what `other` is.
    pub fn copy_from(&mut self, other: &Self) {
        self.count = other.count;
        self.list[..self.count].copy_from_slice(other.as_slice());
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds bytes at the end, unless that takes one piece more than there is room for, `most` in all.
    fn push(&mut self, at: u64, length: u32, most: usize) -> Option<()> {
        if let Some(last) = self.list[..self.count].last_mut()
            && last.at + u64::from(last.length) == at
            && let Some(sum) = last.length.checked_add(length)
        {
            last.length = sum;
            return Some(());
        }
        if self.count >= most {
            return None;
        }
        *self.list.get_mut(self.count)? = Piece { at, length };
        self.count += 1;
        Some(())
    }

    /// Takes bytes away at the end; there are so many.
    fn cut(&mut self, mut bytes: u64) {
        while let (1.., Some(last)) = (bytes, self.list[..self.count].last_mut()) {
            let taken = bytes.min(u64::from(last.length));
            last.length -= taken as u32;
            bytes -= taken;
            if last.length == 0 {
                self.count -= 1;
            }
        }
    }
}

/// What is left of a request.
#[derive(Clone, Debug)]
pub struct Gather<'a> {
    parts: &'a [Part],
    /// Bytes of the first part that are done.
    done: u32,
}

impl<'a> Gather<'a> {
    /// All of it.
    pub fn new(parts: &'a [Part]) -> Self {
        Self { parts, done: 0 }
    }

    /// Fills `pieces`, `most` at most, with whole blocks from the front of what is left; answers how many bytes that are, 0 at the
    /// end. `address` says where a frame lies.
    ///
    /// # Errors
    /// [`Why::Scattered`]: no whole block fits into so many pieces.
    pub fn next(
        &mut self,
        pieces: &mut Pieces,
        most: usize,
        address: impl Fn(PageId) -> u64,
    ) -> Result<u64, Why> {
        pieces.clear();
        let mut total = 0;
        let mut done = self.done;
        for part in self.parts {
            let length = part.length - done;
            let at = address(part.page) + u64::from(part.offset) + u64::from(done);
            if total + u64::from(length) > LONGEST || pieces.push(at, length, most).is_none() {
                break;
            }
            total += u64::from(length);
            done = 0;
        }
        pieces.cut(total % BLOCK);
        total -= total % BLOCK;
        if total == 0 && !self.parts.is_empty() {
            return Err(Why::Scattered);
        }
        self.advance(total);
        Ok(total)
    }

    fn advance(&mut self, mut bytes: u64) {
        while let (1.., Some((first, rest))) = (bytes, self.parts.split_first()) {
            let left = first.length - self.done;
            if bytes < u64::from(left) {
                self.done += bytes as u32;
                return;
            }
            bytes -= u64::from(left);
            (self.parts, self.done) = (rest, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const PAGE: u64 = 4096;

    fn part(page: u32, offset: u32, length: u32) -> Part {
        Part {
            page: PageId(page),
            offset,
            length,
        }
    }

    /// All requests of the device, as (address, length).
    fn gathered(parts: &[Part], most: usize) -> Result<Vec<Vec<(u64, u32)>>, Why> {
        let mut gather = Gather::new(parts);
        let mut pieces = Pieces::NONE;
        let mut requests = Vec::new();
        loop {
            let total = gather.next(&mut pieces, most, |page| u64::from(page.0) * PAGE)?;
            let list: Vec<_> = pieces
                .as_slice()
                .iter()
                .map(|piece| (piece.at, piece.length))
                .collect();
            assert_eq!(
                list.iter().map(|piece| u64::from(piece.1)).sum::<u64>(),
                total
            );
            if total == 0 {
                return Ok(requests);
            }
            requests.push(list);
        }
    }

    #[test]
    fn neighbours_become_one_piece() {
        let parts = [
            part(4, 0, 4096),
            part(5, 0, 4096),
            part(7, 0, 4096),
            part(7, 512, 512),
        ];
        assert_eq!(
            gathered(&parts, 8),
            Ok(std::vec![std::vec![
                (0x4000, 8192),
                (0x7000, 4096),
                (0x7200, 512)
            ]])
        );
    }

    #[test]
    fn a_long_request_becomes_several_of_whole_blocks() {
        let parts = [
            part(2, 0, 512),
            part(4, 0, 300),
            part(6, 0, 300),
            part(8, 0, 424),
        ];
        // One piece holds the first block, and then 300 bytes, which are none.
        assert_eq!(gathered(&parts, 1), Err(Why::Scattered));
        // Two hold 812 bytes, of which 512 are whole blocks; then 600.
        assert_eq!(
            gathered(&parts, 2),
            Ok(std::vec![
                std::vec![(0x2000, 512)],
                std::vec![(0x4000, 300), (0x6000, 212)],
                std::vec![(0x60d4, 88), (0x8000, 424)],
            ])
        );
        assert_eq!(
            gathered(&parts, 3),
            Ok(std::vec![
                std::vec![(0x2000, 512), (0x4000, 300), (0x6000, 212)],
                std::vec![(0x60d4, 88), (0x8000, 424)],
            ])
        );
    }

    #[test]
    fn no_request_of_the_device_is_longer_than_a_mebibyte() {
        let parts: Vec<_> = (0..300).map(|page| part(page, 0, 4096)).collect();
        let requests = gathered(&parts, PIECES).unwrap();
        assert_eq!(
            requests,
            [[(0, 1 << 20)].to_vec(), [(1 << 20, 44 * 4096)].to_vec()]
        );
    }

    #[test]
    fn every_byte_comes_once_and_in_order() {
        // Pseudo-random parts against a list of bytes.
        let mut state = 7u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) % below
        };
        for _ in 0..500 {
            let mut parts = Vec::new();
            let mut total = 0;
            for _ in 0..1 + random(40) {
                let length = 1 + random(900) as u32;
                parts.push(part(random(50) as u32, random(3000) as u32, length));
                total += u64::from(length);
            }
            let missing = (BLOCK - total % BLOCK) as u32;
            parts.push(part(60, 8, missing));
            let bytes = |(at, length): (u64, u32)| at..at + u64::from(length);
            let expected: Vec<u64> = parts
                .iter()
                .flat_map(|part| {
                    bytes((
                        u64::from(part.page.0) * PAGE + u64::from(part.offset),
                        part.length,
                    ))
                })
                .collect();
            let Ok(requests) = gathered(&parts, 8) else {
                continue;
            };
            let found: Vec<u64> = requests.iter().flatten().copied().flat_map(bytes).collect();
            assert!(found == expected);
            for request in &requests {
                assert!(request.len() <= 8);
                assert_eq!(
                    request.iter().map(|piece| u64::from(piece.1)).sum::<u64>() % BLOCK,
                    0
                );
            }
        }
    }
}
