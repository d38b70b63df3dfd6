//! Mapping a page.
//!
//! Owns: `enter`. Does not own: who may map what (`vm`'s fault decides the permission).
//! Locks: the pmap's, then the page's; a replaced page's before, alone.

use super::format::Attributes;
use super::hardware::{Hardware, Tag};
use super::{Batch, Flush, Paging, Pmap, PteFormat, Reserve, control};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use vm::addr::{PageId, PhysAddr, VirtAddr};
use vm::machine::{Mapping, NeedReserve, Tracking};

impl<F: PteFormat, H: Hardware> Paging<F, H> {
    pub(super) fn enter(
        &self,
        pmap: &Pmap<H>,
        at: VirtAddr,
        page: PageId,
        mapping: Mapping,
        reserve: &mut Reserve,
        batch: &mut Batch<'_, F, H>,
    ) -> Result<(), NeedReserve> {
        debug_assert!(
            pmap.holds(Self::page_range(at)),
            "I-PMAP-4: {at:x?} is not in the pmap's half"
        );
        debug_assert_eq!(at.0 & (Self::PAGE_SIZE - 1), 0);
        let frame = self.address_of(page);
        let new = F::leaf(frame, Attributes::new(mapping, pmap.space));
        let mut shape = pmap.shape.lock();
        let leaf = self.make_leaf(pmap, &mut shape, at.0, reserve)?;
        let location = Self::location(leaf, at.0);
        let slot = self.word(location);
        let old = slot.load(Relaxed);
        let same = (old ^ new) & (F::ADDRESS | F::CACHE | F::UNTRACKED) == 0;
        if old != 0 && !same {
            self.replace(pmap, leaf, at, batch);
        }
        if mapping.tracking == Tracking::Untracked {
            let old = slot.swap(new, AcqRel);
            if old == 0 {
                self.count(pmap, &mut shape, leaf);
            } else {
                self.changed(pmap, at, old, new, batch.flush_mut());
            }
        } else {
            let mut record = self.records[page.0 as usize].lock::<H>();
            // Between the first look and the lock the page may have been disconnected.
            let old = slot.load(Relaxed);
            if old == 0 {
                if let Err(need) = self.pv_insert(&mut record, location, reserve) {
                    record.unlock();
                    return Err(need);
                }
                slot.store(new, Release);
                record.unlock();
                self.count(pmap, &mut shape, leaf);
            } else {
                let old = slot.swap(new, AcqRel);
                record.note(F::refmod(old));
                record.unlock();
                self.changed(pmap, at, old, new, batch.flush_mut());
            }
        }
        drop(shape);
        self.hardware.publish(pmap.space);
        Ok(())
    }

    /// Counts a mapping where none was.
    #[inline]
    fn count(&self, pmap: &Pmap<H>, shape: &mut super::Shape, leaf: u64) {
        if self.record(PhysAddr(leaf)).occupy() {
            shape.vacant -= 1;
        }
        self.word(pmap.control.0 + control::RESIDENT)
            .fetch_add(1, Relaxed);
    }

    /// The same page is mapped with other rights. Lowered ones wait in the batch. Raised ones need
    /// nothing where a fault makes the processor look at the tables again; elsewhere a stale entry
    /// would go on faulting, so it goes now.
    #[inline]
    fn changed(&self, pmap: &Pmap<H>, at: VirtAddr, old: u64, new: u64, flush: &mut Flush) {
        let (before, after) = (
            F::protection(old, pmap.space),
            F::protection(new, pmap.space),
        );
        if !after.contains(before) {
            self.gather(pmap.control.0, Self::page_range(at), flush);
        } else if F::BREAK_BEFORE_MAKE && before != after {
            self.invalidate_now(pmap, at);
        }
    }

    /// Removes another page's mapping, so that the new one can take its place.
    #[cold]
    fn replace(&self, pmap: &Pmap<H>, leaf: u64, at: VirtAddr, batch: &mut Batch<'_, F, H>) {
        let location = Self::location(leaf, at.0);
        let entry = self.word(location).load(Acquire);
        if entry == 0 || !self.remove_entry(location, entry) {
            return;
        }
        self.record(PhysAddr(leaf)).drop_live(1);
        self.word(pmap.control.0 + control::RESIDENT)
            .fetch_sub(1, Relaxed);
        if F::BREAK_BEFORE_MAKE {
            self.invalidate_now(pmap, at);
        } else {
            self.gather(pmap.control.0, Self::page_range(at), batch.flush_mut());
        }
    }

    fn invalidate_now(&self, pmap: &Pmap<H>, at: VirtAddr) {
        core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
        let tag = Tag(self.word(pmap.control.0 + control::CONTEXT).load(Relaxed));
        if tag != Tag::NONE {
            self.hardware.invalidate_page(tag, at);
        }
    }
}
