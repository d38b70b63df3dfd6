//! Pages of a file that are held while their bytes go straight to a program, or come from one.
//!
//! Owns: which pages are held at once, and that they are given back. Does not own: the copy, which is the
//! kernel's, and where a file ends (`vfs`).
//! Locks: the object's, to hold and to give back; none during the copy, for which the pages are busy.
//!
//! A fault of the copy may wait for one of these very pages, if the program has mapped them. So the copy does
//! not fault: where the program's page is not there it stops, the pages are given back, and the caller moves
//! some bytes another way, which brings the program's page in.

use super::slot::Slot;
use super::{ObjRef, ObjectRef, ObjectState};
use crate::addr::PageId;
use crate::counters::Event;
use crate::fault::FaultError;
use crate::frames::Need;
use crate::machine::{Machine, RefMod};
use crate::object::pages::NoMemory;
use crate::pager::{Ahead, page_in::Wanted};
use crate::vm::Vm;

/// Pages that are held at once: 64 KiB of small ones.
const MOST: usize = 16;

/// Bytes of one page that are to be copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The page, which is busy meanwhile, or has nothing but zeros.
    pub page: PageId,
    /// Its first byte that is meant.
    pub inside: u64,
    /// How many bytes.
    pub length: u64,
    /// How many bytes of the same call came before them.
    pub done: u64,
}

/// How the copy of a piece went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// All bytes were copied.
    Yes,
    /// It stopped at a page that was not there; some bytes may have been copied.
    No,
}

/// Pages that this thread made busy, from index `first` on.
struct Held {
    first: u64,
    count: usize,
    pages: [PageId; MOST],
    /// They are new to the object and have no contents.
    fresh: bool,
}

impl Held {
    fn pages(&self) -> &[PageId] {
        self.pages.get(..self.count).unwrap_or(&[])
    }
}

/// The bytes of a call that are still to be moved.
#[derive(Clone, Copy)]
struct Rest {
    at: u64,
    length: u64,
    done: u64,
}

impl Rest {
    fn of((at, length): (u64, u64), done: u64) -> Self {
        Self {
            at: at.saturating_add(done),
            length: length.saturating_sub(done),
            done,
        }
    }

    fn first<M: Machine>(self) -> u64 {
        self.at >> M::PAGE_SHIFT
    }

    /// The page after the last one.
    fn end<M: Machine>(self) -> u64 {
        self.at.saturating_add(self.length).div_ceil(M::PAGE_SIZE)
    }

    /// Whether all of a page is among them.
    fn covers<M: Machine>(self, index: u64) -> bool {
        let end = self.at.saturating_add(self.length);
        index << M::PAGE_SHIFT >= self.at
            && index.saturating_add(1).saturating_mul(M::PAGE_SIZE) <= end
    }

    /// Has these pages' bytes copied; answers how many were, and how many pages the copy came to.
    fn copy<M: Machine>(
        self,
        pages: &[PageId],
        each: &mut impl FnMut(Piece) -> Moved,
    ) -> (u64, usize) {
        let mut inside = self.at & M::PAGE_SIZE.wrapping_sub(1);
        let mut moved = 0u64;
        for (number, &page) in pages.iter().enumerate() {
            let left = self.length.wrapping_sub(moved);
            let length = M::PAGE_SIZE.wrapping_sub(inside).min(left);
            let piece = Piece {
                page,
                inside,
                length,
                done: self.done.wrapping_add(moved),
            };
            if each(piece) == Moved::No {
                return (moved, number.wrapping_add(1));
            }
            moved = moved.wrapping_add(length);
            inside = 0;
        }
        (moved, pages.len())
    }
}

