//! Delayed copies: memory that goes on being written while a copy of it exists.
//!
//! Owns: copy objects. One stands in front of the original and shows its pages as they are, until one
//! of them shall change: then the page is *pushed* into the copy object first. The newest copy object of
//! an original is its `copy` and gets the pushes; an older one is in front of the newer one.
//! Does not own: who wants a copy (`map::duplicate`, `private`), when a page shall change (`fault`,
//! `file`, `resize`).
//! Locks: the copy object, then the original. A page that is pushed is busy, and no lock is held while
//! its mappings are flushed. Invariants: I-OBJ-3, I-OBJ-7 (a page that the copy object shows from the
//! original is marked owed and nobody can write it).
//!
//! A copy object counts its pages as the original does. While it is *pristine*, without a page and
//! written by nobody, it shows just what the original does now, so it serves for every further copy: a
//! thousand tasks that map one file have one copy object.

use super::copy::CopyStop;
use super::pages::NoMemory;
use super::shadow::DEPTH_LIMIT;
use super::slot::Slot;
use super::{ObjRef, ObjectKind, ObjectState, Shadow};
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
    /// A wired page is in the way, or too many copies are: this one must be made at once.
    AtOnce(ObjRef<M>),
}

/// Part of an object: first page and number of pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub from: u64,
    pub pages: u64,
}

impl Part {
    pub(crate) const fn one(index: u64) -> Self {
        Self {
            from: index,
            pages: 1,
        }
    }

    pub(crate) const fn end(self) -> u64 {
        self.from.saturating_add(self.pages)
    }

    pub(crate) const fn contains_page(self, index: u64) -> bool {
        self.from <= index && index < self.end()
    }

    fn hull(self, other: Self) -> Self {
        let from = self.from.min(other.from);
        let pages = self.end().max(other.end()).saturating_sub(from);
        Self { from, pages }
    }

    pub(super) const fn contains(self, other: Self) -> bool {
        self.from <= other.from && other.end() <= self.end()
    }
}

impl<M: Machine> ObjectState<M> {
    /// The part of its shadow that a copy object shows.
    pub(crate) fn window(&self) -> Part {
        let offset = self.shadow.as_ref().map_or(0, |shadow| shadow.offset);
        Part {
            from: offset.saturating_add(self.first),
            pages: self.size.saturating_sub(self.first),
        }
    }

    /// Whether it shows just what the original does, and serves for another copy.
    pub(super) fn is_pristine(&self) -> bool {
        self.pristine && self.slots.len() == 0
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
    /// copy object for `part`; or finds the one that is there, if it is pristine. The original's pages
    /// are write-protected once the batch is made, and then the copy object is [`Vm::settle`]d.
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
                Some(Err(_)) => return Linked::AtOnce(new),
            };
            let references = (source.try_ref(), new.try_ref(), new.try_ref());
            let (Ok(below), Ok(newest), Ok(next)) = references else {
                return Linked::AtOnce(new);
            };
            let mut front = old.as_ref().map(|old| old.write());
            let mut copy = new.write();
            let mut state = source.write();
            if !is_same(&state.copy, &old) {
                continue;
            }
            let serves = front.as_ref().is_some_and(|front| front.is_pristine());
            // What lies between the old part and the new one is shown from now on, too.
            let window = match &front {
                Some(front) if !(serves && front.window().contains(part)) => {
                    part.hull(front.window())
                }
                _ => part,
            };
            let line = front.as_ref().map_or(0, |front| front.line);
            let owed = if !serves && u32::from(line) >= DEPTH_LIMIT {
                Err(Obstacle::Wired)
            } else {
                self.owe(source.kind, &state, window, batch)
            };
            match owed {
                Ok(()) => {}
                Err(Obstacle::Wired) => {
                    drop((state, copy));
                    return Linked::AtOnce(new);
                }
                Err(Obstacle::Busy(index)) => {
                    drop((state, copy));
                    return Linked::Busy(new, index);
                }
            }
            if let (true, Some(front), Some(old)) = (serves, &mut front, &old) {
                let Ok(object) = old.try_ref() else { continue };
                drop((state, copy));
                let offset = self.join_copy(front, part);
                return Linked::Again {
                    object,
                    offset,
                    unused: new,
                };
            }
            copy.resize(window.end());
            (copy.receives, copy.aliased) = (true, true);
            (copy.first, copy.line) = (window.from, line.saturating_add(1));
            copy.shadow = Some(Shadow {
                object: below,
                offset: 0,
            });
            match &mut front {
                None => {
                    state.refs = state.refs.saturating_add(1);
                    state.aliased = true;
                    self.notice(source, &state);
                }
                // Its reference to the original becomes the new one's.
                Some(front) => {
                    let offset = front.shadow.as_ref().map_or(0, |shadow| shadow.offset);
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
            return Linked::New(new, part.from);
        }
    }

    /// One more copy shows through a pristine copy object, which grows if it must. Answers where in it
    /// the part begins.
    fn join_copy(&self, front: &mut ObjectState<M>, part: Part) -> u64 {
        let shown = front.window();
        if !shown.contains(part) {
            // Until the batch is made that write-protects the rest.
            front.pristine = false;
            let offset = front.shadow.as_ref().map_or(0, |shadow| shadow.offset);
            let whole = part.hull(shown);
            front.first = whole.from.saturating_sub(offset);
            front.resize(whole.end().saturating_sub(offset));
        }
        front.refs = front.refs.saturating_add(1);
        self.counters.count(Event::DelayedCopy);
        let offset = front.shadow.as_ref().map_or(0, |shadow| shadow.offset);
        part.from.saturating_sub(offset)
    }

