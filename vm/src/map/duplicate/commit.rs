//! The end of a duplication: twins come to be, or a plan is taken apart.
//!
//! Owns: what changes in the originals' entries, objects and page tables. Nothing here can fail.
//! Does not own: the plan (`duplicate`). Locks: the original's map alone, held by the caller, who
//! flushes the batch before it unlocks the map.

use super::{Hands, How, is_delayed, is_other};
use crate::batch::TlbBatch;
use crate::machine::Machine;
use crate::map::MapState;
use crate::map::entry::{Entry, EntryBox, EntryFlags};
use crate::map::tree::{Removed, Tree};
use crate::object::Shadow;
use crate::vm::Vm;
use abi::Protection;

impl<M: Machine> Vm<M> {
    /// Both show one object from now on. Nothing here can fail.
    pub(super) fn commit_share(
        &self,
        pmap: Option<&M::Pmap>,
        entry: &mut Entry<M>,
        twin: &mut Entry<M>,
        batch: &mut TlbBatch<'_, M>,
    ) {
        let Some(theirs) = &twin.object else {
            return;
        };
        if !is_other(&twin.object, &entry.object) {
            let was_shared = {
                let mut object = theirs.write();
                object.refs = object.refs.saturating_add(1);
                object.share()
            };
            share_entries(entry, twin);
            if let Some(pmap) = pmap.filter(|_| !was_shared && entry.wired == 0) {
                // Zero frames and pages from below would hide what others write.
                self.machine().pmap_remove(pmap, entry.range(), batch);
            }
            return;
        }
        let Ok(ours) = theirs.try_ref() else { return };
        match entry.object.take() {
            // A part of an object: the rest stays the neighbours'.
            Some(whole) if !entry.needs_copy => {
                self.commit_split(&whole, theirs, entry.offset);
                self.release_object(whole, batch);
            }
            below => {
                let offset = entry.offset;
                theirs.write().shadow = below.map(|object| Shadow { object, offset });
            }
        }
        {
            let mut object = theirs.write();
            object.refs = 2;
            object.share();
        }
        (entry.object, entry.offset, entry.needs_copy) = (Some(ours), 0, false);
        twin.offset = 0;
        share_entries(entry, twin);
        if let Some(pmap) = pmap.filter(|_| entry.wired == 0) {
            self.machine().pmap_remove(pmap, entry.range(), batch);
        }
    }

    /// The twin has the memory as it is now. Nothing here can fail.
    pub(super) fn commit_copy(
        &self,
        pmap: Option<&M::Pmap>,
        entry: &mut Entry<M>,
        twin: &mut Entry<M>,
        hands: &mut Hands<'_, '_, M>,
    ) {
        let Some(theirs) = &twin.object else {
            return;
        };
        if !is_other(&twin.object, &entry.object) {
            {
                let mut object = theirs.write();
                object.refs = object.refs.saturating_add(1);
                object.aliased = true;
            }
            if !entry.needs_copy {
                entry.needs_copy = true;
                let writable = entry.attributes.protection.contains(Protection::WRITE);
                if let Some(pmap) = pmap.filter(|_| writable) {
                    let rest = Protection::ALL.difference(Protection::WRITE);
                    self.machine()
                        .pmap_protect(pmap, entry.range(), rest, hands.batch);
                }
            }
            return;
        }
        let source = entry.object.as_ref();
        if source.is_some_and(|source| is_delayed(entry, source.read().strategy)) && twin.needs_copy
        {
            // A copy object is in its place.
            return;
        }
        if !twin.needs_copy {
            // A copy of the twin's own.
            twin.offset = 0;
            return;
        }
        // A flat copy: both get it, and the chain is given up.
        let Ok(ours) = theirs.try_ref() else { return };
        {
            let mut object = theirs.write();
            object.refs = 2;
            object.aliased = true;
        }
        let old = Entry::new(entry.range(), entry.attributes);
        if let Ok(mut old) = hands.entries.fill(old) {
            old.object = entry.object.take();
            old.offset = entry.offset;
            hands.released.push(old);
        }
        (entry.object, entry.offset, entry.needs_copy) = (Some(ours), 0, true);
        twin.offset = 0;
        if let Some(pmap) = pmap {
            self.machine().pmap_remove(pmap, entry.range(), hands.batch);
        }
    }

    /// Takes a plan apart: what it borrowed from the originals loses nothing.
    pub(super) fn abandon(
        &self,
        state: &MapState<M>,
        tree: Tree<M>,
        how: &impl Fn(&Entry<M>) -> How,
        released: &mut Removed<M>,
    ) {
        tree.drain(|mut twin: EntryBox<M>| {
            if let Some(entry) = state.tree.find(twin.start) {
                if !is_other(&twin.object, &entry.object) {
                    twin.object = None;
                } else if let Some(new) = &twin.object
                    && how(entry) == How::Share
                {
                    self.abandon_split(new);
                }
            }
            twin.offset = 0;
            released.push(twin);
        });
    }
}

fn share_entries<M: Machine>(entry: &mut Entry<M>, twin: &mut Entry<M>) {
    entry.attributes.flags.insert(EntryFlags::SHARED);
    twin.attributes.flags.insert(EntryFlags::SHARED);
    twin.needs_copy = false;
}
