//! Objects whose pages are one run of frames: superpages.
//!
//! Owns: how such an object comes to be, with all its pages, wired and filled with zeros.
//! Does not own: where a run is found (`frames`), the entry that shows it (`map::superpage`), the end of the
//! object, which is that of any other.
//! Locks: the new object alone, which nobody knows yet. Invariant: I-SUPER-1.

use super::slot::Slot;
use super::{ObjRef, ObjectKind};
use crate::addr::{PageId, Pages};
use crate::machine::{Machine, RefMod};
use crate::vm::Vm;
use abi::KernReturn;

impl<M: Machine> Vm<M> {
    /// A new object of `pages` pages (a power of two), with one reference: its frames are one run, aligned
    /// to its size. Each has one wiring, for the entry that will show it.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`: no such run is free, or there is no memory for the object; nothing is left then.
    pub(crate) fn new_contiguous(&self, pages: Pages) -> Result<ObjRef<M>, KernReturn> {
        let object = self.new_object(ObjectKind::Contiguous, pages.0)?;
        let filled = match self.frames.take_run(pages) {
            Some(first) => self.fill_contiguous(&object, first, pages),
            None => Err(self.shortage()),
        };
        if let Err(code) = filled {
            self.give_object(object);
            return Err(code);
        }
        Ok(object)
    }

    /// Gives an object without pages a run of frames. What finds no slot is free again.
    fn fill_contiguous(
        &self,
        object: &ObjRef<M>,
        first: PageId,
        pages: Pages,
    ) -> Result<(), KernReturn> {
        let mut state = object.write();
        let number = state.number;
        let mut lacks = false;
        for index in 0..pages.0 {
            let page = PageId(first.0.wrapping_add(index as u32));
            let slot = Slot::Resident(page);
            lacks = lacks
                || state
                    .slots
                    .insert(index, slot, &self.zones.nodes, &self.frames)
                    .is_err();
            if lacks {
                self.frames.give_page(page);
                continue;
            }
            self.machine().zero_page(page);
            let record = self.frames.pages().get(page);
            record.set_owner(number, index);
            record.set_content(object.kind.content());
            record.set_marks(RefMod::REFERENCED | RefMod::MODIFIED);
            record.add_wiring();
            self.queues.set_wired(page);
        }
        if lacks { Err(self.shortage()) } else { Ok(()) }
    }
}
