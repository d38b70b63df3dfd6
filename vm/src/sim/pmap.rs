//! Page tables of the simulated machine.
//!
//! Owns: what enters, leaves and changes in them, what a batch must flush, when a leaf table is
//! retired. Two levels: a root frame, and leaf tables with as many entries as the machine says.

use super::hardware::{Hardware, Pte, Tables};
use crate::addr::{PageId, Pages};
use crate::machine::{Mapping, NotEntered, RefMod, Tracking, Wired};
use abi::Protection;

/// An address space, by number. Numbers are never used again.
#[derive(Debug)]
pub struct SimPmap {
    pub(super) id: u64,
}

/// What one operation holds for `pmap_enter`: frames for tables, and reverse-map entries. The first
/// mapping of a page needs no reverse-map entry.
#[derive(Default, Debug)]
pub struct SimReserve {
    pub(super) tables: Vec<PageId>,
    pub(super) reverse: u32,
}

/// The translations and tables that must leave the TLBs.
#[derive(Default, Debug)]
pub struct SimFlush {
    pub(super) entries: Vec<(u64, u64)>,
    pub(super) tables: Vec<(u64, u64)>,
    /// Leaf tables that are shown no longer, with all that they mapped.
    pub(super) leaves: Vec<(u64, u64)>,
    pub(super) everything: bool,
}

impl SimFlush {
    pub(super) fn is_empty(&self) -> bool {
        let listed = self.entries.len() + self.tables.len() + self.leaves.len();
        listed == 0 && !self.everything
    }
}

impl Hardware {
    pub fn create(&mut self, root: PageId, nested: bool) -> u64 {
        let id = self.next_pmap;
        self.next_pmap += 1;
        self.frame(root).is_table = true;
        self.pmaps.insert(
            id,
            Tables {
                root,
                leaves: Default::default(),
                entries: Default::default(),
                superpages: Default::default(),
                links: Default::default(),
                nested,
                ledger: Default::default(),
            },
        );
        id
    }

    pub fn needs(&mut self, pmap: u64, at: u64) -> bool {
        self.tables(pmap);
        self.leaf_table(pmap, at).is_none()
    }

    pub fn enter(
        &mut self,
        (cpu, pmap): (usize, u64),
        at: u64,
        page: PageId,
        mapping: Mapping,
        reserve: &mut SimReserve,
        flush: &mut SimFlush,
    ) -> Result<(), NotEntered> {
        assert!(
            !mapping.protection.is_empty(),
            "a mapping that permits nothing is entered"
        );
        let tracked = mapping.tracking == Tracking::Tracked;
        assert!(
            tracked
                || self.frame(page).is_device
                || !mapping.protection.contains(Protection::WRITE),
            "an untracked mapping is writable"
        );
        assert!(!self.frame(page).is_table, "a page table is mapped");
        self.check_own(pmap, at..at + 1, "entered");
        assert!(
            !self.is_superpage(pmap, at),
            "I-SUPER-1: a page is mapped over a superpage"
        );
        let leaf = at >> self.leaf_bits;
        let old = self.tables(pmap).entries.get(&at).copied();
        let same = old.is_some_and(|old| old.page == page && old.tracked == tracked);
        let wants_reverse = tracked && !same && !self.frame(page).mappings.is_empty();
        let wants_table = self.needs(pmap, at);
        if (wants_reverse && reserve.reverse == 0) || (wants_table && reserve.tables.is_empty()) {
            self.counts.need_reserve += 1;
            return Err(NotEntered::Reserve);
        }
        if old.is_some_and(|old| old.page != page) {
            if self.is_active_beside(cpu, pmap, at) {
                self.counts.occupied += 1;
                return Err(NotEntered::Occupied);
            }
            for space in self.shown_in(pmap, at) {
                self.tlbs[cpu].forget(space, at);
            }
        }
        self.check_current(pmap, at, page);
        if wants_reverse {
            reserve.reverse -= 1;
        }
        if wants_table && let Some(table) = reserve.tables.pop() {
            self.tables(pmap).leaves.insert(leaf, table);
        }
        let mut refmod = RefMod::empty();
        match old {
            Some(old) if same => {
                refmod = old.refmod;
                if !mapping.protection.contains(old.protection) {
                    flush.entries.push((pmap, at));
                }
            }
            Some(old) => self.take_entry(old, pmap, at),
            None => {}
        }
        let entry = Pte {
            page,
            protection: mapping.protection,
            wired: mapping.wired,
            cache: mapping.cache,
            tracked,
            refmod,
        };
        if same {
            self.tables(pmap).entries.insert(at, entry);
        } else {
            self.put_entry((pmap, at), entry, mapping.account);
        }
        Ok(())
    }

