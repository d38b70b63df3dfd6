//! TLB batches: what waits until no TLB can reach it any more.
//!
//! Owns: the invalidations that page-table changes have gathered, and the frames and table pages that
//! may be used again only after those are made.
//! Does not own: the page tables (`Machine`), where freed frames go ([`FrameSource`]).
//! Locks: none. Invariants: I-TLB-1 (a frame is freed after the flush that ends its last mapping),
//! I-TLB-2 (a batch ends with `sync`, called with no spin lock held), I-TLB-5 (a frame that one batch
//! frees is not reached through an invalidation that another batch has still to make).

use crate::addr::PageId;
use crate::frames::{Padded, SHARDS};
use crate::machine::{FrameSource, Machine};
use crate::page::{PageArray, PageList};
use core::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};

/// How many batches have taken something out of a page table and not yet flushed it.
///
/// A page may lose a mapping in one batch and its owner in another; the second one finds no mapping
/// and has nothing of its own to flush. So who frees frames while others have flushes to make
/// flushes everything (I-TLB-5).
#[derive(Default)]
pub struct Pending([Padded<AtomicU32>; SHARDS]);

impl Pending {
    #[inline]
    fn enter(&self, shard: usize) {
        self.0[shard % SHARDS].0.fetch_add(1, Acquire);
    }

    #[inline]
    fn leave(&self, shard: usize) {
        self.0[shard % SHARDS].0.fetch_sub(1, Release);
    }

    /// Whether there are more than the one that is counted in shard `own`.
    #[inline]
    fn others(&self, own: Option<usize>) -> bool {
        let counts = self.0.iter().map(|count| count.0.load(Acquire));
        let own = own.map(|shard| shard % SHARDS);
        counts
            .enumerate()
            .any(|(shard, count)| count > u32::from(own == Some(shard)))
    }
}

/// Gathers invalidations and what waits for them. It ends with [`TlbBatch::sync`].
#[must_use = "a batch ends with `sync`"]
pub struct TlbBatch<'vm, M: Machine> {
    pages: PageArray<'vm>,
    /// Where its unmade flush is counted, and the shard once it is.
    pending: Option<&'vm Pending>,
    counted: Option<usize>,
    flush: M::Flush,
    frames: PageList,
    tables: PageList,
}

impl<'vm, M: Machine> TlbBatch<'vm, M> {
    /// An empty batch of a machine where one batch is made at a time.
    #[inline]
    pub fn new(pages: PageArray<'vm>) -> Self {
        Self {
            pages,
            pending: None,
            counted: None,
            flush: M::Flush::default(),
            frames: PageList::new(),
            tables: PageList::new(),
        }
    }

    /// An empty batch among others.
    #[inline]
    pub(crate) fn counted(pages: PageArray<'vm>, pending: &'vm Pending) -> Self {
        let mut batch = Self::new(pages);
        batch.pending = Some(pending);
        batch
    }

    /// The invalidations gathered so far, for the pmap that adds to them. The locks are held that
    /// keep the pages from being freed.
    #[inline]
    pub fn flush_mut(&mut self) -> &mut M::Flush {
        if let Some(pending) = self.pending
            && self.counted.is_none()
        {
            let shard = M::cpu();
            pending.enter(shard);
            self.counted = Some(shard);
        }
        &mut self.flush
    }

    /// A frame that nothing maps any more: it is freed after the flush.
    #[inline]
    pub fn retire_frame(&mut self, page: PageId) {
        self.frames.push(self.pages, page);
    }

    /// A page-table frame that was unlinked: it is given back after the flush.
    #[inline]
    pub fn retire_table(&mut self, page: PageId) {
        self.tables.push(self.pages, page);
    }

    /// How many frames wait.
    pub fn waiting(&self) -> usize {
        self.frames.len().saturating_add(self.tables.len())
    }

    /// Makes the invalidations now and goes on: what was write-protected before this call cannot be
    /// written through a stale entry after it. No spin lock may be held.
    #[inline]
    pub fn flush_now(&mut self, machine: &M) {
        if !M::flush_is_empty(&self.flush) {
            machine.flush(&mut self.flush);
        }
        if let (Some(pending), Some(shard)) = (self.pending, self.counted.take()) {
            pending.leave(shard);
        }
    }

    /// The same, and those that other batches have gathered and not made yet: what they
    /// write-protected or removed holds on every CPU afterwards too. One round for all of it: whoever took
    /// something away before this call is counted by now.
    pub fn flush_with_others(&mut self, machine: &M) {
        let own = self.counted;
        if self.pending.is_some_and(|pending| pending.others(own)) {
            M::flush_everything(&mut self.flush);
        }
        self.flush_now(machine);
    }

    /// Makes the invalidations, then gives the frames and tables back. No spin lock may be held.
    #[inline]
    pub fn sync(mut self, machine: &M, frames: &mut dyn FrameSource) {
        if self.frames.is_empty() && self.tables.is_empty() {
            return self.flush_now(machine);
        }
        self.flush_with_others(machine);
        while let Some(table) = self.tables.pop(self.pages) {
            frames.give(table);
        }
        if !self.frames.is_empty() {
            frames.give_frames(self.pages, self.frames.take());
        }
    }
}

impl<M: Machine> Drop for TlbBatch<'_, M> {
    fn drop(&mut self) {
        // A test that has failed is not to fail again on its way out.
        #[cfg(any(test, feature = "sim"))]
        if std::thread::panicking() {
            return;
        }
        debug_assert!(
            M::flush_is_empty(&self.flush) && self.frames.is_empty() && self.tables.is_empty(),
            "I-TLB-2: a batch was dropped with its duties undone"
        );
    }
}
