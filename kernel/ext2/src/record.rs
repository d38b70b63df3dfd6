//! Directory records: the format inside one block.
//!
//! Owns: reading a record, splitting one for a new name, merging one away. Does not own: which block (`directory`).
//!
//! A block is filled with records from its first byte to its last. A record is 8 bytes and its name, padded to a
//! multiple of 4, and may be longer: the rest is room. Inode 0 means that all of it is room.

use crate::attributes::{InodeNumber, Kind};
use crate::bytes::{put, put_u16, put_u32, u8_at, u16_at, u32_at};

/// Bytes before the name.
const HEAD: usize = 8;

/// A record, checked: it lies inside its block, and its name inside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    /// Its first byte in the block.
    pub at: usize,
    /// Its bytes, a multiple of 4.
    pub length: usize,
    pub inode: u32,
    name: usize,
    kind: u8,
}

/// Bytes that a record needs for a name.
pub(crate) fn needs(name: usize) -> usize {
    name.saturating_add(HEAD).next_multiple_of(4)
}

impl Record {
    /// The record at byte `at` of a block; `None` if there cannot be one.
    pub fn new(block: &[u8], at: usize) -> Option<Self> {
        let record = Record {
            at,
            length: usize::from(u16_at(block, at.checked_add(4)?)),
            inode: u32_at(block, at),
            name: usize::from(u8_at(block, at.checked_add(6)?)),
            kind: u8_at(block, at.checked_add(7)?),
        };
        let fits = record.length.is_multiple_of(4)
            && record.length >= HEAD
            && record.end() <= block.len()
            && (record.inode == 0 || record.name != 0 && record.length >= needs(record.name));
        fits.then_some(record)
    }

    /// The byte after it.
    pub fn end(&self) -> usize {
        self.at.saturating_add(self.length)
    }

    /// Its name; empty if it is all room.
    pub fn name<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        if self.inode == 0 {
            return &[];
        }
        let start = self.at.saturating_add(HEAD);
        block
            .get(start..start.saturating_add(self.name))
            .unwrap_or(&[])
    }

    /// Whose name it is and what that is; `None` if it is all room.
    pub fn target(&self) -> Option<(InodeNumber, Option<Kind>)> {
        (self.inode != 0).then_some((InodeNumber(self.inode), Kind::of_record(self.kind)))
    }

    /// Bytes at its end that it does not need.
    pub fn spare(&self) -> usize {
        self.length.saturating_sub(self.used())
    }

    fn used(&self) -> usize {
        if self.inode == 0 { 0 } else { needs(self.name) }
    }

    /// Puts a name into its spare bytes, which are enough.
    pub fn insert(&self, block: &mut [u8], name: &[u8], inode: InodeNumber, kind: Kind) {
        let used = self.used();
        let new = self.at.saturating_add(used);
        let length = self.spare();
        put_u32(block, new, inode.0);
        put_u16(block, new.saturating_add(4), length as u16);
        put(
            block,
            new.saturating_add(6),
            &[name.len() as u8, kind.record()],
        );
        put(block, new.saturating_add(HEAD), name);
        if used != 0 {
            put_u16(block, self.at.saturating_add(4), used as u16);
        }
    }

    /// Takes the name away: the record before it in the block gets the bytes, or they are room.
    pub fn remove(&self, block: &mut [u8], before: Option<Record>) {
        match before {
            Some(before) => {
                let length = before.length.saturating_add(self.length);
                put_u16(block, before.at.saturating_add(4), length as u16);
            }
            None => put_u32(block, self.at, 0),
        }
    }

    /// Makes it the name of another inode.
    pub fn retarget(&self, block: &mut [u8], inode: InodeNumber, kind: Kind) {
        put_u32(block, self.at, inode.0);
        put(block, self.at.saturating_add(7), &[kind.record()]);
    }
}

/// Makes a block one record that is all room.
pub(crate) fn clear(block: &mut [u8]) {
    let length = block.len() as u16;
    put_u32(block, 0, 0);
    put_u16(block, 4, length);
    put_u16(block, 6, 0);
}

/// Makes a new directory's first block: itself and its parent.
pub(crate) fn first_block(block: &mut [u8], own: InodeNumber, parent: InodeNumber) {
    clear(block);
    for (name, inode) in [(&b"."[..], own), (&b".."[..], parent)] {
        let mut last = Record::new(block, 0);
        while let Some(next) = last.and_then(|record| Record::new(block, record.end())) {
            last = Some(next);
        }
        if let Some(last) = last {
            last.insert(block, name, inode, Kind::Directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn records(block: &[u8]) -> Vec<(usize, usize, Vec<u8>)> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(record) = Record::new(block, at) {
            found.push((record.at, record.length, record.name(block).to_vec()));
            at = record.end();
        }
        found
    }

    #[test]
    fn a_new_directory_names_itself_and_its_parent() {
        let mut block = [0xaa; 1024];
        first_block(&mut block, InodeNumber(12), InodeNumber(2));
        assert_eq!(
            records(&block),
            [(0, 12, b".".to_vec()), (12, 1012, b"..".to_vec())]
        );
        assert_eq!(u32_at(&block, 12), 2);
    }

    #[test]
    fn a_name_splits_a_record_and_merges_back() {
        let mut block = [0; 1024];
        first_block(&mut block, InodeNumber(12), InodeNumber(2));
        let parent = Record::new(&block, 12).unwrap();
        parent.insert(&mut block, b"hello", InodeNumber(13), Kind::File);
        assert_eq!(records(&block)[2], (24, 1000, b"hello".to_vec()));
        let parent = Record::new(&block, 12).unwrap();
        Record::new(&block, 24)
            .unwrap()
            .remove(&mut block, Some(parent));
        assert_eq!(records(&block).len(), 2);
    }

    #[test]
    fn a_record_that_leaves_its_block_is_none() {
        let mut block = [0; 1024];
        clear(&mut block);
        assert!(Record::new(&block, 0).is_some());
        for length in [0u16, 4, 10, 1028, u16::MAX] {
            put_u16(&mut block, 4, length);
            assert_eq!(Record::new(&block, 0), None, "{length}");
        }
        // A name that is longer than its record.
        put_u32(&mut block, 0, 12);
        put_u16(&mut block, 4, 12);
        put(&mut block, 6, &[5]);
        assert_eq!(Record::new(&block, 0), None);
    }
}
