//! The simulated machine as `vm` sees it.
//!
//! Owns: [`SimMachine`] and the checks of what `vm` asks for.
//! Locks: one host mutex inside, never held across a call out.

use super::baton;
use super::hardware::{Counts, Hardware};
use super::pager::SimPager;
use super::pmap::{SimFlush, SimPmap, SimReserve};
use crate::addr::{PageId, Pages, PhysAddr, Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::machine::{
    CacheOperation, FrameSource, Machine, Mapping, NoMaintenance, NotEntered, RefMod, Shortage,
    Tracking, Wired,
};
use crate::residence::{Account, Peaks, Residence};
use abi::Protection;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zalloc::ChunkMemory;
use zalloc::host::HostArena;

/// CPUs of a simulated machine.
pub const CPUS: usize = sync::host::CPUS;

/// A machine of pages of `1 << SHIFT` bytes. A last-level table has `1 << LEAF` entries, which a test may
/// choose to be few, so that its tasks have many; 0: as many as a page holds.
pub struct SimMachine<const SHIFT: u32, const LEAF: u32 = 0> {
    hardware: Mutex<Hardware>,
    arena: HostArena,
    chunks: Mutex<BTreeMap<usize, PageId>>,
    kernel: SimPmap,
}

impl<const SHIFT: u32, const LEAF: u32> sync::host::HostMachine for SimMachine<SHIFT, LEAF> {}

impl<const SHIFT: u32, const LEAF: u32> SimMachine<SHIFT, LEAF> {
    /// log2 of a last-level table's entries.
    const LEAF_BITS: u32 = if LEAF == 0 { SHIFT - 3 } else { LEAF };

    /// A machine with `frames` frames of RAM; the first is the kernel's root table.
    pub fn new(frames: usize) -> Self {
        let mut hardware = Hardware::new(frames, 1 << SHIFT, Self::LEAF_BITS, CPUS);
        let kernel = SimPmap {
            id: hardware.create(PageId(0), false),
        };
        SimMachine {
            hardware: Mutex::new(hardware),
            arena: HostArena::default(),
            chunks: Mutex::default(),
            kernel,
        }
    }

    pub(super) fn hardware(&self) -> MutexGuard<'_, Hardware> {
        self.hardware.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.hardware().counts
    }

    /// Zone chunks that are out.
    pub fn chunks_out(&self) -> usize {
        self.arena.out()
    }

    /// A pager fills a frame: these bytes, then zeros.
    pub(super) fn fill_busy(&self, page: PageId, bytes: &[u8]) {
        let hardware = &mut *self.hardware();
        Self::check_unreachable(hardware, page, "filled by a pager");
        hardware.frame(page).collected = RefMod::empty();
        let frame = hardware.bytes(page);
        frame.fill(0);
        frame[..bytes.len()].copy_from_slice(bytes);
    }

    fn create(&self, frames: &mut dyn FrameSource, nested: bool) -> Result<SimPmap, Shortage> {
        let root = frames.take().ok_or(Shortage)?;
        let hardware = &mut *self.hardware();
        Self::check_unreachable(hardware, root, "made a page table");
        Ok(SimPmap {
            id: hardware.create(root, nested),
        })
    }

    /// A frame that is about to be filled: nobody may reach it.
    fn check_unreachable(hardware: &mut Hardware, page: PageId, what: &str) {
        assert!(
            !hardware.reached(page),
            "I-TLB-1: a frame is {what} while a TLB still has it"
        );
        assert!(
            hardware.frame(page).mappings.is_empty(),
            "I-PAGE-1: a frame is {what} while it is mapped"
        );
        assert!(
            !hardware.frame(page).is_table,
            "I-PAGE-1: a page table is {what}"
        );
    }
}

impl SimPmap {
    /// Its number, as in [`MappingSeen`](super::audit::MappingSeen).
    pub fn number(&self) -> u64 {
        self.id
    }
}

impl<const SHIFT: u32, const LEAF: u32> Machine for SimMachine<SHIFT, LEAF> {
    const PAGE_SHIFT: u32 = SHIFT;
    const NESTING_SIZE: Option<u64> = Some(1 << (SHIFT + Self::LEAF_BITS));
    /// What a last-level table maps, where the test has chosen how much that is.
    const SUPERPAGE_SIZE: Option<u64> = if LEAF == 0 { None } else { Self::NESTING_SIZE };
    type Pager = SimPager<SHIFT, LEAF>;
    type Pmap = SimPmap;
    type Reserve = SimReserve;
    type Flush = SimFlush;

