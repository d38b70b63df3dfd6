//! Free frames: who may take one, and where it comes back to.
//!
//! Owns: the machine value, the page array, each CPU's magazine of free pages and the global free
//! queue behind them, the reserve that only exit and rollback may touch.
//! Does not own: pages in use (`queues`, `object`).
//! Locks: a magazine, then the free queue. Invariants: I-PAGE-1 (a free page has no mapper),
//! I-COUNT-1 (each page is counted in exactly one place).

use crate::addr::{PageId, Pages};
use crate::batch::{Pending, TlbBatch};
use crate::machine::{FrameSource, Machine, RefMod};
use crate::page::{PageArray, PageList, PageQueue, PageState};
use crate::pageout::Low;
use crate::ranks::{FreeRank, MagazineRank};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use sync::SpinLock;
use zalloc::{ChunkMemory, ChunkSource, Injector};

/// Shards of per-CPU state; CPUs beyond share them.
pub(crate) const SHARDS: usize = 8;

/// Pages that move between a magazine and the free queue at once.
const EXCHANGE: usize = 32;
/// The most pages that a magazine holds.
const MAGAZINE: usize = 64;

/// Keeps neighbours off each other's cache lines.
#[repr(align(128))]
#[derive(Default)]
pub(crate) struct Padded<T>(pub T);

/// Who asks for a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Ordinary work: leaves the reserve alone.
    Normal,
    /// Exit, kill, rollback: may take the last frame.
    Reserve,
}

/// The free frames of a machine.
pub struct Frames<M: Machine> {
    machine: M,
    pages: PageArray<'static>,
    magazines: [Padded<SpinLock<M, MagazineRank, PageList>>; SHARDS],
    queue: SpinLock<M, FreeRank, PageQueue>,
    reserve: usize,
    injector: Injector,
    /// Frames that the boot kept, page tables, zone chunks, the zero frame.
    kernel: AtomicU64,
    contiguous_hint: AtomicUsize,
    pending: Pending,
    low: Low,
}

impl<M: Machine> Frames<M> {
    /// All frames of the array count as the boot's until [`Frames::release`] frees them.
    pub(crate) fn new(machine: M, pages: PageArray<'static>, reserve: usize) -> Self {
        Self {
            machine,
            pages,
            magazines: core::array::from_fn(|_| Padded(SpinLock::new(PageList::new()))),
            queue: SpinLock::new(PageQueue::new()),
            reserve,
            injector: Injector::new(),
            kernel: AtomicU64::new(pages.len() as u64),
            contiguous_hint: AtomicUsize::new(0),
            pending: Pending::default(),
            low: Low::default(),
        }
    }

    /// What says that free pages run low.
    pub(crate) const fn low(&self) -> &Low {
        &self.low
    }

    /// Pages in the free queue, without those in magazines.
    pub(crate) fn queued(&self) -> Pages {
        Pages(self.queue.lock().len() as u64)
    }

    /// Puts what magazines hold into the free queue.
    pub(crate) fn gather(&self) {
        for magazine in &self.magazines {
            let mut local = magazine.0.lock();
            let mut queue = self.queue.lock();
            while let Some(page) = local.pop(self.pages) {
                self.pages.get(page).set_state(PageState::Free);
                queue.push_head(self.pages, page);
            }
        }
    }

