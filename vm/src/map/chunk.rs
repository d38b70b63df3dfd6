//! Large anonymous regions: several entries, so that no object becomes larger than a chunk.
//!
//! Owns: where the pieces end, and the entries for all of them, taken before the map is locked; entering
//! several entries at once, also those of superpages.
//! Does not own: where the region goes (`enter`). Locks: the map alone.

use super::Map;
use super::clip::{Spare, Stop};
use super::enter::NewEntry;
use super::entry::Entry;
use super::tree::Removed;
use crate::addr::{Range, VirtAddr};
use crate::counters::Event;
use crate::frames::Frames;
use crate::machine::Machine;
use crate::vm::Vm;
use abi::KernReturn;
use zalloc::Reserve;

/// The most bytes of a piece.
pub(super) const CHUNK: u64 = 128 << 20;
/// The same with `VM_FLAGS_4GB_CHUNK`.
pub(super) const LARGE_CHUNK: u64 = 4 << 30;

impl<M: Machine> Vm<M> {
    /// Enters a region as pieces: all of them or nothing.
    #[cold]
    #[inline(never)]
    pub(super) fn enter_chunks(
        &self,
        map: &Map<M>,
        new: &NewEntry<'_, M>,
    ) -> Result<VirtAddr, KernReturn> {
        let count = new.size.div_ceil(new.chunk());
        // Where there is no room for the region, no memory is taken for its entries.
        map.read().place(new.placement, new.size, new.mask)?;
        if count > self.total_pages().0 {
            return Err(self.shortage());
        }
        let count = usize::try_from(count).map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
        let mut pieces = Reserve::<Entry<M>, Frames<M>>::new();
        self.relieved(|| {
            let filled = pieces.refill(&self.zones.entries, &self.frames, count);
            filled.map_err(|_| self.shortage())
        })?;
        let mut ready = Removed::default();
        let mut left = new.size;
        while left != 0 {
            // What comes out first went in last.
            let rest = left.checked_rem(new.chunk()).filter(|&rest| rest != 0);
            let bytes = rest.unwrap_or(new.chunk());
            let piece = Range::new(VirtAddr(0), VirtAddr(bytes));
            if let Ok(entry) = pieces.fill(Entry::new(piece, new.attributes)) {
                ready.push(entry);
            }
            left = left.saturating_sub(bytes);
        }
        let at = self.enter_ready(map, new, ready)?;
        self.counters.add(Event::Chunk, count as u64);
        Ok(at)
    }

    /// Enters a region as entries that have everything but their places, one after the other; without room
    /// they are given up.
    pub(super) fn enter_ready(
        &self,
        map: &Map<M>,
        new: &NewEntry<'_, M>,
        mut ready: Removed<M>,
    ) -> Result<VirtAddr, KernReturn> {
        let mut removed = Removed::default();
        let mut batch = self.frames.batch();
        let mut spare = Spare::new();
        let result = loop {
            let mut state = map.write();
            let room = self.make_room(map, &mut state, new, &mut spare, &mut removed, &mut batch);
            let step = room.map(|range| {
                let mut at = range.start;
                while let Some(mut entry) = ready.pop() {
                    let end = VirtAddr(at.0.saturating_add(entry.range().len()));
                    (entry.start, entry.end) = (at, end);
                    state.superpages |= entry.is_superpage();
                    state.tree.insert(entry);
                    at = end;
                }
                state.size = state.size.saturating_add(new.size);
                range.start
            });
            batch.flush_now(self.machine());
            drop(state);
            match step {
                Ok(at) => break Ok(at),
                Err(Stop::Code(code)) => break Err(code),
                Err(Stop::Entries(count)) => {
                    if let Err(code) = spare.fill(self, count) {
                        break Err(code);
                    }
                }
            }
        };
        self.dispose(removed, &mut batch);
        self.dispose(ready, &mut batch);
        self.frames.finish(batch);
        result
    }
}
