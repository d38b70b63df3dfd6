//! Bytes between a map and a frame that nobody else has.
//!
//! Owns: reading what a map shows, writing what it may write, with the rights checked at the moment of
//! the copy. Locks: the map shared, the page's object (to write: alone) over each piece, so that neither
//! the protection nor the page changes under it.

use crate::addr::{PageId, VirtAddr};
use crate::machine::Machine;
use crate::map::{Map, MapState};
use crate::object::ObjRef;
use crate::object::shadow::Below;
use crate::object::slot::Slot;
use crate::vm::Vm;
use abi::{KernReturn, Protection};

/// How a piece went.
enum Piece<M: Machine> {
    Done,
    /// A page that is busy, or with its pager: wait for it at this object and index.
    Wait(ObjRef<M>, u64),
    /// The page must be brought in first.
    Fault,
}

impl<M: Machine> Vm<M> {
    /// Reads `count` bytes at `at`, at most a page, into the beginning of a frame.
    ///
    /// # Errors
    /// `INVALID_ADDRESS`, `PROTECTION_FAILURE`, by the first byte that has one.
    pub(super) fn read_bytes(
        &self,
        map: &Map<M>,
        at: VirtAddr,
        count: u64,
        into: PageId,
    ) -> Result<(), KernReturn> {
        let mut done = 0u64;
        while done < count {
            let from = at.0.checked_add(done).ok_or(KernReturn::INVALID_ADDRESS)?;
            let part = part_of_page::<M>(from, count.saturating_sub(done));
            let piece = self.read_piece(&map.read(), VirtAddr(from), part, (into, done))?;
            match piece {
                Piece::Done => done = done.saturating_add(part),
                Piece::Wait(object, index) => self.wait_page(&object, index)?,
                Piece::Fault => {}
            }
        }
        Ok(())
    }

    fn read_piece(
        &self,
        state: &MapState<M>,
        from: VirtAddr,
        part: u64,
        (into, offset): (PageId, u64),
    ) -> Result<Piece<M>, KernReturn> {
        let entry = state.tree.find(from).ok_or(KernReturn::INVALID_ADDRESS)?;
        if !entry.attributes.protection.contains(Protection::READ) {
            return Err(KernReturn::PROTECTION_FAILURE);
        }
        let inside = from.0 & M::PAGE_SIZE.wrapping_sub(1);
        let copy = |page| {
            let (page, to) = ((page, inside as usize), (into, offset as usize));
            self.machine().copy_bytes(page, to, part as usize);
            Ok(Piece::Done)
        };
        let zeros = || copy(self.zero_frame);
        let Some(object) = &entry.object else {
            return zeros();
        };
        let index = entry.index(from);
        let top = object.read();
        match (top.slots.get(index), &top.shadow) {
            (Slot::Resident(page), _) => copy(page),
            (Slot::Busy(_), _) => waits(object, index),
            _ if object.is_device() => Err(KernReturn::PROTECTION_FAILURE),
            (Slot::Empty, None) if index >= top.size => Err(KernReturn::MEMORY_ERROR),
            (Slot::Empty, None) if object.is_paged() => waits(object, index),
            (Slot::Empty, None) => zeros(),
            (Slot::Empty, Some(shadow)) => self.look_below(shadow, index, |below| match below {
                Below::Page(page, ..) => copy(page),
                Below::Busy(object, index) => waits(object, index),
                Below::Paged(object, index) => waits(object, index),
                Below::Nothing => zeros(),
                Below::Beyond => Err(KernReturn::MEMORY_ERROR),
            }),
        }
    }

    /// Writes `count` bytes, at most a page, from `offset` of a frame on to `at`.
    ///
    /// # Errors
    /// `INVALID_ADDRESS`, `PROTECTION_FAILURE`, `RESOURCE_SHORTAGE`; what was written before stays.
    /// Without other threads there is none after [`Vm::make_writable`].
    pub(crate) fn write_bytes(
        &self,
        map: &Map<M>,
        at: VirtAddr,
        count: u64,
        from: PageId,
        offset: u64,
    ) -> Result<(), KernReturn> {
        let mut done = 0u64;
        while done < count {
            let to = at.0.checked_add(done).ok_or(KernReturn::INVALID_ADDRESS)?;
            let part = part_of_page::<M>(to, count.saturating_sub(done));
            let source = (from, offset.saturating_add(done));
            let piece = self.write_piece(&map.read(), VirtAddr(to), part, source)?;
            match piece {
                Piece::Done => {
                    done = done.saturating_add(part);
                    continue;
                }
                Piece::Wait(object, index) => self.wait_page(&object, index)?,
                Piece::Fault => self.fault(map, VirtAddr(to), Protection::WRITE)?,
            }
        }
        Ok(())
    }

    /// Brings in every page that `count` bytes at `at` touch, so that writing them takes no memory.
    ///
    /// # Errors
    /// As [`Vm::write_bytes`]; nothing that shows has changed.
    pub(super) fn make_writable(
        &self,
        map: &Map<M>,
        at: VirtAddr,
        count: u64,
    ) -> Result<(), KernReturn> {
        let mut done = 0u64;
        while done < count {
            let to = at.0.checked_add(done).ok_or(KernReturn::INVALID_ADDRESS)?;
            let nothing = (self.zero_frame, 0);
            let piece = self.write_piece(&map.read(), VirtAddr(to), 0, nothing)?;
            match piece {
                Piece::Done => {
                    let part = part_of_page::<M>(to, count.saturating_sub(done));
                    done = done.saturating_add(part);
                }
                Piece::Wait(object, index) => self.wait_page(&object, index)?,
                Piece::Fault => self.fault(map, VirtAddr(to), Protection::WRITE)?,
            }
        }
        Ok(())
    }

    fn write_piece(
        &self,
        state: &MapState<M>,
        to: VirtAddr,
        part: u64,
        (from, offset): (PageId, u64),
    ) -> Result<Piece<M>, KernReturn> {
        let entry = state.tree.find(to).ok_or(KernReturn::INVALID_ADDRESS)?;
        if !entry.attributes.protection.contains(Protection::WRITE) {
            return Err(KernReturn::PROTECTION_FAILURE);
        }
        let Some(object) = entry.object.as_ref().filter(|_| !entry.needs_copy) else {
            return Ok(Piece::Fault);
        };
        let index = entry.index(to);
        let mut top = object.write();
        match top.slots.get(index) {
            Slot::Empty if object.is_device() => Err(KernReturn::PROTECTION_FAILURE),
            Slot::Empty => Ok(Piece::Fault),
            Slot::Busy(_) => waits(object, index),
            Slot::Resident(page) => {
                let record = self.frames.pages().get(page);
                if record.is_owed() || index >= top.size {
                    return Ok(Piece::Fault);
                }
                let inside = to.0 & M::PAGE_SIZE.wrapping_sub(1);
                let (from, to) = ((from, offset as usize), (page, inside as usize));
                self.machine().copy_bytes(from, to, part as usize);
                record.clear_fetchable();
                self.note_write(object, &mut top, index, page);
                Ok(Piece::Done)
            }
        }
    }
}

/// How many of `left` bytes at `at` are in one page.
fn part_of_page<M: Machine>(at: u64, left: u64) -> u64 {
    let inside = at & M::PAGE_SIZE.wrapping_sub(1);
    left.min(M::PAGE_SIZE.saturating_sub(inside))
}

fn waits<M: Machine>(object: &ObjRef<M>, index: u64) -> Result<Piece<M>, KernReturn> {
    let object = object.try_ref();
    let object = object.map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
    Ok(Piece::Wait(object, index))
}
