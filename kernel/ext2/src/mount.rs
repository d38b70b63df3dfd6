//! The mounted file system as its users see it.
//!
//! Owns: the lock, mounting and unmounting, the public operations. Does not own: what they do (the modules by their
//! names).
//!
//! One sleeping lock is held for the whole of an operation, disk transfers included. The bytes of files do not come
//! this way, so what waits behind a transfer is other people's names and maps.

use crate::attributes::{Attributes, Changes, InodeNumber, Statistics};
use crate::cache::Cache;
use crate::create::{MOST_LINKED, New};
use crate::directory::{Cookie, Entry, MAXIMUM_NAME};
use crate::disk::Disk;
use crate::error::{Error, Result, Transfer};
use crate::freed::Freed;
use crate::map::{Allocate, Run};
use crate::remove::Unlinked;
use crate::rename::Name;
use crate::superblock::{self, Found, Superblock};
use crate::unwritten::Unwritten;
use crate::volume::{Access, State, Volume};
use abi::stat::Timespec;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use sync::{Platform, Rank, SleepRwLock};

/// The file system's lock: after the names of the layer above, before what a disk waits with.
pub struct Ext2Rank;
impl Rank for Ext2Rank {
    const RANK: u8 = 6;
    const NAME: &'static str = "ext2";
}

/// How a mount is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// What it may do.
    pub access: Access,
    /// Blocks that the cache holds; at least 32.
    pub cache_blocks: u32,
    /// The time of the mount.
    pub now: Timespec,
}

/// In which state the file system was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// It was unmounted in order.
    Clean,
    /// It was not, or errors were met: `e2fsck` should look at it before it is written to.
    NeedsCheck,
}

/// A mounted file system on disk `D`.
///
/// Every operation may sleep, takes the lock of [`Ext2Rank`], and returns [`Error::Device`] or [`Error::Corrupt`]
/// where the disk fails or lies, [`Error::ReadOnly`] where it would write and may not.
pub struct Ext2<D, P> {
    disk: D,
    state: SleepRwLock<P, Ext2Rank, State>,
    condition: Condition,
}

impl<D: Disk, P: Platform> Ext2<D, P> {
    /// Mounts what is on `disk`. A file system with features that only readers may ignore is mounted for reading
    /// whatever was asked for: [`Ext2::access`] says so.
    ///
    /// # Errors
    /// There is no ext2 of revision 1, it has features that are not known, its numbers are wrong; no memory.
    pub fn mount(disk: D, options: Options) -> Result<Self> {
        let mut bytes = [0; superblock::LENGTH];
        disk.read(superblock::AT, &mut bytes)
            .map_err(|_| Error::Device {
                transfer: Transfer::Read,
                block: 0,
            })?;
        let (superblock, geometry) = Superblock::new(bytes)?;
        let access = match superblock.may_write() {
            Ok(()) => options.access,
            Err(_) => Access::ReadOnly,
        };
        let condition = if superblock.was_valid {
            Condition::Clean
        } else {
            Condition::NeedsCheck
        };
        let mut scratch = Vec::new();
        let mut linked = Vec::new();
        scratch
            .try_reserve_exact(geometry.block_size)
            .and_then(|()| linked.try_reserve_exact(MOST_LINKED))
            .map_err(|_| Error::NoMemory)?;
        scratch.resize(geometry.block_size, 0);
        let mut state = State {
            geometry,
            superblock,
            groups: Vec::new(),
            cache: Cache::new(geometry.block_size, options.cache_blocks)?,
            unwritten: Unwritten::default(),
            freed: Freed::new()?,
            linked,
            orphans: Vec::new(),
            access,
            found: Found::Nothing,
            scratch,
        };
        let mut volume = Volume {
            disk: &disk,
            state: &mut state,
        };
        volume.load_groups()?;
        volume.directory(InodeNumber::ROOT)?;
        if access == Access::ReadWrite {
            volume.state.superblock.begin(seconds(options.now));
            volume.flush()?;
        }
        Ok(Ext2 {
            disk,
            state: SleepRwLock::new(state),
            condition,
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Volume<'_>) -> T) -> T {
        let mut state = self.state.write();
        work(&mut Volume {
            disk: &self.disk,
            state: &mut state,
        })
    }

    /// The disk below.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// What the mount may do.
    pub fn access(&self) -> Access {
        self.with(|volume| volume.state.access)
    }

    /// In which state it was found.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// Blocks and inodes, all and free.
    pub fn statistics(&self) -> Statistics {
        self.with(|volume| volume.statistics())
    }

    /// An inode's attributes. A number that is free is [`Error::Stale`].
    pub fn attributes(&self, inode: InodeNumber) -> Result<Attributes> {
        self.with(|volume| {
            let (inode, kind) = volume.inode(inode)?;
            Ok(inode.attributes(kind))
        })
    }

    /// Changes attributes.
    pub fn set_attributes(&self, inode: InodeNumber, changes: &Changes) -> Result<Attributes> {
        self.with(|volume| {
            volume.begin()?;
            let (mut inode, kind) = volume.inode(inode)?;
            let permissions = changes
                .permissions
                .map(|bits| inode.mode & !0o7777 | bits & 0o7777);
            inode.mode = permissions.unwrap_or(inode.mode);
            inode.uid = changes.uid.unwrap_or(inode.uid);
            inode.gid = changes.gid.unwrap_or(inode.gid);
            inode.atime = changes.atime.unwrap_or(inode.atime);
            inode.mtime = changes.mtime.unwrap_or(inode.mtime);
            inode.ctime = changes.ctime.unwrap_or(inode.ctime);
            volume.put_inode(&inode)?;
            Ok(inode.attributes(kind))
        })
    }

    /// What a name in a directory names; `.` and `..` are names.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotDirectory`], [`Error::NameTooLong`].
    pub fn lookup(&self, directory: InodeNumber, name: &[u8]) -> Result<Attributes> {
        self.with(|volume| {
            let directory = volume.directory(directory)?;
            let named = volume.find(&directory, name)?;
            let (inode, kind) = volume.inode(named.inode)?;
            Ok(inode.attributes(kind))
        })
    }

    /// Calls `visit` for each name of a directory from `from` on, `.` and `..` too, until it breaks. The lock is
    /// held meanwhile: `visit` calls nothing here and touches no memory that may fault.
    pub fn list(
        &self,
        directory: InodeNumber,
        from: Cookie,
        mut visit: impl FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.with(|volume| volume.list(directory, from, &mut visit))
    }

    /// A symbolic link's text, as much as fits into `into`.
    ///
    /// # Errors
    /// [`Error::Invalid`]: it is no symbolic link.
    pub fn readlink<'a>(&self, inode: InodeNumber, into: &'a mut [u8]) -> Result<&'a [u8]> {
        let length = self.with(|volume| volume.read_link(inode, into))?;
        Ok(into.get(..length).unwrap_or(&[]))
    }

