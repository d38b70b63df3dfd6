//! Ledgers: which task purgeable memory is charged to, and how much of it there is.
//!
//! Owns: the owner and the tag of each object that has one, purgeable or not, and the sums that `task_info` shows. An owner is
//! a map: a task's memory ends with it, and so does what it owns (XNU: `vm_owned_objects_disown`).
//! Does not own: the states (`purgable`), who may give memory to whom (`kernel`).
//! Locks: that of the purgeable queues, then one object or record at a time. Invariant: I-PURGE-2.
//!
//! A page is counted where it is, in its object; a sum visits every purgeable object of the machine, so
//! nothing on the way of a fault has to be charged.

use super::purgable::{Lists, PurgeState, Purger, Record, RecordRef};
use super::{CopyStrategy, ObjRef, Object};
use crate::addr::Pages;
use crate::machine::Machine;
use crate::map::Map;
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

/// Who is charged for an object, and as what. 0: nobody.
#[derive(Clone, Copy, Default)]
pub(super) struct Charge {
    pub owner: u64,
    pub tag: LedgerTag,
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
            let charge = record.charge();
            if charge.owner == map.serial
                && let Some(sum) = sums.get_mut(charge.tag as usize)
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
        let mapped = self.residence(map).footprint(tables);
        let charged = self.charged(map);
        let owned = charged
            .iter()
            .enumerate()
            .fold(0u64, |sum, (tag, charged)| {
                match tag == LedgerTag::Network as usize {
                    true => sum,
                    false => sum.saturating_add(charged.nonvolatile.0),
                }
            });
        Pages(mapped.0.saturating_add(owned))
    }

    /// Pages of a purgeable object that are needed, and that are not.
    fn pages_of(&self, record: &RecordRef<M>) -> (u64, u64) {
        let Some(object) = record.home() else {
            return (0, 0);
        };
        let state = object.read();
        if record.state() == PurgeState::Nonvolatile {
            return (state.slots.len(), 0);
        }
        let pages = self.frames.pages();
        let mut sums = (0u64, 0u64);
        for (_, slot) in state.slots.range(0, u64::MAX) {
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
        let _lists = self.purge_queues.lock();
        map.owns.store(true, Relaxed);
        record.set_charge(Charge {
            owner: map.serial,
            tag,
        });
    }

    /// A map is at its end: nobody is charged any more for what it owned.
    pub(crate) fn disown(&self, map: &Map<M>) {
        if !map.owns.load(Relaxed) {
            return;
        }
        let lists = self.purge_queues.lock();
        lists.each(|record| {
            let charge = record.charge();
            if charge.owner == map.serial {
                record.set_charge(Charge { owner: 0, ..charge });
            }
        });
    }

    /// Whether everybody who is charged is a map that has not ended (I-PURGE-2).
    pub(crate) fn owners_live(&self) -> bool {
        let (mut charged, mut living) = (0u64, 0u64);
        let count = |owner: u64, sum: &mut u64| {
            self.purge_queues.lock().each(|record| {
                let of_it = match owner {
                    0 => record.charge().owner != 0,
                    owner => record.charge().owner == owner,
                };
                *sum = sum.saturating_add(u64::from(of_it));
            });
        };
        count(0, &mut charged);
        self.registry.each_map(|map| {
            if map.owns.load(Relaxed) {
                count(map.serial, &mut living);
            }
        });
        charged == living
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
        let _lists = self.purge_queues.lock();
        let old = record.charge();
        if let Some(map) = owner {
            map.owns.store(true, Relaxed);
        }
        record.set_charge(Charge {
            owner: owner.map_or(old.owner, |map| map.serial),
            tag: tag.unwrap_or(old.tag),
        });
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
            owner: owner.map_or(0, |map| map.serial),
            tag: tag.ok_or(KernReturn::INVALID_ARGUMENT)?,
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
