//! The map of a file's bytes to the disk's, for whoever moves pages.
//!
//! Owns: runs of bytes that lie together. Does not own: the tree of pointers (`block_map`), the bytes.

use crate::attributes::{InodeNumber, Kind};
use crate::block_map::{Found, Purpose};
use crate::error::{Error, Result};
use crate::inode::Inode;
use crate::unwritten::Any;
use crate::volume::Volume;

/// Whether holes get blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Allocate {
    /// Holes stay holes, and so do blocks whose bytes are not written yet.
    No,
    /// Every byte gets a place on the disk. The caller writes the whole of each block, then calls `written`.
    Yes,
}

/// Where bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// From this byte of the disk on.
    Disk(u64),
    /// Nowhere: they are zeros.
    Hole,
}

/// Bytes of a file that lie together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// The first one's place in the file: a multiple of the block size.
    pub at: u64,
    /// How many: a multiple of the block size; the last block may reach beyond the file's end.
    pub bytes: u64,
    /// Where they are.
    pub place: Place,
}

impl Run {
    /// No bytes.
    pub const EMPTY: Self = Run {
        at: 0,
        bytes: 0,
        place: Place::Hole,
    };
}

impl Volume<'_> {
    /// Fills `runs` with the places of the blocks that the bytes from `at` on touch, up to the file's end; the
    /// answer is how many runs. It stops early when `runs` is full, or where an error is met after the first run.
    pub fn map(
        &mut self,
        number: InodeNumber,
        at: u64,
        bytes: u64,
        allocate: Allocate,
        runs: &mut [Run],
    ) -> Result<usize> {
        let (mut inode, kind) = self.inode(number)?;
        match kind {
            Kind::File => {}
            Kind::Directory => return Err(Error::IsDirectory),
            _ => return Err(Error::Invalid),
        }
        if allocate == Allocate::Yes {
            self.begin()?;
        }
        let size = self.state.geometry.block_size as u64;
        let end = at.saturating_add(bytes).min(inode.size).div_ceil(size);
        let mut block = at / size;
        let mut used = 0;
        while block < end {
            let most = end - block;
            let room = room(runs, used);
            let (found, blocks) =
                match self.find_or_allocate(&mut inode, block, most, allocate, room) {
                    Ok(Some(found)) => found,
                    Ok(None) => break,
                    Err(_) if used > 0 => break,
                    Err(error) => return Err(error),
                };
            let place = match found {
                Found::Block(disk) => Place::Disk(self.state.geometry.bytes(u64::from(disk))),
                Found::Hole => Place::Hole,
            };
            let next = Run {
                at: self.state.geometry.bytes(block),
                bytes: self.state.geometry.bytes(blocks),
                place,
            };
            match push(runs, used, next) {
                Some(now) => used = now,
                None => break,
            }
            block = block.saturating_add(blocks);
        }
        Ok(used)
    }

    /// What is at a block and for how many blocks, after it was given one if that is asked for. `None` if it would
    /// need another run and there is no room for one.
    fn find_or_allocate(
        &mut self,
        inode: &mut Inode,
        block: u64,
        most: u64,
        allocate: Allocate,
        room: Room,
    ) -> Result<Option<(Found, u64)>> {
        let found = self.find_run(inode, block, most)?;
        if allocate == Allocate::No {
            return Ok(Some(self.as_read(found)));
        }
        if matches!(found, (Found::Block(_), _)) {
            return Ok(Some(found));
        }
        if room == Room::None {
            return Ok(None);
        }
        self.begin()?;
        let goal = self.goal(inode, block)?;
        let disk = self.ensure_block(inode, block, Purpose::Data, goal)?;
        self.put_inode(inode)?;
        Ok(Some((Found::Block(disk), 1)))
    }

    /// A run as who reads the file sees it: a block whose bytes are not written yet has what the disk held before,
    /// and reads as zeros.
    fn as_read(&self, (found, blocks): (Found, u64)) -> (Found, u64) {
        let Found::Block(first) = found else {
            return (found, blocks);
        };
        if self.state.unwritten.any() == Any::None {
            return (found, blocks);
        }
        let unwritten = |step: &u64| {
            let block = u32::try_from(*step)
                .ok()
                .and_then(|step| first.checked_add(step));
            block.map(|block| self.state.unwritten.contains(block))
        };
        let kind = unwritten(&0);
        let same = (0..blocks)
            .take_while(|step| unwritten(step) == kind)
            .count() as u64;
        match kind {
            Some(Any::Some) => (Found::Hole, same),
            _ => (found, same),
        }
    }

    /// Where a block of a file should lie: after the block before it, or in the inode's group.
    pub fn goal(&mut self, inode: &Inode, block: u64) -> Result<u32> {
        if let Some(before) = block.checked_sub(1)
            && let Found::Block(disk) = self.find_block(inode, before)?
        {
            return Ok(disk.saturating_add(1));
        }
        let geometry = &self.state.geometry;
        let (group, _) = geometry.inode_place(inode.number.0).unwrap_or((0, 0));
        Ok(geometry.group_start(group))
    }
}

/// Whether one more run fits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    One,
    None,
}

fn room(runs: &[Run], used: usize) -> Room {
    if used < runs.len() {
        Room::One
    } else {
        Room::None
    }
}

/// Adds a run to the `used` ones, or lengthens the last one; the new count, or `None` if there is no room.
fn push(runs: &mut [Run], used: usize, next: Run) -> Option<usize> {
    if let Some(last) = used.checked_sub(1).and_then(|last| runs.get_mut(last)) {
        let joins = match (last.place, next.place) {
            (Place::Hole, Place::Hole) => true,
            (Place::Disk(first), Place::Disk(second)) => {
                first.checked_add(last.bytes) == Some(second)
            }
            _ => false,
        };
        if joins {
            last.bytes = last.bytes.saturating_add(next.bytes);
            return Some(used);
        }
    }
    *runs.get_mut(used)? = next;
    Some(used + 1)
}
