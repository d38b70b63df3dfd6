//! The file tree: several file systems, mounted in one another.
//!
//! Owns: mounts, vnodes, the walk of a path, changes of names, sizes of files, the file system in
//! memory. Does not own: where a file's bytes are (a [`Store`]; in the kernel, VM objects), file systems
//! on disks (`files`, by way of [`FileSystem`]), open files and descriptors, what a device does (`files`).
//!
//! | who | under which lock |
//! |---|---|
//! | mount, unmount | the list of mounts |
//! | lookup of one name | the directory's lock, shared |
//! | create, link, unlink, rename | the mount's lock of changes, then each directory's, alone |
//! | read of a file's bytes | the file's lock, shared |
//! | write, truncate | the file's lock, alone |
//! | attributes, the vnode's place, the table of vnodes, known names | a leaf lock each, for a moment |
//! | write-back, sweeps | none but leaves; a vnode goes when nobody else has a reference |
//!
//! Locks: [`MountsRank`] before [`TreeRank`] before [`DirectoryRank`] before [`FileRank`], and over calls
//! of a file system, whose own ranks are below `vm`'s; [`VnodesRank`] before [`LeafRank`], never over such a call.

pub mod attributes;
pub mod file;
pub mod file_system;
pub mod memory;
pub mod mount;
mod names;
pub mod path;
pub mod store;
pub mod tree;
pub mod vnode;

pub use attributes::{Attributes, Change, Kind, New, What};
pub use file::retire;
pub use file_system::FileSystem;
pub use memory::MemoryFs;
pub use mount::{Access, Mount, System};
pub use path::{Path, Walk};
pub use store::Store;
pub use tree::Tree;
pub use vnode::{Body, Inode, Vnode};

use sync::Rank;

/// What is mounted.
pub struct MountsRank;
impl Rank for MountsRank {
    const RANK: u8 = 0;
    const NAME: &'static str = "mounts";
}

/// All changes of names in one mount.
pub struct TreeRank;
impl Rank for TreeRank {
    const RANK: u8 = 1;
    const NAME: &'static str = "file tree";
}

/// One directory's entries. Who changes names holds several.
pub struct DirectoryRank;
impl Rank for DirectoryRank {
    const RANK: u8 = 2;
    const NAME: &'static str = "directory";
    const NESTS: bool = true;
}

/// One file's bytes and size.
pub struct FileRank;
impl Rank for FileRank {
    const RANK: u8 = 3;
    const NAME: &'static str = "file";
}

/// A mount's table of vnodes.
pub struct VnodesRank;
impl Rank for VnodesRank {
    const RANK: u8 = 4;
    const NAME: &'static str = "vnodes";
}

/// What is held for a moment, with none of these after it: a vnode's state, known names, the memory
/// file system.
pub struct LeafRank;
impl Rank for LeafRank {
    const RANK: u8 = 5;
    const NAME: &'static str = "vnode";
}

/// The longest name of one directory entry, in bytes.
pub const MAXIMUM_NAME: usize = 255;
/// The longest path that a symbolic link holds, in bytes.
pub const MAXIMUM_LINK: usize = abi::proc::MAXPATHLEN;

#[cfg(test)]
mod tests;
