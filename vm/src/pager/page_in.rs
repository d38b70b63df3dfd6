//! Page-in: an empty slot of an object gets its page from the pager.
//!
//! Owns: the run of pages that is asked for, from free frames to pages of the object or back.
//! Does not own: how long the run should be (`ahead`), who waits (`fault`, `object::file`).
//! Locks: the object alone, to make the pages busy and to end that; none while the pager works. A
//! reference of its own keeps the object from ending meanwhile: a task that is killed leaves nothing behind.
//!
//! The pages that were not asked for themselves come in as speculative ones. If the pager fails they go
//! without a word, and the wanted page is asked for alone: a bad block ahead hurts nobody.

use super::ahead::Ahead;
use super::paging::Known;
use super::run::{RUN, RunPages};
use super::{PageIn, Pager};
use crate::addr::{PageId, Pages};
use crate::counters::Event;
use crate::fault::FaultError;
use crate::frames::Need;
use crate::machine::{Machine, RefMod};
use crate::object::delayed::Part;
use crate::object::slot::Slot;
use crate::object::{ObjRef, ObjectState};
use crate::page::{Content, PageState};
use crate::pageout::Relief;
use crate::vm::Vm;

/// Which pages are missing, and why.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// The first one.
    pub index: u64,
    /// How many from there on will be used for sure; at least 1.
    pub pages: u64,
    pub ahead: Ahead,
}

impl Wanted {
    pub(crate) const fn one(index: u64) -> Self {
        Self {
            index,
            pages: 1,
            ahead: Ahead::Default,
        }
    }
}

/// A run whose pages are busy.
struct Busy {
    first: u64,
    pages: RunPages,
}

impl<M: Machine> Vm<M> {
    /// Brings a page in that was found missing in an object with a pager. The caller holds no lock and
    /// looks again: the page may have come, or gone again, by another's hand.
    ///
    /// # Errors
    /// `Pager`: the pager's; `Shortage`.
    #[cold]
    #[inline(never)]
    pub(crate) fn page_in(&self, object: &ObjRef<M>, wanted: Wanted) -> Result<(), FaultError> {
        let Some(paging) = &object.paging else {
            return Ok(());
        };
        let Some(run) = self.make_busy(object, wanted)? else {
            return Ok(());
        };
        self.counters.count(Event::PageInRequest);
        let count = run.pages.len() as u64;
        let mut request = PageIn::new(self, run.first << M::PAGE_SHIFT, run.pages.pages());
        let returned = paging.pager.data_request(&mut request);
        let result = match request.end(returned) {
            Err(_) if count > 1 => self.page_in_alone(object, &run, wanted.index),
            result => {
                self.end_run(object, &run, wanted, result.is_ok());
                result
            }
        };
        self.unpin(object);
        result.map_err(FaultError::Pager)
    }

    /// The pager failed, perhaps because of a page that nobody asked for.
    fn page_in_alone(
        &self,
        object: &ObjRef<M>,
        run: &Busy,
        index: u64,
    ) -> Result<(), super::PagerError> {
        let place = index.wrapping_sub(run.first) as usize;
        let mut alone = Busy {
            first: index,
            pages: RunPages::new(),
        };
        let mut others = object.write();
        for (place_of, page) in run.pages.pages().iter().enumerate() {
            if place_of == place {
                alone.pages.push(*page);
                continue;
            }
            others.slots.remove(run.first.wrapping_add(place_of as u64));
            self.frames.give_page(*page);
        }
        object.wake(&mut others);
        drop(others);
        let Some(paging) = &object.paging else {
            return Ok(());
        };
        let mut request = PageIn::new(self, index << M::PAGE_SHIFT, alone.pages.pages());
        let returned = paging.pager.data_request(&mut request);
        let result = request.end(returned);
        self.end_run(object, &alone, Wanted::one(index), result.is_ok());
        result
    }

