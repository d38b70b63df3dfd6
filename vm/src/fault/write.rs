//! The write side of a fault: the page gets into the top object.
//!
//! Owns: what the top object's slot says to a write, or to a first touch of shared memory.
//! Does not own: reads (`fault`), filling an empty slot (`fill`), the page-table entry (`enter`).
//! Locks: the top object alone; the map is shared.

use super::enter::OnTop;
use super::fill::Worth;
use super::{FaultError, Step, Try, owed, wait};
use crate::addr::PageId;
use crate::counters::Event;
use crate::machine::Machine;
use crate::map::entry::Entry;
use crate::object::slot::Slot;
use crate::object::{ObjRef, ObjectKind, ObjectState};
use crate::vm::Vm;
use abi::Protection;

impl<M: Machine> Vm<M> {
    /// A write, or a first touch of shared memory: the page gets into the top object.
    pub(super) fn fault_write(
        &self,
        entry: &Entry<M>,
        object: &ObjRef<M>,
        index: u64,
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        if object.is_held() {
            self.zero_ahead(object, this);
        }
        let mut guard = object.write();
        let top = &mut *guard;
        let step = self.write_top(entry, object, top, index, this);
        if let Some(unused) = this.zeros.take() {
            self.frames.give_page(unused);
        }
        if let Step::Done = step {
            if this.kept.worth == Worth::Trying {
                this.kept.worth = Worth::Nothing;
                self.collapse(object, top, &mut this.batch, &mut this.released);
            }
            return step;
        }
        self.hide(object, top, index, step, this)
    }

    /// The page in the top object takes the place of another one: it is busy from now on.
    #[cold]
    #[inline(never)]
    fn hide(
        &self,
        object: &ObjRef<M>,
        top: &mut ObjectState<M>,
        index: u64,
        step: Step<M>,
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        let Step::Occupied = step else { return step };
        let (Slot::Resident(page), Ok(object)) = (top.slots.get(index), object.try_ref()) else {
            return Step::Failed(FaultError::Shortage);
        };
        top.slots.replace(index, Slot::Busy(page));
        self.unmap(this);
        Step::Hides(object, index)
    }

    #[inline(always)]
    fn write_top(
        &self,
        entry: &Entry<M>,
        object: &ObjRef<M>,
        top: &mut ObjectState<M>,
        index: u64,
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        if index >= top.size {
            return self.fault_beyond(entry, object, index, this);
        }
        let page = match top.slots.get(index) {
            Slot::Resident(page) if this.writes() && self.frames.pages().get(page).is_owed() => {
                return owed(object, index);
            }
            Slot::Resident(page) if object.kind == ObjectKind::Anonymous => {
                self.counters.count(Event::Hit);
                return self.enter_resident(entry, (top, object), (index, page), this);
            }
            Slot::Resident(page) if entry.is_superpage() => {
                self.counters.count(Event::Hit);
                return self.enter_superpage(entry, (top, object), (index, page), this);
            }
            Slot::Resident(page) => {
                self.counters.count(Event::Hit);
                page
            }
            Slot::Busy(_) => return wait(object, index),
            Slot::Empty => match self.fill(object, top, index, this) {
                Ok(_) if top.copy.is_some() && this.writes() => return owed(object, index),
                Ok(page) => page,
                Err(step) => return step,
            },
        };
        if object.kind != ObjectKind::Anonymous {
            return self.enter_written(entry, (top, object), (index, page), this);
        }
        self.enter_plain(entry, page, OnTop::Yes, this)
    }

    /// The last step of a write for an object that is not plain memory: a file's page is dirty now.
    #[inline(never)]
    fn enter_written(
        &self,
        entry: &Entry<M>,
        (top, object): (&mut ObjectState<M>, &ObjRef<M>),
        (index, page): (u64, PageId),
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        if object.kind == ObjectKind::Named && this.access.contains(Protection::WRITE) {
            self.note_write(object, top, index, page);
        }
        self.enter_apart(entry, page, OnTop::Yes, object, this)
    }
}
