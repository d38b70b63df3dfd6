//! Allocation and mapping: new entries.
//!
//! Owns: where a new range goes, and when it becomes part of the entry before it.
//! Does not own: pages; none is touched before a fault.
//! Locks: the map alone. The entry that may be needed is taken before.

use super::clip::{Spare, Stop};
use super::entry::{Attributes, Entry, EntryFlags};
use super::tree::{Hole, Removed};
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::machine::Machine;
use crate::memory_entry::{MemoryEntry, MemoryKind};
use crate::object::{ObjRef, ObjectKind, ObjectRef};
use crate::sanitize::{
    self, Flags, FlagsOf, RangeError, Realign, UserAddr, UserFlags, UserInherit, UserProt, UserSize,
};
use crate::vm::{Vm, WriteExecute};
use abi::vm_flags::{
    VM_FLAGS_ANYWHERE, VM_FLAGS_NO_CACHE, VM_FLAGS_OVERWRITE, VM_FLAGS_PERMANENT,
    VM_FLAGS_PURGABLE, VM_FLAGS_RETURN_4K_DATA_ADDR, VM_FLAGS_RETURN_DATA_ADDR, VM_MEMORY_REALLOC,
};
use abi::{Inherit, KernReturn, Protection};

/// The most bytes of an entry that a new allocation makes longer.
const COALESCE_LIMIT: u64 = 128 * 1024 - 1;
/// The same for `realloc`'s tag.
const COALESCE_LIMIT_REALLOC: u64 = 128 << 20;

/// Where a new range goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// To this address; `NO_SPACE` if something is there.
    Fixed(VirtAddr),
    /// To this address, instead of what is there.
    Overwrite(VirtAddr),
    /// To the lowest hole at or after this address.
    Anywhere(VirtAddr),
}

/// Whether a range of an object is copied when it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CopyMode {
    /// Writes go into the object.
    #[default]
    Shared,
    /// The first write makes a shadow object.
    Private,
}

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

/// `mach_vm_map`'s arguments, as the program passed them; the object is null.
#[derive(Clone, Copy, Debug, Default)]
pub struct MapRequest {
    /// Address or hint.
    pub addr: UserAddr,
    /// Bytes.
    pub size: UserSize,
    /// Bits that must be zero in the address.
    pub mask: u64,
    /// `VM_FLAGS_*`.
    pub flags: UserFlags,
    /// Current protection.
    pub current: UserProt,
    /// Maximum protection.
    pub maximum: UserProt,
    /// Inheritance.
    pub inherit: UserInherit,
}

