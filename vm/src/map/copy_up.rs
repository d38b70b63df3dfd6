//! Pieces of a submap become a parent's own: before a write, a wiring, a change to writable.
//!
//! Owns: the plan of such a change, which may fail, and carrying it out, which may not.
//! Does not own: what a piece is (`Entry::show`), the copying of pages (`fault`, `object::copy`).
//! Locks: the parent alone, the submap shared while the plan is made. The submap is frozen (I-SUB-2),
//! so the plan stays true without its lock. Invariant: I-SUB-4 (a plan that is given up leaves nothing).
//!
//! A piece is what an entry of the submap and the parent's entry have in common. It becomes an entry
//! of the parent that shows the same object and is copied when written; nothing that shows changes.
//! Wired or truly shared memory, and what lies below a chain that is too deep, is copied at once.

use super::clip::{Spare, Stop};
use super::enter::CopyMode;
use super::entry::Entry;
use super::tree::Removed;
use super::{Map, MapState};
use crate::addr::Range;
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::machine::Machine;
use crate::object::copy::CopyStop;
use crate::object::delayed::Part;
use crate::object::shadow::DEPTH_LIMIT;
use crate::object::{ObjRef, ObjectKind, Shadow};
use crate::pageout::Relief;
use crate::vm::Vm;
use abi::{KernReturn, Protection};

/// Why a change of a locked map stopped before it changed anything.
pub(crate) enum Blocked<M: Machine> {
    /// Entries are missing, or it ends with a code.
    Stop(Stop),
    /// A busy page, and where to wait for it with no lock held.
    Wait(ObjRef<M>, Part),
}

impl<M: Machine> From<Stop> for Blocked<M> {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl<M: Machine> From<KernReturn> for Blocked<M> {
    fn from(code: KernReturn) -> Self {
        Self::Stop(Stop::Code(code))
    }
}

impl<M: Machine> From<CopyStop<M>> for Blocked<M> {
    fn from(stop: CopyStop<M>) -> Self {
        match stop {
            CopyStop::Wait(object, part) => Self::Wait(object, part),
            CopyStop::Code(code) => code.into(),
        }
    }
}

/// Entries that take the place of pieces, until they are in the map.
pub(crate) struct Copies<M: Machine>(Removed<M>);

impl<M: Machine> Default for Copies<M> {
    fn default() -> Self {
        Self(Removed::default())
    }
}

impl<M: Machine> Vm<M> {
    /// Runs a change of a locked map until it has the spare entries that it asks for and no busy page
    /// stands in its way. `dropped` is disposed of after each try.
    #[inline]
    pub(crate) fn with_copies(
        &self,
        mut change: impl FnMut(
            &mut Spare<M>,
            &mut Removed<M>,
            &mut TlbBatch<'_, M>,
        ) -> Result<(), Blocked<M>>,
    ) -> Result<(), KernReturn> {
        let mut relief = Relief::new();
        loop {
            let mut wait = None;
            let mut batch = self.frames.batch();
            let mut dropped = Removed::default();
            let done = self.with_spare(|spare| {
                change(spare, &mut dropped, &mut batch).map_err(|blocked| match blocked {
                    Blocked::Stop(stop) => stop,
                    Blocked::Wait(object, part) => {
                        wait = Some((object, part));
                        Stop::Code(KernReturn::ABORTED)
                    }
                })
            });
            if !dropped.is_empty() {
                self.dispose(dropped, &mut batch);
            }
            self.frames.finish(batch);
            match wait {
                None if done == Err(KernReturn::RESOURCE_SHORTAGE)
                    && self.relieve_within(&mut relief) => {}
                None => return done,
                Some((object, part)) => self.wait_part(&object, part, &mut relief)?,
            }
        }
    }

    /// Makes every piece of a submap that meets `range` an entry of `map`'s own, if the program may
    /// `access` it.
    ///
    /// # Errors
    /// `INVALID_ADDRESS` where the submap has a hole, `PROTECTION_FAILURE`, `RESOURCE_SHORTAGE`;
    /// nothing has changed then.
    #[cold]
    pub(crate) fn copy_submap_up(
        &self,
        map: &Map<M>,
        range: Range,
        access: Protection,
    ) -> Result<(), KernReturn> {
        self.with_copies(|spare, dropped, batch| {
            let mut state = map.write();
            state.check_inside(range, access)?;
            let within = state.limits;
            let copies = self.plan_copies(&state, (range, within), spare, dropped)?;
            self.commit_copies(map, &mut state, copies, spare, dropped, batch);
            batch.flush_now(self.machine());
            Ok(())
        })
    }

