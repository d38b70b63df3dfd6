//! Page tables: one code over three formats.
//!
//! Owns: the tables of every address space ([`Pmap`]), the reverse map of every page, and the
//! invalidations that changes make due. Does not own: what should be mapped (`vm`), frames
//! (`vm`'s [`FrameSource`](vm::machine::FrameSource)), the kernel's first tables (`boot`).
//!
//! Locks: a pmap's lock guards the shape of its tables and every present entry's address; a page's
//! lock bit (`record`) guards its reverse map, and with it which entries map the page. Order: pmap,
//! page, pool. Entries change by atomic operations only, so that bits which the processor sets
//! meanwhile are not lost, and an absent entry is never made present by taking permission away.
//! Invariants: I-PMAP-1 (a mapped page is no table), I-PMAP-2 (a tracked entry is in its page's reverse map and
//! the reverse), I-PMAP-3 (lists of mappings shrink without allocating), I-PMAP-4 (a pmap's range lies in its
//! half of the address space; nothing is entered over a block), I-NEST-1 (`nest`).
//!
//! | operation | meets a disconnect of the same page |
//! |---|---|
//! | `enter` | takes the page's lock, then reads the entry again |
//! | `remove` | takes the page's lock, then swaps the entry to absent: who swapped a present one out counts it |
//! | `protect` | changes the entry by compare-and-swap, never an absent one |
//! | freeing an empty leaf table | `live` is counted down after the last touch of the table |

mod account;
mod around;
pub mod asid;
mod enter;
pub mod flush;
pub mod format;
pub mod hardware;
mod life;
mod machine;
mod nest;
mod page;
mod pool;
mod protect;
mod pv;
mod query;
mod record;
mod remove;
mod reserve;
#[cfg(test)]
mod simulated;
mod superpage;
#[cfg(test)]
mod tests;
mod walk;

use crate::layout::USER_END;
use asid::{Asids, MAX_CPUS};
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering};
use hardware::{Hardware, Tag};
use pool::{Pool, PoolRank};
use sync::SpinLock;
use sync::rank::{PMAP, Rank};
use vm::addr::{PageId, PhysAddr, Range, VirtAddr};
use vm::batch::TlbBatch;
use vm::conformance::{Notes, Program};
use vm::{NoPager, Pager};

pub use flush::Flush;
pub use format::{PteFormat, Space};
pub use record::FrameRecord;
pub use reserve::Reserve;

/// The rank of a pmap's lock.
pub struct PmapRank;

impl Rank for PmapRank {
    const RANK: u8 = PMAP;
    const NAME: &'static str = "pmap";
}

/// An address space's page tables.
pub struct Pmap<H> {
    root: PhysAddr,
    /// Where its counters lie: a node of the pool, so that a table can name its pmap for as long as
    /// it lives, wherever this value moves.
    control: PhysAddr,
    space: Space,
    shape: SpinLock<H, PmapRank, Shape>,
}

/// What a pmap's lock guards besides the tables.
#[derive(Debug)]
struct Shape {
    /// Which leaf table was used last: its first address's number, counted in leaf tables.
    recent: u64,
    /// That table.
    leaf: u64,
    /// Leaf tables kept though nothing is in them: those marked so. A page's disconnect may leave
    /// more; the next `remove` that passes by looks at them.
    vacant: u32,
    /// Superpages that it maps.
    superpages: u32,
}

impl Shape {
    const NOTHING: u64 = u64::MAX;

    const fn new() -> Self {
        Self {
            recent: Self::NOTHING,
            leaf: 0,
            vacant: 0,
            superpages: 0,
        }
    }
}

/// The words of a control block.
mod control {
    /// The context: what names the address space in TLBs ([`super::Tag`]).
    pub const CONTEXT: u64 = 0;
    /// Frames that are its tables.
    pub const TABLES: u64 = 8;
    /// Entries of other pmaps that lead to its leaf tables.
    pub const NESTINGS: u64 = 16;
    /// The node with what is counted less often ([`super::account`]).
    pub const MORE: u64 = 24;
    /// Mapped pages by `Account`: four words.
    pub const ACCOUNTS: u64 = 32;
}

/// Which root a CPU walks.
#[repr(align(64))]
struct Active(AtomicU64);

/// All page tables of a machine: what `vm` calls its machine, or the best part of it.
pub struct Paging<F, H, P = NoPager> {
    hardware: H,
    /// The frame of page 0.
    first: PhysAddr,
    records: &'static [FrameRecord],
    kernel: Pmap<H>,
    pool: SpinLock<H, PoolRank, Pool>,
    asids: Asids<H>,
    active: [Active; MAX_CPUS],
    /// What a CPU walks that has no address space.
    empty_root: PhysAddr,
    _types: PhantomData<fn() -> (F, P)>,
}

/// The batch of this machine.
type Batch<'vm, F, H, P> = TlbBatch<'vm, Paging<F, H, P>>;

