//! Faults: from an address and an access to a mapped page, or to an error.
//!
//! Owns: the order of a fault: map, entry, object, chain, page, permission, page table.
//! Does not own: what a trap is (`kernel`), entering (`pmap`).
//! Locks: the map shared; then the object, shared when a page is only found, alone when one is added;
//! then the chain below it shared. Nothing is held while it waits, refills or flushes; after each of
//! these it starts again from the address, so no version needs to be kept.
//! Invariants: I-PTE-1 (one place grants write permission: `enter::permission`), I-TLB-3.

mod around;
mod device;
mod enter;
mod fill;
mod prepare;
mod superpage;
mod through;
mod write;

use crate::addr::{PageId, Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::machine::{Machine, NotEntered};
use crate::map::entry::Entry;
use crate::map::{Map, MapState};
use crate::object::ObjRef;
use crate::object::copy::Snapshot;
use crate::object::pages::NoMemory;
use crate::object::shadow::Below;
use crate::object::slot::Slot;
use crate::pageout::Relief;
use crate::pager::{Ahead, PagerError, page_in::Wanted};
use crate::vm::Vm;
use abi::{KernReturn, Protection};
use core::sync::atomic::Ordering::Relaxed;
use enter::OnTop;
use fill::Worth;

/// Why a fault could not be resolved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultError {
    /// No entry has the address.
    InvalidAddress,
    /// The entry forbids the access.
    ProtectionFailure,
    /// The page's contents could not be had: it lies beyond the end of its file.
    MemoryError,
    /// Its pager could not supply or take them.
    Pager(PagerError),
    /// No free frame is left; the kernel chooses who gives some up.
    Shortage,
}

impl From<FaultError> for KernReturn {
    fn from(error: FaultError) -> Self {
        match error {
            FaultError::InvalidAddress => Self::INVALID_ADDRESS,
            FaultError::ProtectionFailure => Self::PROTECTION_FAILURE,
            FaultError::MemoryError | FaultError::Pager(_) => Self::MEMORY_ERROR,
            FaultError::Shortage => Self::RESOURCE_SHORTAGE,
        }
    }
}

/// How one try ended.
enum Step<M: Machine> {
    /// The page is mapped.
    Done,
    /// A busy page: wait at this object for this index.
    Wait(ObjRef<M>, u64),
    /// The entry needs an object of its own before it can be written.
    Prepare,
    /// The entry names a submap: the piece at the address becomes the map's own first.
    CopyUp,
    /// The page below, at this object and index, may be written by others: it is copied apart.
    Snapshot(ObjRef<M>, u64),
    /// Where the page shall be mapped another one still is, and other CPUs may see it.
    Occupied,
    /// The same, and the page that was only looked for is at this object and index.
    Covers(ObjRef<M>, u64),
    /// The page at this object and index is busy until no TLB shows the one that it hides.
    Hides(ObjRef<M>, u64),
    /// The page at this object and index shall change, and a copy object needs its contents first.
    Push(ObjRef<M>, u64),
    /// The page at this object and index is with the object's pager.
    PageIn(ObjRef<M>, u64),
    /// What stood in the way is gone: look again.
    Again,
    /// The page table needs memory.
    Refill,
    /// It ends with an error.
    Failed(FaultError),
}

impl<M: Machine> From<Result<(), NotEntered>> for Step<M> {
    #[inline(always)]
    fn from(entered: Result<(), NotEntered>) -> Self {
        match entered {
            Ok(()) => Self::Done,
            Err(NotEntered::Reserve) => Self::Refill,
            Err(NotEntered::Occupied) => Self::Occupied,
        }
    }
}

/// What the page is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A program's access.
    Access,
    /// It shall be wired: it must be in the top object, whatever the entry allows.
    Wire,
}

/// What a fault is to reach.
#[derive(Clone, Copy)]
struct Goal {
    at: VirtAddr,
    access: Protection,
    purpose: Purpose,
}

