//! A fault within a superpage: the whole of it gets into the page table, by one entry.
//!
//! Owns: where it begins, and that no page of it is worked on meanwhile. Does not own: what the mapping
//! permits (`enter::permission`). Locks: the map shared and the page's object, held by the caller.
//! Invariants: I-SUPER-1, I-TLB-3 (a page that is being copied is busy and stays write-protected, so its
//! superpage waits for it).

use super::enter::OnTop;
use super::{Step, Try, wait};
use crate::addr::PageId;
use crate::machine::{Machine, NotEntered};
use crate::map::entry::Entry;
use crate::object::slot::Slot;
use crate::object::{ObjRef, ObjectState};
use crate::vm::Vm;
use abi::Protection;

impl<M: Machine> Vm<M> {
    /// Maps the superpage that the entry is, of which `page` at `index` was found resident.
    #[cold]
    #[inline(never)]
    pub(super) fn enter_superpage(
        &self,
        entry: &Entry<M>,
        (top, object): (&ObjectState<M>, &ObjRef<M>),
        (index, page): (u64, PageId),
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        let part = entry.part();
        let mut slots = top.slots.range(part.from, part.end());
        let busy = slots.find(|(_, slot)| matches!(slot, Slot::Busy(_)));
        if let Some((index, _)) = busy {
            return wait(object, index);
        }
        let mapping = self.mapping(entry, this.access, OnTop::Yes, object.kind, page);
        if mapping.protection.is_empty() {
            return Step::Done;
        }
        let first = PageId(page.0.wrapping_sub(index.wrapping_sub(part.from) as u32));
        if mapping.protection.contains(Protection::EXECUTE) {
            for number in first.0..first.0.saturating_add(part.pages as u32) {
                self.make_fetchable(PageId(number));
            }
        }
        let entered = self.machine().pmap_enter_superpage(
            this.pmap,
            entry.start,
            first,
            mapping,
            this.reserve,
            &mut this.batch,
        );
        match entered {
            Ok(()) => Step::Done,
            Err(NotEntered::Reserve) => Step::Refill,
            Err(NotEntered::Occupied) => {
                // What is left of single pages, which nothing shows any more, is on its way out.
                let range = entry.range();
                self.machine()
                    .pmap_remove(this.pmap, range, &mut this.batch);
                Step::Again
            }
        }
    }
}
