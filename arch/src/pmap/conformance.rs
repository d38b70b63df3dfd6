//! The conformance suite: random programs of pmap calls against a naive model.
//!
//! Owns: the model (a table of what each address maps), the programs, the comparison after every step. It
//! runs on the host for every format, with an [`Observer`] that keeps stale translations, and in the kernel
//! on the machine's own tables. Does not own: what is special to one format (`tests`).
//!
//! Nothing is allocated but frames of the given source, which has all of them back at the end.

use super::hardware::Hardware;
use super::{Paging, Pmap, PteFormat, Reserve};
use crate::layout::USER_END;
use abi::Protection;
use vm::addr::{PageId, Range, VirtAddr};
use vm::batch::TlbBatch;
use vm::machine::{CacheMode, FrameSource, Machine, Mapping, RefMod, Tracking, Wired};
use vm::page::PageArray;

mod terms;

pub use terms::{Blind, Failure, Met, Observer, Program};

/// User pmaps in a program; the kernel's is one more.
const SPACES: usize = 3;
/// Addresses in play of each pmap, in three clusters.
const SLOTS: usize = 3 * CLUSTER;
const CLUSTER: usize = 24;
/// Pages in play.
const PAGES: usize = 12;

/// What the model knows of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mapped {
    page: usize,
    protection: Protection,
    wired: bool,
    tracked: bool,
    /// Entered, since it was last forgotten, in a way that must be or may have been noted.
    written: bool,
}

struct Run<'a, 'p, F, H, O> {
    paging: &'a Paging<F, H>,
    array: PageArray<'p>,
    observer: &'a mut O,
    random: u64,
    window: Range,
    users: [Option<Pmap<H>>; SPACES],
    model: [[Option<Mapped>; SLOTS]; SPACES + 1],
    pages: [PageId; PAGES],
    /// What the kernel's pmap mapped before: in the kernel, its own memory.
    others: u64,
    met: Met,
    step: u32,
    doing: &'static str,
}

/// Runs a program. Errors: the first difference. On an error frames are lost.
pub fn run<F: PteFormat, H: Hardware, O: Observer<F, H>>(
    paging: &Paging<F, H>,
    array: PageArray<'_>,
    frames: &mut dyn FrameSource,
    observer: &mut O,
    program: Program,
) -> Result<Met, Failure> {
    let lost = Failure {
        step: 0,
        doing: "start",
        what: "not enough frames",
        at: 0,
    };
    let mut pages = [PageId(0); PAGES];
    for page in &mut pages {
        *page = frames.take().ok_or(lost)?;
    }
    let mut run = Run {
        paging,
        array,
        observer,
        random: program.seed ^ 0x9e37_79b9_7f4a_7c15,
        window: program.kernel_window,
        users: [const { None }; SPACES],
        model: [[None; SLOTS]; SPACES + 1],
        pages,
        others: paging.pmap_resident(paging.kernel_pmap()).0,
        met: Met::default(),
        step: 0,
        doing: "start",
    };
    for user in &mut run.users {
        *user = Some(paging.pmap_create(frames).map_err(|_| lost)?);
    }
    for step in 1..=program.steps {
        run.step = step;
        run.one(frames)?;
    }
    run.end(frames)?;
    for page in pages {
        frames.give(page);
    }
    Ok(run.met)
}

