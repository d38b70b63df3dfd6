//! Copy-on-write by shadow objects: what shows through, and a new object in front of an old one.
//!
//! Owns: the walk down a chain, the depth of a chain, making a shadow.
//! Does not own: merging links away (`collapse`), filling pages (`fault`).
//! Locks: each object on the way down shared, all of them held until the walk is over.

use super::pages::NoMemory;
use super::slot::Slot;
use super::{ObjRef, Object, ObjectState, Shadow};
use crate::addr::PageId;
use crate::counters::Event;
use crate::machine::Machine;
use crate::vm::Vm;

/// Chains are not left deeper than this by a fork (DESIGN, decision 16).
pub(crate) const DEPTH_LIMIT: u32 = 16;

/// What a walk found.
pub(crate) enum Below<'a, M: Machine> {
    /// The page, its object and index, and the state, which stays locked during the call.
    Page(PageId, &'a ObjRef<M>, u64, &'a ObjectState<M>),
    /// A busy page, and where to wait for it.
    Busy(&'a ObjRef<M>, u64),
    /// The pager of this object has the page at this index.
    Paged(&'a ObjRef<M>, u64),
    /// No page down to the bottom: zeros.
    Nothing,
    /// The lowest object ends before: a file that is shorter than its mapping.
    Beyond,
}

impl<M: Machine> Vm<M> {
    /// Walks down from `shadow` to the page that shows at `index` of the object above it, and calls
    /// `then` while every object on the way is locked.
    #[inline]
    pub(crate) fn look_below<R>(
        &self,
        shadow: &Shadow<M>,
        index: u64,
        then: impl FnOnce(Below<'_, M>) -> R,
    ) -> R {
        self.look_deeper(shadow, index, 1, then)
    }

    fn look_deeper<R, F: FnOnce(Below<'_, M>) -> R>(
        &self,
        shadow: &Shadow<M>,
        index: u64,
        steps: u64,
        then: F,
    ) -> R {
        let index = index.wrapping_add(shadow.offset);
        let state = shadow.object.read();
        let slot = if index < state.size {
            state.slots.get(index)
        } else {
            Slot::Empty
        };
        let found = match (slot, &state.shadow) {
            (Slot::Empty, Some(deeper)) => {
                return self.look_deeper(deeper, index, steps.wrapping_add(1), then);
            }
            (Slot::Empty, None) if index >= state.size => Below::Beyond,
            (Slot::Empty, None) if shadow.object.is_paged() => Below::Paged(&shadow.object, index),
            (Slot::Empty, None) => Below::Nothing,
            (Slot::Resident(page), _) => Below::Page(page, &shadow.object, index, &state),
            (Slot::Busy(_), _) => Below::Busy(&shadow.object, index),
        };
        self.counters.add(Event::ChainStep, steps);
        then(found)
    }

    /// What is below an object, with one more reference, as it is below one above it that begins at
    /// `offset` of it.
    pub(crate) fn below_again(
        &self,
        state: &ObjectState<M>,
        offset: u64,
    ) -> Result<Option<Shadow<M>>, NoMemory> {
        let Some(deeper) = &state.shadow else {
            return Ok(None);
        };
        let object = deeper.object.try_ref().map_err(|_| NoMemory)?;
        let mut below = object.write();
        below.refs = below.refs.saturating_add(1);
        below.aliased = true;
        drop(below);
        Ok(Some(Shadow {
            offset: deeper.offset.wrapping_add(offset),
            object,
        }))
    }

    /// The first index beyond which the lowest object has nothing.
    pub(crate) fn end_of_chain(&self, state: &ObjectState<M>) -> u64 {
        match &state.shadow {
            None => state.size,
            Some(shadow) => {
                let below = self.end_of_chain(&shadow.object.read());
                below.saturating_sub(shadow.offset)
            }
        }
    }

    /// How many objects are below this one.
    pub(crate) fn depth(&self, state: &ObjectState<M>) -> u32 {
        match &state.shadow {
            None => 0,
            Some(shadow) => self.depth(&shadow.object.read()).saturating_add(1),
        }
    }
}

/// The first index at or after `at` where the object or one below it has a page in memory.
pub(crate) fn next_shown<M: Machine>(state: &ObjectState<M>, at: u64) -> Option<u64> {
    let own = state.slots.next(at).map(|(index, _)| index);
    let below = state.shadow.as_ref().and_then(|shadow| {
        let state = shadow.object.read();
        let index = next_shown(&state, at.saturating_add(shadow.offset))?;
        (index < state.size).then(|| index.saturating_sub(shadow.offset))
    });
    match (own, below) {
        (Some(own), Some(below)) => Some(own.min(below)),
        (own, below) => own.or(below),
    }
}

/// The same, of pages that are in memory or with a pager: where anything but zeros may show.
pub(crate) fn next_there<M: Machine>(object: &Object<M>, at: u64) -> Option<u64> {
    let state = object.read();
    if object.is_paged() && at < state.size {
        return Some(at);
    }
    let own = state.slots.next(at).map(|(index, _)| index);
    let below = state.shadow.as_ref().and_then(|shadow| {
        let index = next_there(&shadow.object, at.saturating_add(shadow.offset))?;
        let inside = index < shadow.object.read().size;
        inside.then(|| index.saturating_sub(shadow.offset))
    });
    match (own, below) {
        (Some(own), Some(below)) => Some(own.min(below)),
        (own, below) => own.or(below),
    }
}