    /// Waits for a page that was found busy, or missing in an object with a pager, as a copy of many pages
    /// does. No lock is held; the caller looks again.
    ///
    /// # Errors
    /// As [`Vm::page_in`].
    #[cold]
    #[inline(never)]
    pub(crate) fn wait_page(&self, object: &ObjRef<M>, index: u64) -> Result<(), FaultError> {
        if object.is_paged() && is_missing(&object.read(), index) {
            let wanted = Wanted {
                ahead: Ahead::Sequential,
                ..Wanted::one(index)
            };
            return self.page_in(object, wanted);
        }
        self.counters.count(Event::BusyWait);
        object.wait_busy(index);
        Ok(())
    }

    /// The same, for an operation that needs all pages of a part at once and begins anew when the first has come:
    /// more of them come, too.
    ///
    /// # Errors
    /// As [`Vm::page_in`]; `Shortage` also if pages go as fast as they come.
    #[cold]
    #[inline(never)]
    pub(crate) fn wait_part(
        &self,
        object: &ObjRef<M>,
        part: Part,
        relief: &mut Relief,
    ) -> Result<(), FaultError> {
        if !object.is_paged() || !is_missing(&object.read(), part.from) {
            return self.wait_page(object, part.from);
        }
        let Some(most) = relief.ahead() else {
            self.shortage();
            return Err(FaultError::Shortage);
        };
        for index in part.from..part.end().min(part.from.saturating_add(most.0)) {
            if is_missing(&object.read(), index) {
                self.wait_page(object, index)?;
            }
        }
        Ok(())
    }

    /// Puts free frames into the empty slots of a run, busy. `None`: the page is not missing any more.
    /// The object is pinned.
    fn make_busy(&self, object: &ObjRef<M>, wanted: Wanted) -> Result<Option<Busy>, FaultError> {
        loop {
            let Some((first, pages)) = self.plan_run(object, wanted) else {
                return Ok(None);
            };
            let mut spare = RunPages::new();
            while (spare.len() as u64) < pages
                && let Some(page) = self.frames.take(Need::Normal)
            {
                spare.push(page);
            }
            let taken = if spare.len() == 0 {
                Err(FaultError::Shortage)
            } else {
                self.place_run(object, wanted.index, first, &mut spare)
            };
            while let Some(page) = spare.pop() {
                self.frames.give_page(page);
            }
            match taken {
                Err(FaultError::Shortage) if self.relieve() => {}
                Err(FaultError::Shortage) => {
                    self.shortage();
                    return Err(FaultError::Shortage);
                }
                taken => return taken,
            }
        }
    }

    /// The first page and the number of pages that are to be read; `None` if nothing is.
    fn plan_run(&self, object: &ObjRef<M>, wanted: Wanted) -> Option<(u64, u64)> {
        let paging = object.paging.as_ref()?;
        let state = object.read();
        if !is_missing(&state, wanted.index) {
            return None;
        }
        let most = self.most_ahead(Pages(RUN as u64)).0;
        let run = (wanted.index, wanted.pages);
        let (first, pages) = paging.known().ahead.run::<M>(run, wanted.ahead, most);
        // Only the gap around the page: what is there already is not read again.
        let end = first.saturating_add(pages).min(state.size);
        let gap = (wanted.index..end).take_while(|&index| is_missing(&state, index));
        let end = wanted.index.saturating_add(gap.count() as u64);
        let gap = (first..wanted.index).rev();
        let before = gap.take_while(|&index| is_missing(&state, index)).count() as u64;
        let first = wanted.index.saturating_sub(before);
        paging.known().ahead.ends_at(end);
        Some((first, end.saturating_sub(first)))
    }

