//! Page-out: dirty pages go to the pager, in runs, in the order of the object.
//!
//! Owns: the runs that are on their way, the error that is told once, `object_sync`.
//! Does not own: when (`map::advise`, `object::file`, `pageout`, a kernel's flusher).
//! Locks: the object alone, to take the marks and to end; none while TLBs are flushed and the pager works.
//!
//! First the marks go and the mappings are write-protected, then every TLB forgets them, then the pager
//! looks at the pages: what is written after that makes the page dirty again.

use super::paging::{Known, Paging};
use super::run::{RUN, RunPages};
use super::{PageOut, Pager, PagerError};
use crate::addr::PageId;
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::machine::{Machine, RefMod};
use crate::object::slot::Slot;
use crate::object::{ObjRef, ObjectRef, ObjectState};
use crate::vm::Vm;
use abi::Protection;
use core::sync::atomic::Ordering::Relaxed;

/// Bytes that are written at once at most.
const MOST: u64 = 256 << 10;
/// Runs of one object that are on their way at the same time.
pub(super) const RUNS: usize = 8;
/// Runs that a sequential writer leaves behind itself before they are written (XNU: up to 8 clusters).
const BEHIND: u64 = 4;

/// Pages that are written at once at most.
fn most<M: Machine>() -> u64 {
    (MOST >> M::PAGE_SHIFT).clamp(1, RUN as u64)
}

/// The pages that are written with the one at `index`, if they are dirty.
pub(super) fn run_of<M: Machine>(index: u64) -> (u64, u64) {
    let most = most::<M>();
    let from = index.saturating_sub(index.checked_rem(most).unwrap_or(0));
    (from, from.saturating_add(most))
}

bitflags::bitflags! {
    /// What `object_sync` does besides writing.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct SyncFlags: u8 {
        /// Wait for what others write, too, and tell what went wrong since it was last told.
        const WAIT = 1;
        /// The pages leave memory once they are written: the next read asks the pager.
        const INVALIDATE = 2;
        /// All of it survives a power cut afterwards.
        const DURABLE = 4;
    }
}

/// A run on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cleaning {
    first: u64,
    end: u64,
    /// Runs of the object that began before this one.
    number: u64,
}

impl<M: Machine> Known<M> {
    /// A run on its way that meets these pages and is not younger than `number`.
    fn meets(&self, (from, to): (u64, u64), number: u64) -> bool {
        let mut runs = self.cleaning.iter().flatten();
        runs.any(|run| run.first < to && from < run.end && run.number <= number)
    }
}

impl<M: Machine> Paging<M> {
    /// Whether the page is on its way out: its frame must stay. The object is locked.
    pub(crate) fn is_cleaning(&self, index: u64) -> bool {
        self.cleans((index, index.saturating_add(1)))
    }

    /// Whether any of these pages is.
    pub(crate) fn cleans(&self, part: (u64, u64)) -> bool {
        self.known().meets(part, u64::MAX)
    }

    /// Waits until none of these pages is on its way out in a run that has begun by now. No lock is
    /// held.
    pub(crate) fn wait_clean(&self, part: (u64, u64)) {
        let begun = self.known().begun;
        loop {
            let known = self.known();
            if !known.meets(part, begun) {
                return;
            }
            sync::block::<M, _>(sync::Event::of(self), known);
        }
    }
}

/// A run that was taken to be written.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    first: u64,
    pub end: u64,
    /// Its place among those on their way.
    place: usize,
}

/// Why a run is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody wants it on the disk; it stays in its queue.
    Asked,
    /// Its frames are wanted.
    Pageout,
}

/// What a look for the next run came to.
enum Next {
    /// Nothing is dirty.
    Nothing,
    /// The page is busy, or on its way out already.
    Later(u64),
    /// There are too many runs on their way.
    Full,
    Run(Taken),
}