/// What one try leaves to the next.
#[derive(Default)]
struct Kept {
    /// A copy that was made apart, until it is in its slot.
    snapshot: Option<Snapshot>,
    /// A page was copied, and the chain below it has not been looked at yet.
    worth: Worth,
}

/// What one try carries.
struct Try<'a, M: Machine> {
    pmap: &'a M::Pmap,
    at: VirtAddr,
    access: Protection,
    purpose: Purpose,
    reserve: &'a mut M::Reserve,
    batch: TlbBatch<'a, M>,
    kept: &'a mut Kept,
    /// A page of zeros that no slot has yet.
    zeros: Option<PageId>,
    /// A page was copied.
    copied: bool,
    /// An object that a bypass cut off, to be given up without locks.
    released: Option<ObjRef<M>>,
}

impl<M: Machine> Try<'_, M> {
    /// Whether the page may change afterwards.
    #[inline]
    fn writes(&self) -> bool {
        self.access.contains(Protection::WRITE) || self.purpose == Purpose::Wire
    }
}

impl<M: Machine> Vm<M> {
    /// Resolves an access to `at` in `map`: afterwards the page is mapped and allows it.
    /// `access` is `READ`, `WRITE` or `EXECUTE`. May sleep; no lock may be held.
    ///
    /// # Errors
    /// See [`FaultError`]; nothing is changed then that a program could see.
    #[inline]
    pub fn fault(&self, map: &Map<M>, at: VirtAddr, access: Protection) -> Result<(), FaultError> {
        self.counters.count(Event::Fault);
        self.fault_in(map, at, access, Purpose::Access)
    }

    /// Brings a page into the top object of its entry, and maps it if the entry allows anything.
    pub(crate) fn fault_wire(&self, map: &Map<M>, at: VirtAddr) -> Result<(), FaultError> {
        self.fault_in(map, at, Protection::NONE, Purpose::Wire)
    }

    #[inline]
    fn fault_in(
        &self,
        map: &Map<M>,
        at: VirtAddr,
        access: Protection,
        purpose: Purpose,
    ) -> Result<(), FaultError> {
        let at = VirtAddr(at.0 & !(M::PAGE_SIZE.wrapping_sub(1)));
        let pmap = self.pmap(map);
        let mut reserve = M::Reserve::default();
        let mut kept = Kept::default();
        let goal = Goal {
            at,
            access,
            purpose,
        };
        let mut step = self.fault_once(map, pmap, goal, &mut reserve, &mut kept);
        if let Step::Done = step {
            return Ok(());
        }
        let mut relief = Relief::new();
        let result = loop {
            match step {
                Step::Done => break Ok(()),
                Step::Failed(FaultError::Shortage) if self.relieve_within(&mut relief) => {}
                Step::Failed(error) => break Err(error),
                // The try has made way before it unlocked the map.
                Step::Occupied | Step::Covers(..) | Step::Hides(..) | Step::Again => {
                    self.counters.count(Event::Retry);
                }
                Step::Prepare => {
                    if let Err(error) = self.prepare_write(map, at, access) {
                        break Err(error);
                    }
                }
                Step::CopyUp => {
                    let end = VirtAddr(at.0.saturating_add(M::PAGE_SIZE));
                    if let Err(code) = self.copy_submap_up(map, Range::new(at, end), access) {
                        break Err(FaultError::of_copy_up(code));
                    }
                }
                Step::Wait(object, index) => {
                    self.counters.count(Event::BusyWait);
                    object.wait_busy(index);
                }
                Step::Snapshot(object, index) => {
                    if let Some(old) = kept.snapshot.take() {
                        self.frames.give_page(old.copy);
                    }
                    match self.snapshot(&object, index) {
                        Ok(made) => kept.snapshot = made,
                        Err(NoMemory) if self.relieve_within(&mut relief) => {}
                        Err(NoMemory) => {
                            self.shortage();
                            break Err(FaultError::Shortage);
                        }
                    }
                }
                Step::Push(object, index) => {
                    if let Err(NoMemory) = self.push(&object, index)
                        && !self.relieve_within(&mut relief)
                    {
                        self.shortage();
                        break Err(FaultError::Shortage);
                    }
                }
                Step::PageIn(object, index) => {
                    if let Err(error) = self.page_in_for(map, at, &object, index) {
                        break Err(error);
                    }
                }
                Step::Refill => {
                    self.counters.count(Event::Retry);
                    let machine = self.machine();
                    let filled = machine.pmap_refill(pmap, at, &mut reserve, &mut self.tables());
                    if filled.is_err() && !self.relieve_within(&mut relief) {
                        self.shortage();
                        break Err(FaultError::Shortage);
                    }
                }
            }
            step = self.fault_once(map, pmap, goal, &mut reserve, &mut kept);
        };
        if let Some(unused) = kept.snapshot {
            self.frames.give_page(unused.copy);
        }
        self.machine()
            .pmap_unreserve(&mut reserve, &mut self.tables_back());
        result
    }

