//! The laundry: dirty pages whose frames are wanted, while their pager writes them.
//!
//! Owns: what becomes of them before and after. Does not own: the writing (`page_out`), which pages
//! (`pageout::scan`).
//! Locks: the object alone.

use super::page_out::{Why, run_of};
use super::run::RunPages;
use crate::addr::PageId;
use crate::machine::Machine;
use crate::object::{ObjRef, ObjectState};
use crate::page::PageState;
use crate::vm::Vm;

impl<M: Machine> Vm<M> {
    /// Writes a dirty page whose frame is wanted, and the dirty pages around it that a run has room for.
    pub(crate) fn launder(&self, object: &ObjRef<M>, index: u64) {
        let (mut at, to) = run_of::<M>(index);
        let mut pages = RunPages::new();
        while let Some(taken) = self.next_run(object, (at, to), Why::Pageout, &mut pages) {
            self.write_run(object, taken, pages.pages());
            at = taken.end;
        }
    }

    /// The pages of a run are going to be written; those that are wired, or active again, stay in their
    /// queues.
    pub(super) fn put_into_laundry(&self, pages: &[PageId]) {
        for &page in pages {
            let state = self.frames.pages().get(page).state();
            if matches!(state, PageState::InactiveFile | PageState::Speculative) {
                self.queues.dequeue(page);
                self.queues.launder(page);
            }
        }
    }

    /// A page has been written, or not: it goes next, unless it is needed.
    pub(super) fn take_from_laundry(&self, state: &ObjectState<M>, index: u64, page: PageId) {
        if self.frames.pages().get(page).state() != PageState::Laundry {
            return;
        }
        self.queues.dequeue(page);
        if state.slots.is_dirty(index) || self.was_used(page) {
            self.queues.activate(page);
        } else {
            self.queues.offer(page);
        }
    }
}
