//! Superpages of the simulated machine: one entry in the place of a leaf table.
//!
//! Owns: how one is mapped, and that it goes and is lowered whole. Its pages are among the pmap's entries, so
//! that TLBs and audits see them as any others. Does not own: what those do with them.

use super::hardware::{Hardware, Pte};
use super::pmap::SimFlush;
use crate::addr::PageId;
use crate::machine::{Mapping, NotEntered, RefMod, Tracking, Wired};
use std::ops::Range;

impl Hardware {
    /// The pages that go or change with those in `pages`: of a superpage all.
    pub fn whole(&mut self, pmap: u64, pages: Range<u64>) -> Range<u64> {
        if pages.is_empty() {
            return pages;
        }
        let bits = self.leaf_bits;
        let tables = self.tables(pmap);
        let (first, last) = (pages.start >> bits, (pages.end - 1) >> bits);
        Range {
            start: match tables.superpages.contains(&first) {
                true => first << bits,
                false => pages.start,
            },
            end: match tables.superpages.contains(&last) {
                true => (last + 1) << bits,
                false => pages.end,
            },
        }
    }

    /// Whether a superpage maps the virtual page.
    pub fn is_superpage(&mut self, pmap: u64, at: u64) -> bool {
        let leaf = at >> self.leaf_bits;
        self.tables(pmap).superpages.contains(&leaf)
    }

    /// Maps the superpage from `first` at the virtual page `at`. Answers the table that was in its place.
    pub fn enter_superpage(
        &mut self,
        pmap: u64,
        at: u64,
        first: PageId,
        mapping: Mapping,
        flush: &mut SimFlush,
    ) -> Result<Option<PageId>, NotEntered> {
        let (bits, count) = (self.leaf_bits, 1 << self.leaf_bits);
        let (leaf, pages) = (at >> bits, at..at + count);
        assert!(
            at.is_multiple_of(count) && u64::from(first.0).is_multiple_of(count),
            "a superpage at page {at:#x} of {first:?} is not aligned"
        );
        assert!(
            mapping.wired == Wired::Yes && mapping.tracking == Tracking::Tracked,
            "a superpage is wired and tracked"
        );
        self.check_own(pmap, pages.clone(), "entered");
        let old: Vec<Pte> = self
            .tables(pmap)
            .entries
            .range(pages.clone())
            .map(|(_, entry)| *entry)
            .collect();
        let known = self.is_superpage(pmap, at);
        if !old.is_empty() && (!known || old[0].page != first) {
            self.counts.occupied += 1;
            return Err(NotEntered::Occupied);
        }
        for (number, at) in (first.0..).zip(pages) {
            let page = PageId(number);
            let mut entry = Pte {
                page,
                protection: mapping.protection,
                wired: Wired::Yes,
                cache: mapping.cache,
                tracked: true,
                refmod: RefMod::empty(),
            };
            if let Some(old) = self.tables(pmap).entries.get(&at) {
                entry.refmod = old.refmod;
                if !mapping.protection.contains(old.protection) {
                    flush.entries.push((pmap, at));
                }
            } else {
                assert!(
                    self.frame(page).mappings.is_empty() && !self.frame(page).is_table,
                    "I-SUPER-1: a page of a superpage is mapped elsewhere, or is a table"
                );
                self.check_current(pmap, at, page);
                self.put_entry((pmap, at), entry, mapping.account);
                continue;
            }
            self.tables(pmap).entries.insert(at, entry);
        }
        if known {
            return Ok(None);
        }
        self.counts.superpages += 1;
        self.tables(pmap).superpages.insert(leaf);
        let table = self.tables(pmap).leaves.remove(&leaf);
        if let Some(table) = table {
            self.frame(table).is_retired = true;
            flush.tables.push((pmap, leaf));
        }
        Ok(table)
    }
}
