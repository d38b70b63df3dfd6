//! Memory entries: memory that has a name, for who maps it later or elsewhere.
//!
//! Owns: `mach_make_memory_entry` in its modes, and what an entry may give. Its memory is held by a map
//! that nobody runs on. Does not own: port names (`kernel`), sharing and copying (`map::duplicate`).
//! Locks: those of the maps, one at a time.

use crate::addr::{Range, VirtAddr};
use crate::frames::Frames;
use crate::machine::Machine;
use crate::map::duplicate::{EVERYWHERE, For, How, Twins};
use crate::map::enter::{CopyMode, Placement};
use crate::map::entry::{Attributes, Entry};
use crate::map::tree::Tree;
use crate::map::{Map, MapRef, MapState};
use crate::object::ledger::LedgerTag;
use crate::object::purgable::Purger;
use crate::object::{CopyStrategy, ObjRef, ObjectKind};
use crate::sanitize::{self, Realign, UserAddr, UserSize};
use crate::vm::Vm;
use abi::memory_entry::*;
use abi::{KernReturn, Protection};
use zalloc::ZRef;

/// A counted reference to a memory entry; it ends with [`Vm::memory_entry_release`].
pub type MemoryEntryRef<M> = ZRef<MemoryEntry<M>, Frames<M>>;

/// What an entry's memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryKind {
    /// Who maps it sees what others write.
    Shared,
    /// Who maps it gets the bytes of the moment at which the entry was made.
    Copied,
}

/// Memory with a name.
pub struct MemoryEntry<M: Machine> {
    /// Holds it from address 0 on.
    map: MapRef<M>,
    kind: MemoryKind,
    /// What who maps it may do.
    protection: Protection,
    /// Bytes, in whole pages.
    size: u64,
    /// Where the bytes that were named begin in the first page.
    inside: u64,
}

/// What `mach_make_memory_entry` made.
pub struct MadeEntry<M: Machine> {
    /// The entry; `None` where the call makes none.
    pub entry: Option<MemoryEntryRef<M>>,
    /// Bytes that it names.
    pub size: u64,
}

impl<M: Machine> MemoryEntry<M> {
    /// What its memory is.
    pub const fn kind(&self) -> MemoryKind {
        self.kind
    }

    /// What who maps it may do.
    pub const fn protection(&self) -> Protection {
        self.protection
    }

    /// Bytes, in whole pages.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where the named bytes begin in the first page.
    pub const fn inside(&self) -> u64 {
        self.inside
    }

    /// The object that the entry names, if it names all of one.
    pub(crate) fn whole_object(&self) -> Option<ObjRef<M>> {
        if self.kind == MemoryKind::Copied {
            return None;
        }
        let state = self.map.read();
        let first = state.tree.find(VirtAddr(0))?;
        let object = first.object.as_ref()?.try_ref().ok()?;
        // Who mapped a part of it has split the entry that holds it.
        let other = state.tree.visit(EVERYWHERE, |held| {
            let same = held.object.as_ref().is_some_and(|o| o.ptr_eq(&object));
            let in_place = held.offset << M::PAGE_SHIFT == held.start.0;
            (!same || !in_place).then_some(())
        });
        let whole = object.whole_size().checked_mul(M::PAGE_SIZE) == Some(self.size);
        (whole && other.is_none()).then_some(object)
    }
}

impl<M: Machine> Vm<M> {
    /// `mach_make_memory_entry_64`: names `size` bytes at `offset` of `map`, or of `parent`.
    /// `permission` holds the protection and `MAP_MEM_*`.
    ///
    /// # Errors
    /// XNU's, in XNU's order (xnu-vm.md §1.7, §12.2).
    pub fn make_memory_entry(
        &self,
        map: &Map<M>,
        size: UserSize,
        offset: UserAddr,
        permission: u32,
        parent: Option<&MemoryEntry<M>>,
    ) -> Result<MadeEntry<M>, KernReturn> {
        self.make_memory_entry_for(map, map, (size, offset), permission, parent)
    }

