//! Reverse maps: which entries map a page.
//!
//! Owns: the words of a page's record and the nodes behind them. The first two mappings lie in the
//! record; from the third on, `more` leads to nodes of up to seven, the newest first, and says how
//! many the first node holds (the others are full). A mapping is named by the physical address of its
//! entry: the record of that table knows the pmap and the address.
//! Does not own: the entries. Locks: everything here happens under the page's lock bit.

use super::hardware::Hardware;
use super::pool::{NODE_SIZE, NODE_WORDS};
use super::record::{IN_LIST as LIST, LOCATION, Locked};
use super::reserve::Reserve;
use super::{Paging, PteFormat};
use core::sync::atomic::Ordering::Relaxed;
use vm::Pager;
use vm::addr::PhysAddr;
use vm::machine::NeedReserve;

/// How many mappings the first node holds: bits 3 to 1.
const FILL_SHIFT: u32 = 1;
/// Mappings in a full node; its first word leads on.
const FULL: u64 = NODE_WORDS - 1;

const fn fill(more: u64) -> u64 {
    more >> FILL_SHIFT & 7
}

const fn node(more: u64) -> u64 {
    more & !(NODE_SIZE - 1)
}

const fn list(node: u64, fill: u64) -> u64 {
    node | fill << FILL_SHIFT | LIST
}

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    /// Adds a mapping. Errors: the list needs a node, and neither reserve nor pool has one.
    #[inline]
    pub(super) fn pv_insert(
        &self,
        page: &mut Locked<'_>,
        location: u64,
        reserve: &mut Reserve,
    ) -> Result<(), NeedReserve> {
        if page.insert_inline(location) {
            return Ok(());
        }
        self.pv_insert_more(page, location, reserve)
    }

    fn pv_insert_more(
        &self,
        page: &mut Locked<'_>,
        location: u64,
        reserve: &mut Reserve,
    ) -> Result<(), NeedReserve> {
        let more = page.record.more.load(Relaxed);
        let new = if more & LIST == 0 {
            let at = self.new_node(reserve)?;
            self.word(at).store(0, Relaxed);
            self.word(at + 8).store(more, Relaxed);
            self.word(at + 16).store(location, Relaxed);
            list(at, 2)
        } else if fill(more) < FULL {
            self.word(node(more) + 8 * (fill(more) + 1))
                .store(location, Relaxed);
            list(node(more), fill(more) + 1)
        } else {
            let at = self.new_node(reserve)?;
            self.word(at).store(more, Relaxed);
            self.word(at + 8).store(location, Relaxed);
            list(at, 1)
        };
        page.record.more.store(new, Relaxed);
        Ok(())
    }

    fn new_node(&self, reserve: &mut Reserve) -> Result<u64, NeedReserve> {
        reserve
            .take_node()
            .or_else(|| self.node_take())
            .map(|node| node.0)
            .ok_or(NeedReserve)
    }

    /// Takes a mapping out; it is there (invariant I-PMAP-2).
    #[inline]
    pub(super) fn pv_remove(&self, page: &mut Locked<'_>, location: u64) {
        if page.remove_inline(location) {
            return;
        }
        self.pv_remove_more(page, location);
    }

    fn pv_remove_more(&self, page: &mut Locked<'_>, location: u64) {
        let more = page.record.more.load(Relaxed);
        assert!(
            more & LIST != 0,
            "I-PMAP-2: entry {location:#x} maps a page whose reverse map does not know it"
        );
        // The newest mapping moves to where the one that goes was.
        let newest = node(more) + 8 * fill(more);
        let moved = self.word(newest).load(Relaxed);
        if page.word & LOCATION == location {
            page.word = page.word & !LOCATION | moved;
        } else {
            let hole = self.pv_find(more, location);
            self.word(hole).store(moved, Relaxed);
        }
        let left = match fill(more) - 1 {
            0 => {
                let next = self.word(node(more)).load(Relaxed);
                self.node_give(PhysAddr(node(more)));
                next
            }
            fill => list(node(more), fill),
        };
        // A list of one needs no node.
        let left =
            if left & LIST != 0 && fill(left) == 1 && self.word(node(left)).load(Relaxed) == 0 {
                let last = self.word(node(left) + 8).load(Relaxed);
                self.node_give(PhysAddr(node(left)));
                last
            } else {
                left
            };
        page.record.more.store(left, Relaxed);
    }

    /// The word of the list that names `location`.
    fn pv_find(&self, mut more: u64, location: u64) -> u64 {
        while more & LIST != 0 {
            let mut at = node(more) + 8 * fill(more);
            while at != node(more) {
                if self.word(at).load(Relaxed) == location {
                    return at;
                }
                at -= 8;
            }
            more = self.word(node(more)).load(Relaxed);
        }
        panic!("I-PMAP-2: entry {location:#x} maps a page whose reverse map does not know it");
    }

    /// Calls `visit` with each mapping's entry.
    #[inline]
    pub(super) fn pv_each(&self, page: &Locked<'_>, mut visit: impl FnMut(u64)) {
        if page.word & LOCATION != 0 {
            visit(page.word & LOCATION);
        }
        let mut more = page.record.more.load(Relaxed);
        if more & LIST == 0 {
            if more != 0 {
                visit(more);
            }
            return;
        }
        while more & LIST != 0 {
            for index in 1..=fill(more) {
                visit(self.word(node(more) + 8 * index).load(Relaxed));
            }
            more = self.word(node(more)).load(Relaxed);
        }
    }

    /// Takes out every mapping for which `keep` says no.
    pub(super) fn pv_retain(&self, page: &mut Locked<'_>, mut keep: impl FnMut(u64) -> bool) {
        let first = page.word & LOCATION;
        let more = page.record.more.load(Relaxed);
        page.word &= !LOCATION;
        page.record.more.store(0, Relaxed);
        // What stays is put back, into the nodes that come free: one comes free before each seven.
        let mut spare = Reserve::default();
        let put = |location: u64, page: &mut Locked<'_>, spare: &mut Reserve| {
            self.pv_insert(page, location, spare)
                .expect("I-PMAP-3: the list's own nodes are enough");
        };
        if first != 0 && keep(first) {
            put(first, page, &mut spare);
        }
        if more & LIST == 0 {
            if more != 0 && keep(more) {
                put(more, page, &mut spare);
            }
            return;
        }
        let mut at = more;
        while at & LIST != 0 {
            let mut seven = [0; FULL as usize];
            for index in 0..fill(at) {
                seven[index as usize] = self.word(node(at) + 8 * (index + 1)).load(Relaxed);
            }
            let next = self.word(node(at)).load(Relaxed);
            if let Some(unused) = spare.put_node(PhysAddr(node(at))) {
                self.node_give(unused);
            }
            for &location in &seven[..fill(at) as usize] {
                if keep(location) {
                    put(location, page, &mut spare);
                }
            }
            at = next;
        }
        if let Some(node) = spare.take_node() {
            self.node_give(node);
        }
    }

    /// How many mappings the page has.
    pub(super) fn pv_count(&self, page: &Locked<'_>) -> usize {
        let mut count = 0;
        self.pv_each(page, |_| count += 1);
        count
    }
}
