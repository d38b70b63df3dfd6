//! Maps: what an address means to a task.
//!
//! Owns: the entries of an address space, its pmap, its size. Each verb has its file: `enter`
//! (allocate, map), `remove`, `protect`, `fork`, `wire`, `region`, `query`, `objects`, `advise`, `submap`.
//! Does not own: pages (`object`), how a fault goes (`fault`).
//! Locks: one sleeping reader-writer lock per map. Faults share it; a verb that changes entries has
//! it alone. Of two maps the one at the lower address comes first, but a parent before the submap
//! that it names. What a changing verb removes from the pmap is flushed before it lets go (I-TLB-3).
//!
//! | | fault | enter, remove, protect, wire, fork |
//! |---|---|---|
//! | map lock | shared | alone |
//! | object lock | shared, or alone to add a page | alone for references and marks |

pub mod advise;
pub mod attribute;
pub(crate) mod chunk;
pub(crate) mod clip;
pub(crate) mod copy_up;
pub(crate) mod duplicate;
pub mod enter;
pub mod enter_object;
pub mod entry;
pub mod fork;
pub(crate) mod insert;
pub mod named;
pub(crate) mod nest;
pub mod objects;
pub mod place;
mod prot_copy;
pub mod protect;
pub mod purgable;
pub mod query;
pub mod region;
pub mod remap;
pub mod remove;
pub mod request;
pub(crate) mod reusable;
pub mod submap;
pub(crate) mod superpage;
pub(crate) mod tree;
pub mod wire;
pub mod wire_limit;

use crate::addr::{Pages, Range, VirtAddr};
use crate::frames::Frames;
use crate::machine::{FrameSource, Machine, Shortage};
use crate::ranks::MapRank;
use crate::residence::{Peaks, Residence};
use crate::vm::Vm;
use abi::KernReturn;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use place::{MapLimits, Restrictions};
use submap::Naming;
use sync::{SleepReadGuard, SleepRwLock, SleepWriteGuard};
use tree::Tree;
use zalloc::ZRef;

pub(crate) type MapRead<'a, M> = SleepReadGuard<'a, M, MapRank, MapState<M>>;
pub(crate) type MapWrite<'a, M> = SleepWriteGuard<'a, M, MapRank, MapState<M>>;

/// A counted reference to a map. The one that `map_create` or `map_fork` gave ends with
/// `Vm::map_terminate`, others with `Vm::map_release`.
pub type MapRef<M> = ZRef<Map<M>, Frames<M>>;

/// An address space.
pub struct Map<M: Machine> {
    pub(crate) serial: u64,
    pub(crate) translation: Translation<M>,
    /// Faults that copied a page, since the map was made.
    pub(crate) cow_faults: AtomicU64,
    /// It was ever charged for purgeable memory.
    pub(crate) owns: AtomicBool,
    lock: SleepRwLock<M, MapRank, MapState<M>>,
}

/// Who sees a map's memory at its addresses.
pub(crate) enum Translation<M: Machine> {
    /// The kernel, by its own page tables.
    Kernel,
    /// Programs, by page tables of the map's own.
    User(M::Pmap),
    /// Nobody: the map holds what a memory entry names.
    Nobody,
}

/// What a map's lock guards.
pub(crate) struct MapState<M: Machine> {
    pub tree: Tree<M>,
    /// Addresses that entries may have.
    pub limits: Range,
    /// Bytes in entries.
    pub size: u64,
    /// Bytes wired by the user.
    pub user_wired: u64,
    /// Changes with every change of entries.
    pub version: u64,
    /// What the task may have.
    pub allowed: MapLimits,
    /// What the map does not take.
    pub restrictions: Restrictions,
    /// Whether it has or had superpages.
    pub superpages: bool,
    /// Who names a submap; `None`: an ordinary map.
    pub naming: Option<Naming>,
}

impl<M: Machine> Map<M> {
    pub(crate) fn new(serial: u64, translation: Translation<M>, limits: Range) -> Self {
        Self {
            serial,
            translation,
            cow_faults: AtomicU64::new(0),
            owns: AtomicBool::new(false),
            lock: SleepRwLock::new(MapState {
                tree: Tree::default(),
                limits,
                size: 0,
                user_wired: 0,
                version: 0,
                allowed: MapLimits::default(),
                restrictions: Restrictions::empty(),
                superpages: false,
                naming: None,
            }),
        }
    }

    #[inline]
    pub(crate) fn read(&self) -> MapRead<'_, M> {
        self.lock.read()
    }

    #[inline]
    pub(crate) fn write(&self) -> MapWrite<'_, M> {
        let mut state = self.lock.write();
        state.version = state.version.wrapping_add(1);
        state
    }

    pub(crate) fn into_pmap(self) -> Option<M::Pmap> {
        match self.translation {
            Translation::User(pmap) => Some(pmap),
            Translation::Kernel | Translation::Nobody => None,
        }
    }

    /// The map's own page tables.
    pub const fn pmap(&self) -> Option<&M::Pmap> {
        match &self.translation {
            Translation::User(pmap) => Some(pmap),
            Translation::Kernel | Translation::Nobody => None,
        }
    }

    /// Faults that copied a page, since the map was made.
    pub fn cow_faults(&self) -> u64 {
        self.cow_faults.load(Relaxed)
    }

    /// Bytes in entries.
    pub fn size(&self) -> u64 {
        self.read().size
    }

    /// How many entries there are.
    pub fn entry_count(&self) -> usize {
        self.read().tree.len()
    }

    /// The addresses that entries may have.
    pub fn limits(&self) -> Range {
        self.read().limits
    }

    /// A number that changes whenever entries change.
    pub fn version(&self) -> u64 {
        self.read().version
    }
}

