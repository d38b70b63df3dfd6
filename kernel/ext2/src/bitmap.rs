//! Which blocks and inodes are free.
//!
//! Owns: the bits of the groups' bitmaps and the search in them. Does not own: the counts (`group`), what was freed
//! and may not be used yet (`freed`).
//!
//! A bit is set before anything names its block, and cleared after the last name is off the disk. So at every moment
//! the bitmaps on the disk, together with those that wait, cover what is in use.

use crate::attributes::{InodeNumber, Kind};
use crate::bytes::u8_at;
use crate::cache;
use crate::error::{Error, Result};
use crate::freed::Added;
use crate::group::Count;
use crate::volume::Volume;

/// Whether a bit is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bit {
    Set,
    Clear,
}

fn bit(bytes: &[u8], at: u32) -> Bit {
    match u8_at(bytes, (at / 8) as usize) >> (at % 8) & 1 {
        0 => Bit::Clear,
        _ => Bit::Set,
    }
}

fn put_bit(bytes: &mut [u8], at: u32, to: Bit) {
    if let Some(byte) = bytes.get_mut((at / 8) as usize) {
        match to {
            Bit::Set => *byte |= 1 << (at % 8),
            Bit::Clear => *byte &= !(1 << (at % 8)),
        }
    }
}

/// The first clear bit from `from` to before `end`.
fn find_clear(bytes: &[u8], from: u32, end: u32) -> Option<u32> {
    let mut at = from;
    while at < end {
        if at.is_multiple_of(8) && u8_at(bytes, (at / 8) as usize) == 0xff {
            at += 8;
        } else if bit(bytes, at) == Bit::Clear {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}

impl Volume<'_> {
    /// A free block, at `goal` or after it if there is one, else in another group. Its bit is set.
    pub fn allocate_block(&mut self, goal: u32) -> Result<u32> {
        match self.search_block(goal)? {
            Some(block) => Ok(block),
            // What was freed is free once its freeing is on the disk.
            None if self.state.freed.count_blocks() > 0 => {
                self.flush()?;
                self.search_block(goal)?.ok_or(Error::NoSpace)
            }
            None => Err(Error::NoSpace),
        }
    }

    fn search_block(&mut self, goal: u32) -> Result<Option<u32>> {
        let geometry = self.state.geometry;
        let (first, goal_bit) = geometry.block_place(goal).unwrap_or((0, 0));
        // The goal's group from the goal on, the other groups, the goal's group from its start.
        for step in 0..=geometry.groups {
            let group = (u64::from(first) + u64::from(step)) % u64::from(geometry.groups);
            let group = group as u32;
            let own = self.group(group)?;
            if own.free_blocks == 0 {
                continue;
            }
            let from = if step == 0 { goal_bit } else { 0 };
            let bitmap = self.look(own.block_bitmap, cache::Kind::Bitmap)?;
            let Some(found) = find_clear(bitmap, from, geometry.group_blocks(group)) else {
                continue;
            };
            let block = geometry.group_start(group).saturating_add(found);
            if !self.is_file_block(block) {
                let what = "a block of the file system itself is marked free";
                return Err(self.damaged(Error::block(block, what)));
            }
            self.count(group, Count::Blocks, -1)?;
            put_bit(
                self.edit(own.block_bitmap, cache::Kind::Bitmap)?,
                found,
                Bit::Set,
            );
            return Ok(Some(block));
        }
        Ok(None)
    }

    /// Gives back a block that nothing ever named. If the bitmap cannot be read the block stays marked as used,
    /// which `e2fsck` mends.
    pub fn unallocate_block(&mut self, block: u32) {
        self.state.cache.forget(block);
        let _lost_at_worst = self.clear_blocks(block, 1);
    }

    /// Clears the bits of `count` blocks of one group, and counts them.
    fn clear_blocks(&mut self, first: u32, count: u32) -> Result<()> {
        let outside = Error::block(first, "there is no such block");
        let (group, start) = self.state.geometry.block_place(first).ok_or(outside)?;
        let bitmap = self.group(group)?.block_bitmap;
        self.look(bitmap, cache::Kind::Bitmap)?;
        self.count(
            group,
            Count::Blocks,
            i32::try_from(count).unwrap_or(i32::MAX),
        )?;
        let bytes = self.edit(bitmap, cache::Kind::Bitmap)?;
        for at in start..start.saturating_add(count) {
            put_bit(bytes, at, Bit::Clear);
        }
        Ok(())
    }

    /// Frees a block that the inodes in the cache name no more; it may be used again after the next flush.
    pub fn free_block(&mut self, inode: InodeNumber, block: u32) -> Result<()> {
        let wrong = Error::Corrupt {
            what: "an inode has a block that is free or another's",
            inode: inode.0,
            block,
        };
        let Some((group, at)) = self.state.geometry.block_place(block) else {
            return Err(self.damaged(wrong));
        };
        let bitmap = self.group(group)?.block_bitmap;
        let was = bit(self.look(bitmap, cache::Kind::Bitmap)?, at);
        if was == Bit::Clear || !self.is_file_block(block) {
            return Err(self.damaged(wrong));
        }
        self.state.cache.forget(block);
        let mut added = self.state.freed.add_block(block);
        if added == Added::Full {
            self.flush()?;
            added = self.state.freed.add_block(block);
        }
        match added {
            Added::Yes => Ok(()),
            Added::Twice => Err(self.damaged(wrong)),
            Added::Full => Err(Error::NoMemory),
        }
    }

    /// A free inode for a child of `parent`: near it, or for a directory where most is free. Its bit is set.
    pub fn allocate_inode(&mut self, parent: InodeNumber, kind: Kind) -> Result<InodeNumber> {
        match self.search_inode(parent, kind)? {
            Some(inode) => Ok(inode),
            None if self.state.freed.count_inodes() > 0 => {
                self.flush()?;
                self.search_inode(parent, kind)?.ok_or(Error::NoSpace)
            }
            None => Err(Error::NoSpace),
        }
    }

    fn search_inode(&mut self, parent: InodeNumber, kind: Kind) -> Result<Option<InodeNumber>> {
        let geometry = self.state.geometry;
        let (mut first, _) = geometry.inode_place(parent.0).unwrap_or((0, 0));
        if kind == Kind::Directory {
            let with_inodes = self.state.groups.iter().enumerate();
            let with_inodes = with_inodes.filter(|(_, group)| group.free_inodes > 0);
            let most =
                with_inodes.max_by_key(|(index, group)| (group.free_blocks, usize::MAX - index));
            first = most.map_or(first, |(index, _)| index as u32);
        }
        for step in 0..geometry.groups {
            let group = ((u64::from(first) + u64::from(step)) % u64::from(geometry.groups)) as u32;
            let own = self.group(group)?;
            if own.free_inodes == 0 {
                continue;
            }
            let from = if group == 0 {
                geometry.first_inode - 1
            } else {
                0
            };
            let bitmap = self.look(own.inode_bitmap, cache::Kind::Bitmap)?;
            let Some(found) = find_clear(bitmap, from, geometry.inodes_per_group) else {
                continue;
            };
            self.count(group, Count::Inodes, -1)?;
            put_bit(
                self.edit(own.inode_bitmap, cache::Kind::Bitmap)?,
                found,
                Bit::Set,
            );
            if kind == Kind::Directory {
                self.count(group, Count::Directories, 1)?;
            }
            let before = u64::from(group) * u64::from(geometry.inodes_per_group) + u64::from(found);
            return Ok(Some(InodeNumber(before as u32 + 1)));
        }
        Ok(None)
    }

    /// Gives back an inode that nothing ever named.
    pub fn unallocate_inode(&mut self, inode: InodeNumber, kind: Kind) {
        let _lost_at_worst = self.clear_inode(inode);
        if kind == Kind::Directory {
            self.count_directory_gone(inode);
        }
    }

    fn count_directory_gone(&mut self, inode: InodeNumber) {
        if let Some((group, _)) = self.state.geometry.inode_place(inode.0) {
            let _wrong_at_worst = self.count(group, Count::Directories, -1);
        }
    }

    fn clear_inode(&mut self, inode: InodeNumber) -> Result<()> {
        let outside = Error::inode(inode, "there is no such inode");
        let (group, at) = self.state.geometry.inode_place(inode.0).ok_or(outside)?;
        let bitmap = self.group(group)?.inode_bitmap;
        self.look(bitmap, cache::Kind::Bitmap)?;
        self.count(group, Count::Inodes, 1)?;
        put_bit(self.edit(bitmap, cache::Kind::Bitmap)?, at, Bit::Clear);
        Ok(())
    }

    /// Frees an inode whose fields in the cache say so; it may be used again after the next flush.
    pub fn free_inode(&mut self, inode: InodeNumber, kind: Kind) -> Result<()> {
        let mut added = self.state.freed.add_inode(inode);
        if added == Added::Full {
            self.flush()?;
            added = self.state.freed.add_inode(inode);
        }
        if added != Added::Yes {
            return Err(Error::NoMemory);
        }
        if kind == Kind::Directory {
            self.count_directory_gone(inode);
        }
        Ok(())
    }

    /// The freeing of all that waits is on the disk: the bits go. What waits on, because a bitmap cannot be read or
    /// the cache is full, goes after the next flush.
    pub fn apply_freed(&mut self) {
        while self.state.cache.room() > CLEARS
            && let Some(run) = self.state.freed.some_blocks()
        {
            // The run's part in its last group.
            let last = run.first.saturating_add(run.count.saturating_sub(1));
            let (_, at) = self.state.geometry.block_place(last).unwrap_or((0, 0));
            let count = run.count.min(at.saturating_add(1));
            let first = last.saturating_sub(count.saturating_sub(1));
            if self.clear_blocks(first, count).is_err() {
                break;
            }
            self.state.freed.drop_blocks(count);
        }
        while self.state.cache.room() > CLEARS
            && let Some(inode) = self.state.freed.some_inode()
            && self.clear_inode(inode).is_ok()
        {
            self.state.freed.drop_inode();
        }
    }
}

/// Blocks that clearing bits makes dirty: a bitmap and a descriptor. Without room for them a flush would begin
/// inside a flush.
const CLEARS: usize = 2;