    /// The machine.
    #[inline]
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The page array.
    #[inline]
    pub fn pages(&self) -> PageArray<'static> {
        self.pages
    }

    /// Says which allocation fails by order: frames and zones strike the same one.
    pub fn injector(&self) -> &Injector {
        &self.injector
    }

    /// Frees frames that the boot did not keep.
    pub(crate) fn release(&self, first: PageId, count: Pages) {
        let mut queue = self.queue.lock();
        let mut freed = 0u64;
        for number in u64::from(first.0)..u64::from(first.0).saturating_add(count.0) {
            let page = PageId(number as u32);
            let record = self.pages.get(page);
            if record.state() == PageState::Boot {
                record.set_state(PageState::Free);
                queue.push_tail(self.pages, page);
                freed = freed.saturating_add(1);
            }
        }
        self.kernel.fetch_sub(freed, Relaxed);
    }

    /// Takes a frame; its contents are undefined and its state is `Held`.
    #[inline]
    pub(crate) fn take(&self, need: Need) -> Option<PageId> {
        if need == Need::Normal && self.injector.strikes() {
            return None;
        }
        let shard = &self.magazines[M::cpu() % SHARDS].0;
        let page = shard.lock().pop(self.pages);
        let page = match page {
            Some(page) => page,
            None => self.refill(shard, need)?,
        };
        self.pages.get(page).set_state(PageState::Held);
        Some(page)
    }

    #[cold]
    #[inline(never)]
    fn refill(&self, shard: &SpinLock<M, MagazineRank, PageList>, need: Need) -> Option<PageId> {
        let keep = if need == Need::Normal && !self.machine.is_privileged() {
            self.reserve
        } else {
            0
        };
        loop {
            let mut local = shard.lock();
            let mut queue = self.queue.lock();
            let count = queue.len().saturating_sub(keep).min(EXCHANGE);
            for _ in 0..count {
                let Some(page) = queue.pop_head(self.pages) else {
                    break;
                };
                self.pages.get(page).set_state(PageState::FreeLocal);
                local.push(self.pages, page);
            }
            self.low.notice::<M>(queue.len());
            drop(queue);
            let page = local.pop(self.pages);
            drop(local);
            // The others' magazines hold what is left.
            let mut others = self.magazines.iter();
            let page = page.or_else(|| others.find_map(|other| other.0.lock().pop(self.pages)));
            // Who gathers the magazines may have emptied them into the queue after it was looked at.
            if page.is_some() || self.queue.lock().len() <= keep {
                return page;
            }
        }
    }

    /// Gives a frame back. Nothing maps it and no TLB holds it.
    pub(crate) fn give_page(&self, page: PageId) {
        self.clear(page);
        let mut local = self.magazines[M::cpu() % SHARDS].0.lock();
        self.pages.get(page).set_state(PageState::FreeLocal);
        local.push(self.pages, page);
        if local.len() > MAGAZINE {
            let mut queue = self.queue.lock();
            for _ in 0..EXCHANGE {
                let Some(page) = local.pop(self.pages) else {
                    break;
                };
                self.pages.get(page).set_state(PageState::Free);
                queue.push_head(self.pages, page);
            }
        }
    }

    /// Gives many frames back at once.
    pub(crate) fn give_pages(&self, mut list: PageList) {
        while list.len() > MAGAZINE {
            let mut queue = self.queue.lock();
            for _ in 0..EXCHANGE {
                let Some(page) = list.pop(self.pages) else {
                    break;
                };
                self.clear(page);
                self.pages.get(page).set_state(PageState::Free);
                queue.push_head(self.pages, page);
            }
        }
        while let Some(page) = list.pop(self.pages) {
            self.give_page(page);
        }
    }

    /// The check at every free, in every build.
    #[inline]
    fn clear(&self, page: PageId) {
        assert!(
            !self.machine.page_is_mapped(page),
            "I-PAGE-1: a page is freed while it is mapped"
        );
        self.machine.page_freed(page);
        let record = self.pages.get(page);
        assert!(
            record.wirings() == 0,
            "I-PAGE-3: a page is freed while it is wired"
        );
        record.set_marks(RefMod::empty());
    }

    /// Takes a frame for the kernel itself: counted as wired until it is given back.
    pub(crate) fn take_kernel(&self, need: Need) -> Option<PageId> {
        let page = self.take(need)?;
        self.pages.get(page).set_state(PageState::Kernel);
        self.kernel.fetch_add(1, Relaxed);
        Some(page)
    }

    /// Gives such a frame back.
    pub(crate) fn give_kernel(&self, page: PageId) {
        self.kernel.fetch_sub(1, Relaxed);
        self.give_page(page);
    }

    /// Where a pmap's tables come from.
    pub(crate) fn tables(&self, need: Need) -> TableFrames<'_, M> {
        TableFrames { frames: self, need }
    }

    /// An empty batch over these frames.
    #[inline]
    pub(crate) fn batch(&self) -> TlbBatch<'_, M> {
        TlbBatch::counted(self.pages, &self.pending)
    }

    /// Ends a batch: flush, then its frames and tables are free. No spin lock may be held.
    #[inline]
    pub(crate) fn finish(&self, batch: TlbBatch<'_, M>) {
        batch.sync(&self.machine, &mut self.tables(Need::Reserve));
    }

    /// Free frames, those in magazines included.
    pub(crate) fn free_count(&self) -> Pages {
        let local: usize = self.magazines.iter().map(|m| m.0.lock().len()).sum();
        let global = self.queue.lock().len();
        Pages(local.saturating_add(global) as u64)
    }

    /// Frames that the kernel itself holds.
    pub(crate) fn kernel_count(&self) -> Pages {
        Pages(self.kernel.load(Relaxed))
    }

    /// Frames that ordinary work does not get.
    pub fn reserve(&self) -> Pages {
        Pages(self.reserve as u64)
    }

    /// Frames in one piece for the kernel itself, aligned to their number (a power of two).
    fn take_contiguous(&self, count: usize) -> Option<PageId> {
        let first = self.take_piece(count, PageState::Kernel)?;
        self.kernel.fetch_add(count as u64, Relaxed);
        Some(first)
    }

    /// Frames in one piece, aligned to their number (a power of two), for a superpage: their contents are
    /// undefined and their state is `Held`. The CPUs' magazines are given up for it. Each piece of RAM is
    /// looked at up to its first frame that is not free, from where the last one was found.
    pub(crate) fn take_run(&self, count: Pages) -> Option<PageId> {
        if self.injector.strikes() {
            return None;
        }
        self.take_piece(usize::try_from(count.0).ok()?, PageState::Held)
    }

    fn take_piece(&self, count: usize, state: PageState) -> Option<PageId> {
        self.gather();
        let mut queue = self.queue.lock();
        if queue.len() < self.reserve.saturating_add(count) {
            return None;
        }
        let pieces = self.pages.len().checked_div(count)?;
        let hint = self.contiguous_hint.load(Relaxed);
        for step in 0..pieces {
            let piece = hint.wrapping_add(step).checked_rem(pieces)?;
            let first = piece.wrapping_mul(count);
            let ids = first..first.wrapping_add(count);
            let is_free = |n: usize| self.pages.get(PageId(n as u32)).state() == PageState::Free;
            if self
                .machine
                .chunk_fits(PageId(first as u32), Pages(count as u64))
                && ids.clone().all(is_free)
            {
                for number in ids {
                    let page = PageId(number as u32);
                    queue.remove(self.pages, page);
                    self.pages.get(page).set_state(state);
                }
                self.contiguous_hint.store(piece, Relaxed);
                return Some(PageId(first as u32));
            }
        }
        None
    }

    /// Recounts the free frames: their state, their number, that nothing maps them.
    pub(crate) fn audit(&self) -> Result<Pages, &'static str> {
        let mut counted = 0u64;
        let queue = self.queue.lock();
        let mut in_queue = 0usize;
        for page in queue.iter(self.pages) {
            if self.pages.get(page).state() != PageState::Free {
                return Err("I-COUNT-1: a page of the free queue has another state");
            }
            in_queue = in_queue.saturating_add(1);
        }
        if in_queue != queue.len() {
            return Err("I-COUNT-1: the free queue has another length than its count");
        }
        drop(queue);
        for page in self.pages.ids() {
            let state = self.pages.get(page).state();
            if matches!(state, PageState::Free | PageState::FreeLocal) {
                counted = counted.saturating_add(1);
                if self.machine.page_is_mapped(page) {
                    return Err("I-PAGE-1: a free page is mapped");
                }
            }
        }
        if Pages(counted) != self.free_count() {
            return Err("I-COUNT-1: free pages and their count differ");
        }
        Ok(Pages(counted))
    }
}

