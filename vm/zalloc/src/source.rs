//! Where zone memory comes from.
//!
//! Owns: the trait [`ChunkSource`] and [`ChunkMemory`], the proof that memory is the holder's alone.

use crate::inject::Injector;
use core::ptr::NonNull;

/// Memory that nobody else uses: a power of two of pages, aligned to its size, readable and
/// writable by every CPU until it is given back.
#[derive(Debug)]
pub struct ChunkMemory {
    at: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is exclusive ownership of plain memory.
unsafe impl Send for ChunkMemory {}
// SAFETY: a shared reference gives out the address only.
unsafe impl Sync for ChunkMemory {}

impl ChunkMemory {
    /// Declares memory to be a chunk.
    ///
    /// # Safety
    /// `at` points to `bytes` bytes (a power of two, `at` aligned to it) of memory that stays mapped,
    /// readable and writable, and that nothing else reads or writes while this value, or the zone that
    /// it is given to, exists.
    pub unsafe fn new(at: NonNull<u8>, bytes: usize) -> Self {
        debug_assert!(bytes.is_power_of_two() && at.as_ptr() as usize & (bytes - 1) == 0);
        ChunkMemory { at, bytes }
    }

    /// Where it begins.
    pub fn address(&self) -> NonNull<u8> {
        self.at
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Gives chunks to zones and takes them back.
pub trait ChunkSource: Send + Sync + Sized + 'static {
    /// CPUs and preemption.
    type Platform: sync::Platform;
    /// Bytes of a page, a power of two, at least 4096.
    const PAGE_SIZE: usize;

    /// `pages` pages (a power of two) in one piece, or `None` if there are none. Undefined contents.
    /// Called with no lock held.
    fn alloc_chunk(&self, pages: usize) -> Option<ChunkMemory>;
    /// Takes a chunk back that this source gave. Called with no lock held.
    fn free_chunk(&self, chunk: ChunkMemory);
    /// Says which allocation fails by order.
    fn injector(&self) -> &Injector;
}
