//! Faults: from an address and an access to a mapped page, or to an error.
//!
//! Owns: the order of a fault: map, entry, object, chain, page, permission, page table.
//! Does not own: what a trap is (`kernel`), entering (`pmap`).
//! Locks: the map shared; then the object, shared when a page is only found, alone when one is added;
//! then the chain below it shared. Nothing is held while it waits, refills or flushes; after each of
//! these it starts again from the address, so no version needs to be kept.
//! Invariants: I-PTE-1 (one place grants write permission: `enter::permission`), I-TLB-3.

mod around;
mod enter;
mod fill;
mod prepare;

use crate::addr::VirtAddr;
use crate::batch::TlbBatch;
use crate::counters::Event;
use crate::machine::{Machine, RefMod};
use crate::map::entry::Entry;
use crate::map::{Map, MapState};
use crate::object::copy::Snapshot;
use crate::object::pages::NoMemory;
use crate::object::shadow::Below;
use crate::object::slot::Slot;
use crate::object::{ObjRef, ObjectKind};
use crate::vm::Vm;
use abi::{KernReturn, Protection};
use core::sync::atomic::Ordering::Relaxed;
use enter::OnTop;

/// Why a fault could not be resolved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultError {
    /// No entry has the address.
    InvalidAddress,
    /// The entry forbids the access.
    ProtectionFailure,
    /// The page's contents could not be had.
    MemoryError,
    /// No free frame is left; the kernel chooses who gives some up.
    Shortage,
}

impl From<FaultError> for KernReturn {
    fn from(error: FaultError) -> Self {
        match error {
            FaultError::InvalidAddress => Self::INVALID_ADDRESS,
            FaultError::ProtectionFailure => Self::PROTECTION_FAILURE,
            FaultError::MemoryError => Self::MEMORY_ERROR,
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
    /// The page below, at this object and index, may be written by others: it is copied apart.
    Snapshot(ObjRef<M>, u64),
    /// The page table needs memory.
    Refill,
    /// It ends with an error.
    Failed(FaultError),
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

/// What one try carries.
struct Try<'a, M: Machine> {
    pmap: &'a M::Pmap,
    at: VirtAddr,
    access: Protection,
    purpose: Purpose,
    reserve: &'a mut M::Reserve,
    batch: TlbBatch<'a, M>,
    /// A copy that was made apart, until it is in its slot.
    snapshot: &'a mut Option<Snapshot>,
    /// A page was copied.
    copied: bool,
    /// An object that a bypass cut off, to be given up without locks.
    released: Option<ObjRef<M>>,
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
        let mut snapshot = None;
        let goal = Goal {
            at,
            access,
            purpose,
        };
        let mut step = self.fault_once(map, pmap, goal, &mut reserve, &mut snapshot);
        if let Step::Done = step {
            return Ok(());
        }
        let result = loop {
            match step {
                Step::Done => break Ok(()),
                Step::Failed(error) => break Err(error),
                Step::Prepare => {
                    if let Err(error) = self.prepare_write(map, at, access) {
                        break Err(error);
                    }
                }
                Step::Wait(object, index) => {
                    self.counters.count(Event::BusyWait);
                    object.wait_busy(index);
                }
                Step::Snapshot(object, index) => {
                    if let Some(old) = snapshot.take() {
                        self.frames.give_page(old.copy);
                    }
                    match self.snapshot(&object, index) {
                        Ok(made) => snapshot = made,
                        Err(NoMemory) => {
                            self.shortage();
                            break Err(FaultError::Shortage);
                        }
                    }
                }
                Step::Refill => {
                    self.counters.count(Event::Retry);
                    let machine = self.machine();
                    let filled = machine.pmap_refill(pmap, at, &mut reserve, &mut self.tables());
                    if filled.is_err() {
                        self.shortage();
                        break Err(FaultError::Shortage);
                    }
                }
            }
            step = self.fault_once(map, pmap, goal, &mut reserve, &mut snapshot);
        };
        if let Some(unused) = snapshot {
            self.frames.give_page(unused.copy);
        }
        self.machine()
            .pmap_unreserve(&mut reserve, &mut self.tables_back());
        result
    }

    /// One try, start to end; every lock is given up again.
    #[inline]
    fn fault_once(
        &self,
        map: &Map<M>,
        pmap: &M::Pmap,
        goal: Goal,
        reserve: &mut M::Reserve,
        snapshot: &mut Option<Snapshot>,
    ) -> Step<M> {
        let mut this = Try {
            pmap,
            at: goal.at,
            access: goal.access,
            purpose: goal.purpose,
            reserve,
            snapshot,
            batch: self.frames.batch(),
            copied: false,
            released: None,
        };
        let step = {
            let state = map.read();
            self.fault_entry(&state, &mut this)
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
        let write = this.access.contains(Protection::WRITE) || this.purpose == Purpose::Wire;
        let Some(object) = &entry.object else {
            if write {
                return Step::Prepare;
            }
            return self.map_zero(entry, this);
        };
        let index = entry.index(this.at);
        self.counters.count(Event::Lookup);
        if !write {
            return self.fault_read(entry, object, index, this);
        }
        if entry.needs_copy {
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
            return Step::Failed(FaultError::MemoryError);
        }
        let step = match (top.slots.get(index), &top.shadow) {
            (Slot::Resident(page), _) => {
                self.counters.count(Event::Hit);
                return self.enter_resident(entry, (&top, object.kind), (index, page), this);
            }
            (Slot::Busy(_), _) => return wait(object, index),
            (Slot::Empty, None) => None,
            (Slot::Empty, Some(shadow)) => self.look_below(shadow, index, |below| match below {
                Below::Page(page, ..) => {
                    self.counters.count(Event::Hit);
                    Some(self.enter(entry, page, OnTop::No, object.kind, this))
                }
                Below::Busy(object, index) => Some(wait(object, index)),
                Below::Nothing => None,
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

    /// A write, or a first touch of shared memory: the page gets into the top object.
    fn fault_write(
        &self,
        entry: &Entry<M>,
        object: &ObjRef<M>,
        index: u64,
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        let mut guard = object.write();
        let top = &mut *guard;
        if index >= top.size {
            return Step::Failed(FaultError::MemoryError);
        }
        let page = match top.slots.get(index) {
            Slot::Resident(page) if object.kind == ObjectKind::Anonymous => {
                self.counters.count(Event::Hit);
                return self.enter_resident(entry, (top, object.kind), (index, page), this);
            }
            Slot::Resident(page) => {
                self.counters.count(Event::Hit);
                page
            }
            Slot::Busy(_) => return wait(object, index),
            Slot::Empty => match self.fill(object, top, index, this) {
                Ok(page) => page,
                Err(step) => return step,
            },
        };
        if object.kind == ObjectKind::Named && this.access.contains(Protection::WRITE) {
            let pages = self.frames.pages();
            pages.get(page).mark(RefMod::MODIFIED | RefMod::REFERENCED);
        }
        self.enter(entry, page, OnTop::Yes, object.kind, this)
    }
}

#[cold]
fn wait<M: Machine>(object: &ObjRef<M>, index: u64) -> Step<M> {
    match object.try_ref() {
        Ok(object) => Step::Wait(object, index),
        Err(_) => Step::Failed(FaultError::Shortage),
    }
}
