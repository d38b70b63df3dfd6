//! The file tree.
//!
//! Owns: vnodes, directories, names, the walk of a path, unpacking the root archive. Does not own:
//! where a file's bytes are (a [`Store`]; in the kernel, VM objects), open files and descriptors
//! (`task::files`), what a device does (`files`).
//!
//! | who | under which lock |
//! |---|---|
//! | lookup of one name | the directory's lock, shared |
//! | create, link, unlink, rename | the tree's lock, then each directory's for a moment |
//! | read of a file's bytes | the file's lock, shared |
//! | write, truncate | the file's lock |
//!
//! Locks: [`TreeRank`] before [`DirectoryRank`] before [`FileRank`]; one directory at a time.

pub mod path;
pub mod store;
pub mod tree;
pub mod unpack;
pub mod vnode;

pub use path::{Path, Walk};
pub use store::Store;
pub use tree::Tree;
pub use vnode::{Body, Device, Vnode};

use sync::Rank;

/// All changes of names.
pub struct TreeRank;
impl Rank for TreeRank {
    const RANK: u8 = 1;
    const NAME: &'static str = "file tree";
}

/// One directory's entries.
pub struct DirectoryRank;
impl Rank for DirectoryRank {
    const RANK: u8 = 2;
    const NAME: &'static str = "directory";
}

/// One file's bytes and size.
pub struct FileRank;
impl Rank for FileRank {
    const RANK: u8 = 3;
    const NAME: &'static str = "file";
}

/// A vnode's place in the tree.
pub struct PlaceRank;
impl Rank for PlaceRank {
    const RANK: u8 = 4;
    const NAME: &'static str = "vnode place";
}

/// The longest name of one directory entry, in bytes.
pub const MAXIMUM_NAME: usize = 255;

#[cfg(test)]
mod tests;
