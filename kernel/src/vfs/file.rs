//! Regular files: bytes and their end.
//!
//! Owns: a file's size, reading, writing, cutting. Does not own: the bytes (a [`Store`]'s object, where
//! mappings meet `read` and `write`), blocks of a disk (`file_system`).
//!
//! A program can write through a mapping what lies between the end of a file and the end of its last
//! page. Nobody may find that in the file: whatever makes a file longer first writes zeros there.

use super::store::{Ahead, ProgramBytes, Store};
use super::vnode::{Body, Vnode};
use super::{FileRank, Mount};
use crate::shared::Shared;
use abi::Errno;
use core::sync::atomic::{AtomicU64, Ordering};
use sync::SleepRwLock;

/// The largest file, in bytes.
pub const MAXIMUM_FILE: u64 = 1 << 40;

/// A file's contents and their length.
pub struct File<S: Store> {
    /// The bytes.
    pub object: Shared<S::Object>,
    size: AtomicU64,
    /// Shared by who reads, alone for who changes bytes or size.
    lock: SleepRwLock<S::Platform, FileRank, ()>,
}

impl<S: Store> File<S> {
    pub(super) fn new(object: Shared<S::Object>, size: u64) -> Self {
        Self {
            object,
            size: AtomicU64::new(size),
            lock: SleepRwLock::new(()),
        }
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }
}

