//! The reverse map: which entries map a page.
//!
//! Owns: [`Slot`], the name of an entry; the chain of a page's mappings. Does not own: the entries
//! (`tables`). Locks: the tables', held by who calls.
//!
//! A mapping takes no memory of its own here: a leaf table is two frames, its entries and a link for
//! each of them. The entries that map a page are a chain through these links, and the page's record
//! names the first one. So what one `enter` may need is known: three frames.

use crate::pte::{ENTRIES, INDEX_BITS};
use crate::tables::Tables;
use core::sync::atomic::Ordering::Relaxed;
use vm::{PageId, RefMod};

/// An entry of a leaf table, by the table's frame and its place in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    pub table: PageId,
    pub index: usize,
}

impl Slot {
    /// As a link: never 0, which ends a chain.
    fn to_link(slot: Option<Self>) -> u64 {
        slot.map_or(0, |slot| {
            (u64::from(slot.table.0) << INDEX_BITS | slot.index as u64) + 1
        })
    }

    fn of_link(link: u64) -> Option<Self> {
        let bits = link.checked_sub(1)?;
        Some(Self {
            table: PageId((bits >> INDEX_BITS) as u32),
            index: bits as usize % ENTRIES,
        })
    }
}

impl Tables {
    /// Puts an entry into a page's chain, in front.
    pub fn link(&mut self, page: PageId, slot: Slot) {
        let next = self.record(page).first.replace(slot);
        self.set_next(slot, next);
    }

    /// Takes it out.
    pub fn unlink(&mut self, page: PageId, slot: Slot) {
        let next = self.next(slot);
        let before = self.chain(page).find(|&it| self.next(it) == Some(slot));
        match before {
            Some(before) => self.set_next(before, next),
            None => self.record(page).first = next,
        }
    }

    fn links(&self, slot: Slot) -> PageId {
        let links = self.frames[slot.table.0 as usize].links;
        links.expect("a leaf table has links")
    }

    fn next(&self, slot: Slot) -> Option<Slot> {
        Slot::of_link(self.ram.words(self.links(slot))[slot.index].load(Relaxed))
    }

    fn set_next(&mut self, slot: Slot, next: Option<Slot>) {
        let links = self.links(slot);
        self.ram.words(links)[slot.index].store(Slot::to_link(next), Relaxed);
    }

    /// The entries that map a page.
    pub fn chain(&self, page: PageId) -> impl Iterator<Item = Slot> + '_ {
        let first = self.frames[page.0 as usize].first;
        core::iter::successors(first, |slot| self.next(*slot))
    }

    /// Calls `change` with each entry that maps a page; it may remove that entry.
    pub fn each(&mut self, page: PageId, mut change: impl FnMut(&mut Self, Slot)) {
        let mut slot = self.record(page).first;
        while let Some(here) = slot {
            slot = self.next(here);
            change(self, here);
        }
    }

    /// What the hart noted of a page, and what was noted before.
    pub fn refmod(&self, page: PageId) -> RefMod {
        let before = self.frames[page.0 as usize].noted;
        self.chain(page)
            .fold(before, |all, slot| all | self.entry(slot).refmod())
    }

    /// Forgets what was noted of a page.
    pub fn forget(&mut self, page: PageId, which: RefMod) {
        self.record(page).noted &= !which;
        self.each(page, |tables, slot| {
            let entry = tables.entry(slot);
            tables.update(slot, entry.forgetting(which));
        });
    }
}
