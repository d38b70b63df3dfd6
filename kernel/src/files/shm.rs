//! POSIX shared memory: objects with a name that is in no folder.
//!
//! Owns: the table of names, and what `shm_open` made: one VM object, its size, its permissions. Does
//! not own: descriptors, mappings (`syscall::memory`). Locks: the table's, of rank "descriptors"; what
//! leaves the table is dropped after it. An object lives until its name, its last descriptor and its
//! last mapping are gone.

use super::store::FileObject;
use crate::memory::vm;
use crate::platform::{FilesRank, SpinLock};
use crate::shared::{Shared, try_bytes, try_push};
use crate::task::Task;
use abi::Errno;
use abi::syscall::{O_ACCMODE, O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a name, without its NUL.
pub const NAME_MAX: usize = 31;
/// The most names.
const MAXIMUM: usize = 128;
/// The most bytes of one object.
const MAXIMUM_SIZE: u64 = crate::vfs::file::MAXIMUM_FILE;
/// No size was given yet.
const UNSIZED: u64 = 0;
/// The size is being given.
const SIZING: u64 = u64::MAX;

/// Shared memory.
pub struct Segment {
    /// The bytes.
    pub object: FileObject,
    size: AtomicU64,
    /// Permission bits.
    pub mode: u16,
    /// Whose it is.
    pub user: u32,
}

struct Named {
    name: Vec<u8>,
    segment: Shared<Segment>,
}

static NAMES: SpinLock<FilesRank, Vec<Named>> = SpinLock::new(Vec::new());

impl Segment {
    fn new(mode: u16, user: u32) -> Result<Self, Errno> {
        Ok(Self {
            object: FileObject::new(vm().object_create_shared().map_err(|_| Errno::ENOMEM)?),
            size: AtomicU64::new(UNSIZED),
            mode,
            user,
        })
    }

    /// Its bytes, a multiple of the page size; `None` before it has a size.
    pub fn size(&self) -> Option<u64> {
        match self.size.load(Ordering::Acquire) {
            UNSIZED | SIZING => None,
            size => Some(size),
        }
    }

    /// Gives it a size, once: `EINVAL` the second time and for sizes that are none.
    pub fn set_size(&self, bytes: u64) -> Result<(), Errno> {
        if bytes == 0 {
            return Err(Errno::EINVAL);
        }
        if bytes > MAXIMUM_SIZE {
            return Err(Errno::ENOMEM);
        }
        let size = bytes.next_multiple_of(vm().page_size());
        let first = self.size.compare_exchange(UNSIZED, SIZING, Ordering::AcqRel, Ordering::Relaxed);
        first.map_err(|_| Errno::EINVAL)?;
        let done = vm().object_resize(self.object.object(), size);
        let now = if done.is_ok() { size } else { UNSIZED };
        self.size.store(now, Ordering::Release);
        done.map_err(|_| Errno::ENOMEM)
    }

    /// Whether a task may open it so.
    fn check(&self, task: &Task, flags: u32) -> Result<(), Errno> {
        let shift = if task.user() == self.user { 6 } else { 0 };
        let wanted = match flags & O_ACCMODE {
            O_RDWR => 0o6,
            O_WRONLY => 0o2,
            _ => 0o4,
        };
        if task.is_root() || self.mode >> shift & wanted == wanted { Ok(()) } else { Err(Errno::EACCES) }
    }
}

/// Finds or makes what a name means, by `O_*` flags.
pub fn open(task: &Task, name: &[u8], flags: u32, mode: u16) -> Result<Shared<Segment>, Errno> {
    if name.is_empty() || flags & O_ACCMODE == O_ACCMODE {
        return Err(Errno::EINVAL);
    }
    // Made before the lock is taken; dropped after it if there is one of that name.
    let fresh = if flags & O_CREAT == 0 {
        None
    } else {
        let segment = Shared::try_new(Segment::new(mode & 0o777, task.user())?)?;
        Some(Named {
            name: try_bytes(name)?,
            segment,
        })
    };
    let mut names = NAMES.lock();
    if let Some(known) = names.iter().find(|known| known.name == name) {
        let segment = known.segment.clone();
        drop(names);
        if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL {
            return Err(Errno::EEXIST);
        }
        segment.check(task, flags)?;
        if flags & O_TRUNC != 0 && segment.size().is_some() {
            return Err(Errno::EINVAL);
        }
        return Ok(segment);
    }
    let fresh = fresh.ok_or(Errno::ENOENT)?;
    if names.len() >= MAXIMUM {
        drop(names);
        return Err(Errno::ENOSPC);
    }
    let segment = fresh.segment.clone();
    let added = try_push(&mut names, fresh);
    drop(names);
    added?;
    Ok(segment)
}

/// Takes a name away.
pub fn unlink(task: &Task, name: &[u8]) -> Result<(), Errno> {
    if name.is_empty() {
        return Err(Errno::EINVAL);
    }
    let mut names = NAMES.lock();
    let at = names.iter().position(|known| known.name == name);
    let at = at.ok_or(Errno::ENOENT)?;
    if !task.is_root() && task.user() != names[at].segment.user {
        return Err(Errno::EACCES);
    }
    let gone = names.swap_remove(at);
    let list = if names.is_empty() { core::mem::take(&mut *names) } else { Vec::new() };
    drop(names);
    drop((gone, list));
    Ok(())
}
