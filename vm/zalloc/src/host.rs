//! Chunks of host memory (feature `host`).
//!
//! Owns: a source for tests and simulators, with a limit that can run out.

use crate::inject::Injector;
use crate::source::{ChunkMemory, ChunkSource};
use core::ptr::NonNull;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Memory of the host as a chunk of `bytes` (a power of two), aligned to its size.
pub fn host_chunk(bytes: usize) -> ChunkMemory {
    let layout = layout(bytes);
    // SAFETY: the layout is not empty.
    let at = unsafe { alloc(layout) };
    let Some(at) = NonNull::new(at) else {
        handle_alloc_error(layout)
    };
    // SAFETY: the allocator gives memory that is only ours until it is freed.
    unsafe { ChunkMemory::new(at, bytes) }
}

/// Frees a chunk that [`host_chunk`] made.
///
/// # Safety
/// It did make it.
pub unsafe fn free_host_chunk(chunk: ChunkMemory) {
    // SAFETY: same allocator and layout; the chunk is exclusive and given up.
    unsafe { dealloc(chunk.address().as_ptr(), layout(chunk.bytes())) }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes.max(1), bytes.max(1)).expect("a chunk is a power of two of bytes")
}

/// A chunk source with pages of `1 << SHIFT` bytes.
pub struct HostChunks<const SHIFT: u32> {
    injector: Injector,
    /// Pages that are out.
    out: AtomicUsize,
    limit: AtomicUsize,
}

impl<const SHIFT: u32> HostChunks<SHIFT> {
    /// As many pages as the host gives.
    pub fn new() -> Self {
        Self::with_limit(usize::MAX)
    }

    /// At most `pages` pages.
    pub fn with_limit(pages: usize) -> Self {
        HostChunks {
            injector: Injector::new(),
            out: AtomicUsize::new(0),
            limit: AtomicUsize::new(pages),
        }
    }

    /// Pages that are out.
    pub fn pages_out(&self) -> usize {
        self.out.load(Ordering::Relaxed)
    }

    /// Changes the limit.
    pub fn set_limit(&self, pages: usize) {
        self.limit.store(pages, Ordering::Relaxed);
    }
}

impl<const SHIFT: u32> Default for HostChunks<SHIFT> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const SHIFT: u32> ChunkSource for HostChunks<SHIFT> {
    type Platform = sync::host::Host;
    const PAGE_SIZE: usize = 1 << SHIFT;

    fn alloc_chunk(&self, pages: usize) -> Option<ChunkMemory> {
        assert_eq!(
            sync::host::preempt_count(),
            0,
            "a source is called with no spin lock held"
        );
        if self.injector.strikes() {
            return None;
        }
        let limit = self.limit.load(Ordering::Relaxed);
        let fits = |out: usize| out.checked_add(pages).filter(|out| *out <= limit);
        self.out
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .ok()?;
        Some(host_chunk(pages << SHIFT))
    }

    fn free_chunk(&self, chunk: ChunkMemory) {
        assert_eq!(
            sync::host::preempt_count(),
            0,
            "a source is called with no spin lock held"
        );
        self.out
            .fetch_sub(chunk.bytes() >> SHIFT, Ordering::Relaxed);
        // SAFETY: zones give back what `alloc_chunk` gave, which came from `host_chunk`.
        unsafe { free_host_chunk(chunk) }
    }

    fn injector(&self) -> &Injector {
        &self.injector
    }
}

/// Chunks of host memory by their address, for machines that must not use unsafe code.
#[derive(Default)]
pub struct HostArena(std::sync::Mutex<std::collections::BTreeSet<usize>>);

impl HostArena {
    /// A new chunk of `bytes` (a power of two), aligned to its size.
    pub fn alloc(&self, bytes: usize) -> ChunkMemory {
        let chunk = host_chunk(bytes);
        self.known().insert(chunk.address().as_ptr() as usize);
        chunk
    }

    /// Frees a chunk of this arena.
    ///
    /// # Panics
    /// If it is not this arena's.
    pub fn free(&self, chunk: ChunkMemory) {
        let at = chunk.address().as_ptr() as usize;
        assert!(
            self.known().remove(&at),
            "a chunk comes back to another arena"
        );
        // SAFETY: the address was in the set, so `host_chunk` made the chunk; there is only one
        // `ChunkMemory` of it.
        unsafe { free_host_chunk(chunk) }
    }

    /// Chunks that are out.
    pub fn out(&self) -> usize {
        self.known().len()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeSet<usize>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
