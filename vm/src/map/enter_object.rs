//! New entries for callers that are trusted: what `exec` and `mmap` enter.
//!
//! Owns: a file's, a device's or a named memory's part in a map, shared or as a copy of the moment.
//! Does not own: where it goes and the entry itself (`enter`), the copy (`object::private`).
//! Locks: none while the copy is made; then the map alone.

use super::Map;
use super::enter::{CopyMode, NewEntry, Placement, Reference};
use super::entry::Attributes;
use crate::addr::VirtAddr;
use crate::machine::Machine;
use crate::object::ObjectRef;
use crate::object::delayed::Part;
use crate::sanitize;
use crate::vm::Vm;
use abi::KernReturn;

/// What a trusted caller enters.
pub struct EnterObject<'a, M: Machine> {
    /// The object; `None`: zeros.
    pub object: Option<&'a ObjectRef<M>>,
    /// Bytes into the object, a multiple of the page size.
    pub offset: u64,
    /// What it is.
    pub attributes: Attributes,
    /// Who sees writes.
    pub copy: CopyMode,
}

impl<M: Machine> Vm<M> {
    /// Enters a range for a caller that is trusted: `exec`, `mmap`. `size` in bytes is rounded up to
    /// pages. Takes a reference of its own to the object.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: no size, or an offset within a page; `NO_SPACE`, `INVALID_ADDRESS`: no such
    /// place; `RESOURCE_SHORTAGE`.
    pub fn enter_object(
        &self,
        map: &Map<M>,
        placement: Placement,
        size: u64,
        what: &EnterObject<'_, M>,
    ) -> Result<VirtAddr, KernReturn> {
        let size = sanitize::round_up::<M>(size).ok_or(KernReturn::INVALID_ARGUMENT)?;
        let inside = what.offset & M::PAGE_SIZE.wrapping_sub(1);
        if size == 0 || inside != 0 {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let mut new = NewEntry::zeros(placement, size, what.attributes);
        let (from, pages) = (what.offset >> M::PAGE_SHIFT, size >> M::PAGE_SHIFT);
        let Some(source) = what.object.filter(|_| what.copy == CopyMode::Private) else {
            new.object = what.object.map(|handle| &handle.0);
            new.offset = from;
            let entered = self.enter_as_asked(map, &mut new);
            self.tell_pagers();
            return entered;
        };
        // A copy of this moment.
        let copied = self.copy_part_waiting(&source.0, Part { from, pages })?;
        let mut new = NewEntry {
            object: Some(&copied.object),
            offset: copied.offset,
            copy: copied.mode,
            reference: Reference::Callers,
            ..new
        };
        let entered = self.enter_as_asked(map, &mut new);
        if entered.is_err() {
            self.give_object(copied.object);
        }
        self.tell_pagers();
        entered
    }
}
