//! Shorter and longer files, and the end of an inode.
//!
//! Owns: freeing blocks from the end of a file, the size, what `release` frees. Does not own: when a freed block may
//! be used again (`freed`, `order`), the bytes of the last block.
//!
//! A block is freed after its name is gone from the cached blocks, and from the end on: whenever a flush comes in
//! between, the tree on the disk is one of a shorter file. The size changes last.

use crate::attributes::{InodeNumber, Kind};
use crate::bytes::{put_u32, u32_at};
use crate::cache;
use crate::error::{Error, Result};
use crate::inode::{DIRECT, Inode, POINTERS};
use crate::superblock::Found;
use crate::volume::Volume;
use abi::stat::Timespec;
use alloc::vec::Vec;

/// From this size on the superblock says that there are large files.
const LARGE: u64 = 1 << 31;

impl Volume<'_> {
    /// Units of 512 bytes in a block.
    fn units(&self) -> u32 {
        (self.state.geometry.block_size / 512) as u32
    }

    /// The deletion time that stands for `now`. A number up to the count of inodes would be read as the next inode
    /// of a list of deleted ones, whatever the clock says.
    pub fn deletion_time(&self, now: Timespec) -> u32 {
        let seconds = u32::try_from(now.sec).unwrap_or(0);
        seconds.max(self.state.geometry.inodes.saturating_add(1))
    }

    /// Frees a block whose name was just taken away in the cache.
    fn free_named(&mut self, inode: &mut Inode, block: u32) -> Result<()> {
        inode.blocks = inode.blocks.saturating_sub(self.units());
        self.state.unwritten.forget(block);
        self.free_block(inode.number, block)
    }

    /// Frees all blocks of a file from block `keep` on.
    fn shrink(&mut self, inode: &mut Inode, keep: u64) -> Result<()> {
        let n = self.state.geometry.pointers();
        // Where each pointer word's blocks begin: n is at most 1024.
        let direct = DIRECT as u64;
        let starts = [direct, direct + n, direct + n + n * n];
        for root in (0..POINTERS).rev() {
            let pointer = inode.map.get(root).copied().unwrap_or(0);
            if pointer == 0 {
                continue;
            }
            let level = (root + 1).saturating_sub(DIRECT);
            let start = match level.checked_sub(1) {
                Some(above) => starts.get(above).copied().unwrap_or(u64::MAX),
                None => root as u64,
            };
            let block = self.checked(inode, pointer)?;
            let from = keep.saturating_sub(start);
            if level > 0 {
                self.shrink_tree(inode, block, level as u32, from)?;
            }
            if from == 0 {
                if let Some(pointer) = inode.map.get_mut(root) {
                    *pointer = 0;
                }
                self.put_inode(inode)?;
                self.free_named(inode, block)?;
            }
        }
        Ok(())
    }

    /// Frees what an indirect block of `level` names, from the `from`th block below it on; not the block itself.
    fn shrink_tree(&mut self, inode: &mut Inode, block: u32, level: u32, from: u64) -> Result<()> {
        let n = self.state.geometry.pointers();
        // At most 1024².
        let span = n.pow(level - 1);
        let first = from / span;
        for index in (first..n).rev() {
            let at = (index as usize).saturating_mul(4);
            let child = u32_at(self.look(block, cache::Kind::Indirect)?, at);
            if child == 0 {
                continue;
            }
            let child = self.checked(inode, child)?;
            let from = if index == first { from % span } else { 0 };
            if level > 1 {
                self.shrink_tree(inode, child, level - 1, from)?;
            }
            if from == 0 {
                put_u32(self.edit(block, cache::Kind::Indirect)?, at, 0);
                self.free_named(inode, child)?;
            }
        }
        Ok(())
    }

    /// Makes a file `size` bytes long.
    pub fn truncate(&mut self, number: InodeNumber, size: u64, now: Timespec) -> Result<()> {
        self.begin()?;
        let (mut inode, kind) = self.inode(number)?;
        match kind {
            Kind::File => {}
            Kind::Directory => return Err(Error::IsDirectory),
            _ => return Err(Error::Invalid),
        }
        if size > self.largest_file() {
            return Err(Error::TooLarge);
        }
        if size < inode.size {
            let keep = size.div_ceil(self.state.geometry.block_size as u64);
            let shrunk = self.shrink(&mut inode, keep);
            if let Err(error) = shrunk {
                // What was freed up to here is holes; the size stays.
                self.put_inode(&inode)?;
                return Err(error);
            }
        }
        if size >= LARGE {
            self.state.superblock.note_large_file();
        }
        inode.size = size;
        (inode.mtime, inode.ctime) = (now, now);
        self.put_inode(&inode)
    }

    /// Frees an inode that has no name any more; one that has is left alone.
    pub fn release(&mut self, number: InodeNumber, now: Timespec) -> Result<()> {
        let Some(place) = self
            .state
            .orphans
            .iter()
            .position(|&orphan| orphan == number)
        else {
            return Ok(());
        };
        self.begin()?;
        let (mut inode, kind) = self.inode(number)?;
        if inode.has_blocks(self.units()) {
            let shrunk = self.shrink(&mut inode, 0);
            self.put_inode(&inode)?;
            shrunk?;
        }
        if inode.attribute_block != 0 {
            self.release_attributes(&mut inode)?;
        }
        inode.size = 0;
        inode.dtime = self.deletion_time(now);
        self.put_inode(&inode)?;
        self.free_inode(number, kind)?;
        self.state.orphans.swap_remove(place);
        if self.state.orphans.is_empty() {
            self.state.orphans = Vec::new();
        }
        Ok(())
    }

    /// Gives up an inode's block of extended attributes, which may be shared.
    fn release_attributes(&mut self, inode: &mut Inode) -> Result<()> {
        const MAGIC: u32 = 0xea02_0000;
        const REFERENCES: usize = 4;
        let block = self.checked(inode, inode.attribute_block)?;
        let bytes = self.look(block, cache::Kind::Other)?;
        let (magic, references) = (u32_at(bytes, 0), u32_at(bytes, REFERENCES));
        if magic != MAGIC {
            self.state.found = Found::Damage;
            let what = "a block of extended attributes is wrong";
            return Err(Error::inode(inode.number, what));
        }
        inode.attribute_block = 0;
        if references > 1 {
            put_u32(
                self.edit(block, cache::Kind::Other)?,
                REFERENCES,
                references - 1,
            );
            inode.blocks = inode.blocks.saturating_sub(self.units());
            return self.put_inode(inode);
        }
        self.put_inode(inode)?;
        self.free_named(inode, block)
    }
}
