//! Delayed copies: memory that goes on being written while a copy of it exists.
//!
//! Owns: copy objects. One stands in front of the original and shows its pages as they are, until one
//! of them shall change: then the page is *pushed* into the copy object first. The newest copy object of
//! an original is its `copy` and gets the pushes; an older one is in front of the newer one.
//! Does not own: who wants a copy (`map::duplicate`), when a page shall change (`fault`, `file`).
//! Locks: the copy object, then the original. A page that is pushed is busy, and no lock is held while
//! its mappings are flushed. Invariants: I-OBJ-3, I-OBJ-7 (a page that the copy object shows from the
//! original is marked owed and nobody can write it).

use super::pages::NoMemory;
use super::slot::Slot;
use super::{ObjRef, ObjectState, Shadow};
use crate::addr::PageId;
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::machine::Machine;
use crate::vm::Vm;
use abi::Protection;

/// What a try to link a copy object came to.
pub(crate) enum Linked<M: Machine> {
    /// The copy shows through the new object, from this index on.
    New(ObjRef<M>, u64),
    /// It shows through the copy object that was there; the new one was not needed.
    Again {
        object: ObjRef<M>,
        offset: u64,
        unused: ObjRef<M>,
    },
    /// A busy page is in the way.
    Busy(ObjRef<M>, u64),
    /// A wired page is in the way: the copy must be made at once.
    Wired(ObjRef<M>),
}

/// Part of an object: first page and number of pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub from: u64,
    pub pages: u64,
}

impl Part {
    const fn end(self) -> u64 {
        self.from.saturating_add(self.pages)
    }

    fn hull(self, other: Self) -> Self {
        let from = self.from.min(other.from);
        let pages = self.end().max(other.end()).saturating_sub(from);
        Self { from, pages }
    }

    const fn contains(self, other: Self) -> bool {
        self.from <= other.from && other.end() <= self.end()
    }
}

impl<M: Machine> ObjectState<M> {
    /// The part of its shadow that a copy object shows.
    fn window(&self) -> Part {
        let from = self.shadow.as_ref().map_or(0, |shadow| shadow.offset);
        let pages = self.size;
        Part { from, pages }
    }

    /// Whether it still shows just what the original is: nothing was pushed, and no entry writes it.
    fn is_unused_copy(&self) -> bool {
        self.slots.len() == 0 && self.aliased
    }
}

impl<M: Machine> Vm<M> {
    /// Whether wired pages forbid that a copy of this part is put off.
    pub(crate) fn has_wired(&self, state: &ObjectState<M>, part: Part) -> bool {
        let pages = self.frames.pages();
        let mut slots = state.slots.range(part.from, part.end());
        slots.any(|(_, slot)| {
            slot.page()
                .is_some_and(|page| pages.get(page).wirings() != 0)
        })
    }

    /// Puts `new`, which nobody knows yet and which has one reference, in front of `source` as its
    /// copy object for `part`; or finds the one that is there, if nothing was pushed to it yet. The
    /// original's pages are write-protected once the batch is made.
    pub(crate) fn link_copy(
        &self,
        source: &ObjRef<M>,
        part: Part,
        new: ObjRef<M>,
        batch: &mut TlbBatch<'_, M>,
    ) -> Linked<M> {
        loop {
            let old = match source.read().copy.as_ref().map(|old| old.try_ref()) {
                None => None,
                Some(Ok(old)) => Some(old),
                Some(Err(_)) => return Linked::Wired(new),
            };
            let references = (source.try_ref(), new.try_ref(), new.try_ref());
            let (Ok(below), Ok(newest), Ok(next)) = references else {
                return Linked::Wired(new);
            };
            let mut front = old.as_ref().map(|old| old.write());
            let mut copy = new.write();
            let mut state = source.write();
            if !is_same(&state.copy, &old) {
                continue;
            }
            let mut window = part;
            if let (Some(front), Some(old)) = (&mut front, &old) {
                let shown = front.window();
                if front.is_unused_copy()
                    && shown.contains(part)
                    && let Ok(object) = old.try_ref()
                {
                    front.refs = front.refs.saturating_add(1);
                    self.counters.count(Event::DelayedCopy);
                    let offset = part.from.saturating_sub(shown.from);
                    drop((state, copy));
                    return Linked::Again {
                        object,
                        offset,
                        unused: new,
                    };
                }
                window = part.hull(shown);
            }
            match self.owe(&state, window, batch) {
                Ok(()) => {}
                Err(Obstacle::Wired) => {
                    drop((state, copy));
                    return Linked::Wired(new);
                }
                Err(Obstacle::Busy(index)) => {
                    drop((state, copy));
                    return Linked::Busy(new, index);
                }
            }
            copy.resize(window.pages);
            (copy.receives, copy.aliased) = (true, true);
            copy.shadow = Some(Shadow {
                object: below,
                offset: window.from,
            });
            match &mut front {
                None => {
                    state.refs = state.refs.saturating_add(1);
                    state.aliased = true;
                }
                // Its reference to the original becomes the new one's.
                Some(front) => {
                    let offset = front.window().from.saturating_sub(window.from);
                    front.receives = false;
                    front.shadow = Some(Shadow {
                        object: next,
                        offset,
                    });
                    copy.refs = copy.refs.saturating_add(1);
                }
            }
            state.copy = Some(newest);
            drop((state, copy));
            self.counters.count(Event::DelayedCopy);
            return Linked::New(new, part.from.saturating_sub(window.from));
        }
    }

