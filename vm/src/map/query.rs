//! What is known of single pages: `mach_vm_page_query`, `mincore`.
//!
//! Owns: the disposition bits. Locks: the map, the object and its chain, all shared.

use super::{Map, MapState};
use crate::addr::{PageId, VirtAddr};
use crate::machine::{Machine, RefMod};
use crate::object::ObjectKind;
use crate::object::shadow::Below;
use crate::object::slot::Slot;
use crate::page::PageState;
use crate::sanitize::{self, Realign, UserAddr, UserSize};
use crate::vm::Vm;
use abi::KernReturn;
use abi::region::page_query;

/// What a query says of one page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Disposition {
    /// `VM_PAGE_QUERY_*`.
    pub bits: i32,
    /// References of the object.
    pub ref_count: u32,
}

impl<M: Machine> Vm<M> {
    /// `mach_vm_page_query`. A page that is not mapped has no bits.
    ///
    /// # Errors
    /// `INVALID_ADDRESS` for the last page of the 64-bit space.
    pub fn page_query(&self, map: &Map<M>, addr: UserAddr) -> Result<Disposition, KernReturn> {
        let at = sanitize::page::<M>(addr);
        if at.0 == 0u64.wrapping_sub(M::PAGE_SIZE) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        Ok(self.disposition(&map.read(), at))
    }

    /// `mach_vm_page_range_query`: calls `each` with every page's bits, in order, with no lock held.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the range wraps; what `each` answers.
    pub fn page_range_query(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
        mut each: impl FnMut(Disposition) -> Result<(), KernReturn>,
    ) -> Result<(), KernReturn> {
        if sanitize::is_zero(size) {
            return Ok(());
        }
        let range = sanitize::range::<M>(addr, size, Realign::No);
        let range = range.map_err(|_| KernReturn::INVALID_ARGUMENT)?;
        let mut at = range.start;
        while at < range.end {
            let disposition = self.disposition(&map.read(), at);
            each(disposition)?;
            at = VirtAddr(at.0.saturating_add(M::PAGE_SIZE));
        }
        Ok(())
    }

    fn disposition(&self, state: &MapState<M>, at: VirtAddr) -> Disposition {
        let Some(entry) = state.tree.find(at) else {
            return Disposition::default();
        };
        let Some(object) = &entry.object else {
            let submap = entry.submap.as_ref();
            return submap.map_or(Disposition::default(), |submap| {
                self.disposition(&submap.read(), entry.inside(at))
            });
        };
        let index = entry.index(at);
        let top = object.read();
        let mut bits = match (top.slots.get(index), &top.shadow) {
            (Slot::Resident(page) | Slot::Busy(page), _) => self.page_bits(page),
            (Slot::Empty, None) => 0,
            (Slot::Empty, Some(shadow)) => self.look_below(shadow, index, |below| match below {
                Below::Page(page, ..) => self.page_bits(page) | page_query::COPIED,
                Below::Busy(..) => page_query::PRESENT | page_query::COPIED,
                Below::Nothing => 0,
            }),
        };
        if object.kind == ObjectKind::Named {
            bits |= page_query::EXTERNAL;
        }
        Disposition {
            bits,
            ref_count: top.refs,
        }
    }

    fn page_bits(&self, page: PageId) -> i32 {
        let record = self.frames.pages().get(page);
        let marks = record.marks() | self.machine().page_refmod(page);
        let mut bits = page_query::PRESENT;
        if marks.contains(RefMod::REFERENCED) {
            bits |= page_query::REF;
        }
        if marks.contains(RefMod::MODIFIED) {
            bits |= page_query::DIRTY;
        }
        if record.state() == PageState::Speculative {
            bits |= page_query::SPECULATIVE;
        }
        bits
    }
}