    /// Makes the slots from `first` on busy, as far as frames, nodes and the gap go. What was not used is
    /// left in `spare`.
    fn place_run(
        &self,
        object: &ObjRef<M>,
        index: u64,
        first: u64,
        spare: &mut RunPages,
    ) -> Result<Option<Busy>, FaultError> {
        let mut state = object.write();
        let Some(paging) = &object.paging else {
            return Ok(None);
        };
        if !is_missing(&state, index) || !state.pin(&mut paging.known()) {
            return Ok(None);
        }
        let mut place = |state: &mut ObjectState<M>, index: u64| {
            let fits = is_missing(state, index).then(|| spare.pop()).flatten();
            let Some(page) = fits else { return false };
            let (nodes, slot) = (&self.zones.nodes, Slot::Busy(page));
            if state
                .slots
                .insert(index, slot, nodes, &self.frames)
                .is_err()
            {
                spare.push(page);
                return false;
            }
            self.frames.pages().get(page).set_owner(state.number, index);
            true
        };
        if !place(&mut state, index) {
            drop(state);
            self.unpin(object);
            return Err(FaultError::Shortage);
        }
        let mut begin = index;
        while begin > first && place(&mut state, begin.wrapping_sub(1)) {
            begin = begin.wrapping_sub(1);
        }
        let mut end = index.wrapping_add(1);
        while place(&mut state, end) {
            end = end.wrapping_add(1);
        }
        let mut pages = RunPages::new();
        for (_, slot) in state.slots.range(begin, end) {
            if let Some(page) = slot.page() {
                pages.push(page);
            }
        }
        let first = begin;
        Ok(Some(Busy { first, pages }))
    }

    /// The pager is done with the run: its pages are the object's, or gone.
    fn end_run(&self, object: &ObjRef<M>, run: &Busy, wanted: Wanted, filled: bool) {
        let mut state = object.write();
        let asked = wanted.index..wanted.index.saturating_add(wanted.pages);
        for (place, &page) in run.pages.pages().iter().enumerate() {
            let index = run.first.wrapping_add(place as u64);
            if !filled {
                state.slots.remove(index);
                self.frames.give_page(page);
                continue;
            }
            let record = self.frames.pages().get(page);
            record.set_content(Content::External);
            record.set_marks(RefMod::empty());
            if state.copy.is_some() {
                // What the copy object shows through this one is what was read.
                record.set_owed();
            }
            state.slots.replace(index, Slot::Resident(page));
            if asked.contains(&index) {
                record.mark(RefMod::REFERENCED);
                self.queues.activate(page);
            } else {
                self.queues.speculate(page);
            }
        }
        if filled {
            self.counters.add(Event::PageIn, run.pages.len() as u64);
        }
        object.wake(&mut state);
    }

    /// A page of a file is used; its object is locked, shared or alone. One that was read ahead counts as
    /// active from now on.
    #[inline]
    pub(crate) fn use_speculative(&self, page: PageId) {
        if self.frames.pages().get(page).state() == PageState::Speculative {
            self.touch_speculative(page);
        }
    }

    #[cold]
    #[inline(never)]
    fn touch_speculative(&self, page: PageId) {
        if self.queues.promote(page) {
            self.counters.count(Event::SpeculativeHit);
        }
    }

    /// A request is over: gives up its reference. No lock is held.
    pub(super) fn unpin(&self, object: &ObjRef<M>) {
        // Without a reference more there are 2³¹ of them, and the object does not end anyway.
        let Ok(again) = object.try_ref() else { return };
        if let Some(paging) = &object.paging {
            let mut known = paging.known();
            known.pins = known.pins.saturating_sub(1);
        }
        self.give_object(again);
        self.tell_pagers();
    }
}

impl<M: Machine> ObjectState<M> {
    /// A reference for the time of a request: the object does not end meanwhile. Answers false if it has
    /// ended.
    pub(super) fn pin(&mut self, known: &mut Known<M>) -> bool {
        let refs = self.refs.checked_add(1).filter(|_| self.refs != 0);
        let Some(refs) = refs else { return false };
        self.refs = refs;
        known.pins = known.pins.saturating_add(1);
        true
    }
}

fn is_missing<M: Machine>(state: &ObjectState<M>, index: u64) -> bool {
    index < state.size && state.slots.get(index) == Slot::Empty
}
