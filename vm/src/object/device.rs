//! Memory of a device: a range of physical addresses that programs map as it is.
//!
//! Owns: such objects, and where a page of one lies. XNU's device pager has them (xnu-vm.md §8).
//! Does not own: the memory, which is the device's and outside the page array; how it is entered (`fault::device`).
//! Locks: none; what is here never changes. Invariant: I-DEV-1 (an object of a device has no page: its size, in
//! pages that faults fill, is 0, so nothing of it is cached, queued, paged, wired, copied or freed).

use super::{ObjRef, Object, ObjectKind, ObjectRef};
use crate::addr::{Pages, PhysAddr};
use crate::machine::{CacheMode, Machine};
use crate::vm::Vm;
use abi::KernReturn;

/// Where a device's memory lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DeviceMemory {
    first: PhysAddr,
    pages: u64,
}

impl<M: Machine> Object<M> {
    /// Whether it is a device's memory.
    pub(crate) fn is_device(&self) -> bool {
        self.kind == ObjectKind::Device
    }

    /// Where its page `index` lies, if it is a device's and has so many.
    pub(crate) fn device_page(&self, index: u64) -> Option<PhysAddr> {
        let device = self.device.filter(|device| index < device.pages)?;
        let inside = index.checked_mul(M::PAGE_SIZE)?;
        device.first.0.checked_add(inside).map(PhysAddr)
    }

    /// Pages of a device's memory.
    pub(crate) fn device_pages(&self) -> Option<u64> {
        self.device.map(|device| device.pages)
    }
}

impl<M: Machine> Vm<M> {
    /// A new object that shows `pages` pages of a device's memory from `first` on, mapped with this caching. What
    /// maps it shares it; it is not copied, and `object_read` and `object_write` find no page of it. The memory
    /// stays the device's, at least as long as the object.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: `first` is not the beginning of a page, or the range ends beyond the last address;
    /// `RESOURCE_SHORTAGE`.
    pub fn object_create_device(
        &self,
        first: PhysAddr,
        pages: Pages,
        cache: CacheMode,
    ) -> Result<ObjectRef<M>, KernReturn> {
        let end = pages.0.checked_mul(M::PAGE_SIZE);
        let end = end.and_then(|bytes| first.0.checked_add(bytes));
        if end.is_none() || !first.0.is_multiple_of(M::PAGE_SIZE) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let mut object = Object::new(ObjectKind::Device, self.next_serial(), 0);
        object.cache = cache;
        object.device = Some(DeviceMemory {
            first,
            pages: pages.0,
        });
        let object: ObjRef<M> = self.place_object(object)?;
        self.handle(object)
    }
}
