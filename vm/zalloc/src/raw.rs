//! A zone without its type: elements in, elements out.
//!
//! Owns: a zone's chunks, magazines and counters, and the guards. Does not own: what elements mean;
//! the typed handles are in `zone`, `boxed`, `counted` and `reserve`; what a zone tells of itself is in `recount`.
//! Locks: `lists` (rank `ZONE`) for chunks; magazines need none.

mod recount;

pub use recount::{AuditError, Census};

use crate::chunk::{CACHED, Chunk, FRESH, List, Place, USED};
use crate::geometry::Geometry;
use crate::magazine::{Magazine, Open, ROUNDS};
use crate::source::{ChunkMemory, ChunkSource};
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use sync::{NoPreempt, Platform, Rank, SpinLock};

/// Elements that move between a magazine and the chunks at once.
const BATCH: usize = ROUNDS / 2;
/// Debug builds check at most this many bytes of a free element for writes after the free.
const CHECKED: usize = 256;

/// The place of zone locks in the lock order.
pub(crate) struct ZoneRank;
impl Rank for ZoneRank {
    const RANK: u8 = sync::rank::ZONE;
    const NAME: &'static str = "zone";
}

/// A zone. `P::MAX_CPUS` magazines follow it in memory; see [`ZonePtr`].
#[repr(C, align(128))]
pub(crate) struct RawZone<P: Platform> {
    pub name: &'static str,
    /// Bytes that an element's user asked for.
    pub size: usize,
    pub geometry: Geometry,
    /// Chunks that the zone may have, or `None`.
    pub limit: Option<usize>,
    /// Typed handles that exist.
    pub handles: AtomicU32,
    /// The next zone of the registry.
    pub next: AtomicPtr<RawZone<P>>,
    pub lists: SpinLock<P, ZoneRank, Lists>,
}

/// A zone's chunks.
pub(crate) struct Lists {
    full: List,
    partial: List,
    empty: List,
    /// Chunks, those included that are being fetched.
    chunks: usize,
    /// The most ever.
    peak: usize,
}

impl Lists {
    pub const fn new() -> Self {
        Lists {
            full: List::new(),
            partial: List::new(),
            empty: List::new(),
            chunks: 0,
            peak: 0,
        }
    }

    fn list(&mut self, place: Place) -> &mut List {
        match place {
            Place::Full => &mut self.full,
            Place::Partial => &mut self.partial,
            Place::Empty => &mut self.empty,
        }
    }

    /// # Safety
    /// The zone's lock is held and the chunk is the zone's, listed where `before` says.
    unsafe fn relist(&mut self, chunk: Chunk, before: Place) {
        // SAFETY: passed on.
        unsafe {
            let after = chunk.place();
            if before != after {
                self.list(before).remove(chunk);
                self.list(after).push(chunk);
            }
        }
    }
}

/// A zone by its address; it covers the magazines too.
pub(crate) struct ZonePtr<P: Platform>(NonNull<RawZone<P>>);

impl<P: Platform> Clone for ZonePtr<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P: Platform> Copy for ZonePtr<P> {}
impl<P: Platform> PartialEq for ZonePtr<P> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
// SAFETY: a zone may be used by any thread: its lists are locked, its magazines per CPU.
unsafe impl<P: Platform> Send for ZonePtr<P> {}
// SAFETY: as above.
unsafe impl<P: Platform> Sync for ZonePtr<P> {}

impl<P: Platform> Deref for ZonePtr<P> {
    type Target = RawZone<P>;
    #[inline]
    fn deref(&self) -> &RawZone<P> {
        // SAFETY: a `ZonePtr` is made only of a zone that was built, and zones are unmade only by
        // the registry when nothing refers to them.
        unsafe { self.0.as_ref() }
    }
}

impl<P: Platform> ZonePtr<P> {
    /// Bytes of a zone with its magazines.
    pub const BYTES: usize = size_of::<RawZone<P>>() + P::MAX_CPUS * size_of::<Magazine>();

