//! Block groups: where each keeps its bitmaps and its inodes, and what it has free.
//!
//! Owns: the descriptors' places and counts; which blocks belong to the file system itself. Does not own: the
//! bits (`bitmap`), the totals (`superblock`).

use crate::bytes::{put_u16, u16_at, u32_at};
use crate::cache::Kind;
use crate::error::{Error, Result};
use crate::superblock::{Geometry, Superblock};
use crate::volume::Volume;
use alloc::vec::Vec;

/// Bytes of a descriptor.
pub(crate) const LENGTH: usize = 32;

/// One group, as its descriptor has it, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub block_bitmap: u32,
    pub inode_bitmap: u32,
    pub inode_table: u32,
    pub free_blocks: u16,
    pub free_inodes: u16,
    pub directories: u16,
    /// Blocks at the group's start that hold copies of the superblock and the descriptors.
    copies: u32,
}

/// A count of a descriptor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Blocks,
    Inodes,
    Directories,
}

/// Blocks of the table of descriptors, and its first one.
fn table(geometry: &Geometry) -> (u32, u32) {
    let per_block = (geometry.block_size / LENGTH) as u32;
    (
        geometry.groups.div_ceil(per_block),
        geometry.first_data_block.saturating_add(1),
    )
}

/// The block of the descriptor of `group`, and the byte in it.
pub(crate) fn descriptor_place(geometry: &Geometry, group: u32) -> (u32, usize) {
    let per_block = (geometry.block_size / LENGTH) as u32;
    let (_, first) = table(geometry);
    (
        first.saturating_add(group / per_block),
        (group % per_block) as usize * LENGTH,
    )
}

impl Group {
    /// Whether a block of this group, by its bit, is the file system's own.
    fn owns(&self, geometry: &Geometry, group: u32, bit: u32) -> bool {
        let block = geometry.group_start(group).saturating_add(bit);
        let table = self.inode_table..self.inode_table.saturating_add(geometry.table_blocks());
        bit < self.copies
            || block == self.block_bitmap
            || block == self.inode_bitmap
            || table.contains(&block)
    }

    /// How many blocks from this one on are a file's to have, by its bit: up to `most`, and not beyond the group.
    fn free_of_own(&self, geometry: &Geometry, (group, bit): (u32, u32), most: u32) -> u32 {
        if self.owns(geometry, group, bit) {
            return 0;
        }
        let first = geometry.group_start(group);
        let block = first.saturating_add(bit);
        let end = first.saturating_add(geometry.blocks_per_group);
        // What is its own and behind the block ends it.
        let own = [self.block_bitmap, self.inode_bitmap, self.inode_table, end];
        let behind = own.into_iter().filter(|&own| own > block);
        let end = behind.min().unwrap_or(end);
        end.saturating_sub(block).min(most)
    }

    /// Blocks of this group that no file can have.
    pub fn own_blocks(&self, geometry: &Geometry) -> u64 {
        let bitmaps = 2u64;
        u64::from(self.copies) + bitmaps + u64::from(geometry.table_blocks())
    }

    /// Reads descriptor `group` out of its block. The bitmaps and the table must lie inside the group, apart from
    /// each other and from the copies.
    fn new(
        bytes: &[u8],
        at: usize,
        group: u32,
        geometry: &Geometry,
        superblock: &Superblock,
    ) -> Result<Self> {
        let copies = if superblock.has_copy(group) {
            table(geometry).0.saturating_add(1)
        } else {
            0
        };
        let new = Group {
            block_bitmap: u32_at(bytes, at),
            inode_bitmap: u32_at(bytes, at.saturating_add(4)),
            inode_table: u32_at(bytes, at.saturating_add(8)),
            free_blocks: u16_at(bytes, at.saturating_add(12)),
            free_inodes: u16_at(bytes, at.saturating_add(14)),
            directories: u16_at(bytes, at.saturating_add(16)),
            copies,
        };
        let start = geometry.group_start(group);
        let inside =
            start.saturating_add(copies)..start.saturating_add(geometry.group_blocks(group));
        let end = new.inode_table.checked_add(geometry.table_blocks());
        let fits = inside.contains(&new.block_bitmap)
            && inside.contains(&new.inode_bitmap)
            && inside.contains(&new.inode_table)
            && end.is_some_and(|end| end <= inside.end)
            && new.block_bitmap != new.inode_bitmap
            && end.is_some_and(|end| {
                let table = new.inode_table..end;
                !table.contains(&new.block_bitmap) && !table.contains(&new.inode_bitmap)
            });
        let (block, _) = descriptor_place(geometry, group);
        if fits {
            Ok(new)
        } else {
            Err(Error::block(
                block,
                "a group descriptor points outside its group",
            ))
        }
    }
}

