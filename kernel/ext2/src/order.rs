//! The order of writes: what makes `sync` a promise. The reasons are in the crate's first lines.
//!
//! Owns: the three steps of a flush. Does not own: what is dirty (`cache`), what was freed (`freed`), whose bytes
//! are missing (`unwritten`).

use crate::bytes::{put_u32, u32_at};
use crate::cache::{Kind, Slot};
use crate::error::{Error, Result, Transfer};
use crate::inode;
use crate::superblock;
use crate::unwritten::{Any, Unwritten};
use crate::volume::{Access, Volume};

/// A step of a flush.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Bitmaps, and blocks that nothing on the disk names yet.
    First,
    /// Inodes, pointers, new names, counts.
    Names,
    /// Directory blocks that lack a name which the step before has put elsewhere.
    Late,
}

impl Step {
    fn of(slot: &Slot) -> Self {
        if slot.fresh || slot.kind == Kind::Bitmap {
            Step::First
        } else if slot.late {
            Step::Late
        } else {
            Step::Names
        }
    }
}

/// Whether a step wrote anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrote {
    Something,
    Nothing,
}

/// Takes the names of blocks out of `bytes` whose own bytes are not written yet; whether there were any.
fn hide(bytes: &mut [u8], kind: Kind, inode_size: usize, unwritten: &Unwritten) -> Any {
    let mut any = Any::None;
    let mut hide_one = |pointer: &mut [u8]| {
        if unwritten.contains(u32_at(pointer, 0)) == Any::Some {
            put_u32(pointer, 0, 0);
            any = Any::Some;
        }
    };
    match kind {
        Kind::Inodes => inode::for_each_pointer(bytes, inode_size, hide_one),
        Kind::Indirect => bytes.chunks_exact_mut(4).for_each(&mut hide_one),
        _ => {}
    }
    any
}

impl Volume<'_> {
    /// Puts everything that is dirty on the disk, in order, and then lets what was freed be used again.
    ///
    /// # Errors
    /// What could not be written stays dirty, and so does what must come after it; the next flush tries again.
    pub fn flush(&mut self) -> Result<()> {
        if self.state.access == Access::ReadOnly {
            return Ok(());
        }
        self.write_step(Step::First)?;
        // Also the bytes of files, which the caller wrote: they are on the disk before their names.
        let bytes_are_there = self.flush_disk();
        bytes_are_there?;
        self.written(Step::First);
        let mut wrote = self.write_step(Step::Names)?;
        if self.state.superblock.dirty {
            let bytes = &self.state.superblock.bytes;
            let written = self.disk.write(superblock::AT, bytes);
            written.map_err(|_| Error::Device {
                transfer: Transfer::Write,
                block: 0,
            })?;
            wrote = Wrote::Something;
        }
        if wrote == Wrote::Something {
            self.flush_disk()?;
        }
        self.state.superblock.dirty = false;
        self.written(Step::Names);
        if self.write_step(Step::Late)? == Wrote::Something {
            self.flush_disk()?;
        }
        self.written(Step::Late);
        self.state.linked.clear();
        self.apply_freed();
        Ok(())
    }

    fn flush_disk(&mut self) -> Result<()> {
        self.disk.flush().map_err(|_| Error::Device {
            transfer: Transfer::Flush,
            block: 0,
        })
    }

    /// Writes the dirty blocks of one step; all of them are tried, and the first error is the answer.
    fn write_step(&mut self, step: Step) -> Result<Wrote> {
        let mut answer = Ok(Wrote::Nothing);
        let state = &mut *self.state;
        for at in 0..state.cache.dirty_blocks() {
            let index = state.cache.dirty.get(at).copied().unwrap_or(u32::MAX);
            let Some(slot) = state.cache.slot_mut(index) else {
                continue;
            };
            if Step::of(slot) != step {
                continue;
            }
            slot.hidden = Any::None;
            let mut bytes = slot.bytes.as_slice();
            if state.unwritten.any() == Any::Some
                && matches!(slot.kind, Kind::Inodes | Kind::Indirect)
            {
                state.scratch.copy_from_slice(bytes);
                let size = state.geometry.inode_size;
                slot.hidden = hide(&mut state.scratch, slot.kind, size, &state.unwritten);
                bytes = &state.scratch;
            }
            let place = state.geometry.bytes(u64::from(slot.block));
            match self.disk.write(place, bytes) {
                Ok(()) if answer.is_ok() => answer = Ok(Wrote::Something),
                Err(_) if answer.is_ok() => {
                    answer = Err(Error::Device {
                        transfer: Transfer::Write,
                        block: slot.block,
                    });
                }
                _ => {}
            }
        }
        answer
    }

    /// The blocks of a step are on the disk. One that was written without a name stays dirty for the next flush.
    fn written(&mut self, step: Step) {
        let cache = &mut self.state.cache;
        let mut at = 0;
        while let Some(&index) = cache.dirty.get(at) {
            let Some(slot) = cache.slot_mut(index) else {
                break;
            };
            if Step::of(slot) != step {
                at += 1;
                continue;
            }
            // Who waited for this step's names may go on: they are there.
            (slot.fresh, slot.gives, slot.late) = (false, false, false);
            slot.dirty = slot.hidden == Any::Some;
            if slot.dirty {
                at += 1;
            } else {
                cache.dirty.swap_remove(at);
            }
        }
    }
}