    /// Marks the pages of a window as owed and takes write permission away, unless something is in the
    /// way; then nothing has changed.
    fn owe(
        &self,
        state: &ObjectState<M>,
        window: Part,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Obstacle> {
        let pages = self.frames.pages();
        for (index, slot) in state.slots.range(window.from, window.end()) {
            match slot {
                Slot::Busy(_) => return Err(Obstacle::Busy(index)),
                Slot::Resident(page) if pages.get(page).wirings() != 0 => {
                    return Err(Obstacle::Wired);
                }
                _ => {}
            }
        }
        let rest = Protection::ALL.difference(Protection::WRITE);
        for (_, slot) in state.slots.range(window.from, window.end()) {
            if let Slot::Resident(page) = slot {
                pages.get(page).set_owed();
                self.machine().page_protect(page, rest, batch);
            }
        }
        Ok(())
    }

    /// Lets the page at `index` change: the copy object that needs its contents gets them. No lock is
    /// held; the caller looks again.
    #[cold]
    pub(crate) fn push(&self, source: &ObjRef<M>, index: u64) -> Result<(), NoMemory> {
        let page = {
            let mut state = source.write();
            let Slot::Resident(page) = state.slots.get(index) else {
                return Ok(());
            };
            state.slots.replace(index, Slot::Busy(page));
            page
        };
        let mut batch = self.frames.batch();
        // Who reads it through the copy object must find the copy from now on.
        self.disconnect(page, &mut batch);
        batch.flush_with_others(self.machine());
        self.frames.finish(batch);
        let pushed = self.push_page(source, index, page);
        let mut state = source.write();
        if pushed.is_ok() {
            self.frames.pages().get(page).clear_owed();
        }
        source.unbusy(&mut state, index);
        pushed
    }

    /// The page is busy, and nobody has it mapped.
    fn push_page(&self, source: &ObjRef<M>, index: u64, page: PageId) -> Result<(), NoMemory> {
        loop {
            let copy = match &source.read().copy {
                None => return Ok(()),
                Some(copy) => copy.try_ref().map_err(|_| NoMemory)?,
            };
            let mut guard = copy.write();
            let state = &mut *guard;
            // Otherwise a newer one came in between, or this one has ended.
            let Some(shadow) = &state.shadow else {
                continue;
            };
            if state.refs == 0 || !shadow.object.ptr_eq(source) {
                continue;
            }
            let at = index.checked_sub(shadow.offset);
            let Some(at) = at.filter(|&at| at < state.size) else {
                return Ok(());
            };
            if state.slots.get(at) == Slot::Empty {
                let fill = |machine: &M, to| machine.copy_page(page, to);
                self.add_page(copy.kind, &mut state.slots, state.number, at, fill)?;
                self.counters.count(Event::Push);
            }
            return Ok(());
        }
    }
}

/// What forbids that a copy is put off.
enum Obstacle {
    Wired,
    Busy(u64),
}

fn is_same<M: Machine>(a: &Option<ObjRef<M>>, b: &Option<ObjRef<M>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.ptr_eq(b),
        _ => false,
    }
}