    /// Whether another CPU may hold translations of an address space that shows the page: it holds one.
    fn is_active_beside(&self, cpu: usize, pmap: u64, at: u64) -> bool {
        let spaces = self.shown_in(pmap, at);
        let mut others = self.tlbs.iter().enumerate().filter(|(n, _)| *n != cpu);
        others.any(|(_, tlb)| spaces.iter().any(|&space| tlb.knows(space)))
    }

    /// A mapping is made: nobody may still be shown another page there.
    pub(super) fn check_current(&mut self, pmap: u64, at: u64, page: PageId) {
        for space in self.shown_in(pmap, at) {
            for tlb in &mut self.tlbs {
                let known = tlb.get(space, at).map(|entry| entry.page);
                assert!(
                    known.is_none_or(|known| known == page),
                    "I-TLB-6: a page is mapped while a TLB still shows another one there"
                );
            }
        }
    }

    pub fn enter_around(
        &mut self,
        pmap: u64,
        first: u64,
        pages: &[Option<PageId>],
        mapping: Mapping,
    ) {
        assert!(
            mapping.tracking == Tracking::Tracked && mapping.wired == Wired::No,
            "neighbours are tracked and not wired"
        );
        self.check_own(pmap, first..first + pages.len() as u64, "entered");
        for (at, page) in (first..).zip(pages) {
            let Some(page) = *page else { continue };
            if self.needs(pmap, at) {
                continue;
            }
            let differs = self.counts_otherwise(page, mapping);
            match self.tables(pmap).entries.get_mut(&at) {
                None if differs => {}
                None => {
                    let entry = Pte {
                        page,
                        protection: mapping.protection.difference(Protection::WRITE),
                        wired: Wired::No,
                        cache: mapping.cache,
                        tracked: true,
                        refmod: RefMod::empty(),
                    };
                    if !entry.protection.is_empty() {
                        self.check_current(pmap, at, page);
                        self.put_entry((pmap, at), entry, mapping.account);
                        self.counts.entered_around += 1;
                    }
                }
                Some(old)
                    if old.page == page
                        && old.tracked
                        && old.refmod.contains(RefMod::MODIFIED)
                        && mapping.protection.contains(old.protection) =>
                {
                    old.protection = mapping.protection;
                    self.counts.raised_around += 1;
                }
                Some(_) => {}
            }
        }
    }

    fn counts_otherwise(&mut self, page: PageId, mapping: Mapping) -> bool {
        let frame = self.frame(page);
        !frame.mappings.is_empty() && frame.account != mapping.account
    }

    /// Removes the mappings of `pages`; answers leaf tables that are empty now.
    pub fn remove(
        &mut self,
        pmap: u64,
        pages: std::ops::Range<u64>,
        flush: &mut SimFlush,
    ) -> Vec<PageId> {
        self.check_own(pmap, pages.clone(), "removed");
        let pages = self.whole(pmap, pages);
        let found: Vec<(u64, Pte)> = self
            .tables(pmap)
            .entries
            .range(pages)
            .map(|(at, entry)| (*at, *entry))
            .collect();
        let mut retired = Vec::new();
        for (at, entry) in found {
            self.take_entry(entry, pmap, at);
            flush.entries.push((pmap, at));
            let leaf = at >> self.leaf_bits;
            self.tables(pmap).superpages.remove(&leaf);
            retired.extend(self.retire_if_empty(pmap, at, flush));
        }
        retired
    }

