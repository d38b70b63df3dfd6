//! One object becomes two: a part of it moves out, pages and all.
//!
//! Owns: the move. Nothing that shows anywhere changes, and no mapping does.
//! Does not own: why (an entry's part is going to be shared while its neighbours' is not).
//! Locks: the object alone, then the new one, which nobody knows yet, then the object below.

use super::{ObjRef, ObjectKind, Shadow};
use crate::machine::Machine;
use crate::vm::Vm;
use abi::KernReturn;

impl<M: Machine> Vm<M> {
    /// Moves `pages` pages from `from` on into a new object, if entries for other parts refer to the
    /// object too; the caller's reference moves with them. `None` if it is the caller's alone, or
    /// shared already. The caller has locked its map alone.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`; nothing has changed then.
    pub(crate) fn split_object(
        &self,
        object: &ObjRef<M>,
        from: u64,
        pages: u64,
    ) -> Result<Option<ObjRef<M>>, KernReturn> {
        {
            let state = object.read();
            if state.refs == 1 || state.true_share {
                return Ok(None);
            }
        }
        let part = self.new_object(ObjectKind::Anonymous, pages)?;
        let mut whole = object.write();
        let end = from.saturating_add(pages);
        let below = match &whole.shadow {
            None => None,
            Some(shadow) => {
                let object = shadow.object.try_ref();
                Some(Shadow {
                    object: object.map_err(|_| KernReturn::RESOURCE_SHORTAGE)?,
                    offset: shadow.offset.saturating_add(from),
                })
            }
        };
        let mut target = part.write();
        for (index, slot) in whole.slots.range(from, end) {
            let moved = index.wrapping_sub(from);
            let inserted = target
                .slots
                .insert(moved, slot, &self.zones.nodes, &self.frames);
            if inserted.is_err() {
                // The pages are still the old object's; the new one never had them.
                target.slots.drain(|_, _| ());
                return Err(self.shortage());
            }
        }
        let number = target.number;
        for (index, slot) in target.slots.range(0, pages) {
            whole.slots.remove(index.wrapping_add(from));
            if let Some(page) = slot.page() {
                self.frames.pages().get(page).set_owner(number, index);
            }
        }
        whole.refs = whole.refs.saturating_sub(1);
        if let Some(shadow) = &below {
            let mut state = shadow.object.write();
            state.refs = state.refs.saturating_add(1);
            state.aliased = true;
        }
        target.shadow = below;
        drop(target);
        drop(whole);
        Ok(Some(part))
    }
}