    /// Builds a zone.
    ///
    /// # Safety
    /// `at` begins `BYTES` bytes, aligned to 128, that are the zone's from now on.
    pub unsafe fn build(at: NonNull<u8>, zone: RawZone<P>) -> Self {
        let at = at.cast::<RawZone<P>>();
        // SAFETY: the caller gives the memory.
        unsafe {
            at.write(zone);
            for cpu in 0..P::MAX_CPUS {
                at.add(1).cast::<Magazine>().add(cpu).write(Magazine::new());
            }
        }
        ZonePtr(at)
    }

    /// # Safety
    /// The address is one that [`ZonePtr::address`] gave.
    #[inline]
    pub unsafe fn from_address(at: NonNull<RawZone<P>>) -> Self {
        ZonePtr(at)
    }

    pub fn address(self) -> NonNull<RawZone<P>> {
        self.0
    }

    #[inline]
    fn magazine(&self, cpu: usize) -> &Magazine {
        debug_assert!(cpu < P::MAX_CPUS);
        // SAFETY: the magazines follow the zone, one per CPU, and `Platform` promises `cpu < MAX_CPUS`.
        unsafe { self.0.add(1).cast::<Magazine>().add(cpu).as_ref() }
    }

    fn magazines(&self) -> impl Iterator<Item = &Magazine> {
        (0..P::MAX_CPUS).map(|cpu| self.magazine(cpu))
    }

