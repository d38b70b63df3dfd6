//! What an entry shows, down to the pages: the chain of objects as it is at one moment.
//!
//! Owns: the records of `VM_OBJECTS` (`abi::objects`). Does not own: where they go (`kernel`), how they
//! are drawn (`vmmap --objects`).
//! Locks: the map shared, then every object of the chain shared, all of them held until the walk is
//! over, so that one answer is of one moment. Nothing is written but the caller's own room.

use super::Map;
use super::entry::{Entry, EntryFlags};
use crate::machine::Machine;
use crate::object::slot::Slot;
use crate::object::{CopyStrategy, ObjRef, Object, ObjectKind, ObjectState};
use crate::sanitize::UserAddr;
use crate::vm::Vm;
use abi::KernReturn;
use abi::objects::*;
use abi::purgable::VM_PURGABLE_DENY;

/// Room for the records of one chain. What does not fit is counted all the same.
#[derive(Default)]
pub struct ObjectsRoom<'a> {
    /// For the objects, from the top one down.
    pub objects: &'a mut [VmObjectRecord],
    /// For their pages, object after object.
    pub runs: &'a mut [VmPageRun],
}

/// Records of one kind: a place for each as long as there is room, and how many there are.
struct Filled<'a, T> {
    room: &'a mut [T],
    count: u32,
}

impl<'a, T> Filled<'a, T> {
    const fn new(room: &'a mut [T]) -> Self {
        Self { room, count: 0 }
    }

    fn push(&mut self, record: T) {
        if let Some(place) = self.room.get_mut(self.count as usize) {
            *place = record;
        }
        self.count = self.count.saturating_add(1);
    }
}

/// The records of a walk down a chain.
struct Walk<'a> {
    objects: Filled<'a, VmObjectRecord>,
    runs: Filled<'a, VmPageRun>,
}

impl<M: Machine> Vm<M> {
    /// The entry that contains `addr` or the next one, and the chain of objects that it shows. With a
    /// `depth` of 1 or more a submap is followed as in [`Vm::region_recurse`]. Answers the entry's record,
    /// which says how many others there are, whether or not they fit, and the entry's depth.
    ///
    /// # Errors
    /// `INVALID_ADDRESS` if there is no entry.
    pub fn objects(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        depth: u32,
        room: ObjectsRoom<'_>,
    ) -> Result<(VmEntryRecord, u32), KernReturn> {
        self.with_shown(map, addr, depth, |shown| {
            let mut walk = Walk {
                objects: Filled::new(room.objects),
                runs: Filled::new(room.runs),
            };
            if let Some(object) = &shown.entry.object {
                self.record_chain(object, &mut walk);
            }
            let mut record = entry_record(shown.map, shown.entry);
            record.objects = walk.objects.count;
            record.runs = walk.runs.count;
            (record, shown.depth)
        })
    }

    /// Records an object and what is below it. A chain is as deep as the fork left it (I-OBJ-5).
    fn record_chain(&self, object: &ObjRef<M>, walk: &mut Walk<'_>) {
        let state = object.read();
        let mut record = object_record(object, &state);
        let before = walk.runs.count;
        record.wired = self.record_pages(&state, &mut walk.runs);
        record.runs = walk.runs.count.saturating_sub(before);
        walk.objects.push(record);
        if let Some(shadow) = &state.shadow {
            self.record_chain(&shadow.object, walk);
        }
    }

    /// Records the pages of an object; answers how many are wired.
    fn record_pages(&self, state: &ObjectState<M>, runs: &mut Filled<'_, VmPageRun>) -> u32 {
        let mut wired = 0u32;
        let mut open: Option<VmPageRun> = None;
        for (index, slot) in state.slots.range(0, u64::MAX) {
            let now = self.run_state(slot);
            wired = wired.saturating_add(u32::from(now & VM_PAGE_RUN_WIRED != 0));
            match &mut open {
                Some(run)
                    if run.state == now
                        && run.first.saturating_add(u64::from(run.pages)) == index =>
                {
                    run.pages = run.pages.saturating_add(1);
                }
                _ => {
                    let new = VmPageRun {
                        first: index,
                        pages: 1,
                        state: now,
                    };
                    if let Some(ended) = open.replace(new) {
                        runs.push(ended);
                    }
                }
            }
        }
        if let Some(last) = open {
            runs.push(last);
        }
        wired
    }

