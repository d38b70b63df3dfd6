//! Protection and inheritance of a range.
//!
//! Owns: `mach_vm_protect` and `mach_vm_inherit`. Does not own: granting write permission in a page
//! table; that is the fault's. A raised protection changes no mapping here (I-PTE-1).
//! Locks: the map alone, until a lowered protection holds on every CPU (I-TLB-3).

use super::copy_up::{Blocked, abandon};
use super::enter::CopyMode;
use super::entry::Entry;
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::machine::Machine;
use crate::object::copy::CopyStop;
use crate::sanitize::{self, RangeError, Realign, UserAddr, UserInherit, UserProt, UserSize};
use crate::vm::Vm;
use abi::prot::VM_PROT_COPY;
use abi::{Inherit, KernReturn, Protection};

/// Whether `protect` changes the maximum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetMax {
    /// The current protection.
    No,
    /// The maximum; the current protection is cut to it.
    Yes,
}

/// What a checked `protect` does.
#[derive(Clone, Copy)]
struct Change {
    protection: Protection,
    set_max: SetMax,
    copy: bool,
}

impl Change {
    /// Whether what submaps show in the range becomes the map's own first.
    fn makes_writable(self) -> bool {
        let writes = self.protection.contains(Protection::WRITE);
        self.copy || (writes && self.set_max == SetMax::No)
    }
}

impl<M: Machine> Vm<M> {
    /// `mach_vm_protect`. The whole range is checked before any of it changes.
    ///
    /// # Errors
    /// XNU's, in XNU's order: size 0 succeeds, then protection, range, holes, maximum.
    pub fn protect(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
        set_max: SetMax,
        prot: UserProt,
    ) -> Result<(), KernReturn> {
        if sanitize::is_zero(size) {
            return Ok(());
        }
        let (protection, copy) = sanitize::protection(prot, VM_PROT_COPY)?;
        let range = sanitize::range::<M>(addr, size, Realign::No).map_err(|error| match error {
            RangeError::RoundWrap if sanitize::page::<M>(addr).0 == 0 => {
                KernReturn::INVALID_ADDRESS
            }
            _ => KernReturn::INVALID_ARGUMENT,
        })?;
        let allowed = self.check_write_execute(protection);
        let change = Change {
            protection,
            set_max,
            copy: copy != 0,
        };
        self.with_copies(|spare, dropped, batch| {
            let mut state = map.write();
            state.check_frozen()?;
            let range = state.whole(range);
            state.check_protect(range, change, allowed)?;
            let copies = if state.tree.has_submaps() && change.makes_writable() {
                Some(self.plan_copies(&state, (range, range), spare, dropped)?)
            } else {
                None
            };
            let mut ready = state.clip(self, map, range, spare).map_err(Blocked::from);
            if ready.is_ok() && change.copy {
                ready = self.copy_range(&mut state, range).map_err(Blocked::from);
            }
            if ready.is_err() {
                copies
                    .into_iter()
                    .for_each(|copies| abandon(copies, dropped));
                state.simplify_range(self, range);
                return ready;
            }
            if let Some(copies) = copies {
                self.commit_copies(map, &mut state, copies, spare, dropped, batch);
            }
            if state.tree.has_submaps() {
                self.unnest(map, range, batch);
            }
            if change.copy {
                // What was mapped is found again, without write permission.
                self.machine().pmap_remove(self.pmap(map), range, batch);
            }
            self.change_protection(map, &mut state, range, change, batch);
            state.simplify_range(self, range);
            batch.flush_now(self.machine());
            Ok(())
        })
    }

    fn change_protection(
        &self,
        map: &Map<M>,
        state: &mut MapState<M>,
        range: Range,
        change: Change,
        batch: &mut TlbBatch<'_, M>,
    ) {
        let pmap = self.pmap(map);
        state.tree.visit_mut(range, |entry| {
            if change.copy {
                entry.attributes.max |= Protection::WRITE;
            }
            let old = entry.attributes.protection;
            let new = match change.set_max {
                SetMax::No => change.protection,
                SetMax::Yes => {
                    entry.attributes.max = change.protection;
                    old.intersection(change.protection)
                }
            };
            entry.attributes.protection = new;
            if !new.contains(old) {
                self.machine().pmap_protect(pmap, entry.range(), new, batch);
            }
        });
    }

    /// `VM_PROT_COPY`: the range shows private memory from now on, which may become writable.
    fn copy_range(&self, state: &mut MapState<M>, range: Range) -> Result<(), CopyStop<M>> {
        let mut stop = None;
        state.tree.visit_mut(range, |entry| {
            if stop.is_some() || entry.submap.is_some() {
                return;
            }
            let shared = entry.object.as_ref().is_some_and(|o| o.read().true_share);
            if !shared {
                // Memory that is shared for reading: copied when written.
                let alone = match &entry.object {
                    None => true,
                    Some(object) => object.read().is_exclusive() || !object.read().aliased,
                };
                entry.needs_copy |= !alone;
            } else if let Some(object) = &entry.object {
                match self.copy_part(object, entry.part()) {
                    Err(error) => {
                        stop = Some(error);
                    }
                    Ok(copied) => {
                        let mut batch = self.frames.batch();
                        if let Some(old) = entry.object.replace(copied.object) {
                            self.release_object(old, &mut batch);
                        }
                        entry.offset = copied.offset;
                        entry.needs_copy = copied.mode == CopyMode::Private;
                        entry
                            .attributes
                            .flags
                            .remove(super::entry::EntryFlags::SHARED);
                        self.frames.finish(batch);
                    }
                }
            }
        });
        stop.map_or(Ok(()), Err)
    }

