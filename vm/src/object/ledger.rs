//! Ledgers: which task purgeable memory is charged to, and how much of it there is.
//!
//! Owns: the owner and the tag of each object that has one, purgeable or not, and the sums that `task_info` shows. An owner is
//! a map: a task's memory ends with it, and so does what it owns (XNU: `vm_owned_objects_disown`).
//! Does not own: the states (`purgable`), who may give memory to whom (`kernel`).
//! Locks: that of the purgeable queues, then one object or record at a time. Invariant: I-PURGE-2.
//!
//! What an owner needs is in its footprint at once: each record knows how many of its pages are counted
//! there, and is counted again whenever that may change. The sums by tag visit every object that has an owner.

use super::purgable::{Lists, PurgeState, Purger, Record, RecordRef};
use super::{CopyStrategy, ObjRef, Object, ObjectState};
use crate::addr::Pages;
use crate::machine::Machine;
use crate::map::{Map, MapRef};
use crate::memory_entry::MemoryEntry;
use crate::vm::Vm;
use abi::KernReturn;
use core::sync::atomic::Ordering::Relaxed;

/// What memory is charged as (`VM_LEDGER_TAG_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LedgerTag {
    /// Purgeable memory.
    #[default]
    None,
    /// Tagged memory without a kind.
    Default,
    /// The network's.
    Network,
    /// Pictures and sound.
    Media,
    /// The display's.
    Graphics,
    /// Of neural networks.
    Neural,
}

/// How many tags there are.
pub const LEDGER_TAGS: usize = 6;

/// Pages that are charged to one owner under one tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Charged {
    /// Needed, or wired.
    pub nonvolatile: Pages,
    /// May be purged, or was and has come back since.
    pub volatile: Pages,
}

/// Who is charged for an object, and as what.
pub(super) struct Charge<M: Machine> {
    /// Nobody, or a map that has not ended: it gives its references up before (I-PURGE-2), so none of
    /// these is ever the last.
    pub owner: Option<MapRef<M>>,
    pub tag: LedgerTag,
    /// Pages that are in the owner's footprint.
    pub counted: u64,
}

impl<M: Machine> Charge<M> {
    pub(super) const fn new() -> Self {
        Self {
            owner: None,
            tag: LedgerTag::None,
            counted: 0,
        }
    }

    fn is_of(&self, map: &Map<M>) -> bool {
        let owner = self.owner.as_ref();
        owner.is_some_and(|owner| core::ptr::eq(&**owner, map))
    }

    /// So many pages of the object are needed: those are in the owner's footprint, but for the network's.
    fn count(&mut self, vm: &Vm<M>, needed: u64) {
        let Some(owner) = &self.owner else { return };
        let needed = if self.tag == LedgerTag::Network {
            0
        } else {
            needed
        };
        let change = needed.wrapping_sub(self.counted) as i64;
        if change != 0 {
            vm.machine().pmap_charge(vm.pmap(owner), change);
        }
        self.counted = needed;
    }
}

impl<M: Machine> Vm<M> {
    /// What a map owns, by tag: also what it does not map, or no longer.
    pub fn charged(&self, map: &Map<M>) -> [Charged; LEDGER_TAGS] {
        let mut sums = [Charged::default(); LEDGER_TAGS];
        if !map.owns.load(Relaxed) {
            return sums;
        }
        let lists = self.purge_queues.lock();
        lists.each(|record| {
            let tag = record.with_charge(|charge| charge.is_of(map).then_some(charge.tag));
            if let Some(tag) = tag
                && let Some(sum) = sums.get_mut(tag as usize)
            {
                let (nonvolatile, volatile) = self.pages_of(record);
                sum.nonvolatile.0 = sum.nonvolatile.0.saturating_add(nonvolatile);
                sum.volatile.0 = sum.volatile.0.saturating_add(volatile);
            }
        });
        sums
    }

    /// What a map weighs (`phys_footprint`): memory without a name that it maps, its page tables, and
    /// what it owns and needs, mapped or not. What it may lose, and what is the network's, weigh nothing.
    pub fn footprint(&self, map: &Map<M>) -> Pages {
        let tables = self.machine().pmap_tables(self.pmap(map));
        self.residence(map).footprint(tables)
    }

    /// A page has come into a locked object that has an owner.
    #[cold]
    pub(crate) fn page_charged(&self, state: &ObjectState<M>) {
        if let Some(record) = &state.purge
            && record.state() == PurgeState::Nonvolatile
        {
            record.with_charge(|charge| charge.count(self, state.slots.len()));
        }
    }

    /// What is needed of a locked object has changed, if it has an owner.
    #[inline]
    pub(crate) fn recount(&self, state: &ObjectState<M>) {
        if let Some(record) = &state.purge {
            let (needed, _) = self.pages_in(state, record.state());
            record.with_charge(|charge| charge.count(self, needed));
        }
    }

    /// An object that has an owner is at its end.
    pub(crate) fn end_charge(&self, record: &RecordRef<M>) {
        record.with_charge(|charge| charge.count(self, 0));
    }

    /// Pages of an object that are needed, and that are not.
    fn pages_of(&self, record: &RecordRef<M>) -> (u64, u64) {
        let Some(object) = record.home() else {
            return (0, 0);
        };
        self.pages_in(&object.read(), record.state())
    }

    fn pages_in(&self, object: &ObjectState<M>, state: PurgeState) -> (u64, u64) {
        if state == PurgeState::Nonvolatile {
            return (object.slots.len(), 0);
        }
        let pages = self.frames.pages();
        let mut sums = (0u64, 0u64);
        for (_, slot) in object.slots.range(0, u64::MAX) {
            let wired = slot
                .page()
                .is_some_and(|page| pages.get(page).wirings() != 0);
            let sum = if wired { &mut sums.0 } else { &mut sums.1 };
            *sum = sum.saturating_add(1);
        }
        sums
    }

