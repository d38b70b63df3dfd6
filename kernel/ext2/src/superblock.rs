//! The superblock: what the file system's maker decided, and the counts.
//!
//! Owns: the superblock's bytes, which features are known, the checks of its numbers. Does not own: the group
//! descriptors (`group`), when it is written (`order`).
//! Source: the layout that `mke2fs` of e2fsprogs writes for `-t ext2`, revision 1.

use crate::bytes::{put_u16, put_u32, u16_at, u32_at};
use crate::error::{Error, Result};

/// Where it is on the disk, and how long it is.
pub(crate) const AT: u64 = 1024;
pub(crate) const LENGTH: usize = 1024;

const MAGIC: u16 = 0xef53;
const INODES: usize = 0x00;
const BLOCKS: usize = 0x04;
const RESERVED: usize = 0x08;
const FREE_BLOCKS: usize = 0x0c;
const FREE_INODES: usize = 0x10;
const FIRST_DATA_BLOCK: usize = 0x14;
const LOG_BLOCK_SIZE: usize = 0x18;
const BLOCKS_PER_GROUP: usize = 0x20;
const INODES_PER_GROUP: usize = 0x28;
const MOUNT_TIME: usize = 0x2c;
const WRITE_TIME: usize = 0x30;
const MOUNTS: usize = 0x34;
const MAGIC_AT: usize = 0x38;
const STATE: usize = 0x3a;
const REVISION: usize = 0x4c;
const FIRST_INODE: usize = 0x54;
const INODE_SIZE: usize = 0x58;
const INCOMPATIBLE: usize = 0x60;
const READ_ONLY: usize = 0x64;

/// Unmounted in order, and no error was met.
const VALID: u16 = 1;
/// An error was met.
const ERRORS: u16 = 2;

/// Incompatible features: directory records say the kind. It is needed.
const FILETYPE: u32 = 2;
/// Features that only writers have to know: copies of the superblock in few groups; sizes from 2 GiB.
const SPARSE_SUPER: u32 = 1;
const LARGE_FILE: u32 = 2;

/// The numbers that stay, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// 1024, 2048 or 4096.
    pub block_size: usize,
    /// Blocks of the disk; the last one's number is one less.
    pub blocks: u32,
    pub first_data_block: u32,
    /// At most 8 × `block_size`, so that a group's bitmap is one block.
    pub blocks_per_group: u32,
    pub inodes: u32,
    /// At most 8 × `block_size`.
    pub inodes_per_group: u32,
    /// Bytes of an inode: a power of two from 128 to `block_size`.
    pub inode_size: usize,
    /// The first inode that a file may have.
    pub first_inode: u32,
    pub groups: u32,
}

impl Geometry {
    /// Bytes of `count` blocks, or the place of block `count`.
    pub fn bytes(&self, count: u64) -> u64 {
        count.saturating_mul(self.block_size as u64)
    }

    /// Pointers in a block.
    pub fn pointers(&self) -> u64 {
        (self.block_size / 4) as u64
    }

    /// Inodes in a block.
    pub fn inodes_per_block(&self) -> u32 {
        (self.block_size / self.inode_size) as u32
    }

    /// The first block of a group.
    pub fn group_start(&self, group: u32) -> u32 {
        self.first_data_block
            .saturating_add(group.saturating_mul(self.blocks_per_group))
    }

    /// Blocks in a group: the last one may be short.
    pub fn group_blocks(&self, group: u32) -> u32 {
        self.blocks
            .saturating_sub(self.group_start(group))
            .min(self.blocks_per_group)
    }

    /// A block's group and its bit in that group's bitmap, or `None` outside.
    pub fn block_place(&self, block: u32) -> Option<(u32, u32)> {
        let from_first = block.checked_sub(self.first_data_block)?;
        (block < self.blocks).then_some((
            from_first / self.blocks_per_group,
            from_first % self.blocks_per_group,
        ))
    }

    /// An inode's group and its bit in that group's bitmap, or `None` outside.
    pub fn inode_place(&self, inode: u32) -> Option<(u32, u32)> {
        let from_first = inode.checked_sub(1)?;
        (inode <= self.inodes).then_some((
            from_first / self.inodes_per_group,
            from_first % self.inodes_per_group,
        ))
    }

    /// Blocks of a group's inode table.
    pub fn table_blocks(&self) -> u32 {
        self.inodes_per_group.div_ceil(self.inodes_per_block())
    }
}

/// The superblock's bytes, and whether they differ from the disk's.
pub(crate) struct Superblock {
    pub bytes: [u8; LENGTH],
    pub dirty: bool,
    /// It said on the disk that it was unmounted in order, before this mount.
    pub was_valid: bool,
}

