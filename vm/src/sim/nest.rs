//! Nested pmaps of the simulated machine: leaf tables that several address spaces show.
//!
//! Owns: which pmap's tables a processor finds, and what that means for TLBs: a translation belongs to the
//! address space that it was made in, so a change of a nested pmap's mapping concerns all of them.
//!
//! A creator's program may run on a nested pmap here, unlike on a machine: the tests fill submaps so.

use super::hardware::Hardware;
use super::pmap::{SimFlush, SimReserve};
use crate::addr::PageId;
use crate::machine::NotEntered;

impl Hardware {
    /// The pmap whose tables map a virtual page in an address space.
    pub fn holder(&self, pmap: u64, at: u64) -> u64 {
        let leaf = at >> self.leaf_bits;
        let tables = self.pmaps.get(&pmap);
        let link = tables.and_then(|tables| tables.links.get(&leaf));
        link.copied().unwrap_or(pmap)
    }

    /// Whether every address space may have translations of a pmap's mappings.
    pub fn is_everywhere(&self, pmap: u64) -> bool {
        self.pmaps.get(&pmap).is_some_and(|tables| tables.nested)
    }

    /// The address spaces in which a virtual page of a pmap shows.
    pub fn shown_in(&self, pmap: u64, at: u64) -> Vec<u64> {
        let mut all = vec![pmap];
        if self.is_everywhere(pmap) {
            let others = self.pmaps.keys().copied();
            all.extend(others.filter(|&other| other != pmap && self.holder(other, at) == pmap));
        }
        all
    }

    /// How often others show leaf tables of a pmap.
    pub fn nestings(&self, nested: u64) -> u64 {
        let links = self.pmaps.values().flat_map(|tables| tables.links.values());
        links.filter(|&&to| to == nested).count() as u64
    }

    /// Nothing may change in nested tables by way of who shows them.
    pub fn check_own(&mut self, pmap: u64, pages: std::ops::Range<u64>, what: &str) {
        if pages.is_empty() {
            return;
        }
        let bits = self.leaf_bits;
        let leaves = pages.start >> bits..=(pages.end - 1) >> bits;
        assert!(
            self.tables(pmap).links.range(leaves).next().is_none(),
            "I-NEST-2: something is {what} by way of a pmap that shows another's table there"
        );
    }

    pub fn nest(
        &mut self,
        pmap: u64,
        nested: u64,
        at: u64,
        reserve: &mut SimReserve,
    ) -> Result<(), NotEntered> {
        let bits = self.leaf_bits;
        let leaf = at >> bits;
        assert!(
            at & ((1 << bits) - 1) == 0 && self.tables(nested).nested && !self.tables(pmap).nested,
            "I-NEST-1: page {at:#x} does not begin a leaf table of a nested pmap"
        );
        if self.needs(nested, at) {
            let Some(table) = reserve.tables.pop() else {
                self.counts.need_reserve += 1;
                return Err(NotEntered::Reserve);
            };
            self.tables(nested).leaves.insert(leaf, table);
        }
        let tables = self.tables(pmap);
        if tables.leaves.contains_key(&leaf)
            || tables.links.contains_key(&leaf)
            || tables.superpages.contains(&leaf)
        {
            return Err(NotEntered::Occupied);
        }
        tables.links.insert(leaf, nested);
        self.check_forgotten(pmap, leaf);
        self.counts.nested += 1;
        Ok(())
    }

    /// A table is shown: nobody may still be shown anything else there.
    fn check_forgotten(&self, pmap: u64, leaf: u64) {
        let bits = self.leaf_bits;
        assert!(
            !self.tlbs.iter().any(|tlb| tlb.knows_leaf(pmap, leaf, bits)),
            "I-TLB-6: a table is nested while a TLB still shows what was there"
        );
    }

    pub fn unnest(&mut self, pmap: u64, pages: std::ops::Range<u64>, flush: &mut SimFlush) {
        if pages.is_empty() {
            return;
        }
        let bits = self.leaf_bits;
        let leaves = pages.start >> bits..=(pages.end - 1) >> bits;
        let links = &mut self.tables(pmap).links;
        let gone: Vec<u64> = links.range(leaves).map(|(leaf, _)| *leaf).collect();
        links.retain(|leaf, _| !gone.contains(leaf));
        self.counts.unnested += gone.len() as u64;
        flush
            .leaves
            .extend(gone.into_iter().map(|leaf| (pmap, leaf)));
    }

    /// A pmap ends: what it shows of others is theirs, and nobody shows its own.
    pub fn check_ends(&mut self, pmap: u64) {
        assert_eq!(
            self.nestings(pmap),
            0,
            "I-NEST-3: a pmap ends while others show its tables"
        );
        self.tables(pmap).links.clear();
    }

    /// The frame of the leaf table that a processor finds.
    pub fn leaf_table(&self, pmap: u64, at: u64) -> Option<PageId> {
        let leaf = at >> self.leaf_bits;
        let tables = self.pmaps.get(&self.holder(pmap, at))?;
        tables.leaves.get(&leaf).copied()
    }
}
