//! The machine that the kernel runs on, as `vm` sees it.
//!
//! Owns: the choice of page-table format, RAM through the direct map, the connection of `sync::Platform`
//! to `arch`'s own modules and, for sleeping, to the scheduler (symbols that `kernel` defines).
//! Does not own: the page tables (`pmap`), instructions of the TLB (`tlb`).

use crate::layout::{DIRECT_MAP_BASE, direct_map};
use crate::pmap::format::{PteFormat, Space};
use crate::pmap::hardware::{Beside, Hardware, Tag};
use crate::pmap::{Flush, FrameRecord, Paging, Plan};
use crate::{cpu, frames, interrupts, preempt, timer, tlb};
use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;
use sync::rank::RankStack;
use sync::{Event, InterruptState, Platform};
use vm::addr::{PhysAddr, VirtAddr};
use vm::machine::{CacheOperation, NoMaintenance};
use vm::{NoPager, Pager};

/// The page-table format of this build.
#[cfg(target_arch = "x86_64")]
pub type Format = crate::pmap::format::X86_64;
/// The page-table format of this build.
#[cfg(all(target_arch = "aarch64", feature = "granule-4k"))]
pub type Format = crate::pmap::format::Aarch64Granule4K;
/// The page-table format of this build.
#[cfg(all(target_arch = "aarch64", not(feature = "granule-4k")))]
pub type Format = crate::pmap::format::Aarch64Granule16K;

/// The machine; `P` is where the kernel's files have their pages.
pub type Machine<P = NoPager> = Paging<Format, Target, P>;
/// An address space's page tables.
pub type Pmap = crate::pmap::Pmap<Target>;

/// Bytes of a page.
pub const PAGE_SIZE: u64 = 1 << Format::PAGE_SHIFT;

/// The hardware of this machine. Its state is in registers.
#[derive(Debug)]
pub struct Target {
    asid_bits: u32,
}

/// What [`machine`] needs to know.
#[derive(Clone, Copy, Debug)]
pub struct MachinePlan {
    /// The lowest address of RAM, a multiple of the page size: the frame of page 0.
    pub first_frame: PhysAddr,
    /// Frames from there to the end of the highest RAM, holes included.
    pub frames: u64,
    /// [`storage_bytes`] bytes of RAM in one piece, page-aligned, with undefined contents.
    pub storage: PhysAddr,
    /// The kernel's top-level table.
    pub kernel_root: PhysAddr,
}

/// Bytes of RAM that the machine keeps for itself: a record for each frame, a frame for nodes, an empty
/// table. A multiple of the page size.
pub const fn storage_bytes(frames: u64) -> u64 {
    let records = frames * size_of::<FrameRecord>() as u64;
    records.next_multiple_of(PAGE_SIZE) + 2 * PAGE_SIZE
}

/// The one machine.
///
/// # Safety
/// Called once, by the boot CPU, with the direct map in place. The storage is RAM that nobody else uses;
/// nobody else changes the kernel's tables afterwards.
pub unsafe fn machine<P: Pager<Machine<P>>>(plan: MachinePlan) -> Machine<P> {
    let pool_frame = PhysAddr(plan.storage.0);
    let spare_root = PhysAddr(plan.storage.0 + PAGE_SIZE);
    let at = direct_map(spare_root.0 + PAGE_SIZE) as *mut FrameRecord;
    // SAFETY: the storage is the caller's gift: RAM in the direct map, large enough for a cleared table
    // and `frames` records, which are valid when zero.
    let records = unsafe {
        frames::zero(direct_map(spare_root.0) as *mut u8, PAGE_SIZE as usize);
        at.write_bytes(0, plan.frames as usize);
        core::slice::from_raw_parts(at, plan.frames as usize)
    };
    let empty_root = if Machine::<P>::SHARED_ROOT {
        plan.kernel_root
    } else {
        spare_root
    };
    let plan = Plan {
        first_frame: plan.first_frame,
        records,
        kernel_root: plan.kernel_root,
        pool_frame,
        empty_root,
    };
    // SAFETY: the caller's promise.
    let machine = unsafe {
        Paging::from_plan(
            Target {
                asid_bits: asid_bits(),
            },
            plan,
        )
    };
    join(&machine);
    machine
}

