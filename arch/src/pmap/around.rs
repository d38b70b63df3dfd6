//! Mapping the neighbours of a page that was just mapped.
//!
//! Owns: `enter_around`. It only takes what is there: a leaf table, a record that nobody has locked, a
//! node of the pool. Locks: the pmap's once for all of them, then each new page's in turn.

use super::account::Count;
use super::format::Attributes;
use super::hardware::Hardware;
use super::{Paging, Pmap, PteFormat, Reserve};
use abi::Protection;
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use vm::Pager;
use vm::addr::{PageId, PhysAddr, VirtAddr};
use vm::machine::{Mapping, RefMod};

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    pub(super) fn enter_around(
        &self,
        pmap: &Pmap<H>,
        first: VirtAddr,
        pages: &[Option<PageId>],
        mapping: Mapping,
        reserve: &mut Reserve,
    ) {
        let granted = Attributes::new(mapping, pmap.space);
        let mut quiet = mapping;
        quiet.protection = mapping.protection.difference(Protection::WRITE);
        let unwritten = Attributes::new(quiet, pmap.space);
        let unused = F::forget(RefMod::REFERENCED);
        let mut shape = pmap.shape.lock();
        let Ok(leaf) = self.find_leaf(pmap, &mut shape, first.0) else {
            return;
        };
        let mut location = Self::location(leaf, first.0);
        // Counted before a disconnect can count them down. The page that was just entered has marked
        // the eighth, and keeps the table from being vacant.
        let table = self.record(PhysAddr(leaf));
        table.add_live(pages.len());
        let mut added = 0;
        for (place, page) in pages.iter().enumerate() {
            if let Some(page) = *page {
                let slot = self.word(location);
                let old = slot.load(Relaxed);
                if F::is_present(old) {
                    let new = F::leaf(self.address_of(page), granted);
                    if self.raise(pmap, location, old, new) && F::BREAK_BEFORE_MAKE {
                        let at = first.0 + ((place as u64) << F::PAGE_SHIFT);
                        self.invalidate_now(pmap, VirtAddr(at));
                    }
                } else if !quiet.protection.is_empty()
                    && let Some(mut record) = self.records[page.0 as usize].try_lock()
                {
                    if record.may_count_as(mapping.account)
                        && self.pv_insert(&mut record, location, reserve).is_ok()
                    {
                        let new = F::leaf(self.address_of(page), unwritten);
                        slot.store(unused.apply(new), Release);
                        added += 1;
                    }
                    record.unlock();
                }
            }
            location += 8;
        }
        table.drop_live(pages.len() - added);
        self.count_up(pmap.control.0, Count::of(mapping.account), added as u64);
        drop(shape);
        self.hardware.publish(pmap.space);
    }

    /// Gives an entry the rights of `new` if it maps the same page, has fewer, and notes that the page
    /// was written; what it notes it keeps. Answers whether it did.
    #[inline]
    fn raise(&self, pmap: &Pmap<H>, location: u64, old: u64, new: u64) -> bool {
        let same = (old ^ new) & (F::ADDRESS | F::CACHE | F::UNTRACKED | F::WIRED) == 0;
        if !same || !F::refmod(old).contains(RefMod::MODIFIED) {
            return false;
        }
        let (before, after) = (
            F::protection(old, pmap.space),
            F::protection(new, pmap.space),
        );
        let noted = old & F::forget(RefMod::all()).clear;
        // Who disconnects the page meanwhile, or notes something, wins.
        before != after
            && after.contains(before)
            && self
                .word(location)
                .compare_exchange(old, new | noted, AcqRel, Relaxed)
                .is_ok()
    }
}