    /// The same by the task that has the map `owner`: it is charged for what is purgeable.
    ///
    /// # Errors
    /// As [`Vm::make_memory_entry`].
    pub fn make_memory_entry_for(
        &self,
        owner: &Map<M>,
        map: &Map<M>,
        (size, offset): (UserSize, UserAddr),
        permission: u32,
        parent: Option<&MemoryEntry<M>>,
    ) -> Result<MadeEntry<M>, KernReturn> {
        if permission & MAP_MEM_UNKNOWN != 0 {
            return Err(KernReturn::INVALID_VALUE);
        }
        let has = |flag| permission & flag != 0;
        if parent.is_some_and(|parent| parent.kind == MemoryKind::Copied) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let wanted = Wanted {
            size,
            offset,
            protection: Protection::from_bits_truncate((permission & 7) as u8),
            exact: has(MAP_MEM_USE_DATA_ADDR) || has(MAP_MEM_4K_DATA_ADDR),
            mask: has(abi::prot::VM_PROT_IS_MASK),
        };
        if has(MAP_MEM_ONLY) {
            return only(&wanted, permission, parent);
        }
        if has(MAP_MEM_NAMED_CREATE) {
            let purger = match has(MAP_MEM_PURGABLE_KERNEL_ONLY) {
                true => Purger::Kernel,
                false => Purger::Writers,
            };
            let purgable = has(MAP_MEM_PURGABLE).then_some(purger);
            let made = self.named_create(&wanted, purgable, CopyStrategy::None)?;
            let tag = match has(MAP_MEM_LEDGER_TAGGED) {
                true => LedgerTag::Default,
                false => LedgerTag::None,
            };
            let object = made.entry.as_ref().and_then(|entry| entry.whole_object());
            if let Some(record) = object.and_then(|object| object.purge_record()) {
                self.charge(owner, &record, tag);
            }
            return Ok(made);
        }
        if has(MAP_MEM_VM_COPY) {
            return self.entry_of_copy(map, &wanted);
        }
        match parent {
            Some(parent) if !has(MAP_MEM_VM_SHARE) && !has(MAP_MEM_NAMED_REUSE) => {
                self.entry_of_parent(parent, &wanted)
            }
            _ => self.entry_of_range(map, &wanted, has(MAP_MEM_VM_SHARE)),
        }
    }

    /// `mach_memory_object_memory_entry_64` of memory without a pager: as `MAP_MEM_NAMED_CREATE`, but copies
    /// wait until something is written. Bits of `permission` beyond the protection are passed over.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: no size, or one that is none in pages; `FAILURE`: too large; `RESOURCE_SHORTAGE`.
    pub fn memory_object_memory_entry(
        &self,
        size: UserSize,
        permission: u32,
    ) -> Result<MadeEntry<M>, KernReturn> {
        if sanitize::is_zero(size) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let wanted = Wanted {
            size,
            offset: UserAddr(0),
            protection: Protection::from_bits_truncate((permission & 7) as u8),
            exact: false,
            mask: false,
        };
        self.named_create(&wanted, None, CopyStrategy::Delay)
    }

