//! Taking permissions away from a range.
//!
//! Owns: `protect`. Locks: the pmap's. No page's: an entry is changed atomically and stays absent if a
//! disconnect made it so.

use super::format::Lowering;
use super::hardware::Hardware;
use super::{Batch, Paging, Pmap, PteFormat};
use abi::Protection;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use vm::Pager;
use vm::addr::{PhysAddr, Range, VirtAddr};

/// Applies a change to an entry if it is present. Answers whether that made a difference.
#[inline]
pub(super) fn lower_entry<F: PteFormat>(slot: &AtomicU64, change: Lowering) -> bool {
    let mut old = slot.load(Relaxed);
    loop {
        let new = change.apply(old);
        if !F::is_present(old) || new == old {
            return false;
        }
        match slot.compare_exchange_weak(old, new, Relaxed, Relaxed) {
            Ok(_) => return true,
            Err(seen) => old = seen,
        }
    }
}

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    pub(super) fn protect(
        &self,
        pmap: &Pmap<H>,
        range: Range,
        protection: Protection,
        batch: &mut Batch<'_, F, H, P>,
    ) {
        if protection == Protection::NONE {
            return self.remove(pmap, range, batch);
        }
        debug_assert!(
            pmap.holds(range),
            "I-PMAP-4: {range:x?} is not in the pmap's half"
        );
        let change = F::lower(protection, pmap.space);
        let mut shape = pmap.shape.lock();
        let mut at = range.start.0;
        while at < range.end.0 {
            let leaf = match self.find_leaf(pmap, &mut shape, at) {
                Ok(leaf) => leaf,
                Err(next) if shape.superpages != 0 => {
                    at = self.lower_superpage(pmap, (at, next), change, batch);
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
            if self.record(PhysAddr(leaf)).live() != 0 {
                self.protect_in(pmap, leaf, at, stop, change, batch);
            }
            at = stop;
        }
    }

    fn protect_in(
        &self,
        pmap: &Pmap<H>,
        leaf: u64,
        start: u64,
        stop: u64,
        change: Lowering,
        batch: &mut Batch<'_, F, H, P>,
    ) {
        let first = Self::location(leaf, start);
        let end = first + ((stop - start) >> (F::PAGE_SHIFT - 3));
        if let Some((lowest, highest)) = self.lower_used(first, end, change) {
            let address = |location| VirtAddr(start + ((location - first) << (F::PAGE_SHIFT - 3)));
            let range = Range {
                start: address(lowest),
                end: address(highest + 8),
            };
            self.gather(pmap.control.0, range, batch.flush_mut());
        }
    }

    /// Lowers the entries of a leaf from `first` to `end`. Answers the first and the last that changed.
    fn lower_used(&self, first: u64, end: u64, change: Lowering) -> Option<(u64, u64)> {
        if (first ^ (end - 8)) < Self::PAGE_SIZE / 8 {
            return self.lower_entries(first, end, change);
        }
        let mut changed = Changed {
            lowest: 0,
            highest: 0,
        };
        let eighths = self.record(PhysAddr(first)).eighths();
        Self::each_used(first, end, eighths, |from, to| {
            if let Some((lowest, highest)) = self.lower_entries(from, to, change) {
                changed.note(lowest);
                changed.highest = highest;
            }
            true
        });
        (changed.lowest != 0).then_some((changed.lowest, changed.highest))
    }

    /// The loop. Three, because this is what a fork does to every page: bits that only go off, or only
    /// on, take one instruction that cannot fail. Met by a disconnect, the second leaves bits in an entry that
    /// is absent, and absent it stays.
    #[inline(never)]
    fn lower_entries(&self, mut location: u64, end: u64, change: Lowering) -> Option<(u64, u64)> {
        let mut changed = Changed {
            lowest: 0,
            highest: 0,
        };
        if change.set == 0 {
            while location < end {
                let slot = self.word(location);
                if slot.load(Relaxed) & change.clear != 0 {
                    slot.fetch_and(!change.clear, Relaxed);
                    changed.note(location);
                }
                location += 8;
            }
        } else if change.clear == 0 {
            while location < end {
                let slot = self.word(location);
                let entry = slot.load(Relaxed);
                if F::is_present(entry) && !entry & change.set != 0 {
                    slot.fetch_or(change.set, Relaxed);
                    changed.note(location);
                }
                location += 8;
            }
        } else {
            while location < end {
                let slot = self.word(location);
                let entry = slot.load(Relaxed);
                if F::is_present(entry) && change.apply(entry) != entry {
                    slot.fetch_and(!change.clear, Relaxed);
                    slot.fetch_or(change.set, Relaxed);
                    changed.note(location);
                }
                location += 8;
            }
        }
        (changed.lowest != 0).then_some((changed.lowest, changed.highest))
    }
}

/// The first and the last entry that a loop changed; 0 if none.
struct Changed {
    lowest: u64,
    highest: u64,
}

impl Changed {
    #[inline(always)]
    fn note(&mut self, location: u64) {
        if self.lowest == 0 {
            self.lowest = location;
        }
        self.highest = location;
    }
}
