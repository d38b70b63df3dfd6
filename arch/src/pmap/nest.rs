//! Nested pmaps: a leaf table that many pmaps show.
//!
//! Owns: the entries of upper tables that lead to another pmap's leaf table, and how many there are.
//! Does not own: when ranges are nested (`vm`'s submaps), what is mapped there: that is the nested pmap's,
//! and the reverse map knows it once, at the address that is the same in all of them.
//!
//! A nested pmap keeps its leaf tables until it ends, and its tag names every address space
//! ([`Tag::NESTED`]): who changes a mapping of it need not know who shows it. To the others' walks its tables
//! are no tables of theirs: nothing enters them, leaves them or frees them that way.
//!
//! Locks: the nested pmap's, then the other's, never both. Invariants: I-NEST-1 (such an entry leads to a leaf
//! table of the same addresses), I-NEST-2 (what a nested pmap maps changes by way of it only), I-NEST-3 (its
//! tables outlive the entries that lead to them).

use super::format::Space;
use super::hardware::{Hardware, Tag};
use super::record::FrameRecord;
use super::{Batch, Paging, Pmap, PteFormat, Reserve, control};
use core::sync::atomic::Ordering::Relaxed;
use vm::Pager;
use vm::addr::{PhysAddr, Range, VirtAddr};
use vm::machine::NotEntered;

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    pub(super) fn nest(
        &self,
        pmap: &Pmap<H>,
        nested: &Pmap<H>,
        at: VirtAddr,
        reserve: &mut Reserve,
        batch: &mut Batch<'_, F, H, P>,
    ) -> Result<(), NotEntered> {
        debug_assert!(
            at.0 & (Self::LEAF_SIZE - 1) == 0 && self.tag(nested) == Tag::NESTED,
            "I-NEST-1: {at:x?} does not begin a leaf table of a nested pmap"
        );
        let leaf = {
            let mut shape = nested.shape.lock();
            self.make_leaf(nested, &mut shape, at.0, reserve)?
        };
        let mut shape = pmap.shape.lock();
        let upper = self.make_upper(pmap, at.0, reserve)?;
        let location = upper + 8 * F::index(at.0, 1) as u64;
        let old = self.word(location).load(Relaxed);
        if F::is_present(old) {
            let own = self.record(F::address(old));
            if F::is_table(old, 1) && own.live() == 0 {
                if own.is_kept_vacant() {
                    shape.vacant -= 1;
                }
                self.unlink(pmap, &mut shape, at.0, batch);
            }
            return Err(NotEntered::Occupied);
        }
        self.word(nested.control.0 + control::NESTINGS)
            .fetch_add(1, Relaxed);
        self.link(location, F::nested(PhysAddr(leaf)));
        drop(shape);
        self.hardware.publish(Space::User);
        Ok(())
    }

    pub(super) fn unnest(&self, pmap: &Pmap<H>, range: Range, batch: &mut Batch<'_, F, H, P>) {
        let mut shape = pmap.shape.lock();
        let mut at = range.start.0 & !(Self::LEAF_SIZE - 1);
        while at < range.end.0 {
            match self.find_nested(pmap, at) {
                Ok(()) => {
                    self.unlink(pmap, &mut shape, at, batch);
                    let (start, end) = (VirtAddr(at), VirtAddr(at + Self::LEAF_SIZE));
                    self.gather(pmap.control.0, Range { start, end }, batch.flush_mut());
                    at = end.0;
                }
                Err(0) => break,
                Err(next) => at = next,
            }
        }
    }

    /// Whether `at` is in another pmap's leaf table; else the first address after `at` that some table
    /// may map (0 if the address space ends first). The pmap is locked.
    fn find_nested(&self, pmap: &Pmap<H>, at: u64) -> Result<(), u64> {
        let mut table = pmap.root.0;
        for level in (1..F::LEVELS).rev() {
            let entry = self
                .word(table + 8 * F::index(at, level) as u64)
                .load(Relaxed);
            if level == 1 && F::is_nested(entry) {
                return Ok(());
            }
            if level == 1 || !F::is_table(entry, level) {
                return Err(self.after_absent(table, level, at));
            }
            table = F::address(entry).0;
        }
        Err(0)
    }

    pub(super) fn is_nested(&self, pmap: &Pmap<H>, at: VirtAddr) -> bool {
        let _shape = pmap.shape.lock();
        self.find_nested(pmap, at.0).is_ok()
    }

    pub(super) fn nestings(&self, nested: &Pmap<H>) -> u64 {
        self.word(nested.control.0 + control::NESTINGS)
            .load(Relaxed)
    }

    /// An entry that led to a nested pmap's leaf table is gone.
    pub(super) fn forget_nesting(&self, leaf: &FrameRecord) {
        self.word(leaf.control() + control::NESTINGS)
            .fetch_sub(1, Relaxed);
    }
}
