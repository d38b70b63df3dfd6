//! The value that a kernel holds: all of its memory system.
//!
//! Owns: frames, queues, zones, counters, the kernel map, the shared zero frame.
//! Does not own: policy about tasks; when memory is out it says so, and the kernel chooses.
//! Locks: none of its own.

use crate::addr::{PageId, Pages, Range};
use crate::counters::{Counters, Event};
use crate::frames::{Frames, Need, TableFrames};
use crate::machine::{CacheMode, Machine, RefMod};
use crate::map::entry::Entry;
use crate::map::{Map, MapRef, Translation};
use crate::memory_entry::MemoryEntry;
use crate::object::purgable::{PurgeQueues, Record};
use crate::object::tree::NodeZones;
use crate::object::{ObjRef, Object, ObjectKind};
use crate::page::{Content, Page, PageArray};
use crate::pageout::Pageout;
use crate::pager::notice::Notices;
use crate::pager::paging::{Paging, PagingBox};
use crate::pager::request::Answer;
use crate::pager::table::Table;
use crate::queues::Queues;
use crate::registry::Registry;
use abi::KernReturn;
use abi::region::{VmStatistics64, ZoneInfo};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use zalloc::{Kalloc, RefZone, Zone, ZoneOptions, Zones};

/// Whether memory may be writable and executable at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteExecute {
    /// As on x86_64.
    Allowed,
    /// As on arm64: `PROTECTION_FAILURE`.
    Refused,
}

/// What the boot found and hands over.
pub struct BootMemory<'a> {
    /// A record for each managed frame: all RAM, with what the boot itself took.
    pub pages: &'static [Page],
    /// Frames that nobody uses, as first frame and number.
    pub usable: &'a [(PageId, Pages)],
    /// Frames that only exit, kill and rollback may take.
    pub reserve: Pages,
    /// The addresses of the kernel map.
    pub kernel_range: Range,
    /// The policy of user maps.
    pub write_execute: WriteExecute,
}

/// The zones of `vm` itself.
pub(crate) struct VmZones<M: Machine> {
    pub objects: RefZone<Object<M>, Frames<M>>,
    pub entries: Zone<Entry<M>, Frames<M>>,
    pub maps: RefZone<Map<M>, Frames<M>>,
    pub nodes: NodeZones<M>,
    pub memory_entries: RefZone<MemoryEntry<M>, Frames<M>>,
    pub purgables: RefZone<Record<M>, Frames<M>>,
    pub pagings: Zone<Paging<M>, Frames<M>>,
    pub answers: RefZone<Answer<M>, Frames<M>>,
}

/// A memory system.
pub struct Vm<M: Machine> {
    pub(crate) registry: Registry<M>,
    pub(crate) kernel_map: Option<MapRef<M>>,
    pub(crate) zones: VmZones<M>,
    kalloc: Kalloc<Frames<M>>,
    all_zones: Zones<Frames<M>>,
    pub(crate) counters: Counters<M>,
    pub(crate) queues: Queues<M>,
    pub(crate) frames: Frames<M>,
    pub(crate) purge_queues: PurgeQueues<M>,
    pub(crate) zero_frame: PageId,
    pub(crate) write_execute: WriteExecute,
    serial: AtomicU64,
    /// The state of the random addresses' generator.
    pub(crate) random: AtomicU64,
    pub(crate) audits: AtomicU32,
    /// Pages of files that pagers have not got yet.
    pub(crate) dirty: AtomicU64,
    pub(crate) notices: Notices<M>,
    /// Objects that have pagers.
    pub(crate) paged: Table<M>,
    pub(crate) pageout: Pageout<M>,
}

impl<M: Machine> Vm<M> {
    /// A memory system over `machine`.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE` if there is not memory enough for the zones and the zero frame.
    pub fn new(machine: M, memory: BootMemory<'_>) -> Result<Self, KernReturn> {
        let pages = PageArray::new(memory.pages);
        let frames = Frames::new(machine, pages, memory.reserve.0 as usize);
        for &(first, count) in memory.usable {
            frames.release(first, count);
        }
        let zones = Zones::new();
        fn options() -> ZoneOptions {
            ZoneOptions::default()
        }
        let out = |_| KernReturn::RESOURCE_SHORTAGE;
        let vm_zones = VmZones {
            maps: zones.zone(&frames, "maps", options()).map_err(out)?,
            entries: zones
                .zone(&frames, "VM map entries", options())
                .map_err(out)?,
            objects: zones.zone(&frames, "vm objects", options()).map_err(out)?,
            memory_entries: zones
                .zone(&frames, "mem_obj_memory_entries", options())
                .map_err(out)?,
            purgables: zones
                .zone(&frames, "vm purgeable objects", options())
                .map_err(out)?,
            pagings: zones
                .zone(&frames, "vm paged objects", options())
                .map_err(out)?,
            answers: zones
                .zone(&frames, "vm pager requests", options())
                .map_err(out)?,
            nodes: NodeZones {
                leaves: zones
                    .zone(&frames, "vm object slots", options())
                    .map_err(out)?,
                inners: zones
                    .zone(&frames, "vm object nodes", options())
                    .map_err(out)?,
            },
        };
        let registry = Registry::new(zones.zone(&frames, "vm registry", options()).map_err(out)?);
        let kalloc = Kalloc::new(&zones, &frames).map_err(out)?;
        let zero_frame = frames
            .take_kernel(Need::Normal)
            .ok_or(KernReturn::RESOURCE_SHORTAGE)?;
        frames.machine().zero_page(zero_frame);
        let mut vm = Self {
            registry,
            kernel_map: None,
            zones: vm_zones,
            kalloc,
            all_zones: zones,
            counters: Counters::new(),
            queues: Queues::new(pages),
            frames,
            purge_queues: PurgeQueues::new(),
            zero_frame,
            write_execute: memory.write_execute,
            serial: AtomicU64::new(0),
            random: AtomicU64::new(0),
            audits: AtomicU32::new(0),
            dirty: AtomicU64::new(0),
            notices: Notices::new(),
            paged: Table::new(),
            pageout: Pageout::new(),
        };
        let kernel_map = Map::new(vm.next_serial(), Translation::Kernel, memory.kernel_range);
        let kernel_map = vm.zones.maps.alloc_ref(&vm.frames, kernel_map);
        let kernel_map = kernel_map.map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
        vm.registry.add_map(&vm, &kernel_map)?;
        vm.kernel_map = Some(kernel_map);
        Ok(vm)
    }

