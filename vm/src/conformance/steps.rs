//! The steps of a conformance run: a call of the machine, and what it means to the model.
//!
//! Owns: what each call should do. Does not own: which step is next, the comparison (`super`).

use super::{Mapped, Notes, Observer, PAGES, Run, SLOTS};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::conformance::Failure;
use crate::machine::{
    CacheMode, FrameSource, Machine, Mapping, NotEntered, RefMod, Tracking, Wired,
};
use crate::residence::{ACCOUNTS, Account, Peaks};
use abi::Protection;

impl<M: Machine, O: Observer<M>> Run<'_, '_, M, O> {
    pub(super) fn enter(
        &mut self,
        space: usize,
        frames: &mut dyn FrameSource,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Failure> {
        self.doing = "enter";
        // A small pool of pages, so that many addresses map the same one.
        let slot = self.some_slot(space);
        let space = self.holder(space, slot);
        let again = self.random(3) == 0;
        let page = match self.model[space][slot] {
            Some(mapped) if again => mapped.page,
            _ => self.random(PAGES),
        };
        let tracked = page != 0;
        let mut protection =
            Protection::from_bits_truncate(1 + self.random(7) as u8) | Protection::READ;
        if !tracked {
            protection -= Protection::WRITE;
        }
        let wired = tracked && self.random(8) == 0;
        let mapping = Mapping {
            protection,
            wired: if wired { Wired::Yes } else { Wired::No },
            cache: CacheMode::WriteBack,
            tracking: if tracked {
                Tracking::Tracked
            } else {
                Tracking::Untracked
            },
            account: self.accounts[page],
        };
        let at = self.address(space, slot);
        if self.in_superpage(space, at).is_some() {
            self.remove_superpage(batch);
        }
        let mut reserve = M::Reserve::default();
        let (mut refilled, mut removed) = (false, false);
        loop {
            let pmap = self.pmap(space);
            match self
                .machine
                .pmap_enter(pmap, at, self.pages[page], mapping, &mut reserve, batch)
            {
                Ok(()) => break,
                Err(NotEntered::Occupied) if !removed => {
                    removed = true;
                    let end = VirtAddr(at.0 + M::PAGE_SIZE);
                    self.machine.pmap_remove(pmap, Range::new(at, end), batch);
                    batch.flush_now(self.machine);
                }
                Err(NotEntered::Reserve) if !refilled => {
                    refilled = true;
                    let filled = self.machine.pmap_refill(pmap, at, &mut reserve, frames);
                    self.met.refilled += 1;
                    if filled.is_err() {
                        return self.fail("not enough frames", at.0);
                    }
                }
                Err(NotEntered::Reserve) => {
                    return self.fail("a full reserve was not enough", at.0);
                }
                Err(NotEntered::Occupied) => {
                    return self.fail("what was removed and flushed is still there", at.0);
                }
            }
        }
        self.machine.pmap_unreserve(&mut reserve, frames);
        let written = protection.contains(Protection::WRITE);
        let new = Mapped {
            page,
            protection,
            wired,
            tracked,
            written,
        };
        match self.model[space][slot].replace(new) {
            None => self.met.entered += 1,
            Some(old) if old.page == page => self.met.changed += 1,
            Some(_) => self.met.replaced += 1,
        }
        Ok(())
    }

    pub(super) fn remove(
        &mut self,
        space: usize,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Failure> {
        self.doing = "remove";
        let (slots, range) = self.some_slots(space);
        self.unnest(space, range, batch);
        self.machine.pmap_remove(self.pmap(space), range, batch);
        self.superpage_keeps(space, range, Protection::NONE);
        for slot in slots {
            let gone = u32::from(self.model[space][slot].take().is_some());
            self.met.removed += gone;
            self.met.shown += gone * u32::from(self.is_shown(space, slot));
        }
        Ok(())
    }

    pub(super) fn protect(
        &mut self,
        space: usize,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Failure> {
        self.doing = "protect";
        let (slots, range) = self.some_slots(space);
        let kept = Protection::from_bits_truncate(self.random(8) as u8);
        self.unnest(space, range, batch);
        self.machine
            .pmap_protect(self.pmap(space), range, kept, batch);
        self.superpage_keeps(space, range, kept);
        for slot in slots {
            let shown = self.is_shown(space, slot);
            let mapped = &mut self.model[space][slot];
            if kept == Protection::NONE {
                self.met.removed += u32::from(mapped.take().is_some());
            } else if let Some(mapped) = mapped {
                let lowered = u32::from(!kept.contains(mapped.protection));
                self.met.lowered += lowered;
                self.met.shown += lowered * u32::from(shown);
                mapped.protection &= kept | Protection::READ;
            }
        }
        Ok(())
    }

    pub(super) fn protect_page(&mut self, batch: &mut TlbBatch<'_, M>) -> Result<(), Failure> {
        self.doing = "page_protect";
        let page = self.random(PAGES);
        let kept = Protection::READ | Protection::from_bits_truncate(self.random(8) as u8);
        self.machine.page_protect(self.pages[page], kept, batch);
        for mapped in self.model.iter_mut().flatten().flatten() {
            if mapped.page == page && mapped.tracked {
                self.met.lowered += u32::from(!kept.contains(mapped.protection));
                mapped.protection &= kept;
            }
        }
        Ok(())
    }

    pub(super) fn disconnect(&mut self, batch: &mut TlbBatch<'_, M>) -> Result<(), Failure> {
        self.doing = "disconnect";
        let page = self.random(PAGES);
        let noted = self
            .machine
            .page_protect(self.pages[page], Protection::NONE, batch);
        let mut written = false;
        for slot in self.model.iter_mut().flatten() {
            let Some(mapped) = slot else { continue };
            if mapped.page != page || !mapped.tracked {
                continue;
            }
            written |= mapped.written;
            if mapped.wired {
                self.met.stayed += 1;
                mapped.protection &= Protection::READ;
            } else {
                self.met.disconnected += 1;
                *slot = None;
            }
        }
        if self.program.notes == Notes::Faults && written && !noted.contains(RefMod::MODIFIED) {
            return self.fail("a writable mapping went without MODIFIED", 0);
        }
        Ok(())
    }

    pub(super) fn wire(&mut self, space: usize) -> Result<(), Failure> {
        self.doing = "change_wiring";
        let slot = self.some_slot(space);
        let space = self.holder(space, slot);
        let wired = self.random(2) == 0;
        let mark = if wired { Wired::Yes } else { Wired::No };
        self.machine
            .pmap_change_wiring(self.pmap(space), self.address(space, slot), mark);
        if let Some(mapped) = &mut self.model[space][slot] {
            mapped.wired = wired;
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, batch: &mut TlbBatch<'_, M>) -> Result<(), Failure> {
        self.doing = "page_clear_refmod";
        let page = self.random(PAGES);
        let which = RefMod::from_bits_truncate(1 + self.random(3) as u8);
        self.machine
            .page_clear_refmod(self.pages[page], which, batch);
        if which.contains(RefMod::MODIFIED) {
            for mapped in self.model.iter_mut().flatten().flatten() {
                if mapped.page == page && mapped.tracked {
                    mapped.written = false;
                    if self.program.notes == Notes::Faults {
                        // Writes are noted by faults: the mapping waits for one.
                        mapped.protection -= Protection::WRITE;
                    }
                }
            }
        }
        if self.machine.page_refmod(self.pages[page]).intersects(which) {
            return self.fail("what was cleared is still noted", 0);
        }
        Ok(())
    }

    /// A page counts as something else.
    pub(super) fn account(&mut self) {
        self.doing = "page_account";
        let page = self.random(PAGES);
        let account = Account::from_bits(self.random(ACCOUNTS) as u64);
        self.machine.page_account(self.pages[page], account);
        let mapped = |slot: &&Option<Mapped>| slot.is_some_and(|it| it.page == page && it.tracked);
        let moved = self.model.iter().flatten().filter(mapped).count();
        self.met.accounted += moved as u32 * u32::from(self.accounts[page] != account);
        self.accounts[page] = account;
    }

    /// The owner of a pmap is charged for more pages, or for none.
    pub(super) fn charge(&mut self, space: usize) {
        self.doing = "pmap_charge";
        let change = match self.charges[space] {
            0 => 1 + self.random(9) as i64,
            charged => -(charged as i64),
        };
        self.machine.pmap_charge(self.pmap(space), change);
        self.charges[space] = self.charges[space].saturating_add_signed(change);
    }

    pub(super) fn recreate(
        &mut self,
        space: usize,
        frames: &mut dyn FrameSource,
    ) -> Result<(), Failure> {
        self.doing = "destroy";
        if let Some(pmap) = self.users[space].take() {
            self.machine.pmap_destroy(pmap, frames);
        }
        self.forget_nestings(space);
        self.superpage = self.superpage.filter(|mapped| mapped.space != space);
        self.met.destroyed += u32::from(self.model[space].iter().any(Option::is_some));
        self.model[space] = [None; SLOTS];
        self.peaks[space] = Peaks::default();
        self.charges[space] = 0;
        match self.machine.pmap_create(frames) {
            Ok(pmap) => self.users[space] = Some(pmap),
            Err(_) => return self.fail("not enough frames", 0),
        }
        Ok(())
    }
}