    /// Where a file's bytes are on the disk: fills `runs` with whole blocks, in order and without gaps, from the
    /// block of byte `at` to that of the last of `bytes` bytes or of the file's last byte. It may stop early, when
    /// `runs` is full or the disk gets full after the first run; then ask again from where it stopped. Empty at the
    /// file's end.
    ///
    /// With [`Allocate::Yes`] holes get blocks, whose bytes are whatever the disk had: the caller writes the whole of
    /// each block, then says so by [`Ext2::written`]. Until then a flush leaves the new names off the disk, so that no
    /// cut shows old bytes; if the write fails, it is not reported.
    ///
    /// A run is good until the file is truncated or released; the caller keeps these apart from its transfers.
    ///
    /// # Errors
    /// [`Error::NoSpace`]; [`Error::NoMemory`]; [`Error::Invalid`], [`Error::IsDirectory`]: it is no file.
    pub fn map<'a>(
        &self,
        inode: InodeNumber,
        at: u64,
        bytes: u64,
        allocate: Allocate,
        runs: &'a mut [Run],
    ) -> Result<&'a [Run]> {
        let used = self.with(|volume| volume.map(inode, at, bytes, allocate, runs))?;
        Ok(runs.get(..used).unwrap_or(&[]))
    }

    /// The caller has written the blocks of a file that lie wholly in these bytes (rounded up to whole blocks at
    /// the file's end).
    pub fn written(&self, inode: InodeNumber, at: u64, bytes: u64) {
        self.with(|volume| {
            let size = volume.state.geometry.block_size as u64;
            let end = at.saturating_add(bytes).div_ceil(size);
            volume.state.unwritten.cut(inode, at.div_ceil(size), end);
        });
    }

    /// Makes an inode with a name.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NoSpace`], [`Error::TooManyLinks`]; [`Error::Invalid`], [`Error::NameTooLong`] for
    /// the name or a link's text; [`Error::NotFound`]: the directory itself was removed.
    pub fn create(
        &self,
        directory: InodeNumber,
        name: &[u8],
        new: &New<'_>,
        now: Timespec,
    ) -> Result<Attributes> {
        self.with(|volume| volume.create(directory, name, new, now))
    }

    /// Gives an inode one more name.
    ///
    /// # Errors
    /// As [`Ext2::create`]; [`Error::IsDirectory`]: directories have one name.
    pub fn link(
        &self,
        inode: InodeNumber,
        directory: InodeNumber,
        name: &[u8],
        now: Timespec,
    ) -> Result<()> {
        self.with(|volume| volume.link(inode, directory, name, now))
    }

    /// Takes a name away. An inode that has none left is kept until [`Ext2::release`].
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::IsDirectory`].
    pub fn unlink(&self, directory: InodeNumber, name: &[u8], now: Timespec) -> Result<Unlinked> {
        self.with(|volume| volume.unlink(directory, name, now))
    }

    /// Takes an empty directory's name away. It is kept until [`Ext2::release`].
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotDirectory`], [`Error::NotEmpty`].
    pub fn rmdir(&self, directory: InodeNumber, name: &[u8], now: Timespec) -> Result<Unlinked> {
        self.with(|volume| volume.rmdir(directory, name, now))
    }

    /// Gives what is named `from` the name `to`. What had that name loses it and is returned. At every power cut one
    /// of the two names is there.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::IsDirectory`], [`Error::NotDirectory`], [`Error::NotEmpty`] for what had the
    /// name; [`Error::Invalid`]: a directory would get below itself; as [`Ext2::create`] for the new name.
    pub fn rename(&self, from: Name<'_>, to: Name<'_>, now: Timespec) -> Result<Option<Unlinked>> {
        self.with(|volume| volume.rename(from, to, now))
    }

    /// Makes a file `size` bytes long: frees whole blocks beyond it, or adds a hole. The bytes after the new end in
    /// the last block are the caller's to make zeros.
    ///
    /// # Errors
    /// [`Error::TooLarge`]. If the disk fails while blocks are freed, the file keeps its size and has holes at its end.
    pub fn truncate(&self, inode: InodeNumber, size: u64, now: Timespec) -> Result<()> {
        self.with(|volume| volume.truncate(inode, size, now))
    }

    /// The last user of an inode is gone: frees it if it has no name, else does nothing.
    ///
    /// # Errors
    /// The disk failed: call it again.
    pub fn release(&self, inode: InodeNumber, now: Timespec) -> Result<()> {
        self.with(|volume| volume.release(inode, now))
    }

    /// Returns when a file's bytes that were reported as written, its size, its attributes and its names survive a
    /// power cut. Bytes of new blocks that were not reported are zeros then: the caller has written the file's dirty
    /// pages and said so. Other files' names and attributes are as safe afterwards.
    ///
    /// # Errors
    /// A block of the file system could not be written, be it another file's: nothing is promised. What is dirty
    /// stays so, and the next sync tries again.
    pub fn sync(&self, inode: InodeNumber) -> Result<()> {
        self.with(|volume| {
            volume.inode(inode)?;
            volume.flush()
        })
    }

    /// The same for all files.
    pub fn sync_all(&self) -> Result<()> {
        self.with(|volume| volume.flush())
    }

    /// Ends the mount: releases what has no name, writes everything and marks the file system clean, if it was found
    /// clean and nothing wrong was met. After it the mount can only read. The caller has written all dirty pages; new
    /// blocks that were not reported as written keep what the disk has there.
    ///
    /// # Errors
    /// Something could not be written; the mount goes on, and the mark is not on the disk.
    pub fn unmount(&self, now: Timespec) -> Result<()> {
        self.with(|volume| volume.unmount(now))
    }
}

