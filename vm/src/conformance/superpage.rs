//! Superpages in a conformance run: one run of pages, in one user's pmap at a time.
//!
//! Owns: its place, which single pages of the program use too, and what the model knows of it.
//! Does not own: those pages (`steps`).

use super::{Observer, Run, SLOTS, SPACES, leaf_size};
use crate::addr::{PageId, Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::conformance::Failure;
use crate::machine::{CacheMode, FrameSource, Machine, Mapping, NotEntered, Tracking, Wired};
use crate::residence::{Account, Residence};
use abi::Protection;

/// Where the run is mapped, and what that permits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Superpage {
    pub space: usize,
    pub protection: Protection,
}

impl<M: Machine, O: Observer<M>> Run<'_, '_, M, O> {
    /// Where the run is mapped in a user's pmap: the second half of a cluster that lies across two tables
    /// is there too.
    fn superpage_range(&self) -> Range {
        let size = M::SUPERPAGE_SIZE.unwrap_or(leaf_size::<M>());
        let start = self.program.user_window.start.0 + 2 * leaf_size::<M>();
        Range::new(VirtAddr(start), VirtAddr(start + size))
    }

    /// Pages of a superpage.
    pub(super) fn run_pages(&self) -> u64 {
        self.superpage_range().len() >> M::PAGE_SHIFT
    }

    /// Counts the run's pages, as what they were mapped as.
    pub(super) fn count_run(&self, resident: &mut Residence) {
        resident.by[Account::Internal as usize].0 += self.run_pages();
    }

    /// The page of the run that `space` maps at `at`.
    pub(super) fn in_superpage(&self, space: usize, at: VirtAddr) -> Option<(PageId, Protection)> {
        let range = self.superpage_range();
        let mapped = self.superpage.filter(|mapped| mapped.space == space)?;
        if !range.contains(at) {
            return None;
        }
        let inside = (at.0 - range.start.0) >> M::PAGE_SHIFT;
        let page = PageId(self.program.run?.0 + inside as u32);
        Some((page, mapped.protection))
    }

    /// What a call for a range of a space means to the superpage: it goes whole, or is lowered whole.
    pub(super) fn superpage_keeps(&mut self, space: usize, range: Range, kept: Protection) {
        let met = range.intersect(self.superpage_range());
        let Some(mapped) = self
            .superpage
            .as_mut()
            .filter(|mapped| mapped.space == space)
        else {
            return;
        };
        if met.is_none() {
            return;
        }
        mapped.protection &= kept | Protection::READ;
        if kept == Protection::NONE {
            self.superpage = None;
        }
        self.met.parts += 1;
    }

    /// Removes the superpage by some page of it, so that single pages can have its place.
    pub(super) fn remove_superpage(&mut self, batch: &mut TlbBatch<'_, M>) {
        let Some(mapped) = self.superpage.take() else {
            return;
        };
        let inside = self.random(self.run_pages() as usize) as u64;
        let start = VirtAddr(self.superpage_range().start.0 + (inside << M::PAGE_SHIFT));
        let page = Range::new(start, VirtAddr(start.0 + M::PAGE_SIZE));
        self.machine
            .pmap_remove(self.pmap(mapped.space), page, batch);
        batch.flush_now(self.machine);
        self.met.parts += 1;
    }

    /// A step: the run is mapped, by other rights if it is already, or lowered by one of its pages.
    pub(super) fn superpage(
        &mut self,
        frames: &mut dyn FrameSource,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Failure> {
        let (Some(first), Some(_)) = (self.program.run, M::SUPERPAGE_SIZE) else {
            return Ok(());
        };
        let some = Protection::from_bits_truncate(self.random(8) as u8);
        if self.superpage.is_some() && self.random(2) == 0 {
            self.doing = "page_protect of a superpage";
            let page = PageId(first.0 + self.random(self.run_pages() as usize) as u32);
            self.machine.page_protect(page, some, batch);
            if let Some(mapped) = &mut self.superpage {
                mapped.protection &= some | Protection::READ;
            }
            return Ok(());
        }
        self.doing = "enter a superpage";
        let space = self.random(SPACES);
        let known = self.superpage.is_some_and(|mapped| mapped.space == space);
        if !known {
            self.remove_superpage(batch);
            let range = self.superpage_range();
            self.machine.pmap_remove(self.pmap(space), range, batch);
            batch.flush_now(self.machine);
            for slot in 0..SLOTS {
                if range.contains(self.address(space, slot)) {
                    self.model[space][slot] = None;
                }
            }
        }
        let protection = some | Protection::READ;
        self.enter_run(space, (first, protection), frames, batch)?;
        self.superpage = Some(Superpage { space, protection });
        self.met.superpages += u32::from(!known);
        Ok(())
    }

    fn enter_run(
        &mut self,
        space: usize,
        (first, protection): (PageId, Protection),
        frames: &mut dyn FrameSource,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Failure> {
        let mapping = Mapping {
            protection,
            wired: Wired::Yes,
            cache: CacheMode::WriteBack,
            tracking: Tracking::Tracked,
            account: Account::Internal,
        };
        let at = self.superpage_range().start;
        let mut reserve = M::Reserve::default();
        let mut refilled = false;
        loop {
            let pmap = self.pmap(space);
            match self
                .machine
                .pmap_enter_superpage(pmap, at, first, mapping, &mut reserve, batch)
            {
                Ok(()) => break,
                Err(NotEntered::Reserve) if !refilled => {
                    refilled = true;
                    let filled = self.machine.pmap_refill(pmap, at, &mut reserve, frames);
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
        Ok(())
    }

    /// Every page of the run has the one mapping, or none.
    pub(super) fn compare_run(&self) -> Result<(), Failure> {
        let (Some(first), Some(_)) = (self.program.run, M::SUPERPAGE_SIZE) else {
            return Ok(());
        };
        let expected = usize::from(self.superpage.is_some());
        for inside in 0..self.run_pages() {
            let page = PageId(first.0 + inside as u32);
            if self.machine.page_mappings(page) != expected {
                return self.fail("the reverse map of a superpage differs", inside);
            }
            if let Some(mapped) = self.superpage {
                let at = VirtAddr(self.superpage_range().start.0 + (inside << M::PAGE_SHIFT));
                let found = self.machine.pmap_extract(self.pmap(mapped.space), at);
                if found != Some((page, mapped.protection)) {
                    return self.fail("a superpage differs", at.0);
                }
            }
        }
        Ok(())
    }
}
