//! Which pages are taken back: the oldest that were read ahead, then the oldest of files.
//!
//! Owns: the order of victims, the second chance of a page that was used. Does not own: how a page leaves
//! (`pager::evict`), how it is written (`pager::page_out`). Anonymous pages stay: they have no pager.
//! Locks: one queue for a look at its oldest page; then that page's object alone. The page's owner is a
//! hint that is checked there.

use crate::addr::{PageId, Pages};
use crate::counters::Event;
use crate::machine::{Machine, RefMod};
use crate::object::slot::Slot;
use crate::object::{ObjRef, ObjectWrite};
use crate::page::PageState;
use crate::vm::Vm;

/// Steps between two looks at how the queues are balanced.
const BALANCE: u64 = 32;
/// Neighbours of the same age that leave together.
const NEIGHBOURS: u64 = 16;

/// Whether dirty pages are written to be taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// They stay.
    Clean,
    /// They are written, then taken.
    Dirty,
}

/// What became of a victim.
enum Fate<M: Machine> {
    /// So many pages left.
    Gone(u64),
    /// It was used, or is on its way, or not its object's any more.
    Stays,
    /// It is dirty: it is to be written, with its neighbours.
    Write(ObjRef<M>, u64),
}

impl<M: Machine> Vm<M> {
    /// Takes pages of files back, until it has `wanted` or has looked at every page twice. Answers how many
    /// it took. No lock is held; with `Take::Dirty` it waits for pagers.
    pub(super) fn take_back(&self, wanted: Pages, take: Take) -> Pages {
        let counts = self.queues.counts();
        let all = counts.external.0.saturating_add(counts.laundry.0);
        let mut taken = 0u64;
        for step in 0..all.saturating_mul(2) {
            if taken >= wanted.0 {
                break;
            }
            let moved = step % BALANCE == 0 && self.balance();
            let Some((page, queue)) = self.queues.oldest_of_files() else {
                if moved || self.balance() {
                    continue;
                }
                break;
            };
            match self.take_victim(page, queue, take) {
                Fate::Gone(pages) => taken = taken.saturating_add(pages),
                Fate::Write(object, index) => self.launder(&object, index),
                Fate::Stays => {}
            }
        }
        Pages(taken)
    }

    /// Moves the oldest active pages to the inactive queues until half of the files' pages are there
    /// (`vm_page_balance_inactive`, which counts anonymous pages, too: those can go there). A page begins its
    /// second chance unreferenced. Answers whether any page moved.
    fn balance(&self) -> bool {
        let counts = self.queues.counts();
        let rest = counts.inactive_file.0.saturating_add(counts.speculative.0);
        let target = counts.external.0.div_ceil(2);
        let mut batch = self.frames.batch();
        let moved = self.queues.age(target.saturating_sub(rest), |page| {
            self.frames.pages().get(page).unmark(RefMod::REFERENCED);
            let used = RefMod::REFERENCED;
            self.machine().page_clear_refmod(page, used, &mut batch);
        });
        self.frames.finish(batch);
        moved != Pages(0)
    }

    fn take_victim(&self, page: PageId, queue: PageState, take: Take) -> Fate<M> {
        let owner = self.frames.pages().get(page).owner();
        let object = self.paged.find(owner.object, |object| {
            object.read().slots.get(owner.index).page() == Some(page)
        });
        let Some(object) = object else {
            // Nobody's, or of an object without a pager.
            self.queues.set_aside(page, queue);
            return Fate::Stays;
        };
        let state = object.write();
        let record = self.frames.pages().get(page);
        if record.state() != queue {
            return Fate::Stays;
        }
        match state.slots.get(owner.index) {
            Slot::Resident(own) if own == page => {
                self.judge(&object, state, (owner.index, page), take)
            }
            Slot::Busy(own) if own == page => {
                self.queues.rotate(page);
                Fate::Stays
            }
            _ => Fate::Stays,
        }
    }

    /// The page is in a queue of victims and its object is locked.
    fn judge(
        &self,
        object: &ObjRef<M>,
        state: ObjectWrite<'_, M>,
        (index, page): (u64, PageId),
        take: Take,
    ) -> Fate<M> {
        let cleaning = object.paging.as_ref();
        if cleaning.is_some_and(|paging| paging.is_cleaning(index)) {
            self.queues.rotate(page);
            return Fate::Stays;
        }
        if self.was_used(page) {
            let mut batch = self.frames.batch();
            self.queues.dequeue(page);
            self.queues.activate(page);
            self.frames.pages().get(page).unmark(RefMod::REFERENCED);
            let used = RefMod::REFERENCED;
            self.machine().page_clear_refmod(page, used, &mut batch);
            self.counters.count(Event::Reactivation);
            drop(state);
            self.frames.finish(batch);
            return Fate::Stays;
        }
        if state.slots.is_dirty(index) {
            if take == Take::Clean {
                self.queues.rotate(page);
                return Fate::Stays;
            }
            drop(state);
            return object
                .try_ref()
                .map_or(Fate::Stays, |object| Fate::Write(object, index));
        }
        let queue = self.frames.pages().get(page).state();
        let mut end = index.saturating_add(1);
        while end < index.saturating_add(NEIGHBOURS)
            && self.is_evictable(object, &state, end)
            && let Some(page) = state.slots.get(end).page()
            && self.frames.pages().get(page).state() == queue
            && !self.was_used(page)
        {
            end = end.saturating_add(1);
        }
        let gone = self.discard(object, state, (index, end));
        self.counters.add(Event::Eviction, gone);
        Fate::Gone(gone)
    }

    /// Whether a page was used since it was last looked at.
    pub(crate) fn was_used(&self, page: PageId) -> bool {
        let noted = self.frames.pages().get(page).marks();
        (noted | self.machine().page_refmod(page)).contains(RefMod::REFERENCED)
    }
}
