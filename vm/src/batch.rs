//! TLB batches: what waits until no TLB can reach it any more.
//!
//! Owns: the invalidations that page-table changes have gathered, and the frames and table pages that
//! may be used again only after those are made.
//! Does not own: the page tables (`Machine`), where freed frames go ([`FrameSource`]).
//! Locks: none. Invariants: I-TLB-1 (a frame is freed after the flush that ends its last mapping),
//! I-TLB-2 (a batch ends with `sync`, called with no spin lock held).

use crate::addr::PageId;
use crate::machine::{FrameSource, Machine};
use crate::page::{PageArray, PageList};

/// Gathers invalidations and what waits for them. It ends with [`TlbBatch::sync`].
#[must_use = "a batch ends with `sync`"]
pub struct TlbBatch<'vm, M: Machine> {
    pages: PageArray<'vm>,
    flush: M::Flush,
    frames: PageList,
    tables: PageList,
}

impl<'vm, M: Machine> TlbBatch<'vm, M> {
    /// An empty batch.
    #[inline]
    pub fn new(pages: PageArray<'vm>) -> Self {
        Self {
            pages,
            flush: M::Flush::default(),
            frames: PageList::new(),
            tables: PageList::new(),
        }
    }

    /// The invalidations gathered so far, for the pmap that adds to them.
    #[inline]
    pub fn flush_mut(&mut self) -> &mut M::Flush {
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
    pub fn flush_now(&mut self, machine: &M) {
        if !M::flush_is_empty(&self.flush) {
            machine.flush(&mut self.flush);
        }
    }

    /// Makes the invalidations, then gives the frames and tables back. No spin lock may be held.
    #[inline]
    pub fn sync(mut self, machine: &M, frames: &mut dyn FrameSource) {
        self.flush_now(machine);
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
