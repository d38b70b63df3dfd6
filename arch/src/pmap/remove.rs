//! Unmapping a range.
//!
//! Owns: `remove`. Each leaf table is walked once, up to its last live entry; absent tables are
//! skipped whole. Locks: the pmap's for the whole range, each page's in turn.

use super::account::{Count, Removed};
use super::hardware::Hardware;
use super::{Batch, Paging, Pmap, PteFormat};
use core::sync::atomic::Ordering::{AcqRel, Relaxed};
use vm::Pager;
use vm::addr::{PhysAddr, Range, VirtAddr};

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    pub(super) fn remove(&self, pmap: &Pmap<H>, range: Range, batch: &mut Batch<'_, F, H, P>) {
        debug_assert!(
            pmap.holds(range),
            "I-PMAP-4: {range:x?} is not in the pmap's half"
        );
        let mut shape = pmap.shape.lock();
        let (mut any, mut removed) = (false, Removed::default());
        let mut at = range.start.0;
        while at < range.end.0 {
            let leaf = match self.find_leaf(pmap, &mut shape, at) {
                Ok(leaf) => leaf,
                Err(next) if shape.superpages != 0 => {
                    at = self.remove_superpage(pmap, &mut shape, (at, next), batch);
                    if at == 0 {
                        break;
                    }
                    continue;
                }
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
                any |= self.remove_in(pmap, leaf, (at, stop), live, &mut removed, batch);
            }
            // Also if disconnects had emptied it before.
            if table.is_newly_vacant() {
                self.vacate(pmap, &mut shape, leaf, at, batch);
            }
            at = stop;
        }
        if any {
            self.count_down_all(pmap.control.0, &removed);
        }
    }

    /// Removes what a leaf table maps from `start` to `stop`; `live` is an upper bound of what it
    /// maps. Adds what went to `removed`, and has counted the table's live entries down. Answers whether
    /// anything went.
    fn remove_in(
        &self,
        pmap: &Pmap<H>,
        leaf: u64,
        (start, stop): (u64, u64),
        live: usize,
        removed: &mut Removed,
        batch: &mut Batch<'_, F, H, P>,
    ) -> bool {
        let first = Self::location(leaf, start);
        let end = first + ((stop - start) >> (F::PAGE_SHIFT - 3));
        let eighths = self.record(PhysAddr(leaf)).eighths();
        let gone = self.remove_entries(first, end, eighths, live, removed);
        if gone.count == 0 {
            return false;
        }
        let address = |location| VirtAddr(start + ((location - first) << (F::PAGE_SHIFT - 3)));
        let range = Range {
            start: address(gone.lowest),
            end: address(gone.highest + 8),
        };
        self.gather(pmap.control.0, range, batch.flush_mut());
        self.record(PhysAddr(leaf)).drop_live(gone.count);
        true
    }

    /// The loop over a leaf's entries from `first` to `end`, at most `most` of them present.
    #[inline(never)]
    fn remove_entries(
        &self,
        first: u64,
        end: u64,
        eighths: u8,
        most: usize,
        removed: &mut Removed,
    ) -> Gone {
        let (mut count, mut lowest, mut highest) = (0, 0, 0);
        Self::each_used(first, end, eighths, |mut location, to| {
            while location < to {
                let entry = self.word(location).load(Relaxed);
                if F::is_present(entry)
                    && let Some(account) = self.remove_entry(location, entry)
                {
                    removed.add(account);
                    if lowest == 0 {
                        lowest = location;
                    }
                    highest = location;
                    count += 1;
                    if count == most {
                        return false;
                    }
                }
                location += 8;
            }
            true
        });
        Gone {
            count,
            lowest,
            highest,
        }
    }

    /// Makes a leaf's entry absent and takes it out of its page's reverse map. `entry` is what was
    /// seen there. Answers which count it is still in, or nothing if the page was disconnected meanwhile.
    #[inline(always)]
    pub(super) fn remove_entry(&self, location: u64, entry: u64) -> Option<Count> {
        // The commonest case: nothing else maps the page. An untracked entry's page never names it.
        let number = F::address(entry).0.wrapping_sub(self.first.0) >> F::PAGE_SHIFT;
        if let Some(record) = self.records.get(number as usize)
            && let Some(mut page) = record.lock_mapped_once(location)
        {
            if page.record.more.load(Relaxed) == 0 {
                page.note(F::refmod(self.word(location).swap(0, AcqRel)));
                page.word ^= location;
                let account = page.account();
                page.unlock();
                return Some(Count::of(account));
            }
            page.unlock();
        }
        self.remove_any(location, entry)
    }

    /// The same for entries that are untracked, or not their page's only one.
    #[inline(never)]
    fn remove_any(&self, location: u64, entry: u64) -> Option<Count> {
        let slot = self.word(location);
        if entry & F::UNTRACKED != 0 {
            slot.store(0, Relaxed);
            return Some(Count::UNTRACKED);
        }
        let mut page = self.record(F::address(entry)).lock::<H>();
        let old = slot.swap(0, AcqRel);
        if !F::is_present(old) {
            page.unlock();
            return None;
        }
        page.note(F::refmod(old));
        self.pv_remove(&mut page, location);
        let account = page.account();
        page.unlock();
        Some(Count::of(account))
    }
}

/// What a loop removed.
struct Gone {
    count: usize,
    /// The first and the last entry that went.
    lowest: u64,
    highest: u64,
}