    /// Asks the pager for a page that a fault needs, and for what the entry's behaviour makes worth reading.
    #[cold]
    #[inline(never)]
    fn page_in_for(
        &self,
        map: &Map<M>,
        at: VirtAddr,
        object: &ObjRef<M>,
        index: u64,
    ) -> Result<(), FaultError> {
        let behavior = map
            .read()
            .tree
            .find(at)
            .map(|entry| entry.attributes.behavior);
        let ahead = behavior.map_or(Ahead::Default, Ahead::from);
        let wanted = Wanted {
            ahead,
            ..Wanted::one(index)
        };
        self.page_in(object, wanted)
    }

    /// One try, start to end; every lock is given up again.
    #[inline]
    fn fault_once(
        &self,
        map: &Map<M>,
        pmap: &M::Pmap,
        goal: Goal,
        reserve: &mut M::Reserve,
        kept: &mut Kept,
    ) -> Step<M> {
        let mut this = Try {
            pmap,
            at: goal.at,
            access: goal.access,
            purpose: goal.purpose,
            reserve,
            kept,
            batch: self.frames.batch(),
            zeros: None,
            copied: false,
            released: None,
        };
        let step = {
            let state = map.read();
            let mut step = self.fault_entry(&state, &mut this);
            if let Step::Occupied | Step::Covers(..) | Step::Hides(..) = step {
                step = self.make_way(step, &mut this);
            }
            step
        };
        if let Some(object) = this.released {
            self.release_object(object, &mut this.batch);
        }
        self.frames.finish(this.batch);
        if this.copied {
            map.cow_faults.fetch_add(1, Relaxed);
        }
        step
    }

    #[inline]
    fn fault_entry(&self, state: &MapState<M>, this: &mut Try<'_, M>) -> Step<M> {
        let Some(entry) = state.tree.find(this.at) else {
            return Step::Failed(FaultError::InvalidAddress);
        };
        if !entry.attributes.protection.contains(this.access) {
            return Step::Failed(FaultError::ProtectionFailure);
        }
        let write = this.writes();
        let Some(object) = &entry.object else {
            return match &entry.submap {
                None if write => Step::Prepare,
                None => self.map_zero(entry, this),
                Some(_) if write => Step::CopyUp,
                Some(submap) => self.fault_through(entry, submap, this),
            };
        };
        let index = entry.index(this.at);
        self.counters.count(Event::Lookup);
        if !write {
            return self.fault_read(entry, object, index, this);
        }
        // What others show is not written.
        if entry.needs_copy || state.is_frozen() {
            return Step::Prepare;
        }
        self.fault_write(entry, object, index, this)
    }