impl<M: Machine> Vm<M> {
    /// Has `take` copy `length` bytes from `offset` on, piece by piece, out of the object's pages; answers how
    /// many were copied before it stopped. The caller keeps within the file's size; beyond the object there are
    /// zeros. `take` neither faults nor waits.
    ///
    /// # Errors
    /// As [`Vm::object_read`], if nothing was copied.
    pub fn object_read_held(
        &self,
        object: &ObjectRef<M>,
        (offset, length): (u64, u64),
        ahead: Ahead,
        mut take: impl FnMut(Piece) -> Moved,
    ) -> Result<u64, FaultError> {
        let mut done = 0u64;
        while done < length {
            let rest = Rest::of((offset, length), done);
            let (moved, all) = match self.hold_to_read(&object.0, rest, ahead) {
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
                Ok(None) => {
                    let (moved, _) = rest.copy::<M>(&[self.zero_frame], &mut take);
                    (moved, moved != 0)
                }
                Ok(Some(held)) => {
                    let (moved, _) = rest.copy::<M>(held.pages(), &mut take);
                    let mut state = object.0.write();
                    state.slots.release(held.first, held.count);
                    object.0.wake(&mut state);
                    let end = held.first.saturating_add(held.count as u64);
                    let reached = rest.at.saturating_add(moved);
                    let all = moved == rest.length || reached == end << M::PAGE_SHIFT;
                    (moved, all)
                }
            };
            done = done.saturating_add(moved);
            if !all {
                break;
            }
        }
        Ok(done)
    }

    /// Holds the first pages of a read. `None`: it begins with a hole.
    #[inline]
    fn hold_to_read(
        &self,
        object: &ObjRef<M>,
        rest: Rest,
        ahead: Ahead,
    ) -> Result<Option<Held>, FaultError> {
        let (first, end) = (rest.first::<M>(), rest.end::<M>());
        let mut held = Held {
            first,
            count: 0,
            pages: [self.zero_frame; MOST],
            fresh: false,
        };
        loop {
            let mut state = object.write();
            let most = end.wrapping_sub(first).min(MOST as u64) as usize;
            held.count = state.slots.hold(first, &mut held.pages[..most], |_| true);
            if held.count != 0 {
                for &page in held.pages() {
                    self.frames.pages().get(page).mark(RefMod::REFERENCED);
                    self.use_speculative(page);
                }
                return Ok(Some(held));
            }
            match state.slots.get(first) {
                Slot::Empty if object.is_paged() && first < state.size => {
                    drop(state);
                    let wanted = Wanted {
                        index: first,
                        pages: end.wrapping_sub(first),
                        ahead,
                    };
                    self.page_in(object, wanted)?;
                }
                Slot::Busy(_) => {
                    drop(state);
                    self.counters.count(Event::BusyWait);
                    object.wait_busy(first);
                }
                _ => return Ok(None),
            }
        }
    }

    /// Has `give` copy `length` bytes, piece by piece, into the object's pages from `offset` on; answers how many
    /// were copied before it stopped. `give` neither faults nor waits.
    ///
    /// # Errors
    /// As [`Vm::object_write`], if nothing was copied.
    pub fn object_write_held(
        &self,
        object: &ObjectRef<M>,
        (offset, length): (u64, u64),
        mut give: impl FnMut(Piece) -> Moved,
    ) -> Result<u64, FaultError> {
        let mut done = 0u64;
        while done < length {
            let rest = Rest::of((offset, length), done);
            let held = match self.hold_to_write(&object.0, rest) {
                Err(FaultError::Shortage) if self.relieve() => continue,
                Err(error) if done == 0 => {
                    if error == FaultError::Shortage {
                        self.shortage();
                    }
                    return Err(error);
                }
                Err(_) => break,
                Ok(held) => held,
            };
            let (moved, touched) = rest.copy::<M>(held.pages(), &mut give);
            let reached = rest.at.saturating_add(moved);
            let end = held.first.saturating_add(held.count as u64) << M::PAGE_SHIFT;
            let all = moved == rest.length || reached == end;
            // A new page whose bytes did not all come has no contents that anybody may see.
            let whole = if all {
                held.count
            } else {
                touched.saturating_sub(1)
            };
            let good = if held.fresh { whole } else { touched };
            self.release_written(&object.0, &held, good);
            done = done.saturating_add(moved);
            if !all {
                break;
            }
        }
        if object.0.is_paged() && done != 0 {
            let end = offset.saturating_add(done).div_ceil(M::PAGE_SIZE);
            self.write_behind(&object.0, (offset >> M::PAGE_SHIFT, end));
        }
        Ok(done)
    }

