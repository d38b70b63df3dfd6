//! Memory on its way from one map to another: `vm_map_copy`.
//!
//! Owns: [`MapCopy`], the bytes of one moment. A large copy is twins of the entries, and nothing is
//! copied before somebody writes; a small one is bytes in frames of its own, because that is cheaper.
//! Does not own: how twins are made (`map::duplicate`).
//! Locks: those of the maps, one at a time; none is held from one call to the next.

mod bytes;
mod calls;
mod overwrite;

use crate::addr::{PageId, Range, VirtAddr};
use crate::frames::Need;
use crate::machine::Machine;
use crate::map::Map;
use crate::map::duplicate::{For, How, Twins};
use crate::map::enter::Placement;
use crate::map::entry::Attributes;
use crate::map::tree::Tree;
use crate::sanitize::{self, Realign, UserAddr, UserSize};
use crate::vm::Vm;
use abi::{KernReturn, Protection};

/// Frames that the bytes of a small copy take at most.
const FRAMES: usize = 4;

/// Bytes up to which a copy is small: 16 KiB, or two pages if that is more.
pub(crate) const fn small<M: Machine>() -> u64 {
    let two = M::PAGE_SIZE.saturating_mul(2);
    if two > 16 * 1024 { two } else { 16 * 1024 }
}

/// A range of memory as it was at one moment. It ends with [`Vm::copy_out`], [`Vm::copy_overwrite`] or
/// [`Vm::copy_discard`].
#[must_use = "a copy ends with `copy_out`, `copy_overwrite` or `copy_discard`"]
pub struct MapCopy<M: Machine> {
    contents: Contents<M>,
    /// Where the bytes were.
    source: Range,
    /// Where they begin in the first page.
    inside: u64,
    /// How many there are.
    bytes: u64,
}

enum Contents<M: Machine> {
    Nothing,
    /// From the first byte of the first frame on.
    Buffer([Option<PageId>; FRAMES]),
    Twins(Twins<M>),
}

impl<M: Machine> MapCopy<M> {
    /// Bytes of the copy.
    pub const fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

impl<M: Machine> Vm<M> {
    /// `vm_map_copyin`: the bytes of a range as they are now.
    ///
    /// # Errors
    /// `INVALID_ADDRESS`: the range wraps or has a hole; `PROTECTION_FAILURE`: part of it may not be
    /// read (`INVALID_ADDRESS` for a small copy); `RESOURCE_SHORTAGE`.
    pub fn copy_in(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
    ) -> Result<MapCopy<M>, KernReturn> {
        let mut copy = MapCopy {
            contents: Contents::Nothing,
            source: Range::default(),
            inside: 0,
            bytes: size.0,
        };
        if sanitize::is_zero(size) {
            return Ok(copy);
        }
        let range = sanitize::range::<M>(addr, size, Realign::No);
        copy.source = range.map_err(|_| KernReturn::INVALID_ADDRESS)?;
        if size.0 <= small::<M>() {
            copy.contents = Contents::Buffer(self.copy_in_buffer(map, addr, size)?);
            return Ok(copy);
        }
        copy.inside = addr.0.wrapping_sub(copy.source.start.0);
        self.own_pieces(map, copy.source, Protection::READ)?;
        let check = |state: &_| readable(state, copy.source);
        let twins = self.duplicate(map, copy.source, check, |_| How::Copy(For::Call))?;
        copy.contents = Contents::Twins(twins);
        Ok(copy)
    }

    /// Makes what submaps show in a range the map's own, so that all of it is in entries with objects.
    pub(crate) fn own_pieces(
        &self,
        map: &Map<M>,
        range: Range,
        access: Protection,
    ) -> Result<(), KernReturn> {
        if map.read().tree.has_submaps() {
            self.copy_submap_up(map, range, access)?;
        }
        Ok(())
    }

    fn copy_in_buffer(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
    ) -> Result<[Option<PageId>; FRAMES], KernReturn> {
        if let Ok(range) = sanitize::range::<M>(addr, size, Realign::No) {
            self.own_pieces(map, range, Protection::READ)
                .map_err(of_small)?;
        }
        let mut frames = [None; FRAMES];
        let mut done = 0u64;
        for place in &mut frames {
            let count = size.0.saturating_sub(done).min(M::PAGE_SIZE);
            if count == 0 {
                break;
            }
            let at = VirtAddr(addr.0.saturating_add(done));
            let read = match self.frames.take_kernel(Need::Normal) {
                None => Err(self.shortage()),
                Some(frame) => {
                    *place = Some(frame);
                    self.read_bytes(map, at, count, frame)
                }
            };
            if let Err(code) = read {
                self.give_buffer(frames);
                return Err(of_small(code));
            }
            done = done.saturating_add(count);
        }
        Ok(frames)
    }

