//! From an address to the entry that maps it.
//!
//! Owns: finding leaf tables, making missing ones from the reserve, unlinking vacant ones.
//! Locks: the pmap's, held by the caller.

use super::hardware::Hardware;
use super::record::PART_BITS;
use super::{Batch, Paging, Pmap, PteFormat, Reserve, Shape, control};
use core::sync::atomic::Ordering::{Relaxed, Release};
use vm::addr::{PhysAddr, Range, VirtAddr};
use vm::machine::NeedReserve;

/// Vacant leaf tables that a user pmap keeps, so that a small region which comes and goes does not
/// clear a table each time.
const KEPT: u32 = 4;

impl<F: PteFormat, H: Hardware> Paging<F, H> {
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

    /// The leaf table that maps `at`, or the first address after `at` that another table maps (0 if
    /// the address space ends first).
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
    fn after_absent(&self, table: u64, level: usize, at: u64) -> u64 {
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

    fn make_leaf_from_root(
        &self,
        pmap: &Pmap<H>,
        shape: &mut Shape,
        at: u64,
        reserve: &mut Reserve,
    ) -> Result<u64, NeedReserve> {
        let mut table = pmap.root.0;
        for level in (1..F::LEVELS).rev() {
            let index = F::index(at, level);
            let location = table + 8 * index as u64;
            let entry = self.word(location).load(Relaxed);
            if F::is_table(entry, level) {
                table = F::address(entry).0;
                continue;
            }
            assert!(!F::is_present(entry), "I-PMAP-4: {at:#x} lies in a block");
            let new = self.reserve_table(reserve).ok_or(NeedReserve)?;
            let first = if level == 1 {
                at & !((1 << F::shift(1)) - 1)
            } else {
                0
            };
            self.record(new).become_table(pmap.control.0, first);
            self.word(pmap.control.0 + control::TABLES)
                .fetch_add(1, Relaxed);
            let above = self.record(PhysAddr(table));
            if above.is_table() {
                above.link(index >> Self::PART_SHIFT);
            }
            self.word(location)
                .store(F::table(new, pmap.space), Release);
            if level == 1 {
                self.record(new).keep_vacant();
                shape.vacant += 1;
            }
            table = new.0;
        }
        shape.recent = Self::leaf_number(at);
        shape.leaf = table;
        Ok(table)
    }

    /// A leaf table has become vacant: unlinks it, and tables above that become vacant by it, unless
    /// it is one of the few that are kept.
    #[cold]
    pub(super) fn vacate(
        &self,
        pmap: &Pmap<H>,
        shape: &mut Shape,
        leaf: u64,
        at: u64,
        batch: &mut Batch<'_, F, H>,
    ) {
        if pmap.space == super::Space::User && shape.vacant < KEPT {
            self.record(PhysAddr(leaf)).keep_vacant();
            shape.vacant += 1;
            return;
        }
        let mut path = [0; 8];
        let mut table = pmap.root.0;
        for level in (1..F::LEVELS).rev() {
            path[level] = table + 8 * F::index(at, level) as u64;
            let entry = self.word(path[level]).load(Relaxed);
            table = F::address(entry).0;
        }
        for location in &path[1..F::LEVELS] {
            let record = self.record(PhysAddr(table));
            if !record.is_table() || record.live() != 0 || table == pmap.root.0 {
                break;
            }
            self.word(*location).store(0, Release);
            record.become_page();
            self.word(pmap.control.0 + control::TABLES)
                .fetch_sub(1, Relaxed);
            batch.retire_table(self.page_at(PhysAddr(table)));
            let above = location & !(Self::PAGE_SIZE - 1);
            if self.record(PhysAddr(above)).is_table() {
                self.record(PhysAddr(above)).drop_live(1);
            }
            table = above;
        }
        shape.recent = Shape::NOTHING;
        // What TLBs keep of upper levels goes with any page that the table mapped.
        let flush = batch.flush_mut();
        flush.add_tables();
        let start = VirtAddr(at & !(Self::PAGE_SIZE - 1));
        self.gather(
            pmap.control.0,
            Range {
                start,
                end: VirtAddr(start.0 + Self::PAGE_SIZE),
            },
            flush,
        );
    }
}