    /// Makes the entries for every piece that meets `range`, as far as it lies `within`, and leaves
    /// enough spare entries to split the map's at their borders and at those of `range`.
    pub(crate) fn plan_copies(
        &self,
        state: &MapState<M>,
        (range, within): (Range, Range),
        spare: &mut Spare<M>,
        dropped: &mut Removed<M>,
    ) -> Result<Copies<M>, Blocked<M>> {
        let mut copies = Copies::default();
        let entries = state.entries_for_copies(range);
        if entries == 0 {
            return Ok(copies);
        }
        spare.require(entries)?;
        let stop = state.visit_inside(range, |entry, _, inner| {
            let planned = self.plan_piece(entry, inner?, within);
            let planned = planned.and_then(|piece| Ok(piece.map(|p| spare.take(p)).transpose()?));
            match planned {
                Ok(piece) => {
                    piece.into_iter().for_each(|piece| copies.0.push(piece));
                    None
                }
                Err(stop) => Some(stop),
            }
        });
        if let Some(stop) = stop {
            abandon(copies, dropped);
            return Err(stop);
        }
        Ok(copies)
    }

    /// What takes the place of one piece.
    fn plan_piece(
        &self,
        entry: &Entry<M>,
        inner: &Entry<M>,
        within: Range,
    ) -> Result<Option<Entry<M>>, Blocked<M>> {
        let Some(mut piece) = entry.show(inner)? else {
            return Ok(None);
        };
        let Some(part) = piece.range().intersect(within) else {
            return Ok(None);
        };
        piece.offset = piece.index(part.start);
        (piece.start, piece.end) = (part.start, part.end);
        let copy = match &piece.object {
            None => None,
            Some(object) if self.is_copied_at_once(inner, object) => {
                self.counters.count(Event::ForkCopy);
                Some(self.copy_slowly(object, piece.part())?)
            }
            Some(object) if object.kind == ObjectKind::Named => {
                Some(self.front_of_file(object, &piece)?)
            }
            Some(_) => return Ok(Some(piece)),
        };
        (piece.object, piece.offset, piece.needs_copy) = (copy, 0, false);
        Ok(Some(piece))
    }

    fn is_copied_at_once(&self, inner: &Entry<M>, object: &ObjRef<M>) -> bool {
        let state = object.read();
        let shared = state.true_share && object.kind == ObjectKind::Anonymous;
        inner.wired != 0 || shared || self.depth(&state) >= DEPTH_LIMIT
    }

    /// A piece of a file that was shared is the task's own from now on, and no longer follows the file.
    fn front_of_file(&self, file: &ObjRef<M>, piece: &Entry<M>) -> Result<ObjRef<M>, CopyStop<M>> {
        let new = self.new_object(ObjectKind::Anonymous, piece.pages());
        let new = new.map_err(CopyStop::Code)?;
        match self.copy_part(file, piece.part()) {
            Ok(copied) if copied.mode == CopyMode::Private => {
                new.write().shadow = Some(Shadow {
                    object: copied.object,
                    offset: copied.offset,
                });
                Ok(new)
            }
            copied => {
                self.give_object(new);
                copied.map(|copied| copied.object)
            }
        }
    }

    /// Carries a plan out, in the map and its page tables. The caller flushes the batch before it
    /// unlocks the map.
    pub(crate) fn commit_copies(
        &self,
        map: &Map<M>,
        state: &mut MapState<M>,
        mut copies: Copies<M>,
        spare: &mut Spare<M>,
        dropped: &mut Removed<M>,
        batch: &mut TlbBatch<'_, M>,
    ) {
        while let Some(new) = copies.0.pop() {
            let range = new.range();
            let split = state.clip(self, map, range, spare);
            assert!(split.is_ok(), "I-SUB-4: a plan lacks spare entries");
            self.unnest(map, range, batch);
            if let Some(object) = &new.object {
                if new.needs_copy {
                    let mut target = object.write();
                    target.refs = target.refs.saturating_add(1);
                    target.aliased = true;
                } else {
                    // What is mapped is the submap's.
                    self.machine().pmap_remove(self.pmap(map), range, batch);
                }
            }
            if let Some(old) = state.tree.remove(range.start) {
                dropped.push(old);
            }
            state.tree.insert(new);
            self.counters.count(Event::CopyUp);
        }
    }
}

impl<M: Machine> MapState<M> {
    /// Spare entries that a plan for `range` and its carrying out need: 0 if no submap shows anything.
    pub(crate) fn entries_for_copies(&self, range: Range) -> usize {
        let mut pieces = 0usize;
        self.visit_inside(range, |_, _, inner| {
            pieces = pieces.saturating_add(usize::from(inner.is_some()));
            None::<()>
        });
        match pieces {
            0 => 0,
            _ => pieces.saturating_mul(3).saturating_add(self.clips(range)),
        }
    }
}

/// Takes a plan apart: what it only borrowed loses nothing.
pub(crate) fn abandon<M: Machine>(mut copies: Copies<M>, dropped: &mut Removed<M>) {
    while let Some(mut piece) = copies.0.pop() {
        if piece.needs_copy {
            piece.object = None;
        }
        dropped.push(piece);
    }
}
