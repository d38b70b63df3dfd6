//! Blocks and inodes that were freed, and whose freeing is not on the disk yet.
//!
//! Owns: which ones; they still count as used in the bitmaps, so nobody gets them. Does not own: the bitmaps, the
//! moment from which they are free (`order`).

use crate::attributes::InodeNumber;
use crate::error::{Error, Result};
use alloc::vec::Vec;

/// Blocks that lie together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Blocks {
    pub first: u32,
    pub count: u32,
}

/// The freed ones; room for all that it may hold was taken at the mount.
pub(crate) struct Freed {
    blocks: Vec<Blocks>,
    inodes: Vec<InodeNumber>,
}

/// The most runs, and the most inodes. When they are all there, a flush empties them.
const MOST: usize = 512;

/// What became of a freed block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is noted.
    Yes,
    /// It was noted before.
    Twice,
    /// There is no room until the next flush.
    Full,
}

impl Freed {
    /// None.
    pub fn new() -> Result<Self> {
        let mut new = Freed {
            blocks: Vec::new(),
            inodes: Vec::new(),
        };
        new.blocks
            .try_reserve_exact(MOST)
            .and_then(|()| new.inodes.try_reserve_exact(MOST))
            .map_err(|_| Error::NoMemory)?;
        Ok(new)
    }

    /// Blocks that wait.
    pub fn count_blocks(&self) -> u64 {
        self.blocks.iter().map(|run| u64::from(run.count)).sum()
    }

    /// Inodes that wait.
    pub fn count_inodes(&self) -> u64 {
        self.inodes.len() as u64
    }

    /// Notes a block.
    pub fn add_block(&mut self, block: u32) -> Added {
        let place = self.blocks.partition_point(|run| run.first <= block);
        if let Some(before) = place
            .checked_sub(1)
            .and_then(|last| self.blocks.get_mut(last))
        {
            if block - before.first < before.count {
                return Added::Twice;
            }
            if before.first.checked_add(before.count) == Some(block) {
                before.count = before.count.saturating_add(1);
                return Added::Yes;
            }
        }
        if let Some(after) = self.blocks.get_mut(place)
            && block.checked_add(1) == Some(after.first)
        {
            after.first = block;
            after.count = after.count.saturating_add(1);
            return Added::Yes;
        }
        if self.blocks.len() >= MOST {
            return Added::Full;
        }
        let new = Blocks {
            first: block,
            count: 1,
        };
        self.blocks.insert(place, new);
        Added::Yes
    }

    /// Notes an inode.
    pub fn add_inode(&mut self, inode: InodeNumber) -> Added {
        if self.inodes.contains(&inode) {
            return Added::Twice;
        }
        if self.inodes.len() >= MOST {
            return Added::Full;
        }
        self.inodes.push(inode);
        Added::Yes
    }

    /// A run of blocks that waits.
    pub fn some_blocks(&self) -> Option<Blocks> {
        self.blocks.last().copied()
    }

    /// The last `count` blocks of that run do not wait any more.
    pub fn drop_blocks(&mut self, count: u32) {
        if let Some(run) = self.blocks.last_mut() {
            run.count = run.count.saturating_sub(count);
            if run.count == 0 {
                self.blocks.pop();
            }
        }
    }

    /// An inode that waits.
    pub fn some_inode(&self) -> Option<InodeNumber> {
        self.inodes.last().copied()
    }

    /// That inode does not wait any more.
    pub fn drop_inode(&mut self) {
        self.inodes.pop();
    }
}
