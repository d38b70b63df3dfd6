//! Memory objects: pages by index, and the object that shows through where there is no page.
//!
//! Owns: [`Object`], its state and its references; which frame is which page of it.
//! Does not own: mappings (`pmap`), who maps it where (`map`), the merging of chains (`collapse`).
//! Locks: one spin reader-writer lock per object; an object before its shadow. Lookups share it.
//! Invariants: I-OBJ-1 (`refs` counts entries, shadows and handles), I-OBJ-2 (only an object that is
//! an entry's alone, or truly shared, is written), I-OBJ-3 (a truly shared object is the shadow of its
//! copy object only; so is a file's).

pub(crate) mod collapse;
pub(crate) mod contiguous;
pub(crate) mod copy;
pub(crate) mod delayed;
pub(crate) mod device;
pub(crate) mod discard;
pub mod file;
pub mod held;
pub mod ledger;
pub(crate) mod pages;
pub(crate) mod private;
pub(crate) mod purgable;
mod resize;
pub(crate) mod shadow;
pub mod slot;
pub(crate) mod split;
pub mod tree;

use crate::frames::Frames;
use crate::machine::{CacheMode, Machine};
use crate::pager::paging::PagingBox;
use crate::ranks::ObjectRank;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use slot::Slot;
use sync::{SpinReadGuard, SpinRwLock, SpinWriteGuard};
use tree::Slots;
use zalloc::ZRef;

/// A counted reference to an object's memory. Whether the object lives is counted in its state.
pub(crate) type ObjRef<M> = ZRef<Object<M>, Frames<M>>;
pub(crate) type ObjectRead<'a, M> = SpinReadGuard<'a, M, ObjectRank, ObjectState<M>>;
pub(crate) type ObjectWrite<'a, M> = SpinWriteGuard<'a, M, ObjectRank, ObjectState<M>>;

/// What an object is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectKind {
    /// Memory without a name: zeros where nothing was written.
    Anonymous,
    /// A file's pages: written through every mapping and by `object_write`.
    Named,
    /// Wired pages of the kernel map.
    Kernel,
    /// Memory without a name that is mapped with another caching than ordinary memory: truly
    /// shared, so that it is copied eagerly and never in a chain.
    Uncached,
    /// Memory without a name whose pages are one run of frames, all there from the start: a superpage.
    /// Truly shared, so that it is copied eagerly and never in a chain.
    Contiguous,
    /// A device's memory, which has no pages.
    Device,
}

/// How the object's memory is copied (`memory_object_copy_strategy_t`; xnu-vm.md §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyStrategy {
    /// At once, page by page.
    None,
    /// By a copy object, which gets each page before the original changes.
    Delay,
    /// By both sides putting a shadow in front with their first write.
    Symmetric,
    /// As `Symmetric` by a fork, as `None` otherwise.
    DelayFork,
}

/// An object.
pub struct Object<M: Machine> {
    /// A number that names the object to people; never used again.
    pub(crate) serial: u64,
    pub(crate) kind: ObjectKind,
    /// How its pages are cached where they are mapped.
    pub(crate) cache: CacheMode,
    /// Where its memory lies, if it is a device's.
    pub(crate) device: Option<device::DeviceMemory>,
    /// A thread waits for a busy page: set under the lock, shared or not.
    wanted: AtomicBool,
    /// Its pager, if it has one.
    pub(crate) paging: Option<PagingBox<M>>,
    lock: SpinRwLock<M, ObjectRank, ObjectState<M>>,
}

/// What shows through where an object has no page.
pub(crate) struct Shadow<M: Machine> {
    /// The object below.
    pub object: ObjRef<M>,
    /// The index there of this object's page 0.
    pub offset: u64,
}

