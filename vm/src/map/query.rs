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

/// Where a page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PageInfo {
    /// What a query says of it.
    pub page: Disposition,
    /// The number of the object that has it, or of the first one; 0 without an object.
    pub object: u64,
    /// Bytes from that object's beginning.
    pub offset: u64,
    /// Objects above that one.
    pub depth: u32,
}

/// Pages that are looked at under one lock.
const CHUNK: usize = 64;

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
            let mut chunk = [Disposition::default(); CHUNK];
            let left = (range.end.0.wrapping_sub(at.0) >> M::PAGE_SHIFT).min(CHUNK as u64);
            let chunk = &mut chunk[..left as usize];
            {
                let state = map.read();
                for disposition in chunk.iter_mut() {
                    *disposition = self.disposition(&state, at);
                    at = VirtAddr(at.0.saturating_add(M::PAGE_SIZE));
                }
            }
            chunk
                .iter()
                .try_for_each(|disposition| each(*disposition))?;
        }
        Ok(())
    }

    /// `mach_vm_page_info` of one page: the object that has it, where, and how far down. A page that
    /// is in no object gives zeros.
    ///
    /// # Errors
    /// `INVALID_ADDRESS` for the last page of the 64-bit space.
    pub fn page_info(&self, map: &Map<M>, addr: UserAddr) -> Result<PageInfo, KernReturn> {
        let at = sanitize::page::<M>(addr);
        if at.0 == 0u64.wrapping_sub(M::PAGE_SIZE) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        let state = map.read();
        let entry = state.tree.find(at);
        let Some((entry, object)) = entry.and_then(|e| Some((e, e.object.as_ref()?))) else {
            return Ok(PageInfo::default());
        };
        let index = entry.index(at);
        let top = object.read();
        let mut place = (object.serial, index, 0);
        if let (Slot::Empty, Some(shadow)) = (top.slots.get(index), &top.shadow) {
            let depth = self.depth(&top);
            self.look_below(shadow, index, |below| {
                if let Below::Page(_, object, index, state) = below {
                    place = (
                        object.serial,
                        index,
                        depth.saturating_sub(self.depth(state)),
                    );
                }
            });
        }
        drop(top);
        Ok(PageInfo {
            page: self.disposition(&state, at),
            object: place.0,
            offset: place.1 << M::PAGE_SHIFT,
            depth: place.2,
        })
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
                Below::Paged(..) | Below::Nothing | Below::Beyond => 0,
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
        if record.is_reusable() {
            bits |= page_query::REUSABLE;
        }
        if record.state() == PageState::Speculative {
            bits |= page_query::SPECULATIVE;
        }
        bits
    }
}
