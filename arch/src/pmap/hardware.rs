//! What the page-table code asks of a CPU: words of tables, roots, invalidations.
//!
//! Owns: the trait [`Hardware`], and the [`Tag`] that names an address space in a TLB. Does not own:
//! formats (`format`) or when an invalidation is due (`flush`). Two kinds of implementation exist: the
//! target's (`machine`), and the tests' frames in host memory with TLBs that keep stale entries.

use super::flush::Flush;
use super::format::Space;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;
use vm::addr::{PhysAddr, VirtAddr};
use vm::machine::{CacheOperation, NoMaintenance};

/// What names an address space in TLBs: the root's address where there are no address-space
/// identifiers, else generation and identifier (`asid`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag(pub u64);

impl Tag {
    /// No CPU has run on it since its last identifier went out of use: no TLB holds anything of it.
    pub const NONE: Self = Self(0);
    /// The kernel's mappings, which are in all address spaces.
    pub const KERNEL: Self = Self(u64::MAX);
    /// Mappings of nested pmaps: any number of address spaces may show them, under their own identifiers.
    pub const NESTED: Self = Self(u64::MAX - 1);

    /// Whether more than one address space may have the mappings.
    #[inline]
    pub const fn is_everywhere(self) -> bool {
        self.0 >= Self::NESTED.0
    }
}

/// CPUs that hold translations and must be asked to forget them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beside {
    /// There are none: this CPU is alone, or its invalidations reach the others.
    Never,
    /// None now; one may take the address space up at any moment, and walks the tables then.
    NotNow,
    /// At least one.
    Now,
}

/// A CPU's memory management, and access to the memory that holds its tables.
///
/// # Safety
/// `word` and `bytes` answer the same memory for the same address, as long as the frame exists, and
/// `zero_frame` and `copy_frame` write nothing else.
pub unsafe trait Hardware: sync::Platform + Send + Sync {
    /// Whether the calling thread is one that pageout needs (`vm::Machine::is_privileged`).
    fn is_privileged() -> bool {
        false
    }

    /// log2 of how many address-space identifiers there are; 0 if there are none.
    fn asid_bits(&self) -> u32;

    /// The word of RAM at a physical address.
    ///
    /// # Safety
    /// `at` is a multiple of 8 in a frame of RAM that is the page-table code's: a table, a pool
    /// frame, or a frame in a reserve.
    unsafe fn word(&self, at: PhysAddr) -> &AtomicU64;

    /// The byte of RAM at a physical address, good for the rest of its frame, and, if the frames
    /// after it are RAM too, for those.
    fn bytes(&self, at: PhysAddr) -> NonNull<u8>;

    /// Fills a frame with zeros.
    ///
    /// # Safety
    /// The frame is RAM and the caller's to write.
    unsafe fn zero_frame(&self, frame: PhysAddr);

    /// Copies a frame.
    ///
    /// # Safety
    /// Both frames are RAM; `to` is the caller's to write, and nobody writes `from` meanwhile.
    unsafe fn copy_frame(&self, from: PhysAddr, to: PhysAddr);

    /// Makes stored instructions visible to instruction fetches.
    fn sync_instructions(&self, frame: PhysAddr);

    /// Maintains the caches' copies of a frame.
    fn frame_cache(&self, frame: PhysAddr, operation: CacheOperation) -> Result<(), NoMaintenance>;

    /// The page that holds a byte of RAM, by its address: the reverse of `bytes`.
    fn physical(&self, at: NonNull<u8>) -> PhysAddr;

    /// Orders entries that were made before against walks that follow: after an absent entry became
    /// present. User mappings need only the order of stores, because a fault that came too early is
    /// looked up again; the kernel's must be usable at once.
    fn publish(&self, space: Space);

    /// Whether CPUs that [`Hardware::invalidate_page`] does not reach use an address space. Called
    /// with preemption off.
    fn beside(&self, tag: Tag) -> Beside;

    /// Invalidates one page of one address space, now: on this CPU, and on all those that need not
    /// be asked. Called with preemption off.
    fn invalidate_page(&self, tag: Tag, at: VirtAddr);

    /// Makes the invalidations that `flush` has gathered, on all CPUs.
    fn invalidate(&self, flush: &Flush);

    /// Invalidates everything but the kernel's mappings, on all CPUs: identifiers are used again.
    fn invalidate_spaces(&self);

    /// Makes this CPU walk the tables under `root` for user addresses, under identifier `asid`.
    /// Called with preemption off.
    fn load_root(&self, root: PhysAddr, asid: u16);
}