    /// A new purgeable object belongs to a map.
    pub(crate) fn charge(&self, map: &Map<M>, record: &RecordRef<M>, tag: LedgerTag) {
        let owner = self.registry.find_map(map);
        let _lists = self.purge_queues.lock();
        map.owns.store(true, Relaxed);
        record.with_charge(|charge| {
            (charge.owner, charge.tag) = (owner, tag);
        });
    }

    /// A map is at its end: nobody is charged any more for what it owned.
    pub(crate) fn disown(&self, map: &Map<M>) {
        if !map.owns.load(Relaxed) {
            return;
        }
        let lists = self.purge_queues.lock();
        lists.each(|record| {
            let owner = record.with_charge(|charge| {
                let own = charge.is_of(map);
                if own {
                    charge.count(self, 0);
                }
                own.then(|| charge.owner.take())
            });
            drop(owner);
        });
    }

    /// Whether everybody who is charged is a map that has not ended, and is charged for what is needed
    /// (I-PURGE-2).
    pub(crate) fn charges_agree(&self) -> bool {
        let (mut charged, mut living, mut agree) = (0u64, 0u64, true);
        let lists = self.purge_queues.lock();
        lists.each(|record| {
            let (needed, _) = self.pages_of(record);
            record.with_charge(|charge| {
                let weighs = charge.owner.is_some() && charge.tag != LedgerTag::Network;
                agree &= charge.counted == if weighs { needed } else { 0 };
                charged = charged.saturating_add(u64::from(charge.owner.is_some()));
            });
        });
        drop(lists);
        self.registry.each_map(|map| {
            let mut counted = 0u64;
            self.purge_queues.lock().each(|record| {
                record.with_charge(|charge| {
                    if charge.is_of(map) {
                        living = living.saturating_add(1);
                        counted = counted.saturating_add(charge.counted);
                    }
                });
            });
            if let Some(pmap) = map.pmap() {
                agree &= self.machine().pmap_residence(pmap).charged.0 == counted;
            }
        });
        agree && charged == living
    }

    /// `mach_memory_entry_ownership`, after the caller's right has been judged: all of a purgeable object
    /// is charged to another owner, under another tag; `None`: as it is.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: a part of an object, or a copy; no tag for memory that is not purgeable.
    /// `FAILURE`: such memory has been used, and counts where it is mapped. `RESOURCE_SHORTAGE`.
    pub fn memory_entry_ownership(
        &self,
        entry: &MemoryEntry<M>,
        owner: Option<&Map<M>>,
        tag: Option<LedgerTag>,
    ) -> Result<(), KernReturn> {
        let object = entry.whole_object().ok_or(KernReturn::INVALID_ARGUMENT)?;
        let Some(record) = object.ledger_record() else {
            return self.give_owner(&object, owner, tag);
        };
        if !record.is_purgeable() && tag == Some(LedgerTag::None) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let new = owner.and_then(|map| self.registry.find_map(map));
        let lists = self.purge_queues.lock();
        let state = object.read();
        let old = record.with_charge(|charge| {
            charge.count(self, 0);
            charge.tag = tag.unwrap_or(charge.tag);
            match owner {
                None => None,
                Some(map) => {
                    map.owns.store(true, Relaxed);
                    core::mem::replace(&mut charge.owner, new)
                }
            }
        });
        self.recount(&state);
        drop((state, lists));
        drop(old);
        Ok(())
    }

    /// An object that nobody has used yet, and that is not purgeable, gets an owner.
    fn give_owner(
        &self,
        object: &ObjRef<M>,
        owner: Option<&Map<M>>,
        tag: Option<LedgerTag>,
    ) -> Result<(), KernReturn> {
        let tag = tag.filter(|tag| *tag != LedgerTag::None);
        let charge = Charge {
            owner: owner.and_then(|map| self.registry.find_map(map)),
            tag: tag.ok_or(KernReturn::INVALID_ARGUMENT)?,
            counted: 0,
        };
        let record = Record::new(Purger::Nobody, charge);
        let record = self.zones.purgables.alloc_ref(&self.frames, record);
        let record = record.map_err(|_| self.shortage())?;
        let again = (object.try_ref(), record.try_ref());
        let (Ok(home), Ok(known)) = again else {
            return Err(self.shortage());
        };
        let mut lists = self.purge_queues.lock();
        let mut state = object.write();
        // In a chain its pages would come to be others'.
        let apart = state.strategy == CopyStrategy::None && state.shadow.is_none();
        if !apart || state.slots.len() != 0 || state.refs == 0 || state.purge.is_some() {
            drop((state, lists));
            return Err(KernReturn::FAILURE);
        }
        state.purge = Some(record);
        drop(state);
        known.set_home(home);
        lists.know(&known);
        if let Some(map) = owner {
            map.owns.store(true, Relaxed);
        }
        Ok(())
    }
}

impl<M: Machine> Object<M> {
    /// The record of a purgeable object.
    pub(crate) fn purge_record(&self) -> Option<RecordRef<M>> {
        let record = self.ledger_record();
        record.filter(|record| record.is_purgeable())
    }

    /// The record of an object that has an owner.
    pub(crate) fn ledger_record(&self) -> Option<RecordRef<M>> {
        self.read()
            .purge
            .as_ref()
            .and_then(|record| record.try_ref().ok())
    }
}

impl<M: Machine> Lists<M> {
    /// Calls `visit` for every purgeable object's record.
    pub(crate) fn each(&self, mut visit: impl FnMut(&RecordRef<M>)) {
        let mut next = self.first_of_all();
        while let Some(record) = next {
            visit(&record);
            next = record.next_of_all();
        }
    }
}
