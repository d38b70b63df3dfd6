//! The simulated machine as `vm` sees it, and as a program sees it.
//!
//! Owns: [`SimMachine`] and the checks of what `vm` asks for.
//! Locks: one host mutex inside, never held across a call out.

use super::baton;
use super::hardware::{Counts, Hardware, Pte};
use super::pmap::{SimFlush, SimPmap, SimReserve};
use super::tlb::TlbEntry;
use crate::addr::{PageId, Pages, Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::machine::{
    CacheMode, CacheOperation, FrameSource, Machine, Mapping, NoMaintenance, NotEntered, RefMod,
    Shortage, Tracking, Wired,
};
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

/// What a program does with a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Loads it.
    Read,
    /// Stores this value.
    Write(u8),
}

impl Access {
    /// What the access needs to be permitted.
    pub fn protection(self) -> Protection {
        match self {
            Access::Read => Protection::READ,
            Access::Write(_) => Protection::WRITE,
        }
    }
}

/// The access must be resolved by `vm` first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SimFault;

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

    fn hardware(&self) -> MutexGuard<'_, Hardware> {
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

    /// A program on `cpu`, in address space `pmap`, touches the byte at `at`. It goes through the TLB,
    /// stale or not. Answers the byte that stands there afterwards and the frame it is in.
    pub fn access(
        &self,
        cpu: usize,
        pmap: &SimPmap,
        at: VirtAddr,
        access: Access,
    ) -> Result<(u8, PageId), SimFault> {
        baton::point();
        let hardware = &mut *self.hardware();
        let (virtual_page, offset) = (at.0 >> SHIFT, (at.0 & ((1 << SHIFT) - 1)) as usize);
        let wanted = access.protection();
        let holder = hardware.holder(pmap.id, virtual_page);
        let page = match hardware.tlbs[cpu].get(pmap.id, virtual_page) {
            Some(entry) if entry.protection.contains(wanted) => {
                let (page, sets_dirty) = (entry.page, wanted == Protection::WRITE && !entry.dirty);
                entry.dirty |= sets_dirty;
                hardware.counts.tlb_hits += 1;
                if sets_dirty {
                    // The CPU looks the entry up to set its bit. A stale one has lost its entry.
                    let entry = hardware.tables(holder).entries.get_mut(&virtual_page);
                    if let Some(entry) = entry.filter(|entry| entry.page == page) {
                        entry.refmod |= RefMod::MODIFIED;
                    }
                }
                page
            }
            _ => Self::walk(hardware, cpu, pmap.id, virtual_page, wanted)?,
        };
        let byte = &mut hardware.bytes(page)[offset];
        if let Access::Write(value) = access {
            *byte = value;
        }
        Ok((*byte, page))
    }

    fn walk(
        hardware: &mut Hardware,
        cpu: usize,
        pmap: u64,
        at: u64,
        wanted: Protection,
    ) -> Result<PageId, SimFault> {
        hardware.tlbs[cpu].forget(pmap, at);
        hardware.counts.walks += 1;
        let leaf = at >> hardware.leaf_bits;
        let now = hardware.leaf_table(pmap, at);
        match hardware.tlbs[cpu].table(pmap, leaf) {
            // The CPU walks a table that was unlinked: nothing is in it until the frame is used again.
            Some(table) if now != Some(table) => {
                assert!(
                    hardware.frame(table).is_retired,
                    "I-TLB-1: a CPU walks a frame that was a page table"
                );
                hardware.counts.faults += 1;
                return Err(SimFault);
            }
            Some(_) => hardware.counts.table_hits += 1,
            None => {
                if let Some(table) = now {
                    hardware.tlbs[cpu].remember_table(pmap, leaf, table);
                }
            }
        }
        let holder = hardware.holder(pmap, at);
        let entry = hardware
            .tables(holder)
            .entries
            .get_mut(&at)
            .filter(|entry| entry.protection.contains(wanted));
        let Some(entry) = entry else {
            hardware.counts.faults += 1;
            return Err(SimFault);
        };
        let dirty = wanted == Protection::WRITE;
        entry.refmod |= if dirty {
            RefMod::all()
        } else {
            RefMod::REFERENCED
        };
        let entry = TlbEntry {
            page: entry.page,
            protection: entry.protection,
            dirty,
        };
        hardware.tlbs[cpu].insert(pmap, at, entry);
        Ok(entry.page)
    }

    /// Checks, after an operation has ended, that no TLB grants what the page tables do not (I-TLB-4).
    pub fn audit_tlbs(&self) -> Result<(), String> {
        let hardware = self.hardware();
        for (cpu, tlb) in hardware.tlbs.iter().enumerate() {
            for ((pmap, at), entry) in tlb.entries() {
                let now = hardware
                    .pmaps
                    .get(&hardware.holder(pmap, at))
                    .and_then(|tables| tables.entries.get(&at));
                let sound = now.is_some_and(|now| {
                    now.page == entry.page && now.protection.contains(entry.protection)
                });
                if !sound {
                    return Err(format!(
                        "I-TLB-4: CPU {cpu} keeps {entry:?} of page {at:#x} in pmap {pmap}; the table has {now:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Checks page tables against reverse maps, both ways.
    pub fn audit_reverse(&self) -> Result<(), String> {
        let hardware = self.hardware();
        let mut found: Vec<Vec<(u64, u64)>> = vec![Vec::new(); hardware.frames.len()];
        for (pmap, tables) in &hardware.pmaps {
            for (at, entry) in tables.entries.iter().filter(|(_, entry)| entry.tracked) {
                found[entry.page.0 as usize].push((*pmap, *at));
            }
        }
        for (number, (mut found, frame)) in found.into_iter().zip(&hardware.frames).enumerate() {
            let mut listed = frame.mappings.clone();
            listed.sort_unstable();
            found.sort_unstable();
            if listed != found {
                return Err(format!(
                    "frame {number}: listed {listed:?}, mapped {found:?}"
                ));
            }
        }
        Ok(())
    }

    /// Calls `check` with every mapping: (pmap, address, page, protection, wired, tracked).
    pub fn for_each_mapping(&self, mut check: impl FnMut(&MappingSeen)) {
        let hardware = self.hardware();
        for (pmap, tables) in &hardware.pmaps {
            for (
                at,
                Pte {
                    page,
                    protection,
                    wired,
                    cache,
                    tracked,
                    ..
                },
            ) in &tables.entries
            {
                check(&MappingSeen {
                    pmap: *pmap,
                    at: VirtAddr(at << SHIFT),
                    page: *page,
                    protection: *protection,
                    wired: *wired,
                    cache: *cache,
                    tracking: if *tracked {
                        Tracking::Tracked
                    } else {
                        Tracking::Untracked
                    },
                });
            }
        }
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

/// A mapping, for audits.
#[derive(Clone, Copy, Debug)]
pub struct MappingSeen {
    /// Number of the pmap.
    pub pmap: u64,
    /// Where.
    pub at: VirtAddr,
    /// What.
    pub page: PageId,
    /// What it permits.
    pub protection: Protection,
    /// Whether it is wired.
    pub wired: Wired,
    /// How it is cached.
    pub cache: CacheMode,
    /// Whether it is in the reverse map.
    pub tracking: Tracking,
}

impl SimPmap {
    /// Its number, as in [`MappingSeen`].
    pub fn number(&self) -> u64 {
        self.id
    }
}

impl<const SHIFT: u32, const LEAF: u32> Machine for SimMachine<SHIFT, LEAF> {
    const PAGE_SHIFT: u32 = SHIFT;
    const NESTING_SIZE: Option<u64> = Some(1 << (SHIFT + Self::LEAF_BITS));
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

    fn pmap_resident(&self, pmap: &SimPmap) -> Pages {
        Pages(self.hardware().tables(pmap.id).entries.len() as u64)
    }

    fn pmap_tables(&self, pmap: &SimPmap) -> Pages {
        Pages(1 + self.hardware().tables(pmap.id).leaves.len() as u64)
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

    fn page_mappings(&self, page: PageId) -> usize {
        self.hardware().frame(page).mappings.len()
    }

    fn page_freed(&self, page: PageId) {
        let hardware = &mut *self.hardware();
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
