//! Allocation and mapping: new entries.
//!
//! Owns: the calls, what their flags ask for, when new memory becomes part of the entry before it.
//! Does not own: where a range goes (`place`), pieces of large ones (`chunk`), pages; none is touched
//! before a fault.
//! Locks: the map alone. The entry that may be needed is taken before.

use super::chunk::{CHUNK, LARGE_CHUNK};
use super::clip::{Spare, Stop};
use super::entry::{Attributes, Entry};
use super::request::{MapRequest, entry_flags, placement};
use super::tree::Removed;
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::machine::Machine;
use crate::object::ledger::LedgerTag;
use crate::object::purgable::Purger;
use crate::object::{ObjRef, ObjectKind};
use crate::sanitize::{self, Flags, FlagsOf, UserAddr, UserFlags, UserSize};
use crate::vm::{Vm, WriteExecute};
use abi::vm_flags::{
    VM_FLAGS_4GB_CHUNK, VM_FLAGS_PURGABLE, VM_FLAGS_RANDOM_ADDR, VM_FLAGS_SUPERPAGE_MASK,
    VM_FLAGS_TPRO, VM_MEMORY_REALLOC,
};
use abi::{Inherit, KernReturn, Protection};

/// The most bytes of an entry that a new allocation makes longer.
const COALESCE_LIMIT: u64 = 128 * 1024 - 1;
/// The same for `realloc`'s tag.
const COALESCE_LIMIT_REALLOC: u64 = 128 << 20;

/// The most pages of a purgeable object.
const ANON_MAX: u64 = u32::MAX as u64;

/// Where a new range goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// To this address; `NO_SPACE` if something is there.
    Fixed(VirtAddr),
    /// To this address, instead of what is there.
    Overwrite(VirtAddr),
    /// To the lowest hole at or after this address.
    Anywhere(VirtAddr),
    /// To a random address that is free.
    Random,
}

/// Whether a range of an object is copied when it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CopyMode {
    /// Writes go into the object.
    #[default]
    Shared,
    /// It shows the object as it is now, and the first write makes a shadow object.
    Private,
}

/// An entry to be made.
pub(super) struct NewEntry<'a, M: Machine> {
    pub(super) placement: Placement,
    pub(super) size: u64,
    pub(super) mask: u64,
    pub(super) flags: Flags,
    pub(super) attributes: Attributes,
    pub(super) object: Option<&'a ObjRef<M>>,
    pub(super) offset: u64,
    pub(super) copy: CopyMode,
    pub(super) reference: Reference,
    /// Who is charged for purgeable memory; `None`: the map that gets it.
    pub(super) owner: Option<&'a Map<M>>,
}

/// Whose reference to its object a new entry gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    /// One of its own.
    New,
    /// The caller's, if it succeeds.
    Callers,
}

impl<M: Machine> Vm<M> {
    /// `mach_vm_allocate`: zero-fill memory, readable and writable. Answers its address.
    ///
    /// # Errors
    /// XNU's, in XNU's order: flags, then range (xnu-vm.md §12.2).
    pub fn allocate(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
        flags: UserFlags,
    ) -> Result<VirtAddr, KernReturn> {
        self.allocate_for(map, (map, addr), size, flags)
    }

    /// The same by the task that has the map `owner`: it is charged for purgeable memory, whoever gets it.
    ///
    /// # Errors
    /// As [`Vm::allocate`].
    pub fn allocate_for(
        &self,
        owner: &Map<M>,
        (map, addr): (&Map<M>, UserAddr),
        size: UserSize,
        flags: UserFlags,
    ) -> Result<VirtAddr, KernReturn> {
        let flags = sanitize::flags(flags, FlagsOf::Allocate)?;
        if sanitize::is_zero(size) {
            return Ok(VirtAddr(0));
        }
        let (placement, size) = placement::<M>(addr, size, flags, KernReturn::INVALID_ADDRESS)?;
        let attributes = Attributes {
            tag: flags.tag(),
            flags: entry_flags(flags),
            ..Attributes::default()
        };
        // The hint of an allocation is ignored.
        let placement = match placement {
            Placement::Anywhere(_) => Placement::Anywhere(VirtAddr(0)),
            fixed => fixed,
        };
        let mut new = NewEntry::zeros(placement, size, attributes);
        (new.flags, new.owner) = (flags, Some(owner));
        self.enter_as_asked(map, &mut new)
    }

    /// `mach_vm_map` of no object. Answers the address.
    ///
    /// # Errors
    /// XNU's, in XNU's order: flags, protections, inheritance, range.
    pub fn map(&self, map: &Map<M>, request: &MapRequest) -> Result<VirtAddr, KernReturn> {
        self.map_for(map, map, request)
    }

