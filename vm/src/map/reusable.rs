//! Memory that an allocator keeps without needing its contents: `REUSABLE`, `REUSE`, `CAN_REUSE`.
//!
//! Owns: which entries an allocator may treat so (xnu-vm.md §1.6), the marks of their pages.
//! Does not own: killing pages (`advise`). Locks: the map shared, then the object alone.

use super::entry::{Entry, EntryFlags};
use super::{Map, MapState};
use crate::addr::Range;
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::machine::{Machine, RefMod};
use crate::object::slot::Slot;
use crate::object::{ObjectKind, ObjectState};
use crate::page::PageState;
use crate::vm::Vm;
use abi::{Inherit, KernReturn, Protection};

/// What an allocator says of its pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reuse {
    /// It keeps them and needs nothing of them.
    Reusable,
    /// It uses them again.
    InUse,
    /// It asks whether it may say so.
    Ask,
}

/// Flags that memory of an allocator does not have.
const UNUSUAL: EntryFlags = EntryFlags::PERMANENT
    .union(EntryFlags::NO_CACHE)
    .union(EntryFlags::ZERO_WIRED);

/// Whether an entry may be treated so. One without an allocator's tag always may.
fn is_reusable<M: Machine>(entry: &Entry<M>) -> bool {
    let attributes = &entry.attributes;
    if !matches!(attributes.tag, 1..=3 | 6..=9) {
        return true;
    }
    attributes.protection == Protection::DEFAULT
        && attributes.max == Protection::ALL
        && attributes.inherit == Inherit::Copy
        && !attributes.flags.intersects(UNUSUAL)
        && entry.wired == 0
        && entry.object.as_ref().is_none_or(|object| {
            let state = object.read();
            let others = state.shadow.is_some() || state.copy.is_some() || state.purge.is_some();
            object.kind == ObjectKind::Anonymous && !others
        })
}

/// Whether the contents of an object's pages may be given up: nobody else has a copy of them to
/// come, and nothing is below that would show instead.
pub(super) fn is_alone<M: Machine>(kind: ObjectKind, state: &ObjectState<M>) -> bool {
    kind == ObjectKind::Anonymous
        && state.shadow.is_none()
        && state.copy.is_none()
        && (state.refs == 1 || !state.aliased || state.true_share)
}

impl<M: Machine> Vm<M> {
    /// All of the range or nothing: it is mapped, each entry may be treated so, and may be written if
    /// its contents are given up.
    pub(super) fn reuse(&self, map: &Map<M>, range: Range, reuse: Reuse) -> Result<(), KernReturn> {
        let state = map.read();
        if !state.covers(range) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        let bad = state.tree.visit(range, |entry| {
            if entry.submap.is_some() || !is_reusable(entry) {
                return Some(KernReturn::INVALID_ADDRESS);
            }
            let writes = entry.attributes.protection.contains(Protection::WRITE);
            (reuse == Reuse::Reusable && !writes).then_some(KernReturn::PROTECTION_FAILURE)
        });
        match bad {
            Some(code) => Err(code),
            None => {
                self.mark_reusable(&state, range, reuse);
                Ok(())
            }
        }
    }

    /// Marks the resident pages of the range, as far as they may be treated so.
    pub(super) fn mark_reusable(&self, state: &MapState<M>, range: Range, reuse: Reuse) {
        self.each_part(state, range, |entry, part| {
            let object = entry.object.as_ref().filter(|_| !entry.needs_copy);
            if let Some(object) = object
                && reuse != Reuse::Ask
            {
                let mut batch = self.frames.batch();
                let mut state = object.write();
                if is_alone(object.kind, &state) {
                    state.reusable |= reuse == Reuse::Reusable;
                    let (from, to) = (entry.index(part.start), entry.index(part.end));
                    self.mark_pages(&state, (from, to), reuse, &mut batch);
                }
                drop(state);
                self.frames.finish(batch);
            }
        });
    }

    /// A reusable page counts as clean and unused, and waits in the inactive queue.
    fn mark_pages(
        &self,
        state: &ObjectState<M>,
        (from, to): (u64, u64),
        reuse: Reuse,
        batch: &mut TlbBatch<'_, M>,
    ) {
        let mut marked = 0u64;
        for (_, slot) in state.slots.range(from, to) {
            let Slot::Resident(page) = slot else { continue };
            let record = self.frames.pages().get(page);
            if reuse == Reuse::InUse {
                if record.is_reusable() {
                    record.clear_reusable();
                    self.machine().page_account(page, record.account());
                }
            } else if record.wirings() == 0 && !record.is_reusable() {
                self.machine().page_clear_refmod(page, RefMod::all(), batch);
                record.set_reusable();
                self.machine().page_account(page, record.account());
                if record.state() == PageState::Active {
                    self.queues.dequeue(page);
                    self.queues.deactivate(page);
                }
                marked = marked.saturating_add(1);
            }
        }
        self.counters.add(Event::Reusable, marked);
    }
}
