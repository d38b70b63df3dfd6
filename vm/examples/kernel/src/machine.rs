//! `impl vm::Machine`: what `vm` asks, in terms of RAM, tables and a hart.
//!
//! Owns: [`Sv39`], the machine; the batch's list of fences. Does not own: how a table is walked
//! (`tables`), what a fence is (`hart`).
//! Locks: one spin lock around all tables. It is the last in the lock order, after the free list, with
//! which locked `vm` asks whether a page is mapped; so nothing is called out to with it held.

use crate::hart::Hart;
use crate::pte::{PAGE, PAGE_SHIFT};
use crate::ram::Ram;
use crate::reverse::Slot;
use crate::tables::{Frame, Reserve, Tables, USER};
use sync::{Rank, SpinLock, rank};
use vm::{
    Account, FrameSource, Machine, Mapping, NoPager, NotEntered, PageArray, PageId, Pages, Peaks,
    PhysAddr, Protection, Range, RefMod, Residence, Shortage, TlbBatch, VirtAddr, Wired,
};
use zalloc::ChunkMemory;

/// The place of the tables' lock in the lock order.
struct TablesRank;
impl Rank for TablesRank {
    const RANK: u8 = rank::FREE_LIST + 2;
    const NAME: &'static str = "page tables";
}

/// A machine with Sv39 page tables.
pub struct Sv39 {
    pub(crate) hart: Hart,
    pub(crate) ram: Ram,
    pages: PageArray<'static>,
    tables: SpinLock<Self, TablesRank, Tables>,
    kernel: Pmap,
}

/// An address space: its root table. All else is in the records of the frames.
#[derive(PartialEq, Eq, Debug)]
pub struct Pmap {
    pub(crate) root: PageId,
}

/// The fences that a batch owes: for these addresses, in all address spaces; more than fit are all.
#[derive(Default, Debug)]
pub struct Fences {
    addresses: [u64; 8],
    count: usize,
}

impl Fences {
    fn add(&mut self, at: VirtAddr) {
        if let Some(place) = self.addresses.get_mut(self.count) {
            *place = at.0;
        }
        self.count = self.count.saturating_add(1);
    }
}

impl Sv39 {
    /// The machine over RAM: its frames `kernel` and `middle` become the kernel's tables.
    pub fn new(
        hart: Hart,
        ram: Ram,
        pages: PageArray<'static>,
        frames: &'static mut [Frame],
        (kernel, middle): (PageId, PageId),
    ) -> Self {
        Self {
            hart,
            ram,
            pages,
            tables: SpinLock::new(Tables::new(ram, frames, kernel, middle)),
            kernel: Pmap { root: kernel },
        }
    }

    /// The tables, locked.
    pub(crate) fn tables(&self) -> impl core::ops::DerefMut<Target = Tables> + '_ {
        self.tables.lock()
    }

    /// Changes each mapping of a range, and notes the fence that it needs.
    fn change(
        &self,
        pmap: &Pmap,
        mut range: Range,
        batch: &mut TlbBatch<'_, Self>,
        change: impl Fn(&mut Tables, Slot),
    ) {
        let mut tables = self.tables();
        while let Some((slot, at)) = tables.first_in(pmap.root, range) {
            change(&mut tables, slot);
            batch.flush_mut().add(at);
            range.start = VirtAddr(at.0 + PAGE);
        }
    }
}

impl Machine for Sv39 {
    const PAGE_SHIFT: u32 = PAGE_SHIFT;
    type Pager = NoPager;
    type Pmap = Pmap;
    type Reserve = Reserve;
    type Flush = Fences;

    fn zero_page(&self, page: PageId) {
        self.ram.zero(page);
    }

    fn copy_page(&self, from: PageId, to: PageId) {
        self.ram.copy(from, to);
    }

    fn read_page(&self, page: PageId, offset: usize, into: &mut [u8]) {
        self.ram.read(page, offset, into);
    }

    fn write_page(&self, page: PageId, offset: usize, from: &[u8]) {
        self.ram.write(page, offset, from);
    }

    fn sync_instructions(&self, _page: PageId) {
        self.hart.fence_instructions();
    }

    fn chunk_memory(&self, first: PageId, pages: Pages) -> ChunkMemory {
        let bytes = (pages.0 * PAGE) as usize;
        // SAFETY: the frames are `vm`'s own, in one piece and aligned (`chunk_fits`), and RAM is
        // mapped for good.
        unsafe { ChunkMemory::new(self.ram.pointer(first), bytes) }
    }

    fn chunk_release(&self, chunk: ChunkMemory) -> PageId {
        self.ram.frame_at(chunk.address())
    }

    fn kernel_pmap(&self) -> &Pmap {
        &self.kernel
    }

    fn pmap_create(&self, frames: &mut dyn FrameSource) -> Result<Pmap, Shortage> {
        let root = frames.take().ok_or(Shortage)?;
        self.tables().create(root);
        Ok(Pmap { root })
    }

    fn pmap_destroy(&self, pmap: Pmap, frames: &mut dyn FrameSource) {
        let mut batch = TlbBatch::new(self.pages);
        self.pmap_remove(&pmap, USER, &mut batch);
        self.tables()
            .dismantle(pmap.root, |table| batch.retire_table(table));
        Self::flush_everything(batch.flush_mut());
        batch.sync(self, frames);
    }

