//! Where vnodes and files' bytes are, and on which machine.
//!
//! Owns: the trait. Does not own: sizes (a vnode knows its file's) and locks (the vnode's).

use super::attributes::Timespec;
use super::file_system::FileSystem;
use super::vnode::Vnode;
use crate::shared::{NoMemory, Shared};
use abi::Errno;

/// What is read with the bytes that are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ahead {
    /// What will probably be asked for next.
    Default,
    /// Nothing.
    No,
}

/// Bytes of the program that runs: where it says they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgramBytes {
    /// The address of the first one.
    pub at: u64,
    /// How many.
    pub length: u64,
}

/// A place for files and their bytes. Bytes never written read as zero.
pub trait Store: Sized + 'static {
    /// Locks and waiting.
    type Platform: sync::Platform;
    /// One file's bytes; dropping it gives them up.
    type Object: Send + Sync;
    /// File systems other than memory.
    type Disk: FileSystem<Self>;

    /// Moves a vnode to where vnodes are kept.
    fn keep(node: Vnode<Self>) -> Result<Shared<Vnode<Self>>, NoMemory>;
    /// What time it is.
    fn now() -> Timespec;
    /// Bytes of a page: what lies between a file's end and the end of its last page can be written
    /// through a mapping.
    fn page_size() -> u64;

    /// An object without bytes, for a file in memory.
    fn create() -> Result<Self::Object, Errno>;
    /// Makes room for `size` bytes; what lies beyond is dropped and reads as zero if it comes back.
    fn resize(object: &Self::Object, size: u64) -> Result<(), Errno>;
    /// Reads bytes below the size.
    fn read(object: &Self::Object, offset: u64, into: &mut [u8], ahead: Ahead)
    -> Result<(), Errno>;
    /// Writes bytes below the size.
    fn write(object: &Self::Object, offset: u64, from: &[u8]) -> Result<(), Errno>;
    /// Copies bytes below the size straight to a program's memory; answers how many, up to where a page of the
    /// program is not there. It does not fault.
    fn read_to(
        object: &Self::Object,
        offset: u64,
        to: ProgramBytes,
        ahead: Ahead,
    ) -> Result<u64, Errno>;
    /// Copies bytes below the size straight from a program's memory; as `read_to`.
    fn write_from(object: &Self::Object, offset: u64, from: ProgramBytes) -> Result<u64, Errno>;
    /// Writes what was changed to where the bytes come from.
    fn sync(object: &Self::Object) -> Result<(), Errno>;
    /// Writes what was changed of some bytes, and does not keep them.
    fn forget(object: &Self::Object, at: u64, bytes: u64) -> Result<(), Errno>;
    /// Whether nobody has it but the file itself: no mapping shows it.
    fn is_alone(object: &Self::Object) -> bool;
    /// Bytes that are in memory.
    fn resident(object: &Self::Object) -> u64;
    /// Pages that files in memory can still take.
    fn free_pages() -> u64;
}
