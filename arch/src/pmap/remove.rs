//! Unmapping a range.
//!
//! Owns: `remove`. Each leaf table is walked once, up to its last live entry; absent tables are
//! skipped whole. Locks: the pmap's for the whole range, each page's in turn.

use super::hardware::Hardware;
use super::{Batch, Paging, Pmap, PteFormat, control};
use core::sync::atomic::Ordering::{AcqRel, Relaxed};
use vm::addr::{PhysAddr, Range, VirtAddr};

impl<F: PteFormat, H: Hardware> Paging<F, H> {
    pub(super) fn remove(&self, pmap: &Pmap<H>, range: Range, batch: &mut Batch<'_, F, H>) {
        debug_assert!(
            pmap.holds(range),
            "I-PMAP-4: {range:x?} is not in the pmap's half"
        );
        let mut shape = pmap.shape.lock();
        let mut removed = 0;
        let mut at = range.start.0;
        while at < range.end.0 {
            let leaf = match self.find_leaf(pmap, &mut shape, at) {
                Ok(leaf) => leaf,
                Err(0) => break,
                Err(next) => {
                    at = next;
                    continue;
                }
            };
            let next = (at | ((1 << F::shift(1)) - 1)).wrapping_add(1);
            let stop = if next == 0 {
                range.end.0
            } else {
                next.min(range.end.0)
            };
            let table = self.record(PhysAddr(leaf));
            let live = table.live();
            if live != 0 {
                removed += self.remove_in(pmap, leaf, at, stop, live, batch);
            }
            // Also if disconnects had emptied it before.
            if table.is_newly_vacant() {
                self.vacate(pmap, &mut shape, leaf, at, batch);
            }
            at = stop;
        }
        if removed != 0 {
            self.word(pmap.control.0 + control::RESIDENT)
                .fetch_sub(removed as u64, Relaxed);
        }
    }

    /// Removes what a leaf table maps from `start` to `stop`; `live` is an upper bound of what it
    /// maps. Answers how many mappings went, and has counted the table's live entries down.
    fn remove_in(
        &self,
        pmap: &Pmap<H>,
        leaf: u64,
        start: u64,
        stop: u64,
        live: usize,
        batch: &mut Batch<'_, F, H>,
    ) -> usize {
        let first = Self::location(leaf, start);
        let end = first + ((stop - start) >> (F::PAGE_SHIFT - 3));
        let mut removed = 0;
        let mut lowest = 0;
        let mut highest = 0;
        let mut location = first;
        while location < end {
            let entry = self.word(location).load(Relaxed);
            if entry != 0 && self.remove_entry(location, entry) {
                if removed == 0 {
                    lowest = location;
                }
                highest = location;
                removed += 1;
                if removed == live {
                    break;
                }
            }
            location += 8;
        }
        if removed == 0 {
            return 0;
        }
        let address = |location: u64| VirtAddr(start + ((location - first) << (F::PAGE_SHIFT - 3)));
        let end = Self::page_range(address(highest)).end;
        self.gather(
            pmap.control.0,
            Range {
                start: address(lowest),
                end,
            },
            batch.flush_mut(),
        );
        self.record(PhysAddr(leaf)).drop_live(removed);
        removed
    }

    /// Makes a leaf's entry absent and takes it out of its page's reverse map. `entry` is what was
    /// seen there. Answers no if the page was disconnected meanwhile. The caller counts.
    #[inline]
    pub(super) fn remove_entry(&self, location: u64, entry: u64) -> bool {
        let slot = self.word(location);
        if entry & F::UNTRACKED != 0 {
            slot.store(0, Relaxed);
            return true;
        }
        let mut record = self.record(F::address(entry)).lock::<H>();
        let old = slot.swap(0, AcqRel);
        if old == 0 {
            record.unlock();
            return false;
        }
        record.note(F::refmod(old));
        self.pv_remove(&mut record, location);
        record.unlock();
        true
    }
}