    fn zero_page(&self, page: PageId) {
        baton::point();
        let hardware = &mut *self.hardware();
        Self::check_unreachable(hardware, page, "cleared");
        hardware.frame(page).collected = RefMod::empty();
        hardware.bytes(page).fill(0);
    }

    fn copy_page(&self, from: PageId, to: PageId) {
        baton::point();
        let hardware = &mut *self.hardware();
        Self::check_unreachable(hardware, to, "filled");
        assert!(
            !hardware.writable(from),
            "I-TLB-3: a page is copied while a program can write it"
        );
        hardware.frame(to).collected = RefMod::empty();
        let bytes = hardware.bytes(from).to_vec();
        hardware.bytes(to).copy_from_slice(&bytes);
    }

    fn read_page(&self, page: PageId, offset: usize, into: &mut [u8]) {
        into.copy_from_slice(&self.hardware().bytes(page)[offset..offset + into.len()]);
    }

    fn write_page(&self, page: PageId, offset: usize, from: &[u8]) {
        self.hardware().bytes(page)[offset..offset + from.len()].copy_from_slice(from);
    }

    fn sync_instructions(&self, _page: PageId) {}

    /// A machine with the larger pages is one whose caches programs may maintain.
    fn page_cache(&self, _: PageId, _: CacheOperation) -> Result<(), NoMaintenance> {
        if SHIFT <= 12 {
            return Err(NoMaintenance);
        }
        self.hardware().counts.cache_operations += 1;
        Ok(())
    }

    fn chunk_memory(&self, first: PageId, pages: Pages) -> ChunkMemory {
        let hardware = &mut *self.hardware();
        for number in 0..pages.0 as u32 {
            Self::check_unreachable(hardware, PageId(first.0 + number), "given to a zone");
        }
        let chunk = self.arena.alloc((pages.0 as usize) << SHIFT);
        let address = chunk.address().as_ptr() as usize;
        self.chunks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(address, first);
        chunk
    }

