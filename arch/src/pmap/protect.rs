//! Taking permissions away from a range.
//!
//! Owns: `protect`. Locks: the pmap's. No page's: an entry is changed by compare-and-swap and stays
//! absent if a disconnect made it so.

use super::format::Lowering;
use super::hardware::Hardware;
use super::{Batch, Paging, Pmap, PteFormat};
use abi::Protection;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use vm::addr::{PhysAddr, Range, VirtAddr};

/// Applies a change to an entry if it is present. Answers whether that made a difference.
#[inline]
pub(super) fn lower_entry(slot: &AtomicU64, change: Lowering) -> bool {
    let mut old = slot.load(Relaxed);
    loop {
        let new = change.apply(old);
        if old == 0 || new == old {
            return false;
        }
        match slot.compare_exchange_weak(old, new, Relaxed, Relaxed) {
            Ok(_) => return true,
            Err(seen) => old = seen,
        }
    }
}

impl<F: PteFormat, H: Hardware> Paging<F, H> {
    pub(super) fn protect(
        &self,
        pmap: &Pmap<H>,
        range: Range,
        protection: Protection,
        batch: &mut Batch<'_, F, H>,
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
        batch: &mut Batch<'_, F, H>,
    ) {
        let first = Self::location(leaf, start);
        let end = first + ((stop - start) >> (F::PAGE_SHIFT - 3));
        let mut lowest = u64::MAX;
        let mut highest = 0;
        let mut location = first;
        while location < end {
            if lower_entry(self.word(location), change) {
                lowest = lowest.min(location);
                highest = location;
            }
            location += 8;
        }
        if highest != 0 {
            let address =
                |location: u64| VirtAddr(start + ((location - first) << (F::PAGE_SHIFT - 3)));
            let end = Self::page_range(address(highest)).end;
            self.gather(
                pmap.control.0,
                Range {
                    start: address(lowest),
                    end,
                },
                batch.flush_mut(),
            );
        }
    }
}
