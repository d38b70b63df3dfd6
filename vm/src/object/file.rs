//! Objects of files: the kernel reads and writes their pages, programs map them.
//!
//! Owns: handles, reading and writing through kernel buffers.
//! Does not own: names, directories, what a file is, its size (`resize`), what is not in memory (`pager`). Of an
//! object without a pager, a page that was never written reads as zeros.
//! Locks: the object's. A resident page is written while it is busy and the object unlocked.

use super::pages::NoMemory;
use super::slot::Slot;
use super::{CopyStrategy, ObjRef, ObjectKind, ObjectRef};
use crate::addr::PageId;
use crate::fault::FaultError;
use crate::machine::{CacheMode, Machine, RefMod};
use crate::pageout::Relief;
use crate::pager::paging::Paging;
use crate::pager::{Ahead, Pager, page_in::Wanted};
use crate::vm::Vm;
use abi::KernReturn;

impl<M: Machine> Vm<M> {
    /// A new object for a file of `size` bytes, all zeros.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`.
    pub fn object_create(&self, size: u64) -> Result<ObjectRef<M>, KernReturn> {
        self.handle(self.new_object(ObjectKind::Named, pages_of::<M>(size))?)
    }

    /// A new object for a file of `size` bytes that `pager` has.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`.
    pub fn object_create_paged(
        &self,
        pager: M::Pager,
        size: u64,
    ) -> Result<ObjectRef<M>, KernReturn> {
        let paging = Paging::new(pager, size);
        let paging = self.zones.pagings.alloc(&self.frames, paging);
        let paging = paging.map_err(|_| self.shortage())?;
        let object = self.new_paged(paging, pages_of::<M>(size))?;
        let again = object.try_ref();
        let again = again.map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
        let object = self.handle(object)?;
        let number = again.read().number;
        self.paged.add(number, again);
        if let Some(paging) = &object.0.paging {
            paging.pager.initialize(object.0.serial);
        }
        Ok(object)
    }

    /// A new object of `size` bytes, all zeros, whose pages are mapped with this caching: a frame
    /// buffer, memory that a device reads.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`.
    pub fn object_create_cached(
        &self,
        size: u64,
        cache: CacheMode,
    ) -> Result<ObjectRef<M>, KernReturn> {
        self.handle(self.new_uncached(pages_of::<M>(size), cache)?)
    }

    /// The first handle of a new object.
    pub(super) fn handle(&self, object: ObjRef<M>) -> Result<ObjectRef<M>, KernReturn> {
        object.write().handles = 1;
        self.registry.add_object(self, &object)?;
        Ok(ObjectRef(object))
    }

    /// A new object without size for memory that tasks share by name: writes are seen by all who map
    /// it, and a copy of it is made at once.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`.
    pub fn object_create_shared(&self) -> Result<ObjectRef<M>, KernReturn> {
        let object = self.new_object(ObjectKind::Anonymous, 0)?;
        {
            let mut state = object.write();
            state.handles = 1;
            state.strategy = CopyStrategy::None;
            state.true_share = true;
            state.aliased = true;
        }
        self.registry.add_object(self, &object)?;
        Ok(ObjectRef(object))
    }

    /// One handle more.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE` if there are too many.
    pub fn object_reference(&self, object: &ObjectRef<M>) -> Result<ObjectRef<M>, KernReturn> {
        let another = object.0.try_ref();
        let another = another.map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
        let mut state = another.write();
        state.refs = state.refs.saturating_add(1);
        state.handles = state.handles.saturating_add(1);
        drop(state);
        Ok(ObjectRef(another))
    }

    /// Gives a handle up. The object ends when nothing maps it any more.
    pub fn object_release(&self, object: ObjectRef<M>) {
        let left = {
            let mut state = object.0.write();
            state.handles = state.handles.saturating_sub(1);
            state.handles
        };
        if left == 0 {
            // The audit finds it by what maps it from now on.
            self.registry.remove_object(&object.0);
        }
        let mut batch = self.frames.batch();
        self.release_object(object.0, &mut batch);
        self.frames.finish(batch);
        self.tell_pagers();
    }

    /// A number that names the object; regions that show it carry it.
    pub fn object_id(&self, object: &ObjectRef<M>) -> u64 {
        object.0.serial
    }

    /// Pages of the object that are in memory.
    pub fn object_resident(&self, object: &ObjectRef<M>) -> crate::addr::Pages {
        crate::addr::Pages(object.0.read().slots.len())
    }

    /// Writes zeros from a byte of a page to its end, while programs may have it mapped. The
    /// page's object is locked.
    pub(crate) fn zero_bytes(&self, page: PageId, from: u64) {
        let zeros = [0u8; 256];
        let mut at = from;
        while at < M::PAGE_SIZE {
            let count = M::PAGE_SIZE.wrapping_sub(at).min(zeros.len() as u64);
            let part = zeros.get(..count as usize).unwrap_or(&zeros);
            self.machine().write_page(page, at as usize, part);
            at = at.saturating_add(count);
        }
    }

    /// Reads from `offset` bytes on. The caller keeps within the file's size; beyond the object it
    /// reads zeros.
    ///
    /// # Errors
    /// `Pager`: the pager's; `Shortage` without a frame.
    pub fn object_read(
        &self,
        object: &ObjectRef<M>,
        offset: u64,
        into: &mut [u8],
    ) -> Result<(), FaultError> {
        self.object_read_ahead(object, offset, into, Ahead::Default)
    }

