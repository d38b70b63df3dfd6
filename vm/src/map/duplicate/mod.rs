//! Twins of entries: what fork, copies and shared mappings are made of, all of it or nothing.
//!
//! Owns: what it means to share a range of a map and to copy it ([`How`]).
//! Does not own: who gets the twins (`fork`, `extract`), copying on a write (`fault`), copy objects
//! (`object::delayed`).
//! Locks: the original's map alone from the first look to the last change. The twins are unknown to
//! everybody until they are handed out. Invariants: I-FORK-1 (before the plan is complete the original's
//! entries are untouched but for splits; after it nothing can fail), I-TLB-3 (the original's pages are
//! write-protected on every CPU before the twins are known).
//!
//! The plan is a tree of twins: each has the object that it is going to share (the original's own), or
//! one made for it: a copy of wired memory, a copy object for memory that others write, a flat copy of a
//! chain that is too deep, an object to be shared where there was none.

mod commit;

use super::clip::{Spare, Stop};
use super::entry::Entry;
use super::tree::{Removed, Tree};
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::frames::Frames;
use crate::machine::Machine;
use crate::object::copy::CopyStop;
use crate::object::delayed::{Linked, Part};
use crate::object::shadow::DEPTH_LIMIT;
use crate::object::{CopyStrategy, ObjRef, ObjectKind, ObjectState};
use crate::pageout::Relief;
use crate::vm::Vm;
use abi::KernReturn;
use zalloc::Reserve;

/// What becomes of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// It has no twin.
    Skip,
    /// Both show the same memory, whoever writes it.
    Share,
    /// The twin shows what is there now; `Fork` says who asks, which decides about
    /// [`CopyStrategy::DelayFork`].
    Copy(For),
}

/// For whom memory is copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum For {
    /// A child.
    Fork,
    /// Anybody else.
    Call,
}

/// Twins, at the addresses of their originals.
pub(crate) struct Twins<M: Machine> {
    pub tree: Tree<M>,
    /// Bytes in entries.
    pub size: u64,
}

/// Why a plan was given up. The original is as it was.
enum Unplanned<M: Machine> {
    /// So many entries must be in hand for twins.
    Entries(usize),
    /// So many for splits.
    Splits(usize),
    /// A busy page stands in the way.
    Wait(ObjRef<M>, Part),
    /// Something has changed meanwhile: plan again.
    Again,
    /// A wired page, or too many copies, forbid that a copy is put off: plan again, and copy at once.
    AtOnce,
    Code(KernReturn),
}

impl<M: Machine> From<CopyStop<M>> for Unplanned<M> {
    fn from(stop: CopyStop<M>) -> Self {
        match stop {
            CopyStop::Wait(object, part) => Self::Wait(object, part),
            CopyStop::Code(code) => Self::Code(code),
        }
    }
}

type Entries<M> = Reserve<Entry<M>, Frames<M>>;

/// The whole of every map.
pub(crate) const EVERYWHERE: Range = Range {
    start: VirtAddr(0),
    end: VirtAddr(u64::MAX),
};

/// What the work on a locked map takes along.
struct Hands<'a, 'vm, M: Machine> {
    /// Entries for the twins.
    entries: &'a mut Entries<M>,
    /// What is given up once the map is unlocked.
    released: &'a mut Removed<M>,
    /// No copy is put off.
    at_once: bool,
    /// Some copy is, and its copy object is still to be linked.
    delayed: bool,
    batch: &'a mut TlbBatch<'vm, M>,
}

