//! Inodes: their fields on the disk.
//!
//! Owns: the layout of an inode and what its numbers may be. Does not own: which inodes are free (`bitmap`), the
//! tree of blocks (`block_map`), what callers see (`attributes`).
//!
//! There is no cache of inodes beside the cache of blocks: an inode is read out of its block, changed, and put back.

use crate::attributes::{Attributes, DeviceNumber, InodeNumber, Kind};
use crate::bytes::{put_u16, put_u32, u16_at, u32_at};
use crate::cache;
use crate::error::{Error, Result};
use crate::volume::Volume;
use abi::stat::Timespec;

/// The pointer words: twelve to data, then to one, two and three levels of indirect blocks.
pub(crate) const POINTERS: usize = 15;
/// Pointers to data.
pub(crate) const DIRECT: usize = 12;
/// Bytes of text that the pointer words hold in a short symbolic link.
pub(crate) const SHORT_LINK: usize = 60;
/// Where the pointer words are in an inode.
pub(crate) const MAP_AT: usize = 40;

const MODE: usize = 0;
const UID: usize = 2;
const SIZE: usize = 4;
const ATIME: usize = 8;
const CTIME: usize = 12;
const MTIME: usize = 16;
const DTIME: usize = 20;
const GID: usize = 24;
const LINKS: usize = 26;
const BLOCKS: usize = 28;
const FLAGS: usize = 32;
const GENERATION: usize = 100;
const ATTRIBUTE_BLOCK: usize = 104;
const SIZE_HIGH: usize = 108;
const UID_HIGH: usize = 120;
const GID_HIGH: usize = 122;
const EXTRA_SIZE: usize = 128;
const CTIME_EXTRA: usize = 132;
const MTIME_EXTRA: usize = 136;
const ATIME_EXTRA: usize = 140;

/// Bytes beyond the first 128 that this file system gives an inode where there is room.
const EXTRA: u16 = 32;
/// The bytes beyond the first 128 that hold the three times' fractions.
const EXTRA_TIMES: u16 = 16;

/// A directory with a hash tree: the flag goes when the directory changes.
pub(crate) const INDEXED: u32 = 0x1000;
/// Compressed, encrypted, in extents, in the inode itself: none of it can be here.
const UNKNOWN_FLAGS: u32 = 0x0000_0004 | 0x0000_0800 | 0x0008_0000 | 0x1000_0000;

/// An inode's fields.
#[derive(Clone, Debug)]
pub(crate) struct Inode {
    pub number: InodeNumber,
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub links: u16,
    pub size: u64,
    /// Units of 512 bytes.
    pub blocks: u32,
    pub flags: u32,
    pub atime: Timespec,
    pub mtime: Timespec,
    pub ctime: Timespec,
    /// When it was deleted, in seconds.
    pub dtime: u32,
    pub generation: u32,
    pub attribute_block: u32,
    pub map: [u32; POINTERS],
}

/// A time from its seconds and, where the inode has it, its word of two more bits of seconds and nanoseconds.
fn time(low: u32, extra: u32) -> Timespec {
    Timespec {
        sec: i64::from(low as i32).saturating_add(i64::from(extra & 3) << 32),
        nsec: i64::from((extra >> 2).min(999_999_999)),
    }
}

/// The two words of a time; the first one alone is what an inode of 128 bytes keeps.
fn time_words(time: Timespec) -> (u32, u32) {
    let low = time.sec as i32;
    let epoch = (time.sec.wrapping_sub(i64::from(low)) >> 32) as u32 & 3;
    let fraction = time.nsec.clamp(0, 999_999_999) as u32;
    (low as u32, epoch | fraction << 2)
}

impl Inode {
    /// A new one without names, blocks or bytes.
    pub fn new(number: InodeNumber, mode: u16, now: Timespec) -> Self {
        Inode {
            number,
            mode,
            uid: 0,
            gid: 0,
            links: 0,
            size: 0,
            blocks: 0,
            flags: 0,
            atime: now,
            mtime: now,
            ctime: now,
            dtime: 0,
            generation: 0,
            attribute_block: 0,
            map: [0; POINTERS],
        }
    }

