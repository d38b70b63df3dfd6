//! Fork: a child's map by inheritance, all of it or nothing.
//!
//! Owns: what each kind of inheritance means. Does not own: copying on a write (`fault`).
//! Locks: the parent's map alone from the first look to the last change. The child is unknown to
//! everybody until it is complete. Invariants: I-FORK-1 (before the plan is complete the parent's
//! entries are untouched; after it nothing can fail), I-TLB-3 (the parent's pages are write-protected
//! on every CPU before the child is known).
//!
//! The plan is the child's own tree: each child entry has the object that it is going to share (the
//! parent's own), or one made for it (a copy of wired or truly shared memory, a flat copy of a chain
//! that is too deep, an object to be shared where there was none).

use super::entry::{Entry, EntryBox, EntryFlags};
use super::place::Restrictions;
use super::tree::{Removed, Tree};
use super::{Map, MapRef, MapState};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::frames::Frames;
use crate::machine::Machine;
use crate::object::copy::CopyStop;
use crate::object::shadow::DEPTH_LIMIT;
use crate::object::{ObjRef, ObjectKind, Shadow};
use crate::vm::Vm;
use abi::{Inherit, KernReturn, Protection};
use zalloc::Reserve;

/// Why a plan was given up. The parent is as it was.
enum Unplanned<M: Machine> {
    /// More entries than were reserved.
    Entries(usize),
    /// A busy page stands in the way.
    Wait(ObjRef<M>, u64),
    Code(KernReturn),
}

impl<M: Machine> From<CopyStop<M>> for Unplanned<M> {
    fn from(stop: CopyStop<M>) -> Self {
        match stop {
            CopyStop::Wait(object, index) => Self::Wait(object, index),
            CopyStop::Code(code) => Self::Code(code),
        }
    }
}

type Entries<M> = Reserve<Entry<M>, Frames<M>>;

impl<M: Machine> Vm<M> {
    /// A child's map: each entry by its inheritance.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`; no trace is left then.
    pub fn map_fork(&self, parent: &Map<M>) -> Result<MapRef<M>, KernReturn> {
        let limits = parent.limits();
        let child = self.map_create(limits.start, limits.end)?;
        match self.fork_into(parent, &child) {
            Ok(()) => Ok(child),
            Err(code) => {
                self.map_terminate(child);
                Err(code)
            }
        }
    }

    fn fork_into(&self, parent: &Map<M>, child: &Map<M>) -> Result<(), KernReturn> {
        let mut entries = Entries::new();
        let mut wanted = parent.entry_count();
        loop {
            self.relieved(|| {
                let filled = entries.refill(&self.zones.entries, &self.frames, wanted);
                filled.map_err(|_| self.shortage())
            })?;
            let mut batch = self.frames.batch();
            let mut released = Removed::default();
            let mut state = parent.write();
            let mut tree = Tree::default();
            let planned = self.plan(&mut state, &mut tree, &mut entries, &mut batch);
            let outcome = match planned {
                Ok(size) => {
                    self.commit(
                        parent,
                        &mut state,
                        &mut tree,
                        &mut entries,
                        &mut released,
                        &mut batch,
                    );
                    batch.flush_now(self.machine());
                    let mut target = child.write();
                    target.tree = tree;
                    target.size = size;
                    target.allowed = state.allowed;
                    let inherited = state.restrictions & Restrictions::SIZE;
                    target.restrictions |= inherited;
                    Ok(())
                }
                Err(stop) => {
                    batch.flush_now(self.machine());
                    self.abandon(&state, tree, &mut released);
                    Err(stop)
                }
            };
            drop(state);
            self.dispose(released, &mut batch);
            self.frames.finish(batch);
            match outcome {
                Ok(()) => return Ok(()),
                Err(Unplanned::Code(KernReturn::RESOURCE_SHORTAGE)) if self.relieve() => {}
                Err(Unplanned::Code(code)) => return Err(code),
                Err(Unplanned::Wait(object, index)) => {
                    self.counters.count(Event::BusyWait);
                    object.wait_busy(index);
                }
                Err(Unplanned::Entries(count)) => {
                    self.counters.count(Event::Retry);
                    wanted = count;
                }
            }
        }
    }