impl<M: Machine> Vm<M> {
    /// Makes twins of the entries in `range`, each as `how` says. `check` looks at the locked map
    /// first. Entries that the range cuts are split.
    ///
    /// # Errors
    /// What `check` answers; `RESOURCE_SHORTAGE`. No trace is left then.
    pub(crate) fn duplicate(
        &self,
        map: &Map<M>,
        range: Range,
        check: impl Fn(&MapState<M>) -> Result<(), KernReturn>,
        how: impl Fn(&Entry<M>) -> How,
    ) -> Result<Twins<M>, KernReturn> {
        let mut entries = Entries::new();
        let mut spare = Spare::new();
        let mut at_once = false;
        let mut relief = Relief::new();
        if range == EVERYWHERE {
            self.refill(&mut entries, map.entry_count())?;
        }
        loop {
            let mut batch = self.frames.batch();
            let mut released = Removed::default();
            let outcome = {
                let mut state = map.write();
                let mut hands = Hands {
                    entries: &mut entries,
                    released: &mut released,
                    at_once,
                    delayed: false,
                    batch: &mut batch,
                };
                state
                    .check_frozen()
                    .and_then(|()| check(&state))
                    .map_err(Unplanned::Code)
                    .and_then(|()| self.cut(map, &mut state, range, &mut spare))
                    .and_then(|()| self.twins(map, &mut state, range, &how, &mut hands))
            };
            self.dispose(released, &mut batch);
            self.frames.finish(batch);
            match outcome {
                Ok(twins) => return Ok(twins),
                Err(Unplanned::Code(KernReturn::RESOURCE_SHORTAGE))
                    if self.relieve_within(&mut relief) => {}
                Err(Unplanned::Code(code)) => return Err(code),
                Err(Unplanned::Wait(object, part)) => self.wait_part(&object, part, &mut relief)?,
                Err(Unplanned::Again) => self.counters.count(Event::Retry),
                Err(Unplanned::AtOnce) => at_once = true,
                Err(Unplanned::Splits(count)) => spare.fill(self, count)?,
                Err(Unplanned::Entries(count)) => self.refill(&mut entries, count)?,
            }
        }
    }

    fn refill(&self, entries: &mut Entries<M>, count: usize) -> Result<(), KernReturn> {
        self.relieved(|| {
            let filled = entries.refill(&self.zones.entries, &self.frames, count);
            filled.map_err(|_| self.shortage())
        })
    }

    /// Splits the entries that the range cuts.
    fn cut(
        &self,
        map: &Map<M>,
        state: &mut MapState<M>,
        range: Range,
        spare: &mut Spare<M>,
    ) -> Result<(), Unplanned<M>> {
        state
            .clip(self, map, state.whole(range), spare)
            .map_err(|stop| match stop {
                Stop::Entries(count) => Unplanned::Splits(count),
                Stop::Code(code) => Unplanned::Code(code),
            })
    }

    /// Plans and commits. On failure nothing is left.
    fn twins(
        &self,
        map: &Map<M>,
        state: &mut MapState<M>,
        range: Range,
        how: &impl Fn(&Entry<M>) -> How,
        hands: &mut Hands<'_, '_, M>,
    ) -> Result<Twins<M>, Unplanned<M>> {
        let mut twins = Twins {
            tree: Tree::default(),
            size: 0,
        };
        let planned = self
            .plan(state, range, &mut twins, how, hands)
            .and_then(|()| match hands.delayed {
                true => self.link(state, &mut twins.tree, how, hands.batch),
                false => Ok(()),
            });
        if let Err(stop) = planned {
            hands.batch.flush_now(self.machine());
            self.abandon(state, twins.tree, how, hands.released);
            state.simplify(self, range.start);
            state.simplify(self, range.end);
            return Err(stop);
        }
        let pmap = self.shown_by(map);
        state.tree.visit_mut(range, |entry| {
            let kind = how(entry);
            if let Some(twin) = twins.tree.find_mut(entry.start) {
                match kind {
                    How::Share => self.commit_share(pmap, entry, twin, hands.batch),
                    _ => self.commit_copy(pmap, entry, twin, hands),
                }
            }
        });
        if state.superpages {
            self.cut_twins(range, &mut twins, hands.batch);
        }
        hands.batch.flush_now(self.machine());
        if hands.delayed {
            self.settle_copies(state, &twins.tree, how);
        }
        Ok(twins)
    }

