//! `mach_vm_purgable_control`: memory that its program says it can do without.
//!
//! Owns: the call's checks and their order (xnu-vm.md §12.2), and purging for the kernel.
//! Does not own: the queues (`object::purgable`), how pages leave (`object::discard`).
//! Locks: the map shared while the object is looked up; then the queues', then the object's.

use super::Map;
use super::duplicate::EVERYWHERE;
use crate::addr::{Pages, VirtAddr};
use crate::machine::Machine;
use crate::memory_entry::{MemoryEntry, MemoryKind};
use crate::object::ObjRef;
use crate::object::purgable::{PurgeState, Purger, Refuse};
use crate::sanitize::{self, UserAddr};
use crate::vm::Vm;
use abi::purgable::{
    VM_PURGABLE_ALL_MASKS, VM_PURGABLE_DEBUG_EMPTY, VM_PURGABLE_DEBUG_FAULT, VM_PURGABLE_DENY,
    VM_PURGABLE_EMPTY, VM_PURGABLE_GET_STATE, VM_PURGABLE_PURGE_ALL, VM_PURGABLE_SET_STATE,
    VM_PURGABLE_STATE_MASK, VM_PURGABLE_VOLATILE,
};
use abi::{KernReturn, Protection};

/// What a checked call asks of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    Get,
    Set(i32),
    PurgeAll,
}

impl Control {
    /// What the arguments ask for; control, then the bits of the state word.
    pub(crate) const fn new(control: u32, state: i32) -> Result<Self, KernReturn> {
        match control {
            VM_PURGABLE_PURGE_ALL => Ok(Self::PurgeAll),
            VM_PURGABLE_GET_STATE => Ok(Self::Get),
            VM_PURGABLE_SET_STATE if state & !VM_PURGABLE_ALL_MASKS == 0 => Ok(Self::Set(state)),
            _ => Err(KernReturn::INVALID_ARGUMENT),
        }
    }
}

/// Memory of a map whose contents may be thrown away, or were.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VolatileMemory {
    /// Bytes of its entries.
    pub virtual_size: u64,
    /// Pages of its objects.
    pub resident: Pages,
    /// Pages that the map's own tables map.
    pub mapped: Pages,
}

impl<M: Machine> Vm<M> {
    /// What `TASK_VM_INFO_PURGEABLE` tells: entries that may be written and show all of a volatile object,
    /// each from its first page on. Looks at every entry.
    pub fn volatile_memory(&self, map: &Map<M>) -> VolatileMemory {
        let mut sum = VolatileMemory::default();
        let state = map.read();
        state.tree.visit(EVERYWHERE, |entry| {
            let writes = entry.attributes.protection.contains(Protection::WRITE);
            let object = entry
                .object
                .as_ref()
                .filter(|_| writes && entry.offset == 0);
            let record = object.and_then(|object| object.purge_record());
            if let (Some(object), Some(record)) = (object, record)
                && matches!(record.glimpse(), VM_PURGABLE_VOLATILE | VM_PURGABLE_EMPTY)
            {
                let object = object.read();
                sum.virtual_size = sum.virtual_size.saturating_add(entry.range().len());
                sum.resident.0 = sum.resident.0.saturating_add(object.slots.len());
                for (index, slot) in object.slots.range(0, entry.pages()) {
                    let at = VirtAddr(entry.start.0.wrapping_add(index << M::PAGE_SHIFT));
                    let there = self.machine().pmap_extract(self.pmap(map), at);
                    let mapped = there.is_some_and(|(page, _)| slot.page() == Some(page));
                    sum.mapped.0 = sum.mapped.0.saturating_add(mapped.into());
                }
            }
            None::<()>
        });
        sum
    }

