//! Descriptors: small numbers that name open files.
//!
//! Owns: one task's table. Does not own: the open files. Locks: the table's; a file is closed after
//! the lock is released, because closing may do anything.

use super::open::OpenFile;
use crate::platform::{FilesRank, SpinLock};
use crate::shared::{NoMemory, Shared};
use abi::Errno;
use alloc::vec::Vec;

/// The most descriptors of a task.
pub const MAXIMUM: usize = 256;

/// Whether a descriptor survives exec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnExec {
    /// It does.
    Keep,
    /// It does not.
    Close,
}

#[derive(Clone)]
struct Descriptor {
    file: Shared<OpenFile>,
    on_exec: OnExec,
}

/// A task's descriptors.
pub struct Files {
    table: SpinLock<FilesRank, Vec<Option<Descriptor>>>,
}

impl Files {
    /// None.
    pub const fn new() -> Self {
        Self {
            table: SpinLock::new(Vec::new()),
        }
    }

    /// The same descriptors for a child.
    pub fn fork(&self) -> Result<Self, NoMemory> {
        let mut copy = Vec::new();
        let table = self.table.lock();
        copy.try_reserve_exact(table.len()).map_err(|_| NoMemory)?;
        copy.extend(table.iter().cloned());
        drop(table);
        Ok(Self {
            table: SpinLock::new(copy),
        })
    }

    /// The open file behind a descriptor.
    pub fn get(&self, number: u64) -> Result<Shared<OpenFile>, Errno> {
        let table = self.table.lock();
        let slot = usize::try_from(number as u32 as i32).ok().and_then(|at| table.get(at));
        slot.and_then(Option::as_ref).map(|found| found.file.clone()).ok_or(Errno::EBADF)
    }

    /// Gives a file the lowest free number at or above `from`.
    pub fn add(&self, file: Shared<OpenFile>, from: usize, on_exec: OnExec) -> Result<u64, Errno> {
        // Dropped last: a file that does not fit is not closed under the lock.
        let _keep = file.clone();
        let mut table = self.table.lock();
        let free = (from..table.len()).find(|&at| table[at].is_none());
        let at = free.unwrap_or(table.len().max(from));
        let result = put(&mut table, at, Descriptor { file, on_exec });
        drop(table);
        result.map(|_| at as u64)
    }

    /// Gives a file this number; what had it is closed.
    pub fn replace(&self, at: usize, file: Shared<OpenFile>, on_exec: OnExec) -> Result<(), Errno> {
        let _keep = file.clone();
        let mut table = self.table.lock();
        let old = put(&mut table, at, Descriptor { file, on_exec });
        drop(table);
        old.map(drop)
    }

    /// Closes a descriptor.
    pub fn close(&self, number: u64) -> Result<(), Errno> {
        let mut table = self.table.lock();
        let slot = usize::try_from(number as u32 as i32).ok().and_then(|at| table.get_mut(at));
        let old = slot.and_then(Option::take).ok_or(Errno::EBADF)?;
        drop(table);
        drop(old);
        Ok(())
    }

    /// Whether a descriptor survives exec.
    pub fn on_exec(&self, number: u64) -> Result<OnExec, Errno> {
        let table = self.table.lock();
        let slot = usize::try_from(number as u32 as i32).ok().and_then(|at| table.get(at));
        slot.and_then(Option::as_ref).map(|found| found.on_exec).ok_or(Errno::EBADF)
    }

    /// Says whether it shall.
    pub fn set_on_exec(&self, number: u64, on_exec: OnExec) -> Result<(), Errno> {
        let mut table = self.table.lock();
        let slot = usize::try_from(number as u32 as i32).ok().and_then(|at| table.get_mut(at));
        slot.and_then(Option::as_mut).ok_or(Errno::EBADF)?.on_exec = on_exec;
        Ok(())
    }

    /// Closes what does not survive exec.
    pub fn exec(&self) {
        let mut at = 0;
        loop {
            let mut table = self.table.lock();
            if at >= table.len() {
                return;
            }
            let closes = table[at].as_ref().is_some_and(|found| found.on_exec == OnExec::Close);
            let old = if closes { table[at].take() } else { None };
            drop(table);
            drop(old);
            at += 1;
        }
    }

    /// Closes everything.
    pub fn close_all(&self) {
        let table = core::mem::take(&mut *self.table.lock());
        drop(table);
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.table.lock().iter().flatten().count()
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}

fn put(table: &mut Vec<Option<Descriptor>>, at: usize, new: Descriptor) -> Result<Option<Descriptor>, Errno> {
    if at >= MAXIMUM {
        return Err(Errno::EMFILE);
    }
    if at >= table.len() {
        let more = at + 1 - table.len();
        table.try_reserve(more).map_err(|_| Errno::ENOMEM)?;
        table.resize(at + 1, None);
    }
    Ok(table[at].replace(new))
}
