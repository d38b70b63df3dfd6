//! The state of the simulated machine.
//!
//! Owns: frames and their bytes, page tables, reverse maps, TLBs, counters. Does not own: who may call
//! what; the checks are where the calls are.

use super::tlb::Tlb;
use crate::addr::{PageId, Pages};
use crate::machine::{CacheMode, RefMod, Wired};
use crate::residence::{Account, Ledger};

use abi::Protection;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A page-table entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pte {
    pub page: PageId,
    pub protection: Protection,
    pub wired: Wired,
    pub cache: CacheMode,
    pub tracked: bool,
    pub refmod: RefMod,
}

/// The leaf tables of an address space; the root is a frame too.
pub(super) struct Tables {
    pub root: PageId,
    /// Frame of each leaf table that exists.
    pub leaves: BTreeMap<u64, PageId>,
    /// By virtual page number.
    pub entries: BTreeMap<u64, Pte>,
    /// Numbers of leaf tables in whose place one entry maps a superpage; `entries` has its pages.
    pub superpages: BTreeSet<u64>,
    /// Leaf tables of another pmap's that are shown, by its number.
    pub links: BTreeMap<u64, u64>,
    /// Others may show its leaf tables: it keeps them.
    pub nested: bool,
    /// What its entries count as.
    pub ledger: Ledger,
}

/// A frame of RAM.
#[derive(Default)]
pub(super) struct Frame {
    /// Nothing until it is first used; then a page.
    pub bytes: Vec<u8>,
    /// (pmap, virtual page) of each tracked mapping.
    pub mappings: Vec<(u64, u64)>,
    /// What it counts as where it is mapped.
    pub account: Account,
    /// What disconnected mappings had noted.
    pub collected: RefMod,
    /// It is a device's memory: mapped as such once, and never a page.
    pub is_device: bool,
    /// It is a page table now.
    pub is_table: bool,
    /// It is an empty table that was unlinked and waits for its flush.
    pub is_retired: bool,
}

/// What happened, for coverage.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Accesses that a TLB entry answered.
    pub tlb_hits: u64,
    /// Accesses that walked the tables.
    pub walks: u64,
    /// Walks that began at a table the CPU remembered.
    pub table_hits: u64,
    /// Accesses that faulted.
    pub faults: u64,
    /// Entries that flushes took out of TLBs.
    pub flushed: u64,
    /// Flushes.
    pub flushes: u64,
    /// Times that `pmap_enter` wanted more in its reserve.
    pub need_reserve: u64,
    /// Times that `pmap_enter` found another page which other CPUs might still see.
    pub occupied: u64,
    /// Neighbours that a fault mapped.
    pub entered_around: u64,
    /// Neighbours that a fault gave write permission.
    pub raised_around: u64,
    /// Leaf tables that were retired.
    pub tables_retired: u64,
    /// Leaf tables of another pmap's that one came to show.
    pub nested: u64,
    /// And ceased to show.
    pub unnested: u64,
    /// Superpages that were mapped where none was.
    pub superpages: u64,
    /// Maintenance of caches that was asked for and is had.
    pub cache_operations: u64,
}

pub(super) struct Hardware {
    pub page_bytes: usize,
    /// log2 of a leaf table's entries.
    pub leaf_bits: u32,
    pub frames: Vec<Frame>,
    pub pmaps: HashMap<u64, Tables>,
    pub next_pmap: u64,
    pub tlbs: Vec<Tlb>,
    pub counts: Counts,
}

impl Hardware {
    pub fn new(frames: usize, page_bytes: usize, leaf_bits: u32, cpus: usize) -> Self {
        Hardware {
            page_bytes,
            leaf_bits,
            frames: (0..frames).map(|_| Frame::default()).collect(),
            pmaps: HashMap::new(),
            next_pmap: 1,
            tlbs: (0..cpus).map(|_| Tlb::default()).collect(),
            counts: Counts::default(),
        }
    }

    pub fn frame(&mut self, page: PageId) -> &mut Frame {
        &mut self.frames[page.0 as usize]
    }

    /// A frame's bytes. What a frame contains before it is filled is junk, not zeros.
    pub fn bytes(&mut self, page: PageId) -> &mut [u8] {
        let page_bytes = self.page_bytes;
        let bytes = &mut self.frame(page).bytes;
        if bytes.is_empty() {
            bytes.resize(page_bytes, 0xdd);
        }
        bytes
    }

    pub fn tables(&mut self, pmap: u64) -> &mut Tables {
        self.pmaps
            .get_mut(&pmap)
            .expect("a pmap that was destroyed is used")
    }

    /// Whether any TLB still leads to the frame.
    pub fn reached(&self, page: PageId) -> bool {
        self.tlbs.iter().any(|tlb| tlb.reaches(page))
    }

    /// Whether a program could write the frame: by a page table or by a TLB.
    pub fn writable(&self, page: PageId) -> bool {
        let by_tables = self.frames[page.0 as usize]
            .mappings
            .iter()
            .any(|(pmap, at)| {
                let entry = self
                    .pmaps
                    .get(pmap)
                    .and_then(|tables| tables.entries.get(at));
                entry.is_some_and(|entry| entry.protection.contains(Protection::WRITE))
            });
        by_tables || self.tlbs.iter().any(|tlb| tlb.writes(page))
    }

    /// Frames of a pmap's tables.
    pub fn table_count(&mut self, pmap: u64) -> Pages {
        Pages(1 + self.tables(pmap).leaves.len() as u64)
    }

    /// Makes an entry where none was, and counts it. The first mapping of a page decides what it counts as.
    pub fn put_entry(&mut self, (pmap, at): (u64, u64), entry: Pte, account: Account) {
        let frame = self.frame(entry.page);
        if entry.tracked {
            if frame.mappings.is_empty() {
                frame.account = account;
            }
            frame.mappings.push((pmap, at));
        }
        let account = entry.tracked.then_some(frame.account);
        let tables = self.tables(pmap);
        tables.ledger.enter(account);
        tables.entries.insert(at, entry);
    }

    /// Takes an entry out that is there.
    pub fn take_entry(&mut self, entry: Pte, pmap: u64, at: u64) {
        let account = entry.tracked.then_some(self.frame(entry.page).account);
        let count = self.table_count(pmap);
        let tables = self.tables(pmap);
        tables.ledger.leave(account, count);
        tables.entries.remove(&at);
        self.unmap_frame(entry, pmap, at);
    }

    /// A page counts as something else in all its mappings.
    pub fn account(&mut self, page: PageId, account: Account) {
        let old = std::mem::replace(&mut self.frame(page).account, account);
        for (pmap, _) in self.frame(page).mappings.clone() {
            if old != account {
                let count = self.table_count(pmap);
                let ledger = &mut self.tables(pmap).ledger;
                ledger.leave(Some(old), count);
                ledger.enter(Some(account));
            }
        }
    }

    /// Forgets one tracked mapping of a frame, and keeps what its entry had noted.
    fn unmap_frame(&mut self, entry: Pte, pmap: u64, at: u64) {
        if !entry.tracked {
            return;
        }
        let frame = self.frame(entry.page);
        let index = frame
            .mappings
            .iter()
            .position(|mapping| *mapping == (pmap, at));
        frame
            .mappings
            .swap_remove(index.expect("a tracked mapping is in the reverse map"));
        frame.collected |= entry.refmod;
    }
}
