//! Purgeable objects: memory whose contents may be thrown away while nobody needs them.
//!
//! Owns: the state of each purgeable object, and the volatile ones in the order in which they are
//! purged: a queue of obsolete ones, one of those that go first in, first out, one of those that go
//! last in, first out; within a queue eight groups, 0 first. A *token* for each enqueued object says
//! when a queue is ripe: when as many pages have come into use as there were pages in use.
//! Does not own: who asks (`map::purgable`), how pages leave (`discard`).
//! Locks: the queues' lock guards every record and comes before the objects' locks. An object has
//! ended or is volatile, never both: its end takes it out of the queues.

mod list;

use super::ledger::Charge;
use super::{CopyStrategy, ObjRef, Object, ObjectKind, ObjectWrite};
use crate::counters::Event;
use crate::frames::Frames;
use crate::machine::Machine;
use crate::ranks::{PurgeRank, RecordRank};
use crate::vm::Vm;
use abi::KernReturn;
use abi::purgable::{
    VM_PURGABLE_DENY, VM_PURGABLE_EMPTY, VM_PURGABLE_NO_AGING, VM_PURGABLE_NONVOLATILE,
    VM_PURGABLE_VOLATILE, VM_VOLATILE_GROUP_MASK, VM_VOLATILE_GROUP_SHIFT, VM_VOLATILE_LIFO,
    VM_VOLATILE_MAKE_FIRST, VM_VOLATILE_OBSOLETE,
};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use list::{Chain, End, List};
use sync::{SpinGuard, SpinLock};
use zalloc::ZRef;

/// Groups of a queue.
pub const GROUPS: u8 = 8;
const QUEUES: usize = 3;
const OBSOLETE: usize = 0;
const FIFO: usize = 1;
const LIFO: usize = 2;

/// What becomes of a purgeable object's pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PurgeState {
    Nonvolatile,
    Volatile,
    Empty,
}

impl PurgeState {
    /// The state as programs see it.
    pub(crate) const fn word(self) -> i32 {
        match self {
            Self::Nonvolatile => VM_PURGABLE_NONVOLATILE,
            Self::Volatile => VM_PURGABLE_VOLATILE,
            Self::Empty => VM_PURGABLE_EMPTY,
        }
    }
}

/// Who may set the state of a purgeable object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purger {
    /// Who may write it.
    Writers,
    /// The kernel (`MAP_MEM_PURGABLE_KERNEL_ONLY`).
    Kernel,
    /// Nobody: the object has an owner, and is not purgeable.
    Nobody,
}

pub(crate) type RecordRef<M> = ZRef<Record<M>, Frames<M>>;

/// What there is to know of a purgeable object, and its place among the volatile ones.
pub struct Record<M: Machine>(SpinLock<M, RecordRank, Known<M>>);

impl<M: Machine> Record<M> {
    /// The state at this moment as programs see it, for who looks at the object and does not hold the
    /// queues' lock: it may be another one at once.
    pub(crate) fn glimpse(&self) -> i32 {
        let known = self.0.lock();
        match known.purger {
            Purger::Nobody => VM_PURGABLE_DENY,
            Purger::Writers | Purger::Kernel => known.state.word(),
        }
    }

    /// Whether the object is purgeable, and not only somebody's.
    pub(super) fn is_purgeable(&self) -> bool {
        self.0.lock().purger != Purger::Nobody
    }

    /// A record of an object that is needed.
    pub(super) const fn new(purger: Purger, charge: Charge<M>) -> Self {
        Self(SpinLock::new(Known {
            state: PurgeState::Nonvolatile,
            purger,
            queue: FIFO,
            group: 0,
            ripe_at: None,
            hidden: None,
            object: None,
            home: None,
            charge,
            links: [const { [const { None }; 2] }; 3],
        }))
    }

    /// The record is that of an object from now on.
    pub(super) fn set_home(&self, home: ObjRef<M>) {
        self.0.lock().home = Some(home);
    }
}

struct Known<M: Machine> {
    state: PurgeState,
    purger: Purger,
    queue: usize,
    group: usize,
    /// The turnover at which its token is ripe; `None`: it has no token.
    ripe_at: Option<u64>,
    /// Pages of the object, while faults are refused and its size says 0.
    hidden: Option<u64>,
    /// The object, while it is in the queues.
    object: Option<ObjRef<M>>,
    /// The object, until it ends.
    home: Option<ObjRef<M>>,
    charge: Charge<M>,
    /// Per chain: the neighbours towards the first and the last.
    links: [[Option<RecordRef<M>>; 2]; 3],
}

