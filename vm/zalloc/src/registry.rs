//! All zones of a machine.
//!
//! Owns: the memory that zones themselves are in, and the list that zprint shows.
//! Locks: one (rank `ZONE`) to make a zone; the list only grows and is read without.

use crate::geometry::Geometry;
use crate::raw::{AuditError, Census, Lists, RawZone, ZonePtr, ZoneRank};
use crate::source::{ChunkMemory, ChunkSource};
use crate::zone::{Exhausted, Zone};
use abi::region::ZoneInfo;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use sync::SpinLock;

/// What a zone may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ZoneOptions {
    /// Elements that the zone may have, rounded up to whole chunks; `None`: what memory gives.
    pub max_elements: Option<usize>,
}

/// The zones were not unmade: a zone's handle or an element still exists. The zones stay.
pub struct InUse<S: ChunkSource>(pub Zones<S>, pub &'static str);

/// The zones of one machine.
pub struct Zones<S: ChunkSource> {
    memory: SpinLock<S::Platform, ZoneRank, Memory>,
    first: AtomicPtr<RawZone<S::Platform>>,
    _source: PhantomData<fn() -> S>,
}

/// Chunks that zones stand in: each begins with a `Block`, zones follow.
struct Memory {
    blocks: Option<NonNull<Block>>,
    /// Where the next zone goes in the newest block.
    used: usize,
}

#[repr(C, align(128))]
struct Block {
    next: Option<NonNull<Block>>,
    bytes: usize,
}

// SAFETY: the blocks are owned memory.
unsafe impl Send for Memory {}

impl<S: ChunkSource> Zones<S> {
    const ZONE_BYTES: usize = ZonePtr::<S::Platform>::BYTES;
    const BLOCK_BYTES: usize = {
        let least = (size_of::<Block>() + Self::ZONE_BYTES).next_power_of_two();
        if least < S::PAGE_SIZE {
            S::PAGE_SIZE
        } else {
            least
        }
    };

    /// No zones.
    pub const fn new() -> Self {
        Zones {
            memory: SpinLock::new(Memory {
                blocks: None,
                used: 0,
            }),
            first: AtomicPtr::new(core::ptr::null_mut()),
            _source: PhantomData,
        }
    }

    /// Makes a zone for `T`s. Fails if there is no memory for the zone itself.
    pub fn zone<T>(
        &self,
        source: &S,
        name: &'static str,
        options: ZoneOptions,
    ) -> Result<Zone<T, S>, Exhausted<()>> {
        let geometry = Zone::<T, S>::GEOMETRY;
        let limit = options
            .max_elements
            .map(|most| most.div_ceil(geometry.capacity).max(1));
        Ok(Zone::new(self.raw_zone(
            source,
            name,
            size_of::<T>(),
            geometry,
            limit,
        )?))
    }

    pub(crate) fn raw_zone(
        &self,
        source: &S,
        name: &'static str,
        size: usize,
        geometry: Geometry,
        limit: Option<usize>,
    ) -> Result<ZonePtr<S::Platform>, Exhausted<()>> {
        let raw = RawZone {
            name,
            size,
            geometry,
            limit,
            handles: AtomicU32::new(0),
            next: AtomicPtr::new(core::ptr::null_mut()),
            lists: SpinLock::new(Lists::new()),
        };
        let mut fetched = None;
        let mut memory = loop {
            let mut memory = self.memory.lock();
            if memory.room(Self::ZONE_BYTES) {
                break memory;
            }
            if let Some(block) = fetched.take() {
                memory.install(block);
                break memory;
            }
            drop(memory);
            fetched = Some(
                source
                    .alloc_chunk(Self::BLOCK_BYTES / S::PAGE_SIZE)
                    .ok_or(Exhausted(()))?,
            );
        };
        // SAFETY: the room is the zone's: `take` gives it out once.
        let zone = unsafe { ZonePtr::build(memory.take(Self::ZONE_BYTES), raw) };
        self.append(zone);
        drop(memory);
        if let Some(block) = fetched {
            source.free_chunk(block);
        }
        Ok(zone)
    }

    /// Puts a zone at the end of the list. The lock is held.
    fn append(&self, zone: ZonePtr<S::Platform>) {
        match self.raw_zones().last() {
            Some(last) => last.next.store(zone.address().as_ptr(), Ordering::Release),
            None => self.first.store(zone.address().as_ptr(), Ordering::Release),
        }
    }

    fn raw_zones(&self) -> impl Iterator<Item = ZonePtr<S::Platform>> {
        let get = |next: &AtomicPtr<_>| {
            let at = NonNull::new(next.load(Ordering::Acquire))?;
            // SAFETY: pointers of the list are zones', which stay while `self` is borrowed.
            Some(unsafe { ZonePtr::from_address(at) })
        };
        core::iter::successors(get(&self.first), move |zone| get(&zone.next))
    }

    /// Each zone's name and line for zprint, in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, ZoneInfo)> {
        self.raw_zones().map(|zone| (zone.name, zone.info()))
    }

    /// Gives the empty chunks of all zones back, as [`Zone::gc`]. Answers their bytes.
    pub fn gc(&self, source: &S) -> usize {
        self.raw_zones().fold(0, |bytes, zone| {
            zone.drain();
            bytes + zone.release_empty(|chunk| source.free_chunk(chunk))
        })
    }

    /// Recounts every zone, which must be quiet; the first that does not add up is the answer.
    pub fn audit(&self) -> Result<Census, (&'static str, AuditError)> {
        let mut sum = Census::default();
        for zone in self.raw_zones() {
            let census = zone.audit().map_err(|error| (zone.name, error))?;
            sum.used += census.used;
            sum.cached += census.cached;
            sum.free += census.free;
            sum.chunks += census.chunks;
        }
        Ok(sum)
    }

    /// Unmakes all zones and gives all memory back. Fails, naming a zone, while a handle of that zone or
    /// one of its elements exists. Without this call the memory stays for ever.
    pub fn destroy(self, source: &S) -> Result<(), InUse<S>> {
        let in_use = self
            .raw_zones()
            .find(|zone| zone.handles.load(Ordering::Acquire) != 0 || zone.count() != 0);
        if let Some(zone) = in_use {
            let name = zone.name;
            return Err(InUse(self, name));
        }
        core::sync::atomic::fence(Ordering::Acquire);
        for zone in self.raw_zones() {
            // SAFETY: no handle and no element of the zone exists, so no other thread can use it.
            unsafe { zone.drain_all() };
            zone.release_empty(|chunk| source.free_chunk(chunk));
        }
        let mut next = self.memory.into_inner().blocks;
        while let Some(block) = next {
            // SAFETY: blocks are ours, and with no handles left nothing points into them.
            let chunk = unsafe {
                let Block {
                    next: following,
                    bytes,
                } = block.read();
                next = following;
                ChunkMemory::new(block.cast(), bytes)
            };
            source.free_chunk(chunk);
        }
        Ok(())
    }
}