    /// Gives pages back after a write: the first `good` have changed, or have contents now.
    fn release_written(&self, object: &ObjRef<M>, held: &Held, good: usize) {
        let mut state = object.write();
        for (number, &page) in held.pages().iter().enumerate() {
            let index = held.first.wrapping_add(number as u64);
            if number >= good {
                if held.fresh {
                    state.slots.remove(index);
                    self.frames.give_page(page);
                }
                continue;
            }
            let record = self.frames.pages().get(page);
            if held.fresh {
                let number = state.number;
                self.page_filled(page, object.kind.content(), number, index);
            } else {
                record.clear_fetchable();
            }
        }
        let written = held.pages().get(..good).unwrap_or_default();
        self.note_writes(object, &mut state, held.first, written);
        let kept = if held.fresh { good } else { held.count };
        state.slots.release(held.first, kept);
        object.wake(&mut state);
    }

    /// Holds the first pages of a write.
    #[inline]
    fn hold_to_write(&self, object: &ObjRef<M>, rest: Rest) -> Result<Held, FaultError> {
        let (first, end) = (rest.first::<M>(), rest.end::<M>());
        let mut held = Held {
            first,
            count: 0,
            pages: [self.zero_frame; MOST],
            fresh: false,
        };
        loop {
            let mut guard = object.write();
            let state = &mut *guard;
            if first >= state.size {
                return Err(FaultError::InvalidAddress);
            }
            let most = end.min(state.size).wrapping_sub(first).min(MOST as u64) as usize;
            let pages = self.frames.pages();
            held.count = state.slots.hold(first, &mut held.pages[..most], |page| {
                !pages.get(page).is_owed()
            });
            if held.count != 0 {
                return Ok(held);
            }
            match state.slots.get(first) {
                Slot::Resident(_) => {
                    drop(guard);
                    let pushed = self.push(object, first);
                    pushed.map_err(|NoMemory| FaultError::Shortage)?;
                }
                Slot::Busy(_) => {
                    drop(guard);
                    self.counters.count(Event::BusyWait);
                    object.wait_busy(first);
                }
                Slot::Empty
                    if object.is_paged() && !(rest.covers::<M>(first) && state.copy.is_none()) =>
                {
                    drop(guard);
                    self.page_in(object, Wanted::one(first))?;
                }
                Slot::Empty if state.copy.is_some() => {
                    let (slots, number) = (&mut state.slots, state.number);
                    let zero = |machine: &M, page| machine.zero_page(page);
                    let added = self.add_page(object.kind.content(), slots, number, first, zero);
                    let page = added.map_err(|NoMemory| FaultError::Shortage)?;
                    self.frames.pages().get(page).set_owed();
                }
                Slot::Empty => {
                    self.hold_fresh(object, state, rest, &mut held, most);
                    return if held.count == 0 {
                        Err(FaultError::Shortage)
                    } else {
                        Ok(held)
                    };
                }
            }
        }
    }

    /// Puts new frames, busy, where a write finds no pages and needs none read; as many as there are, in one node.
    fn hold_fresh(
        &self,
        object: &ObjRef<M>,
        state: &mut ObjectState<M>,
        rest: Rest,
        held: &mut Held,
        most: usize,
    ) {
        held.fresh = true;
        let most = most.min(state.slots.together(held.first));
        while held.count < most {
            let index = held.first.wrapping_add(held.count as u64);
            let whole = rest.covers::<M>(index);
            if state.slots.get(index) != Slot::Empty || (object.is_paged() && !whole) {
                return;
            }
            let Some(page) = self.frames.take(Need::Normal) else {
                return;
            };
            let (nodes, slot) = (&self.zones.nodes, Slot::Busy(page));
            let inserted = state.slots.insert(index, slot, nodes, &self.frames);
            let (Ok(()), Some(place)) = (inserted, held.pages.get_mut(held.count)) else {
                self.frames.give_page(page);
                return;
            };
            self.frames.pages().get(page).set_owner(state.number, index);
            if !whole {
                self.machine().zero_page(page);
            }
            *place = page;
            held.count = held.count.wrapping_add(1);
        }
    }
}
