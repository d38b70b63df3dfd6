//! The cache of the file system's own blocks: bitmaps, descriptors, inodes, indirect blocks, directories.
//!
//! Owns: a bounded number of blocks by number, which of them differ from the disk, what the order of writes has to
//! know about each. Does not own: the data of files (they are VM pages, not here), when blocks are written (`order`).
//!
//! All memory is taken at the mount. A block that differs from the disk is never given up.

use crate::error::{Error, Result, Transfer};
use crate::unwritten::Any;
use crate::volume::Volume;
use alloc::vec::Vec;

/// What a block holds. A block that is found as another kind is a corruption.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Bitmap,
    Descriptors,
    Inodes,
    Indirect,
    Directory,
    /// The text of a long symbolic link, or extended attributes.
    Other,
}

/// One cached block.
pub(crate) struct Slot {
    pub block: u32,
    pub kind: Kind,
    pub bytes: Vec<u8>,
    /// It differs from the disk.
    pub dirty: bool,
    /// Nothing on the disk names it yet.
    pub fresh: bool,
    /// It has a new name for an inode whose old name is in a block that is `late`.
    pub gives: bool,
    /// It lacks an old name of an inode whose new name is in a block that `gives`.
    pub late: bool,
    /// It was written without some names of blocks, those whose bytes are not written yet.
    pub hidden: Any,
    /// When it was last used, by the cache's clock.
    used: u64,
    /// The next slot of its bucket.
    next: Option<u32>,
}

/// The cache. `dirty` lists the slots that differ from the disk.
pub(crate) struct Cache {
    capacity: usize,
    slots: Vec<Slot>,
    /// Memory of slots that do not exist yet.
    spare: Vec<Vec<u8>>,
    buckets: Vec<Option<u32>>,
    clock: u64,
    pub dirty: Vec<u32>,
}

/// The fewest blocks with which every operation keeps what it has just looked at.
pub(crate) const FEWEST: u32 = 32;

impl Cache {
    /// An empty cache of `capacity` blocks.
    pub fn new(block_size: usize, capacity: u32) -> Result<Self> {
        let capacity = capacity.max(FEWEST) as usize;
        let mut cache = Cache {
            capacity,
            slots: Vec::new(),
            spare: Vec::new(),
            buckets: Vec::new(),
            clock: 0,
            dirty: Vec::new(),
        };
        let buckets = capacity.next_power_of_two();
        cache
            .slots
            .try_reserve_exact(capacity)
            .and_then(|()| cache.spare.try_reserve_exact(capacity))
            .and_then(|()| cache.dirty.try_reserve_exact(capacity))
            .and_then(|()| cache.buckets.try_reserve_exact(buckets))
            .map_err(|_| Error::NoMemory)?;
        cache.buckets.resize(buckets, None);
        for _ in 0..capacity {
            let mut bytes = Vec::new();
            bytes
                .try_reserve_exact(block_size)
                .map_err(|_| Error::NoMemory)?;
            bytes.resize(block_size, 0);
            cache.spare.push(bytes);
        }
        Ok(cache)
    }

    fn bucket(&self, block: u32) -> usize {
        (block.wrapping_mul(0x9e37_79b1) >> 8) as usize & self.buckets.len().wrapping_sub(1)
    }

    /// The slot of a block that is here.
    fn find(&self, block: u32) -> Option<usize> {
        let mut at = *self.buckets.get(self.bucket(block))?;
        while let Some(index) = at {
            let slot = self.slots.get(index as usize)?;
            if slot.block == block {
                return Some(index as usize);
            }
            at = slot.next;
        }
        None
    }

    pub fn slot_mut(&mut self, index: u32) -> Option<&mut Slot> {
        self.slots.get_mut(index as usize)
    }

    /// The slot of a block, if it is here.
    pub fn of(&mut self, block: u32) -> Option<&mut Slot> {
        let index = self.find(block)?;
        self.slots.get_mut(index)
    }

    /// The bytes of a block that was just loaded; empty if it is not here.
    pub fn bytes(&self, block: u32) -> &[u8] {
        self.find(block)
            .and_then(|index| self.slots.get(index))
            .map_or(&[], |slot| &slot.bytes)
    }

    /// Blocks that differ from the disk.
    pub fn dirty_blocks(&self) -> usize {
        self.dirty.len()
    }

    /// Blocks that may still become dirty before the cache is full of them.
    pub fn room(&self) -> usize {
        self.capacity.saturating_sub(self.dirty.len())
    }

    fn unlink(&mut self, index: usize) {
        let Some((block, next)) = self.slots.get(index).map(|slot| (slot.block, slot.next)) else {
            return;
        };
        let bucket = self.bucket(block);
        let me = u32::try_from(index).ok();
        let mut at = self.buckets.get(bucket).copied().flatten();
        if at == me {
            if let Some(head) = self.buckets.get_mut(bucket) {
                *head = next;
            }
            return;
        }
        while let Some(slot) = at.and_then(|at| self.slots.get_mut(at as usize)) {
            if slot.next == me {
                slot.next = next;
                return;
            }
            at = slot.next;
        }
    }

