//! Files become longer and shorter while programs map them.
//!
//! Owns: what is cut off and what is added. Does not own: a file's size in bytes (`kernel`).
//! Locks: the copy object, then the object; neither while a page is pushed. Invariant: I-OBJ-7.
//!
//! A private mapping keeps what is cut off, as it keeps what is overwritten: each page goes to the copy
//! object first, where the file has a hole a page of zeros. So does XNU, which faults the pages in for
//! the copy object before it flushes the original's (xnu-vm.md §3.2, §8.3); a shared mapping gets SIGBUS
//! there. All of that may fail and changes nothing that shows; the cut itself cannot.

use super::delayed::is_same;
use super::pages::NoMemory;
use super::slot::Slot;
use super::{ObjRef, ObjectRef, ObjectState};
use crate::addr::PageId;
use crate::batch::TlbBatch;
use crate::machine::Machine;
use crate::pageout::Relief;
use crate::pager::paging::PagingBox;
use crate::vm::Vm;
use abi::KernReturn;

/// Pages of zeros that are made at most while objects are locked.
const ZEROS: usize = 32;

/// What must happen, with no lock held, before the size may change.
enum Before {
    /// A page has to be waited for: it is busy, or with the pager.
    Wait(u64),
    /// Pages from here on are on their way to the pager: their frames must stay until they are there.
    Clean(u64),
    /// A page has to be pushed.
    Push(u64),
    /// There is more to do than may be done at once.
    More,
    /// Another copy object came.
    Again,
    /// There is no memory.
    Memory,
}

/// The copy object of a file, and from which page on it may lack some of what is cut off.
struct Front<M: Machine> {
    copy: Option<ObjRef<M>>,
    lacks: u64,
}

/// A new size.
#[derive(Clone, Copy)]
struct Size {
    /// Whole pages, and the last one if it is begun.
    pages: u64,
    /// Bytes of the last page that are in the object; 0: all.
    inside: u64,
    /// All bytes.
    bytes: u64,
}

impl Size {
    /// The first page of which something is cut off.
    const fn first_cut(self) -> u64 {
        if self.inside == 0 {
            self.pages
        } else {
            self.pages.saturating_sub(1)
        }
    }

    fn new<M: Machine>(bytes: u64) -> Self {
        Self {
            pages: bytes.div_ceil(M::PAGE_SIZE),
            inside: bytes & M::PAGE_SIZE.wrapping_sub(1),
            bytes,
        }
    }
}

impl<M: Machine> Vm<M> {
    /// Changes the size to `size` bytes. What is cut off is gone, from shared mappings too; what is
    /// added reads as zeros. Private mappings keep what they showed. A pager is asked for what a private
    /// mapping keeps, and for the rest of a page that is cut: it is dirty afterwards, its end zeros.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`, `MEMORY_ERROR` (the pager's); the size and what shows are the old ones then.
    pub fn object_resize(&self, object: &ObjectRef<M>, size: u64) -> Result<(), KernReturn> {
        let size = Size::new::<M>(size);
        let mut front = None;
        let mut relief = Relief::new();
        loop {
            let mut batch = self.frames.batch();
            let changed = self
                .front_of(&object.0, &mut front)
                .and_then(|front| self.try_resize(&object.0, front, size, &mut batch));
            self.frames.finish(batch);
            match changed {
                Ok(()) => return Ok(()),
                Err(Before::More) => {}
                Err(Before::Again) => front = None,
                Err(Before::Wait(index)) => self.wait_page(&object.0, index)?,
                Err(Before::Clean(index)) => {
                    if let Some(paging) = &object.0.paging {
                        paging.wait_clean((index, u64::MAX));
                    }
                }
                Err(Before::Push(index)) => {
                    if let Err(NoMemory) = self.push(&object.0, index)
                        && !self.relieve_within(&mut relief)
                    {
                        return Err(self.shortage());
                    }
                }
                Err(Before::Memory) if self.relieve_within(&mut relief) => {}
                Err(Before::Memory) => return Err(self.shortage()),
            }
        }
    }

