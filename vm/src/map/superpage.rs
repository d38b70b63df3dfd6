//! Superpages: memory that one entry of the page tables maps.
//!
//! Owns: `VM_FLAGS_SUPERPAGE_*`: the entries, one for each superpage, and what it means to name a part of
//! one: all of it.
//! Does not own: the run of frames (`object::contiguous`), the mapping (`fault::superpage`).
//! Locks: the map alone. All memory is taken before. Invariant: I-SUPER-1 (such an entry is one superpage,
//! whole and in its place: its object has all pages, in one run, wired).
//!
//! As in XNU a child gets nothing of it, whatever was asked; who removes or protects a part removes or
//! protects the whole. Who copies it gets ordinary memory. What XNU leaves to chance is refused here: it is
//! not shared (`NOT_SUPPORTED`), so that its pages have one mapping and it may go whole.

use super::duplicate::Twins;
use super::enter::NewEntry;
use super::entry::{Entry, EntryBox, EntryFlags};
use super::tree::Removed;
use super::{Map, MapState};
use crate::addr::{PageId, Pages, Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::machine::Machine;
use crate::object::ObjectKind;
use crate::vm::Vm;
use abi::vm_flags::VM_FLAGS_PURGABLE;
use abi::{Inherit, KernReturn};
use zalloc::Reserve;

impl<M: Machine> Vm<M> {
    /// Enters superpages: all of them or nothing. They are mapped when it returns, as far as there is
    /// memory for page tables; the rest is with the first access.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: the machine has none of that size, or the size is no multiple of it;
    /// `NO_SPACE`: a fixed address is no multiple of it, or there is no room; `RESOURCE_SHORTAGE`: no run of
    /// frames is free.
    #[cold]
    #[inline(never)]
    pub(super) fn enter_superpages(
        &self,
        map: &Map<M>,
        new: &mut NewEntry<'_, M>,
    ) -> Result<VirtAddr, KernReturn> {
        let superpage = new.flags.superpage(M::SUPERPAGE_SIZE)?;
        if new.object.is_some() || new.flags.has(VM_FLAGS_PURGABLE) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        new.size = superpage.whole(new.size)?;
        new.mask = superpage.size.wrapping_sub(1);
        new.attributes.inherit = Inherit::None;
        new.attributes.flags.insert(EntryFlags::SUPERPAGE);
        // Where there is no room, no frames are taken.
        map.read().place(new.placement, new.size, new.mask)?;
        let mut ready = Removed::default();
        self.relieved(|| self.take_superpages(new, superpage.size, &mut ready))?;
        let start = self.enter_ready(map, new, ready)?;
        let end = start.0.saturating_add(new.size);
        for at in (start.0..end).step_by(superpage.size as usize) {
            // Without memory for tables the first access maps it.
            let _ = self.fault_wire(map, VirtAddr(at));
        }
        Ok(start)
    }

    /// Takes what all superpages of a range need. On failure nothing is left.
    fn take_superpages(
        &self,
        new: &NewEntry<'_, M>,
        size: u64,
        ready: &mut Removed<M>,
    ) -> Result<(), KernReturn> {
        let mut left = new.size;
        // More than there is of all is not tried.
        if left >> M::PAGE_SHIFT > self.total_pages().0 {
            return Err(self.shortage());
        }
        while left != 0 {
            match self.take_superpage(new, size) {
                Ok(entry) => ready.push(entry),
                Err(code) => {
                    let mut batch = self.frames.batch();
                    self.dispose(core::mem::take(ready), &mut batch);
                    self.frames.finish(batch);
                    return Err(code);
                }
            }
            left = left.saturating_sub(size);
        }
        Ok(())
    }

    /// An entry of one superpage, which has no place yet.
    fn take_superpage(&self, new: &NewEntry<'_, M>, size: u64) -> Result<EntryBox<M>, KernReturn> {
        let mut room = Reserve::new();
        let filled = room.refill(&self.zones.entries, &self.frames, 1);
        filled.map_err(|_| self.shortage())?;
        let mut entry = Entry::new(Range::new(VirtAddr(0), VirtAddr(size)), new.attributes);
        entry.wired = 1;
        entry.object = Some(self.new_contiguous(Pages(size >> M::PAGE_SHIFT))?);
        room.fill(entry).map_err(|_| self.shortage())
    }
}

impl<M: Machine> Vm<M> {
    /// The twins of superpages become ordinary memory, and those that `range` cuts show its part only.
    #[cold]
    pub(super) fn cut_twins(
        &self,
        range: Range,
        twins: &mut Twins<M>,
        batch: &mut TlbBatch<'_, M>,
    ) {
        twins.tree.visit_mut(range, |twin| {
            twin.attributes.flags.remove(EntryFlags::SUPERPAGE);
        });
        for at in [range.start, VirtAddr(range.end.0.wrapping_sub(1))] {
            let Some(twin) = twins.tree.find(at) else {
                continue;
            };
            let Some(part) = twin.range().intersect(range) else {
                continue;
            };
            let (start, cut) = (twin.start, twin.range().len().wrapping_sub(part.len()));
            if cut == 0 {
                continue;
            }
            twins.size = twins.size.saturating_sub(cut);
            twins.tree.update(start, |twin| {
                twin.offset = twin.index(part.start);
                (twin.start, twin.end) = (part.start, part.end);
                if let Some(object) = &twin.object {
                    // A copy: nobody sees the rest of it.
                    let (mut state, part) = (object.write(), twin.part());
                    self.free_range(&mut state, 0, part.from, batch);
                    self.free_range(&mut state, part.end(), u64::MAX, batch);
                }
            });
        }
    }
}

impl<M: Machine> Vm<M> {
    /// Whether I-SUPER-1 holds of an entry that says it is a superpage.
    pub(crate) fn is_whole_superpage(&self, entry: &Entry<M>) -> bool {
        let (Some(size), Some(object)) = (M::SUPERPAGE_SIZE, &entry.object) else {
            return false;
        };
        let state = object.read();
        let pages = size >> M::PAGE_SHIFT;
        let first = state.slots.get(0).page().unwrap_or(PageId(0));
        let run = first.0..first.0.saturating_add(pages as u32);
        let mut slots = state.slots.range(0, u64::MAX);
        entry.range().len() == size
            && entry.start.0.is_multiple_of(size)
            && (entry.offset, entry.needs_copy, entry.wired != 0) == (0, false, true)
            && (object.kind, state.refs) == (ObjectKind::Contiguous, 1)
            && self.machine().chunk_fits(first, Pages(pages))
            && state.slots.len() == pages
            && run
                .map(PageId)
                .all(|page| slots.next().and_then(|(_, slot)| slot.page()) == Some(page))
    }
}

impl<M: Machine> MapState<M> {
    /// The range, made longer where it begins or ends within a superpage: those are never split.
    #[inline(always)]
    pub(crate) fn whole(&self, range: Range) -> Range {
        if self.superpages {
            self.with_superpages(range)
        } else {
            range
        }
    }

    #[cold]
    #[inline(never)]
    fn with_superpages(&self, range: Range) -> Range {
        let last = VirtAddr(range.end.0.wrapping_sub(1));
        let superpage = |at| self.tree.find(at).filter(|entry| entry.is_superpage());
        if range.is_empty() {
            return range;
        }
        Range {
            start: superpage(range.start).map_or(range.start, |entry| entry.start),
            end: superpage(last).map_or(range.end, |entry| entry.end),
        }
    }
}
