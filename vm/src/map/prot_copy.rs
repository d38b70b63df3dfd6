//! `VM_PROT_COPY`: a range shows private memory from now on, which may become writable.
//!
//! Owns: the plan of that, which may fail, and carrying it out, which may not. Does not own: the copies
//! (`object::private`), what submaps show in the range (`copy_up`).
//! Locks: the map alone, from the plan to the end. Invariant: I-WIRE-1.
//!
//! XNU remaps the range over itself as a copy, so its wirings end. Here what is private already stays
//! where it is, and only what others write too is copied; all of it or nothing.

use super::clip::Spare;
use super::copy_up::Blocked;
use super::enter::CopyMode;
use super::entry::{Entry, EntryFlags};
use super::tree::Removed;
use super::{Map, MapState};
use crate::addr::Range;
use crate::machine::Machine;
use crate::vm::Vm;
use abi::Protection;

/// Entries with the copies that take the place of memory that others write.
pub(super) struct Private<M: Machine>(Removed<M>);

impl<M: Machine> MapState<M> {
    /// Entries of a range that show memory that others may write.
    pub(super) fn shared_in(&self, range: Range) -> usize {
        let mut shared = 0usize;
        self.tree.visit(range, |entry| {
            shared = shared.saturating_add(usize::from(is_shared(entry)));
            None::<()>
        });
        shared
    }
}

impl<M: Machine> Vm<M> {
    /// Copies what others may write of `range`, which begins and ends with entries. There are as many
    /// spare entries as [`MapState::shared_in`] says; what is given up goes to `dropped`.
    pub(super) fn plan_private(
        &self,
        state: &MapState<M>,
        range: Range,
        spare: &mut Spare<M>,
        dropped: &mut Removed<M>,
    ) -> Result<Private<M>, Blocked<M>> {
        let mut planned = Removed::default();
        let stop = state.tree.visit(range, |entry| {
            let object = entry.object.as_ref().filter(|_| is_shared(entry))?;
            let copied = match self.copy_part(object, entry.part()) {
                Ok(copied) => copied,
                Err(stop) => return Some(Blocked::from(stop)),
            };
            let mut new = Entry::new(entry.range(), entry.attributes);
            new.needs_copy = copied.mode == CopyMode::Private;
            (new.object, new.offset) = (Some(copied.object), copied.offset);
            match spare.take(new) {
                Ok(new) => {
                    planned.push(new);
                    None
                }
                Err(stop) => Some(stop.into()),
            }
        });
        let Some(stop) = stop else {
            return Ok(Private(planned));
        };
        while let Some(copy) = planned.pop() {
            dropped.push(copy);
        }
        Err(stop)
    }

    /// Carries the plan out in the map. The caller removes what is mapped in the range, and flushes,
    /// before it unlocks the map.
    pub(super) fn commit_private(
        &self,
        map: &Map<M>,
        state: &mut MapState<M>,
        range: Range,
        mut planned: Private<M>,
        dropped: &mut Removed<M>,
    ) {
        let MapState {
            tree, user_wired, ..
        } = state;
        while let Some(mut copy) = planned.0.pop() {
            tree.update(copy.start, |entry| {
                core::mem::swap(&mut entry.object, &mut copy.object);
                core::mem::swap(&mut entry.offset, &mut copy.offset);
                entry.needs_copy = copy.needs_copy;
                entry.attributes.flags.remove(EntryFlags::SHARED);
                *user_wired = user_wired.saturating_sub(entry.user_wired_bytes());
                (copy.wired, copy.user_wired) = (entry.wired, entry.user_wired);
                (entry.wired, entry.user_wired) = (0, 0);
            });
            self.unwire_all(map, &mut copy);
            dropped.push(copy);
        }
        tree.visit_mut(range, |entry| {
            if entry.wired != 0 {
                *user_wired = user_wired.saturating_sub(entry.user_wired_bytes());
                self.end_wirings(map, entry);
            }
            let alone = entry.object.as_ref().is_none_or(|object| {
                let object = object.read();
                object.is_exclusive() || !object.aliased
            });
            // Memory that is shared for reading is copied when it is written.
            entry.needs_copy |= !alone && entry.submap.is_none();
            entry.attributes.max |= Protection::WRITE;
        });
    }
}

fn is_shared<M: Machine>(entry: &Entry<M>) -> bool {
    let object = entry.object.as_ref();
    object.is_some_and(|object| object.read().true_share)
}