    /// The same by the task that has the map `owner`: it is charged for purgeable memory, whoever gets it.
    ///
    /// # Errors
    /// As [`Vm::map`].
    pub fn map_for(
        &self,
        owner: &Map<M>,
        map: &Map<M>,
        request: &MapRequest,
    ) -> Result<VirtAddr, KernReturn> {
        let checked = request.check::<M>()?;
        let attributes = checked.attributes;
        self.check_write_execute(attributes.protection)?;
        let mut new = NewEntry::zeros(checked.placement, checked.size, attributes);
        (new.mask, new.flags) = (request.mask, checked.flags);
        new.owner = Some(owner);
        self.enter_as_asked(map, &mut new)
    }

    /// Enters memory as its flags and its size ask for it.
    #[inline(always)]
    pub(super) fn enter_as_asked(
        &self,
        map: &Map<M>,
        new: &mut NewEntry<'_, M>,
    ) -> Result<VirtAddr, KernReturn> {
        const SPECIAL: u32 = VM_FLAGS_PURGABLE | VM_FLAGS_TPRO | VM_FLAGS_SUPERPAGE_MASK;
        if new.flags.has(SPECIAL) || new.size > CHUNK {
            return self.enter_special(map, new);
        }
        self.enter_entry(map, new)
    }