impl<S: ChunkSource> Default for Zones<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: ChunkSource> core::fmt::Debug for Zones<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list()
            .entries(self.raw_zones().map(|zone| (zone.name, zone.count())))
            .finish()
    }
}

impl<S: ChunkSource> core::fmt::Debug for InUse<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "zone `{}` is in use; all zones: {:?}", self.1, self.0)
    }
}

impl Memory {
    fn room(&self, bytes: usize) -> bool {
        // SAFETY: a block's head stays as it was written.
        self.blocks
            .is_some_and(|block| unsafe { block.as_ref() }.bytes - self.used >= bytes)
    }

    fn install(&mut self, chunk: ChunkMemory) {
        let block = chunk.address().cast::<Block>();
        // SAFETY: the chunk is exclusive memory, aligned to its size, and given up here.
        unsafe {
            block.write(Block {
                next: self.blocks,
                bytes: chunk.bytes(),
            })
        };
        self.blocks = Some(block);
        self.used = size_of::<Block>();
    }

    /// The next `bytes` bytes, aligned to 128. There is room.
    ///
    /// # Safety
    /// `room(bytes)` was true, under the same lock.
    unsafe fn take(&mut self, bytes: usize) -> NonNull<u8> {
        // SAFETY: there is a block, with room behind `used`.
        let at = unsafe { self.blocks.unwrap_unchecked().cast::<u8>().add(self.used) };
        self.used += bytes;
        at
    }
}