impl<M: Machine> Vm<M> {
    /// Gives the dirty pages of a part of an object, `length` bytes from `from` on, to its pager. Of
    /// an object without a pager nothing is dirty.
    ///
    /// # Errors
    /// What the pager said of these pages, or of pages that were written for another reason and that
    /// nobody has been told of: each once. The pages stay in memory, dirty.
    pub fn object_sync(
        &self,
        object: &ObjectRef<M>,
        (from, length): (u64, u64),
        flags: SyncFlags,
    ) -> Result<(), PagerError> {
        let end = from.saturating_add(length);
        let part = (from >> M::PAGE_SHIFT, end.div_ceil(M::PAGE_SIZE));
        self.sync_part(&object.0, part, flags)
    }

    /// The same for pages.
    pub(crate) fn sync_part(
        &self,
        object: &ObjRef<M>,
        (from, to): (u64, u64),
        flags: SyncFlags,
    ) -> Result<(), PagerError> {
        let Some(paging) = &object.paging else {
            return Ok(());
        };
        let mut at = from;
        let mut pages = RunPages::new();
        loop {
            match self.look_for_run(object, (at, to), Why::Asked, &mut pages) {
                Next::Nothing => break,
                Next::Run(taken) => {
                    self.write_run(object, taken, pages.pages());
                    at = taken.end;
                }
                Next::Full => paging.wait_clean((0, u64::MAX)),
                Next::Later(index) if flags.contains(SyncFlags::WAIT) => {
                    self.counters.count(Event::BusyWait);
                    object.wait_busy(index);
                    paging.wait_clean((index, index.saturating_add(1)));
                    at = index;
                }
                Next::Later(index) => at = index.saturating_add(1),
            }
        }
        if flags.contains(SyncFlags::WAIT) {
            paging.wait_clean((from, to));
        }
        let error = if flags.contains(SyncFlags::WAIT) {
            paging.known().error.take()
        } else {
            None
        };
        if let Some(error) = error {
            return Err(error);
        }
        if flags.contains(SyncFlags::INVALIDATE) {
            self.evict_part(object, (from, to));
        }
        if flags.contains(SyncFlags::DURABLE) {
            paging.pager.synchronize()?;
        }
        Ok(())
    }

    /// Takes the next run of dirty pages into `pages`: they are clean then, write-protected on every CPU, and
    /// on their way.
    fn look_for_run(
        &self,
        object: &ObjRef<M>,
        (from, to): (u64, u64),
        why: Why,
        pages: &mut RunPages,
    ) -> Next {
        let Some(paging) = &object.paging else {
            return Next::Nothing;
        };
        let mut batch = self.frames.batch();
        let next = {
            let mut state = object.write();
            let first = state.slots.next_dirty(from).filter(|&index| index < to);
            match first {
                None => Next::Nothing,
                Some(first) => {
                    let next = self.take_run(paging, &mut state, (first, to), pages);
                    if let Next::Run(taken) = next {
                        self.clean_run(object, &mut state, taken, pages.pages(), &mut batch);
                        if why == Why::Pageout {
                            self.put_into_laundry(pages.pages());
                        }
                    }
                    next
                }
            }
        };
        if let Next::Run(_) = next {
            batch.flush_with_others(self.machine());
        }
        self.frames.finish(batch);
        next
    }

    /// The same, if there is one that nobody works on.
    pub(super) fn next_run(
        &self,
        object: &ObjRef<M>,
        part: (u64, u64),
        why: Why,
        pages: &mut RunPages,
    ) -> Option<Taken> {
        match self.look_for_run(object, part, why, pages) {
            Next::Run(taken) => Some(taken),
            Next::Nothing | Next::Later(_) | Next::Full => None,
        }
    }