    /// Reads the fields from an inode's bytes.
    pub fn decode(number: InodeNumber, bytes: &[u8]) -> Self {
        let half = |at| u32::from(u16_at(bytes, at));
        let mode = u16_at(bytes, MODE);
        let mut size = u64::from(u32_at(bytes, SIZE));
        if Kind::of_mode(mode) == Some(Kind::File) {
            size |= u64::from(u32_at(bytes, SIZE_HIGH)) << 32;
        }
        let extra = |at| match bytes.len() > EXTRA_SIZE && u16_at(bytes, EXTRA_SIZE) >= EXTRA_TIMES
        {
            true => u32_at(bytes, at),
            false => 0,
        };
        let mut map = [0; POINTERS];
        for (index, pointer) in map.iter_mut().enumerate() {
            *pointer = u32_at(bytes, index.saturating_mul(4).saturating_add(MAP_AT));
        }
        Inode {
            number,
            mode,
            uid: half(UID) | half(UID_HIGH) << 16,
            gid: half(GID) | half(GID_HIGH) << 16,
            links: u16_at(bytes, LINKS),
            size,
            blocks: u32_at(bytes, BLOCKS),
            flags: u32_at(bytes, FLAGS),
            atime: time(u32_at(bytes, ATIME), extra(ATIME_EXTRA)),
            mtime: time(u32_at(bytes, MTIME), extra(MTIME_EXTRA)),
            ctime: time(u32_at(bytes, CTIME), extra(CTIME_EXTRA)),
            dtime: u32_at(bytes, DTIME),
            generation: u32_at(bytes, GENERATION),
            attribute_block: u32_at(bytes, ATTRIBUTE_BLOCK),
            map,
        }
    }

    /// Puts the fields into an inode's bytes; the bytes between them stay.
    pub fn encode(&self, bytes: &mut [u8]) {
        put_u16(bytes, MODE, self.mode);
        put_u16(bytes, UID, self.uid as u16);
        put_u16(bytes, UID_HIGH, (self.uid >> 16) as u16);
        put_u16(bytes, GID, self.gid as u16);
        put_u16(bytes, GID_HIGH, (self.gid >> 16) as u16);
        put_u32(bytes, SIZE, self.size as u32);
        if Kind::of_mode(self.mode) == Some(Kind::File) {
            put_u32(bytes, SIZE_HIGH, (self.size >> 32) as u32);
        }
        let has_extra = bytes.len() > EXTRA_SIZE && u16_at(bytes, EXTRA_SIZE) >= EXTRA_TIMES;
        for (time, at, extra_at) in [
            (self.atime, ATIME, ATIME_EXTRA),
            (self.mtime, MTIME, MTIME_EXTRA),
            (self.ctime, CTIME, CTIME_EXTRA),
        ] {
            let (low, extra) = time_words(time);
            put_u32(bytes, at, low);
            if has_extra {
                put_u32(bytes, extra_at, extra);
            }
        }
        put_u32(bytes, DTIME, self.dtime);
        put_u16(bytes, LINKS, self.links);
        put_u32(bytes, BLOCKS, self.blocks);
        put_u32(bytes, FLAGS, self.flags);
        put_u32(bytes, GENERATION, self.generation);
        put_u32(bytes, ATTRIBUTE_BLOCK, self.attribute_block);
        for (index, pointer) in self.map.iter().enumerate() {
            put_u32(
                bytes,
                index.saturating_mul(4).saturating_add(MAP_AT),
                *pointer,
            );
        }
    }

    /// What it is; `None` in a free inode.
    pub fn kind(&self) -> Option<Kind> {
        Kind::of_mode(self.mode)
    }

    /// The device of a device node.
    pub fn device(&self) -> DeviceNumber {
        let [old, new, ..] = self.map;
        if !matches!(self.kind(), Some(Kind::Character | Kind::Block)) {
            DeviceNumber { major: 0, minor: 0 }
        } else if old != 0 {
            DeviceNumber {
                major: old >> 8 & 0xff,
                minor: old & 0xff,
            }
        } else {
            DeviceNumber {
                major: new >> 8 & 0xfff,
                minor: new & 0xff | new >> 12 & 0xf_ff00,
            }
        }
    }

    /// Makes a device node's numbers: 8 bits each in the old word where they fit, else in the new one.
    pub fn set_device(&mut self, device: DeviceNumber) {
        let DeviceNumber { major, minor } = device;
        let [old, new, ..] = &mut self.map;
        if major < 256 && minor < 256 {
            *old = major << 8 | minor;
        } else {
            *new = minor & 0xff | (major & 0xfff) << 8 | (minor & 0xf_ff00) << 12;
        }
    }

    /// What callers see.
    pub fn attributes(&self, kind: Kind) -> Attributes {
        Attributes {
            inode: self.number,
            kind,
            permissions: self.mode & 0o7777,
            uid: self.uid,
            gid: self.gid,
            size: self.size,
            links: self.links,
            blocks: u64::from(self.blocks),
            atime: self.atime,
            mtime: self.mtime,
            ctime: self.ctime,
            device: self.device(),
            generation: self.generation,
        }
    }
}