    /// Makes the twins, with all that must be allocated. Nothing of the originals changes but chains
    /// that become shorter.
    fn plan(
        &self,
        state: &MapState<M>,
        range: Range,
        twins: &mut Twins<M>,
        how: &impl Fn(&Entry<M>) -> How,
        hands: &mut Hands<'_, '_, M>,
    ) -> Result<(), Unplanned<M>> {
        let wanted = state.entries_in(range);
        if hands.entries.count() < wanted {
            return Err(Unplanned::Entries(wanted));
        }
        let mut unused = None;
        let failed = state.tree.visit(range, |entry| {
            let mut submap = None;
            let planned = match (how(entry), &entry.submap) {
                (How::Skip, _) => return None,
                // Its submap is the twin's too, however the entry is duplicated.
                (_, Some(named)) => {
                    submap = match self.name_submap(named) {
                        Ok(named) => Some(named),
                        Err(code) => return Some(Unplanned::Code(code)),
                    };
                    Ok((None, false))
                }
                (How::Share, None) => self.plan_share(entry).map(|object| (object, false)),
                (How::Copy(whom), None) => self.plan_copy(entry, whom, hands),
            };
            let (object, needs_copy) = match planned {
                Ok(planned) => planned,
                Err(stop) => return Some(stop),
            };
            if needs_copy && is_other(&object, &entry.object) {
                // The original's object may leave in an entry of its own.
                let count = hands.entries.count().saturating_add(1);
                let more = hands
                    .entries
                    .refill(&self.zones.entries, &self.frames, count);
                if more.is_err() {
                    unused = object;
                    return Some(Unplanned::Code(self.shortage()));
                }
            }
            let mut new = Entry::new(entry.range(), entry.attributes);
            new.object = object;
            new.submap = submap;
            new.offset = entry.offset;
            new.needs_copy = needs_copy;
            match hands.entries.fill(new) {
                Ok(new) => {
                    twins.size = twins.size.saturating_add(entry.range().len());
                    twins.tree.insert(new);
                    None
                }
                Err(zalloc::Exhausted(new)) => {
                    unused = new.object.filter(|_| needs_copy);
                    Some(Unplanned::Again)
                }
            }
        });
        if let Some(object) = unused {
            self.release_object(object, hands.batch);
        }
        failed.map_or(Ok(()), Err)
    }

    /// The object that an entry and its twin shall share.
    fn plan_share(&self, entry: &Entry<M>) -> Result<Option<ObjRef<M>>, Unplanned<M>> {
        if entry.is_superpage() {
            return Err(Unplanned::Code(KernReturn::NOT_SUPPORTED));
        }
        let Some(object) = entry.object.as_ref().filter(|_| !entry.needs_copy) else {
            let new = self.new_object(ObjectKind::Anonymous, entry.pages());
            return Ok(Some(new.map_err(Unplanned::Code)?));
        };
        // Entries that were split from each other still have one object for their parts; the part
        // that becomes shared gets its own (I-OBJ-3). Two would get pushes from one original then.
        if is_split_copy(object) {
            self.sever(object)?;
        }
        let part = self.prepare_split(object, entry.offset, entry.pages());
        match part.map_err(Unplanned::Code)? {
            Some(part) => Ok(Some(part)),
            None => Ok(Some(same(object)?)),
        }
    }

    /// What a copy of the entry shall show, and whether it shall need a copy.
    fn plan_copy(
        &self,
        entry: &Entry<M>,
        whom: For,
        hands: &mut Hands<'_, '_, M>,
    ) -> Result<(Option<ObjRef<M>>, bool), Unplanned<M>> {
        let Some(object) = &entry.object else {
            return Ok((None, false));
        };
        let mut released = None;
        let (depth, strategy, wired) = {
            let mut top = object.write();
            let below = top.shadow.as_ref().map(|shadow| shadow.object.kind);
            if below == Some(ObjectKind::Anonymous) && object.kind == ObjectKind::Anonymous {
                self.collapse(object, &mut top, hands.batch, &mut released);
            }
            let delayed = is_delayed(entry, top.strategy);
            let wired = entry.wired != 0 || delayed && self.has_wired(&top, entry.part());
            (self.depth(&top), top.strategy, wired)
        };
        if let Some(cut) = released {
            self.release_object(cut, hands.batch);
        }
        let at_once = match strategy {
            CopyStrategy::None => true,
            CopyStrategy::DelayFork => wired || whom == For::Call,
            CopyStrategy::Delay => wired || hands.at_once && !entry.needs_copy,
            CopyStrategy::Symmetric => wired,
        };
        if at_once {
            self.counters.count(Event::ForkCopy);
            return Ok((Some(self.copy_slowly(object, entry.part())?), false));
        }
        if is_delayed(entry, strategy) {
            hands.delayed = true;
            let new = self.new_object(ObjectKind::Anonymous, entry.pages());
            return Ok((Some(new.map_err(Unplanned::Code)?), true));
        }
        if depth >= DEPTH_LIMIT {
            self.counters.count(Event::Flatten);
            return Ok((Some(self.copy_slowly(object, entry.part())?), true));
        }
        Ok((Some(same(object)?), true))
    }

