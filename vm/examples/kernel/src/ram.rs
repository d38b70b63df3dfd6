//! RAM: frames by number, by physical address and by pointer.
//!
//! Owns: the three ways to name a frame, and the bytes behind them. Does not own: who may touch a
//! frame; `vm` says so, by calling.

use crate::pte::{ENTRIES, PAGE};
use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;
use vm::{PageId, PhysAddr};

/// One piece of RAM.
#[derive(Clone, Copy, Debug)]
pub struct Ram {
    at: NonNull<u8>,
    physical: PhysAddr,
    frames: u32,
}

// SAFETY: an address and two numbers; who reads or writes there answers for it.
unsafe impl Send for Ram {}
// SAFETY: as above.
unsafe impl Sync for Ram {}

impl Ram {
    /// Declares memory to be RAM.
    ///
    /// # Safety
    /// At `at` there are `frames` pages, readable and writable for good, which nobody uses but
    /// through this value; as far as zones need it (`chunk_memory`), `at` is aligned as `physical` is.
    pub const unsafe fn new(at: NonNull<u8>, physical: PhysAddr, frames: u32) -> Self {
        Self {
            at,
            physical,
            frames,
        }
    }

    /// Pages.
    pub const fn frames(self) -> u32 {
        self.frames
    }

    /// Where the kernel sees a frame.
    pub fn pointer(self, page: PageId) -> NonNull<u8> {
        assert!(page.0 < self.frames, "a frame beyond RAM");
        // SAFETY: the frame is inside of RAM.
        unsafe { self.at.add(page.0 as usize * PAGE as usize) }
    }

    /// The frame that the kernel sees there.
    pub fn frame_at(self, pointer: NonNull<u8>) -> PageId {
        PageId(((pointer.addr().get() - self.at.addr().get()) / PAGE as usize) as u32)
    }

    /// Where the hart's tables see a frame.
    pub fn physical(self, page: PageId) -> PhysAddr {
        PhysAddr(self.physical.0 + u64::from(page.0) * PAGE)
    }

    /// Whether a table names a frame, not a device's memory.
    pub fn holds(self, physical: PhysAddr) -> bool {
        let bytes = u64::from(self.frames) * PAGE;
        (self.physical.0..self.physical.0 + bytes).contains(&physical.0)
    }

    /// The frame that a table names.
    pub fn frame(self, physical: PhysAddr) -> PageId {
        PageId(((physical.0 - self.physical.0) / PAGE) as u32)
    }

    /// A byte of a frame.
    pub(crate) fn byte(self, page: PageId, offset: usize) -> *mut u8 {
        assert!(offset < PAGE as usize, "a byte beyond its page");
        self.pointer(page).as_ptr().wrapping_add(offset)
    }

    /// Fills a frame of the caller's with zeros.
    pub(crate) fn zero(self, page: PageId) {
        // SAFETY: the whole frame is in RAM, and the caller has it alone.
        unsafe { self.pointer(page).write_bytes(0, PAGE as usize) }
    }

    /// Copies a frame that nobody writes to one of the caller's.
    pub(crate) fn copy(self, from: PageId, to: PageId) {
        assert!(from != to, "a frame is copied to itself");
        // SAFETY: both frames are in RAM and are not the same; the caller keeps others away.
        unsafe {
            self.pointer(to)
                .copy_from_nonoverlapping(self.pointer(from), PAGE as usize);
        }
    }

    /// Bytes of a frame, which a program may be writing at this moment: one by one, whatever is there.
    pub(crate) fn read(self, page: PageId, offset: usize, into: &mut [u8]) {
        for (number, byte) in into.iter_mut().enumerate() {
            // SAFETY: `byte` answers an address in RAM.
            *byte = unsafe { self.byte(page, offset + number).read_volatile() };
        }
    }

    /// The same the other way.
    pub(crate) fn write(self, page: PageId, offset: usize, from: &[u8]) {
        for (number, byte) in from.iter().enumerate() {
            // SAFETY: `byte` answers an address in RAM.
            unsafe { self.byte(page, offset + number).write_volatile(*byte) }
        }
    }

    /// The words of a frame that is a page table, or the links of one: `tables` alone asks.
    pub(crate) fn words(&self, page: PageId) -> &[AtomicU64; ENTRIES] {
        // SAFETY: the frame is in RAM for good, and while it is a table all who touch it, the hart
        // too, do it by whole words.
        unsafe { self.pointer(page).cast().as_ref() }
    }
}