/// Frames for page tables: the kernel's own while a pmap has them.
pub(crate) struct TableFrames<'a, M: Machine> {
    frames: &'a Frames<M>,
    need: Need,
}

impl<M: Machine> FrameSource for TableFrames<'_, M> {
    fn take(&mut self) -> Option<PageId> {
        self.frames.take_kernel(self.need)
    }

    fn give(&mut self, page: PageId) {
        self.frames.give_kernel(page);
    }

    fn give_frames(&mut self, _pages: PageArray<'_>, list: PageList) {
        self.frames.give_pages(list);
    }
}

impl<M: Machine> ChunkSource for Frames<M> {
    type Platform = M;
    const PAGE_SIZE: usize = M::PAGE_SIZE as usize;

    fn alloc_chunk(&self, pages: usize) -> Option<ChunkMemory> {
        let first = if pages == 1 {
            self.take_kernel(Need::Normal)?
        } else {
            self.take_contiguous(pages)?
        };
        Some(self.machine.chunk_memory(first, Pages(pages as u64)))
    }

    fn free_chunk(&self, chunk: ChunkMemory) {
        let count = (chunk.bytes() as u64) >> M::PAGE_SHIFT;
        let first = self.machine.chunk_release(chunk);
        for number in u64::from(first.0)..u64::from(first.0).saturating_add(count) {
            self.give_kernel(PageId(number as u32));
        }
    }

    fn injector(&self) -> &Injector {
        &self.injector
    }
}