impl<S: Store> Vnode<S> {
    /// Reads a file from `offset`; answers how many bytes there were.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        self.read_ahead(offset, into, Ahead::Default)
    }

    /// The same, and what is known of the reads to come.
    pub fn read_ahead(&self, offset: u64, into: &mut [u8], ahead: Ahead) -> Result<usize, Errno> {
        let file = self.as_file()?;
        let _lock = file.lock.read();
        let count = file.size().saturating_sub(offset).min(into.len() as u64) as usize;
        if count > 0 {
            S::read(&file.object, offset, &mut into[..count], ahead)?;
        }
        Ok(count)
    }

    /// Copies a file's bytes from `offset` on straight to a program; answers how many, up to the end of the file or
    /// to where a page of the program is not there.
    pub fn read_to(&self, offset: u64, to: ProgramBytes, ahead: Ahead) -> Result<u64, Errno> {
        let file = self.as_file()?;
        let _lock = file.lock.read();
        let length = file.size().saturating_sub(offset).min(to.length);
        match length {
            0 => Ok(0),
            length => S::read_to(&file.object, offset, ProgramBytes { length, ..to }, ahead),
        }
    }

    /// Writes all of `from` at `offset` (`None`: at the end); answers where it began.
    pub fn write(&self, offset: Option<u64>, from: &[u8]) -> Result<u64, Errno> {
        let length = from.len() as u64;
        let wrote = self.write_by(offset, length, |object, offset| {
            S::write(object, offset, from)?;
            Ok(length)
        });
        Ok(wrote?.0)
    }

    /// Copies a program's bytes straight to a file from `offset` on (`None`: at the end); answers where it began
    /// and how many were copied, up to where a page of the program is not there.
    pub fn write_from(&self, offset: Option<u64>, from: ProgramBytes) -> Result<(u64, u64), Errno> {
        self.write_by(offset, from.length, |object, offset| {
            S::write_from(object, offset, from)
        })
    }

    /// Makes room for `length` bytes and has them written; answers where they begin and how many were.
    fn write_by(
        &self,
        offset: Option<u64>,
        length: u64,
        write: impl FnOnce(&S::Object, u64) -> Result<u64, Errno>,
    ) -> Result<(u64, u64), Errno> {
        let file = self.as_file()?;
        let _lock = file.lock.write();
        let size = file.size();
        let offset = offset.unwrap_or(size);
        let end = offset.checked_add(length).ok_or(Errno::EFBIG)?;
        if end > MAXIMUM_FILE {
            return Err(Errno::EFBIG);
        }
        if length == 0 {
            return Ok((offset, 0));
        }
        if end > size {
            self.grow(file, end, offset)?;
        }
        let reserved = self.system().reserve(self.number, offset, length);
        let wrote = reserved.and_then(|()| write(&file.object, offset));
        // The file ends with what was written: without any it is what it was.
        let count = wrote.unwrap_or(0);
        if end > size && count < length {
            let kept = if count == 0 {
                size
            } else {
                size.max(offset + count)
            };
            self.shrink(file, kept);
        }
        wrote?;
        if count != 0 {
            self.touch();
        }
        Ok((offset, count))
    }

    /// Makes a file longer, with zeros as far as nobody writes there: what is `written_from` some byte on is
    /// the caller's to write. The file is locked alone.
    fn grow(&self, file: &File<S>, new: u64, written_from: u64) -> Result<(), Errno> {
        let size = file.size();
        S::resize(&file.object, new)?;
        if let Err(error) = self.system().resize(self.number, new) {
            // What was smaller before fits again.
            let _ = S::resize(&file.object, size);
            return Err(error);
        }
        let end = size.next_multiple_of(S::page_size()).min(written_from);
        let zeros = [0; 256];
        let mut at = size;
        while at < end {
            let count = (end - at).min(zeros.len() as u64);
            if let Err(error) = S::write(&file.object, at, &zeros[..count as usize]) {
                self.shrink(file, size);
                return Err(error);
            }
            at += count;
        }
        file.size.store(new, Ordering::Release);
        Ok(())
    }

    /// Takes back what [`Vnode::grow`] did. The file is locked alone.
    fn shrink(&self, file: &File<S>, size: u64) {
        file.size.store(size, Ordering::Release);
        // What was smaller before fits again. If the file system cannot have it smaller, it has zeros at its end
        // that nobody sees, until the file is cut off or grows again.
        let _ = S::resize(&file.object, size);
        let _ = self.system().resize(self.number, size);
    }

    /// Sets a file's size. `EROFS`.
    pub fn truncate(&self, length: u64) -> Result<(), Errno> {
        let file = self.as_file()?;
        self.mount().check_writable()?;
        if length > MAXIMUM_FILE {
            return Err(Errno::EFBIG);
        }
        let _lock = file.lock.write();
        let size = file.size();
        if length > size {
            self.grow(file, length, length)?;
        } else if length < size {
            S::resize(&file.object, length)?;
            file.size.store(length, Ordering::Release);
            // No page of what is cut off is on its way any more.
            self.system().resize(self.number, length)?;
        }
        self.touch();
        Ok(())
    }

    /// Writes what was changed of some bytes, and does not keep them in memory.
    pub fn forget(&self, at: u64, bytes: u64) -> Result<(), Errno> {
        match &self.body {
            Body::File(file) => S::forget(&file.object, at, bytes),
            _ => Ok(()),
        }
    }

    /// Makes the file durable: first its bytes, then its size and what else is known of it.
    pub fn sync(this: &Shared<Self>) -> Result<(), Errno> {
        this.write_back()?;
        this.system().sync(this.number)
    }

    /// Writes bytes and attributes to the file system, which may keep them for a while.
    pub(super) fn write_back(&self) -> Result<(), Errno> {
        let size = self.kept_size();
        if let Body::File(file) = &self.body {
            S::sync(&file.object)?;
        }
        self.write_attributes(size)
    }

    fn kept_size(&self) -> u64 {
        match &self.body {
            Body::File(file) => file.size(),
            _ => 0,
        }
    }

    /// Whether nobody has its bytes but itself.
    pub(super) fn is_unmapped(&self) -> bool {
        match &self.body {
            Body::File(file) => S::is_alone(&file.object),
            _ => true,
        }
    }
}

/// Gives a vnode up that has no name left, if nobody else has it: `mine` references are the caller's.
/// What nobody finds now the next sweep does.
pub fn retire<S: Store>(node: &Shared<Vnode<S>>, mine: usize) {
    if node.links() == 0 {
        Mount::forget(node, mine);
    }
}