    fn take_run(
        &self,
        paging: &Paging<M>,
        state: &mut ObjectState<M>,
        (first, to): (u64, u64),
        pages: &mut RunPages,
    ) -> Next {
        let most = most::<M>();
        let mut known = paging.known();
        let Some(place) = known.cleaning.iter().position(Option::is_none) else {
            return Next::Full;
        };
        pages.clear();
        let mut end = first;
        while end < to.min(first.saturating_add(most))
            && state.slots.is_dirty(end)
            && let Slot::Resident(page) = state.slots.get(end)
            && !known.meets((end, end.saturating_add(1)), u64::MAX)
        {
            pages.push(page);
            end = end.wrapping_add(1);
        }
        if end == first {
            return Next::Later(first);
        }
        if !state.pin(&mut known) {
            return Next::Nothing;
        }
        let number = known.begun.wrapping_add(1);
        known.begun = number;
        if let Some(place) = known.cleaning.get_mut(place) {
            *place = Some(Cleaning { first, end, number });
        }
        Next::Run(Taken { first, end, place })
    }

    /// The pages of a run count as clean from now on, and no mapping allows writing.
    fn clean_run(
        &self,
        object: &ObjRef<M>,
        state: &mut ObjectState<M>,
        taken: Taken,
        pages: &[PageId],
        batch: &mut TlbBatch<'_, M>,
    ) {
        let rest = Protection::ALL.difference(Protection::WRITE);
        for &page in pages {
            self.machine().page_protect(page, rest, batch);
            let noted = RefMod::MODIFIED;
            self.machine().page_clear_refmod(page, noted, batch);
        }
        self.make_clean(object, state, taken.first, pages);
    }

    /// Gives a run to the pager. What it does not take is dirty again.
    pub(super) fn write_run(&self, object: &ObjRef<M>, taken: Taken, pages: &[PageId]) {
        let Some(paging) = &object.paging else { return };
        let mut failed = None;
        if let Err(error) = self.give_run(paging, taken.first, pages) {
            // One bad block does not keep the others dirty.
            for (index, page) in (taken.first..).zip(pages) {
                let alone = if pages.len() == 1 {
                    Err(error)
                } else {
                    self.give_run(paging, index, core::slice::from_ref(page))
                };
                if let Err(error) = alone {
                    self.counters.count(Event::PageOutError);
                    self.note_write(object, &mut object.write(), index, *page);
                    failed = Some(error);
                }
            }
        }
        let mut state = object.write();
        for (index, &page) in (taken.first..).zip(pages) {
            self.take_from_laundry(&state, index, page);
        }
        let mut known = paging.known();
        if let Some(place) = known.cleaning.get_mut(taken.place) {
            *place = None;
        }
        known.error = failed.or(known.error);
        M::wakeup(sync::Event::of(&**paging));
        drop(known);
        object.wake(&mut state);
        drop(state);
        self.unpin(object);
    }

    fn give_run(&self, paging: &Paging<M>, first: u64, pages: &[PageId]) -> Result<(), PagerError> {
        self.counters.count(Event::PageOutRequest);
        let mut request = PageOut::new(self, first << M::PAGE_SHIFT, pages);
        let returned = paging.pager.data_return(&mut request);
        let result = request.end(returned);
        if result.is_ok() {
            self.counters.add(Event::PageOut, pages.len() as u64);
        }
        result
    }

    /// Pages from `from` to before `to` were written by `object_write`: a writer in order has what is
    /// well behind it written, and one that has made too much dirty writes its own first.
    pub(crate) fn write_behind(&self, object: &ObjRef<M>, (from, to): (u64, u64)) {
        let Some(paging) = &object.paging else { return };
        let run = most::<M>();
        let begun = {
            let mut known = paging.known();
            let (end, begin) = known.behind;
            let begin = if from == end || from.saturating_add(1) == end {
                begin
            } else {
                from
            };
            known.behind = (to, begin);
            let due = to.saturating_sub(begin) >= run.saturating_mul(BEHIND);
            if due {
                let next = begin.saturating_add(run);
                known.behind = (to, run_of::<M>(next).0);
            }
            due.then_some((begin, known.behind.1))
        };
        if let Some(part) = begun {
            let _ = self.sync_part(object, part, SyncFlags::empty());
        }
        if self.dirty_pages() > self.targets().dirty_limit && paging.dirty.load(Relaxed) != 0 {
            let _ = self.sync_part(object, (0, u64::MAX), SyncFlags::empty());
        }
    }
}
