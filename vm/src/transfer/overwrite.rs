//! A copy replaces bytes that are there: `vm_map_copy_overwrite`.
//!
//! Owns: the choice between new entries for whole pages and writing byte by byte.
//! Does not own: writing (`bytes`). Locks: the map shared for the check and over each piece; alone where
//! entries are replaced.

use super::{Contents, MapCopy, of_small};
use crate::addr::{PageId, Range, VirtAddr};
use crate::counters::Event;
use crate::frames::Need;
use crate::machine::Machine;
use crate::map::duplicate::Twins;
use crate::map::enter::Placement;
use crate::map::entry::{Attributes, EntryFlags};
use crate::map::{Map, MapState};
use crate::object::ObjectKind;
use crate::object::shadow::Below;
use crate::object::slot::Slot;
use crate::sanitize::{self, Realign, UserAddr, UserSize};
use crate::vm::Vm;
use abi::{KernReturn, Protection};

impl<M: Machine> Vm<M> {
    /// Writes a copy over what is mapped at `addr`. All of it is checked before any of it changes; what
    /// another thread takes away meanwhile ends the call where it stands.
    ///
    /// # Errors
    /// `INVALID_ADDRESS`: the range wraps or has a hole; `PROTECTION_FAILURE`: part of it may not be
    /// written (`INVALID_ADDRESS` for a small copy); `RESOURCE_SHORTAGE`.
    pub fn copy_overwrite(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        copy: MapCopy<M>,
    ) -> Result<(), KernReturn> {
        let size = UserSize(copy.bytes);
        let at = VirtAddr(addr.0);
        let checked = match sanitize::range::<M>(addr, size, Realign::No) {
            _ if copy.bytes == 0 => Ok(Range::default()),
            Err(_) => Err(KernReturn::INVALID_ADDRESS),
            Ok(range) => self
                .own_pieces(map, range, Protection::WRITE)
                .and_then(|()| map.read().allows(range, Protection::WRITE))
                .map(|()| range),
        };
        let range = match checked {
            Ok(range) => range,
            Err(code) => {
                let small = !matches!(copy.contents, Contents::Twins(_));
                self.copy_discard(copy);
                return Err(if small { of_small(code) } else { code });
            }
        };
        match copy.contents {
            Contents::Nothing => Ok(()),
            Contents::Buffer(frames) => {
                let written = self.write_buffer(map, at, &frames, copy.bytes);
                self.give_buffer(frames);
                written.map_err(of_small)
            }
            Contents::Twins(twins) => {
                let whole = copy.inside == 0 && range.start == at && copy.bytes == range.len();
                let attributes = map.read().replaceable(range).filter(|_| whole);
                let twins = match attributes {
                    None => twins,
                    Some(attributes) => {
                        match self.replace(map, (range, attributes), twins, copy.source) {
                            Ok(()) => return Ok(()),
                            // It has changed meanwhile: byte by byte then.
                            Err((KernReturn::ABORTED, twins)) => twins,
                            Err((code, twins)) => {
                                self.discard_tree(twins.tree);
                                return Err(code);
                            }
                        }
                    }
                };
                let written =
                    self.write_twins(map, at, &twins, copy.source, (copy.inside, copy.bytes));
                self.discard_tree(twins.tree);
                written
            }
        }
    }

    /// Exchanges the memory of the range, as long as it is what `attributes` says.
    fn replace(
        &self,
        map: &Map<M>,
        (range, attributes): (Range, Attributes),
        twins: Twins<M>,
        source: Range,
    ) -> Result<(), (KernReturn, Twins<M>)> {
        let place = (Placement::Overwrite(range.start), 0);
        let check = |state: &MapState<M>| match state.replaceable(range) {
            Some(now) if now == attributes => Ok(()),
            _ => Err(KernReturn::ABORTED),
        };
        let same = |new: &mut Attributes| *new = attributes;
        self.insert(map, place, twins, source, check, same)
            .map(drop)?;
        self.counters.count(Event::VirtualCopy);
        Ok(())
    }

    /// Writes the bytes that twins show, by way of one frame.
    fn write_twins(
        &self,
        map: &Map<M>,
        to: VirtAddr,
        twins: &Twins<M>,
        source: Range,
        (inside, bytes): (u64, u64),
    ) -> Result<(), KernReturn> {
        self.make_writable(map, to, bytes)?;
        let frame = self.frames.take_kernel(Need::Normal);
        let frame = frame.ok_or_else(|| self.shortage())?;
        let (mut done, mut inside) = (0u64, inside);
        let mut page = source.start;
        let mut result = Ok(());
        while done < bytes && result.is_ok() {
            let count = bytes
                .saturating_sub(done)
                .min(M::PAGE_SIZE.saturating_sub(inside));
            let at = VirtAddr(to.0.saturating_add(done));
            result = self
                .read_twin(twins, page, frame)
                .and_then(|()| self.write_bytes(map, at, count, frame, inside));
            done = done.saturating_add(count);
            page = VirtAddr(page.0.saturating_add(M::PAGE_SIZE));
            inside = 0;
        }
        self.frames.give_kernel(frame);
        result
    }

    /// Fills a frame with a page that twins show.
    fn read_twin(&self, twins: &Twins<M>, at: VirtAddr, into: PageId) -> Result<(), KernReturn> {
        let entry = twins.tree.find(at).ok_or(KernReturn::INVALID_ADDRESS)?;
        let Some(object) = &entry.object else {
            self.machine().zero_page(into);
            return Ok(());
        };
        let index = entry.index(at);
        loop {
            let busy = {
                let top = object.read();
                let (page, busy) = match (top.slots.get(index), &top.shadow) {
                    (Slot::Resident(page), _) => (Some(page), None),
                    (Slot::Busy(_), _) => (None, Some((object.try_ref(), index))),
                    (Slot::Empty, None) if index >= top.size => {
                        return Err(KernReturn::MEMORY_ERROR);
                    }
                    (Slot::Empty, None) if object.is_paged() => {
                        (None, Some((object.try_ref(), index)))
                    }
                    (Slot::Empty, None) => (None, None),
                    (Slot::Empty, Some(shadow)) => {
                        self.look_below(shadow, index, |below| match below {
                            Below::Page(page, ..) => Ok((Some(page), None)),
                            Below::Busy(object, index) | Below::Paged(object, index) => {
                                Ok((None, Some((object.try_ref(), index))))
                            }
                            Below::Nothing => Ok((None, None)),
                            Below::Beyond => Err(KernReturn::MEMORY_ERROR),
                        })?
                    }
                };
                if busy.is_none() {
                    let page = page.unwrap_or(self.zero_frame);
                    self.machine()
                        .copy_bytes((page, 0), (into, 0), M::PAGE_SIZE as usize);
                    return Ok(());
                }
                busy
            };
            if let Some((Ok(object), index)) = busy {
                self.wait_page(&object, index)?;
            }
        }
    }
}

impl<M: Machine> MapState<M> {
    /// The attributes of the one entry that has the range, if it may be written and its memory may be
    /// exchanged: nobody else sees it.
    fn replaceable(&self, range: Range) -> Option<Attributes> {
        let entry = self.tree.find(range.start)?;
        let Attributes {
            flags, protection, ..
        } = entry.attributes;
        let plain = entry.end >= range.end
            && entry.wired == 0
            && protection.contains(Protection::WRITE)
            && !flags.contains(EntryFlags::PERMANENT);
        let alone = entry.object.as_ref().is_none_or(|object| {
            entry.needs_copy || object.kind == ObjectKind::Anonymous && !object.read().true_share
        });
        (plain && alone).then_some(entry.attributes)
    }
}