    /// The flush is made that write-protects what a copy object shows: it serves for other copies from
    /// now on. The caller has a reference to it.
    pub(crate) fn settle(&self, copy: &ObjRef<M>) {
        copy.write().pristine = true;
    }

    /// The copy object of `source`, with one more reference, if it is pristine and shows `part`; and
    /// where in it the part begins.
    #[inline]
    pub(super) fn reuse_copy(&self, source: &ObjRef<M>, part: Part) -> Option<(ObjRef<M>, u64)> {
        let old = source.read().copy.as_ref()?.try_ref().ok()?;
        let mut front = old.write();
        let shadow = front.shadow.as_ref()?;
        let is_newest = front.receives && front.refs != 0 && shadow.object.ptr_eq(source);
        let offset = part.from.checked_sub(shadow.offset)?;
        if !is_newest || !front.is_pristine() || !front.window().contains(part) {
            return None;
        }
        front.refs = front.refs.saturating_add(1);
        drop(front);
        self.counters.count(Event::DelayedCopy);
        Some((old, offset))
    }

    /// Marks the pages of a window as owed and takes write permission away, unless something is in the
    /// way; then nothing has changed.
    fn owe(
        &self,
        kind: ObjectKind,
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
            let Slot::Resident(page) = slot else { continue };
            // Of a file, a page that is still marked cannot be written anyway.
            if kind != ObjectKind::Named || !pages.get(page).is_owed() {
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
            let Some(at) = at.filter(|&at| at >= state.first && at < state.size) else {
                return Ok(());
            };
            if state.slots.get(at) == Slot::Empty {
                let fill = |machine: &M, to| machine.copy_page(page, to);
                self.add_pushed(copy.kind, state, at, fill)?;
            }
            return Ok(());
        }
    }

    /// A page more for a locked copy object. If that has a copy object itself, it is owed to that one.
    pub(super) fn add_pushed(
        &self,
        kind: ObjectKind,
        state: &mut ObjectState<M>,
        at: u64,
        fill: impl FnOnce(&M, PageId),
    ) -> Result<(), NoMemory> {
        let (slots, number) = (&mut state.slots, state.number);
        let page = self.add_page(kind.content(), slots, number, at, fill)?;
        if state.copy.is_some() {
            self.frames.pages().get(page).set_owed();
        }
        self.counters.count(Event::Push);
        Ok(())
    }

    /// Gives a copy object all that it shows from its original, and ends their connection: nothing is
    /// pushed into it any more. The map of its entries is locked alone.
    pub(crate) fn sever(&self, copy: &ObjRef<M>) -> Result<(), CopyStop<M>> {
        let shortage = || CopyStop::Code(self.shortage());
        let mut at = 0;
        loop {
            let mut front = copy.write();
            let Some(shadow) = front.shadow.as_ref().filter(|_| front.receives) else {
                return Ok(());
            };
            let source = shadow.object.try_ref().map_err(|_| shortage())?;
            let mut state = source.write();
            let Some((index, slot)) = lacks(&front, &state, at, source.is_paged()) else {
                self.cut_off(&mut front, &mut state)
                    .map_err(|NoMemory| shortage())?;
                drop((state, front));
                self.give_object(source);
                return Ok(());
            };
            drop((state, front));
            if !matches!(slot, Slot::Resident(_)) {
                return Err(CopyStop::Wait(source, Part::one(index)));
            }
            self.push(&source, index).map_err(|NoMemory| shortage())?;
            at = index;
        }
    }

    /// Leads a copy object past its original. The caller gives up one reference to the original.
    fn cut_off(
        &self,
        front: &mut ObjectState<M>,
        state: &mut ObjectState<M>,
    ) -> Result<(), NoMemory> {
        let offset = front.shadow.as_ref().map_or(0, |shadow| shadow.offset);
        let deeper = self.below_again(state, offset)?;
        let end = state.size.saturating_sub(offset);
        if deeper.is_none() {
            // What lies beyond the original's end, and was not cut off it, stays beyond.
            let last = front.slots.range(0, u64::MAX).last();
            let own = last.map_or(0, |(index, _)| index.saturating_add(1));
            front.size = front.size.min(end.max(own));
        }
        (front.receives, front.line, state.copy) = (false, 0, None);
        front.shadow = deeper;
        Ok(())
    }
}

/// The first page, from `at` of the original on, that its copy object shows from it. What is not in memory
/// is with its pager if it is `paged`, and nowhere otherwise.
fn lacks<M: Machine>(
    front: &ObjectState<M>,
    state: &ObjectState<M>,
    at: u64,
    paged: bool,
) -> Option<(u64, Slot)> {
    let window = front.window();
    let offset = front.shadow.as_ref().map_or(0, |shadow| shadow.offset);
    if paged {
        let mut shown = window.from.max(at)..window.end().min(state.size);
        let index =
            shown.find(|index| front.slots.get(index.wrapping_sub(offset)) == Slot::Empty)?;
        return Some((index, state.slots.get(index)));
    }
    let mut shown = state.slots.range(window.from.max(at), window.end());
    shown.find(|&(index, _)| front.slots.get(index.saturating_sub(offset)) == Slot::Empty)
}

/// What forbids that a copy is put off.
enum Obstacle {
    Wired,
    Busy(u64),
}

pub(super) fn is_same<M: Machine>(a: &Option<ObjRef<M>>, b: &Option<ObjRef<M>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.ptr_eq(b),
        _ => false,
    }
}
