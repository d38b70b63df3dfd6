//! Where files and their bytes are.
//!
//! Owns: the trait. Does not own: sizes (a vnode knows its file's) and locks (the vnode's).

use super::Vnode;
use crate::shared::{NoMemory, Shared};
use abi::Errno;

/// A place for files and their bytes. Bytes never written read as zero.
pub trait Store: 'static {
    /// Locks and waiting.
    type Platform: sync::Platform;
    /// One file's bytes; dropping it gives them up.
    type Object: Send + Sync;

    /// Moves a vnode to where vnodes are kept.
    fn keep(node: Vnode<Self>) -> Result<Shared<Vnode<Self>>, NoMemory>
    where
        Self: Sized;

    /// An object without bytes.
    fn create() -> Result<Self::Object, Errno>;
    /// Makes room for `size` bytes; what lies beyond is dropped and reads as zero if it comes back.
    fn resize(object: &Self::Object, size: u64) -> Result<(), Errno>;
    /// Reads bytes below the size.
    fn read(object: &Self::Object, offset: u64, into: &mut [u8]) -> Result<(), Errno>;
    /// Writes bytes below the size.
    fn write(object: &Self::Object, offset: u64, from: &[u8]) -> Result<(), Errno>;
}