    /// A new object of zeros, shared by all who map it, copied as `strategy` says.
    fn named_create(
        &self,
        wanted: &Wanted,
        purgable: Option<Purger>,
        strategy: CopyStrategy,
    ) -> Result<MadeEntry<M>, KernReturn> {
        if sanitize::is_zero(wanted.size) {
            return Ok(MadeEntry {
                entry: None,
                size: 0,
            });
        }
        let size = wanted.range::<M>()?.len();
        if wanted.exact {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        if size >> M::PAGE_SHIFT > u64::from(u32::MAX) {
            return Err(KernReturn::FAILURE);
        }
        if purgable.is_some() && !wanted.protection.contains(Protection::WRITE) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let entry = self.empty_entry(size)?;
        match self.created(size, purgable, strategy) {
            Ok(twins) => {
                let range = Range::new(VirtAddr(0), VirtAddr(size));
                let protection = wanted.protection;
                self.fill_entry(entry, twins, range, |entry| entry.protection = protection)
            }
            Err(code) => {
                self.memory_entry_release(entry);
                Err(code)
            }
        }
    }

    /// One entry over a new object that all share.
    fn created(
        &self,
        size: u64,
        purgable: Option<Purger>,
        strategy: CopyStrategy,
    ) -> Result<Twins<M>, KernReturn> {
        let pages = size >> M::PAGE_SHIFT;
        let object = match purgable {
            Some(purger) => self.new_purgable(pages, purger)?,
            None => self.new_object(ObjectKind::Anonymous, pages)?,
        };
        {
            let mut state = object.write();
            state.strategy = strategy;
            (state.true_share, state.aliased) = (true, true);
        }
        let range = Range::new(VirtAddr(0), VirtAddr(size));
        let mut entry = Entry::new(range, Attributes::default());
        entry.object = Some(object);
        match self.zones.entries.alloc(&self.frames, entry) {
            Ok(entry) => {
                let mut tree = Tree::default();
                tree.insert(entry);
                Ok(Twins { tree, size })
            }
            Err(zalloc::Exhausted(mut entry)) => {
                if let Some(object) = entry.object.take() {
                    self.give_object(object);
                }
                Err(self.shortage())
            }
        }
    }

    fn entry_of_copy(&self, map: &Map<M>, wanted: &Wanted) -> Result<MadeEntry<M>, KernReturn> {
        let range = wanted.checked_range::<M>()?;
        self.own_pieces(map, range, Protection::READ)?;
        let check = |state: &MapState<M>| state.allows(range, Protection::READ);
        let inside = wanted.offset.0.wrapping_sub(range.start.0);
        self.entry_of(map, range, (check, How::Copy(For::Call)), |entry| {
            entry.kind = MemoryKind::Copied;
            entry.protection = Protection::ALL;
            entry.inside = inside;
        })
    }

    /// Memory of a map, shared with it. Without `all` it is cut to the first of its entries.
    fn entry_of_range(
        &self,
        map: &Map<M>,
        wanted: &Wanted,
        all: bool,
    ) -> Result<MadeEntry<M>, KernReturn> {
        let range = wanted.checked_range::<M>()?;
        self.own_pieces(map, range, Protection::NONE)?;
        let (range, protection) = {
            let state = map.read();
            let first = state
                .tree
                .find(range.start)
                .ok_or(KernReturn::INVALID_ADDRESS)?;
            let range = if all {
                range
            } else {
                Range::new(range.start, range.end.min(first.end))
            };
            let mut given = Protection::ALL;
            state.tree.visit(range, |entry| {
                given &= entry.attributes.max;
                None::<()>
            });
            (range, wanted.within(given)?)
        };
        let check = |state: &MapState<M>| state.allows(range, Protection::NONE);
        let inside = wanted.inside(wanted.offset, range);
        self.entry_of(map, range, (check, How::Share), |entry| {
            (entry.protection, entry.inside) = (protection, inside);
        })
    }

    fn entry_of_parent(
        &self,
        parent: &MemoryEntry<M>,
        wanted: &Wanted,
    ) -> Result<MadeEntry<M>, KernReturn> {
        if sanitize::is_zero(wanted.size) {
            return Ok(MadeEntry {
                entry: None,
                size: 0,
            });
        }
        let start = wanted.offset.0.checked_add(parent.inside);
        let start = UserAddr(start.ok_or(KernReturn::INVALID_ARGUMENT)?);
        let range = sanitize::range::<M>(start, wanted.size, Realign::No);
        let range = range.map_err(|_| KernReturn::INVALID_ARGUMENT)?;
        if range.end.0 > parent.size {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let protection = wanted.within(parent.protection)?;
        let inside = wanted.inside(start, range);
        let check = |_: &MapState<M>| Ok(());
        self.entry_of(&parent.map, range, (check, How::Share), |entry| {
            (entry.protection, entry.inside) = (protection, inside);
        })
    }

    /// A memory entry of so many bytes that holds nothing yet: all that can fail for want of memory
    /// comes before anything is shared.
    fn empty_entry(&self, size: u64) -> Result<MemoryEntryRef<M>, KernReturn> {
        let entry = MemoryEntry {
            map: self.map_create_detached(size)?,
            kind: MemoryKind::Shared,
            protection: Protection::NONE,
            size,
            inside: 0,
        };
        let entry = self.zones.memory_entries.alloc_ref(&self.frames, entry);
        entry.map_err(|zalloc::Exhausted(entry)| {
            self.map_terminate(entry.map);
            self.shortage()
        })
    }

    /// An entry with twins of `range`, made as `how` says where `check` finds nothing wrong.
    fn entry_of(
        &self,
        map: &Map<M>,
        range: Range,
        (check, how): (impl Fn(&MapState<M>) -> Result<(), KernReturn>, How),
        finish: impl FnOnce(&mut MemoryEntry<M>),
    ) -> Result<MadeEntry<M>, KernReturn> {
        let entry = self.empty_entry(range.len())?;
        match self.duplicate(map, range, check, |_| how) {
            Ok(twins) => self.fill_entry(entry, twins, range, finish),
            Err(code) => {
                self.memory_entry_release(entry);
                Err(code)
            }
        }
    }

    fn fill_entry(
        &self,
        mut entry: MemoryEntryRef<M>,
        twins: Twins<M>,
        range: Range,
        finish: impl FnOnce(&mut MemoryEntry<M>),
    ) -> Result<MadeEntry<M>, KernReturn> {
        let place = (Placement::Fixed(VirtAddr(0)), 0);
        let entered = self.insert(&entry.map, place, twins, range, |_| Ok(()), |_| ());
        if let Err(code) = self.or_discard(entered) {
            self.memory_entry_release(entry);
            return Err(code);
        }
        if let Some(entry) = entry.get_mut() {
            finish(entry);
        }
        let size = entry.size.saturating_sub(entry.inside);
        let entry = Some(entry);
        Ok(MadeEntry { entry, size })
    }

    /// Gives up one reference to a memory entry.
    pub fn memory_entry_release(&self, entry: MemoryEntryRef<M>) {
        if let Some(entry) = entry.into_inner_if_last() {
            self.map_terminate(entry.map);
        }
    }

    /// Twins of what an entry holds at a range, for who maps it.
    pub(crate) fn twins_of_entry(
        &self,
        entry: &MemoryEntry<M>,
        range: Range,
        copy: CopyMode,
    ) -> Result<Twins<M>, KernReturn> {
        let how = match (entry.kind, copy) {
            (MemoryKind::Shared, CopyMode::Shared) => How::Share,
            _ => How::Copy(For::Call),
        };
        self.duplicate(&entry.map, range, |_| Ok(()), |_| how)
    }
}

/// What is to be named, as the program said it.
struct Wanted {
    size: UserSize,
    offset: UserAddr,
    protection: Protection,
    /// The offset within the page counts.
    exact: bool,
    /// The protection is what may be had at most.
    mask: bool,
}

impl Wanted {
    fn range<M: Machine>(&self) -> Result<Range, KernReturn> {
        let range = sanitize::range::<M>(self.offset, self.size, Realign::No);
        range.map_err(|_| KernReturn::INVALID_ARGUMENT)
    }

    fn checked_range<M: Machine>(&self) -> Result<Range, KernReturn> {
        if sanitize::is_zero(self.size) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        self.range::<M>()
    }

    /// Where the bytes begin that start at `start` in a range, if that counts.
    const fn inside(&self, start: UserAddr, range: Range) -> u64 {
        if self.exact {
            start.0.wrapping_sub(range.start.0)
        } else {
            0
        }
    }

    /// What is wanted of what can be had.
    fn within(&self, given: Protection) -> Result<Protection, KernReturn> {
        if self.mask {
            let left = self.protection.intersection(given);
            return if left.is_empty() {
                Err(KernReturn::PROTECTION_FAILURE)
            } else {
                Ok(left)
            };
        }
        if given.contains(self.protection) {
            Ok(self.protection)
        } else {
            Err(KernReturn::PROTECTION_FAILURE)
        }
    }
}

/// `MAP_MEM_ONLY`: only the parent's cache mode would change.
fn only<M: Machine>(
    wanted: &Wanted,
    permission: u32,
    parent: Option<&MemoryEntry<M>>,
) -> Result<MadeEntry<M>, KernReturn> {
    if !sanitize::is_zero(wanted.size) {
        wanted.range::<M>()?;
    }
    let parent = parent.ok_or(KernReturn::INVALID_ARGUMENT)?;
    if wanted.exact {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let changes = permission >> MAP_MEM_ACCESS_SHIFT != 0;
    if changes && !parent.protection.contains(Protection::WRITE) {
        return Err(KernReturn::INVALID_RIGHT);
    }
    Ok(MadeEntry {
        entry: None,
        size: wanted.size.0,
    })
}
