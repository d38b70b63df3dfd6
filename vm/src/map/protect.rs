//! Protection and inheritance of a range.
//!
//! Owns: `mach_vm_protect` and `mach_vm_inherit`. Does not own: granting write permission in a page
//! table; that is the fault's. A raised protection changes no mapping here (I-PTE-1).
//! Locks: the map alone, until a lowered protection holds on every CPU (I-TLB-3).

use super::clip::Stop;
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::machine::Machine;
use crate::object::ObjRef;
use crate::object::copy::CopyStop;
use crate::sanitize::{self, RangeError, Realign, UserAddr, UserInherit, UserProt, UserSize};
use crate::vm::Vm;
use abi::prot::VM_PROT_COPY;
use abi::{KernReturn, Protection};

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
        loop {
            let mut wait: Option<(ObjRef<M>, u64)> = None;
            let mut batch = self.frames.batch();
            let done = self.with_spare(|spare| {
                let mut state = map.write();
                state.check_protect(range, change, allowed)?;
                state.clip(self, range, spare)?;
                if change.copy {
                    match self.copy_range(&mut state, range) {
                        // What was mapped is found again, without write permission.
                        Ok(()) => self
                            .machine()
                            .pmap_remove(self.pmap(map), range, &mut batch),
                        Err(CopyStop::Code(code)) => return Err(Stop::Code(code)),
                        Err(CopyStop::Wait(object, index)) => {
                            wait = Some((object, index));
                            return Err(Stop::Code(KernReturn::ABORTED));
                        }
                    }
                }
                self.change_protection(map, &mut state, range, change, &mut batch);
                state.simplify_range(self, range);
                batch.flush_now(self.machine());
                Ok(())
            });
            self.frames.finish(batch);
            match wait {
                None => return done,
                Some((object, index)) => object.wait_busy(index),
            }
        }
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

    /// `VM_PROT_COPY`: the range shows private memory from now on, which may become writable.
    fn copy_range(&self, state: &mut MapState<M>, range: Range) -> Result<(), CopyStop<M>> {
        let mut stop = None;
        state.tree.visit_mut(range, |entry| {
            if stop.is_some() {
                return;
            }
            let shared = match &entry.object {
                None => false,
                Some(object) => {
                    let state = object.read();
                    state.true_share && object.kind == crate::object::ObjectKind::Anonymous
                }
            };
            if !shared {
                // A file's pages, or memory that is shared for reading: copied when written.
                let alone = match &entry.object {
                    None => true,
                    Some(object) => object.read().is_exclusive() || !object.read().aliased,
                };
                entry.needs_copy |= !alone;
            } else if let Some(object) = &entry.object {
                match self.copy_slowly(entry, object) {
                    Err(error) => {
                        stop = Some(error);
                        return;
                    }
                    Ok(copy) => {
                        let mut batch = self.frames.batch();
                        if let Some(old) = entry.object.replace(copy) {
                            self.release_object(old, &mut batch);
                        }
                        entry.offset = 0;
                        entry
                            .attributes
                            .flags
                            .remove(super::entry::EntryFlags::SHARED);
                        self.frames.finish(batch);
                    }
                }
            }
            entry.attributes.max |= Protection::WRITE;
        });
        stop.map_or(Ok(()), Err)
    }

    /// `vm_map_exec_lockdown`: from now on no memory of the map, or of its children's, becomes
    /// executable, and none that is executable becomes writable. There is no way back.
    pub fn exec_lockdown(&self, map: &Map<M>) {
        map.write().no_new_code = true;
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
            state.clip(self, range, spare)?;
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
            let within = max.contains(change.protection);
            let is_code = entry.attributes.protection.contains(Protection::EXECUTE);
            let new_code = change.set_max == SetMax::No
                && (change.protection.contains(Protection::EXECUTE)
                    || is_code && change.protection.contains(Protection::WRITE));
            let refused = !within || self.no_new_code && new_code;
            allowed
                .err()
                .or(refused.then_some(KernReturn::PROTECTION_FAILURE))
        });
        match bad {
            Some(code) => Err(code),
            None if at < range.end => Err(KernReturn::INVALID_ADDRESS),
            None => Ok(()),
        }
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