/// The calling CPU joins the machine: from here on it is asked to forget translations.
pub fn join<P: Pager<Machine<P>>>(machine: &Machine<P>) {
    let _here = sync::NoPreempt::<Target>::new();
    #[cfg(target_arch = "x86_64")]
    tlb::join();
    machine.deactivate();
}

unsafe extern "Rust" {
    safe fn kernel_assert_wait(event: usize);
    safe fn kernel_clear_wait();
    safe fn kernel_block();
    safe fn kernel_wakeup(event: usize);
    /// The current thread's ranks; they live as long as the thread.
    safe fn kernel_ranks() -> *const RankStack;
    safe fn kernel_is_privileged() -> bool;
}

// SAFETY: `preempt` keeps a thread on its CPU while its count is not 0, and `cpu::id` is the CPU's.
unsafe impl Platform for Target {
    const MAX_CPUS: usize = cpu::MAX_CPUS;
    // Longer than a map is held to enter or to remove an entry; measured against 0 and 200 in an emulator alone.
    const LOOKS: u32 = 1000;

    #[inline(always)]
    fn preempt_disable() {
        preempt::disable();
    }
    #[inline(always)]
    unsafe fn preempt_enable() {
        preempt::enable();
    }
    #[inline(always)]
    fn cpu() -> usize {
        cpu::id()
    }
    #[inline(always)]
    fn interrupts_disable() -> InterruptState {
        InterruptState(interrupts::disable().into_word())
    }
    #[inline(always)]
    fn interrupts_restore(state: InterruptState) {
        interrupts::restore(interrupts::Saved::from_word(state.0));
    }
    #[inline(always)]
    fn relax() {
        cpu::relax();
    }
    fn assert_wait(event: Event) {
        kernel_assert_wait(event.0);
    }
    fn clear_wait() {
        kernel_clear_wait();
    }
    fn block() {
        kernel_block();
    }
    fn wakeup(event: Event) {
        kernel_wakeup(event.0);
    }
    fn now() -> u64 {
        timer::now()
    }
    fn with_ranks(f: impl FnOnce(&RankStack)) {
        // SAFETY: the kernel answers the current thread's, which outlives this call.
        f(unsafe { &*kernel_ranks() });
    }
}

// SAFETY: the direct map shows all of RAM at fixed addresses, and the two loops write one frame.
unsafe impl Hardware for Target {
    fn is_privileged() -> bool {
        kernel_is_privileged()
    }
    #[inline(always)]
    fn asid_bits(&self) -> u32 {
        if cfg!(target_arch = "x86_64") {
            0
        } else {
            self.asid_bits
        }
    }

    #[inline(always)]
    unsafe fn word(&self, at: PhysAddr) -> &AtomicU64 {
        // SAFETY: the caller names an aligned word of RAM, which the direct map shows; it is used by
        // atomic operations only while it is the page-table code's.
        unsafe { &*(direct_map(at.0) as *const AtomicU64) }
    }

    #[inline(always)]
    fn bytes(&self, at: PhysAddr) -> NonNull<u8> {
        // SAFETY: an address in the direct map is not zero.
        unsafe { NonNull::new_unchecked(direct_map(at.0) as *mut u8) }
    }

    #[inline(always)]
    unsafe fn zero_frame(&self, frame: PhysAddr) {
        // SAFETY: the caller's frame, through the direct map.
        unsafe { frames::zero(direct_map(frame.0) as *mut u8, PAGE_SIZE as usize) };
    }

