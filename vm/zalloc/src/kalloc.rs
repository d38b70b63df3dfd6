//! Memory by size, for glue that has no type of its own: `default.kalloc.N`.
//!
//! Owns: one zone per size class. Does not own: the kernel's `GlobalAlloc`, which calls this.
//! Sizes above half a page go around the chunks and take whole pages; beyond 32 KiB there is no class.

use crate::geometry::Geometry;
use crate::raw::{Direct, ZonePtr};
use crate::registry::Zones;
use crate::source::{ChunkMemory, ChunkSource};
use crate::zone::Exhausted;
use core::alloc::Layout;
use core::ptr::NonNull;

/// Bytes of each size class, ascending, and the name of its zone.
pub const CLASSES: [(usize, &str); 22] = [
    (16, "default.kalloc.16"),
    (32, "default.kalloc.32"),
    (48, "default.kalloc.48"),
    (64, "default.kalloc.64"),
    (96, "default.kalloc.96"),
    (128, "default.kalloc.128"),
    (192, "default.kalloc.192"),
    (256, "default.kalloc.256"),
    (384, "default.kalloc.384"),
    (512, "default.kalloc.512"),
    (768, "default.kalloc.768"),
    (1024, "default.kalloc.1024"),
    (1536, "default.kalloc.1536"),
    (2048, "default.kalloc.2048"),
    (3072, "default.kalloc.3072"),
    (4096, "default.kalloc.4096"),
    (6144, "default.kalloc.6144"),
    (8192, "default.kalloc.8192"),
    (12288, "default.kalloc.12288"),
    (16384, "default.kalloc.16384"),
    (24576, "default.kalloc.24576"),
    (32768, "default.kalloc.32768"),
];

/// Allocation by size.
pub struct Kalloc<S: ChunkSource> {
    zones: [ZonePtr<S::Platform>; CLASSES.len()],
}

/// How the elements of a class lie: packed in chunks, or each in pages of its own.
const fn is_direct(size: usize, page: usize) -> bool {
    size > page / 2
}

const fn geometry(size: usize, page: usize) -> Geometry {
    if is_direct(size, page) {
        let bytes = if size < page {
            page
        } else {
            size.next_power_of_two()
        };
        return Geometry {
            chunk_bytes: bytes,
            stride: size,
            first: 0,
            capacity: 1,
        };
    }
    // The largest power of two that divides the size, up to a cache line.
    let align = size & size.wrapping_neg();
    Geometry::new(size, if align > 64 { 64 } else { align }, page)
}

impl<S: ChunkSource> Kalloc<S> {
    const GEOMETRIES: [Geometry; CLASSES.len()] = {
        let mut all = [geometry(16, S::PAGE_SIZE); CLASSES.len()];
        let mut i = 0;
        while i < CLASSES.len() {
            all[i] = geometry(CLASSES[i].0, S::PAGE_SIZE);
            i += 1;
        }
        all
    };

    /// Makes the zones of all classes.
    pub fn new(zones: &Zones<S>, source: &S) -> Result<Self, Exhausted<()>> {
        let make = |i: usize| {
            zones.raw_zone(
                source,
                CLASSES[i].1,
                CLASSES[i].0,
                Self::GEOMETRIES[i],
                None,
            )
        };
        let first = make(0)?;
        let mut all = [first; CLASSES.len()];
        for (i, zone) in all.iter_mut().enumerate().skip(1) {
            *zone = make(i)?;
        }
        for zone in &all {
            zone.handles
                .fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        }
        Ok(Kalloc { zones: all })
    }

    /// The smallest class that holds `layout`, or `None` if it is too large or aligned too strictly.
    #[inline]
    fn class(layout: Layout) -> Option<usize> {
        let size = layout.size().max(layout.align());
        let less = size.saturating_sub(1);
        // Two classes per power of two from 32 on.
        let mut at = match less.checked_ilog2() {
            None | Some(0..=3) => 0,
            Some(4) => 1,
            Some(log) => 2 * (log as usize - 4) + (less >> (log - 1) & 1),
        };
        while at < CLASSES.len() {
            let (size, _) = CLASSES[at];
            let natural = size & size.wrapping_neg();
            let align = if is_direct(size, S::PAGE_SIZE) {
                S::PAGE_SIZE
            } else {
                natural.min(64)
            };
            if size >= layout.size() && align >= layout.align() {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    /// Memory for `layout` with undefined contents; `None` if there is none, or if it is larger than
    /// 32 KiB or aligned to more than a page.
    #[inline]
    pub fn alloc(&self, source: &S, layout: Layout) -> Option<NonNull<u8>> {
        let class = Self::class(layout)?;
        let (zone, geometry) = (self.zones[class], Self::GEOMETRIES[class]);
        if !is_direct(CLASSES[class].0, S::PAGE_SIZE) {
            return zone.alloc(source, geometry);
        }
        if source.injector().strikes() || !zone.count_chunk() {
            return None;
        }
        let Some(chunk) = source.alloc_chunk(geometry.chunk_bytes / S::PAGE_SIZE) else {
            zone.uncount_chunk();
            return None;
        };
        zone.count_direct(Direct::Allocated);
        Some(chunk.address())
    }

    /// Gives memory back.
    ///
    /// # Safety
    /// `at` came from `alloc` of this value with the same layout, and nothing uses it any more.
    ///
    /// # Panics
    /// If it is not in use, or belongs to another zone.
    #[inline]
    pub unsafe fn free(&self, source: &S, at: NonNull<u8>, layout: Layout) {
        let Some(class) = Self::class(layout) else {
            panic!("I-ZONE-2: a free of {layout:?}, which kalloc never gives")
        };
        let (zone, geometry) = (self.zones[class], Self::GEOMETRIES[class]);
        if !is_direct(CLASSES[class].0, S::PAGE_SIZE) {
            // SAFETY: the caller's promise.
            return unsafe { zone.free_here(at, geometry) };
        }
        zone.count_direct(Direct::Freed);
        zone.uncount_chunk();
        // SAFETY: `alloc` gave the whole chunk to the caller, who gives it back.
        source.free_chunk(unsafe { ChunkMemory::new(at, geometry.chunk_bytes) });
    }
}

impl<S: ChunkSource> Drop for Kalloc<S> {
    fn drop(&mut self) {
        for zone in &self.zones {
            zone.handles
                .fetch_sub(1, core::sync::atomic::Ordering::Release);
        }
    }
}