    fn give_buffer(&self, frames: [Option<PageId>; FRAMES]) {
        for frame in frames.into_iter().flatten() {
            self.frames.give_kernel(frame);
        }
    }

    /// `vm_map_copyout`: the bytes become new memory of a map, readable and writable. Answers the
    /// address of the first one; 0 for an empty copy.
    ///
    /// # Errors
    /// `NO_SPACE`, `RESOURCE_SHORTAGE`; the copy is gone then too.
    pub fn copy_out(&self, map: &Map<M>, copy: MapCopy<M>) -> Result<VirtAddr, KernReturn> {
        let anywhere = Placement::Anywhere(VirtAddr(0));
        match copy.contents {
            Contents::Nothing => Ok(VirtAddr(0)),
            Contents::Twins(twins) => {
                let place = (anywhere, 0);
                let fresh = |attributes: &mut Attributes| *attributes = Attributes::default();
                let entered = self.insert(map, place, twins, copy.source, |_| Ok(()), fresh);
                let at = self.or_discard(entered)?;
                Ok(VirtAddr(at.0.saturating_add(copy.inside)))
            }
            Contents::Buffer(frames) => {
                let out = self.copy_out_buffer(map, &frames, copy.bytes);
                self.give_buffer(frames);
                out
            }
        }
    }

    fn copy_out_buffer(
        &self,
        map: &Map<M>,
        frames: &[Option<PageId>; FRAMES],
        bytes: u64,
    ) -> Result<VirtAddr, KernReturn> {
        let anywhere = sanitize::UserFlags(abi::vm_flags::VM_FLAGS_ANYWHERE);
        let at = self.allocate(map, UserAddr(0), UserSize(bytes), anywhere)?;
        if let Err(code) = self.write_buffer(map, at, frames, bytes) {
            let _ = self.deallocate(map, UserAddr(at.0), UserSize(bytes));
            return Err(code);
        }
        Ok(at)
    }

    /// Writes the bytes of a small copy, page by page.
    fn write_buffer(
        &self,
        map: &Map<M>,
        at: VirtAddr,
        frames: &[Option<PageId>; FRAMES],
        bytes: u64,
    ) -> Result<(), KernReturn> {
        self.make_writable(map, at, bytes)?;
        let mut done = 0u64;
        for frame in frames.iter().flatten() {
            let count = bytes.saturating_sub(done).min(M::PAGE_SIZE);
            let to = VirtAddr(at.0.saturating_add(done));
            self.write_bytes(map, to, count, *frame, 0)?;
            done = done.saturating_add(count);
        }
        Ok(())
    }

    /// Gives a copy up.
    pub fn copy_discard(&self, copy: MapCopy<M>) {
        match copy.contents {
            Contents::Nothing => {}
            Contents::Buffer(frames) => self.give_buffer(frames),
            Contents::Twins(twins) => self.discard_tree(twins.tree),
        }
    }

    /// Gives up what found no place.
    pub(crate) fn or_discard(
        &self,
        entered: Result<VirtAddr, (KernReturn, Twins<M>)>,
    ) -> Result<VirtAddr, KernReturn> {
        entered.map_err(|(code, twins)| {
            self.discard_tree(twins.tree);
            code
        })
    }

    pub(crate) fn discard_tree(&self, tree: Tree<M>) {
        let mut removed = crate::map::tree::Removed::default();
        tree.drain(|entry| removed.push(entry));
        let mut batch = self.frames.batch();
        self.dispose(removed, &mut batch);
        self.frames.finish(batch);
    }
}

/// The code of a small copy: what cannot be reached has no address.
fn of_small(code: KernReturn) -> KernReturn {
    match code {
        KernReturn::PROTECTION_FAILURE => KernReturn::INVALID_ADDRESS,
        code => code,
    }
}

/// Whether the whole range is mapped and may be read; what comes first is the answer.
fn readable<M: Machine>(state: &crate::map::MapState<M>, range: Range) -> Result<(), KernReturn> {
    state.allows(range, Protection::READ)
}
