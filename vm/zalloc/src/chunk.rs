//! The head of a chunk, and its lists.
//!
//! Owns: the header's layout, the state of each element, and the doubly linked lists of chunks.
//! Locks: the fields after `zone` and the links of free elements belong to who holds the zone's lock;
//! the link of a used or cached element belongs to who holds the element.

use crate::geometry::Geometry;
use crate::raw::RawZone;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// Marks a header.
const MAGIC: u32 = 0x7a6f_6e65;
pub(crate) const HEADER_BYTES: usize = size_of::<Header>();
pub(crate) const LINK_BYTES: usize = size_of::<AtomicU16>();
/// Link values from here on are states.
pub(crate) const LINK_LIMIT: usize = 0xfff0;
/// The last free element of a chunk.
const END: u16 = 0xfffd;
/// In a magazine.
pub(crate) const CACHED: u16 = 0xfffe;
/// Allocated.
pub(crate) const USED: u16 = 0xffff;

#[repr(C)]
pub(crate) struct Header {
    magic: u32,
    stride: u32,
    zone: NonNull<()>,
    next: *mut Header,
    previous: *mut Header,
    /// First free element, or `END`.
    head: u16,
    /// Free elements.
    free: u16,
    capacity: u16,
    first: u16,
}

/// A chunk by its address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk(NonNull<Header>);

impl Chunk {
    /// Writes a header into new memory: all elements free.
    ///
    /// # Safety
    /// `at` begins `geometry.chunk_bytes` bytes that are the caller's, aligned to their size; `zone` is the zone that
    /// the chunk will belong to.
    pub unsafe fn format<P: sync::Platform>(
        at: NonNull<u8>,
        geometry: Geometry,
        zone: NonNull<RawZone<P>>,
    ) -> Self {
        let header = at.cast::<Header>();
        // The capacity is below `LINK_LIMIT` and `first` below two bytes per element and a header.
        let capacity = geometry.capacity as u16;
        // SAFETY: the memory is the caller's and large enough for the header, the links after it, and
        // the elements.
        unsafe {
            header.write(Header {
                magic: MAGIC,
                stride: geometry.stride as u32,
                zone: zone.cast(),
                next: core::ptr::null_mut(),
                previous: core::ptr::null_mut(),
                head: 0,
                free: capacity,
                capacity,
                first: geometry.first as u16,
            });
            let links = header.add(1).cast::<AtomicU16>();
            for index in 0..geometry.capacity {
                let next = if index + 1 == geometry.capacity {
                    END
                } else {
                    index as u16 + 1
                };
                links.add(index).write(AtomicU16::new(next));
            }
            if cfg!(debug_assertions) {
                at.add(geometry.first)
                    .write_bytes(FRESH, geometry.capacity * geometry.stride);
            }
        }
        Chunk(header)
    }

    /// The chunk of an element, by its address alone.
    ///
    /// # Safety
    /// `element` was given out by a zone whose chunks have `chunk_bytes` bytes.
    #[inline]
    pub unsafe fn of(element: NonNull<u8>, chunk_bytes: usize) -> Self {
        let at = element
            .as_ptr()
            .map_addr(|address| address & !(chunk_bytes - 1));
        // SAFETY: chunks are aligned to their size and not at address zero, so this is the chunk's start.
        Chunk(unsafe { NonNull::new_unchecked(at.cast()) })
    }

    pub fn address(self) -> NonNull<u8> {
        self.0.cast()
    }

    /// Whether this is the head of a chunk with elements of that distance.
    #[inline]
    pub fn is_sound(self, stride: usize) -> bool {
        // SAFETY: the chunk's memory is readable; the two fields never change while it is a chunk.
        unsafe { (*self.0.as_ptr()).magic == MAGIC && (*self.0.as_ptr()).stride as usize == stride }
    }

    /// Whether this is the head of any chunk.
    pub fn is_chunk(self) -> bool {
        // SAFETY: as above.
        unsafe { (*self.0.as_ptr()).magic == MAGIC }
    }

    /// The zone that the chunk belongs to.
    #[inline]
    pub fn zone<P: sync::Platform>(self) -> NonNull<RawZone<P>> {
        // SAFETY: as above.
        unsafe { (*self.0.as_ptr()).zone }.cast()
    }

    /// The state word of an element.
    ///
    /// # Safety
    /// `index` is below the capacity.
    #[inline]
    pub unsafe fn link<'a>(self, index: usize) -> &'a AtomicU16 {
        // SAFETY: the links follow the header, one per element; they are only ever used as atomics.
        unsafe { self.0.add(1).cast::<AtomicU16>().add(index).as_ref() }
    }

