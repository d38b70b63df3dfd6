//! Which pages of a file the pager has not got yet.
//!
//! Owns: the marks of dirty pages and their counts, per object and of the machine.
//! Does not own: where they go (`page_out`).
//! Locks: the object alone. Invariants: I-DIRTY-1 (a slot's mark, the page's note and the counts agree),
//! I-DIRTY-2 (a page that is not dirty has no writable mapping).
//!
//! A write through a mapping is noted by the fault that grants it: a clean page is mapped without write
//! permission, on every machine, whether its page tables note writes or not.

use crate::addr::{PageId, Pages};
use crate::machine::{Machine, RefMod};
use crate::object::{Object, ObjectState};
use crate::vm::Vm;
use core::sync::atomic::Ordering::Relaxed;

impl<M: Machine> Vm<M> {
    /// A page of an object that is a file's changes, or has just changed.
    #[inline]
    pub(crate) fn note_write(
        &self,
        object: &Object<M>,
        state: &mut ObjectState<M>,
        index: u64,
        page: PageId,
    ) {
        let record = self.frames.pages().get(page);
        record.mark(RefMod::MODIFIED | RefMod::REFERENCED);
        if object.is_paged() {
            self.make_dirty(object, state, index);
        }
    }

    #[inline(never)]
    fn make_dirty(&self, object: &Object<M>, state: &mut ObjectState<M>, index: u64) {
        if let Some(paging) = &object.paging
            && index < state.size
            && state.slots.set_dirty(index)
        {
            paging.dirty.fetch_add(1, Relaxed);
            let before = self.dirty.fetch_add(1, Relaxed);
            if before >= self.targets().dirty_limit.0 {
                self.want_flush();
            }
        }
    }

    /// The page at `index` counts as clean. Answers whether it was dirty.
    pub(super) fn make_clean(
        &self,
        object: &Object<M>,
        state: &mut ObjectState<M>,
        index: u64,
    ) -> bool {
        let Some(paging) = &object.paging else {
            return false;
        };
        if !state.slots.clear_dirty(index) {
            return false;
        }
        if let Some(page) = state.slots.get(index).page() {
            self.frames.pages().get(page).unmark(RefMod::MODIFIED);
        }
        paging.dirty.fetch_sub(1, Relaxed);
        self.dirty.fetch_sub(1, Relaxed);
        true
    }

    /// What was written in these pages is not needed any more: they are going to be freed.
    pub(crate) fn forget_writes(
        &self,
        object: &Object<M>,
        state: &mut ObjectState<M>,
        (from, to): (u64, u64),
    ) {
        if !object.is_paged() {
            return;
        }
        while let Some(index) = state.slots.next_dirty(from).filter(|&index| index < to) {
            self.make_clean(object, state, index);
        }
    }

    /// Pages of files that pagers have not got yet.
    pub fn dirty_pages(&self) -> Pages {
        Pages(self.dirty.load(Relaxed))
    }
}