/// The volatile objects.
pub(crate) struct Lists<M: Machine> {
    groups: [[List<M>; GROUPS as usize]; QUEUES],
    tokens: [List<M>; QUEUES],
    /// Every purgeable object, volatile or not.
    all: List<M>,
}

/// The queues, and how many objects are in them.
pub(crate) struct PurgeQueues<M: Machine> {
    lists: SpinLock<M, PurgeRank, Lists<M>>,
    length: AtomicU32,
}

/// Where a volatile object goes.
#[derive(Clone, Copy)]
struct Order {
    queue: usize,
    group: usize,
    end: End,
    has_token: bool,
}

impl Order {
    const fn of(word: i32) -> Self {
        let first = word & VM_VOLATILE_MAKE_FIRST != 0;
        let group = (word & VM_VOLATILE_GROUP_MASK) >> VM_VOLATILE_GROUP_SHIFT;
        let (queue, group) = if word & VM_VOLATILE_OBSOLETE != 0 {
            (OBSOLETE, 0)
        } else if word & VM_VOLATILE_LIFO != 0 {
            (LIFO, group as usize)
        } else {
            (FIFO, group as usize)
        };
        Self {
            queue,
            group,
            end: if first || queue == LIFO {
                End::First
            } else {
                End::Last
            },
            has_token: word & VM_PURGABLE_NO_AGING == 0,
        }
    }
}

impl<M: Machine> PurgeQueues<M> {
    pub(crate) fn new() -> Self {
        Self {
            lists: SpinLock::new(Lists {
                groups: [const { [const { List::new() }; GROUPS as usize] }; QUEUES],
                tokens: [const { List::new() }; QUEUES],
                all: List::new(),
            }),
            length: AtomicU32::new(0),
        }
    }

    pub(crate) fn lock(&self) -> SpinGuard<'_, M, PurgeRank, Lists<M>> {
        self.lists.lock()
    }

    /// How many objects are volatile, as far as is known without the lock.
    pub(crate) fn len(&self) -> u32 {
        self.length.load(Relaxed)
    }

    /// Whether no object is volatile, as far as is known without the lock.
    pub(crate) fn is_empty(&self) -> bool {
        self.length.load(Relaxed) == 0
    }

    /// The object of a record is at its end.
    #[cold]
    pub(crate) fn forget(&self, record: &RecordRef<M>) {
        let mut lists = self.lock();
        let object = self.take_out(&mut lists, record);
        let home = record.0.lock().home.take();
        if home.is_some() {
            lists.all.remove(record, Chain::All);
        }
        let owner = record.with_charge(|charge| charge.owner.take());
        drop(lists);
        drop((object, home, owner));
    }

    fn put(&self, lists: &mut Lists<M>, record: &RecordRef<M>, object: ObjRef<M>, order: Order) {
        lists.groups[order.queue][order.group].insert(record, Chain::Group, order.end);
        let mut known = record.0.lock();
        (known.queue, known.group, known.object) = (order.queue, order.group, Some(object));
        let has_token = known.ripe_at.is_some();
        drop(known);
        if has_token {
            lists.tokens[order.queue].insert(record, Chain::Tokens, End::Last);
        }
        self.length.fetch_add(1, Relaxed);
    }

    /// Takes a record out of the queues, if it is in them; its object is answered.
    fn take_out(&self, lists: &mut Lists<M>, record: &RecordRef<M>) -> Option<ObjRef<M>> {
        let mut known = record.0.lock();
        let (queue, group) = (known.queue, known.group);
        let (object, has_token) = (known.object.take(), known.ripe_at.is_some());
        drop(known);
        let object = object?;
        lists.groups[queue][group].remove(record, Chain::Group);
        if has_token {
            lists.tokens[queue].remove(record, Chain::Tokens);
        }
        self.length.fetch_sub(1, Relaxed);
        Some(object)
    }

    /// Takes the object that goes first: of a queue with a ripe token, or, ripe or not, of a group
    /// below `force_below`. It is empty from now on.
    pub(crate) fn take_first(
        &self,
        lists: &mut Lists<M>,
        turnover: u64,
        force_below: u8,
    ) -> Option<ObjRef<M>> {
        let record = lists.first_ripe(turnover).or_else(|| {
            let groups = || lists.groups.iter();
            let forced = usize::from(force_below);
            groups().find_map(|queue| queue.iter().take(forced).find_map(List::first))
        })?;
        let queue = record.0.lock().queue;
        let oldest = lists.tokens[queue].first();
        if let Some(oldest) = oldest {
            // The oldest token is spent; whose it was gets the one of the object that goes.
            let spent = record.0.lock().ripe_at;
            let mut known = oldest.0.lock();
            known.ripe_at = known.ripe_at.max(spent);
        }
        let object = self.take_out(lists, &record);
        record.0.lock().state = PurgeState::Empty;
        object
    }

    /// Pages of all volatile objects, and whether each is what it should be (I-PURGE-1).
    pub(crate) fn survey(&self) -> (u64, bool) {
        let lists = self.lock();
        let (mut pages, mut count, mut sound) = (0u64, 0u32, true);
        for list in lists.groups.iter().flatten() {
            let mut next = list.first();
            while let Some(record) = next {
                let known = record.0.lock();
                let object = known
                    .object
                    .as_ref()
                    .and_then(|object| object.try_ref().ok());
                let is_volatile = known.state == PurgeState::Volatile;
                let after = &known.links[Chain::Group as usize][End::Last as usize];
                let after = after.as_ref().and_then(|record| record.try_ref().ok());
                drop(known);
                if let Some(object) = &object {
                    let state = object.read();
                    pages = pages.saturating_add(state.slots.len());
                    let knows = state.purge.as_ref().is_some_and(|own| own.ptr_eq(&record));
                    sound &= knows && is_volatile && state.refs != 0;
                } else {
                    sound = false;
                }
                count = count.saturating_add(1);
                next = after;
            }
        }
        (pages, sound && count == self.length.load(Relaxed))
    }
}