    fn run_state(&self, slot: Slot) -> u32 {
        let (page, mut state) = match slot {
            Slot::Empty => return 0,
            Slot::Resident(page) => (page, VM_PAGE_RUN_RESIDENT),
            Slot::Busy(page) => (page, VM_PAGE_RUN_RESIDENT | VM_PAGE_RUN_BUSY),
        };
        let page = self.frames.pages().get(page);
        if page.wirings() != 0 {
            state |= VM_PAGE_RUN_WIRED;
        }
        if page.is_owed() {
            state |= VM_PAGE_RUN_OWED;
        }
        state
    }
}

fn entry_record<M: Machine>(map: &Map<M>, entry: &Entry<M>) -> VmEntryRecord {
    let attributes = &entry.attributes;
    let mut flags = 0;
    if entry.needs_copy {
        flags |= VM_ENTRY_NEEDS_COPY;
    }
    if attributes.flags.contains(EntryFlags::SHARED) {
        flags |= VM_ENTRY_SHARED;
    }
    if attributes.flags.contains(EntryFlags::PERMANENT) {
        flags |= VM_ENTRY_PERMANENT;
    }
    VmEntryRecord {
        map: map.serial,
        start: entry.start.0,
        end: entry.end.0,
        offset: entry.offset << M::PAGE_SHIFT,
        submap: entry.submap.as_ref().map_or(0, |submap| submap.serial),
        protection: u32::from(attributes.protection.bits()),
        max_protection: u32::from(attributes.max.bits()),
        inheritance: attributes.inherit as u32,
        user_tag: u32::from(attributes.tag),
        flags,
        wired_count: entry.wired,
        user_wired_count: entry.user_wired,
        objects: 0,
        runs: 0,
    }
}

/// All that needs no look at the pages.
fn object_record<M: Machine>(object: &Object<M>, state: &ObjectState<M>) -> VmObjectRecord {
    let mut flags = match object.kind {
        ObjectKind::Anonymous => VM_OBJECT_INTERNAL,
        ObjectKind::Named => 0,
        ObjectKind::Kernel => VM_OBJECT_INTERNAL | VM_OBJECT_KERNEL,
        ObjectKind::Uncached => VM_OBJECT_INTERNAL | VM_OBJECT_UNCACHED,
        ObjectKind::Contiguous => VM_OBJECT_INTERNAL | VM_OBJECT_CONTIGUOUS,
        ObjectKind::Device => VM_OBJECT_CONTIGUOUS,
    };
    if state.true_share {
        flags |= VM_OBJECT_TRUE_SHARE;
    }
    let purgable = state.purge.as_ref();
    let purgable = purgable.map_or(VM_PURGABLE_DENY, |record| record.glimpse());
    let shadow = state.shadow.as_ref();
    VmObjectRecord {
        number: object.serial,
        size: object.device_pages().unwrap_or(state.size) << M::PAGE_SHIFT,
        shadow: shadow.map_or(0, |shadow| shadow.object.serial),
        shadow_offset: shadow.map_or(0, |shadow| shadow.offset << M::PAGE_SHIFT),
        copy: state.copy.as_ref().map_or(0, |copy| copy.serial),
        ref_count: state.refs,
        handles: state.handles,
        resident: u32::try_from(state.slots.len()).unwrap_or(u32::MAX),
        wired: 0,
        copy_strategy: match state.strategy {
            CopyStrategy::None => MEMORY_OBJECT_COPY_NONE,
            CopyStrategy::Delay => MEMORY_OBJECT_COPY_DELAY,
            CopyStrategy::Symmetric => MEMORY_OBJECT_COPY_SYMMETRIC,
            CopyStrategy::DelayFork => MEMORY_OBJECT_COPY_DELAY_FORK,
        },
        purgable: purgable as u32,
        flags,
        runs: 0,
    }
}
