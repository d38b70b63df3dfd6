//! Mapping a page.
//!
//! Owns: `enter`. Does not own: who may map what (`vm`'s fault decides the permission).
//! Locks: the pmap's, then the page's; a replaced page's before, alone.

use super::account::Count;
use super::format::Attributes;
use super::hardware::{Beside, Hardware, Tag};
use super::{Batch, Flush, Paging, Pmap, PteFormat, Reserve, Shape, control};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::fence;
use vm::Pager;
use vm::addr::{PageId, PhysAddr, VirtAddr};
use vm::machine::{Mapping, NotEntered, Tracking};
use vm::residence::Account;

/// A mapping to be made, and where its entry is.
#[derive(Clone, Copy)]
struct Wanted {
    at: VirtAddr,
    page: PageId,
    entry: u64,
    location: u64,
    account: Account,
}

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    pub(super) fn enter(
        &self,
        pmap: &Pmap<H>,
        at: VirtAddr,
        page: PageId,
        mapping: Mapping,
        reserve: &mut Reserve,
        batch: &mut Batch<'_, F, H, P>,
    ) -> Result<(), NotEntered> {
        debug_assert!(
            pmap.holds(Self::page_range(at)),
            "I-PMAP-4: {at:x?} is not in the pmap's half"
        );
        debug_assert_eq!(at.0 & (Self::PAGE_SIZE - 1), 0);
        let entry = F::leaf(self.address_of(page), Attributes::new(mapping, pmap.space));
        let mut shape = pmap.shape.lock();
        let leaf = self.make_leaf(pmap, &mut shape, at.0, reserve)?;
        let location = Self::location(leaf, at.0);
        let slot = self.word(location);
        // The commonest case: nothing is there, and the page has at most one mapping.
        if !F::is_present(slot.load(Relaxed)) && entry & F::UNTRACKED == 0 {
            let record = &self.records[page.0 as usize];
            if let Some(mut record) = record.try_lock() {
                let account = record.account_as(mapping.account);
                let inline = record.insert_inline(location);
                if inline {
                    slot.store(entry, Release);
                }
                record.unlock();
                if inline {
                    self.count(pmap, &mut shape, location, Count::of(account));
                    drop(shape);
                    self.hardware.publish(pmap.space);
                    return Ok(());
                }
            }
        }
        let wanted = Wanted {
            at,
            page,
            entry,
            location,
            account: mapping.account,
        };
        self.enter_any(pmap, &mut shape, wanted, reserve, batch)
    }

    /// Maps a device's memory. Its frame may lie outside RAM: it has no record.
    #[cold]
    pub(super) fn enter_device(
        &self,
        pmap: &Pmap<H>,
        (at, frame): (VirtAddr, PhysAddr),
        mapping: Mapping,
        reserve: &mut Reserve,
        batch: &mut Batch<'_, F, H, P>,
    ) -> Result<(), NotEntered> {
        debug_assert_eq!(mapping.tracking, Tracking::Untracked);
        let mut shape = pmap.shape.lock();
        let leaf = self.make_leaf(pmap, &mut shape, at.0, reserve)?;
        let wanted = Wanted {
            at,
            // Not looked at: the mapping is untracked.
            page: PageId(0),
            entry: F::leaf(frame, Attributes::new(mapping, pmap.space)),
            location: Self::location(leaf, at.0),
            account: mapping.account,
        };
        self.enter_any(pmap, &mut shape, wanted, reserve, batch)
    }

    #[inline(never)]
    fn enter_any(
        &self,
        pmap: &Pmap<H>,
        shape: &mut Shape,
        wanted: Wanted,
        reserve: &mut Reserve,
        batch: &mut Batch<'_, F, H, P>,
    ) -> Result<(), NotEntered> {
        let Wanted {
            at,
            page,
            entry: new,
            location,
            account,
        } = wanted;
        let slot = self.word(location);
        let old = slot.load(Relaxed);
        let other = F::is_present(old) && (old ^ new) & (F::ADDRESS | F::CACHE | F::UNTRACKED) != 0;
        let replaced = match other {
            true => self.replace(pmap, wanted, old)?,
            false => None,
        };
        let mut count = Count::UNTRACKED;
        let old = if new & F::UNTRACKED != 0 {
            slot.swap(new, AcqRel)
        } else {
            let mut record = self.records[page.0 as usize].lock::<H>();
            // Between the first look and the lock the page may have been disconnected.
            let old = slot.load(Relaxed);
            if !F::is_present(old) {
                let account = record.account_as(account);
                if let Err(need) = self.pv_insert(&mut record, location, reserve) {
                    record.unlock();
                    if let Some(gone) = replaced {
                        self.uncount(location, gone);
                    }
                    return Err(need.into());
                }
                count = Count::of(account);
                slot.store(new, Release);
            } else {
                record.note(F::refmod(slot.swap(new, AcqRel)));
            }
            record.unlock();
            old
        };
        if !F::is_present(old) {
            match replaced {
                None => self.count(pmap, shape, location, count),
                // The entry is counted already, perhaps as something else.
                Some(gone) if gone != count => {
                    self.count_instead(pmap.control.0, gone, count);
                }
                Some(_) => {}
            }
        } else {
            self.changed(pmap, at, old, new, batch.flush_mut());
        }
        self.hardware.publish(pmap.space);
        Ok(())
    }

    /// Counts a mapping where none was.
    #[inline]
    fn count(&self, pmap: &Pmap<H>, shape: &mut Shape, location: u64, count: Count) {
        if self
            .record(PhysAddr(location))
            .occupy(Self::eighth(location))
        {
            shape.vacant -= 1;
        }
        self.count_up(pmap.control.0, count, 1);
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

    /// Removes another page's mapping, so that the new one can take its place: no CPU sees the old
    /// page once the new one can be seen. Answers which count it is still in; nothing if it was gone already.
    #[inline]
    fn replace(
        &self,
        pmap: &Pmap<H>,
        wanted: Wanted,
        old: u64,
    ) -> Result<Option<Count>, NotEntered> {
        let removed = match self.beside(pmap) {
            Beside::Never => self.remove_entry(wanted.location, old),
            Beside::NotNow => self.remove_unseen(pmap, wanted.location, old)?,
            Beside::Now => return Err(NotEntered::Occupied),
        };
        if removed.is_some() {
            self.invalidate_now(pmap, wanted.at);
        }
        Ok(removed)
    }

    /// Removes an entry that no other CPU can have seen, or nothing: one may take the address space
    /// up meanwhile, and walk the tables before the entry is gone.
    #[cold]
    fn remove_unseen(
        &self,
        pmap: &Pmap<H>,
        location: u64,
        old: u64,
    ) -> Result<Option<Count>, NotEntered> {
        let slot = self.word(location);
        let seen = |old| {
            slot.store(old, Release);
            Err(NotEntered::Occupied)
        };
        if old & F::UNTRACKED != 0 {
            let old = slot.swap(0, AcqRel);
            return match self.beside(pmap) {
                Beside::Now => seen(old),
                _ => Ok(Some(Count::UNTRACKED)),
            };
        }
        let mut page = self.record(F::address(old)).lock::<H>();
        let old = slot.swap(0, AcqRel);
        let answer = match F::is_present(old) {
            false => Ok(None),
            true if self.beside(pmap) == Beside::Now => seen(old),
            true => {
                page.note(F::refmod(old));
                self.pv_remove(&mut page, location);
                Ok(Some(Count::of(page.account())))
            }
        };
        page.unlock();
        answer
    }

    #[inline]
    fn beside(&self, pmap: &Pmap<H>) -> Beside {
        self.hardware.beside(self.tag(pmap))
    }

    #[inline]
    pub(super) fn tag(&self, pmap: &Pmap<H>) -> Tag {
        Tag(self.word(pmap.control.0 + control::CONTEXT).load(Acquire))
    }

    pub(super) fn invalidate_now(&self, pmap: &Pmap<H>, at: VirtAddr) {
        fence(SeqCst);
        let tag = self.tag(pmap);
        if tag != Tag::NONE {
            self.hardware.invalidate_page(tag, at);
        }
    }
}