impl Superblock {
    /// Takes the bytes from the disk and checks every number that others rely on.
    pub fn new(bytes: [u8; LENGTH]) -> Result<(Self, Geometry)> {
        let word = |at| u32_at(&bytes, at);
        if u16_at(&bytes, MAGIC_AT) != MAGIC {
            return Err(Error::NotExt2("the superblock's magic number is wrong"));
        }
        if word(REVISION) != 1 {
            return Err(Error::NotExt2("its revision is not 1"));
        }
        let unknown = word(INCOMPATIBLE) & !FILETYPE;
        if unknown != 0 {
            return Err(Error::Unsupported(unknown));
        }
        if word(INCOMPATIBLE) & FILETYPE == 0 {
            return Err(Error::NotExt2(
                "its directories do not say the kinds of inodes",
            ));
        }
        let log = word(LOG_BLOCK_SIZE);
        if log > 2 {
            return Err(Error::NotExt2("its blocks are larger than 4096 bytes"));
        }
        let block_size = 1024usize << log;
        let bits = (block_size as u32) << 3;
        let geometry = Geometry {
            block_size,
            blocks: word(BLOCKS),
            first_data_block: word(FIRST_DATA_BLOCK),
            blocks_per_group: word(BLOCKS_PER_GROUP),
            inodes: word(INODES),
            inodes_per_group: word(INODES_PER_GROUP),
            inode_size: usize::from(u16_at(&bytes, INODE_SIZE)),
            first_inode: word(FIRST_INODE),
            groups: 0,
        };
        let corrupt = |what| Error::block(1, what);
        if geometry.first_data_block != u32::from(block_size == 1024)
            || geometry.blocks <= geometry.first_data_block
        {
            return Err(corrupt("the superblock's count of blocks is wrong"));
        }
        if !(8..=bits).contains(&geometry.blocks_per_group) {
            return Err(corrupt("the superblock's blocks per group are wrong"));
        }
        let size = geometry.inode_size;
        if !size.is_power_of_two() || !(128..=block_size).contains(&size) {
            return Err(corrupt("the superblock's size of an inode is wrong"));
        }
        if !(1..=bits).contains(&geometry.inodes_per_group)
            || !geometry
                .inodes_per_group
                .is_multiple_of(geometry.inodes_per_block())
        {
            return Err(corrupt("the superblock's inodes per group are wrong"));
        }
        let groups =
            (geometry.blocks - geometry.first_data_block).div_ceil(geometry.blocks_per_group);
        if groups.checked_mul(geometry.inodes_per_group) != Some(geometry.inodes) {
            return Err(corrupt("the superblock's count of inodes is wrong"));
        }
        if !(11..=geometry.inodes).contains(&geometry.first_inode) {
            return Err(corrupt("the superblock's first inode is wrong"));
        }
        let was_valid = u16_at(&bytes, STATE) & (VALID | ERRORS) == VALID;
        let superblock = Superblock {
            bytes,
            dirty: false,
            was_valid,
        };
        Ok((superblock, Geometry { groups, ..geometry }))
    }

    /// Whether every feature that writers must know is known; the unknown bits if not.
    pub fn may_write(&self) -> Result<()> {
        match u32_at(&self.bytes, READ_ONLY) & !(SPARSE_SUPER | LARGE_FILE) {
            0 => Ok(()),
            unknown => Err(Error::Unsupported(unknown)),
        }
    }

    /// Whether `group` has a copy of the superblock and the descriptors.
    pub fn has_copy(&self, group: u32) -> bool {
        if group <= 1 || u32_at(&self.bytes, READ_ONLY) & SPARSE_SUPER == 0 {
            return true;
        }
        [3u32, 5, 7].into_iter().any(|base| {
            let mut rest = group;
            while rest.is_multiple_of(base) {
                rest /= base;
            }
            rest == 1
        })
    }

    /// It is in use from now on: without the mark of an orderly end.
    pub fn begin(&mut self, now: u32) {
        let state = u16_at(&self.bytes, STATE) & !VALID;
        put_u16(&mut self.bytes, STATE, state);
        let mounts = u16_at(&self.bytes, MOUNTS).saturating_add(1);
        put_u16(&mut self.bytes, MOUNTS, mounts);
        put_u32(&mut self.bytes, MOUNT_TIME, now);
        self.dirty = true;
    }

    /// The mark of an orderly end, where it was there at the mount and nothing wrong was met since.
    pub fn end(&mut self, now: u32, found: Found) {
        let mut state = u16_at(&self.bytes, STATE);
        match found {
            Found::Damage => state |= ERRORS,
            Found::Nothing if self.was_valid => state |= VALID,
            Found::Nothing => {}
        }
        put_u16(&mut self.bytes, STATE, state);
        put_u32(&mut self.bytes, WRITE_TIME, now);
        self.dirty = true;
    }

    /// A file of 2 GiB or more is there.
    pub fn note_large_file(&mut self) {
        let features = u32_at(&self.bytes, READ_ONLY);
        if features & LARGE_FILE == 0 {
            put_u32(&mut self.bytes, READ_ONLY, features | LARGE_FILE);
            self.dirty = true;
        }
    }

    pub fn free_blocks(&self) -> u32 {
        u32_at(&self.bytes, FREE_BLOCKS)
    }

    pub fn free_inodes(&self) -> u32 {
        u32_at(&self.bytes, FREE_INODES)
    }

    pub fn reserved_blocks(&self) -> u32 {
        u32_at(&self.bytes, RESERVED)
    }

    pub fn count_blocks(&mut self, change: i32) {
        let free = self.free_blocks().saturating_add_signed(change);
        put_u32(&mut self.bytes, FREE_BLOCKS, free);
        self.dirty = true;
    }

    pub fn count_inodes(&mut self, change: i32) {
        let free = self.free_inodes().saturating_add_signed(change);
        put_u32(&mut self.bytes, FREE_INODES, free);
        self.dirty = true;
    }
}

/// Whether something wrong was met since the mount.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Damage,
}
