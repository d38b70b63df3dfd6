//! Before the first write through an entry: an object that may be written.
//!
//! Owns: the way from "no object" or "needs copy" to an object of the entry's own (I-OBJ-2).
//! Does not own: the copying of pages; that is the fault's, page by page.
//! Locks: the map alone; nothing is allocated while it is held.

use super::FaultError;
use crate::addr::VirtAddr;
use crate::counters::Event;
use crate::machine::Machine;
use crate::map::Map;
use crate::map::entry::Entry;
use crate::object::{ObjRef, ObjectKind, Shadow};
use crate::vm::Vm;
use abi::Protection;

impl<M: Machine> Vm<M> {
    /// Gives the entry at `at` an object that may be written through it. Answers `Ok` too if the
    /// entry has one by now; the fault looks again.
    #[cold]
    pub(crate) fn prepare_write(
        &self,
        map: &Map<M>,
        at: VirtAddr,
        access: Protection,
    ) -> Result<(), FaultError> {
        let mut spare = None;
        loop {
            let wanted = {
                let mut state = map.write();
                if state.is_frozen() {
                    return Err(FaultError::ProtectionFailure);
                }
                let Some(entry) = state.tree.find_mut(at) else {
                    return Err(FaultError::InvalidAddress);
                };
                if !entry.attributes.protection.contains(access) {
                    return Err(FaultError::ProtectionFailure);
                }
                if entry.submap.is_some() || self.prepare_entry(entry, &mut spare) {
                    return Ok(());
                }
                entry.pages()
            };
            let object = self.relieved(|| self.new_object(ObjectKind::Anonymous, wanted));
            spare = Some(object.map_err(|_| FaultError::Shortage)?);
        }
    }

    /// The same for an entry of a map that the caller has locked alone. Answers false if it needs a
    /// new object of the entry's size and `spare` holds none.
    pub(crate) fn prepare_entry(
        &self,
        entry: &mut Entry<M>,
        spare: &mut Option<ObjRef<M>>,
    ) -> bool {
        let Some(object) = &entry.object else {
            let Some(new) = take_sized(spare, entry.pages()) else {
                return false;
            };
            entry.object = Some(new);
            entry.offset = 0;
            entry.needs_copy = false;
            return true;
        };
        if !entry.needs_copy {
            return true;
        }
        {
            let mut state = object.write();
            if state.is_exclusive() {
                // Whoever shared it is gone; nor does anybody use it again as a copy object from now on.
                state.aliased = false;
                state.pristine = false;
                entry.needs_copy = false;
                return true;
            }
        }
        let Some(new) = take_sized(spare, entry.pages()) else {
            return false;
        };
        self.counters.count(Event::Shadow);
        let below = entry.object.take();
        new.write().shadow = below.map(|object| Shadow {
            object,
            offset: entry.offset,
        });
        entry.object = Some(new);
        entry.offset = 0;
        entry.needs_copy = false;
        true
    }
}

/// The spare object, made to fit: nobody knows it yet.
fn take_sized<M: Machine>(spare: &mut Option<ObjRef<M>>, pages: u64) -> Option<ObjRef<M>> {
    let object = spare.take()?;
    object.write().resize(pages);
    Some(object)
}