impl Volume<'_> {
    /// Reads and checks all descriptors: at the mount.
    pub fn load_groups(&mut self) -> Result<()> {
        let geometry = self.state.geometry;
        let mut groups = Vec::new();
        groups
            .try_reserve_exact(geometry.groups as usize)
            .map_err(|_| Error::NoMemory)?;
        for group in 0..geometry.groups {
            let (block, at) = descriptor_place(&geometry, group);
            self.load(block, Kind::Descriptors)?;
            let bytes = self.state.cache.bytes(block);
            groups.push(Group::new(
                bytes,
                at,
                group,
                &geometry,
                &self.state.superblock,
            )?);
        }
        self.state.groups = groups;
        Ok(())
    }

    /// The group that the geometry says is there.
    pub fn group(&self, group: u32) -> Result<Group> {
        self.state
            .groups
            .get(group as usize)
            .copied()
            .ok_or(Error::block(0, "there is no such group"))
    }

    /// Changes a count of a group and the total. The descriptor's block should be in the cache.
    pub fn count(&mut self, group: u32, which: Count, change: i32) -> Result<()> {
        let (block, at) = descriptor_place(&self.state.geometry, group);
        let bytes = self.edit(block, Kind::Descriptors)?;
        let at = at.saturating_add(match which {
            Count::Blocks => 12,
            Count::Inodes => 14,
            Count::Directories => 16,
        });
        let value = i32::from(u16_at(bytes, at)).saturating_add(change);
        let value = value.clamp(0, i32::from(u16::MAX)) as u16;
        put_u16(bytes, at, value);
        if let Some(group) = self.state.groups.get_mut(group as usize) {
            *match which {
                Count::Blocks => &mut group.free_blocks,
                Count::Inodes => &mut group.free_inodes,
                Count::Directories => &mut group.directories,
            } = value;
        }
        match which {
            Count::Blocks => self.state.superblock.count_blocks(change),
            Count::Inodes => self.state.superblock.count_inodes(change),
            Count::Directories => {}
        }
        Ok(())
    }

    /// How many blocks from this one on files may have, up to `most`.
    pub fn file_blocks(&self, block: u32, most: u32) -> u32 {
        let geometry = &self.state.geometry;
        let mut count = 0u32;
        while count < most {
            let next = block.checked_add(count);
            let place = next.and_then(|next| geometry.block_place(next));
            let Some((group, bit)) = place else { break };
            let own = self.state.groups.get(group as usize);
            let left = most
                .saturating_sub(count)
                .min(geometry.blocks.saturating_sub(block).saturating_sub(count));
            let good = own.map_or(0, |own| own.free_of_own(geometry, (group, bit), left));
            if good == 0 {
                break;
            }
            count = count.saturating_add(good);
        }
        count
    }

    /// A block that files may have: it is on the disk and not the file system's own.
    pub fn is_file_block(&self, block: u32) -> bool {
        let geometry = &self.state.geometry;
        geometry.block_place(block).is_some_and(|(group, bit)| {
            self.state
                .groups
                .get(group as usize)
                .is_some_and(|own| !own.owns(geometry, group, bit))
        })
    }
}
