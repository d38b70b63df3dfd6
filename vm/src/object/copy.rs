//! Eager copies: a new object with all that shows through an entry.
//!
//! Owns: copying page by page while others may write the original.
//! Does not own: when an eager copy is needed (`map::fork`, `map::protect`).
//! Locks: one object of the chain at a time. A page that can be written is busy, write-protected and
//! flushed on every CPU before it is copied, with no object locked (I-TLB-3).

use super::delayed::Part;
use super::pages::NoMemory;
use super::slot::Slot;
use super::tree::Slots;
use super::{ObjRef, Object, ObjectKind, ObjectState};
use crate::addr::PageId;
use crate::frames::Need;
use crate::machine::Machine;
use crate::vm::Vm;
use abi::{KernReturn, Protection};

/// Why a copy was given up; what was made of it is gone again.
pub(crate) enum CopyStop<M: Machine> {
    /// The first page of a part is busy, or with its pager, and where to wait for it with no lock held; the rest
    /// is wanted next.
    Wait(ObjRef<M>, Part),
    /// It ends with this code.
    Code(KernReturn),
}

/// A copy of a page as it was at some moment of the operation, in a frame that nobody has yet.
#[derive(Clone, Copy)]
pub(crate) struct Snapshot {
    pub page: PageId,
    pub copy: PageId,
}

impl<M: Machine> Vm<M> {
    /// A copy of a page that others may write: it is made while the page is busy, write-protected
    /// and flushed. The caller holds no lock. `None`: there is no such page any more, or it is busy.
    pub(crate) fn snapshot(
        &self,
        object: &Object<M>,
        index: u64,
    ) -> Result<Option<Snapshot>, NoMemory> {
        let copy = self.frames.take(Need::Normal).ok_or(NoMemory)?;
        let page = {
            let mut state = object.write();
            let Slot::Resident(page) = state.slots.get(index) else {
                drop(state);
                self.frames.give_page(copy);
                return Ok(None);
            };
            state.slots.replace(index, Slot::Busy(page));
            page
        };
        self.protect_for_copy(page);
        self.machine().copy_page(page, copy);
        let mut state = object.write();
        object.unbusy(&mut state, index);
        Ok(Some(Snapshot { page, copy }))
    }

    /// Takes write permission from all mappings of a busy page, on every CPU.
    fn protect_for_copy(&self, page: PageId) {
        let mut batch = self.frames.batch();
        let rest = Protection::ALL.difference(Protection::WRITE);
        self.machine().page_protect(page, rest, &mut batch);
        batch.flush_with_others(self.machine());
        self.frames.pages().get(page).clear_written_to();
        self.frames.finish(batch);
    }

    /// Copies what shows of a part of an object into a new object of the part's size, or of what there
    /// is of it: a file may end before its mapping does. An entry's map is locked alone, if an entry
    /// shows the part. Of a device's memory nothing is copied: `PROTECTION_FAILURE`.
    pub(crate) fn copy_slowly(
        &self,
        object: &ObjRef<M>,
        part: Part,
    ) -> Result<ObjRef<M>, CopyStop<M>> {
        if object.is_device() {
            return Err(CopyStop::Code(KernReturn::PROTECTION_FAILURE));
        }
        let (from, to) = (part.from, part.end());
        let ends = self.end_of_chain(&object.read());
        let new = self
            .new_object(ObjectKind::Anonymous, part.pages)
            .map_err(CopyStop::Code)?;
        // Others who share the object may shorten the chain meanwhile, which moves pages up: a pass
        // that found nothing new has seen all of it.
        loop {
            let before = new.read().slots.len();
            if let Err(stop) = self.copy_chain(&new, object, from, to) {
                let mut batch = self.frames.batch();
                self.release_object(new, &mut batch);
                self.frames.finish(batch);
                return Err(stop);
            }
            let mut copy = new.write();
            if copy.slots.len() != before {
                continue;
            }
            if ends < to {
                // A copy of before the file was cut off has more than the file.
                let last = copy.slots.range(0, u64::MAX).last();
                let own = last.map_or(0, |(index, _)| index.saturating_add(1));
                copy.size = own.max(ends.saturating_sub(from));
            }
            drop(copy);
            return Ok(new);
        }
    }

    fn copy_chain(
        &self,
        new: &ObjRef<M>,
        object: &ObjRef<M>,
        from: u64,
        to: u64,
    ) -> Result<(), CopyStop<M>> {
        // The pages of the upper objects are copied first and win.
        let (mut from, mut to) = (from, to);
        let mut held: Option<ObjRef<M>> = None;
        loop {
            let here = held.as_ref().unwrap_or(object);
            self.copy_object(new, here, from, to)?;
            let state = here.read();
            let Some(shadow) = &state.shadow else {
                return Ok(());
            };
            from = from.saturating_add(shadow.offset);
            to = to.saturating_add(shadow.offset);
            let next = shadow.object.try_ref();
            drop(state);
            held = Some(next.map_err(|_| CopyStop::Code(KernReturn::RESOURCE_SHORTAGE))?);
        }
    }

    fn copy_object(
        &self,
        new: &Object<M>,
        from_object: &ObjRef<M>,
        from: u64,
        to: u64,
    ) -> Result<(), CopyStop<M>> {
        let mut at = from;
        loop {
            let (index, page) = {
                let mut state = from_object.write();
                if let Some(index) = missing(from_object, &state, (at, to), |index| {
                    new.read().slots.get(index.wrapping_sub(from)) == Slot::Empty
                }) {
                    drop(state);
                    let pages = to.saturating_sub(index);
                    return Err(waits(from_object, Part { from: index, pages }));
                }
                let Some((index, slot)) = state.slots.next(at).filter(|&(index, _)| index < to)
                else {
                    return Ok(());
                };
                at = index.wrapping_add(1);
                if new.read().slots.get(index.wrapping_sub(from)) != Slot::Empty {
                    continue;
                }
                let Slot::Resident(page) = slot else {
                    drop(state);
                    return Err(waits(from_object, Part::one(index)));
                };
                state.slots.replace(index, Slot::Busy(page));
                (index, page)
            };
            self.protect_for_copy(page);
            let added = {
                let mut target = new.write();
                let number = target.number;
                let slots: &mut Slots<M> = &mut target.slots;
                let fill = |machine: &M, copy| machine.copy_page(page, copy);
                self.add_page(
                    new.kind.content(),
                    slots,
                    number,
                    index.wrapping_sub(from),
                    fill,
                )
            };
            let mut state = from_object.write();
            from_object.unbusy(&mut state, index);
            drop(state);
            if added.is_err() {
                return Err(CopyStop::Code(self.shortage()));
            }
        }
    }
}

/// The first page from `at` on, before the next one that is in memory, that only the object's pager has and
/// that is `wanted`.
fn missing<M: Machine>(
    object: &Object<M>,
    state: &ObjectState<M>,
    (at, to): (u64, u64),
    wanted: impl FnMut(&u64) -> bool,
) -> Option<u64> {
    if !object.is_paged() {
        return None;
    }
    let next = state.slots.next(at).map_or(to, |(index, _)| index);
    (at..next.min(to).min(state.size)).find(wanted)
}

fn waits<M: Machine>(object: &ObjRef<M>, part: Part) -> CopyStop<M> {
    let shortage = CopyStop::Code(KernReturn::RESOURCE_SHORTAGE);
    let object = object.try_ref();
    object.map_or(shortage, |object| CopyStop::Wait(object, part))
}