    /// `mach_vm_inherit`. Holes are skipped.
    ///
    /// # Errors
    /// XNU's, in XNU's order: size 0 succeeds, then inheritance, range.
    pub fn inherit(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
        inherit: UserInherit,
    ) -> Result<(), KernReturn> {
        if sanitize::is_zero(size) {
            return Ok(());
        }
        let inherit = sanitize::inherit(inherit)?;
        let range = sanitize::range::<M>(addr, size, Realign::No);
        let range = range.map_err(|_| KernReturn::INVALID_ARGUMENT)?;
        self.with_spare(|spare| {
            let mut state = map.write();
            let Some(range) = range.intersect(state.limits) else {
                return Ok(());
            };
            let names = |entry: &Entry<M>| entry.submap.as_ref().map(|_| ());
            let range = state.whole(range);
            let superpage = |entry: &Entry<M>| entry.is_superpage().then_some(());
            if inherit == Inherit::Share && state.superpages {
                let shared = state.tree.visit(range, superpage);
                shared.map_or(Ok(()), |()| Err(KernReturn::NOT_SUPPORTED))?;
            }
            if inherit == Inherit::Copy && state.tree.visit(range, names).is_some() {
                return Err(KernReturn::INVALID_ARGUMENT.into());
            }
            state.clip(self, map, range, spare)?;
            state
                .tree
                .visit_mut(range, |entry| entry.attributes.inherit = inherit);
            state.simplify_range(self, range);
            Ok(())
        })
    }
}

impl<M: Machine> MapState<M> {
    fn check_protect(
        &self,
        range: Range,
        change: Change,
        allowed: Result<(), KernReturn>,
    ) -> Result<(), KernReturn> {
        // Entry by entry, as XNU does: what comes first is the answer.
        let mut at = range.start;
        let bad = self.tree.visit(range, |entry| {
            if entry.start > at {
                return Some(KernReturn::INVALID_ADDRESS);
            }
            at = entry.end;
            let mut max = entry.attributes.max;
            if change.copy {
                max |= Protection::WRITE;
            }
            let within = max.contains(change.protection) && !self.locks_down(entry, change);
            let inside = || {
                let part = entry.range().intersect(range)?;
                self.check_protect_inside(part, change).err()
            };
            allowed
                .err()
                .or((change.copy && entry.is_superpage()).then_some(KernReturn::NOT_SUPPORTED))
                .or((!within).then_some(KernReturn::PROTECTION_FAILURE))
                .or_else(|| entry.submap.as_ref().and_then(|_| inside()))
        });
        match bad {
            Some(code) => Err(code),
            None if at < range.end => Err(KernReturn::INVALID_ADDRESS),
            None => Ok(()),
        }
    }

    /// The same for what submaps show there; a hole is in the way of a copy only.
    fn check_protect_inside(&self, range: Range, change: Change) -> Result<(), KernReturn> {
        let also = if change.copy {
            Protection::WRITE
        } else {
            Protection::NONE
        };
        let bad = self.visit_inside(range, |_, _, inner| match inner {
            None => change.copy.then_some(KernReturn::INVALID_ADDRESS),
            Some(inner) => {
                let max = inner.attributes.max | also;
                let within = max.contains(change.protection);
                (!within).then_some(KernReturn::PROTECTION_FAILURE)
            }
        });
        bad.map_or(Ok(()), Err)
    }

    /// Whether every address of `range` is in an entry that allows `right`. What comes first is the
    /// answer: a hole (`INVALID_ADDRESS`) or an entry that does not (`PROTECTION_FAILURE`).
    pub(crate) fn allows(&self, range: Range, right: Protection) -> Result<(), KernReturn> {
        let mut at = range.start;
        let bad = self.tree.visit(range, |entry| {
            if entry.start > at {
                return Some(KernReturn::INVALID_ADDRESS);
            }
            at = entry.end;
            let lacks = !entry.attributes.protection.contains(right);
            lacks.then_some(KernReturn::PROTECTION_FAILURE)
        });
        match bad {
            Some(code) => Err(code),
            None if at < range.end => Err(KernReturn::INVALID_ADDRESS),
            None => Ok(()),
        }
    }

    /// Whether the change would make new instructions of what the map has locked down.
    fn locks_down(&self, entry: &Entry<M>, change: Change) -> bool {
        self.refuses_execute(change.protection)
            || (self.refuses_execute(entry.attributes.protection)
                && change.protection.contains(Protection::WRITE))
    }

    /// Whether every address of `range` is in an entry.
    pub(crate) fn covers(&self, range: Range) -> bool {
        let mut at: VirtAddr = range.start;
        let hole = self.tree.visit(range, |entry| {
            if entry.start > at {
                return Some(());
            }
            at = entry.end;
            None
        });
        hole.is_none() && at >= range.end
    }
}