    #[inline(always)]
    unsafe fn copy_frame(&self, from: PhysAddr, to: PhysAddr) {
        let (from, to) = (direct_map(from.0) as *const u8, direct_map(to.0) as *mut u8);
        // SAFETY: the caller's frames, through the direct map.
        unsafe { frames::copy(to, from, PAGE_SIZE as usize) };
    }

    fn sync_instructions(&self, frame: PhysAddr) {
        #[cfg(target_arch = "aarch64")]
        crate::cache::sync_instructions(direct_map(frame.0) as usize, PAGE_SIZE as usize);
        // x86_64 keeps instruction fetches coherent with stores by itself.
        #[cfg(target_arch = "x86_64")]
        let _ = frame;
    }

    #[cfg(target_arch = "aarch64")]
    fn frame_cache(&self, frame: PhysAddr, operation: CacheOperation) -> Result<(), NoMaintenance> {
        let (start, bytes) = (direct_map(frame.0) as usize, PAGE_SIZE as usize);
        if matches!(operation, CacheOperation::FlushData | CacheOperation::Flush) {
            crate::cache::flush_data(start, bytes);
        }
        if operation != CacheOperation::FlushData {
            crate::cache::sync_instructions(start, bytes);
        }
        Ok(())
    }

    // Programs have no business with caches that are coherent.
    #[cfg(target_arch = "x86_64")]
    fn frame_cache(&self, _: PhysAddr, _: CacheOperation) -> Result<(), NoMaintenance> {
        Err(NoMaintenance)
    }

    fn physical(&self, at: NonNull<u8>) -> PhysAddr {
        PhysAddr(at.as_ptr() as u64 - DIRECT_MAP_BASE)
    }

    #[inline(always)]
    fn publish(&self, space: Space) {
        #[cfg(target_arch = "aarch64")]
        {
            tlb::execute(tlb::Step::StoreBarrier);
            if space == Space::Kernel {
                tlb::execute(tlb::Step::Synchronize);
            }
        }
        // x86_64: stores are seen by walks in order.
        #[cfg(target_arch = "x86_64")]
        let _ = space;
    }

    #[inline]
    fn beside(&self, tag: Tag) -> Beside {
        // Invalidations are broadcast.
        #[cfg(target_arch = "aarch64")]
        return {
            let _ = tag;
            Beside::Never
        };
        #[cfg(target_arch = "x86_64")]
        tlb::beside(tag)
    }

    #[inline]
    fn invalidate_page(&self, tag: Tag, at: VirtAddr) {
        #[cfg(target_arch = "aarch64")]
        tlb::page_steps(tag, at, tlb::execute);
        #[cfg(target_arch = "x86_64")]
        tlb::invalidate_page(tag, at);
    }

    #[inline]
    fn invalidate(&self, flush: &Flush) {
        #[cfg(target_arch = "aarch64")]
        tlb::steps(flush, Format::PAGE_SHIFT, tlb::execute);
        #[cfg(target_arch = "x86_64")]
        {
            let _here = sync::NoPreempt::<Self>::new();
            tlb::invalidate(flush);
        }
    }

    fn invalidate_spaces(&self) {
        #[cfg(target_arch = "aarch64")]
        tlb::space_steps(tlb::execute);
        #[cfg(target_arch = "x86_64")]
        tlb::execute(tlb::Step::Reload);
    }

    #[inline(always)]
    fn load_root(&self, root: PhysAddr, asid: u16) {
        // SAFETY: a pmap's root shares the kernel's upper half (x86_64), or is the lower half's alone.
        unsafe {
            #[cfg(target_arch = "aarch64")]
            tlb::load(tlb::ttbr0(root, asid));
            #[cfg(target_arch = "x86_64")]
            {
                let _ = asid;
                tlb::load(root);
            }
        }
    }
}

fn asid_bits() -> u32 {
    #[cfg(target_arch = "aarch64")]
    return tlb::asid_bits();
    #[cfg(target_arch = "x86_64")]
    return 0;
}