    #[inline]
    fn open<'a>(&'a self, here: &NoPreempt<P>) -> Open<'a> {
        match self.magazine(here.cpu()).open() {
            Some(open) => open,
            None => panic!(
                "I-ZONE-3: an interrupt handler uses the zone `{}`",
                self.name
            ),
        }
    }

    /// An element with undefined contents. `geometry` is the zone's, known at compile time if possible.
    #[inline]
    pub fn alloc<S: ChunkSource<Platform = P>>(
        self,
        source: &S,
        geometry: Geometry,
    ) -> Option<NonNull<u8>> {
        if source.injector().strikes() {
            return None;
        }
        let here = NoPreempt::new();
        let mut open = self.open(&here);
        let Some(element) = open.pop() else {
            drop(open);
            drop(here);
            return self.alloc_slow(source, geometry);
        };
        open.count_alloc();
        // SAFETY: the element came out of this zone's magazine.
        unsafe { self.mark_used(element, geometry) };
        Some(element)
    }

    #[cold]
    fn alloc_slow<S: ChunkSource<Platform = P>>(
        self,
        source: &S,
        geometry: Geometry,
    ) -> Option<NonNull<u8>> {
        loop {
            {
                let here = NoPreempt::new();
                // The thread may have moved since `alloc` looked: this magazine may be filled.
                let mut open = self.open(&here);
                let cached = open.pop();
                if cached.is_none() {
                    self.refill(&mut open);
                }
                if let Some(element) = cached.or_else(|| open.pop()) {
                    open.count_alloc();
                    // SAFETY: as in `alloc`.
                    unsafe { self.mark_used(element, geometry) };
                    return Some(element);
                }
            }
            if !self.expand(source) {
                return None;
            }
        }
    }

    /// Moves a batch of free elements from the chunks to a magazine.
    fn refill(self, open: &mut Open<'_>) {
        self.refill_at_most(open, BATCH);
    }

    /// Moves free elements to a magazine: `most`, or as many as there are and it has room for.
    fn refill_at_most(self, open: &mut Open<'_>, most: usize) {
        let mut lists = self.lists.lock();
        let (mut moved, most) = (0, most.min(open.room()));
        while moved < most {
            let Some(chunk) = lists.partial.first().or(lists.empty.first()) else {
                return;
            };
            // SAFETY: the lock is held and the chunk is listed.
            unsafe {
                let before = chunk.place();
                while moved < most
                    && let Some(element) = chunk.take()
                {
                    open.push(element);
                    moved += 1;
                }
                lists.relist(chunk, before);
            }
        }
    }

    /// Fetches a chunk. Answers false if there is none to be had.
    fn expand<S: ChunkSource<Platform = P>>(self, source: &S) -> bool {
        if !self.count_chunk() {
            return false;
        }
        let Some(memory) = source.alloc_chunk(self.geometry.chunk_bytes / S::PAGE_SIZE) else {
            self.lists.lock().chunks -= 1;
            return false;
        };
        assert!(
            memory.bytes() == self.geometry.chunk_bytes,
            "a chunk source gave {} bytes",
            memory.bytes()
        );
        // SAFETY: `ChunkMemory` is exclusive ownership, and it is given up here.
        let chunk = unsafe { Chunk::format(memory.address(), self.geometry, self.0) };
        // SAFETY: the lock is held; the chunk is new.
        unsafe { self.lists.lock().empty.push(chunk) };
        true
    }

    /// Counts one chunk more, unless that is over the limit.
    pub fn count_chunk(self) -> bool {
        let mut lists = self.lists.lock();
        if self.limit.is_some_and(|limit| lists.chunks >= limit) {
            return false;
        }
        lists.chunks += 1;
        lists.peak = lists.peak.max(lists.chunks);
        true
    }

    /// Counts one chunk less.
    pub fn uncount_chunk(self) {
        self.lists.lock().chunks -= 1;
    }

    /// # Safety
    /// The element came out of a magazine of this zone.
    #[inline]
    unsafe fn mark_used(self, element: NonNull<u8>, geometry: Geometry) {
        // SAFETY: the element lies in a chunk of this geometry.
        unsafe {
            let chunk = Chunk::of(element, geometry.chunk_bytes);
            let index =
                (element.as_ptr() as usize - chunk.address().as_ptr() as usize - geometry.first)
                    / geometry.stride;
            let link = chunk.link(index);
            if link.load(Ordering::Relaxed) != CACHED {
                self.corrupt(element, "a free element is marked used");
            }
            link.store(USED, Ordering::Relaxed);
            if cfg!(debug_assertions) {
                let bytes =
                    core::slice::from_raw_parts(element.as_ptr(), geometry.stride.min(CHECKED));
                if bytes.iter().any(|byte| *byte != FRESH) {
                    self.corrupt(element, "an element was modified after it was freed");
                }
            }
        }
    }

    /// Gives an element back to the zone that it came from. Its contents are gone.
    ///
    /// # Safety
    /// `element` was allocated from a zone with this geometry, and nothing uses it any more.
    ///
    /// # Panics
    /// If the element is not in use (a double free), or in no such zone.
    #[inline]
    pub unsafe fn free(element: NonNull<u8>, geometry: Geometry) {
        // SAFETY: the caller says that it is an element of such a chunk; the checks below catch most
        // callers that are wrong.
        let chunk = unsafe { Chunk::of(element, geometry.chunk_bytes) };
        if !chunk.is_sound(geometry.stride) {
            panic!(
                "I-ZONE-2: {element:p} is freed to a zone of {} bytes but lies in no chunk of such",
                geometry.stride
            );
        }
        // SAFETY: a sound chunk names its zone.
        let zone = unsafe { Self::from_address(chunk.zone()) };
        let offset = (element.as_ptr() as usize - chunk.address().as_ptr() as usize)
            .wrapping_sub(geometry.first);
        let index = offset / geometry.stride;
        if index >= geometry.capacity || index * geometry.stride != offset {
            zone.corrupt(element, "a freed address is not the start of an element");
        }
        // SAFETY: `index` is below the capacity.
        let link = unsafe { chunk.link(index) };
        if link.load(Ordering::Relaxed) != USED {
            zone.corrupt(element, "double free");
        }
        if cfg!(debug_assertions) {
            // SAFETY: the element is the caller's to give, `stride` bytes long.
            unsafe { element.write_bytes(FRESH, geometry.stride) };
        }
        link.store(CACHED, Ordering::Relaxed);
        let here = NoPreempt::new();
        let mut open = zone.open(&here);
        if !open.push(element) {
            zone.flush(&mut open, BATCH);
            open.push(element);
        }
        open.count_free();
    }

    /// As [`ZonePtr::free`], by a caller that knows to which zone.
    ///
    /// # Safety
    /// As there.
    ///
    /// # Panics
    /// As there, and if the element is another zone's.
    #[inline]
    pub unsafe fn free_here(self, element: NonNull<u8>, geometry: Geometry) {
        // SAFETY: passed on.
        unsafe {
            let chunk = Chunk::of(element, geometry.chunk_bytes);
            if chunk.is_chunk() && chunk.zone() != self.0 {
                let owner = Self::from_address(chunk.zone()).name;
                panic!(
                    "I-ZONE-2: an element of zone `{owner}` is freed to zone `{}` ({element:p})",
                    self.name
                );
            }
            Self::free(element, geometry);
        }
    }

    /// Moves up to `count` elements from a magazine to their chunks.
    #[cold]
    fn flush(self, open: &mut Open<'_>, count: usize) {
        let geometry = self.geometry;
        let mut lists = self.lists.lock();
        for _ in 0..count {
            let Some(element) = open.pop() else { return };
            // SAFETY: the element is this zone's and in no magazine now; the lock is held.
            unsafe {
                let chunk = Chunk::of(element, geometry.chunk_bytes);
                let before = chunk.place();
                let offset = element.as_ptr() as usize - chunk.address().as_ptr() as usize;
                chunk.put((offset - geometry.first) / geometry.stride);
                lists.relist(chunk, before);
            }
        }
    }

    /// Empties this CPU's magazine.
    pub fn drain(self) {
        let here = NoPreempt::new();
        let mut open = self.open(&here);
        self.flush(&mut open, ROUNDS);
    }

    /// Empties all magazines.
    ///
    /// # Safety
    /// No other thread uses the zone.
    pub unsafe fn drain_all(self) {
        for magazine in self.magazines() {
            if let Some(mut open) = magazine.open() {
                self.flush(&mut open, ROUNDS);
            }
        }
    }

    /// Gives empty chunks to `give`; answers their bytes. No lock is held around `give`.
    pub fn release_empty(self, mut give: impl FnMut(ChunkMemory)) -> usize {
        let mut bytes = 0;
        loop {
            let chunk = {
                let mut lists = self.lists.lock();
                let Some(chunk) = lists.empty.first() else {
                    return bytes;
                };
                // SAFETY: the lock is held and the chunk is listed there.
                unsafe { lists.empty.remove(chunk) };
                lists.chunks -= 1;
                chunk
            };
            bytes += self.geometry.chunk_bytes;
            // SAFETY: all its elements are free and it is on no list: the chunk is only ours.
            give(unsafe { ChunkMemory::new(chunk.address(), self.geometry.chunk_bytes) });
        }
    }

    /// Elements in use: the sum over the CPUs of those that left less those that came back.
    pub fn count(self) -> u64 {
        let (allocs, frees) = self.totals();
        allocs.wrapping_sub(frees)
    }

    fn totals(self) -> (u64, u64) {
        // Frees first: an element that is counted as freed is then counted as allocated too.
        let frees = self.magazines().fold(0u64, |sum, m| {
            sum.wrapping_add(m.frees.load(Ordering::Relaxed))
        });
        let allocs = self.magazines().fold(0u64, |sum, m| {
            sum.wrapping_add(m.allocs.load(Ordering::Relaxed))
        });
        (allocs, frees)
    }

    /// Counts an element that goes around the magazines.
    pub fn count_direct(self, allocated: Direct) {
        let here = NoPreempt::new();
        let open = self.open(&here);
        match allocated {
            Direct::Allocated => open.count_alloc(),
            Direct::Freed => open.count_free(),
        }
    }

    #[cold]
    fn corrupt(self, element: NonNull<u8>, what: &str) -> ! {
        panic!("I-ZONE-1: zone `{}`: {what} ({element:p})", self.name)
    }
}

/// Which way an element went around the magazines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direct {
    Allocated,
    Freed,
}

#[cfg(test)]
mod tests;