    /// A read: what shows is mapped where it is.
    fn fault_read(
        &self,
        entry: &Entry<M>,
        object: &ObjRef<M>,
        index: u64,
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        let top = object.read();
        if index >= top.size {
            return self.fault_beyond(entry, object, index, this);
        }
        if let Some(shadow) = top.shadow.as_ref().filter(|_| top.slots.len() == 0)
            && let Some(step) = self.enter_below(entry, shadow, index, this)
        {
            return step;
        }
        let step = match (top.slots.get(index), &top.shadow) {
            (Slot::Resident(page), _) => {
                self.counters.count(Event::Hit);
                let step = self.enter_resident(entry, (&top, object), (index, page), this);
                return covers(step, object, index);
            }
            (Slot::Busy(_), _) => return wait(object, index),
            (Slot::Empty, None) if object.is_paged() => return paged(object, index),
            (Slot::Empty, None) => None,
            (Slot::Empty, Some(shadow)) => self.look_below(shadow, index, |below| match below {
                Below::Page(page, below, place, _) => {
                    self.counters.count(Event::Hit);
                    let step = self.enter(entry, page, OnTop::No, object, this);
                    Some(covers(step, below, place))
                }
                Below::Busy(object, index) => Some(wait(object, index)),
                Below::Paged(object, index) => Some(paged(object, index)),
                Below::Nothing => None,
                Below::Beyond => Some(Step::Failed(FaultError::MemoryError)),
            }),
        };
        if let Some(step) = step {
            return step;
        }
        if !top.true_share && entry.wired == 0 {
            return self.map_zero(entry, this);
        }
        // Who shares the object must see what is written later: the page has to exist.
        drop(top);
        self.fault_write(entry, object, index, this)
    }

    /// Ends the mappings of the page that another one hides. That one is busy until no TLB shows the
    /// old one, so that nobody maps it meanwhile (I-TLB-6). The map is locked shared, no object is.
    #[cold]
    #[inline(never)]
    fn make_way(&self, step: Step<M>, this: &mut Try<'_, M>) -> Step<M> {
        let place = match step {
            Step::Hides(object, index) => Some((object, index)),
            Step::Covers(object, index) => {
                let mut state = object.write();
                let Slot::Resident(page) = state.slots.get(index) else {
                    return Step::Again;
                };
                state.slots.replace(index, Slot::Busy(page));
                drop(state);
                self.unmap(this);
                Some((object, index))
            }
            // The zero frame: whoever maps it shows the same.
            _ => {
                self.unmap(this);
                None
            }
        };
        this.batch.flush_now(self.machine());
        if let Some((object, index)) = place {
            object.unbusy(&mut object.write(), index);
        }
        Step::Again
    }

    /// Removes what is mapped at the address of a try.
    fn unmap(&self, this: &mut Try<'_, M>) {
        let end = VirtAddr(this.at.0.saturating_add(M::PAGE_SIZE));
        let range = Range::new(this.at, end);
        self.machine()
            .pmap_remove(this.pmap, range, &mut this.batch);
    }
}

#[cold]
fn owed<M: Machine>(object: &ObjRef<M>, index: u64) -> Step<M> {
    match object.try_ref() {
        Ok(object) => Step::Push(object, index),
        Err(_) => Step::Failed(FaultError::Shortage),
    }
}

/// Says where the page is that could not be mapped.
#[inline]
fn covers<M: Machine>(step: Step<M>, object: &ObjRef<M>, index: u64) -> Step<M> {
    match step {
        Step::Occupied => object
            .try_ref()
            .map_or(Step::Failed(FaultError::Shortage), |object| {
                Step::Covers(object, index)
            }),
        step => step,
    }
}

#[cold]
fn paged<M: Machine>(object: &ObjRef<M>, index: u64) -> Step<M> {
    match object.try_ref() {
        Ok(object) => Step::PageIn(object, index),
        Err(_) => Step::Failed(FaultError::Shortage),
    }
}

#[cold]
fn wait<M: Machine>(object: &ObjRef<M>, index: u64) -> Step<M> {
    match object.try_ref() {
        Ok(object) => Step::Wait(object, index),
        Err(_) => Step::Failed(FaultError::Shortage),
    }
}
