//! Links of a shadow chain that go away: collapse and bypass.
//!
//! Owns: the two ways a chain becomes shorter. *Collapse*: the object below has no other reference,
//! so both become one. *Bypass*: nothing of the object below shows any more, so the link is led past it.
//! Does not own: when it is tried (after a copy fault, before a fork).
//! Locks: the upper object alone, then the lower one alone. Work is bounded per call: at most
//! [`MOVES`] pages, at most [`LINKS`] links. Invariants: I-OBJ-4 (a chain shows the same bytes before
//! and after), I-OBJ-5 (a link with one reference collapses).

use super::slot::Slot;
use super::{ObjRef, ObjectKind, ObjectState, Shadow};
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::machine::Machine;
use crate::vm::Vm;
use abi::Protection;

/// Pages that one call moves at most.
const MOVES: u64 = 512;
/// Links that one call takes away at most.
const LINKS: u32 = 32;

impl<M: Machine> Vm<M> {
    /// Shortens the chain below `top`, which is `object`'s state, locked alone by the caller. Objects that lost a reference and may be at their end are put
    /// into `released`; the caller gives them up once it holds no object lock.
    pub(crate) fn collapse(
        &self,
        object: &ObjRef<M>,
        top: &mut ObjectState<M>,
        batch: &mut TlbBatch<'_, M>,
        released: &mut Option<ObjRef<M>>,
    ) {
        for _ in 0..LINKS {
            let Some(shadow) = top.shadow.take() else {
                return;
            };
            if shadow.object.kind != ObjectKind::Anonymous {
                top.shadow = Some(shadow);
                return;
            }
            let mut below = shadow.object.write();
            let end = lowest_end(&below, shadow.offset);
            let changed = if top.slots.next(end).is_some() {
                false
            } else if below.refs == 1 {
                self.merge(top, &mut below, shadow.offset, batch)
                    && take_place(object, top, &mut below)
            } else {
                // Past a copy object nothing would be pushed any more.
                released.is_none() && !below.receives && self.hides(top, &below, shadow.offset)
            };
            if !changed {
                drop(below);
                top.shadow = Some(shadow);
                return;
            }
            if below.refs == 1 {
                // Nothing is left in it: the upper object takes its place in the chain.
                top.shadow = below.shadow.take().map(|deeper| Shadow {
                    offset: deeper.offset.wrapping_add(shadow.offset),
                    object: deeper.object,
                });
                below.refs = 0;
                top.size = top.size.min(end);
                self.counters.count(Event::Collapse);
                drop(below);
                continue;
            }
            let Ok(deeper) = self.below_again(&below, shadow.offset) else {
                drop(below);
                top.shadow = Some(shadow);
                return;
            };
            if core::mem::take(&mut top.receives) {
                below.copy = None;
            }
            drop(below);
            top.shadow = deeper;
            top.size = top.size.min(end);
            self.counters.count(Event::Bypass);
            *released = Some(shadow.object);
        }
    }

    /// Makes one of two: all that shows of `below` is in `top` then. Answers false if there was more
    /// to do than one call may.
    fn merge(
        &self,
        top: &mut ObjectState<M>,
        below: &mut ObjectState<M>,
        offset: u64,
        batch: &mut TlbBatch<'_, M>,
    ) -> bool {
        // The smaller one moves into the larger one, if the larger one's pages keep their numbers.
        top.reusable |= below.reusable;
        let fewer = top.slots.len() < below.slots.len() && top.slots.len() <= MOVES;
        if offset == 0 && fewer && top.copy.is_none() {
            return self.merge_down(top, below, batch);
        }
        let size = top.size;
        let (mut at, mut moved) = (0, 0);
        while let Some((index, slot)) = below.slots.next(at) {
            if moved == MOVES {
                return false;
            }
            moved = moved.wrapping_add(1);
            at = index.wrapping_add(1);
            let Slot::Resident(page) = slot else {
                return false;
            };
            let target = index.checked_sub(offset).filter(|&target| target < size);
            let shown = target.filter(|&target| top.slots.get(target) == Slot::Empty);
            if let Some(target) = shown {
                let slot = Slot::Resident(page);
                let (zones, frames) = (&self.zones.nodes, &self.frames);
                if top.slots.insert(target, slot, zones, frames).is_err() {
                    return false;
                }
                let record = self.frames.pages().get(page);
                record.set_owner(top.number, target);
                if top.copy.is_some() {
                    record.set_owed();
                }
                below.slots.remove(index);
            } else if self.frames.pages().get(page).wirings() == 0 {
                below.slots.remove(index);
                self.free_page(page, batch);
            } else {
                return false;
            }
        }
        true
    }