    fn pmap_refill(
        &self,
        pmap: &Pmap,
        at: VirtAddr,
        reserve: &mut Reserve,
        frames: &mut dyn FrameSource,
    ) -> Result<(), Shortage> {
        let lacking = self.tables().lacking(pmap.root, at);
        while reserve.count() < lacking {
            reserve.put(frames.take().ok_or(Shortage)?);
        }
        Ok(())
    }

    fn pmap_unreserve(&self, reserve: &mut Reserve, frames: &mut dyn FrameSource) {
        while let Some(frame) = reserve.take() {
            frames.give(frame);
        }
    }

    /// One hart: its translations go at once, so no page is ever `Occupied`. A hart may also remember
    /// that nothing was there, hence the fence after every entry.
    fn pmap_enter(
        &self,
        pmap: &Pmap,
        at: VirtAddr,
        page: PageId,
        mapping: Mapping,
        reserve: &mut Reserve,
        batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        let frame = self.ram.physical(page);
        self.pmap_enter_device(pmap, at, frame, mapping, reserve, batch)
    }

    /// An entry that is untracked has no record, so its frame may be anywhere.
    fn pmap_enter_device(
        &self,
        pmap: &Pmap,
        at: VirtAddr,
        frame: PhysAddr,
        mapping: Mapping,
        reserve: &mut Reserve,
        _batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        self.tables()
            .enter(pmap.root, at, frame, mapping, reserve)?;
        self.hart.fence(at);
        Ok(())
    }

    fn pmap_enter_around(
        &self,
        pmap: &Pmap,
        first: VirtAddr,
        pages: &[Option<PageId>],
        mapping: Mapping,
        _reserve: &mut Reserve,
    ) {
        let mut tables = self.tables();
        for (number, page) in (0..).zip(pages) {
            if let Some(page) = *page {
                let at = VirtAddr(first.0 + number * PAGE);
                tables.enter_beside(pmap.root, at, page, mapping);
            }
        }
    }

    fn pmap_remove(&self, pmap: &Pmap, range: Range, batch: &mut TlbBatch<'_, Self>) {
        self.change(pmap, range, batch, Tables::remove);
    }

    fn pmap_protect(
        &self,
        pmap: &Pmap,
        range: Range,
        protection: Protection,
        batch: &mut TlbBatch<'_, Self>,
    ) {
        if protection.is_empty() {
            return self.pmap_remove(pmap, range, batch);
        }
        self.change(pmap, range, batch, |tables, slot| {
            tables.lower(slot, protection)
        });
    }

    fn pmap_extract(&self, pmap: &Pmap, at: VirtAddr) -> Option<(PageId, Protection)> {
        let tables = self.tables();
        let entry = tables.entry(tables.walk(pmap.root, at).ok()?);
        (entry.is_valid() && self.ram.holds(entry.frame()))
            .then(|| (self.ram.frame(entry.frame()), entry.protection()))
    }

    fn pmap_change_wiring(&self, pmap: &Pmap, at: VirtAddr, wired: Wired) {
        let mut tables = self.tables();
        if let Ok(slot) = tables.walk(pmap.root, at) {
            tables.wire(slot, wired);
        }
    }

    fn pmap_residence(&self, pmap: &Pmap) -> Residence {
        self.tables().residence(pmap.root)
    }

    fn pmap_charge(&self, pmap: &Pmap, change: i64) {
        self.tables().charge(pmap.root, change);
    }

    fn pmap_peaks(&self, pmap: &Pmap) -> Peaks {
        self.tables().peaks(pmap.root)
    }

    fn pmap_tables(&self, pmap: &Pmap) -> Pages {
        self.tables().tables(pmap.root)
    }

    fn page_protect(
        &self,
        page: PageId,
        protection: Protection,
        batch: &mut TlbBatch<'_, Self>,
    ) -> RefMod {
        let mut tables = self.tables();
        tables.each(page, |tables, slot| {
            let entry = tables.entry(slot);
            if protection.is_empty() && !entry.is_wired() {
                tables.remove(slot);
            } else {
                tables.lower(slot, protection);
            }
            batch.flush_mut().add(tables.address(slot));
        });
        tables.refmod(page)
    }

    fn page_refmod(&self, page: PageId) -> RefMod {
        self.tables().refmod(page)
    }

    fn page_clear_refmod(&self, page: PageId, which: RefMod, batch: &mut TlbBatch<'_, Self>) {
        let mut tables = self.tables();
        tables.forget(page, which);
        if which.contains(RefMod::MODIFIED) {
            tables.each(page, |tables, slot| {
                batch.flush_mut().add(tables.address(slot))
            });
        }
    }

    fn page_account(&self, page: PageId, account: Account) {
        self.tables().account(page, account);
    }

    fn page_mappings(&self, page: PageId) -> usize {
        self.tables().chain(page).count()
    }

    fn page_is_mapped(&self, page: PageId) -> bool {
        self.tables().chain(page).next().is_some()
    }

    fn page_freed(&self, page: PageId) {
        self.tables().release(page);
    }

    fn flush(&self, fences: &mut Fences) {
        let Fences { addresses, count } = core::mem::take(fences);
        match addresses.get(..count) {
            Some(addresses) => addresses
                .iter()
                .for_each(|at| self.hart.fence(VirtAddr(*at))),
            None => self.hart.fence_all(),
        }
    }

    fn flush_everything(fences: &mut Fences) {
        fences.count = usize::MAX;
    }

    fn flush_is_empty(fences: &Fences) -> bool {
        fences.count == 0
    }
}
