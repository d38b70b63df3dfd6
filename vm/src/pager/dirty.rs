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
            self.make_dirty(object, state, (index, 1));
        }
    }

    /// The same of pages that are together in a node of the object, from index `first` on.
    pub(crate) fn note_writes(
        &self,
        object: &Object<M>,
        state: &mut ObjectState<M>,
        first: u64,
        pages: &[PageId],
    ) {
        for page in pages {
            let record = self.frames.pages().get(*page);
            record.mark(RefMod::MODIFIED | RefMod::REFERENCED);
        }
        if object.is_paged() {
            self.make_dirty(object, state, (first, pages.len()));
        }
    }

    #[inline(never)]
    fn make_dirty(
        &self,
        object: &Object<M>,
        state: &mut ObjectState<M>,
        (first, count): (u64, usize),
    ) {
        let Some(paging) = &object.paging else { return };
        let count = state.size.saturating_sub(first).min(count as u64);
        let new = state.slots.set_dirty(first, count as usize);
        if new != 0 {
            paging.dirty.fetch_add(new, Relaxed);
            let before = self.dirty.fetch_add(new, Relaxed);
            if before.saturating_add(new) > self.targets().dirty_limit.0 {
                self.want_flush();
            }
        }
    }

    /// Pages count as clean: those from index `first` on.
    pub(super) fn make_clean(
        &self,
        object: &Object<M>,
        state: &mut ObjectState<M>,
        first: u64,
        pages: &[PageId],
    ) {
        let Some(paging) = &object.paging else { return };
        for page in pages {
            self.frames.pages().get(*page).unmark(RefMod::MODIFIED);
        }
        let (mut at, mut left, mut old) = (first, pages.len(), 0u64);
        while left != 0 {
            let count = state.slots.together(at).min(left);
            old = old.saturating_add(state.slots.clear_dirty(at, count));
            at = at.saturating_add(count as u64);
            left = left.saturating_sub(count);
        }
        paging.dirty.fetch_sub(old, Relaxed);
        self.dirty.fetch_sub(old, Relaxed);
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
            let page = state.slots.get(index).page();
            self.make_clean(object, state, index, page.as_slice());
        }
    }

    /// Pages of files that pagers have not got yet.
    pub fn dirty_pages(&self) -> Pages {
        Pages(self.dirty.load(Relaxed))
    }
}