    /// The copy object, as it was found first.
    fn front_of<'a>(
        &self,
        object: &ObjRef<M>,
        front: &'a mut Option<Front<M>>,
    ) -> Result<&'a mut Front<M>, Before> {
        if front.is_none() {
            let copy = object.read().copy.as_ref().map(|copy| copy.try_ref());
            let copy = copy.transpose().map_err(|_| Before::Memory)?;
            return Ok(front.insert(Front { copy, lacks: 0 }));
        }
        front.as_mut().ok_or(Before::Again)
    }

    fn try_resize(
        &self,
        object: &ObjRef<M>,
        Front { copy, lacks }: &mut Front<M>,
        size: Size,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Before> {
        let mut front = copy.as_ref().map(|copy| copy.write());
        let mut state = object.write();
        if !is_same(&state.copy, copy) {
            return Err(Before::Again);
        }
        self.check_tail(object, &state, size)?;
        self.check_old_tail(object, &state, size)?;
        if size.pages < state.size {
            let mut cut = state.slots.range(size.pages, u64::MAX);
            let busy = cut.find(|(_, slot)| matches!(slot, Slot::Busy(_)));
            if let Some((index, _)) = busy {
                return Err(Before::Wait(index));
            }
            drop(cut);
            let paging = object.paging.as_ref();
            if paging.is_some_and(|paging| paging.cleans((size.pages, u64::MAX))) {
                return Err(Before::Clean(size.pages));
            }
            if let Some(front) = &mut front {
                self.keep_cut(front, (object, &state), size, lacks)?;
            }
            self.forget_writes(object, &mut state, (size.pages, u64::MAX));
            self.free_range(&mut state, size.pages, u64::MAX, batch);
            self.zero_wired(&state, size.pages);
        } else {
            let grown = state
                .slots
                .grow(size.pages, &self.zones.nodes, &self.frames);
            grown.map_err(|_| Before::Memory)?;
        }
        state.size = size.pages;
        let old = object.paging.as_ref().map(|paging| {
            let mut known = paging.known();
            core::mem::replace(&mut known.bytes, size.bytes)
        });
        let index = size.first_cut();
        if size.inside != 0
            && let Some(page) = state.slots.get(index).page()
        {
            // It reads as zeros if the object grows again.
            self.zero_bytes(page, size.inside);
            if old.is_some_and(|old| size.bytes < old) {
                self.note_write(object, &mut state, index, page);
            }
        }
        if let Some(old) = old.map(Size::new::<M>).filter(|old| old.bytes < size.bytes)
            && let Some(page) = self.written_tail(&state, old)
        {
            self.zero_bytes(page, old.inside);
        }
        Ok(())
    }

    /// The last page of the size `old`, if programs may have written it beyond that.
    fn written_tail(&self, state: &ObjectState<M>, old: Size) -> Option<PageId> {
        let page = state.slots.get(old.first_cut()).page()?;
        let written = old.inside != 0 && self.frames.pages().get(page).is_written_to();
        written.then_some(page)
    }

    /// Whether what programs wrote beyond the old end can be made zero before it shows.
    fn check_old_tail(
        &self,
        object: &ObjRef<M>,
        state: &ObjectState<M>,
        size: Size,
    ) -> Result<(), Before> {
        let Some(paging) = &object.paging else {
            return Ok(());
        };
        let old = Size::new::<M>(paging.known().bytes);
        let index = old.first_cut();
        match self.written_tail(state, old) {
            Some(_) if old.bytes >= size.bytes => Ok(()),
            Some(page) if self.frames.pages().get(page).is_owed() => Err(Before::Push(index)),
            Some(_) if matches!(state.slots.get(index), Slot::Busy(_)) => Err(Before::Wait(index)),
            _ => Ok(()),
        }
    }

    /// Whether the rest of the last page can be made zero.
    fn check_tail(
        &self,
        object: &ObjRef<M>,
        state: &ObjectState<M>,
        size: Size,
    ) -> Result<(), Before> {
        let index = size.first_cut();
        let cut = |paging: &PagingBox<M>| size.bytes < paging.known().bytes;
        match state.slots.get(index) {
            _ if size.inside == 0 => Ok(()),
            Slot::Empty if object.paging.as_ref().is_some_and(cut) => Err(Before::Wait(index)),
            Slot::Busy(_) => Err(Before::Wait(index)),
            Slot::Resident(page) if self.frames.pages().get(page).is_owed() => {
                Err(Before::Push(index))
            }
            _ => Ok(()),
        }
    }

    /// Whether the copy object has all that it shows of what is cut off. Holes become pages of zeros.
    fn keep_cut(
        &self,
        front: &mut ObjectState<M>,
        (object, state): (&ObjRef<M>, &ObjectState<M>),
        size: Size,
        lacks: &mut u64,
    ) -> Result<(), Before> {
        let window = front.window();
        let first = window.from.max(size.pages).max(*lacks);
        let offset = front.shadow.as_ref().map_or(0, |shadow| shadow.offset);
        let mut made = 0usize;
        for index in first..window.end().min(state.size) {
            *lacks = index;
            let there = index.saturating_sub(offset);
            if front.slots.get(there) != Slot::Empty {
                continue;
            }
            if state.slots.get(index) != Slot::Empty {
                return Err(Before::Push(index));
            }
            if object.is_paged() {
                return Err(Before::Wait(index));
            }
            if made == ZEROS {
                return Err(Before::More);
            }
            made = made.saturating_add(1);
            let zero = |machine: &M, page: PageId| machine.zero_page(page);
            let added = self.add_pushed(super::ObjectKind::Anonymous, front, there, zero);
            added.map_err(|NoMemory| Before::Memory)?;
        }
        Ok(())
    }

    /// Wired pages stay mapped beyond the end; they read as zeros if the object grows again.
    fn zero_wired(&self, state: &ObjectState<M>, from: u64) {
        for (_, slot) in state.slots.range(from, u64::MAX) {
            if let Some(page) = slot.page() {
                self.zero_bytes(page, 0);
            }
        }
    }
}
