//! All mappings of one page.
//!
//! Owns: disconnecting and lowering by page, what the hardware noted about it.
//! Locks: the page's lock bit, with preemption off; no pmap's. An entry that is in the reverse map keeps
//! its table alive, because its table counts it as live until the entry is out.

use super::account::Count;
use super::hardware::Hardware;
use super::protect::lower_entry;
use super::record::{LOCATION, Locked};
use super::{Batch, Flush, Paging, PteFormat, Space};
use abi::Protection;
use core::sync::atomic::Ordering::{AcqRel, Relaxed};
use sync::NoPreempt;
use vm::Pager;
use vm::addr::{PageId, PhysAddr};
use vm::machine::RefMod;

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    /// The space of the pmap that a control block belongs to.
    fn space_of(&self, control: u64) -> Space {
        if control == self.kernel.control.0 {
            Space::Kernel
        } else {
            Space::User
        }
    }

    pub(super) fn protect_page(
        &self,
        page: PageId,
        protection: Protection,
        batch: &mut Batch<'_, F, H, P>,
    ) -> RefMod {
        let _here = NoPreempt::<H>::new();
        let mut record = self.records[page.0 as usize].lock::<H>();
        if record.word & LOCATION != 0 {
            if protection == Protection::NONE {
                self.disconnect(&mut record, batch.flush_mut());
            } else {
                self.lower_all(&record, protection, batch.flush_mut());
            }
        }
        let noted = self.refmod_locked(&record);
        record.unlock();
        noted
    }

    fn disconnect(&self, page: &mut Locked<'_>, flush: &mut Flush) {
        if page.record.more.load(Relaxed) == 0 {
            let only = page.word & LOCATION;
            if !self.disconnect_one(page, only, flush) {
                page.word &= !LOCATION;
                self.uncount(only, Count::of(page.account()));
            }
            return;
        }
        let mut noted = RefMod::empty();
        let account = page.account();
        self.pv_retain(page, |location| {
            let mut one = Noted(RefMod::empty());
            let keep = self.disconnect_entry(location, &mut one, flush);
            noted |= one.0;
            if !keep {
                self.uncount(location, Count::of(account));
            }
            keep
        });
        page.note(noted);
    }

    fn disconnect_one(&self, page: &mut Locked<'_>, location: u64, flush: &mut Flush) -> bool {
        let mut noted = Noted(RefMod::empty());
        let keep = self.disconnect_entry(location, &mut noted, flush);
        page.note(noted.0);
        keep
    }

    /// Makes an entry absent, or, if it is wired, only lowers it. Answers whether it stays.
    fn disconnect_entry(&self, location: u64, noted: &mut Noted, flush: &mut Flush) -> bool {
        let slot = self.word(location);
        let (control, range) = self.owner(location);
        // A superpage's entry is wired, unless it is just being removed.
        if slot.load(Relaxed) & F::WIRED != 0 || self.is_superpage(location) {
            if lower_entry::<F>(slot, F::lower(Protection::READ, self.space_of(control))) {
                self.gather(control, range, flush);
            }
            return true;
        }
        noted.0 |= F::refmod(slot.swap(0, AcqRel));
        self.gather(control, range, flush);
        false
    }

    /// Counts a mapping that is gone: the last touch of its table.
    pub(super) fn uncount(&self, location: u64, count: Count) {
        let table = self.record(PhysAddr(location));
        self.count_down(table.control(), count);
        table.drop_live(1);
    }

    fn lower_all(&self, page: &Locked<'_>, protection: Protection, flush: &mut Flush) {
        self.pv_each(page, |location| {
            let (control, range) = self.owner(location);
            if lower_entry::<F>(
                self.word(location),
                F::lower(protection, self.space_of(control)),
            ) {
                self.gather(control, range, flush);
            }
        });
    }

    fn refmod_locked(&self, page: &Locked<'_>) -> RefMod {
        let mut noted = page.noted();
        if page.word & LOCATION != 0 {
            self.pv_each(page, |location| {
                noted |= F::refmod(self.word(location).load(Relaxed))
            });
        }
        noted
    }

    pub(super) fn refmod(&self, page: PageId) -> RefMod {
        let _here = NoPreempt::<H>::new();
        let record = self.records[page.0 as usize].lock::<H>();
        let noted = self.refmod_locked(&record);
        record.unlock();
        noted
    }

    pub(super) fn clear_refmod(&self, page: PageId, which: RefMod, batch: &mut Batch<'_, F, H, P>) {
        let _here = NoPreempt::<H>::new();
        let mut record = self.records[page.0 as usize].lock::<H>();
        let flush = batch.flush_mut();
        let change = F::forget(which);
        self.pv_each(&record, |location| {
            // What a superpage's entry notes is said of its other pages too.
            if self.is_superpage(location) {
                return;
            }
            if lower_entry::<F>(self.word(location), change) && which.contains(RefMod::MODIFIED) {
                let (control, range) = self.owner(location);
                self.gather(control, range, flush);
            }
        });
        record.forget(which);
        record.unlock();
    }

    pub(super) fn mappings(&self, page: PageId) -> usize {
        let _here = NoPreempt::<H>::new();
        let record = self.records[page.0 as usize].lock::<H>();
        let count = self.pv_count(&record);
        record.unlock();
        count
    }

    /// Whether the page has a mapping: one load.
    #[inline]
    pub(super) fn is_mapped(&self, page: PageId) -> bool {
        self.records[page.0 as usize].head.load(Relaxed) & LOCATION != 0
    }
}

/// What entries said that went away.
struct Noted(RefMod);