/// An entry to be made.
struct NewEntry<'a, M: Machine> {
    placement: Placement,
    size: u64,
    mask: u64,
    attributes: Attributes,
    object: Option<&'a ObjRef<M>>,
    offset: u64,
    copy: CopyMode,
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
        let flags = sanitize::flags(flags, FlagsOf::Allocate)?;
        if sanitize::is_zero(size) {
            return Ok(VirtAddr(0));
        }
        let (placement, size) = placement::<M>(addr, size, flags, KernReturn::INVALID_ADDRESS)?;
        check_purgable::<M>(flags, size)?;
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
        self.enter_entry(map, &NewEntry::zeros(placement, size, attributes))
    }

    /// `mach_vm_map` of a memory entry, from `offset` bytes on. Answers the address.
    ///
    /// # Errors
    /// XNU's, in XNU's order: flags, protections, inheritance, range, the entry's range and rights.
    pub fn map_entry(
        &self,
        map: &Map<M>,
        request: &MapRequest,
        entry: &MemoryEntry<M>,
        (offset, copy): (u64, CopyMode),
    ) -> Result<VirtAddr, KernReturn> {
        let flags = sanitize::flags(request.flags, FlagsOf::Map)?;
        let is_mask = abi::prot::VM_PROT_IS_MASK;
        let (mut current, mask) = sanitize::protection(request.current, is_mask)?;
        let (mut max, max_mask) = sanitize::protection(request.maximum, is_mask)?;
        let inherit = sanitize::inherit(request.inherit)?;
        let argument = KernReturn::INVALID_ARGUMENT;
        if sanitize::is_zero(request.size) {
            return Err(argument);
        }
        let (placement, size) = placement::<M>(request.addr, request.size, flags, argument)?;
        let copied = entry.kind() == MemoryKind::Copied;
        let plain = VM_FLAGS_ANYWHERE
            | VM_FLAGS_OVERWRITE
            | VM_FLAGS_RETURN_DATA_ADDR
            | VM_FLAGS_RETURN_4K_DATA_ADDR;
        if copied && flags.beyond(plain) || flags.has(VM_FLAGS_PURGABLE) {
            return Err(argument);
        }
        let data = flags.has(VM_FLAGS_RETURN_DATA_ADDR | VM_FLAGS_RETURN_4K_DATA_ADDR);
        let from = offset
            .checked_add(if data { entry.inside() } else { 0 })
            .ok_or(argument)?;
        let inside = from & M::PAGE_SIZE.wrapping_sub(1);
        if inside != 0 && !data {
            return Err(argument);
        }
        let start = UserAddr(from.wrapping_sub(inside));
        let end = inside.checked_add(size).ok_or(argument)?;
        let range = sanitize::range::<M>(start, UserSize(end), Realign::No);
        let range = range.map_err(|_| argument)?;
        if range.end.0 > entry.size() {
            return Err(argument);
        }
        // Who maps with a copy may write it, whatever the entry gives.
        let given = if copy == CopyMode::Private {
            entry.protection().union(Protection::WRITE)
        } else {
            entry.protection()
        };
        if max_mask != 0 {
            max = max.intersection(given);
        }
        if mask != 0 {
            current = current.intersection(max);
        }
        if !given.contains(current) || !given.contains(max) {
            return Err(KernReturn::INVALID_RIGHT);
        }
        let current = current.intersection(max);
        self.check_write_execute(current)?;
        let attributes = Attributes {
            protection: current,
            max,
            inherit,
            tag: flags.tag(),
            flags: entry_flags(flags),
            ..Attributes::default()
        };
        let twins = self.twins_of_entry(entry, range, copy)?;
        let change = |new: &mut Attributes| {
            let shared = new.flags & EntryFlags::SHARED;
            *new = attributes;
            new.flags |= shared;
        };
        let place = (placement, request.mask);
        let entered = self.insert(map, place, twins, range, |_| Ok(()), change);
        let at = self.or_discard(entered)?;
        Ok(VirtAddr(at.0.saturating_add(inside)))
    }

    /// `mach_vm_map` of no object. Answers the address.
    ///
    /// # Errors
    /// XNU's, in XNU's order: flags, protections, inheritance, range.
    pub fn map(&self, map: &Map<M>, request: &MapRequest) -> Result<VirtAddr, KernReturn> {
        let flags = sanitize::flags(request.flags, FlagsOf::Map)?;
        let is_mask = abi::prot::VM_PROT_IS_MASK;
        let (current, _) = sanitize::protection(request.current, is_mask)?;
        let (max, _) = sanitize::protection(request.maximum, is_mask)?;
        let inherit = sanitize::inherit(request.inherit)?;
        if sanitize::is_zero(request.size) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let argument = KernReturn::INVALID_ARGUMENT;
        let (placement, size) = placement::<M>(request.addr, request.size, flags, argument)?;
        check_purgable::<M>(flags, size)?;
        let current = current.intersection(max);
        self.check_write_execute(current)?;
        let attributes = Attributes {
            protection: current,
            max,
            inherit,
            tag: flags.tag(),
            flags: entry_flags(flags),
            ..Attributes::default()
        };
        let mut new = NewEntry::zeros(placement, size, attributes);
        new.mask = request.mask;
        self.enter_entry(map, &new)
    }

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
        new.object = what.object.map(|handle| &handle.0);
        new.offset = what.offset >> M::PAGE_SHIFT;
        new.copy = what.copy;
        self.enter_entry(map, &new)
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
        if state.no_new_code && new.attributes.protection.contains(Protection::EXECUTE) {
            return Err(Stop::Code(KernReturn::PROTECTION_FAILURE));
        }
        let range = state.place(new.placement, new.size, new.mask)?;
        let object = match new.object {
            None => None,
            Some(object) => Some(
                object
                    .try_ref()
                    .map_err(|_| KernReturn::RESOURCE_SHORTAGE)?,
            ),
        };
        if matches!(new.placement, Placement::Overwrite(_)) && !state.tree.is_free(range) {
            spare.require(state.clips(range).saturating_add(1))?;
            self.remove_locked(map, state, range, spare, removed, batch)?;
            if !state.tree.is_free(range) {
                // A permanent entry stayed.
                return Err(Stop::Code(KernReturn::NO_SPACE));
            }
        }
        state.size = state.size.saturating_add(new.size);
        if object.is_none() && self.extend_previous(state, range, &new.attributes, batch) {
            self.counters.count(Event::Coalesce);
            return Ok(range.start);
        }
        let mut entry = Entry::new(range, new.attributes);
        if let Some(object) = &object {
            let mut target = object.write();
            target.refs = target.refs.saturating_add(1);
            target.aliased = true;
            entry.needs_copy = new.copy == CopyMode::Private;
        }
        entry.object = object;
        entry.offset = new.offset;
        let entry = spare.take(entry)?;
        state.tree.insert(entry);
        Ok(range.start)
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
            || before.attributes != *attributes
            || before.wired != 0
            || before.needs_copy
            || range.end.0.wrapping_sub(before.start.0) > limit
        {
            return false;
        }
        if let Some(object) = &before.object {
            let mut target = object.write();
            if object.kind != ObjectKind::Anonymous
                || !target.is_exclusive()
                || target.aliased
                || target.shadow.is_some()
            {
                return false;
            }
            let end = before.index(before.end);
            let grown = end.saturating_add(range.len() >> M::PAGE_SHIFT);
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
        }
        let start = before.start;
        state.tree.update(start, |entry| entry.end = range.end);
        true
    }
}

