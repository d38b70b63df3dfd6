//! What a CPU remembers of page tables.
//!
//! Owns: translations and table pointers, kept until a flush names them: a TLB without a size.

use crate::addr::PageId;
use abi::Protection;
use std::collections::HashMap;

/// A translation as it was when the CPU walked the tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TlbEntry {
    pub page: PageId,
    pub protection: Protection,
    /// The CPU has set the modified bit since it loaded the entry and does not set it again.
    pub dirty: bool,
}

/// Keys are (pmap, virtual page) and (pmap, number of the leaf table).
#[derive(Default)]
pub(super) struct Tlb {
    entries: HashMap<(u64, u64), TlbEntry>,
    tables: HashMap<(u64, u64), PageId>,
}

impl Tlb {
    pub fn get(&mut self, pmap: u64, page: u64) -> Option<&mut TlbEntry> {
        self.entries.get_mut(&(pmap, page))
    }

    pub fn insert(&mut self, pmap: u64, page: u64, entry: TlbEntry) {
        self.entries.insert((pmap, page), entry);
    }

    pub fn forget(&mut self, pmap: u64, page: u64) {
        self.entries.remove(&(pmap, page));
    }

    pub fn table(&self, pmap: u64, leaf: u64) -> Option<PageId> {
        self.tables.get(&(pmap, leaf)).copied()
    }

    pub fn remember_table(&mut self, pmap: u64, leaf: u64, frame: PageId) {
        self.tables.insert((pmap, leaf), frame);
    }

    pub fn forget_table(&mut self, pmap: u64, leaf: u64) {
        self.tables.remove(&(pmap, leaf));
    }

    /// Forgets a page in all address spaces.
    pub fn forget_everywhere(&mut self, page: u64) {
        self.entries.retain(|(_, at), _| *at != page);
    }

    /// Forgets what lies in a leaf table, and the table.
    pub fn forget_leaf(&mut self, pmap: u64, leaf: u64, bits: u32) {
        self.entries
            .retain(|(owner, at), _| (*owner, at >> bits) != (pmap, leaf));
        self.forget_table(pmap, leaf);
    }

    /// Whether anything that lies in a leaf table is here, or the table.
    pub fn knows_leaf(&self, pmap: u64, leaf: u64, bits: u32) -> bool {
        let mut pages = self.entries.keys();
        pages.any(|(owner, at)| (*owner, at >> bits) == (pmap, leaf))
            || self.tables.contains_key(&(pmap, leaf))
    }

    /// Whether anything of an address space is here.
    pub fn knows(&self, pmap: u64) -> bool {
        self.entries.keys().any(|(owner, _)| *owner == pmap)
    }

    pub fn forget_pmap(&mut self, pmap: u64) {
        self.entries.retain(|(owner, _), _| *owner != pmap);
        self.tables.retain(|(owner, _), _| *owner != pmap);
    }

    /// Whether anything here still leads to `frame`.
    pub fn reaches(&self, frame: PageId) -> bool {
        self.entries.values().any(|entry| entry.page == frame)
            || self.tables.values().any(|table| *table == frame)
    }

    /// Whether a program could still write `frame` through this TLB.
    pub fn writes(&self, frame: PageId) -> bool {
        self.entries
            .values()
            .any(|entry| entry.page == frame && entry.protection.contains(Protection::WRITE))
    }

    pub fn entries(&self) -> impl Iterator<Item = ((u64, u64), TlbEntry)> {
        self.entries.iter().map(|(key, entry)| (*key, *entry))
    }
}