    #[cold]
    #[inline(never)]
    fn enter_special(
        &self,
        map: &Map<M>,
        new: &mut NewEntry<'_, M>,
    ) -> Result<VirtAddr, KernReturn> {
        if new.flags.has(VM_FLAGS_TPRO) {
            // Only a trusted path writes it; the maximum must leave that possible.
            if !new.attributes.max.contains(Protection::DEFAULT) {
                return Err(KernReturn::PROTECTION_FAILURE);
            }
            new.attributes.protection = Protection::READ;
        }
        if new.flags.has(VM_FLAGS_SUPERPAGE_MASK) {
            return self.enter_superpages(map, new);
        }
        if !new.flags.has(VM_FLAGS_PURGABLE) {
            return if new.is_chunked() {
                self.enter_chunks(map, new)
            } else {
                self.enter_entry(map, new)
            };
        }
        let pages = new.size >> M::PAGE_SHIFT;
        if pages > ANON_MAX {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let object = self.relieved(|| self.new_purgable(pages, Purger::Writers))?;
        if let Some(record) = object.purge_record() {
            self.charge(new.owner.unwrap_or(map), &record, LedgerTag::None);
        }
        let mut purgable = NewEntry::zeros(new.placement, new.size, new.attributes);
        (purgable.mask, purgable.flags) = (new.mask, new.flags);
        purgable.object = Some(&object);
        let entered = self.enter_entry(map, &purgable);
        let mut batch = self.frames.batch();
        self.release_object(object, &mut batch);
        self.frames.finish(batch);
        entered
    }

    /// Refuses memory that is writable and executable, where the policy does.
    pub(crate) fn check_write_execute(&self, protection: Protection) -> Result<(), KernReturn> {
        let both = Protection::WRITE.union(Protection::EXECUTE);
        if self.write_execute == WriteExecute::Refused && protection.contains(both) {
            return Err(KernReturn::PROTECTION_FAILURE);
        }
        Ok(())
    }

    fn enter_entry(&self, map: &Map<M>, new: &NewEntry<'_, M>) -> Result<VirtAddr, KernReturn> {
        let mut removed = Removed::default();
        let mut batch = self.frames.batch();
        let mut spare = Spare::new();
        let result = spare.fill(self, 1).and_then(|()| {
            loop {
                let mut state = map.write();
                let step =
                    self.enter_locked(map, &mut state, new, &mut spare, &mut removed, &mut batch);
                batch.flush_now(self.machine());
                drop(state);
                match step {
                    Ok(at) => return Ok(at),
                    Err(Stop::Code(code)) => return Err(code),
                    Err(Stop::Entries(count)) => spare.fill(self, count)?,
                }
            }
        });
        self.dispose(removed, &mut batch);
        self.frames.finish(batch);
        self.tell_pagers();
        result
    }

    fn enter_locked(
        &self,
        map: &Map<M>,
        state: &mut MapState<M>,
        new: &NewEntry<'_, M>,
        spare: &mut Spare<M>,
        removed: &mut Removed<M>,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<VirtAddr, Stop> {
        let range = self.make_room(map, state, new, spare, removed, batch)?;
        let object = match new.object {
            None => None,
            Some(object) => Some(
                object
                    .try_ref()
                    .map_err(|_| KernReturn::RESOURCE_SHORTAGE)?,
            ),
        };
        state.size = state.size.saturating_add(new.size);
        if object.is_none() && self.extend_previous(state, range, &new.attributes, batch) {
            self.counters.count(Event::Coalesce);
            return Ok(range.start);
        }
        let mut entry = Entry::new(range, new.attributes);
        if let Some(object) = object.as_ref().filter(|_| new.reference == Reference::New) {
            let mut target = object.write();
            target.refs = target.refs.saturating_add(1);
            target.aliased = true;
            self.notice(object, &target);
        }
        entry.needs_copy = new.copy == CopyMode::Private;
        entry.object = object;
        entry.offset = new.offset;
        if state.is_frozen() {
            entry.freeze();
        }
        let entry = spare.take(entry)?;
        state.tree.insert(entry);
        Ok(range.start)
    }

    /// Finds the place of a new entry in a locked map, and removes what it overwrites.
    #[inline(always)]
    pub(super) fn make_room(
        &self,
        map: &Map<M>,
        state: &mut MapState<M>,
        new: &NewEntry<'_, M>,
        spare: &mut Spare<M>,
        removed: &mut Removed<M>,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<Range, Stop> {
        let range = match new.placement {
            Placement::Anywhere(_) if new.flags.has(VM_FLAGS_RANDOM_ADDR) => {
                self.place_randomly(state, (new.size, new.mask))?
            }
            placement => state.place_inline(placement, new.size, new.mask)?,
        };
        if !state.restrictions.is_empty() {
            state.check_restrictions(new.attributes.protection, range)?;
        }
        if matches!(new.placement, Placement::Overwrite(_)) && !state.tree.is_free(range) {
            spare.require(state.clips(range).saturating_add(1))?;
            self.clear_locked(map, state, range, spare, removed, batch)?;
        }
        Ok(range)
    }

    /// Makes the entry that ends where `range` begins longer, if the new memory is of its kind and
    /// its object is nobody else's.
    fn extend_previous(
        &self,
        state: &mut MapState<M>,
        range: Range,
        attributes: &Attributes,
        batch: &mut TlbBatch<'_, M>,
    ) -> bool {
        let Some(before) = state.tree.find_before(range.start) else {
            return false;
        };
        let limit = if attributes.tag == VM_MEMORY_REALLOC {
            COALESCE_LIMIT_REALLOC
        } else {
            COALESCE_LIMIT
        };
        if before.end != range.start
            || !before.attributes.admit(attributes)
            || before.wired != 0
            || before.submap.is_some()
            || before.needs_copy
            || range.end.0.wrapping_sub(before.start.0) > limit
        {
            return false;
        }
        if let Some(object) = &before.object {
            let end = before.index(before.end);
            let mut cut = None;
            let grows = self.grow_object(object, end, range.len(), batch, &mut cut);
            if let Some(cut) = cut {
                self.release_object(cut, batch);
            }
            if !grows {
                return false;
            }
        }
        let start = before.start;
        state.tree.update(start, |entry| entry.end = range.end);
        true
    }

    /// Makes the object of an entry, which ends at page `end` of it, `bytes` longer, if it is nobody
    /// else's and stands alone or can be made to. What a bypass cut off is in `cut` then.
    #[inline(never)]
    fn grow_object(
        &self,
        object: &ObjRef<M>,
        end: u64,
        bytes: u64,
        batch: &mut TlbBatch<'_, M>,
        cut: &mut Option<ObjRef<M>>,
    ) -> bool {
        let mut target = object.write();
        if target.shadow.is_some() && target.is_exclusive() {
            self.collapse(object, &mut target, batch, cut);
        }
        if object.kind != ObjectKind::Anonymous
            || !target.is_exclusive()
            || target.aliased
            || target.size < end
            || target.shadow.is_some()
        {
            return false;
        }
        let grown = end.saturating_add(bytes >> M::PAGE_SHIFT);
        let nodes = &self.zones.nodes;
        if target.slots.grow(grown, nodes, &self.frames).is_err() {
            return false;
        }
        // What lies beyond the entry's end was cut off from it: no longer anybody's memory.
        self.free_range(&mut target, end, u64::MAX, batch);
        if target.slots.next(end).is_some() {
            return false;
        }
        target.size = target.size.max(grown);
        true
    }
}

impl<M: Machine> NewEntry<'_, M> {
    pub(super) const fn zeros(placement: Placement, size: u64, attributes: Attributes) -> Self {
        Self {
            placement,
            size,
            mask: 0,
            flags: Flags::NONE,
            attributes,
            object: None,
            offset: 0,
            copy: CopyMode::Shared,
            reference: Reference::New,
            owner: None,
        }
    }

    /// Whether the region becomes several entries: it is large, shows zeros, and is more than a
    /// range that is kept free.
    fn is_chunked(&self) -> bool {
        self.object.is_none() && self.size > self.chunk() && !self.attributes.max.is_empty()
    }

    /// Bytes of the pieces that a large region of zeros is entered in.
    pub(super) const fn chunk(&self) -> u64 {
        if self.flags.has(VM_FLAGS_4GB_CHUNK) {
            LARGE_CHUNK
        } else {
            CHUNK
        }
    }
}

impl Attributes {
    /// Zero-fill memory as `mach_vm_allocate` gives it, with these rights.
    pub fn with(protection: Protection, max: Protection, inherit: Inherit, tag: u8) -> Self {
        Self {
            protection,
            max,
            inherit,
            tag,
            ..Self::default()
        }
    }
}
