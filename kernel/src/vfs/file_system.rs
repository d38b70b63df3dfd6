//! What a file system must be able to do.
//!
//! Owns: the trait and who its callers are. Does not own: vnodes (`vnode`), which know files by the
//! numbers that file systems give them.
//!
//! The tree calls changes of names one after the other, with the directories locked alone; lookups
//! come with the directory locked shared, so that a number that `lookup` answers stays that file's.
//! Changes of one file's size come one after the other. Everything may sleep.

use super::attributes::{Attributes, Change, Kind, New, Space};
use super::store::Store;
use super::vnode::Inode;
use crate::shared::Shared;
use abi::Errno;

/// A directory entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The file's number.
    pub number: u64,
    /// Its type.
    pub kind: Kind,
    /// Its name.
    pub name: &'a [u8],
    /// The cookie from which a listing goes on after this entry.
    pub next: u64,
}

/// A name in a directory of this file system.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The directory's number.
    pub directory: u64,
    /// The name.
    pub name: &'a [u8],
}

/// A file system. Files are named by their numbers.
pub trait FileSystem<S: Store>: Send + Sync {
    /// What `mount` calls it.
    fn kind(&self) -> &'static str;
    /// The root directory's number.
    fn root(&self) -> u64;
    /// What is known of a file.
    fn attributes(&self, number: u64) -> Result<Attributes, Errno>;
    /// Sets attributes.
    fn change(&self, number: u64, change: &Change) -> Result<(), Errno>;
    /// The file that has a name. `ENOENT` if there is none.
    fn lookup(&self, at: At<'_>) -> Result<u64, Errno>;
    /// Makes a file. The name is free.
    fn make(&self, at: At<'_>, new: &New<'_>) -> Result<u64, Errno>;
    /// Gives a file that is no directory one more name. The name is free.
    fn link(&self, number: u64, at: At<'_>) -> Result<(), Errno>;
    /// Takes away the name of a file that is no directory; the file stays until [`release`](Self::release).
    fn unlink(&self, at: At<'_>) -> Result<(), Errno>;
    /// Takes away a directory's only name: `ENOTEMPTY` unless it is empty. It stays as a file does.
    fn remove_directory(&self, at: At<'_>) -> Result<(), Errno>;
    /// Moves a name; what has the new one, of the same sort and if a directory empty, loses it.
    fn rename(&self, from: At<'_>, to: At<'_>) -> Result<(), Errno>;
    /// Calls `visit` with entries from a cookie on (0: the first), `.` and `..` among them, until it
    /// answers `false`. No lock is held meanwhile.
    fn list(
        &self,
        directory: u64,
        cookie: u64,
        visit: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<(), Errno>;
    /// Where a symbolic link leads: so many bytes of `into`, which has room.
    fn read_link(&self, number: u64, into: &mut [u8]) -> Result<usize, Errno>;
    /// The bytes of a file, when its vnode is made. What is returned may keep `inode`, and with it
    /// the file after its last name.
    fn bytes(&self, inode: &Shared<Inode<S>>, size: u64) -> Result<Shared<S::Object>, Errno>;
    /// Sets a file's size. What is cut off is in no cache any more.
    fn resize(&self, number: u64, size: u64) -> Result<(), Errno>;
    /// Gives bytes below the file's end a place where they have none, before they are written: whoever
    /// writes learns now that there is no room. `ENOSPC`.
    fn reserve(&self, number: u64, at: u64, bytes: u64) -> Result<(), Errno>;
    /// Frees a file that has no name left, and that nobody uses.
    fn release(&self, number: u64);
    /// Makes one file durable: its bytes are written already.
    fn sync(&self, number: u64) -> Result<(), Errno>;
    /// Makes everything durable.
    fn sync_all(&self) -> Result<(), Errno>;
    /// What there is and what is left.
    fn space(&self) -> Result<Space, Errno>;
    /// The end: everything is written, the medium is marked clean.
    fn unmount(&self) -> Result<(), Errno>;
}