    /// Gives a slot to `block`, which is not here: a new one, or the one that was not used for longest. `None` if
    /// all are dirty.
    fn place(&mut self, block: u32, kind: Kind) -> Result<Option<usize>> {
        let index = if let Some(bytes) = self.spare.pop() {
            self.slots.push(Slot {
                block,
                kind,
                bytes,
                dirty: false,
                fresh: false,
                gives: false,
                late: false,
                hidden: Any::None,
                used: 0,
                next: None,
            });
            self.slots.len().wrapping_sub(1)
        } else {
            let clean = self
                .slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| !slot.dirty);
            let Some((index, _)) = clean.min_by_key(|(_, slot)| slot.used) else {
                return Ok(None);
            };
            self.unlink(index);
            index
        };
        let bucket = self.bucket(block);
        let next = self.buckets.get(bucket).copied().flatten();
        if let Some(head) = self.buckets.get_mut(bucket) {
            *head = u32::try_from(index).ok();
        }
        if let Some(slot) = self.slots.get_mut(index) {
            (slot.block, slot.kind, slot.next) = (block, kind, next);
            (slot.fresh, slot.gives, slot.late) = (false, false, false);
        }
        Ok(Some(index))
    }

    /// Forgets what a block has: it was freed, and what comes next on it belongs to somebody else.
    pub fn forget(&mut self, block: u32) {
        let Some(index) = self.find(block) else {
            return;
        };
        self.unlink(index);
        self.dirty.retain(|&dirty| dirty as usize != index);
        // A number that no block has: it is found by nobody and goes first.
        let bucket = self.bucket(NOBODY);
        let next = self.buckets.get(bucket).copied().flatten();
        if let Some(head) = self.buckets.get_mut(bucket) {
            *head = u32::try_from(index).ok();
        }
        if let Some(slot) = self.slots.get_mut(index) {
            (slot.block, slot.next, slot.used) = (NOBODY, next, 0);
            (slot.dirty, slot.fresh, slot.gives, slot.late) = (false, false, false, false);
        }
    }
}

/// No block has this number: the count of blocks is at most `u32::MAX`.
const NOBODY: u32 = u32::MAX;

impl Volume<'_> {
    /// The slot of `block`, with room made for it, and whether its bytes are those of the disk.
    fn slot_for(&mut self, block: u32, kind: Kind) -> Result<(usize, Held)> {
        self.state.cache.clock = self.state.cache.clock.wrapping_add(1);
        let clock = self.state.cache.clock;
        let (index, held) = match self.state.cache.find(block) {
            Some(index) => (index, Held::Yes),
            None => match self.state.cache.place(block, kind)? {
                Some(index) => (index, Held::No),
                None => {
                    self.flush()?;
                    let place = self.state.cache.place(block, kind)?;
                    (place.ok_or(Error::NoMemory)?, Held::No)
                }
            },
        };
        if let Some(slot) = self.state.cache.slots.get_mut(index) {
            slot.used = clock;
            if slot.kind != kind {
                return Err(self.damaged(Error::block(block, "a block has two uses")));
            }
        }
        Ok((index, held))
    }

    /// Sees that a block is in the cache.
    pub fn load(&mut self, block: u32, kind: Kind) -> Result<usize> {
        let (index, held) = self.slot_for(block, kind)?;
        if held == Held::Yes {
            return Ok(index);
        }
        let at = self.state.geometry.bytes(u64::from(block));
        let disk = self.disk;
        let read = match self.state.cache.slots.get_mut(index) {
            Some(slot) => disk.read(at, &mut slot.bytes),
            None => return Ok(index),
        };
        if read.is_err() {
            self.state.cache.forget(block);
            return Err(Error::Device {
                transfer: Transfer::Read,
                block,
            });
        }
        Ok(index)
    }

    /// A block's bytes, to look at.
    pub fn look(&mut self, block: u32, kind: Kind) -> Result<&[u8]> {
        let index = self.load(block, kind)?;
        Ok(self
            .state
            .cache
            .slots
            .get(index)
            .map_or(&[], |slot| &slot.bytes))
    }

    /// A block's bytes, to change: it is dirty from now on.
    pub fn edit(&mut self, block: u32, kind: Kind) -> Result<&mut [u8]> {
        let index = self.load(block, kind)?;
        Ok(self.dirtied(index))
    }

    /// A block that was just allocated: zeros, and to be on the disk before anything names it.
    pub fn fresh(&mut self, block: u32, kind: Kind) -> Result<&mut [u8]> {
        self.state.cache.forget(block);
        let (index, _) = self.slot_for(block, kind)?;
        if let Some(slot) = self.state.cache.slots.get_mut(index) {
            slot.bytes.fill(0);
            slot.fresh = true;
        }
        Ok(self.dirtied(index))
    }

    fn dirtied(&mut self, index: usize) -> &mut [u8] {
        let cache = &mut self.state.cache;
        let Some(slot) = cache.slots.get_mut(index) else {
            return &mut [];
        };
        if !slot.dirty {
            slot.dirty = true;
            // Room for every slot was taken at the mount.
            cache.dirty.push(index as u32);
        }
        &mut slot.bytes
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Yes,
    No,
}
