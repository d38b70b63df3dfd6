//! From an address to the entry that maps it.
//!
//! Owns: finding leaf tables, making missing ones from the reserve, unlinking vacant ones.
//! Locks: the pmap's, held by the caller.

use super::hardware::{Hardware, Tag};
use super::record::PART_BITS;
use super::{Batch, Paging, Pmap, PteFormat, Reserve, Shape, control};
use core::sync::atomic::Ordering::{Relaxed, Release};
use vm::Pager;
use vm::addr::{PhysAddr, VirtAddr};
use vm::machine::NeedReserve;

/// Vacant leaf tables that a user pmap keeps, so that a small region which comes and goes does not
/// clear a table each time.
const KEPT: u32 = 4;

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    /// Bytes that a leaf table maps.
    pub(super) const LEAF_SIZE: u64 = 1 << (F::PAGE_SHIFT + F::LEVEL_BITS);
    /// log2 of the entries in a part of a table.
    const PART_SHIFT: u32 = F::LEVEL_BITS - PART_BITS;

    /// The number of the leaf table that maps an address.
    #[inline]
    pub(super) fn leaf_number(at: u64) -> u64 {
        at >> F::shift(1)
    }

    /// Which eighth of its leaf table an entry lies in.
    #[inline]
    pub(super) fn eighth(location: u64) -> usize {
        (location >> (F::PAGE_SHIFT - 3)) as usize & 7
    }

    /// Calls `visit` with each piece of the entries from `first` to `end` of a leaf table in which
    /// there may be present ones, in order, until it answers no.
    #[inline(always)]
    pub(super) fn each_used(
        first: u64,
        end: u64,
        eighths: u8,
        mut visit: impl FnMut(u64, u64) -> bool,
    ) {
        let size = Self::PAGE_SIZE / 8;
        let mut from = first;
        while from < end {
            let to = ((from | (size - 1)) + 1).min(end);
            if eighths & 1 << Self::eighth(from) != 0 && !visit(from, to) {
                break;
            }
            from = to;
        }
    }

    /// The entry of an address in its leaf table.
    #[inline]
    pub(super) fn location(leaf: u64, at: u64) -> u64 {
        leaf + 8 * F::index(at, 0) as u64
    }

    /// The pmap's own leaf table that maps `at`, or the first address after `at` that another table maps
    /// (0 if the address space ends first).
    #[inline]
    pub(super) fn find_leaf(&self, pmap: &Pmap<H>, shape: &mut Shape, at: u64) -> Result<u64, u64> {
        if shape.recent == Self::leaf_number(at) {
            return Ok(shape.leaf);
        }
        let mut table = pmap.root.0;
        let mut level = F::LEVELS - 1;
        while level > 0 {
            let entry = self
                .word(table + 8 * F::index(at, level) as u64)
                .load(Relaxed);
            if !F::is_table(entry, level) {
                return Err(self.after_absent(table, level, at));
            }
            table = F::address(entry).0;
            level -= 1;
        }
        shape.recent = Self::leaf_number(at);
        shape.leaf = table;
        Ok(table)
    }

    /// The first address after `at`, whose entry in an upper table is absent, that an entry of this
    /// table may map; if there is none, the end of what the table maps.
    pub(super) fn after_absent(&self, table: u64, level: usize, at: u64) -> u64 {
        let bits = if level + 1 == F::LEVELS {
            F::ROOT_BITS
        } else {
            F::LEVEL_BITS
        };
        let mut index = F::index(at, level) + 1;
        let record = self.record(PhysAddr(table));
        // Tables that boot made are not marked.
        let used = if record.is_table() {
            record.used()
        } else {
            u32::MAX
        };
        while index < 1 << bits {
            let part = index >> Self::PART_SHIFT;
            let skipped = (used >> part).trailing_zeros() as usize;
            if skipped != 0 {
                index = ((part + skipped) << Self::PART_SHIFT).min(1 << bits);
            } else if F::is_present(self.word(table + 8 * index as u64).load(Relaxed)) {
                break;
            } else {
                index += 1;
            }
        }
        let whole = (1 << (F::shift(level) + bits)) - 1;
        (at & !whole).wrapping_add((index as u64) << F::shift(level))
    }

    /// The leaf table that maps `at`, made if need be.
    #[inline]
    pub(super) fn make_leaf(
        &self,
        pmap: &Pmap<H>,
        shape: &mut Shape,
        at: u64,
        reserve: &mut Reserve,
    ) -> Result<u64, NeedReserve> {
        if shape.recent == Self::leaf_number(at) {
            return Ok(shape.leaf);
        }
        self.make_leaf_from_root(pmap, shape, at, reserve)
    }

    #[inline(always)]
    fn make_leaf_from_root(
        &self,
        pmap: &Pmap<H>,
        shape: &mut Shape,
        at: u64,
        reserve: &mut Reserve,
    ) -> Result<u64, NeedReserve> {
        let mut table = self.make_upper(pmap, at, reserve)?;
        let location = table + 8 * F::index(at, 1) as u64;
        let entry = self.word(location).load(Relaxed);
        table = if F::is_table(entry, 1) {
            F::address(entry).0
        } else {
            assert!(
                !F::is_nested(entry),
                "I-NEST-2: {at:#x} is entered over a nested table"
            );
            let leaf = self.make_table(pmap, (location, 1), at, reserve)?;
            self.record(PhysAddr(leaf)).keep_vacant();
            shape.vacant += 1;
            leaf
        };
        shape.recent = Self::leaf_number(at);
        shape.leaf = table;
        Ok(table)
    }

    /// The table whose entries lead to leaf tables, on the way to `at`, made if need be.
    #[inline(always)]
    pub(super) fn make_upper(
        &self,
        pmap: &Pmap<H>,
        at: u64,
        reserve: &mut Reserve,
    ) -> Result<u64, NeedReserve> {
        let mut table = pmap.root.0;
        for level in (2..F::LEVELS).rev() {
            let location = table + 8 * F::index(at, level) as u64;
            let entry = self.word(location).load(Relaxed);
            table = if F::is_table(entry, level) {
                F::address(entry).0
            } else {
                self.make_table(pmap, (location, level), at, reserve)?
            };
        }
        Ok(table)
    }

    /// Makes the table that an absent entry at a location and its level is to lead to.
    #[inline(always)]
    fn make_table(
        &self,
        pmap: &Pmap<H>,
        (location, level): (u64, usize),
        at: u64,
        reserve: &mut Reserve,
    ) -> Result<u64, NeedReserve> {
        let slot = self.word(location);
        assert!(
            !F::is_present(slot.load(Relaxed)),
            "I-PMAP-4: {at:#x} lies in a block"
        );
        let new = self.reserve_table(reserve).ok_or(NeedReserve)?;
        let record = self.record(new);
        if level == 1 {
            record.become_table(pmap.control.0, at & !(Self::LEAF_SIZE - 1));
        } else {
            record.become_upper(pmap.control.0, at >> F::shift(2));
        }
        self.word(pmap.control.0 + control::TABLES)
            .fetch_add(1, Relaxed);
        self.link(location, F::table(new, pmap.space));
        Ok(new.0)
    }

    /// Makes an absent entry of an upper table lead on.
    pub(super) fn link(&self, location: u64, entry: u64) {
        let above = self.record(PhysAddr(location));
        if above.is_table() {
            let index = (location & (Self::PAGE_SIZE - 1)) as usize / 8;
            above.link(index >> Self::PART_SHIFT);
        }
        self.word(location).store(entry, Release);
    }

    /// A leaf table has become vacant: unlinks it, unless it is one of the few that are kept, or others
    /// may show it.
    #[cold]
    pub(super) fn vacate(
        &self,
        pmap: &Pmap<H>,
        shape: &mut Shape,
        leaf: u64,
        at: u64,
        batch: &mut Batch<'_, F, H, P>,
    ) {
        let kept = pmap.space == super::Space::User && shape.vacant < KEPT;
        if kept || self.tag(pmap) == Tag::NESTED {
            self.record(PhysAddr(leaf)).keep_vacant();
            shape.vacant += 1;
            return;
        }
        self.unlink(pmap, shape, at, batch);
    }

    /// Gives a table of the pmap's own back, which no entry leads to any more once the pmap is unlocked.
    #[inline(always)]
    pub(super) fn retire(&self, pmap: &Pmap<H>, table: u64, batch: &mut Batch<'_, F, H, P>) {
        self.record(PhysAddr(table)).become_page();
        self.note_peaks(pmap.control.0);
        self.word(pmap.control.0 + control::TABLES)
            .fetch_sub(1, Relaxed);
        batch.retire_table(self.page_at(PhysAddr(table)));
    }

    /// Makes an entry of an upper table absent. Answers the table.
    #[inline(always)]
    fn clear(&self, location: u64) -> u64 {
        self.word(location).store(0, Release);
        let above = location & !(Self::PAGE_SIZE - 1);
        if self.record(PhysAddr(above)).is_table() {
            self.record(PhysAddr(above)).drop_live(1);
        }
        above
    }

    /// Takes the entry of a superpage away, the first of a path to the root, and the tables above that
    /// become vacant by it.
    pub(super) fn unlink_superpage(
        &self,
        pmap: &Pmap<H>,
        path: &[u64],
        batch: &mut Batch<'_, F, H, P>,
    ) {
        for location in path {
            let table = self.clear(*location);
            if self.record(PhysAddr(table)).live() != 0 || table == pmap.root.0 {
                break;
            }
            self.retire(pmap, table, batch);
        }
    }

    /// Takes the entry away that leads to the leaf table of `at`, the table too if it is the pmap's own,
    /// and tables above that become vacant by it.
    pub(super) fn unlink(
        &self,
        pmap: &Pmap<H>,
        shape: &mut Shape,
        at: u64,
        batch: &mut Batch<'_, F, H, P>,
    ) {
        let mut path = [0; 8];
        let mut table = pmap.root.0;
        for level in (1..F::LEVELS).rev() {
            path[level] = table + 8 * F::index(at, level) as u64;
            let entry = self.word(path[level]).load(Relaxed);
            table = F::address(entry).0;
        }
        for location in &path[1..F::LEVELS] {
            let record = self.record(PhysAddr(table));
            if !record.is_table() {
                break;
            }
            if record.control() != pmap.control.0 {
                self.forget_nesting(record);
            } else if record.live() != 0 || table == pmap.root.0 {
                break;
            } else {
                self.retire(pmap, table, batch);
            }
            table = self.clear(*location);
        }
        shape.recent = Shape::NOTHING;
        // What TLBs keep of upper levels goes with any page that the table mapped.
        let flush = batch.flush_mut();
        flush.add_tables();
        let start = VirtAddr(at & !(Self::PAGE_SIZE - 1));
        self.gather(pmap.control.0, Self::page_range(start), flush);
    }
}
