//! The audit of what pagers are for: dirty pages, requests, tellings.
//!
//! Owns: the recount of marks and of what is on its way. Locks: the object's is held by the caller.

use super::Audit;
use crate::machine::{Machine, RefMod};
use crate::object::{Object, ObjectState};
use crate::vm::Vm;
use core::sync::atomic::Ordering::Relaxed;

impl<M: Machine> Vm<M> {
    pub(super) fn audit_paging(
        &self,
        object: &Object<M>,
        state: &ObjectState<M>,
        audit: &mut Audit,
    ) {
        let marked = state.slots.next_dirty(0);
        let Some(paging) = &object.paging else {
            if marked.is_some() {
                let what = "I-DIRTY-1: a page without a pager is dirty";
                audit.fail(what, object.serial);
            }
            return;
        };
        let mut dirty = 0u64;
        for (index, slot) in state.slots.range(0, u64::MAX) {
            let Some(page) = slot.page() else { continue };
            let noted = self.frames.pages().get(page).marks();
            let is_dirty = state.slots.is_dirty(index);
            dirty = dirty.saturating_add(is_dirty.into());
            // What is left beyond the end, because it is wired, is nobody's.
            if index < state.size && is_dirty != noted.contains(RefMod::MODIFIED) {
                audit.fail("I-DIRTY-1: a page's note and its slot's mark differ", index);
            }
        }
        if paging.dirty() != dirty {
            let what = "I-DIRTY-1: dirty pages and their count differ";
            audit.fail(what, object.serial);
        }
        audit.dirty = audit.dirty.saturating_add(dirty);
        if !paging.is_quiet() {
            let what = "I-PAGER-1: a request has not ended";
            audit.fail(what, object.serial);
        }
    }

    /// Whether all dirty pages are those of objects that were found.
    pub(super) fn dirty_agrees(&self, audit: &Audit) -> bool {
        self.dirty.load(Relaxed) == audit.dirty
    }
}
