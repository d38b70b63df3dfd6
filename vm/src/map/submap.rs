//! Submaps: maps that entries of other maps show, as the shared region does.
//!
//! Owns: making a submap, entering it into a map, who names it, and its end.
//! Does not own: faults through it (`fault::through`), pieces that become the parent's own
//! (`copy_up`), page tables that several maps show (`nest`).
//! Locks: a parent before the submap that it names, whatever their addresses. A submap names no
//! other, so there are never more than two. The submap's lock guards who names it.
//! Invariants: I-SUB-1 (an entry shows an object or a submap, and one with a submap is not wired),
//! I-SUB-2 (what a named submap shows does not change through the submap: it is frozen).
//!
//! An address in the submap is the address in the parent, less the entry's start, plus its offset.
//! What the parent may do there is what both entries allow. A write never reaches the submap: the
//! piece that the two entries have in common becomes a normal entry of the parent first.
//!
//! While entries name it a submap is frozen: nothing leaves it, no right changes, nothing is written
//! through its own entries (`PROTECTION_FAILURE`); new entries may still come. So what parents have
//! mapped through it stays true, and no operation on it needs to know where it is mapped. Before, the
//! creator fills it like any other map.

use super::clip::{Spare, Stop};
use super::enter::Placement;
use super::entry::{Attributes, Entry, EntryFlags};
use super::place::Restrictions;
use super::tree::Removed;
use super::{Map, MapRef, MapState};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::machine::Machine;
use crate::object::{ObjRef, ObjectKind};
use crate::sanitize;
use crate::vm::Vm;
use abi::{Inherit, KernReturn, Protection};

/// Who refers to a submap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Naming {
    /// Entries of other maps.
    pub entries: u32,
    /// The creator still does.
    created: bool,
    /// What the audit counted.
    pub audit: Counted,
}

impl Naming {
    /// What this audit has counted so far.
    pub(crate) fn counted(&self, epoch: u32) -> Counted {
        if self.audit.epoch == epoch {
            self.audit
        } else {
            Counted::default()
        }
    }
}

/// An audit's counts of who refers to a submap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counted {
    /// Which audit counted.
    pub epoch: u32,
    /// Entries of other maps.
    pub entries: u32,
    /// Tables that other maps show.
    pub nestings: u32,
}

/// What [`Vm::enter_submap`] enters.
pub struct EnterSubmap<'a, M: Machine> {
    /// A map that `map_create_submap` made.
    pub submap: &'a MapRef<M>,
    /// The address in the submap that the range begins with, a multiple of the page size.
    pub offset: u64,
    /// What the entry allows; what is shown allows no more than its own entry does.
    pub attributes: Attributes,
}

/// The same, checked.
struct NewSubmap<'a, M: Machine> {
    submap: &'a MapRef<M>,
    inside: Range,
    placement: Placement,
    attributes: Attributes,
}

impl<M: Machine> Vm<M> {
    /// A new, empty submap of the addresses of `range`. The creator fills it as any other map, enters
    /// it into maps, and gives it up with [`Vm::map_terminate`]; it lasts as long as an entry names it.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE` without memory.
    pub fn map_create_submap(&self, range: Range) -> Result<MapRef<M>, KernReturn> {
        let map = self.create(range, M::pmap_create_nested)?;
        map.write().naming = Some(Naming {
            entries: 0,
            created: true,
            audit: Counted::default(),
        });
        Ok(map)
    }

    /// Enters `size` bytes (rounded up to pages) of a submap into `map`, copied on write. Answers the
    /// address. From now on the submap is frozen.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: no size, an offset within a page, a range beyond the submap's, a map that
    /// is no submap or one into which it may not go; `NO_SPACE`, `INVALID_ADDRESS`: no such place;
    /// `RESOURCE_SHORTAGE`. Nothing has changed then.
    pub fn enter_submap(
        &self,
        map: &Map<M>,
        placement: Placement,
        size: u64,
        what: &EnterSubmap<'_, M>,
    ) -> Result<VirtAddr, KernReturn> {
        let new = NewSubmap {
            submap: what.submap,
            inside: inside::<M>(what, size)?,
            placement,
            attributes: what.attributes,
        };
        let mut removed = Removed::default();
        let mut batch = self.frames.batch();
        let result = self.with_spare(|spare| {
            let mut state = map.write();
            let done =
                self.enter_submap_locked(map, &mut state, &new, spare, &mut removed, &mut batch);
            batch.flush_now(self.machine());
            done
        });
        self.dispose(removed, &mut batch);
        self.frames.finish(batch);
        if let Ok(start) = result {
            let end = VirtAddr(start.0.saturating_add(new.inside.len()));
            self.nest(map, Range::new(start, end));
        }
        result
    }

