//! `mach_vm_machine_attribute`: the caches of a range.
//!
//! Owns: the call's checks and their order (xnu-vm.md §12.2).
//! Does not own: the maintenance itself (`Machine::page_cache`).
//! Locks: the map shared, then the object and its chain shared.

use super::Map;
use crate::addr::PageId;
use crate::machine::{CacheOperation, Machine};
use crate::object::ObjRef;
use crate::object::shadow::{Below, next_shown};
use crate::object::slot::Slot;
use crate::sanitize::{self, RangeError, Realign, UserAddr, UserSize};
use crate::vm::Vm;
use abi::KernReturn;

/// `MATTR_CACHE`.
const MATTR_CACHE: u32 = 1;

/// What a value asks for; others ask for nothing that a page could get.
const fn operation(value: i32) -> Option<CacheOperation> {
    match value {
        6 => Some(CacheOperation::Flush),
        7 => Some(CacheOperation::FlushData),
        8 => Some(CacheOperation::FlushInstructions),
        9 => Some(CacheOperation::Sync),
        _ => None,
    }
}

impl<M: Machine> Vm<M> {
    /// `mach_vm_machine_attribute`: flushes or syncs the caches of the range's resident pages.
    ///
    /// # Errors
    /// XNU's, in XNU's order: size 0 succeeds, range, map's bounds, attribute, holes; where the
    /// machine has no maintenance, `INVALID_ADDRESS` if the last resident page was asked about.
    pub fn machine_attribute(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
        attribute: u32,
        value: i32,
    ) -> Result<(), KernReturn> {
        if sanitize::is_zero(size) {
            return Ok(());
        }
        let range = sanitize::range::<M>(addr, size, Realign::No).map_err(|error| match error {
            RangeError::Wrap => KernReturn::INVALID_ARGUMENT,
            RangeError::RoundWrap => KernReturn::INVALID_ADDRESS,
        })?;
        let state = map.read();
        if range.start < state.limits.start || range.end > state.limits.end {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        if attribute != MATTR_CACHE {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        if !state.covers(range) {
            return Err(KernReturn::FAILURE);
        }
        let mut result = Ok(());
        state.tree.visit(range, |entry| {
            let (Some(object), Some(part)) = (&entry.object, entry.range().intersect(range)) else {
                return None::<()>;
            };
            let (mut at, end) = (entry.index(part.start), entry.index(part.end));
            let shown = |at| next_shown(&object.read(), at).filter(|&index| index < end);
            while let Some(index) = shown(at) {
                at = index.wrapping_add(1);
                result = self.maintain(object, index, value);
            }
            None
        });
        result
    }

    fn maintain(&self, object: &ObjRef<M>, index: u64, value: i32) -> Result<(), KernReturn> {
        let maintain = |page: PageId| match operation(value) {
            None => self.machine().page_cache(page, CacheOperation::Sync),
            Some(operation) => self.machine().page_cache(page, operation),
        };
        let top = object.read();
        let done = match (top.slots.get(index), &top.shadow) {
            (Slot::Resident(page) | Slot::Busy(page), _) => maintain(page),
            (Slot::Empty, None) => Ok(()),
            (Slot::Empty, Some(shadow)) => self.look_below(shadow, index, |below| match below {
                Below::Page(page, ..) => maintain(page),
                Below::Busy(..) | Below::Paged(..) | Below::Nothing | Below::Beyond => Ok(()),
            }),
        };
        done.map_err(|_| KernReturn::INVALID_ADDRESS)
    }
}
