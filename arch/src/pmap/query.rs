//! What is mapped, and the wired mark.
//!
//! Owns: `extract`, `change_wiring`, the count of tables. Locks: the pmap's.

use super::hardware::Hardware;
use super::{Paging, Pmap, PteFormat, Shape, Space, control};
use abi::Protection;
use core::sync::atomic::Ordering::Relaxed;
use vm::Pager;
use vm::addr::{PageId, Pages, PhysAddr, Range, VirtAddr};
use vm::machine::Wired;

impl<H> Pmap<H> {
    /// The kind of address space.
    pub fn space(&self) -> Space {
        self.space
    }

    /// The root's physical address.
    pub fn root(&self) -> PhysAddr {
        self.root
    }

    /// Whether a range lies in the pmap's half of the address space.
    pub(super) fn holds(&self, range: Range) -> bool {
        match self.space {
            Space::User => range.start <= range.end && range.end.0 <= crate::layout::USER_END,
            Space::Kernel => range.start.0 >= crate::layout::KERNEL_BASE,
        }
    }
}

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    pub(super) fn extract(&self, pmap: &Pmap<H>, at: VirtAddr) -> Option<(PageId, Protection)> {
        let _shape = pmap.shape.lock();
        let mut table = pmap.root.0;
        for level in (0..F::LEVELS).rev() {
            let entry = self
                .word(table + 8 * F::index(at.0, level) as u64)
                .load(Relaxed);
            if F::is_table(entry, level) || level > 0 && F::is_nested(entry) {
                table = F::address(entry).0;
            } else if F::is_present(entry) {
                let inside = at.0 & ((1 << F::shift(level)) - 1);
                let page = self.page_of(PhysAddr(F::address(entry).0 + inside))?;
                return Some((page, F::protection(entry, pmap.space)));
            } else {
                return None;
            }
        }
        None
    }

    pub(super) fn change_wiring(&self, pmap: &Pmap<H>, at: VirtAddr, wired: Wired) {
        let mut shape = pmap.shape.lock();
        let shape: &mut Shape = &mut shape;
        let Ok(leaf) = self.find_leaf(pmap, shape, at.0) else {
            return;
        };
        let slot = self.word(Self::location(leaf, at.0));
        // An absent entry stays absent: only bits of a present one change.
        let mut old = slot.load(Relaxed);
        while F::is_present(old) {
            let new = match wired {
                Wired::No => old & !F::WIRED,
                Wired::Yes => old | F::WIRED,
            };
            match slot.compare_exchange_weak(old, new, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(seen) => old = seen,
            }
        }
    }

    pub(super) fn tables(&self, pmap: &Pmap<H>) -> Pages {
        Pages(self.word(pmap.control.0 + control::TABLES).load(Relaxed))
    }
}