    fn enter_submap_locked(
        &self,
        map: &Map<M>,
        state: &mut MapState<M>,
        new: &NewSubmap<'_, M>,
        spare: &mut Spare<M>,
        removed: &mut Removed<M>,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<VirtAddr, Stop> {
        if state.naming.is_some() {
            return Err(Stop::Code(KernReturn::INVALID_ARGUMENT));
        }
        let range = state.place(new.placement, new.inside.len(), 0)?;
        if !state.restrictions.is_empty() {
            state.check_restrictions(new.attributes.protection, range)?;
        }
        spare.require(state.clips(range).saturating_add(1))?;
        let named = self.name_submap(new.submap)?;
        let cleared = if state.tree.is_free(range) {
            Ok(())
        } else {
            self.clear_locked(map, state, range, spare, removed, batch)
        };
        let mut entry = Entry::new(range, new.attributes);
        entry.submap = Some(named);
        entry.offset = new.inside.start.0 >> M::PAGE_SHIFT;
        let entry = spare.take(entry)?;
        if let Err(stop) = cleared {
            removed.push(entry);
            return Err(stop);
        }
        state.size = state.size.saturating_add(range.len());
        state.tree.insert(entry);
        Ok(range.start)
    }

    /// A reference for one entry more that names `submap`; at the first one the submap freezes. Only
    /// the lock of the entry's map may be held.
    pub(crate) fn name_submap(&self, submap: &MapRef<M>) -> Result<MapRef<M>, KernReturn> {
        let short = KernReturn::RESOURCE_SHORTAGE;
        let named = submap.try_ref().map_err(|_| short)?;
        let mut state = submap.write();
        if state.restrictions.contains(Restrictions::TERMINATED) {
            return Err(KernReturn::TERMINATED);
        }
        let naming = state.naming.as_mut();
        let naming = naming.ok_or(KernReturn::INVALID_ARGUMENT)?;
        naming.entries = naming.entries.checked_add(1).ok_or(short)?;
        if naming.entries == 1 {
            self.freeze(submap, &mut state);
        }
        drop(state);
        Ok(named)
    }

    /// From now on nothing is written through the submap's own entries.
    fn freeze(&self, submap: &Map<M>, state: &mut MapState<M>) {
        let mut batch = self.frames.batch();
        let limits = state.limits;
        state.tree.visit_mut(limits, Entry::freeze);
        let rest = Protection::ALL.difference(Protection::WRITE);
        self.machine()
            .pmap_protect(self.pmap(submap), limits, rest, &mut batch);
        self.frames.finish(batch);
    }

    /// Gives up the reference of an entry that is gone; with the last one the submap ends. No lock is
    /// held.
    pub(crate) fn release_submap(&self, submap: MapRef<M>) {
        let last = submap.write().unname();
        if last {
            self.map_end(submap);
        } else {
            self.map_release(submap);
        }
    }
}

/// The addresses of the submap that are entered.
fn inside<M: Machine>(what: &EnterSubmap<'_, M>, size: u64) -> Result<Range, KernReturn> {
    let argument = KernReturn::INVALID_ARGUMENT;
    let size = sanitize::round_up::<M>(size).filter(|&size| size != 0);
    let size = size.ok_or(argument)?;
    let end = what.offset.checked_add(size).ok_or(argument)?;
    let (limits, is_submap) = {
        let state = what.submap.read();
        (state.limits, state.naming.is_some())
    };
    let aligned = what.offset & M::PAGE_SIZE.wrapping_sub(1) == 0;
    if !is_submap || !aligned || what.offset < limits.start.0 || end > limits.end.0 {
        return Err(argument);
    }
    Ok(Range::new(VirtAddr(what.offset), VirtAddr(end)))
}

impl<M: Machine> MapState<M> {
    /// Takes the creator's reference away. Answers whether the map is nobody's then; an ordinary map
    /// is its creator's alone.
    pub(crate) fn abandon(&mut self) -> bool {
        self.naming.as_mut().is_none_or(|naming| {
            naming.created = false;
            naming.entries == 0
        })
    }

    /// Takes the reference of one entry away. Answers whether the submap is nobody's then.
    pub(crate) fn unname(&mut self) -> bool {
        self.naming.as_mut().is_some_and(|naming| {
            naming.entries = naming
                .entries
                .checked_sub(1)
                .expect("I-SUB-3: a submap is given up by more entries than named it");
            naming.entries == 0 && !naming.created
        })
    }