impl<M: Machine> NewEntry<'_, M> {
    const fn zeros(placement: Placement, size: u64, attributes: Attributes) -> Self {
        Self {
            placement,
            size,
            mask: 0,
            attributes,
            object: None,
            offset: 0,
            copy: CopyMode::Shared,
        }
    }
}

impl<M: Machine> MapState<M> {
    /// The range that a placement means now.
    pub(crate) fn place(
        &self,
        placement: Placement,
        size: u64,
        mask: u64,
    ) -> Result<Range, KernReturn> {
        if self.terminated {
            return Err(KernReturn::TERMINATED);
        }
        match placement {
            Placement::Anywhere(hint) => {
                // Page 0 is never given.
                let from = hint.0.max(self.limits.start.0).max(M::PAGE_SIZE);
                let hole = Hole {
                    size,
                    mask: mask | M::PAGE_SIZE.wrapping_sub(1),
                    limit: self.limits.end.0,
                };
                let at = self.tree.hole(VirtAddr(from), hole);
                let at = at.ok_or(KernReturn::NO_SPACE)?;
                let end = at.0.checked_add(size).ok_or(KernReturn::NO_SPACE)?;
                Ok(Range::new(at, VirtAddr(end)))
            }
            Placement::Fixed(at) | Placement::Overwrite(at) => {
                if at.0 & mask != 0 {
                    return Err(KernReturn::NO_SPACE);
                }
                let end = at.0.checked_add(size).ok_or(KernReturn::INVALID_ADDRESS)?;
                if at < self.limits.start || end > self.limits.end.0 {
                    return Err(KernReturn::INVALID_ADDRESS);
                }
                let range = Range::new(at, VirtAddr(end));
                let taken = self.tree.find_from(at).is_some_and(|e| e.start < range.end);
                if taken && matches!(placement, Placement::Fixed(_)) {
                    return Err(KernReturn::NO_SPACE);
                }
                Ok(range)
            }
        }
    }
}

/// The flags that an entry remembers.
fn entry_flags(flags: Flags) -> EntryFlags {
    let mut entry = EntryFlags::empty();
    entry.set(EntryFlags::PERMANENT, flags.has(VM_FLAGS_PERMANENT));
    entry.set(EntryFlags::NO_CACHE, flags.has(VM_FLAGS_NO_CACHE));
    entry.set(EntryFlags::PURGABLE, flags.has(VM_FLAGS_PURGABLE));
    entry
}

fn check_purgable<M: Machine>(flags: Flags, size: u64) -> Result<(), KernReturn> {
    if flags.has(VM_FLAGS_PURGABLE) && size >> M::PAGE_SHIFT > u64::from(u32::MAX) {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    Ok(())
}

/// Where a call wants its memory, and how much, in whole pages. `size` is not 0; `wrap` is the code
/// of a fixed range that wraps.
fn placement<M: Machine>(
    addr: UserAddr,
    size: UserSize,
    flags: Flags,
    wrap: KernReturn,
) -> Result<(Placement, u64), KernReturn> {
    let rounded = sanitize::round_up::<M>(size.0).ok_or(KernReturn::INVALID_ARGUMENT)?;
    if flags.has(VM_FLAGS_ANYWHERE) {
        return Ok((Placement::Anywhere(sanitize::page::<M>(addr)), rounded));
    }
    let range = sanitize::range::<M>(addr, size, Realign::Start).map_err(|_: RangeError| wrap)?;
    let at = if flags.has(VM_FLAGS_OVERWRITE) {
        Placement::Overwrite(range.start)
    } else {
        Placement::Fixed(range.start)
    };
    Ok((at, range.len()))
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