impl<F: PteFormat, H: Hardware, O: Observer<F, H>> Run<'_, '_, F, H, O> {
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) as usize % below
    }

    fn fail<T>(&self, what: &'static str, at: u64) -> Result<T, Failure> {
        Err(Failure {
            step: self.step,
            doing: self.doing,
            what,
            at,
        })
    }

    fn pmap(&self, space: usize) -> &Pmap<H> {
        self.users
            .get(space)
            .and_then(Option::as_ref)
            .unwrap_or(self.paging.kernel_pmap())
    }

    /// The address of a slot: a cluster at the start, one across two leaf tables, one at the end.
    fn address(&self, space: usize, slot: usize) -> VirtAddr {
        let page = 1u64 << F::PAGE_SHIFT;
        let leaf = 1u64 << F::shift(1);
        let (start, end) = if space == SPACES {
            (self.window.start.0, self.window.end.0)
        } else {
            (leaf, USER_END)
        };
        let inside = (slot % CLUSTER) as u64 * page;
        VirtAddr(match slot / CLUSTER {
            0 => start + inside,
            1 => start + 2 * leaf - CLUSTER as u64 / 2 * page + inside,
            _ => end - CLUSTER as u64 * page + inside,
        })
    }

    /// Some slots that follow each other, and the range that covers them.
    fn some_slots(&mut self, space: usize) -> (core::ops::Range<usize>, Range) {
        let (mut first, mut last) = match self.random(8) {
            0 => (0, SLOTS - 1),
            1..4 => {
                let one = self.random(SLOTS);
                (one, one)
            }
            _ => (self.random(SLOTS), self.random(SLOTS)),
        };
        if first > last {
            (first, last) = (last, first);
        }
        let end = VirtAddr(self.address(space, last).0 + (1 << F::PAGE_SHIFT));
        (
            first..last + 1,
            Range {
                start: self.address(space, first),
                end,
            },
        )
    }

    fn one(&mut self, frames: &mut dyn FrameSource) -> Result<(), Failure> {
        let space = self.random(SPACES + 1);
        for other in 0..=SPACES {
            let mut addresses = [VirtAddr(0); SLOTS];
            for (slot, address) in addresses.iter_mut().enumerate() {
                *address = self.address(other, slot);
            }
            let pmap = match self.users.get(other) {
                Some(user) => user.as_ref().unwrap_or(self.paging.kernel_pmap()),
                None => self.paging.kernel_pmap(),
            };
            self.observer
                .run(self.paging, pmap, &mut addresses.into_iter());
        }
        let mut batch = TlbBatch::new(self.array);
        match self.random(16) {
            0..8 => self.enter(space, frames, &mut batch)?,
            8 => self.remove(space, &mut batch)?,
            9 | 10 => self.protect(space, &mut batch)?,
            11 => self.protect_page(&mut batch)?,
            12 => self.wire(space)?,
            13 => self.forget(&mut batch)?,
            14 => self.disconnect(&mut batch)?,
            _ => {
                if self.random(4) == 0 && space < SPACES {
                    self.recreate(space, frames)?;
                }
            }
        }
        if let Err(what) = self.observer.changed(self.paging) {
            return self.fail(what, 0);
        }
        batch.sync(self.paging, frames);
        for space in 0..=SPACES {
            let pmap = match self.users.get(space) {
                Some(user) => user.as_ref().unwrap_or(self.paging.kernel_pmap()),
                None => self.paging.kernel_pmap(),
            };
            if let Err(what) = self.observer.synced(self.paging, pmap) {
                return self.fail(what, 0);
            }
        }
        self.compare()
    }

    fn enter(
        &mut self,
        space: usize,
        frames: &mut dyn FrameSource,
        batch: &mut TlbBatch<'_, Paging<F, H>>,
    ) -> Result<(), Failure> {
        self.doing = "enter";
        // A small pool of pages, so that many addresses map the same one.
        let slot = self.random(SLOTS);
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
        };
        let at = self.address(space, slot);
        let mut reserve = Reserve::default();
        let mut tries = 0;
        loop {
            let pmap = self.pmap(space);
            match self
                .paging
                .pmap_enter(pmap, at, self.pages[page], mapping, &mut reserve, batch)
            {
                Ok(()) => break,
                Err(_) if tries == 0 => {
                    tries = 1;
                    let filled =
                        self.paging
                            .pmap_refill(self.pmap(space), at, &mut reserve, frames);
                    self.met.refilled += 1;
                    if filled.is_err() {
                        return self.fail("not enough frames", at.0);
                    }
                }
                Err(_) => return self.fail("a full reserve was not enough", at.0),
            }
        }
        self.paging.pmap_unreserve(&mut reserve, frames);
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

    fn remove(
        &mut self,
        space: usize,
        batch: &mut TlbBatch<'_, Paging<F, H>>,
    ) -> Result<(), Failure> {
        self.doing = "remove";
        let (slots, range) = self.some_slots(space);
        self.paging.pmap_remove(self.pmap(space), range, batch);
        for slot in slots {
            self.met.removed += u32::from(self.model[space][slot].take().is_some());
        }
        Ok(())
    }

    fn protect(
        &mut self,
        space: usize,
        batch: &mut TlbBatch<'_, Paging<F, H>>,
    ) -> Result<(), Failure> {
        self.doing = "protect";
        let (slots, range) = self.some_slots(space);
        let kept = Protection::from_bits_truncate(self.random(8) as u8);
        self.paging
            .pmap_protect(self.pmap(space), range, kept, batch);
        for slot in slots {
            let mapped = &mut self.model[space][slot];
            if kept == Protection::NONE {
                self.met.removed += u32::from(mapped.take().is_some());
            } else if let Some(mapped) = mapped {
                self.met.lowered += u32::from(!kept.contains(mapped.protection));
                mapped.protection &= kept | Protection::READ;
            }
        }
        Ok(())
    }

    fn protect_page(&mut self, batch: &mut TlbBatch<'_, Paging<F, H>>) -> Result<(), Failure> {
        self.doing = "page_protect";
        let page = self.random(PAGES);
        let kept = Protection::READ | Protection::from_bits_truncate(self.random(8) as u8);
        self.paging.page_protect(self.pages[page], kept, batch);
        for mapped in self.model.iter_mut().flatten().flatten() {
            if mapped.page == page && mapped.tracked {
                self.met.lowered += u32::from(!kept.contains(mapped.protection));
                mapped.protection &= kept;
            }
        }
        Ok(())
    }

    fn disconnect(&mut self, batch: &mut TlbBatch<'_, Paging<F, H>>) -> Result<(), Failure> {
        self.doing = "disconnect";
        let page = self.random(PAGES);
        let noted = self
            .paging
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
        if F::BREAK_BEFORE_MAKE && written && !noted.contains(RefMod::MODIFIED) {
            return self.fail("a writable mapping went without MODIFIED", 0);
        }
        Ok(())
    }

    fn wire(&mut self, space: usize) -> Result<(), Failure> {
        self.doing = "change_wiring";
        let slot = self.random(SLOTS);
        let wired = self.random(2) == 0;
        let mark = if wired { Wired::Yes } else { Wired::No };
        self.paging
            .pmap_change_wiring(self.pmap(space), self.address(space, slot), mark);
        if let Some(mapped) = &mut self.model[space][slot] {
            mapped.wired = wired;
        }
        Ok(())
    }

    fn forget(&mut self, batch: &mut TlbBatch<'_, Paging<F, H>>) -> Result<(), Failure> {
        self.doing = "page_clear_refmod";
        let page = self.random(PAGES);
        let which = RefMod::from_bits_truncate(1 + self.random(3) as u8);
        self.paging
            .page_clear_refmod(self.pages[page], which, batch);
        if which.contains(RefMod::MODIFIED) {
            for mapped in self.model.iter_mut().flatten().flatten() {
                if mapped.page == page && mapped.tracked {
                    mapped.written = false;
                    if F::BREAK_BEFORE_MAKE {
                        // Writes are noted by faults: the mapping waits for one.
                        mapped.protection -= Protection::WRITE;
                    }
                }
            }
        }
        if self.paging.page_refmod(self.pages[page]).intersects(which) {
            return self.fail("what was cleared is still noted", 0);
        }
        Ok(())
    }

    fn recreate(&mut self, space: usize, frames: &mut dyn FrameSource) -> Result<(), Failure> {
        self.doing = "destroy";
        if let Some(pmap) = self.users[space].take() {
            self.paging.pmap_destroy(pmap, frames);
        }
        self.met.destroyed += u32::from(self.model[space].iter().any(Option::is_some));
        self.model[space] = [None; SLOTS];
        match self.paging.pmap_create(frames) {
            Ok(pmap) => self.users[space] = Some(pmap),
            Err(_) => return self.fail("not enough frames", 0),
        }
        Ok(())
    }

    /// Every address, every page, every count.
    fn compare(&mut self) -> Result<(), Failure> {
        let mut mappings = [0; PAGES];
        for space in 0..=SPACES {
            let mut resident = if space == SPACES { self.others } else { 0 };
            for slot in 0..SLOTS {
                let at = self.address(space, slot);
                let expected = self.model[space][slot];
                let found = self.paging.pmap_extract(self.pmap(space), at);
                if found != expected.map(|mapped| (self.pages[mapped.page], mapped.protection)) {
                    return self.fail("extract differs", at.0);
                }
                if let Some(mapped) = expected {
                    resident += 1;
                    mappings[mapped.page] += usize::from(mapped.tracked);
                }
            }
            if self.paging.pmap_resident(self.pmap(space)).0 != resident {
                return self.fail("the resident count differs", resident);
            }
        }
        for (index, &count) in mappings.iter().enumerate() {
            let page = self.pages[index];
            if self.paging.page_mappings(page) != count
                || self.paging.page_is_mapped(page) != (count != 0)
            {
                return self.fail("the reverse map differs", count as u64);
            }
            self.met.most_mappers = self.met.most_mappers.max(count as u32);
        }
        Ok(())
    }

    /// Unmaps everything: all frames go back.
    fn end(&mut self, frames: &mut dyn FrameSource) -> Result<(), Failure> {
        self.doing = "end";
        let mut batch = TlbBatch::new(self.array);
        self.paging
            .pmap_remove(self.paging.kernel_pmap(), self.window, &mut batch);
        batch.sync(self.paging, frames);
        self.model[SPACES] = [None; SLOTS];
        for space in 0..SPACES {
            self.recreate(space, frames)?;
        }
        self.compare()?;
        for user in &mut self.users {
            if let Some(pmap) = user.take() {
                self.paging.pmap_destroy(pmap, frames);
            }
        }
        Ok(())
    }
}