    /// `top`'s pages move into `below`'s slots, over what they hide; then the slots change places.
    fn merge_down(
        &self,
        top: &mut ObjectState<M>,
        below: &mut ObjectState<M>,
        batch: &mut TlbBatch<'_, M>,
    ) -> bool {
        let size = top.size;
        // Pages beyond the upper object's end never show.
        if below.slots.next(size).is_some() {
            self.free_range(below, size, u64::MAX, batch);
        }
        let busy = |slots: &super::Slots<M>| {
            let mut all = slots.range(0, u64::MAX);
            all.any(|(_, slot)| matches!(slot, Slot::Busy(_)))
        };
        if below.slots.next(size).is_some()
            || busy(&top.slots)
            || below
                .slots
                .grow(size, &self.zones.nodes, &self.frames)
                .is_err()
        {
            return false;
        }
        while let Some((index, slot)) = top.slots.next(0) {
            let Slot::Resident(page) = slot else {
                return false;
            };
            match below.slots.get(index) {
                Slot::Empty => {
                    let (zones, frames) = (&self.zones.nodes, &self.frames);
                    if below.slots.insert(index, slot, zones, frames).is_err() {
                        return false;
                    }
                }
                Slot::Resident(hidden) if self.frames.pages().get(hidden).wirings() == 0 => {
                    below.slots.replace(index, slot);
                    self.free_page(hidden, batch);
                }
                _ => return false,
            }
            top.slots.remove(index);
            self.frames.pages().get(page).set_owner(below.number, index);
        }
        core::mem::swap(&mut top.slots, &mut below.slots);
        core::mem::swap(&mut top.number, &mut below.number);
        true
    }

    /// Whether no page of `below` shows through `top`. The first that does is remembered, so that
    /// the next look is short.
    fn hides(&self, top: &mut ObjectState<M>, below: &ObjectState<M>, offset: u64) -> bool {
        let end = offset.saturating_add(top.size);
        let covers_all = offset == 0 && top.size >= below.size;
        if covers_all && below.slots.len() > top.slots.len() {
            return false;
        }
        let shows = |index: u64| top.slots.get(index.wrapping_sub(offset)) == Slot::Empty;
        let hint = offset.saturating_add(top.hint);
        if let Some((index, _)) = below.slots.next(hint)
            && index < end
            && shows(index)
        {
            top.hint = index.wrapping_sub(offset);
            return false;
        }
        let mut looked = 0u64;
        for (index, _) in below.slots.range(offset, end) {
            looked = looked.saturating_add(1);
            if looked > MOVES || shows(index) {
                top.hint = index.wrapping_sub(offset);
                return false;
            }
        }
        true
    }

    /// Takes all mappings of a page away that a writer has just copied, so that who shares the
    /// object above sees the copy. A wired page keeps them (I-PAGE-3).
    pub(crate) fn disconnect(&self, page: crate::addr::PageId, batch: &mut TlbBatch<'_, M>) {
        if self.frames.pages().get(page).wirings() == 0 {
            self.machine().page_protect(page, Protection::NONE, batch);
        }
    }
}

/// Where an object ends once it stands in the place of the lower one: what lies beyond the end of the
/// lowest object of a chain stays beyond.
fn lowest_end<M: Machine>(below: &ObjectState<M>, offset: u64) -> u64 {
    match below.shadow {
        Some(_) => u64::MAX,
        None => below.size.saturating_sub(offset),
    }
}

/// The upper object takes the lower one's part in delayed copies: as the copy object of what is deeper,
/// and, if the lower one was its original, as nobody's. Answers false if that cannot be noted now.
fn take_place<M: Machine>(
    object: &ObjRef<M>,
    top: &mut ObjectState<M>,
    below: &mut ObjectState<M>,
) -> bool {
    if below.receives
        && let Some(deeper) = &below.shadow
    {
        let Ok(newest) = object.try_ref() else {
            return false;
        };
        deeper.object.write().copy = Some(newest);
        below.receives = false;
        below.copy = None;
        top.receives = true;
    } else if core::mem::take(&mut top.receives) {
        below.copy = None;
    }
    if top.line == 0 {
        top.line = below.line;
    }
    true
}