    /// Takes a free element out and marks it cached.
    ///
    /// # Safety
    /// The caller holds the zone's lock and the chunk is the zone's.
    pub unsafe fn take(self) -> Option<NonNull<u8>> {
        // SAFETY: the lock makes the mutable fields ours; `head` is `END` or below the capacity.
        unsafe {
            let header = self.0.as_ptr();
            let index = (*header).head;
            if index == END {
                return None;
            }
            (*header).head = self.link(usize::from(index)).load(Relaxed);
            (*header).free -= 1;
            self.link(usize::from(index)).store(CACHED, Relaxed);
            let offset =
                usize::from((*header).first) + usize::from(index) * (*header).stride as usize;
            Some(self.address().add(offset))
        }
    }

    /// Puts a cached element back.
    ///
    /// # Safety
    /// The caller holds the zone's lock, `index` is below the capacity, and its element is cached and
    /// in no magazine any more.
    pub unsafe fn put(self, index: usize) {
        // SAFETY: the lock makes the mutable fields ours, and the element's link with it.
        unsafe {
            let header = self.0.as_ptr();
            self.link(index).store((*header).head, Relaxed);
            (*header).head = index as u16;
            (*header).free += 1;
        }
    }

    /// Free elements and capacity.
    ///
    /// # Safety
    /// The caller holds the zone's lock.
    pub unsafe fn fill(self) -> (u16, u16) {
        // SAFETY: the lock makes the fields ours.
        unsafe { ((*self.0.as_ptr()).free, (*self.0.as_ptr()).capacity) }
    }

    /// Which list the chunk belongs on.
    ///
    /// # Safety
    /// The caller holds the zone's lock.
    pub unsafe fn place(self) -> Place {
        // SAFETY: passed on.
        match unsafe { self.fill() } {
            (0, _) => Place::Full,
            (free, capacity) if free == capacity => Place::Empty,
            _ => Place::Partial,
        }
    }

    /// Walks the free list; answers its length, or `None` if it is longer than the chunk or leaves it.
    ///
    /// # Safety
    /// The caller holds the zone's lock.
    pub unsafe fn count_free(self) -> Option<u16> {
        // SAFETY: the lock makes the fields ours; an index is checked before it is used.
        unsafe {
            let (mut index, capacity) = ((*self.0.as_ptr()).head, (*self.0.as_ptr()).capacity);
            let mut count = 0;
            while index != END {
                if index >= capacity || count == capacity {
                    return None;
                }
                index = self.link(usize::from(index)).load(Relaxed);
                count += 1;
            }
            Some(count)
        }
    }
}

/// What new and freed elements are filled with in debug builds.
pub(crate) const FRESH: u8 = 0xdb;

/// The lists of a zone's chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// No free element.
    Full,
    /// Some.
    Partial,
    /// All elements free.
    Empty,
}

/// A list of chunks.
pub(crate) struct List {
    head: *mut Header,
    length: usize,
}

// SAFETY: the pointers are to memory that whoever owns the list owns too.
unsafe impl Send for List {}

impl List {
    pub const fn new() -> Self {
        List {
            head: core::ptr::null_mut(),
            length: 0,
        }
    }

    pub fn first(&self) -> Option<Chunk> {
        NonNull::new(self.head).map(Chunk)
    }

    pub fn length(&self) -> usize {
        self.length
    }

    /// # Safety
    /// The caller holds the zone's lock; the chunk is the zone's and on no list.
    pub unsafe fn push(&mut self, chunk: Chunk) {
        // SAFETY: chunks on a list are alive, and the lock makes their links ours.
        unsafe {
            (*chunk.0.as_ptr()).next = self.head;
            (*chunk.0.as_ptr()).previous = core::ptr::null_mut();
            if let Some(head) = NonNull::new(self.head) {
                (*head.as_ptr()).previous = chunk.0.as_ptr();
            }
        }
        self.head = chunk.0.as_ptr();
        self.length += 1;
    }

    /// # Safety
    /// The caller holds the zone's lock; the chunk is on this list.
    pub unsafe fn remove(&mut self, chunk: Chunk) {
        // SAFETY: as above.
        unsafe {
            let Header { next, previous, .. } = *chunk.0.as_ptr();
            match NonNull::new(previous) {
                Some(previous) => (*previous.as_ptr()).next = next,
                None => self.head = next,
            }
            if let Some(next) = NonNull::new(next) {
                (*next.as_ptr()).previous = previous;
            }
        }
        self.length -= 1;
    }

    /// Calls `f` with each chunk.
    ///
    /// # Safety
    /// The caller holds the zone's lock.
    pub unsafe fn for_each(&self, mut f: impl FnMut(Chunk)) {
        let mut at = self.head;
        while let Some(header) = NonNull::new(at) {
            f(Chunk(header));
            // SAFETY: the chunk is on the list, so it is alive.
            at = unsafe { (*header.as_ptr()).next };
        }
    }
}
