//! Files' bytes in VM objects.
//!
//! Owns: the connection of `vfs` to `vm`. Does not own: either.

use super::Node;
use crate::memory::vm;
use crate::platform::Machine;
use crate::shared::NoMemory;
use crate::vfs::attributes::Timespec;
use crate::vfs::{MemoryFs, Store, Vnode};
use crate::zones;
use abi::Errno;
use core::mem::ManuallyDrop;
use vm::ObjectRef;

/// The store of this kernel: a VM object per file. `read`, `write`, `mmap` and exec meet there.
pub struct ObjectStore;

/// A file's object.
pub struct FileObject(ManuallyDrop<ObjectRef<Machine>>);

impl FileObject {
    /// Takes over a handle.
    pub fn new(object: ObjectRef<Machine>) -> Self {
        Self(ManuallyDrop::new(object))
    }

    /// The object, to map it.
    pub fn object(&self) -> &ObjectRef<Machine> {
        &self.0
    }
}

impl Drop for FileObject {
    fn drop(&mut self) {
        // SAFETY: the value is not used again: this is its owner's end.
        let object = unsafe { ManuallyDrop::take(&mut self.0) };
        vm().object_release(object);
    }
}

impl Store for ObjectStore {
    type Platform = Machine;
    type Object = FileObject;
    type Disk = MemoryFs<Self>;

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

    fn read(object: &FileObject, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        vm().object_read(object.object(), offset, into).map_err(|_| Errno::EIO)
    }

    fn write(object: &FileObject, offset: u64, from: &[u8]) -> Result<(), Errno> {
        vm().object_write(object.object(), offset, from).map_err(|_| Errno::ENOSPC)
    }

    fn sync(_: &FileObject) -> Result<(), Errno> {
        Ok(())
    }

    fn is_alone(_: &FileObject) -> bool {
        true
    }

    fn resident(object: &FileObject) -> u64 {
        vm().object_resident(object.object()).0 * vm().page_size()
    }

    fn free_pages() -> u64 {
        u64::from(vm().statistics().free_count)
    }
}