    /// Puts the copy objects in front of their originals: the last step that may be refused.
    fn link(
        &self,
        state: &MapState<M>,
        tree: &mut Tree<M>,
        how: &impl Fn(&Entry<M>) -> How,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Unplanned<M>> {
        let mut result = Ok(());
        tree.visit_mut(EVERYWHERE, |twin| {
            let Some(entry) = state.tree.find(twin.start).filter(|_| result.is_ok()) else {
                return;
            };
            let Some(source) = delayed_source(entry, twin, how(entry)) else {
                return;
            };
            let Some(new) = twin.object.take() else {
                return;
            };
            let unused = match self.link_copy(source, entry.part(), new, batch) {
                Linked::New(object, offset) => {
                    (twin.object, twin.offset) = (Some(object), offset);
                    return;
                }
                Linked::Again {
                    object,
                    offset,
                    unused,
                } => {
                    (twin.object, twin.offset) = (Some(object), offset);
                    unused
                }
                Linked::Busy(unused, index) => {
                    result = same(source)
                        .and_then(|source| Err(Unplanned::Wait(source, Part::one(index))));
                    unused
                }
                Linked::AtOnce(unused) => {
                    result = Err(Unplanned::AtOnce);
                    unused
                }
            };
            self.release_object(unused, batch);
        });
        result
    }
}

impl<M: Machine> Vm<M> {
    /// The flush is made: the copy objects that twins show serve for other copies from now on.
    fn settle_copies(&self, state: &MapState<M>, tree: &Tree<M>, how: &impl Fn(&Entry<M>) -> How) {
        tree.visit(EVERYWHERE, |twin| {
            let entry = state.tree.find(twin.start)?;
            delayed_source(entry, twin, how(entry))?;
            self.settle(twin.object.as_ref()?);
            None::<()>
        });
    }
}

impl<M: Machine> MapState<M> {
    fn entries_in(&self, range: Range) -> usize {
        if range == EVERYWHERE {
            return self.tree.len();
        }
        let mut count = 0usize;
        self.tree.visit(range, |_| {
            count = count.saturating_add(1);
            None::<()>
        });
        count
    }
}

impl<M: Machine> ObjectState<M> {
    /// Several entries write the object from now on. Answers whether they did before.
    fn share(&mut self) -> bool {
        self.aliased = true;
        self.pristine = false;
        if self.strategy != CopyStrategy::None {
            self.strategy = CopyStrategy::Delay;
        }
        core::mem::replace(&mut self.true_share, true)
    }
}

/// Whether two references that both exist are to different objects.
fn is_other<M: Machine>(a: &Option<ObjRef<M>>, b: &Option<ObjRef<M>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => !a.ptr_eq(b),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// Whether a copy object is several entries' own.
fn is_split_copy<M: Machine>(object: &ObjRef<M>) -> bool {
    let state = object.read();
    state.receives && state.refs != 1 && !state.true_share
}

const fn is_delayed<M: Machine>(entry: &Entry<M>, strategy: CopyStrategy) -> bool {
    matches!(strategy, CopyStrategy::Delay) && !entry.needs_copy
}

/// The object that a twin's copy object is to be put in front of.
fn delayed_source<'a, M: Machine>(
    entry: &'a Entry<M>,
    twin: &Entry<M>,
    how: How,
) -> Option<&'a ObjRef<M>> {
    let source = entry.object.as_ref()?;
    let is_copy = matches!(how, How::Copy(_)) && twin.needs_copy;
    let other = is_copy && is_other(&twin.object, &entry.object);
    (other && is_delayed(entry, source.read().strategy)).then_some(source)
}

fn same<M: Machine>(object: &ObjRef<M>) -> Result<ObjRef<M>, Unplanned<M>> {
    let shortage = Unplanned::Code(KernReturn::RESOURCE_SHORTAGE);
    object.try_ref().map_err(|_| shortage)
}