/// What [`Paging::from_plan`] needs to know.
#[derive(Debug)]
pub struct Plan {
    /// The frame of page 0: the lowest RAM.
    pub first_frame: PhysAddr,
    /// A record for each frame from there to the highest RAM, all zero.
    pub records: &'static [FrameRecord],
    /// The kernel's top-level table, as `boot` made it.
    pub kernel_root: PhysAddr,
    /// A frame for the pool, with undefined contents; it stays.
    pub pool_frame: PhysAddr,
    /// What a CPU walks that has no address space: a cleared frame, or the kernel's root where one
    /// root serves both halves.
    pub empty_root: PhysAddr,
}

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    const PAGE_SIZE: u64 = 1 << F::PAGE_SHIFT;
    /// Whether one root serves the user's half and the kernel's.
    pub(crate) const SHARED_ROOT: bool =
        F::PAGE_SHIFT + F::LEVEL_BITS * (F::LEVELS as u32 - 1) + F::ROOT_BITS == 48;

    /// Takes over the kernel's tables.
    ///
    /// # Safety
    /// The frames of the plan are RAM, in the range of its records, and nobody else's, but for the
    /// kernel's tables, which nobody else changes from now on in the range of the kernel map.
    pub unsafe fn from_plan(hardware: H, plan: Plan) -> Self {
        let asids = Asids::new(hardware.asid_bits());
        let mut paging = Self {
            hardware,
            first: plan.first_frame,
            records: plan.records,
            kernel: Pmap {
                root: plan.kernel_root,
                control: PhysAddr(0),
                space: Space::Kernel,
                shape: SpinLock::new(Shape::new()),
            },
            pool: SpinLock::new(Pool::default()),
            asids,
            active: [const { Active(AtomicU64::new(0)) }; MAX_CPUS],
            empty_root: plan.empty_root,
            _types: PhantomData,
        };
        paging.pool_add(plan.pool_frame, pool::Lasting::Yes);
        let node = || paging.node_take().expect("the pool has just got a frame");
        let (control, more) = (node(), node());
        paging.control_init(control, more, Tag::KERNEL);
        paging.kernel.control = control;
        if Self::SHARED_ROOT {
            let half = 1u64 << (F::ROOT_BITS - 1);
            let empty = |index| {
                paging
                    .word(plan.kernel_root.0 + 8 * index)
                    .load(Ordering::Relaxed)
                    == 0
            };
            assert!(
                (0..half).all(empty),
                "I-PMAP-4: boot left user mappings in the kernel's root"
            );
        }
        paging
    }

    /// A program of `vm`'s conformance suite for these tables: `steps` steps that `seed` decides.
    /// Nobody else uses the kernel's window.
    pub fn conformance(seed: u64, steps: u32, kernel_window: Range) -> Program {
        Program {
            seed,
            steps,
            kernel_window,
            user_window: Range::new(VirtAddr(1 << F::shift(1)), VirtAddr(USER_END)),
            run: None,
            notes: if F::BREAK_BEFORE_MAKE {
                Notes::Faults
            } else {
                Notes::Hardware
            },
        }
    }

    /// The hardware beneath.
    pub fn hardware(&self) -> &H {
        &self.hardware
    }

    /// Where a page's frame is.
    #[inline]
    pub fn address_of(&self, page: PageId) -> PhysAddr {
        PhysAddr(self.first.0 + (u64::from(page.0) << F::PAGE_SHIFT))
    }

    /// Which page's frame this address is in.
    #[inline]
    pub fn page_of(&self, at: PhysAddr) -> Option<PageId> {
        let number = at.0.checked_sub(self.first.0)? >> F::PAGE_SHIFT;
        (number < self.records.len() as u64).then_some(PageId(number as u32))
    }

    /// The same for an address that lies in RAM.
    #[inline]
    fn page_at(&self, at: PhysAddr) -> PageId {
        PageId((at.0.wrapping_sub(self.first.0) >> F::PAGE_SHIFT) as u32)
    }

    /// The record of the frame at `at`, which is RAM.
    #[inline]
    fn record(&self, at: PhysAddr) -> &FrameRecord {
        &self.records[(at.0.wrapping_sub(self.first.0) >> F::PAGE_SHIFT) as usize]
    }

    /// The word at a physical address: an entry, or a word of a node.
    #[inline]
    fn word(&self, at: u64) -> &AtomicU64 {
        // SAFETY: the addresses that this module hands here come from entries, records, nodes and
        // reserves that it wrote itself, or from tables that `boot` handed over in `from_plan`: frames of
        // RAM that are this module's until it gives them back.
        unsafe { self.hardware.word(PhysAddr(at)) }
    }

    /// Makes a control block of two nodes.
    fn control_init(&self, node: PhysAddr, more: PhysAddr, tag: Tag) {
        for word in 0..pool::NODE_WORDS {
            self.word(node.0 + 8 * word).store(0, Ordering::Relaxed);
            self.word(more.0 + 8 * word).store(0, Ordering::Relaxed);
        }
        self.word(node.0 + control::CONTEXT)
            .store(tag.0, Ordering::Relaxed);
        self.word(node.0 + control::MORE)
            .store(more.0, Ordering::Relaxed);
    }

    /// Notes that TLBs may hold stale entries of a range. Called after the entries were changed: a
    /// CPU that takes up the address space later walks the new ones.
    #[inline]
    fn gather(&self, control: u64, range: Range, flush: &mut Flush) {
        core::sync::atomic::fence(Ordering::SeqCst);
        flush.add(
            Tag(self
                .word(control + control::CONTEXT)
                .load(Ordering::Relaxed)),
            range,
        );
    }

    /// The addresses that a leaf's or a superpage's entry maps, found from the entry's own address, and the
    /// control block of its pmap.
    #[inline]
    fn owner(&self, location: u64) -> (u64, Range) {
        let table = self.record(PhysAddr(location));
        if table.is_upper() {
            return (table.control(), Self::superpage_of(table, location));
        }
        let offset = location & (Self::PAGE_SIZE - 1);
        let at = VirtAddr(table.first() + (offset << (F::PAGE_SHIFT - 3)));
        (table.control(), Self::page_range(at))
    }

    /// One page of addresses.
    #[inline]
    fn page_range(at: VirtAddr) -> Range {
        Range {
            start: at,
            end: VirtAddr(at.0.wrapping_add(Self::PAGE_SIZE)),
        }
    }
}