    /// Makes the child's entries, with all that must be allocated. Nothing of the parent changes but
    /// chains that become shorter. Answers the child's size in bytes.
    fn plan(
        &self,
        state: &mut MapState<M>,
        tree: &mut Tree<M>,
        entries: &mut Entries<M>,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<u64, Unplanned<M>> {
        if entries.count() < state.tree.len() {
            return Err(Unplanned::Entries(state.tree.len()));
        }
        let (mut size, mut unused) = (0u64, None);
        let all = Range::new(VirtAddr(0), VirtAddr(u64::MAX));
        let failed = state.tree.visit(all, |entry| {
            if entry.attributes.inherit == Inherit::None {
                return None;
            }
            match self.plan_entry(entry, batch) {
                Err(stop) => Some(stop),
                Ok((object, needs_copy)) => {
                    let flat = match (&object, &entry.object) {
                        (Some(new), Some(old)) => needs_copy && !new.ptr_eq(old),
                        _ => false,
                    };
                    if flat {
                        // The parent's old object leaves in an entry of its own.
                        let count = entries.count().saturating_add(1);
                        let filled = entries.refill(&self.zones.entries, &self.frames, count);
                        if filled.is_err() {
                            unused = object;
                            return Some(Unplanned::Code(self.shortage()));
                        }
                    }
                    let mut new = Entry::new(entry.range(), entry.attributes);
                    new.object = object;
                    new.offset = entry.offset;
                    new.needs_copy = needs_copy;
                    size = size.saturating_add(entry.range().len());
                    match entries.fill(new) {
                        Ok(new) => {
                            tree.insert(new);
                            None
                        }
                        Err(_) => Some(Unplanned::Entries(entries.count().saturating_add(1))),
                    }
                }
            }
        });
        if let Some(object) = unused {
            self.release_object(object, batch);
        }
        match failed {
            Some(stop) => Err(stop),
            None => Ok(size),
        }
    }

    /// What the child's entry shall show, and whether it shall need a copy.
    fn plan_entry(
        &self,
        entry: &Entry<M>,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(Option<ObjRef<M>>, bool), Unplanned<M>> {
        let share = entry.attributes.inherit == Inherit::Share;
        let Some(object) = &entry.object else {
            if !share {
                return Ok((None, false));
            }
            let new = self.new_object(ObjectKind::Anonymous, entry.pages());
            return Ok((Some(new.map_err(Unplanned::Code)?), false));
        };
        if share {
            if entry.needs_copy {
                let new = self.new_object(ObjectKind::Anonymous, entry.pages());
                return Ok((Some(new.map_err(Unplanned::Code)?), false));
            }
            // Entries that were split from each other still have one object for their parts; the
            // part that becomes shared gets its own (I-OBJ-3).
            let part = self.prepare_split(object, entry.offset, entry.pages());
            return match part.map_err(Unplanned::Code)? {
                Some(part) => Ok((Some(part), false)),
                None => Ok((Some(same(object)?), false)),
            };
        }
        let mut released = None;
        let (depth, true_share) = {
            let mut top = object.write();
            if top.shadow.is_some() && object.kind == ObjectKind::Anonymous {
                self.collapse(&mut top, batch, &mut released);
            }
            (self.depth(&top), top.true_share)
        };
        if let Some(cut) = released {
            self.release_object(cut, batch);
        }
        if entry.wired != 0 || (true_share && !entry.needs_copy) {
            self.counters.count(Event::ForkCopy);
            return Ok((Some(self.copy_slowly(entry, object)?), false));
        }
        if depth >= DEPTH_LIMIT {
            self.counters.count(Event::Flatten);
            return Ok((Some(self.copy_slowly(entry, object)?), true));
        }
        Ok((Some(same(object)?), true))
    }

    /// Carries the plan out. Nothing here can fail.
    fn commit(
        &self,
        parent: &Map<M>,
        state: &mut MapState<M>,
        tree: &mut Tree<M>,
        spare: &mut Entries<M>,
        released: &mut Removed<M>,
        batch: &mut TlbBatch<'_, M>,
    ) {
        let pmap = self.pmap(parent);
        let all = Range::new(VirtAddr(0), VirtAddr(u64::MAX));
        state.tree.visit_mut(all, |entry| {
            let Some(twin) = tree.find_mut(entry.start) else {
                return;
            };
            let Some(theirs) = &twin.object else {
                return;
            };
            let is_same = entry
                .object
                .as_ref()
                .is_some_and(|ours| ours.ptr_eq(theirs));
            match (entry.attributes.inherit, is_same) {
                (Inherit::Share, true) => {
                    let was_shared = {
                        let mut object = theirs.write();
                        object.refs = object.refs.saturating_add(1);
                        object.aliased = true;
                        core::mem::replace(&mut object.true_share, true)
                    };
                    share_entries(entry, twin);
                    if !was_shared && entry.wired == 0 {
                        // Zero frames and pages from below would hide what others write.
                        self.machine().pmap_remove(pmap, entry.range(), batch);
                    }
                }
                (Inherit::Share, false) => {
                    let Ok(ours) = theirs.try_ref() else { return };
                    let below = entry.object.take();
                    match below {
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
                        object.true_share = true;
                        object.aliased = true;
                    }
                    (entry.object, entry.offset, entry.needs_copy) = (Some(ours), 0, false);
                    twin.offset = 0;
                    share_entries(entry, twin);
                    if entry.wired == 0 {
                        self.machine().pmap_remove(pmap, entry.range(), batch);
                    }
                }
                (_, true) => {
                    {
                        let mut object = theirs.write();
                        object.refs = object.refs.saturating_add(1);
                        object.aliased = true;
                    }
                    if !entry.needs_copy {
                        entry.needs_copy = true;
                        if entry.attributes.protection.contains(Protection::WRITE) {
                            let rest = Protection::ALL.difference(Protection::WRITE);
                            self.machine()
                                .pmap_protect(pmap, entry.range(), rest, batch);
                        }
                    }
                }
                (_, false) if twin.needs_copy => {
                    // A flat copy: both get it, and the chain is given up.
                    let Ok(ours) = theirs.try_ref() else { return };
                    {
                        let mut object = theirs.write();
                        object.refs = 2;
                        object.aliased = true;
                    }
                    if let Ok(mut old) = spare.fill(Entry::new(entry.range(), entry.attributes)) {
                        old.object = entry.object.take();
                        old.offset = entry.offset;
                        released.push(old);
                    }
                    (entry.object, entry.offset, entry.needs_copy) = (Some(ours), 0, true);
                    twin.offset = 0;
                    self.machine().pmap_remove(pmap, entry.range(), batch);
                }
                // A copy of the child's own.
                (_, false) => twin.offset = 0,
            }
        });
    }

    /// Takes a plan apart: what it borrowed from the parent loses nothing.
    fn abandon(&self, state: &MapState<M>, tree: Tree<M>, released: &mut Removed<M>) {
        tree.drain(|mut twin: EntryBox<M>| {
            let ours = state
                .tree
                .find(twin.start)
                .and_then(|entry| entry.object.as_ref());
            let is_same = match (&twin.object, ours) {
                (Some(theirs), Some(ours)) => theirs.ptr_eq(ours),
                _ => false,
            };
            if is_same {
                twin.object = None;
            } else if let Some(new) = &twin.object
                && twin.attributes.inherit == Inherit::Share
            {
                self.abandon_split(new);
            }
            twin.offset = 0;
            released.push(twin);
        });
    }
}

fn same<M: Machine>(object: &ObjRef<M>) -> Result<ObjRef<M>, Unplanned<M>> {
    let shortage = Unplanned::Code(KernReturn::RESOURCE_SHORTAGE);
    object.try_ref().map_err(|_| shortage)
}

fn share_entries<M: Machine>(entry: &mut Entry<M>, twin: &mut Entry<M>) {
    entry.attributes.flags.insert(EntryFlags::SHARED);
    twin.attributes.flags.insert(EntryFlags::SHARED);
    twin.needs_copy = false;
}
