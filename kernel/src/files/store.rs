//! Files' bytes in VM objects.
//!
//! Owns: the connection of `vfs` to `vm`. Does not own: either.

use super::pager::Backing;
use super::{DiskFs, Node};
use crate::memory::vm;
use crate::platform::Machine;
use crate::shared::{NoMemory, Shared};
use crate::vfs::attributes::Timespec;
use crate::user_memory::Straight;
use crate::vfs::store::{Ahead, ProgramBytes};
use crate::vfs::{Store, Vnode};
use crate::zones;
use abi::Errno;
use core::mem::ManuallyDrop;
use vm::{FaultError, ObjectRef, PagerError, SyncFlags};

/// The store of this kernel: a VM object per file. `read`, `write`, `mmap` and exec meet there.
pub struct ObjectStore;

/// A file's object.
pub struct FileObject {
    object: ManuallyDrop<ObjectRef<Machine>>,
    /// Where its pages come from, if not from nowhere.
    backing: Option<Shared<Backing>>,
}

impl FileObject {
    /// Takes over a handle.
    pub fn new(object: ObjectRef<Machine>) -> Self {
        Self {
            object: ManuallyDrop::new(object),
            backing: None,
        }
    }

    /// The same, of an object whose pages are a file's on a disk.
    pub fn paged(object: ObjectRef<Machine>, backing: Shared<Backing>) -> Self {
        Self {
            object: ManuallyDrop::new(object),
            backing: Some(backing),
        }
    }

    /// What a program is told when there is no frame for bytes: memory is the disk of a file in memory.
    fn shortage(&self) -> Errno {
        if self.backing.is_some() { Errno::ENOMEM } else { Errno::ENOSPC }
    }

    /// The object, to map it.
    pub fn object(&self) -> &ObjectRef<Machine> {
        &self.object
    }
}

impl Drop for FileObject {
    fn drop(&mut self) {
        // SAFETY: the value is not used again: this is its owner's end.
        let object = unsafe { ManuallyDrop::take(&mut self.object) };
        vm().object_release(object);
    }
}

/// What a program is told when a pager fails.
pub fn pager_error(error: PagerError) -> Errno {
    match error {
        PagerError::Io | PagerError::Gone => Errno::EIO,
        PagerError::NoSpace => Errno::ENOSPC,
        PagerError::NoMemory => Errno::ENOMEM,
    }
}

/// What it is told when bytes cannot be had; `shortage` for want of a frame.
fn fault_error(error: FaultError, shortage: Errno) -> Errno {
    match error {
        FaultError::Pager(error) => pager_error(error),
        FaultError::Shortage => shortage,
        _ => Errno::EIO,
    }
}

fn of(ahead: Ahead) -> vm::Ahead {
    match ahead {
        Ahead::Default => vm::Ahead::Default,
        Ahead::No => vm::Ahead::No,
    }
}

impl Store for ObjectStore {
    type Platform = Machine;
    type Object = FileObject;
    type Disk = DiskFs;

    fn keep(node: Vnode<Self>) -> Result<Node, NoMemory> {
        zones::vnode(node)
    }

    fn now() -> Timespec {
        crate::clock::timespec()
    }

    fn page_size() -> u64 {
        vm().page_size()
    }

    fn create() -> Result<FileObject, Errno> {
        let object = vm().object_create(0).map_err(|_| Errno::ENOMEM)?;
        Ok(FileObject::new(object))
    }

    fn resize(object: &FileObject, size: u64) -> Result<(), Errno> {
        vm().object_resize(object.object(), size).map_err(|_| Errno::ENOSPC)
    }

    fn read(object: &FileObject, offset: u64, into: &mut [u8], ahead: Ahead) -> Result<(), Errno> {
        let done = vm().object_read_ahead(object.object(), offset, into, of(ahead));
        done.map_err(|error| fault_error(error, Errno::ENOMEM))
    }

    fn write(object: &FileObject, offset: u64, from: &[u8]) -> Result<(), Errno> {
        let done = vm().object_write(object.object(), offset, from);
        done.map_err(|error| fault_error(error, object.shortage()))
    }

    fn read_to(object: &FileObject, offset: u64, to: ProgramBytes, ahead: Ahead) -> Result<u64, Errno> {
        let part = (offset, to.length);
        let copies = Straight::begin();
        let done = vm().object_read_held(object.object(), part, of(ahead), |piece| copies.put(to.at, piece));
        done.map_err(|error| fault_error(error, Errno::ENOMEM))
    }

    fn write_from(object: &FileObject, offset: u64, from: ProgramBytes) -> Result<u64, Errno> {
        let part = (offset, from.length);
        let copies = Straight::begin();
        let done = vm().object_write_held(object.object(), part, |piece| copies.get(from.at, piece));
        done.map_err(|error| fault_error(error, object.shortage()))
    }

    fn sync(object: &FileObject) -> Result<(), Errno> {
        let Some(backing) = &object.backing else { return Ok(()) };
        backing.begin_sync();
        vm().object_sync(object.object(), (0, u64::MAX), SyncFlags::WAIT).map_err(pager_error)
    }

    fn forget(object: &FileObject, at: u64, bytes: u64) -> Result<(), Errno> {
        if object.backing.is_none() {
            return Ok(());
        }
        let flags = SyncFlags::WAIT | SyncFlags::INVALIDATE;
        vm().object_sync(object.object(), (at, bytes), flags).map_err(pager_error)
    }

    fn is_alone(object: &FileObject) -> bool {
        object.backing.as_ref().is_none_or(|backing| backing.is_alone())
    }

    fn resident(object: &FileObject) -> u64 {
        vm().object_resident(object.object()).0 * vm().page_size()
    }

    fn free_pages() -> u64 {
        u64::from(vm().statistics().free_count)
    }
}