impl<M: Machine> Record<M> {
    /// Lets `change` see and change who is charged for the object.
    pub(super) fn with_charge<R>(&self, change: impl FnOnce(&mut Charge<M>) -> R) -> R {
        change(&mut self.0.lock().charge)
    }

    /// The object, if it has not ended.
    pub(crate) fn home(&self) -> Option<ObjRef<M>> {
        self.0.lock().home.as_ref()?.try_ref().ok()
    }

    pub(super) fn state(&self) -> PurgeState {
        self.0.lock().state
    }

    /// The record after this one among all.
    pub(super) fn next_of_all(&self) -> Option<RecordRef<M>> {
        let known = self.0.lock();
        let after = &known.links[Chain::All as usize][End::Last as usize];
        after.as_ref()?.try_ref().ok()
    }
}

impl<M: Machine> Lists<M> {
    pub(super) fn first_of_all(&self) -> Option<RecordRef<M>> {
        self.all.first()
    }

    /// One object more that has an owner.
    pub(super) fn know(&mut self, record: &RecordRef<M>) {
        self.all.insert(record, Chain::All, End::Last);
    }

    fn first_ripe(&self, turnover: u64) -> Option<RecordRef<M>> {
        let queues = self.tokens.iter().zip(&self.groups);
        let mut ripe = queues.filter(|(tokens, _)| {
            let oldest = tokens.first();
            oldest.is_some_and(|record| record.0.lock().ripe_at.is_some_and(|at| at <= turnover))
        });
        ripe.find_map(|(_, groups)| {
            groups
                .iter()
                .find_map(|list| list.find(|known| known.ripe_at.is_some()))
        })
    }
}

impl<M: Machine> Vm<M> {
    /// A purgeable object with one reference: copied eagerly, never in a chain.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`.
    pub(crate) fn new_purgable(&self, pages: u64, purger: Purger) -> Result<ObjRef<M>, KernReturn> {
        let record = Record::new(purger, Charge::new());
        let record = self.zones.purgables.alloc_ref(&self.frames, record);
        let record = record.map_err(|_| self.shortage())?;
        let object = self.new_object(ObjectKind::Anonymous, pages)?;
        let again = (object.try_ref(), record.try_ref());
        let (Ok(home), Ok(known)) = again else {
            self.give_object(object);
            return Err(self.shortage());
        };
        let mut state = object.write();
        state.purge = Some(record);
        state.true_share = true;
        state.strategy = CopyStrategy::None;
        drop(state);
        known.set_home(home);
        self.purge_queues.lock().know(&known);
        Ok(object)
    }

