//! One object becomes two: a part of it moves out, pages and all.
//!
//! Owns: the move, in two steps: all that can fail, then all that cannot. Nothing that shows anywhere
//! changes, and no mapping does.
//! Does not own: why (an entry's part is going to be shared while its neighbours' is not).
//! Locks: the object alone, then the new one, which nobody knows yet, then the object below. The
//! map that has all the entries of the object is locked alone from the first step to the second.

use super::{ObjRef, ObjectKind, Shadow};
use crate::machine::Machine;
use crate::vm::Vm;
use abi::KernReturn;

impl<M: Machine> Vm<M> {
    /// Makes a new object that names the `pages` pages from `from` on too, if entries for other
    /// parts refer to the object; `None` if it is the caller's alone, or shared already. It ends
    /// with [`Vm::commit_split`] or [`Vm::abandon_split`].
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`; nothing is left then.
    pub(crate) fn prepare_split(
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
        let whole = object.read();
        let mut target = part.write();
        if let Some(shadow) = &whole.shadow {
            let below = shadow.object.try_ref();
            let below = below.map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
            // From now on: what is below must not move up into the old object meanwhile.
            let mut state = below.write();
            state.refs = state.refs.saturating_add(1);
            state.aliased = true;
            drop(state);
            target.shadow = Some(Shadow {
                object: below,
                offset: shadow.offset.saturating_add(from),
            });
        }
        if whole.shadow.is_none() {
            // Of a file it may be a copy that ends before its entries do.
            target.size = pages.min(whole.size.saturating_sub(from));
        }
        target.reusable = whole.reusable;
        let mut named = whole.slots.range(from, from.saturating_add(pages));
        let all = named.all(|(index, slot)| {
            let (moved, nodes) = (index.wrapping_sub(from), &self.zones.nodes);
            target
                .slots
                .insert(moved, slot, nodes, &self.frames)
                .is_ok()
        });
        drop(named);
        drop((whole, target));
        if !all {
            self.abandon_split(&part);
            self.give_object(part);
            return Err(self.shortage());
        }
        Ok(Some(part))
    }

    /// The pages are the new object's alone from now on. The caller gives up its reference to the old
    /// object afterwards.
    pub(crate) fn commit_split(&self, object: &ObjRef<M>, part: &ObjRef<M>, from: u64) {
        let mut whole = object.write();
        let target = part.write();
        let number = target.number;
        for (index, slot) in target.slots.range(0, u64::MAX) {
            whole.slots.remove(index.wrapping_add(from));
            if let Some(page) = slot.page() {
                self.frames.pages().get(page).set_owner(number, index);
            }
        }
    }

    /// The new object never was: the pages are the old object's. The caller gives it up.
    pub(crate) fn abandon_split(&self, part: &ObjRef<M>) {
        part.write().slots.drain(|_, _| ());
    }
}