    /// `mach_vm_purgable_control`. Answers the state for `GET`, the old state for `SET`, the word
    /// that came for `PURGE_ALL`.
    ///
    /// # Errors
    /// XNU's, in XNU's order: control, state bits, address, right to write, an object that is
    /// purgeable, a state that may be set.
    pub fn purgable_control(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        control: u32,
        state: i32,
    ) -> Result<i32, KernReturn> {
        let control = Control::new(control, state)?;
        if control == Control::PurgeAll {
            self.purge_all();
            return Ok(state);
        }
        let object = {
            let map = map.read();
            let entry = map.tree.find(sanitize::page::<M>(addr));
            let entry = entry.filter(|entry| entry.submap.is_none());
            let entry = entry.ok_or(KernReturn::INVALID_ADDRESS)?;
            let may_write = entry.attributes.protection.contains(Protection::WRITE);
            if !may_write && control != Control::Get {
                return Err(KernReturn::PROTECTION_FAILURE);
            }
            let object = entry
                .object
                .as_ref()
                .and_then(|object| object.try_ref().ok());
            object.ok_or(KernReturn::INVALID_ARGUMENT)?
        };
        self.control_object(&object, control)
    }

    /// `mach_memory_entry_purgable_control`: the same for what a memory entry names. It need not be
    /// mapped, nor does the entry's protection matter; but the entry must name all of one object.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: control (a purge of everything too), state bits, a part of an object or a copy,
    /// an object that is not purgeable; then as for mapped memory.
    pub fn memory_entry_purgable_control(
        &self,
        entry: &MemoryEntry<M>,
        control: u32,
        state: i32,
    ) -> Result<i32, KernReturn> {
        let control = Control::new(control, state)?;
        if control == Control::PurgeAll {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let object = entry.whole_object();
        self.control_object(&object.ok_or(KernReturn::INVALID_ARGUMENT)?, control)
    }

    /// `mach_memory_entry_access_tracking`: accesses are counted by no release kernel.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: a copy has no object. `NOT_SUPPORTED`.
    pub fn memory_entry_access_tracking(&self, entry: &MemoryEntry<M>) -> Result<(), KernReturn> {
        match entry.kind() {
            MemoryKind::Copied => Err(KernReturn::INVALID_ARGUMENT),
            MemoryKind::Shared => Err(KernReturn::NOT_SUPPORTED),
        }
    }

    /// The same for an object that is known.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if it is not purgeable, `PROTECTION_FAILURE` if only the kernel may set its
    /// state, `INVALID_ARGUMENT` if the state is none that may be set.
    pub(crate) fn control_object(
        &self,
        object: &ObjRef<M>,
        control: Control,
    ) -> Result<i32, KernReturn> {
        let record = object.purge_record();
        let record = record.ok_or(KernReturn::INVALID_ARGUMENT)?;
        let word = match control {
            Control::Set(word) => word,
            Control::Get | Control::PurgeAll => return Ok(self.purge_state(&record).word()),
        };
        if self.purger(&record) == Purger::Kernel {
            return Err(KernReturn::PROTECTION_FAILURE);
        }
        let new = match word & VM_PURGABLE_STATE_MASK {
            VM_PURGABLE_DENY => return Err(KernReturn::INVALID_ARGUMENT),
            VM_PURGABLE_VOLATILE if word & VM_PURGABLE_DEBUG_EMPTY != 0 => PurgeState::Empty,
            VM_PURGABLE_VOLATILE => PurgeState::Volatile,
            VM_PURGABLE_EMPTY => PurgeState::Empty,
            _ => PurgeState::Nonvolatile,
        };
        let refuse = if word & VM_PURGABLE_DEBUG_FAULT != 0 {
            Refuse::Faults
        } else {
            Refuse::Nothing
        };
        self.set_purge_state(object, &record, (new, word), refuse)
            .map(PurgeState::word)
    }

    /// Empties every object that is volatile at this moment.
    pub(crate) fn purge_all(&self) {
        self.purge(Pages(u64::MAX), crate::object::purgable::GROUPS);
    }

    /// Purges volatile objects until `pages` pages are free that were not, or none is left: those of
    /// ripe queues, and, ripe or not, those of groups below `force_below` (8: all). Answers how many
    /// pages came free. No lock may be held.
    pub fn purge(&self, pages: Pages, force_below: u8) -> Pages {
        let mut freed = Pages(0);
        // What becomes volatile meanwhile is not waited for.
        for _ in 0..self.purge_queues.len() {
            if freed >= pages {
                break;
            }
            let Some(more) = self.purge_one(force_below) else {
                break;
            };
            freed = Pages(freed.0.saturating_add(more));
        }
        freed
    }
}