impl Volume<'_> {
    /// The block of an inode and the byte in it.
    fn inode_at(&self, number: InodeNumber) -> Result<(u32, usize)> {
        let geometry = &self.state.geometry;
        let outside = Error::inode(number, "there is no such inode");
        let (group, bit) = geometry.inode_place(number.0).ok_or(outside)?;
        let per_block = geometry.inodes_per_block();
        let block = self
            .group(group)?
            .inode_table
            .saturating_add(bit / per_block);
        Ok((block, (bit % per_block) as usize * geometry.inode_size))
    }

    /// An inode's fields, whatever they are.
    pub fn raw_inode(&mut self, number: InodeNumber) -> Result<Inode> {
        let (block, at) = self.inode_at(number)?;
        let size = self.state.geometry.inode_size;
        let bytes = self.look(block, cache::Kind::Inodes)?;
        Ok(Inode::decode(
            number,
            bytes.get(at..at.saturating_add(size)).unwrap_or(&[]),
        ))
    }

    /// An inode that is in use, its numbers checked, and its kind.
    pub fn inode(&mut self, number: InodeNumber) -> Result<(Inode, Kind)> {
        let inode = self.raw_inode(number)?;
        let reserved = number.0 < self.state.geometry.first_inode && number != InodeNumber::ROOT;
        if inode.links == 0 && !self.state.orphans.contains(&number) || reserved {
            return Err(Error::Stale(number));
        }
        let kind = match inode.kind() {
            Some(kind) if inode.flags & UNKNOWN_FLAGS == 0 => kind,
            _ => return Err(self.damaged(Error::inode(number, "an inode is of no known kind"))),
        };
        let largest = match kind {
            Kind::Directory => self
                .state
                .geometry
                .bytes(u64::from(self.state.geometry.blocks)),
            _ => self.largest_file(),
        };
        let whole = inode
            .size
            .is_multiple_of(self.state.geometry.block_size as u64);
        if inode.size > largest || kind == Kind::Directory && !whole {
            return Err(self.damaged(Error::inode(number, "an inode's size is wrong")));
        }
        Ok((inode, kind))
    }

    /// An inode that must be a directory.
    pub fn directory(&mut self, number: InodeNumber) -> Result<Inode> {
        match self.inode(number)? {
            (inode, Kind::Directory) => Ok(inode),
            _ => Err(Error::NotDirectory),
        }
    }

    /// Puts an inode's fields back.
    pub fn put_inode(&mut self, inode: &Inode) -> Result<()> {
        let (block, at) = self.inode_at(inode.number)?;
        let size = self.state.geometry.inode_size;
        let bytes = self.edit(block, cache::Kind::Inodes)?;
        if let Some(bytes) = bytes.get_mut(at..at.saturating_add(size)) {
            inode.encode(bytes);
        }
        Ok(())
    }

    /// Puts a new inode: what the bytes held before is gone, but for the generation, which is one more.
    pub fn put_new_inode(&mut self, inode: &mut Inode) -> Result<()> {
        let old = self.raw_inode(inode.number)?;
        let (block, at) = self.inode_at(inode.number)?;
        let size = self.state.geometry.inode_size;
        let bytes = self.edit(block, cache::Kind::Inodes)?;
        if let Some(bytes) = bytes.get_mut(at..at.saturating_add(size)) {
            bytes.fill(0);
            if size >= EXTRA_SIZE.saturating_add(usize::from(EXTRA)) {
                put_u16(bytes, EXTRA_SIZE, EXTRA);
            }
            inode.generation = old.generation.wrapping_add(1);
            inode.encode(bytes);
        }
        Ok(())
    }
}

/// For a block of inodes on its way to the disk: the pointers to data of the regular files in it.
pub(crate) fn for_each_pointer(
    bytes: &mut [u8],
    inode_size: usize,
    mut visit: impl FnMut(&mut [u8]),
) {
    for inode in bytes.chunks_exact_mut(inode_size) {
        if Kind::of_mode(u16_at(inode, MODE)) != Some(Kind::File) {
            continue;
        }
        let end = DIRECT.saturating_mul(4).saturating_add(MAP_AT);
        for pointer in inode
            .get_mut(MAP_AT..end)
            .unwrap_or(&mut [])
            .chunks_exact_mut(4)
        {
            visit(pointer);
        }
    }
}
