//! What `vm` asks of a machine.
//!
//! Owns: the trait [`Machine`] and the small types of its calls. Does not own: any policy. Three
//! implementations exist: `arch::Machine` (real page tables), `sim::SimMachine` (simulated ones), and
//! the one of the example kernel (`vm/examples/kernel`), to be read first. `vm/README.md` is for who
//! writes a fourth; [`conformance`](crate::conformance) tests it.
//!
//! A pmap is a cache of what the maps say: it may be dropped and refilled at any time, except for
//! wired mappings. Every call here may be made with object locks held and takes only the ranks
//! `pmap` and `pv` (and nothing that sleeps or allocates from `vm`); what a call may need is in the
//! reserve that the caller filled before it took a lock.

use crate::addr::{PageId, Pages, PhysAddr, Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::page::{PageArray, PageList};
use crate::pager::Pager;
use crate::residence::{Account, Peaks, Residence};
use abi::Protection;

/// How memory behind a mapping is cached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CacheMode {
    /// Ordinary memory.
    #[default]
    WriteBack,
    /// Frame buffers: writes gather, nothing is cached.
    WriteCombining,
    /// Device registers: no reordering, no gathering.
    Device,
}

/// What `vm_machine_attribute` may do with the caches' copies of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheOperation {
    /// What was stored reaches memory, and no cache keeps data of the page.
    FlushData,
    /// No cache keeps instructions of the page.
    FlushInstructions,
    /// Both.
    Flush,
    /// Instruction fetches see what was stored.
    Sync,
}

/// The machine keeps its caches coherent by itself and has no such operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMaintenance;

/// How a page is entered into a pmap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// What the entry permits. `Protection::NONE` is never entered.
    pub protection: Protection,
    /// The mapping may not be dropped by `page_protect`.
    pub wired: Wired,
    /// Caching.
    pub cache: CacheMode,
    /// Whether the page's reverse map knows this mapping.
    pub tracking: Tracking,
    /// What the page counts as from its first tracked mapping on; each further one has the same.
    pub account: Account,
}

/// Whether a mapping is in its page's reverse map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tracking {
    /// `page_protect`, `page_refmod` and `page_mappings` see the mapping.
    #[default]
    Tracked,
    /// They do not: the shared zero frame (always entered without write permission, never lowered
    /// by page, thousands of mappings), a device's memory. Leaves by `pmap_remove` or replacement only.
    Untracked,
}

/// Whether a mapping is wired.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wired {
    /// May be dropped and faulted again.
    #[default]
    No,
    /// Stays until it is removed by its owner.
    Yes,
}

bitflags::bitflags! {
    /// What the hardware noted about a page.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct RefMod: u8 {
        /// Used through some mapping since it was last cleared.
        const REFERENCED = 1;
        /// Written through some mapping since it was last cleared.
        const MODIFIED = 2;
    }
}

/// Why a mapping could not be entered: the reserve lacks something. Drop all locks, call
/// [`Machine::pmap_refill`], look everything up again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeedReserve;

/// Why [`Machine::pmap_enter`] entered nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotEntered {
    /// The reserve lacks something, as [`NeedReserve`] says.
    Reserve,
    /// Another page is mapped there, and another CPU may hold that translation. Remove it, end the
    /// batch, and only then let anybody enter the new page (I-TLB-6). Nothing has changed.
    Occupied,
}

impl From<NeedReserve> for NotEntered {
    fn from(NeedReserve: NeedReserve) -> Self {
        Self::Reserve
    }
}

/// Memory is exhausted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shortage;

/// Where page-table frames come from and go to. Implemented by `vm` over its free list.
pub trait FrameSource {
    /// A table frame with undefined contents, or `None` if there is none (or a fault is injected).
    fn take(&mut self) -> Option<PageId>;
    /// Gives a table frame back that no TLB can reach any more.
    fn give(&mut self, page: PageId);
    /// Gives frames of programs' pages back, which a batch held until no TLB could reach them.
    fn give_frames(&mut self, pages: PageArray<'_>, mut list: PageList) {
        while let Some(page) = list.pop(pages) {
            self.give(page);
        }
    }
}

