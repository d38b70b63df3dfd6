//! Large blocks: a hash table from address to size.
//!
//! Owns: the table (open addressing, linear probing, at most half full). Does not own: the blocks' memory.

use super::Pages;
use super::meta::{Array, Plain};

/// A large block.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Large {
    /// Its address, 0 for an empty slot.
    pub address: usize,
    /// Bytes mapped.
    pub size: usize,
}

// SAFETY: two integers.
unsafe impl Plain for Large {}

/// The table.
pub struct Table {
    slots: Array<Large>,
    count: usize,
}

/// The fewest slots.
const LEAST: usize = 64;

impl Table {
    /// A table without memory.
    pub const fn new() -> Self {
        Self {
            slots: Array::new(),
            count: 0,
        }
    }

    fn home(&self, address: usize) -> usize {
        (address >> 12).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20 & (self.slots.items().len() - 1)
    }

    fn position(&self, address: usize) -> Option<usize> {
        let slots = self.slots.items();
        if slots.is_empty() || address == 0 {
            return None;
        }
        let mut at = self.home(address);
        while slots[at].address != 0 {
            if slots[at].address == address {
                return Some(at);
            }
            at = (at + 1) & (slots.len() - 1);
        }
        None
    }

    /// The block at `address`.
    pub fn get(&self, address: usize) -> Option<Large> {
        self.position(address).map(|at| self.slots.items()[at])
    }

    /// Records a new block; `None` if there is no memory for it.
    pub fn insert(&mut self, pages: &mut impl Pages, block: Large) -> Option<()> {
        let length = self.slots.items().len();
        if (self.count + 1) * 2 > length {
            let mut grown = Self::new();
            grown.slots.reset(pages, (length * 2).max(LEAST))?;
            for &old in self.slots.items().iter().filter(|slot| slot.address != 0) {
                grown.place(old);
            }
            self.slots.release(pages);
            self.slots = grown.slots;
        }
        self.place(block);
        self.count += 1;
        Some(())
    }

    fn place(&mut self, block: Large) {
        let mut at = self.home(block.address);
        let slots = self.slots.items_mut();
        while slots[at].address != 0 {
            at = (at + 1) & (slots.len() - 1);
        }
        slots[at] = block;
    }

    /// Changes a block's size.
    pub fn resize(&mut self, address: usize, size: usize) {
        if let Some(at) = self.position(address) {
            self.slots.items_mut()[at].size = size;
        }
    }

    /// Forgets the block at `address` and answers it.
    pub fn remove(&mut self, address: usize) -> Option<Large> {
        let mut hole = self.position(address)?;
        let removed = self.slots.items()[hole];
        let mask = self.slots.items().len() - 1;
        let mut at = hole;
        // What probed past the hole moves back into it.
        loop {
            at = (at + 1) & mask;
            let slot = self.slots.items()[at];
            if slot.address == 0 {
                break;
            }
            let home = self.home(slot.address);
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.slots.items_mut()[hole] = slot;
                hole = at;
            }
        }
        self.slots.items_mut()[hole] = Large::default();
        self.count -= 1;
        Some(removed)
    }

    /// All blocks.
    pub fn blocks(&self) -> impl Iterator<Item = Large> {
        self.slots
            .items()
            .iter()
            .copied()
            .filter(|slot| slot.address != 0)
    }
}
