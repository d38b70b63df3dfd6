//! Superpages: one entry in the place of a leaf table, for a run of pages.
//!
//! Owns: mapping, removing and lowering them, always whole. Does not own: where a run of frames comes from
//! (`vm`). An entry of an upper table stands in the reverse map of each of the run's pages, which have no
//! other mapping: so it needs no node, and it is found from any of them. Locks: the pmap's, then each page's
//! in turn. A disconnect never makes such an entry absent: it is wired.

use super::account::Count;
use super::format::{Attributes, Lowering};
use super::hardware::Hardware;
use super::protect::lower_entry;
use super::record::FrameRecord;
use super::{Batch, Paging, Pmap, PteFormat, Reserve, Shape, Space};
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use vm::Pager;
use vm::addr::{PageId, PhysAddr, Range, VirtAddr};
use vm::machine::{Mapping, NotEntered, Tracking, Wired};
use vm::residence::Account;

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    /// Bytes of a superpage.
    pub(super) const SUPERPAGE: Option<u64> = match F::SUPERPAGE_LEVEL {
        None => None,
        Some(level) => {
            assert!(
                level == 1,
                "a superpage stands in the place of a leaf table"
            );
            Some(Self::LEAF_SIZE)
        }
    };
    /// Pages of one.
    const RUN: u64 = 1 << F::LEVEL_BITS;

    /// Whether an entry of a reverse map is a superpage's.
    #[inline]
    pub(super) fn is_superpage(&self, location: u64) -> bool {
        F::SUPERPAGE_LEVEL.is_some() && self.record(PhysAddr(location)).is_upper()
    }

    /// The addresses that a superpage's entry in an upper table maps.
    pub(super) fn superpage_of(table: &FrameRecord, location: u64) -> Range {
        let index = (location & (Self::PAGE_SIZE - 1)) / 8;
        let start = (table.number() << F::shift(2)) + (index << F::shift(1));
        Range {
            start: VirtAddr(start),
            end: VirtAddr(start + Self::LEAF_SIZE),
        }
    }

    pub(super) fn enter_superpage(
        &self,
        pmap: &Pmap<H>,
        (at, first): (VirtAddr, PageId),
        mapping: Mapping,
        reserve: &mut Reserve,
        batch: &mut Batch<'_, F, H, P>,
    ) -> Result<(), NotEntered> {
        let range = Range {
            start: at,
            end: VirtAddr(at.0 + Self::LEAF_SIZE),
        };
        let start = self.address_of(first);
        debug_assert!(
            pmap.space == Space::User && pmap.holds(range),
            "I-PMAP-4: {at:x?} is no program's"
        );
        debug_assert!(
            (at.0 | start.0) & (Self::LEAF_SIZE - 1) == 0
                && (mapping.wired, mapping.tracking) == (Wired::Yes, Tracking::Tracked),
            "I-SUPER-1: a superpage is aligned, wired and tracked"
        );
        let new = F::block(1, start, Attributes::new(mapping, pmap.space));
        let mut shape = pmap.shape.lock();
        let upper = self.make_upper(pmap, at.0, reserve)?;
        let location = upper + 8 * F::index(at.0, 1) as u64;
        let old = self.word(location).load(Relaxed);
        if !F::is_present(old) {
            self.name_in_run(first, mapping.account, location);
            self.link(location, new);
        } else if F::is_table(old, 1) {
            let leaf = F::address(old).0;
            let record = self.record(PhysAddr(leaf));
            if record.live() != 0 {
                return Err(NotEntered::Occupied);
            }
            if record.is_kept_vacant() {
                shape.vacant -= 1;
            }
            // Absent in between: who lowers the run's pages must not meet the table's entry.
            self.word(location).store(0, Release);
            self.retire(pmap, leaf, batch);
            shape.recent = Shape::NOTHING;
            let flush = batch.flush_mut();
            flush.add_tables();
            self.gather(pmap.control.0, Self::page_range(at), flush);
            self.name_in_run(first, mapping.account, location);
            self.word(location).store(new, Release);
        } else if F::is_nested(old) || (old ^ new) & (F::ADDRESS | F::CACHE) != 0 {
            return Err(NotEntered::Occupied);
        } else {
            self.change_superpage(pmap, (location, range), new, batch);
            drop(shape);
            self.hardware.publish(pmap.space);
            return Ok(());
        }
        shape.superpages += 1;
        self.count_up(pmap.control.0, Count::of(mapping.account), Self::RUN);
        drop(shape);
        self.hardware.publish(pmap.space);
        Ok(())
    }

    /// The same run is mapped with other rights; what the entry notes it keeps.
    fn change_superpage(
        &self,
        pmap: &Pmap<H>,
        (location, range): (u64, Range),
        new: u64,
        batch: &mut Batch<'_, F, H, P>,
    ) {
        let slot = self.word(location);
        let noted = F::forget(vm::machine::RefMod::all()).clear;
        let mut old = slot.load(Relaxed);
        while let Err(seen) = slot.compare_exchange_weak(old, new | old & noted, AcqRel, Relaxed) {
            old = seen;
        }
        let before = F::protection(old, pmap.space);
        if !F::protection(new, pmap.space).contains(before) {
            self.gather(pmap.control.0, range, batch.flush_mut());
        }
    }

    /// Puts the entry at a location into the reverse map of every page of a run.
    fn name_in_run(&self, first: PageId, account: Account, location: u64) {
        for number in 0..Self::RUN {
            let page = first.0 as usize + number as usize;
            let mut record = self.records[page].lock::<H>();
            assert!(
                record.insert_inline(location),
                "I-SUPER-1: a page of a superpage is mapped elsewhere"
            );
            record.set_account(account);
            record.unlock();
        }
    }

    /// Makes a superpage's entry absent, and takes it out of the reverse map of every page of its run. Answers what
    /// they count as.
    pub(super) fn forget_superpage(&self, location: u64) -> Count {
        let entry = self.word(location).swap(0, AcqRel);
        let first = self.page_at(F::address(entry)).0 as usize;
        let mut account = Account::Internal;
        for record in &self.records[first..first + Self::RUN as usize] {
            let mut page = record.lock::<H>();
            account = page.account();
            page.note(F::refmod(entry));
            self.pv_remove(&mut page, location);
            page.unlock();
        }
        Count::of(account)
    }

    /// Where the entries lie that lead from a superpage at `at` to the root, its own first.
    fn path_to_superpage(&self, pmap: &Pmap<H>, at: u64) -> Option<[u64; 8]> {
        let mut path = [0; 8];
        let mut table = pmap.root.0;
        for level in (1..F::LEVELS).rev() {
            path[level - 1] = table + 8 * F::index(at, level) as u64;
            let entry = self.word(path[level - 1]).load(Relaxed);
            let leads = F::is_table(entry, level);
            if level == 1 {
                let maps = F::is_present(entry) && !leads && !F::is_nested(entry);
                return maps.then_some(path);
            }
            if !leads {
                return None;
            }
            table = F::address(entry).0;
        }
        None
    }

    /// Removes the superpage that maps `at`, which has no leaf table. Answers where it ends, or `next`.
    #[cold]
    #[inline(never)]
    pub(super) fn remove_superpage(
        &self,
        pmap: &Pmap<H>,
        shape: &mut Shape,
        (at, next): (u64, u64),
        batch: &mut Batch<'_, F, H, P>,
    ) -> u64 {
        let Some(path) = self.path_to_superpage(pmap, at) else {
            return next;
        };
        let (_, range) = self.owner(path[0]);
        let count = self.forget_superpage(path[0]);
        shape.superpages -= 1;
        self.count_down_run(pmap.control.0, count, Self::RUN);
        self.unlink_superpage(pmap, &path[..F::LEVELS - 1], batch);
        let flush = batch.flush_mut();
        flush.add_tables();
        self.gather(pmap.control.0, range, flush);
        range.end.0
    }

    /// Lowers the superpage that maps `at`, which has no leaf table. Answers where it ends, or `next`.
    #[cold]
    #[inline(never)]
    pub(super) fn lower_superpage(
        &self,
        pmap: &Pmap<H>,
        (at, next): (u64, u64),
        change: Lowering,
        batch: &mut Batch<'_, F, H, P>,
    ) -> u64 {
        let Some(path) = self.path_to_superpage(pmap, at) else {
            return next;
        };
        let (control, range) = self.owner(path[0]);
        if lower_entry::<F>(self.word(path[0]), change) {
            self.gather(control, range, batch.flush_mut());
        }
        range.end.0
    }
}