    fn chunk_release(&self, chunk: ChunkMemory) -> PageId {
        let address = chunk.address().as_ptr() as usize;
        let first = self
            .chunks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&address);
        self.arena.free(chunk);
        first.expect("a chunk of this machine")
    }

    fn kernel_pmap(&self) -> &SimPmap {
        &self.kernel
    }

    fn pmap_create(&self, frames: &mut dyn FrameSource) -> Result<SimPmap, Shortage> {
        self.create(frames, false)
    }

    fn pmap_create_nested(&self, frames: &mut dyn FrameSource) -> Result<SimPmap, Shortage> {
        self.create(frames, true)
    }

    fn pmap_destroy(&self, pmap: SimPmap, frames: &mut dyn FrameSource) {
        let tables = {
            let hardware = &mut *self.hardware();
            let mut flush = SimFlush::default();
            hardware.check_ends(pmap.id);
            let mut tables = hardware.remove(pmap.id, 0..u64::MAX, &mut flush);
            hardware.flush(&mut flush);
            for tlb in &mut hardware.tlbs {
                tlb.forget_pmap(pmap.id);
            }
            if let Some(left) = hardware.pmaps.remove(&pmap.id) {
                tables.extend(left.leaves.values());
                tables.push(left.root);
            }
            for table in &tables {
                hardware.frame(*table).is_table = false;
            }
            tables
        };
        for table in tables {
            frames.give(table);
        }
    }

    fn pmap_refill(
        &self,
        pmap: &SimPmap,
        at: VirtAddr,
        reserve: &mut SimReserve,
        frames: &mut dyn FrameSource,
    ) -> Result<(), Shortage> {
        assert_eq!(
            sync::host::preempt_count(),
            0,
            "I-LOCK-2: a reserve is filled with a spin lock held"
        );
        if reserve.tables.is_empty() && self.hardware().needs(pmap.id, at.0 >> SHIFT) {
            let table = frames.take().ok_or(Shortage)?;
            let hardware = &mut *self.hardware();
            Self::check_unreachable(hardware, table, "made a page table");
            hardware.frame(table).is_table = true;
            reserve.tables.push(table);
        }
        reserve.reverse = reserve.reverse.max(1);
        Ok(())
    }

    fn pmap_unreserve(&self, reserve: &mut SimReserve, frames: &mut dyn FrameSource) {
        reserve.reverse = 0;
        for table in std::mem::take(&mut reserve.tables) {
            self.hardware().frame(table).is_table = false;
            frames.give(table);
        }
    }

    fn pmap_enter(
        &self,
        pmap: &SimPmap,
        at: VirtAddr,
        page: PageId,
        mapping: Mapping,
        reserve: &mut SimReserve,
        batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        assert!(
            at.0 & (Self::PAGE_SIZE - 1) == 0,
            "a mapping at {at:?} is not page-aligned"
        );
        self.hardware().enter(
            (sync::host::here(), pmap.id),
            at.0 >> SHIFT,
            page,
            mapping,
            reserve,
            batch.flush_mut(),
        )
    }

    /// A device's memory is what lies in RAM that `vm` does not manage.
    fn pmap_enter_device(
        &self,
        pmap: &SimPmap,
        at: VirtAddr,
        frame: PhysAddr,
        mapping: Mapping,
        reserve: &mut SimReserve,
        batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        assert!(
            mapping.tracking == Tracking::Untracked
                && mapping.wired == Wired::No
                && !mapping.protection.contains(Protection::EXECUTE),
            "a device's memory is entered as {mapping:?}"
        );
        let page = PageId((frame.0 >> SHIFT) as u32);
        self.hardware().frame(page).is_device = true;
        self.pmap_enter(pmap, at, page, mapping, reserve, batch)
    }

    fn pmap_enter_around(
        &self,
        pmap: &SimPmap,
        first: VirtAddr,
        pages: &[Option<PageId>],
        mapping: Mapping,
        _reserve: &mut SimReserve,
    ) {
        self.hardware()
            .enter_around(pmap.id, first.0 >> SHIFT, pages, mapping);
    }

    fn pmap_enter_superpage(
        &self,
        pmap: &SimPmap,
        at: VirtAddr,
        first: PageId,
        mapping: Mapping,
        _reserve: &mut SimReserve,
        batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        let hardware = &mut *self.hardware();
        let at = at.0 >> SHIFT;
        let retired = hardware.enter_superpage(pmap.id, at, first, mapping, batch.flush_mut())?;
        retire(hardware, retired.into_iter().collect(), batch);
        Ok(())
    }

    fn pmap_remove(&self, pmap: &SimPmap, range: Range, batch: &mut TlbBatch<'_, Self>) {
        let hardware = &mut *self.hardware();
        let retired = hardware.remove(
            pmap.id,
            range.start.0 >> SHIFT..range.end.0 >> SHIFT,
            batch.flush_mut(),
        );
        retire(hardware, retired, batch);
    }

    fn pmap_protect(
        &self,
        pmap: &SimPmap,
        range: Range,
        protection: Protection,
        batch: &mut TlbBatch<'_, Self>,
    ) {
        if protection.is_empty() {
            return self.pmap_remove(pmap, range, batch);
        }
        let pages = range.start.0 >> SHIFT..range.end.0 >> SHIFT;
        let hardware = &mut *self.hardware();
        hardware.protect(pmap.id, pages.clone(), protection, batch.flush_mut());
        let dead: Vec<u64> = hardware
            .tables(pmap.id)
            .entries
            .range(pages)
            .filter(|(_, entry)| entry.protection.is_empty())
            .map(|(at, _)| *at)
            .collect();
        for at in dead {
            let retired = hardware.remove(pmap.id, at..at + 1, batch.flush_mut());
            retire(hardware, retired, batch);
        }
    }

    fn pmap_extract(&self, pmap: &SimPmap, at: VirtAddr) -> Option<(PageId, Protection)> {
        let hardware = &mut *self.hardware();
        let holder = hardware.holder(pmap.id, at.0 >> SHIFT);
        hardware
            .tables(holder)
            .entries
            .get(&(at.0 >> SHIFT))
            .map(|entry| (entry.page, entry.protection))
    }

    fn pmap_nest(
        &self,
        pmap: &SimPmap,
        nested: &SimPmap,
        at: VirtAddr,
        reserve: &mut SimReserve,
        _batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        self.hardware()
            .nest(pmap.id, nested.id, at.0 >> SHIFT, reserve)
    }

    fn pmap_unnest(&self, pmap: &SimPmap, range: Range, batch: &mut TlbBatch<'_, Self>) {
        let pages = range.start.0 >> SHIFT..range.end.0 >> SHIFT;
        self.hardware().unnest(pmap.id, pages, batch.flush_mut());
    }

    fn pmap_is_nested(&self, pmap: &SimPmap, at: VirtAddr) -> bool {
        self.hardware().holder(pmap.id, at.0 >> SHIFT) != pmap.id
    }

    fn pmap_nestings(&self, nested: &SimPmap) -> u64 {
        self.hardware().nestings(nested.id)
    }

    fn pmap_change_wiring(&self, pmap: &SimPmap, at: VirtAddr, wired: Wired) {
        let hardware = &mut *self.hardware();
        let page = at.0 >> SHIFT;
        hardware.check_own(pmap.id, page..page + 1, "wired or unwired");
        if let Some(entry) = hardware.tables(pmap.id).entries.get_mut(&(at.0 >> SHIFT)) {
            entry.wired = wired;
        }
    }

    fn pmap_residence(&self, pmap: &SimPmap) -> Residence {
        self.hardware().tables(pmap.id).ledger.residence()
    }

    fn pmap_charge(&self, pmap: &SimPmap, change: i64) {
        let hardware = &mut *self.hardware();
        let tables = hardware.table_count(pmap.id);
        hardware.tables(pmap.id).ledger.charge(change, tables);
    }

    fn pmap_peaks(&self, pmap: &SimPmap) -> Peaks {
        let hardware = &mut *self.hardware();
        let tables = hardware.table_count(pmap.id);
        hardware.tables(pmap.id).ledger.peaks(tables)
    }

    fn pmap_tables(&self, pmap: &SimPmap) -> Pages {
        self.hardware().table_count(pmap.id)
    }

    fn page_protect(
        &self,
        page: PageId,
        protection: Protection,
        batch: &mut TlbBatch<'_, Self>,
    ) -> RefMod {
        let hardware = &mut *self.hardware();
        let (noted, retired) = hardware.page_protect(page, protection, batch.flush_mut());
        retire(hardware, retired, batch);
        noted
    }

    fn page_refmod(&self, page: PageId) -> RefMod {
        self.hardware().refmod(page)
    }

    fn page_clear_refmod(&self, page: PageId, which: RefMod, batch: &mut TlbBatch<'_, Self>) {
        self.hardware().clear_refmod(page, which, batch.flush_mut());
    }

    fn page_account(&self, page: PageId, account: Account) {
        self.hardware().account(page, account);
    }

    fn page_mappings(&self, page: PageId) -> usize {
        self.hardware().frame(page).mappings.len()
    }

    fn page_freed(&self, page: PageId) {
        let hardware = &mut *self.hardware();
        assert!(
            !hardware.frame(page).is_device,
            "I-DEV-1: a device's memory is freed"
        );
        assert!(
            !hardware.reached(page),
            "I-TLB-1: a frame is freed while a TLB still has it"
        );
        // A retired table comes back by a batch.
        hardware.frame(page).is_table = false;
        hardware.frame(page).is_retired = false;
    }

    fn flush(&self, flush: &mut SimFlush) {
        assert_eq!(
            sync::host::preempt_count(),
            0,
            "I-TLB-2: a flush is made with a spin lock held"
        );
        baton::point();
        self.hardware().flush(flush);
        baton::point();
    }

    fn flush_everything(flush: &mut SimFlush) {
        flush.everything = true;
    }

    fn flush_is_empty(flush: &SimFlush) -> bool {
        flush.is_empty()
    }
}

fn retire<const SHIFT: u32, const LEAF: u32>(
    _: &mut Hardware,
    tables: Vec<PageId>,
    batch: &mut TlbBatch<'_, SimMachine<SHIFT, LEAF>>,
) {
    for table in tables {
        batch.retire_table(table);
    }
}