/// A time in the superblock's seconds.
fn seconds(time: Timespec) -> u32 {
    u32::try_from(time.sec).unwrap_or(0)
}

impl Volume<'_> {
    fn statistics(&self) -> Statistics {
        let geometry = &self.state.geometry;
        let superblock = &self.state.superblock;
        let own: u64 = self
            .state
            .groups
            .iter()
            .map(|group| group.own_blocks(geometry))
            .sum();
        let own = own.saturating_add(u64::from(geometry.first_data_block));
        Statistics {
            block_size: geometry.block_size as u32,
            blocks: u64::from(geometry.blocks).saturating_sub(own),
            free_blocks: u64::from(superblock.free_blocks())
                .saturating_add(self.state.freed.count_blocks()),
            reserved_blocks: u64::from(superblock.reserved_blocks()),
            inodes: u64::from(geometry.inodes),
            free_inodes: u64::from(superblock.free_inodes())
                .saturating_add(self.state.freed.count_inodes()),
            name_bytes: MAXIMUM_NAME,
        }
    }

    fn unmount(&mut self, now: Timespec) -> Result<()> {
        if self.state.access == Access::ReadOnly {
            return Ok(());
        }
        while let Some(&orphan) = self.state.orphans.last() {
            self.release(orphan, now)?;
        }
        self.state.unwritten.clear();
        self.flush()?;
        // What was freed is free in the bitmaps now; more than a cache of it takes several flushes.
        while self.state.freed.count_blocks() + self.state.freed.count_inodes() > 0 {
            let before = self.state.freed.count_blocks() + self.state.freed.count_inodes();
            self.flush()?;
            let after = self.state.freed.count_blocks() + self.state.freed.count_inodes();
            if after >= before {
                return Err(Error::block(0, "a bitmap cannot be changed"));
            }
        }
        self.flush()?;
        self.state.superblock.end(seconds(now), self.state.found);
        self.flush()?;
        self.state.access = Access::ReadOnly;
        Ok(())
    }
}