/// A machine: page tables, frames, TLBs. CPUs, preemption and blocking come by [`sync::Platform`].
pub trait Machine: sync::Platform + Sized + Send + Sync + 'static {
    /// log2 of the page size. The only place where it stands.
    const PAGE_SHIFT: u32;
    /// Bytes of a page.
    const PAGE_SIZE: u64 = 1 << Self::PAGE_SHIFT;
    /// Bytes that a last-level table maps, to whose multiples ranges are aligned that show another pmap's
    /// table ([`Machine::pmap_nest`]); `None`: the machine cannot do that, and every map has its own.
    const NESTING_SIZE: Option<u64> = None;
    /// Bytes of a superpage, a power of two of pages that one entry of the page tables maps
    /// ([`Machine::pmap_enter_superpage`]); `None`: the machine has none that programs could get.
    const SUPERPAGE_SIZE: Option<u64> = None;

    /// Where files' pages come from and go to. [`NoPager`](crate::NoPager) if there are no files.
    type Pager: Pager<Self>;
    /// An address space's page tables, with their own locks inside.
    type Pmap: Send + Sync;
    /// Table frames and reverse-map entries held for one operation.
    type Reserve: Default + Send;
    /// The invalidations that a batch has gathered and not yet made.
    type Flush: Default + Send;

    /// Whether the calling thread is one that pageout needs, its own or a driver's: it may take frames from the
    /// reserve, and does not wait for pageout. Called with spin locks held.
    fn is_privileged(&self) -> bool {
        false
    }

    /// Fills a frame with zeros. The caller owns the page (busy or not yet in an object).
    fn zero_page(&self, page: PageId);
    /// Copies a whole frame. The caller keeps writers away from `from` (write-protected or busy).
    fn copy_page(&self, from: PageId, to: PageId);
    /// Reads bytes of a frame; `offset + into.len()` is at most a page.
    fn read_page(&self, page: PageId, offset: usize, into: &mut [u8]);
    /// Writes bytes of a frame; `offset + from.len()` is at most a page.
    fn write_page(&self, page: PageId, offset: usize, from: &[u8]);
    /// Copies `count` bytes from a place in one frame to a place in another. Programs may write the
    /// first and read the second meanwhile.
    fn copy_bytes(&self, from: (PageId, usize), to: (PageId, usize), count: usize) {
        let mut bytes = [0; 256];
        let mut done = 0usize;
        while done < count {
            let part = count.wrapping_sub(done).min(bytes.len());
            if let Some(bytes) = bytes.get_mut(..part) {
                self.read_page(from.0, from.1.wrapping_add(done), bytes);
                self.write_page(to.0, to.1.wrapping_add(done), bytes);
            }
            done = done.wrapping_add(part);
        }
    }
    /// Makes instructions that were stored into the frame visible to instruction fetch.
    fn sync_instructions(&self, page: PageId);
    /// Maintains the caches' copies of a page, on all CPUs.
    ///
    /// # Errors
    /// [`NoMaintenance`] where programs cannot ask for it (x86_64).
    fn page_cache(&self, _page: PageId, _operation: CacheOperation) -> Result<(), NoMaintenance> {
        Err(NoMaintenance)
    }

    /// Frames in one piece, aligned to their size, as memory for zones: the caller owns them.
    fn chunk_memory(&self, first: PageId, pages: Pages) -> zalloc::ChunkMemory;
    /// Whether `pages` frames from `first` (a power of two) are one piece of RAM aligned to its size.
    fn chunk_fits(&self, first: PageId, pages: Pages) -> bool {
        u64::from(first.0).is_multiple_of(pages.0)
    }
    /// The first frame of such a piece, which a zone has given up.
    fn chunk_release(&self, chunk: zalloc::ChunkMemory) -> PageId;

    /// The kernel's pmap.
    fn kernel_pmap(&self) -> &Self::Pmap;
    /// A new, empty user pmap.
    fn pmap_create(&self, frames: &mut dyn FrameSource) -> Result<Self::Pmap, Shortage>;
    /// The same for a pmap whose last-level tables others may show at the same addresses. No CPU runs
    /// on it. It keeps its tables until it ends. An invalidation of its mappings reaches every address
    /// space.
    fn pmap_create_nested(&self, frames: &mut dyn FrameSource) -> Result<Self::Pmap, Shortage> {
        self.pmap_create(frames)
    }
    /// Ends a pmap that no CPU runs on: removes what is left in it, and gives its tables back once
    /// no TLB can hold them. Tables of others that it shows are theirs; its own nobody shows any more.
    fn pmap_destroy(&self, pmap: Self::Pmap, frames: &mut dyn FrameSource);
    /// Fills a reserve until one [`Machine::pmap_enter`] at `at` cannot answer `NeedReserve` for
    /// want of tables or reverse-map entries. No spin lock may be held. Where a pmap shows another's
    /// table, the reserve is as good for an `enter` into that.
    fn pmap_refill(
        &self,
        pmap: &Self::Pmap,
        at: VirtAddr,
        reserve: &mut Self::Reserve,
        frames: &mut dyn FrameSource,
    ) -> Result<(), Shortage>;
    /// Gives back what a reserve still holds.
    fn pmap_unreserve(&self, reserve: &mut Self::Reserve, frames: &mut dyn FrameSource);

    /// Maps `page` at `at`. Another page's mapping is replaced if its translation can be invalidated
    /// on all CPUs before the new one is made, with spin locks held; else the answer is `Occupied`. A
    /// mapping where none was needs no invalidation: who removed one keeps others from entering the
    /// next until its batch has ended (I-TLB-6). Of the same page, a lowered permission is
    /// invalidated by the batch; a raised one needs nothing (a stale entry faults and is looked up
    /// again).
    fn pmap_enter(
        &self,
        pmap: &Self::Pmap,
        at: VirtAddr,
        page: PageId,
        mapping: Mapping,
        reserve: &mut Self::Reserve,
        batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered>;
    /// Maps the page of a device's memory that begins at `frame`: an address that need not be RAM, and of no
    /// managed page. The mapping is untracked, may be writable, and allows no instruction fetch; otherwise as
    /// [`Machine::pmap_enter`].
    fn pmap_enter_device(
        &self,
        pmap: &Self::Pmap,
        at: VirtAddr,
        frame: PhysAddr,
        mapping: Mapping,
        reserve: &mut Self::Reserve,
        batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered>;
    /// Maps the neighbours of a page that was just entered with the same `mapping`: `pages` at `first`
    /// and after, all in one leaf table. As many as can be had at no price: nothing is replaced, and
    /// what lacks memory is left out. A neighbour that is not mapped gets no write permission and
    /// counts as unused until it is used; one that is mapped to its page with less permission gets
    /// what `mapping` says if its entry notes `MODIFIED`, so that no write goes unnoted. One that is mapped
    /// elsewhere and counts as something else is left out.
    fn pmap_enter_around(
        &self,
        pmap: &Self::Pmap,
        first: VirtAddr,
        pages: &[Option<PageId>],
        mapping: Mapping,
        reserve: &mut Self::Reserve,
    );
    /// Maps the run of pages from `first` at `at` with one entry; both are multiples of
    /// [`Machine::SUPERPAGE_SIZE`], and the pages are mapped nowhere else. The mapping is wired and tracked. It
    /// goes and is lowered whole, by whatever part of it [`Machine::pmap_remove`],
    /// [`Machine::pmap_protect`] or [`Machine::page_protect`] is called with. What the hardware notes of it
    /// counts for every page, and stays noted while it is there. An empty table in its place is retired into
    /// the batch. Called only where there are superpages.
    ///
    /// # Errors
    /// As [`Machine::pmap_enter`]; `Occupied` too where single pages are mapped.
    fn pmap_enter_superpage(
        &self,
        _pmap: &Self::Pmap,
        _at: VirtAddr,
        _first: PageId,
        _mapping: Mapping,
        _reserve: &mut Self::Reserve,
        _batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        Err(NotEntered::Occupied)
    }
    /// Removes every mapping in the range, wired ones too. Empty tables may be retired into the batch.
    fn pmap_remove(&self, pmap: &Self::Pmap, range: Range, batch: &mut TlbBatch<'_, Self>);
    /// Takes permissions away: each mapping in the range keeps only those also in `protection`.
    /// Never grants any. `NONE` removes.
    fn pmap_protect(
        &self,
        pmap: &Self::Pmap,
        range: Range,
        protection: Protection,
        batch: &mut TlbBatch<'_, Self>,
    );
    /// From now on `pmap` shows what `nested` maps, now and later, in the [`Machine::NESTING_SIZE`] bytes
    /// from `at`, a multiple of that: their last-level tables are one. Until [`Machine::pmap_unnest`]
    /// nobody enters, removes, lowers or wires anything there by way of `pmap`; by way of `nested`
    /// everybody may, and calls by page see the mappings once.
    ///
    /// # Errors
    /// Nothing is nested then. `Reserve`: fill it for `nested` at `at`, and come again; each time gets
    /// further. `Occupied`: a table of `pmap`'s own is there. If nothing is mapped in it, it is in the batch
    /// now, and there is room once that has been flushed.
    fn pmap_nest(
        &self,
        _pmap: &Self::Pmap,
        _nested: &Self::Pmap,
        _at: VirtAddr,
        _reserve: &mut Self::Reserve,
        _batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        Err(NotEntered::Occupied)
    }
    /// Ends all nesting in what meets the range, in whole tables. What was shown must not be counted on
    /// before the batch has ended; afterwards nothing is mapped there.
    fn pmap_unnest(&self, _pmap: &Self::Pmap, _range: Range, _batch: &mut TlbBatch<'_, Self>) {}
    /// Whether `pmap` shows another's table at `at`.
    fn pmap_is_nested(&self, _pmap: &Self::Pmap, _at: VirtAddr) -> bool {
        false
    }
    /// How often tables of a nested pmap are shown by others.
    fn pmap_nestings(&self, _nested: &Self::Pmap) -> u64 {
        0
    }
    /// What page is mapped at `at`, in a table that is nested there too. Of a device's memory it may say nothing.
    fn pmap_extract(&self, pmap: &Self::Pmap, at: VirtAddr) -> Option<(PageId, Protection)>;
    /// Sets or clears the wired mark of a mapping that exists. A superpage's stays wired.
    fn pmap_change_wiring(&self, pmap: &Self::Pmap, at: VirtAddr, wired: Wired);
    /// Mapped pages by what they count as, without those that another pmap's tables map.
    fn pmap_residence(&self, pmap: &Self::Pmap) -> Residence;
    /// The most there ever were of them, now included.
    fn pmap_peaks(&self, pmap: &Self::Pmap) -> Peaks;
    /// The pages that the pmap's owner is charged for, wherever they are mapped, change by so many: they are
    /// in its footprint.
    fn pmap_charge(&self, pmap: &Self::Pmap, change: i64);
    /// Mapped pages: the resident size.
    fn pmap_resident(&self, pmap: &Self::Pmap) -> Pages {
        self.pmap_residence(pmap).total()
    }
    /// Frames that the pmap's own tables take: one that others show counts once, here.
    fn pmap_tables(&self, pmap: &Self::Pmap) -> Pages;

    /// Lowers every mapping of a page, in all pmaps; `NONE` disconnects it. Wired mappings are
    /// lowered but never disconnected (invariant I-PAGE-3: the caller does not disconnect a wired
    /// page). Returns what the hardware had noted, which a disconnect collects from all mappings.
    fn page_protect(
        &self,
        page: PageId,
        protection: Protection,
        batch: &mut TlbBatch<'_, Self>,
    ) -> RefMod;
    /// What the hardware noted, over all mappings and what `page_protect` collected before.
    fn page_refmod(&self, page: PageId) -> RefMod;
    /// Clears it. A cleared `REFERENCED` needs no invalidation; a cleared `MODIFIED` does. What a superpage's
    /// mapping notes is not cleared.
    fn page_clear_refmod(&self, page: PageId, which: RefMod, batch: &mut TlbBatch<'_, Self>);
    /// The page counts as something else from now on, wherever it is mapped.
    fn page_account(&self, page: PageId, account: Account);
    /// Tracked mappings of the page.
    fn page_mappings(&self, page: PageId) -> usize;
    /// Whether any tracked mapping of the page exists: asked at every free (I-PAGE-1), so quick; and with
    /// the free list locked, so it takes no lock that ranks before that.
    fn page_is_mapped(&self, page: PageId) -> bool {
        self.page_mappings(page) != 0
    }

    /// A frame becomes free at this moment: a simulator checks that no TLB can reach it (I-TLB-1).
    /// Called as [`Machine::page_is_mapped`] is.
    #[inline]
    fn page_freed(&self, _page: PageId) {}

    /// Makes all gathered invalidations on all CPUs and returns when no TLB holds a stale entry.
    /// Called with no spin lock held.
    fn flush(&self, flush: &mut Self::Flush);
    /// Adds all addresses of all address spaces to what will be invalidated.
    fn flush_everything(flush: &mut Self::Flush);
    /// Whether nothing has been gathered.
    fn flush_is_empty(flush: &Self::Flush) -> bool;
}
