//! Private mappings: what a program shows of memory that others may go on writing.
//!
//! Owns: the choice between a copy that is put off and one that is made at once, for one part of one
//! object. Does not own: copy objects (`delayed`), eager copies (`copy`), twins of whole ranges
//! (`map::duplicate`). Locks: none is held but the map's, if the part is to take an entry's place.

use super::copy::CopyStop;
use super::delayed::{Linked, Part};
use super::{CopyStrategy, ObjRef, ObjectKind};
use crate::counters::Event;
use crate::machine::Machine;
use crate::map::enter::CopyMode;
use crate::pageout::Relief;
use crate::vm::Vm;
use abi::KernReturn;

/// A part of an object as it was at one moment.
pub(crate) struct Copied<M: Machine> {
    /// What shows it, with one reference for an entry.
    pub object: ObjRef<M>,
    /// Where in that object the part begins.
    pub offset: u64,
    /// Whether it must be copied before it is written.
    pub mode: CopyMode,
}

impl<M: Machine> Vm<M> {
    /// A part of an object as it is now. Nothing can be written into it through older mappings once
    /// this returns. May flush TLBs; no spin lock is held.
    #[cold]
    pub(crate) fn copy_part(
        &self,
        source: &ObjRef<M>,
        part: Part,
    ) -> Result<Copied<M>, CopyStop<M>> {
        if source.read().strategy == CopyStrategy::Delay
            && let Some(copied) = self.delay_copy(source, part)?
        {
            return Ok(copied);
        }
        self.counters.count(Event::ForkCopy);
        Ok(Copied {
            object: self.copy_slowly(source, part)?,
            offset: 0,
            mode: CopyMode::Shared,
        })
    }

    /// A copy that is put off; `None` if that cannot be.
    fn delay_copy(&self, source: &ObjRef<M>, part: Part) -> Result<Option<Copied<M>>, CopyStop<M>> {
        let new = self.new_object(ObjectKind::Anonymous, part.pages);
        let new = new.map_err(CopyStop::Code)?;
        let mut batch = self.frames.batch();
        let linked = self.link_copy(source, part, new, &mut batch);
        batch.flush_now(self.machine());
        let (result, unused) = match linked {
            Linked::New(object, offset) => (Ok(Some((object, offset))), None),
            Linked::Again {
                object,
                offset,
                unused,
            } => (Ok(Some((object, offset))), Some(unused)),
            Linked::AtOnce(unused) => (Ok(None), Some(unused)),
            Linked::Busy(unused, index) => {
                let source = source.try_ref();
                let shortage = CopyStop::Code(KernReturn::RESOURCE_SHORTAGE);
                let wait =
                    source.map_or(shortage, |source| CopyStop::Wait(source, Part::one(index)));
                (Err(wait), Some(unused))
            }
        };
        if let Some(unused) = unused {
            self.release_object(unused, &mut batch);
        }
        self.frames.finish(batch);
        Ok(result?.map(|(object, offset)| {
            self.settle(&object);
            Copied {
                object,
                offset,
                mode: CopyMode::Private,
            }
        }))
    }

    /// The same, for a caller who holds no lock: it waits for busy pages and for memory.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`.
    #[inline]
    pub(crate) fn copy_part_waiting(
        &self,
        source: &ObjRef<M>,
        part: Part,
    ) -> Result<Copied<M>, KernReturn> {
        match self.reuse_copy(source, part) {
            Some((object, offset)) => Ok(Copied {
                object,
                offset,
                mode: CopyMode::Private,
            }),
            None => self.new_copy_waiting(source, part),
        }
    }

    fn new_copy_waiting(&self, source: &ObjRef<M>, part: Part) -> Result<Copied<M>, KernReturn> {
        let mut relief = Relief::new();
        loop {
            match self.copy_part(source, part) {
                Ok(copied) => return Ok(copied),
                Err(CopyStop::Code(KernReturn::RESOURCE_SHORTAGE))
                    if self.relieve_within(&mut relief) => {}
                Err(CopyStop::Code(code)) => return Err(code),
                Err(CopyStop::Wait(object, part)) => self.wait_part(&object, part, &mut relief)?,
            }
        }
    }
}