    /// Who may set the state of a purgeable object.
    pub(crate) fn purger(&self, record: &RecordRef<M>) -> Purger {
        record.0.lock().purger
    }

    /// The state of a purgeable object.
    pub(crate) fn purge_state(&self, record: &RecordRef<M>) -> PurgeState {
        let _lists = self.purge_queues.lock();
        record.0.lock().state
    }

    /// Pages that have come into use since boot: what tokens ripen by.
    pub(crate) fn turnover(&self) -> u64 {
        let zeros = self.counters.get(Event::ZeroFill);
        zeros.wrapping_add(self.counters.get(Event::CowFault))
    }

    /// Sets the state of an object that is purgeable. Answers the old one.
    ///
    /// # Errors
    /// `INVALID_ADDRESS` if the object ended meanwhile.
    pub(crate) fn set_purge_state(
        &self,
        object: &ObjRef<M>,
        record: &RecordRef<M>,
        (new, word): (PurgeState, i32),
        refuse: Refuse,
    ) -> Result<PurgeState, KernReturn> {
        let fresh = self.turnover().saturating_add(self.pages_in_use());
        let again = object.try_ref();
        let again = again.map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
        let queues = &self.purge_queues;
        let mut lists = queues.lock();
        // Whoever sets the state next waits here, until the pages that go are seized.
        let mut state = object.write();
        if state.refs == 0 {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        hide(&mut state, record, new, refuse);
        let out = queues.take_out(&mut lists, record);
        let mut known = record.0.lock();
        let old = known.state;
        // Nothing has been written since it was emptied: it stays empty.
        let nothing = old == PurgeState::Empty && state.slots.len() == 0;
        if new != PurgeState::Volatile || !nothing {
            known.state = new;
        }
        let order = Order::of(word);
        let token = known.ripe_at.filter(|_| old == PurgeState::Volatile);
        known.ripe_at = order.has_token.then(|| token.unwrap_or(fresh));
        let is_volatile = known.state == PurgeState::Volatile;
        drop(known);
        self.recount(&state);
        if is_volatile {
            queues.put(&mut lists, record, again, order);
        }
        drop(lists);
        drop(out);
        match (new, refuse) {
            (PurgeState::Empty, _) if old != PurgeState::Empty => {
                self.discard(object, state, (0, u64::MAX));
            }
            (PurgeState::Nonvolatile, _) | (_, Refuse::Nothing) => {}
            (_, Refuse::Faults) => self.unmap_object(state),
        }
        Ok(old)
    }

    /// Ends the mappings of an object's pages but for wired ones, so that accesses fault.
    fn unmap_object(&self, state: ObjectWrite<'_, M>) {
        let mut batch = self.frames.batch();
        for (_, slot) in state.slots.range(0, u64::MAX) {
            if let Some(page) = slot.page() {
                self.disconnect(page, &mut batch);
            }
        }
        drop(state);
        self.frames.finish(batch);
    }

    fn pages_in_use(&self) -> u64 {
        let counts = self.queues.counts();
        counts.active.0.saturating_add(counts.inactive().0)
    }
}

/// Whether accesses to volatile or empty memory fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refuse {
    Nothing,
    Faults,
}

/// An object that refuses faults says that it has no pages to reach.
fn hide<M: Machine>(
    state: &mut super::ObjectState<M>,
    record: &RecordRef<M>,
    new: PurgeState,
    refuse: Refuse,
) {
    let mut known = record.0.lock();
    let refused = new != PurgeState::Nonvolatile && refuse == Refuse::Faults;
    if refused && known.hidden.is_none() {
        known.hidden = Some(core::mem::take(&mut state.size));
    } else if !refused && let Some(size) = known.hidden.take() {
        state.size = size;
    }
}

impl<M: Machine> Object<M> {
    /// Pages of the object, also while it says that it has none to reach.
    pub(crate) fn whole_size(&self) -> u64 {
        let state = self.read();
        let record = state.purge.as_ref();
        let hidden = record.and_then(|record| record.0.lock().hidden);
        hidden.unwrap_or(state.size)
    }
}
