//! Deallocation: entries leave, mappings leave, then the memory goes back.
//!
//! Owns: the order of a removal. Does not own: what an object does when its last reference goes.
//! Locks: the map alone until no TLB shows the range any more (I-TLB-3); the objects afterwards, with
//! the map unlocked.

use super::clip::{Spare, Stop};
use super::entry::EntryFlags;
use super::tree::Removed;
use super::{Map, MapState};
use crate::addr::Range;
use crate::batch::TlbBatch;
use crate::machine::Machine;
use crate::sanitize::{self, Realign, UserAddr, UserSize};
use crate::vm::Vm;
use abi::{KernReturn, Protection};

impl<M: Machine> Vm<M> {
    /// `mach_vm_deallocate`: removes what is mapped in the range; holes are no error.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the range wraps; `RESOURCE_SHORTAGE` if an entry must be split and there
    /// is no memory for that; nothing has changed then.
    pub fn deallocate(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
    ) -> Result<(), KernReturn> {
        if sanitize::is_zero(size) {
            return Ok(());
        }
        let range = sanitize::range::<M>(addr, size, Realign::No);
        let range = range.map_err(|_| KernReturn::INVALID_ARGUMENT)?;
        self.remove(map, range)
    }

    /// Removes what is mapped in a range of pages.
    ///
    /// # Errors
    /// As [`Vm::deallocate`].
    pub fn remove(&self, map: &Map<M>, range: Range) -> Result<(), KernReturn> {
        let mut removed = Removed::default();
        let mut batch = self.frames.batch();
        let done = self.with_spare(|spare| {
            let mut state = map.write();
            let Some(range) = range.intersect(state.limits) else {
                return Ok(());
            };
            self.remove_locked(map, &mut state, range, spare, &mut removed, &mut batch)?;
            batch.flush_now(self.machine());
            Ok(())
        });
        self.dispose(removed, &mut batch);
        self.frames.finish(batch);
        self.tell_pagers();
        done
    }

    /// Takes the entries of `range` out of a locked map and its pmap. The caller flushes the batch
    /// before it unlocks the map, and disposes of `removed` after.
    pub(crate) fn remove_locked(
        &self,
        map: &Map<M>,
        state: &mut MapState<M>,
        range: Range,
        spare: &mut Spare<M>,
        removed: &mut Removed<M>,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Stop> {
        if state.is_frozen() && !state.tree.is_free(range) {
            return Err(KernReturn::PROTECTION_FAILURE.into());
        }
        let range = state.whole(range);
        state.check_permanent(range)?;
        state.clip(self, map, range, spare)?;
        let shows = state.tree.has_submaps();
        let mut touched: Option<Range> = None;
        let MapState {
            tree,
            size,
            user_wired,
            ..
        } = state;
        tree.take(range, |mut entry| {
            let here = entry.range();
            let start = touched.map_or(here.start, |touched| touched.start);
            touched = Some(Range::new(start, here.end));
            if entry.wired != 0 {
                *user_wired = user_wired.saturating_sub(entry.user_wired_bytes());
                self.unwire_all(map, &mut entry);
            }
            if entry.attributes.flags.contains(EntryFlags::PERMANENT) {
                entry.attributes.protection = Protection::NONE;
                entry.attributes.max = Protection::NONE;
                entry.attributes.flags.remove(EntryFlags::SUPERPAGE);
                return Some(entry);
            }
            *size = size.saturating_sub(here.len());
            removed.push(entry);
            None
        });
        if let Some(touched) = touched {
            if shows {
                self.unnest(map, touched, batch);
            }
            self.machine().pmap_remove(self.pmap(map), touched, batch);
        }
        Ok(())
    }

    /// The same for a range that new memory takes.
    ///
    /// # Errors
    /// `NO_SPACE` if something permanent would stay there; nothing has changed then.
    pub(crate) fn clear_locked(
        &self,
        map: &Map<M>,
        state: &mut MapState<M>,
        range: Range,
        spare: &mut Spare<M>,
        removed: &mut Removed<M>,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Stop> {
        state.check_permanent(range)?;
        let stays = state.tree.visit(range, |entry| {
            let permanent = entry.attributes.flags.contains(EntryFlags::PERMANENT);
            permanent.then_some(Stop::Code(KernReturn::NO_SPACE))
        });
        stays.map_or(Ok(()), Err)?;
        self.remove_locked(map, state, range, spare, removed, batch)
    }

    /// Gives up what removed entries referred to. No lock is held; the mappings are gone.
    pub(crate) fn dispose(&self, mut removed: Removed<M>, batch: &mut TlbBatch<'_, M>) {
        while let Some(mut entry) = removed.pop() {
            if let Some(submap) = entry.submap.take() {
                self.release_submap(submap);
            }
            let Some(object) = entry.object.take() else {
                continue;
            };
            {
                // Other entries may hold other parts of the object: this part shows nowhere any more. A
                // copy object keeps it, for it would not be pushed again (I-OBJ-7).
                let mut state = object.write();
                if state.refs > 1 && !state.aliased && !state.receives {
                    let end = entry.offset.saturating_add(entry.pages());
                    self.free_range(&mut state, entry.offset, end, batch);
                }
            }
            self.release_object(object, batch);
        }
    }

    /// Empties a map for good. Nothing is allocated.
    pub(crate) fn map_clear(&self, map: &Map<M>) {
        self.disown(map);
        let mut batch = self.frames.batch();
        let mut removed = Removed::default();
        {
            let mut state = map.write();
            let shows = state.tree.has_submaps();
            state.restrictions |= super::place::Restrictions::TERMINATED;
            state.size = 0;
            state.user_wired = 0;
            core::mem::take(&mut state.tree).drain(|mut entry| {
                if entry.wired != 0 {
                    self.unwire_all(map, &mut entry);
                }
                removed.push(entry);
            });
            let limits = Range::new(crate::addr::VirtAddr(0), state.limits.end);
            if shows {
                self.unnest(map, limits, &mut batch);
            }
            if let Some(pmap) = self.shown_by(map) {
                self.machine().pmap_remove(pmap, limits, &mut batch);
            }
            batch.flush_now(self.machine());
        }
        self.dispose(removed, &mut batch);
        self.frames.finish(batch);
        self.tell_pagers();
    }
}