    /// Whether entries of other maps name this one.
    pub(crate) fn is_frozen(&self) -> bool {
        self.naming.is_some_and(|naming| naming.entries != 0)
    }

    /// Refuses what may not happen to a frozen submap.
    pub(crate) fn check_frozen(&self) -> Result<(), KernReturn> {
        if self.is_frozen() {
            return Err(KernReturn::PROTECTION_FAILURE);
        }
        Ok(())
    }

    /// Refuses to remove a permanent entry whose submap has permanent entries there.
    pub(crate) fn check_permanent(&self, range: Range) -> Result<(), KernReturn> {
        let permanent = |entry: &Entry<M>| entry.attributes.flags.contains(EntryFlags::PERMANENT);
        let denied = self.visit_inside(range, |entry, _, inner| {
            let inner = inner.filter(|inner| permanent(inner))?;
            permanent(entry).then_some(inner.start)
        });
        denied.map_or(Ok(()), |_| Err(KernReturn::PROTECTION_FAILURE))
    }

    /// Refuses an access to what submaps show in `range`.
    pub(crate) fn check_inside(&self, range: Range, access: Protection) -> Result<(), KernReturn> {
        let bad = self.visit_inside(range, |entry, _, inner| {
            let Some(inner) = inner else {
                return Some(KernReturn::INVALID_ADDRESS);
            };
            let allowed = entry.attributes.protection & inner.attributes.protection;
            (!allowed.contains(access)).then_some(KernReturn::PROTECTION_FAILURE)
        });
        bad.map_or(Ok(()), Err)
    }

    /// Calls `each` with every entry that names a submap and meets `range`, the part of it in `range`
    /// as addresses of the submap, and each entry there; once with `None` if there is a hole before,
    /// between or after those. The submap is locked shared meanwhile.
    pub(crate) fn visit_inside<R>(
        &self,
        range: Range,
        mut each: impl FnMut(&Entry<M>, Range, Option<&Entry<M>>) -> Option<R>,
    ) -> Option<R> {
        if !self.tree.has_submaps() {
            return None;
        }
        self.tree.visit(range, |entry| {
            let submap = entry.submap.as_ref()?;
            let part = entry.range().intersect(range)?;
            let window = Range::new(entry.inside(part.start), entry.inside(part.end));
            let state = submap.read();
            let mut at = window.start;
            let mut hole = false;
            let found = state.tree.visit(window, |inner| {
                hole |= inner.start > at;
                at = inner.end;
                each(entry, window, Some(inner))
            });
            hole |= at < window.end;
            let none = found.is_none() && hole;
            found.or_else(|| none.then(|| each(entry, window, None)).flatten())
        })
    }
}

impl<M: Machine> Entry<M> {
    /// What this entry shows of `inner`, an entry of its submap: an entry of the same addresses as
    /// here that may do what both allow, and whose object must be copied before it is written. `None`
    /// if they do not meet.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE` if the object has too many references.
    pub(crate) fn show(&self, inner: &Self) -> Result<Option<Self>, KernReturn> {
        let window = Range::new(self.inside(self.start), self.inside(self.end));
        let Some(part) = inner.range().intersect(window) else {
            return Ok(None);
        };
        let here = |at: VirtAddr| {
            let past = at.0.wrapping_sub(window.start.0);
            VirtAddr(self.start.0.wrapping_add(past))
        };
        let attributes = Attributes {
            protection: self.attributes.protection & inner.attributes.protection,
            max: self.attributes.max & inner.attributes.max,
            inherit: match self.attributes.inherit {
                Inherit::Share => Inherit::Copy,
                other => other,
            },
            ..self.attributes
        };
        let mut shown = Self::new(Range::new(here(part.start), here(part.end)), attributes);
        let object = inner.object.as_ref().map(ObjRef::try_ref).transpose();
        shown.object = object.map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
        shown.offset = inner.index(part.start);
        shown.needs_copy = true;
        Ok(Some(shown))
    }

    /// Private memory is copied before it is written through the entry; what is truly shared, or a
    /// file's, changes for all who show it.
    pub(crate) fn freeze(&mut self) {
        self.needs_copy |= self.is_thawed();
    }

    /// Whether private memory may be written through the entry.
    pub(crate) fn is_thawed(&self) -> bool {
        let private = self.object.as_ref().is_some_and(|object| {
            object.kind == ObjectKind::Anonymous && !object.read().true_share
        });
        private && !self.needs_copy
    }
}
