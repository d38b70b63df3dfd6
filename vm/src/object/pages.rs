//! Pages enter and leave an object.
//!
//! Owns: the transitions between a free frame and a page of an object, and the end of an object.
//! Does not own: queues and free frames themselves. Locks: the object's, held by the caller, but for
//! [`Vm::release_object`], which takes it. Invariants: I-PAGE-1, I-OBJ-1.

use super::slot::Slot;
use super::{ObjRef, Object, ObjectKind, ObjectState};
use crate::addr::PageId;
use crate::batch::TlbBatch;
use crate::frames::Need;
use crate::machine::Machine;
use crate::page::{Content, PageState};
use crate::vm::Vm;
use abi::Protection;

/// No frame or no node: nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoMemory;

impl ObjectKind {
    /// Whose contents the pages of such an object have.
    pub(crate) const fn content(self) -> Content {
        match self {
            Self::Named => Content::External,
            Self::Anonymous | Self::Kernel | Self::Uncached | Self::Contiguous | Self::Device => {
                Content::Internal
            }
        }
    }
}

impl<M: Machine> Object<M> {
    /// Whose contents this object's pages have; `state` is its own.
    #[inline]
    pub(crate) fn content(&self, state: &ObjectState<M>) -> Content {
        if state.purge.is_some() {
            return Content::Owned;
        }
        self.kind.content()
    }
}

impl<M: Machine> Vm<M> {
    /// Gives an empty slot a new frame that `fill` fills. The page is active then, and not mapped.
    #[inline]
    pub(crate) fn add_page(
        &self,
        content: Content,
        slots: &mut super::Slots<M>,
        number: u32,
        index: u64,
        fill: impl FnOnce(&M, PageId),
    ) -> Result<PageId, NoMemory> {
        let page = self.frames.take(Need::Normal).ok_or(NoMemory)?;
        let slot = Slot::Resident(page);
        if slots
            .insert(index, slot, &self.zones.nodes, &self.frames)
            .is_err()
        {
            self.frames.give_page(page);
            return Err(NoMemory);
        }
        fill(self.machine(), page);
        self.page_filled(page, content, number, index);
        Ok(page)
    }

    /// Gives an empty slot a frame that is filled already. Without memory the caller keeps it.
    pub(crate) fn add_filled(
        &self,
        content: Content,
        slots: &mut super::Slots<M>,
        number: u32,
        index: u64,
        page: PageId,
    ) -> Result<(), NoMemory> {
        let slot = Slot::Resident(page);
        let inserted = slots.insert(index, slot, &self.zones.nodes, &self.frames);
        inserted.map_err(|_| NoMemory)?;
        self.page_filled(page, content, number, index);
        Ok(())
    }

    /// Takes a page that nobody shows any more on its way to the free list.
    #[inline]
    fn retire(
        &self,
        page: PageId,
        remover: &mut crate::queues::Remover<'_, M>,
        batch: &mut TlbBatch<'_, M>,
    ) {
        let record = self.frames.pages().get(page);
        remover.dequeue(page);
        if record.state() == PageState::Wired {
            record.clear_wirings();
            self.queues.clear_wired(page);
        }
        if self.machine().page_is_mapped(page) {
            self.machine().page_protect(page, Protection::NONE, batch);
        }
        batch.retire_frame(page);
    }

    /// Frees one page of an object whose lock the caller holds.
    pub(crate) fn free_page(&self, page: PageId, batch: &mut TlbBatch<'_, M>) {
        self.retire(page, &mut self.queues.remover(), batch);
    }

    /// Frees the pages from `from` to before `to`, and what is mapped of them. Busy and wired pages
    /// stay.
    pub(crate) fn free_range(
        &self,
        state: &mut ObjectState<M>,
        from: u64,
        to: u64,
        batch: &mut TlbBatch<'_, M>,
    ) {
        let mut remover = self.queues.remover();
        let mut at = from;
        while let Some((index, slot)) = state.slots.next(at) {
            if index >= to {
                return;
            }
            at = index.wrapping_add(1);
            if let Slot::Resident(page) = slot
                && self.frames.pages().get(page).wirings() == 0
            {
                state.slots.remove(index);
                self.retire(page, &mut remover, batch);
            }
        }
    }

    /// Gives up one reference to an object; with the last one the object ends, and so on down its
    /// chain. Its frames are free when the batch is. No object is locked.
    pub(crate) fn release_object(&self, object: ObjRef<M>, batch: &mut TlbBatch<'_, M>) {
        let mut next = Some(object);
        while let Some(object) = next {
            let mut state = object.write();
            state.refs = state
                .refs
                .checked_sub(1)
                .expect("I-OBJ-1: an object has fewer references than it is given up");
            self.notice(&object, &state);
            if state.refs != 0 {
                return;
            }
            self.forget_writes(&object, &mut state, (0, u64::MAX));
            if core::mem::take(&mut state.receives)
                && let Some(shadow) = &state.shadow
            {
                shadow.object.write().copy = None;
            } else if state.line != 0
                && let Some(shadow) = &state.shadow
            {
                // What is below becomes the oldest copy object.
                let mut next = shadow.object.write();
                next.line = next.line.min(1);
            }
            let mut slots = core::mem::replace(&mut state.slots, super::Slots::new(0));
            next = state.shadow.take().map(|shadow| shadow.object);
            let purge = state.purge.take();
            let number = state.number;
            drop(state);
            if object.is_paged() {
                self.paged.remove(number, &object);
            }
            if let Some(record) = purge {
                self.end_charge(&record);
                self.purge_queues.forget(&record);
            }
            self.end_object(&mut slots, batch);
        }
    }

    /// Gives up a reference to an object that no map shows.
    pub(crate) fn give_object(&self, object: ObjRef<M>) {
        let mut batch = self.frames.batch();
        self.release_object(object, &mut batch);
        self.frames.finish(batch);
    }

    fn end_object(&self, slots: &mut super::Slots<M>, batch: &mut TlbBatch<'_, M>) {
        if slots.len() != 0 {
            let mut remover = self.queues.remover();
            slots.drain(|_, slot| {
                if let Some(page) = slot.page() {
                    self.retire(page, &mut remover, batch);
                }
            });
        }
    }
}
