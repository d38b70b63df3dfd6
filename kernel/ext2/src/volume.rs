//! A mounted file system's state, and the handle by which the operations work on it.
//!
//! Owns: what is known between two operations. Does not own: the lock around it (`mount`).

use crate::attributes::InodeNumber;
use crate::cache::Cache;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::freed::Freed;
use crate::group::Group;
use crate::superblock::{Found, Geometry, Superblock};
use crate::unwritten::Unwritten;
use alloc::vec::Vec;

/// What a mount may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Nothing is written.
    ReadOnly,
    /// Everything.
    ReadWrite,
}

/// Everything between two operations.
pub(crate) struct State {
    pub geometry: Geometry,
    pub superblock: Superblock,
    pub groups: Vec<Group>,
    pub cache: Cache,
    /// Blocks of files whose bytes the caller has not reported as written.
    pub unwritten: Unwritten,
    /// Blocks and inodes that were freed since the last flush.
    pub freed: Freed,
    /// Inodes that got one more name since the last flush.
    pub linked: Vec<InodeNumber>,
    /// Inodes without a name that are kept until they are released.
    pub orphans: Vec<InodeNumber>,
    pub access: Access,
    pub found: Found,
    /// A block's worth of bytes, for a block that is written otherwise than it is cached.
    pub scratch: Vec<u8>,
}

/// The state and its disk, for one operation.
pub(crate) struct Volume<'a> {
    pub disk: &'a dyn Disk,
    pub state: &'a mut State,
}

/// Blocks that one step of an operation may make dirty.
const STEP: usize = 16;

impl Volume<'_> {
    /// A change begins: it may write, and the cache has room for what one step makes dirty.
    pub fn begin(&mut self) -> Result<()> {
        if self.state.access == Access::ReadOnly {
            return Err(Error::ReadOnly);
        }
        if self.state.cache.room() < STEP {
            self.flush()?;
        }
        Ok(())
    }

    /// Notes that the structure on the disk is wrong, so that the next `e2fsck` looks at it.
    pub fn damaged(&mut self, error: Error) -> Error {
        self.state.found = Found::Damage;
        error
    }
}
