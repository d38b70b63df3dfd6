//! The ext2 file system, revision 1, as `mke2fs -t ext2` makes it and `e2fsck` checks it.
//!
//! Owns: names, inodes, which block belongs to whom, the order in which all that gets to the disk. Does not own: the
//! bytes of files. [`Ext2::map`] says where they are, and whoever moves pages reads and writes the disk: a file's
//! pages are its only cache. Does not own: permissions, paths, open files, mount points.
//! Locks: one, [`Ext2Rank`], held for an operation; the disk is used under it.
//!
//! # What the disk says is an allegation
//! Every number is checked before it is used: the superblock's and the descriptors' at the mount, a pointer, a record,
//! a size when it is met. What is wrong gives [`Error::Corrupt`] with the inode and the block, and the file system is
//! marked for `e2fsck`. Nothing that a disk can hold panics or loops (I-EXT-5). Memory is asked for, and refused with an error.
//!
//! # The order of writes
//! A power cut loses any of the writes since the disk's last flush. `e2fsck` can mend counts, bitmaps, links and names
//! of free inodes, but not what was overwritten. A flush ([`Ext2::sync`]) therefore writes everything that is dirty in
//! three steps, each followed by a flush of the disk:
//!
//! 1. Bitmaps, and blocks that nothing on the disk names yet: new indirect blocks, new directory blocks, the text of
//!    new links. The flush after it also makes the bytes of files durable that the caller wrote.
//! 2. Inodes, indirect blocks, directory blocks, descriptors, the superblock.
//! 3. Directory blocks out of which a name was moved to another block.
//!
//! Why that is enough (I-EXT-1 to I-EXT-4):
//! - A name of a block reaches the disk after the block's contents: for the file system's own blocks by step 1; for a
//!   file's block the pointer is written as 0 until the caller has said that the bytes are written, and their flush is
//!   that of step 1. So no file ever shows what a block held before, and `e2fsck` never follows a pointer into garbage.
//! - A freed block or inode stays marked as used until a flush has finished after its last name went. So what a synced
//!   file still has on the disk is never another file's, and a name never leads to another inode.
//! - A bit is on the disk before the name of its block: a disk that was cut off has leaks in its bitmaps, not gaps.
//! - What is renamed has its new name on the disk before the old one goes. A block that gains such a name and loses
//!   another one between two flushes would have to be written twice: then a flush is made at once.
//! - A name and its inode are both in step 2: a name that is there without its inode names a free one, and goes; an
//!   inode without a name, after a cut, is one that nobody synced, and goes to `lost+found`.
//!
//! It is assumed that a block is written whole or not at all. A flush costs what is dirty, never what is there: the
//! dirty blocks are listed, and are at most as many as the cache holds.
//!
//! Why there is no crate of others here: `README.md`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod attributes;
mod bitmap;
mod block_map;
mod bytes;
mod cache;
mod create;
mod directory;
mod disk;
mod error;
mod freed;
mod group;
mod inode;
mod map;
mod mount;
mod order;
mod record;
mod remove;
mod rename;
mod superblock;
mod symlink;
mod truncate;
mod unwritten;
mod volume;

pub use attributes::{Attributes, Changes, DeviceNumber, InodeNumber, Kind, Statistics};
pub use create::{New, Node};
pub use directory::{Cookie, Entry, MAXIMUM_NAME};
pub use disk::{Disk, DiskError};
pub use error::{Error, Result, Transfer};
pub use map::{Allocate, Place, Run};
pub use mount::{Condition, Ext2, Ext2Rank, Options};
pub use remove::Unlinked;
pub use rename::Name;
pub use volume::Access;