    /// The same, and what is known of the reads to come.
    ///
    /// # Errors
    /// As [`Vm::object_read`].
    pub fn object_read_ahead(
        &self,
        object: &ObjectRef<M>,
        offset: u64,
        into: &mut [u8],
        ahead: Ahead,
    ) -> Result<(), FaultError> {
        let mut offset = offset;
        let mut rest = into;
        while !rest.is_empty() {
            let inside = offset & M::PAGE_SIZE.wrapping_sub(1);
            let room = M::PAGE_SIZE.wrapping_sub(inside) as usize;
            let count = room.min(rest.len());
            let (part, after) = rest.split_at_mut(count);
            let index = offset >> M::PAGE_SHIFT;
            loop {
                let state = object.0.read();
                match state.slots.get(index) {
                    Slot::Empty if object.0.is_paged() && index < state.size => {
                        drop(state);
                        let rest = part.len().saturating_add(after.len()) as u64;
                        let pages = inside.saturating_add(rest).div_ceil(M::PAGE_SIZE);
                        let wanted = Wanted {
                            index,
                            pages,
                            ahead,
                        };
                        self.page_in(&object.0, wanted)?;
                        continue;
                    }
                    Slot::Empty => part.fill(0),
                    Slot::Resident(page) => {
                        self.machine().read_page(page, inside as usize, part);
                        self.frames.pages().get(page).mark(RefMod::REFERENCED);
                        self.use_speculative(page);
                    }
                    Slot::Busy(_) => {
                        drop(state);
                        self.counters.count(crate::counters::Event::BusyWait);
                        object.0.wait_busy(index);
                        continue;
                    }
                }
                break;
            }
            rest = after;
            offset = offset.saturating_add(count as u64);
        }
        Ok(())
    }

    /// Writes from `offset` bytes on. What lies beyond the object's size is an error; the caller
    /// resizes first.
    ///
    /// # Errors
    /// `InvalidAddress` beyond the size, `Shortage` without a frame, `Pager` where a part of a page
    /// could not be read first; what was written before stays.
    pub fn object_write(
        &self,
        object: &ObjectRef<M>,
        offset: u64,
        from: &[u8],
    ) -> Result<(), FaultError> {
        let mut offset = offset;
        let mut rest = from;
        let mut relief = Relief::new();
        while !rest.is_empty() {
            let inside = offset & M::PAGE_SIZE.wrapping_sub(1);
            let room = M::PAGE_SIZE.wrapping_sub(inside) as usize;
            let (part, after) = rest.split_at(room.min(rest.len()));
            let index = offset >> M::PAGE_SHIFT;
            match self.write_part(&object.0, index, inside as usize, part) {
                Err(FaultError::Shortage) if self.relieve_within(&mut relief) => continue,
                Err(FaultError::Shortage) => {
                    self.shortage();
                    return Err(FaultError::Shortage);
                }
                written => written?,
            }
            relief = Relief::new();
            rest = after;
            offset = offset.saturating_add(part.len() as u64);
        }
        if object.0.is_paged() && !from.is_empty() {
            let begin = offset.saturating_sub(from.len() as u64);
            let part = (begin >> M::PAGE_SHIFT, offset.div_ceil(M::PAGE_SIZE));
            self.write_behind(&object.0, part);
        }
        Ok(())
    }

    fn write_part(
        &self,
        object: &ObjRef<M>,
        index: u64,
        inside: usize,
        part: &[u8],
    ) -> Result<(), FaultError> {
        let whole = part.len() as u64 == M::PAGE_SIZE;
        let page = loop {
            let mut guard = object.write();
            let state = &mut *guard;
            if index >= state.size {
                return Err(FaultError::InvalidAddress);
            }
            match state.slots.get(index) {
                Slot::Resident(page) if self.frames.pages().get(page).is_owed() => {
                    drop(guard);
                    let pushed = self.push(object, index);
                    pushed.map_err(|NoMemory| FaultError::Shortage)?;
                }
                Slot::Resident(page) => {
                    state.slots.replace(index, Slot::Busy(page));
                    break page;
                }
                Slot::Empty if object.is_paged() && !(whole && state.copy.is_none()) => {
                    drop(guard);
                    self.page_in(object, Wanted::one(index))?;
                }
                Slot::Empty if state.copy.is_some() => {
                    let (slots, number) = (&mut state.slots, state.number);
                    let zero = |machine: &M, page| machine.zero_page(page);
                    let added = self.add_page(object.kind.content(), slots, number, index, zero);
                    let page = added.map_err(|NoMemory| FaultError::Shortage)?;
                    self.frames.pages().get(page).set_owed();
                }
                Slot::Empty => {
                    let (slots, number) = (&mut state.slots, state.number);
                    let fill = |machine: &M, page| {
                        if !whole {
                            machine.zero_page(page);
                        }
                        machine.write_page(page, inside, part);
                    };
                    let added = self.add_page(object.kind.content(), slots, number, index, fill);
                    let page = added.map_err(|NoMemory| FaultError::Shortage)?;
                    self.note_write(object, state, index, page);
                    return Ok(());
                }
                Slot::Busy(_) => {
                    drop(guard);
                    self.counters.count(crate::counters::Event::BusyWait);
                    object.wait_busy(index);
                }
            }
        };
        self.machine().write_page(page, inside, part);
        let record = self.frames.pages().get(page);
        record.clear_fetchable();
        let mut state = object.write();
        self.note_write(object, &mut state, index, page);
        object.unbusy(&mut state, index);
        Ok(())
    }
}

const fn pages_of<M: Machine>(size: u64) -> u64 {
    size.div_ceil(M::PAGE_SIZE)
}
