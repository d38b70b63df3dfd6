//! Blocks of files whose bytes are not known to be written yet.
//!
//! Owns: runs of new blocks, each of one inode. Does not own: what follows from it (`order`: their names stay off
//! the disk).

use crate::attributes::InodeNumber;
use crate::error::{Error, Result};
use alloc::vec::Vec;

/// Blocks that follow each other in the file and on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Run {
    inode: InodeNumber,
    /// The first one's place in the file, in blocks.
    at: u64,
    /// Its place on the disk.
    disk: u32,
    blocks: u32,
}

impl Run {
    fn end(&self) -> u64 {
        self.at.saturating_add(u64::from(self.blocks))
    }

    /// What is left of it before block `first` of the file.
    fn before(&self, first: u64) -> Option<Run> {
        let blocks = u32::try_from(first.checked_sub(self.at)?).unwrap_or(u32::MAX);
        let blocks = blocks.min(self.blocks);
        (blocks != 0).then_some(Run { blocks, ..*self })
    }

    /// What is left of it from block `end` of the file on.
    fn after(&self, end: u64) -> Option<Run> {
        let gone = u32::try_from(end.saturating_sub(self.at)).unwrap_or(u32::MAX);
        let blocks = self.blocks.checked_sub(gone)?;
        (blocks != 0).then_some(Run {
            at: self.at.saturating_add(u64::from(gone)),
            disk: self.disk.saturating_add(gone),
            blocks,
            ..*self
        })
    }
}

/// The runs, by their place on the disk.
#[derive(Default)]
pub(crate) struct Unwritten {
    runs: Vec<Run>,
    /// Blocks of all runs: there is room for a run of each, so that cutting needs no memory.
    blocks: usize,
}

/// Whether there are any.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Any {
    Some,
    None,
}

impl Unwritten {
    pub fn any(&self) -> Any {
        if self.runs.is_empty() {
            Any::None
        } else {
            Any::Some
        }
    }

    /// Adds a new block.
    pub fn add(&mut self, inode: InodeNumber, at: u64, disk: u32) -> Result<()> {
        let room = self
            .blocks
            .saturating_add(1)
            .saturating_sub(self.runs.len());
        self.runs.try_reserve(room).map_err(|_| Error::NoMemory)?;
        self.blocks = self.blocks.saturating_add(1);
        let place = self.runs.partition_point(|run| run.disk <= disk);
        if let Some(run) = place
            .checked_sub(1)
            .and_then(|last| self.runs.get_mut(last))
            && run.inode == inode
            && run.end() == at
            && run.disk.checked_add(run.blocks) == Some(disk)
        {
            run.blocks = run.blocks.saturating_add(1);
            return Ok(());
        }
        let new = Run {
            inode,
            at,
            disk,
            blocks: 1,
        };
        self.runs.insert(place, new);
        Ok(())
    }

    /// Whether a block of the disk is among them.
    pub fn contains(&self, disk: u32) -> Any {
        let after = self.runs.partition_point(|run| run.disk <= disk);
        match after.checked_sub(1).and_then(|last| self.runs.get(last)) {
            Some(run) if disk - run.disk < run.blocks => Any::Some,
            _ => Any::None,
        }
    }

    /// The inode's blocks from `first` to before `end` are none of them any more: they were written or freed.
    pub fn cut(&mut self, inode: InodeNumber, first: u64, end: u64) {
        let mut at = 0;
        while let Some(&run) = self.runs.get(at) {
            if run.inode != inode || run.end() <= first || run.at >= end {
                at += 1;
                continue;
            }
            let (before, after) = (run.before(first), run.after(end));
            let left = [before, after]
                .iter()
                .flatten()
                .map(|run| run.blocks as usize)
                .sum();
            let gone = (run.blocks as usize).saturating_sub(left);
            self.blocks = self.blocks.saturating_sub(gone);
            match (before, after) {
                (None, None) => {
                    self.runs.remove(at);
                    continue;
                }
                (Some(rest), None) | (None, Some(rest)) => self.replace(at, rest),
                (Some(before), Some(after)) => {
                    self.replace(at, before);
                    self.runs.insert(at + 1, after);
                    at += 1;
                }
            }
            at += 1;
        }
        if self.runs.is_empty() {
            self.clear();
        }
    }

    fn replace(&mut self, at: usize, rest: Run) {
        if let Some(run) = self.runs.get_mut(at) {
            *run = rest;
        }
    }

    /// A block of the disk is freed.
    pub fn forget(&mut self, disk: u32) {
        let after = self.runs.partition_point(|run| run.disk <= disk);
        let run = after
            .checked_sub(1)
            .and_then(|last| self.runs.get(last))
            .copied();
        if let Some(run) = run
            && disk - run.disk < run.blocks
        {
            let at = run.at.saturating_add(u64::from(disk - run.disk));
            self.cut(run.inode, at, at.saturating_add(1));
        }
    }

    /// None is left.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