/// What an object's lock guards.
pub(crate) struct ObjectState<M: Machine> {
    pub slots: Slots<M>,
    pub shadow: Option<Shadow<M>>,
    /// The copy object that gets this one's pages before they change. It is in front of this one;
    /// the link counts no reference and goes with it.
    pub copy: Option<ObjRef<M>>,
    /// Whether this object is its shadow's `copy`.
    pub receives: bool,
    /// A copy object that nobody has written, nor may: it serves for another copy until it has a page.
    pub pristine: bool,
    /// Of a copy object: how many of the same original are in a row from the oldest to this one, at
    /// most. 0: it is none.
    pub line: u8,
    /// Of a copy object: the first page that it shows.
    pub first: u64,
    /// How its memory is copied.
    pub strategy: CopyStrategy,
    /// Pages that faults reach.
    pub size: u64,
    /// Entries, shadows and handles that refer to the object.
    pub refs: u32,
    /// References that are handles.
    pub handles: u32,
    /// The audit's count, and which audit counted.
    pub audit: (u32, u32),
    /// The owner that the pages name. It moves with the slots when objects are merged.
    pub number: u32,
    /// Written through every entry that refers to it: by inheritance SHARE, or a file.
    pub true_share: bool,
    /// Other than by clipping, more than one entry may show the same page.
    pub aliased: bool,
    /// Pages of it were marked as reusable, and may be still.
    pub reusable: bool,
    /// Of an object that is purgeable, or has an owner: what else there is to know. Such an object is
    /// truly shared, so that it is copied eagerly and never in a chain.
    pub purge: Option<purgable::RecordRef<M>>,
    /// Where the last look for a page that shows through from below stopped.
    pub hint: u64,
}

impl<M: Machine> Object<M> {
    /// A new object with one reference.
    #[inline]
    pub(crate) fn new(kind: ObjectKind, serial: u64, size: u64) -> Self {
        Self {
            serial,
            kind,
            cache: CacheMode::WriteBack,
            device: None,
            wanted: AtomicBool::new(false),
            paging: None,
            lock: SpinRwLock::new(ObjectState {
                slots: Slots::new(size),
                shadow: None,
                copy: None,
                receives: false,
                pristine: false,
                line: 0,
                first: 0,
                strategy: match kind {
                    ObjectKind::Named => CopyStrategy::Delay,
                    ObjectKind::Anonymous => CopyStrategy::Symmetric,
                    ObjectKind::Kernel
                    | ObjectKind::Uncached
                    | ObjectKind::Contiguous
                    | ObjectKind::Device => CopyStrategy::None,
                },
                size,
                refs: 1,
                handles: 0,
                audit: (0, 0),
                number: (serial & 0xff_ffff) as u32,
                true_share: matches!(
                    kind,
                    ObjectKind::Named
                        | ObjectKind::Uncached
                        | ObjectKind::Contiguous
                        | ObjectKind::Device
                ),
                aliased: kind == ObjectKind::Named,
                reusable: false,
                purge: None,
                hint: 0,
            }),
        }
    }

    #[inline]
    pub(crate) fn read(&self) -> ObjectRead<'_, M> {
        self.lock.read()
    }

    #[inline]
    pub(crate) fn write(&self) -> ObjectWrite<'_, M> {
        self.lock.write()
    }

    /// Whether somebody has it locked at this moment: a hint.
    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.lock.is_held()
    }

    /// Waits until the page at `index`, which was found busy, has changed. The caller holds no lock
    /// and looks everything up again.
    pub(crate) fn wait_busy(&self, index: u64) {
        let state = self.read();
        if let Slot::Busy(_) = state.slots.get(index) {
            self.wanted.store(true, Relaxed);
            sync::block::<M, _>(sync::Event::of(self), state);
        }
    }

    /// Marks a busy page as resident again and wakes who waits.
    pub(crate) fn unbusy(&self, state: &mut ObjectState<M>, index: u64) {
        if let Slot::Busy(page) = state.slots.get(index) {
            state.slots.replace(index, Slot::Resident(page));
        }
        self.wake(state);
    }

    /// Wakes who waits for a busy page: one has changed.
    pub(crate) fn wake(&self, _: &mut ObjectState<M>) {
        if self.wanted.swap(false, Relaxed) {
            M::wakeup(sync::Event::of(self));
        }
    }
}

impl<M: Machine> ObjectState<M> {
    /// Gives an object that has no page yet another size.
    pub(crate) fn resize(&mut self, pages: u64) {
        if self.size != pages && self.slots.len() == 0 {
            self.size = pages;
            self.slots = Slots::new(pages);
        }
    }

    /// Whether the object is an entry's alone, or truly shared: may be written through an entry.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.refs == 1 && !self.true_share
    }
}

/// A kernel's handle on an object: a file's pages. It counts as one reference and ends with
/// `Vm::object_release`.
#[must_use = "a handle ends with `object_release`"]
pub struct ObjectRef<M: Machine>(pub(crate) ObjRef<M>);
