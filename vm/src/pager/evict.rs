//! Eviction: clean pages leave memory; the pager has them.
//!
//! Owns: which pages may go: nobody works on them, nothing wires them, the pager has what is in them.
//! Does not own: the way out (`object::discard`), when (`pageout`, `object_sync`).
//! Locks: the object alone.

use crate::addr::Pages;
use crate::machine::Machine;
use crate::object::slot::Slot;
use crate::object::{ObjRef, Object, ObjectState};
use crate::vm::Vm;

impl<M: Machine> Vm<M> {
    /// Whether the page at `index` may leave memory now.
    pub(crate) fn is_evictable(
        &self,
        object: &Object<M>,
        state: &ObjectState<M>,
        index: u64,
    ) -> bool {
        let Some(paging) = &object.paging else {
            return false;
        };
        let Slot::Resident(page) = state.slots.get(index) else {
            return false;
        };
        self.frames.pages().get(page).wirings() == 0
            && !state.slots.is_dirty(index)
            && !paging.is_cleaning(index)
    }

    /// Evicts what may go of a part of an object, in pages. No lock is held.
    pub(crate) fn evict_part(&self, object: &ObjRef<M>, (from, to): (u64, u64)) -> Pages {
        let (mut at, mut gone) = (from, 0u64);
        loop {
            let state = object.write();
            let mut slots = state.slots.range(at, to);
            let first = slots.find(|&(index, _)| self.is_evictable(object, &state, index));
            let Some((first, _)) = first else {
                return Pages(gone);
            };
            drop(slots);
            let mut end = first.saturating_add(1);
            while end < to && self.is_evictable(object, &state, end) {
                end = end.saturating_add(1);
            }
            gone = gone.saturating_add(self.discard(object, state, (first, end)));
            at = end;
        }
    }
}