    fn retire_if_empty(&mut self, pmap: u64, at: u64, flush: &mut SimFlush) -> Option<PageId> {
        let bits = self.leaf_bits;
        let leaf = at >> bits;
        let tables = self.tables(pmap);
        if tables.nested
            || tables
                .entries
                .range(leaf << bits..(leaf + 1) << bits)
                .next()
                .is_some()
        {
            return None;
        }
        let count = Pages(1 + tables.leaves.len() as u64);
        tables.ledger.peaks(count);
        let frame = tables.leaves.remove(&leaf)?;
        self.frame(frame).is_retired = true;
        flush.tables.push((pmap, leaf));
        self.counts.tables_retired += 1;
        Some(frame)
    }

    pub fn protect(
        &mut self,
        pmap: u64,
        pages: std::ops::Range<u64>,
        protection: Protection,
        flush: &mut SimFlush,
    ) {
        self.check_own(pmap, pages.clone(), "lowered");
        let pages = self.whole(pmap, pages);
        for (at, entry) in self.tables(pmap).entries.range_mut(pages) {
            if !protection.contains(entry.protection) {
                entry.protection &= protection;
                flush.entries.push((pmap, *at));
            }
        }
    }

    /// Lowers all tracked mappings of a page, as `Machine::page_protect`; answers what was noted, and
    /// leaf tables that are empty now.
    pub fn page_protect(
        &mut self,
        page: PageId,
        protection: Protection,
        flush: &mut SimFlush,
    ) -> (RefMod, Vec<PageId>) {
        let mut retired = Vec::new();
        for (pmap, at) in self.frame(page).mappings.clone() {
            let entry = *self
                .tables(pmap)
                .entries
                .get(&at)
                .expect("the reverse map leads to an entry");
            if protection.contains(entry.protection) {
                continue;
            }
            let left = entry.protection & protection;
            if self.is_superpage(pmap, at) {
                assert!(!left.is_empty(), "I-PAGE-3: a wired page is disconnected");
                self.protect(pmap, at..at + 1, protection, flush);
                continue;
            }
            flush.entries.push((pmap, at));
            if left.is_empty() {
                assert!(
                    entry.wired == Wired::No,
                    "I-PAGE-3: a wired page is disconnected"
                );
                self.take_entry(entry, pmap, at);
                retired.extend(self.retire_if_empty(pmap, at, flush));
            } else if let Some(entry) = self.tables(pmap).entries.get_mut(&at) {
                entry.protection = left;
            }
        }
        (self.refmod(page), retired)
    }

    pub fn refmod(&mut self, page: PageId) -> RefMod {
        let mappings = self.frame(page).mappings.clone();
        let collected = self.frame(page).collected;
        mappings.iter().fold(collected, |all, (pmap, at)| {
            all | self
                .tables(*pmap)
                .entries
                .get(at)
                .map_or(RefMod::empty(), |entry| entry.refmod)
        })
    }

    pub fn clear_refmod(&mut self, page: PageId, which: RefMod, flush: &mut SimFlush) {
        self.frame(page).collected &= !which;
        for (pmap, at) in self.frame(page).mappings.clone() {
            if self.is_superpage(pmap, at) {
                continue;
            }
            if let Some(entry) = self.tables(pmap).entries.get_mut(&at) {
                if entry.refmod.contains(RefMod::MODIFIED) && which.contains(RefMod::MODIFIED) {
                    flush.entries.push((pmap, at));
                }
                entry.refmod &= !which;
            }
        }
    }

    /// Takes what a flush names out of every TLB.
    pub fn flush(&mut self, flush: &mut SimFlush) {
        self.counts.flushes += 1;
        self.counts.flushed += (flush.entries.len() + flush.tables.len()) as u64;
        let bits = self.leaf_bits;
        for cpu in 0..self.tlbs.len() {
            if flush.everything {
                self.tlbs[cpu] = super::tlb::Tlb::default();
            }
            for &(pmap, at) in &flush.entries {
                if self.is_everywhere(pmap) {
                    self.tlbs[cpu].forget_everywhere(at);
                } else {
                    self.tlbs[cpu].forget(pmap, at);
                }
            }
            let tlb = &mut self.tlbs[cpu];
            for (pmap, leaf) in &flush.tables {
                tlb.forget_table(*pmap, *leaf);
            }
            for (pmap, leaf) in &flush.leaves {
                tlb.forget_leaf(*pmap, *leaf, bits);
            }
        }
        flush.entries.clear();
        flush.tables.clear();
        flush.leaves.clear();
        flush.everything = false;
    }
}