    /// The machine.
    #[inline]
    pub fn machine(&self) -> &M {
        self.frames.machine()
    }

    /// The frames, which are also where zones get their memory.
    pub fn frames(&self) -> &Frames<M> {
        &self.frames
    }

    /// Frees frames that the boot kept and that nobody uses any more.
    pub fn release_boot_frames(&self, first: PageId, count: Pages) {
        self.frames.release(first, count);
    }

    /// Bytes of a page.
    pub const fn page_size(&self) -> u64 {
        M::PAGE_SIZE
    }

    /// All managed frames.
    pub fn total_pages(&self) -> Pages {
        Pages(self.frames.pages().len() as u64)
    }

    /// All zones, for `zprint`.
    pub fn zones(&self) -> impl Iterator<Item = (&'static str, ZoneInfo)> {
        self.all_zones.iter()
    }

    /// The registry of zones.
    pub fn zone_registry(&self) -> &Zones<Frames<M>> {
        &self.all_zones
    }

    /// A zone for a kernel's own records.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE` without memory.
    pub fn zone_create<T>(&self, name: &'static str) -> Result<Zone<T, Frames<M>>, KernReturn> {
        self.all_zones
            .zone(&self.frames, name, ZoneOptions::default())
            .map_err(|_| KernReturn::RESOURCE_SHORTAGE)
    }

    /// Sized blocks for a kernel's global allocator.
    pub fn kalloc(&self) -> &Kalloc<Frames<M>> {
        &self.kalloc
    }

    /// The event counters.
    pub fn counters(&self) -> &Counters<M> {
        &self.counters
    }

    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Relaxed).wrapping_add(1)
    }

    /// Counts a shortage and names it.
    #[cold]
    pub(crate) fn shortage(&self) -> KernReturn {
        self.counters.count(Event::Shortage);
        KernReturn::RESOURCE_SHORTAGE
    }

    pub(crate) fn tables(&self) -> TableFrames<'_, M> {
        self.frames.tables(Need::Normal)
    }

    pub(crate) fn tables_back(&self) -> TableFrames<'_, M> {
        self.frames.tables(Need::Reserve)
    }

    /// A new object with one reference, in zone memory.
    pub(crate) fn new_object(&self, kind: ObjectKind, size: u64) -> Result<ObjRef<M>, KernReturn> {
        self.place_object(Object::new(kind, self.next_serial(), size))
    }

    /// The same for memory that is cached in such a way.
    pub(crate) fn new_uncached(
        &self,
        size: u64,
        cache: CacheMode,
    ) -> Result<ObjRef<M>, KernReturn> {
        let mut object = Object::new(ObjectKind::Uncached, self.next_serial(), size);
        object.cache = cache;
        self.place_object(object)
    }

    /// The same for a file that a pager has.
    pub(crate) fn new_paged(
        &self,
        paging: PagingBox<M>,
        size: u64,
    ) -> Result<ObjRef<M>, KernReturn> {
        let mut object = Object::new(ObjectKind::Named, self.next_serial(), size);
        object.paging = Some(paging);
        self.place_object(object)
    }

    #[inline]
    pub(crate) fn place_object(&self, object: Object<M>) -> Result<ObjRef<M>, KernReturn> {
        let object = self.zones.objects.alloc_ref(&self.frames, object);
        object.map_err(|_| self.shortage())
    }

    /// Marks a frame that was just filled, and puts it into the active queue.
    #[inline]
    pub(crate) fn page_filled(&self, page: PageId, content: Content, number: u32, index: u64) {
        let record = self.frames.pages().get(page);
        record.set_owner(number, index);
        record.set_content(content);
        record.set_marks(RefMod::REFERENCED | RefMod::MODIFIED);
        self.queues.activate(page);
    }

    /// The counts and counters that `host_statistics64` gives.
    pub fn statistics(&self) -> VmStatistics64 {
        let queues = self.queues.counts();
        let small = |pages: Pages| u32::try_from(pages.0).unwrap_or(u32::MAX);
        let event = |event| self.counters.get(event);
        let wired = Pages(queues.wired.0.saturating_add(self.frames.kernel_count().0));
        let free = self.frames.free_count();
        VmStatistics64 {
            free_count: small(Pages(free.0.saturating_add(queues.speculative.0))),
            active_count: small(queues.active),
            inactive_count: small(queues.inactive()),
            wire_count: small(wired),
            speculative_count: small(queues.speculative),
            internal_page_count: small(queues.internal),
            external_page_count: small(queues.external),
            purgeable_count: small(Pages(self.purge_queues.survey().0)),
            purges: event(Event::PurgedPage),
            zero_fill_count: event(Event::ZeroFill),
            pageins: event(Event::PageIn),
            pageouts: event(Event::PageOut),
            reactivations: event(Event::Reactivation),
            faults: event(Event::Fault),
            cow_faults: event(Event::CowFault),
            lookups: event(Event::Lookup),
            hits: event(Event::Hit),
            ..VmStatistics64::default()
        }
    }
}
