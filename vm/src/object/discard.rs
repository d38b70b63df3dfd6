//! Pages that leave an object which others may have mapped: purged, or killed by advice.
//!
//! Owns: the way out. A page is busy, in no queue and in no page table from the first step on; no
//! fault maps anything in its place until every TLB has forgotten it (I-TLB-6); then it is freed.
//! Does not own: why it goes. Locks: the object alone in the first and the last step, none between.
//! A reference of its own keeps the object from ending meanwhile.

use super::slot::Slot;
use super::{ObjRef, ObjectWrite};
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::machine::Machine;
use crate::page::PageList;
use crate::vm::Vm;
use abi::{KernReturn, Protection};

impl<M: Machine> Vm<M> {
    /// Throws away the pages from `from` to before `to`; those that are wired or busy stay. Answers
    /// how many went. `state` is the object's, locked by the caller and unlocked here; no other spin
    /// lock may be held.
    pub(crate) fn discard(
        &self,
        object: &ObjRef<M>,
        mut state: ObjectWrite<'_, M>,
        (from, to): (u64, u64),
    ) -> u64 {
        let Some(refs) = state.refs.checked_add(1).filter(|_| state.refs != 0) else {
            return 0;
        };
        let Ok(again) = object.try_ref() else {
            return 0;
        };
        state.refs = refs;
        let mut batch = self.frames.batch();
        let mut leaving = self.seize(&mut state, (from, to), &mut batch);
        let count = leaving.len() as u64;
        drop(state);
        batch.flush_now(self.machine());
        let mut state = object.write();
        let pages = self.frames.pages();
        while let Some(page) = leaving.pop(pages) {
            state.slots.remove(pages.get(page).owner().index);
            batch.retire_frame(page);
        }
        object.wake(&mut state);
        self.recount(&state);
        drop(state);
        self.release_object(again, &mut batch);
        self.frames.finish(batch);
        count
    }

    /// Makes the pages busy, and takes them out of queues and page tables.
    fn seize(
        &self,
        state: &mut ObjectWrite<'_, M>,
        (from, to): (u64, u64),
        batch: &mut TlbBatch<'_, M>,
    ) -> PageList {
        let pages = self.frames.pages();
        let mut leaving = PageList::new();
        let mut remover = self.queues.remover();
        let mut at = from;
        while let Some((index, slot)) = state.slots.next(at).filter(|&(index, _)| index < to) {
            at = index.wrapping_add(1);
            let Slot::Resident(page) = slot else { continue };
            if pages.get(page).wirings() != 0 {
                continue;
            }
            state.slots.replace(index, Slot::Busy(page));
            remover.dequeue(page);
            if self.machine().page_is_mapped(page) {
                self.machine().page_protect(page, Protection::NONE, batch);
            }
            leaving.push(pages, page);
        }
        leaving
    }

    /// Purges the volatile object that goes first: one of a ripe queue, or one of a group below
    /// `force_below`. Answers how many pages it had; `None` if there is no such object.
    pub(crate) fn purge_one(&self, force_below: u8) -> Option<u64> {
        if self.purge_queues.is_empty() {
            return None;
        }
        let turnover = self.turnover();
        let queues = &self.purge_queues;
        let mut lists = queues.lock();
        let object = queues.take_first(&mut lists, turnover, force_below)?;
        // Whoever sets the state next waits for this lock: the pages that go are seized by then.
        let state = object.write();
        drop(lists);
        let pages = self.discard(&object, state, (0, u64::MAX));
        self.counters.count(Event::Purge);
        self.counters.add(Event::PurgedPage, pages);
        Some(pages)
    }

    /// Memory is short: purges one volatile object, ripe or not. Answers whether there was one. No spin lock
    /// may be held.
    pub(crate) fn purge_any(&self) -> bool {
        let purged = self.purge_one(super::purgable::GROUPS).is_some();
        if purged {
            self.counters.count(Event::Relief);
        }
        purged
    }

    /// Runs an operation again after each failure for want of memory, as long as there is volatile
    /// memory to purge. No spin lock may be held; the operation leaves no trace when it fails.
    #[inline]
    pub(crate) fn relieved<R>(
        &self,
        mut operation: impl FnMut() -> Result<R, KernReturn>,
    ) -> Result<R, KernReturn> {
        loop {
            match operation() {
                Err(KernReturn::RESOURCE_SHORTAGE) if self.relieve() => {}
                result => return result,
            }
        }
    }
}