impl<M: Machine> Vm<M> {
    /// A new, empty map of the addresses from `min` to before `max`.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE` without memory.
    pub fn map_create(&self, min: VirtAddr, max: VirtAddr) -> Result<MapRef<M>, KernReturn> {
        self.create(Range::new(min, max), M::pmap_create)
    }

    /// A new, empty map with page tables of a kind.
    pub(crate) fn create(
        &self,
        limits: Range,
        kind: impl Fn(&M, &mut dyn FrameSource) -> Result<M::Pmap, Shortage>,
    ) -> Result<MapRef<M>, KernReturn> {
        self.relieved(|| {
            let pmap = kind(self.machine(), &mut self.tables());
            self.create_with(limits, pmap.map_err(|_| self.shortage())?)
        })
    }

    fn create_with(&self, limits: Range, pmap: M::Pmap) -> Result<MapRef<M>, KernReturn> {
        let map = Map::new(self.next_serial(), Translation::User(pmap), limits);
        self.new_map(map)
    }

    /// A map that only holds memory, from address 0 on.
    pub(crate) fn map_create_detached(&self, size: u64) -> Result<MapRef<M>, KernReturn> {
        let limits = Range::new(VirtAddr(0), VirtAddr(size));
        self.new_map(Map::new(self.next_serial(), Translation::Nobody, limits))
    }

    fn new_map(&self, map: Map<M>) -> Result<MapRef<M>, KernReturn> {
        match self.zones.maps.alloc_ref(&self.frames, map) {
            Ok(map) => match self.registry.add_map(self, &map) {
                Ok(()) => Ok(map),
                Err(code) => {
                    self.map_release(map);
                    Err(code)
                }
            },
            Err(zalloc::Exhausted(map)) => {
                self.destroy_pmap(map);
                Err(self.shortage())
            }
        }
    }

    fn destroy_pmap(&self, map: Map<M>) {
        if let Some(pmap) = map.into_pmap() {
            self.machine().pmap_destroy(pmap, &mut self.tables_back());
        }
    }

    /// The page tables that show a map's memory, if any do.
    #[inline]
    pub(crate) fn shown_by<'a>(&'a self, map: &'a Map<M>) -> Option<&'a M::Pmap> {
        match &map.translation {
            Translation::User(pmap) => Some(pmap),
            Translation::Kernel => Some(self.machine().kernel_pmap()),
            Translation::Nobody => None,
        }
    }

    /// The page tables of a map that programs or the kernel run on.
    #[inline]
    pub fn pmap<'a>(&'a self, map: &'a Map<M>) -> &'a M::Pmap {
        map.pmap().unwrap_or_else(|| self.machine().kernel_pmap())
    }

    /// Mapped pages of a map, by what they count as.
    pub fn residence(&self, map: &Map<M>) -> Residence {
        self.machine().pmap_residence(self.pmap(map))
    }

    /// Mapped pages of a map.
    pub fn resident(&self, map: &Map<M>) -> Pages {
        self.residence(map).total()
    }

    /// The most there ever were of them.
    pub fn peaks(&self, map: &Map<M>) -> Peaks {
        self.machine().pmap_peaks(self.pmap(map))
    }

    /// Removes everything from a map that no thread runs on, and gives the reference up. Works
    /// without allocation. The page tables go with the last reference. A submap that entries still
    /// name lives on with them.
    pub fn map_terminate(&self, map: MapRef<M>) {
        let last = map.write().abandon();
        if last {
            self.map_end(map);
        } else {
            self.map_release(map);
        }
    }

    pub(crate) fn map_end(&self, map: MapRef<M>) {
        self.map_clear(&map);
        self.registry.remove_map(&map);
        self.map_release(map);
    }

    /// Gives up a reference that was taken with `try_ref`.
    pub fn map_release(&self, map: MapRef<M>) {
        if let Some(map) = map.into_inner_if_last() {
            self.destroy_pmap(map);
        }
    }

    /// Raises the lowest address that entries may have: what `__PAGEZERO` asks for.
    ///
    /// # Errors
    /// `NO_SPACE` if an entry begins below.
    pub fn map_raise_min(&self, map: &Map<M>, min: VirtAddr) -> Result<(), KernReturn> {
        let mut state = map.write();
        if state.tree.find_before(min).is_some() {
            return Err(KernReturn::NO_SPACE);
        }
        state.limits.start = state.limits.start.max(min);
        Ok(())
    }
}
