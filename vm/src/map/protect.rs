//! Protection and inheritance of a range.
//!
//! Owns: `mach_vm_protect` and `mach_vm_inherit`. Does not own: granting write permission in a page
//! table; that is the fault's. A raised protection changes no mapping here (I-PTE-1).
//! Locks: the map alone, until a lowered protection holds on every CPU (I-TLB-3).

use super::copy_up::{Blocked, Copies, abandon};
use super::entry::Entry;
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::machine::Machine;
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
            let takes_up = state.tree.has_submaps() && change.makes_writable();
            let mut entries = if change.copy {
                state.shared_in(range)
            } else {
                0
            };
            if takes_up {
                entries = entries.saturating_add(state.entries_for_copies(range));
            }
            spare.require(entries.saturating_add(state.clips(range)))?;
            let copies = match takes_up {
                true => self.plan_copies(&state, (range, range), spare, dropped)?,
                false => Copies::default(),
            };
            let clipped = state.clip(self, map, range, spare).map_err(Blocked::from);
            let private = clipped.and_then(|()| {
                let plan = change
                    .copy
                    .then(|| self.plan_private(&state, range, spare, dropped));
                plan.transpose()
            });
            let private = match private {
                Ok(private) => private,
                Err(stop) => {
                    abandon(copies, dropped);
                    state.simplify_range(self, range);
                    return Err(stop);
                }
            };
            self.commit_copies(map, &mut state, copies, spare, dropped, batch);
            if state.tree.has_submaps() {
                self.unnest(map, range, batch);
            }
            if let Some(private) = private {
                self.commit_private(map, &mut state, range, private, dropped);
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
