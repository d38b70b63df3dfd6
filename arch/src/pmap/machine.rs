//! The page tables as `vm` sees them.
//!
//! Owns: the adaptation of [`Paging`] to `vm`'s trait; bytes of frames. Does not own: anything else.

use super::hardware::Hardware;
use super::{Flush, Paging, Pmap, PteFormat, Reserve, Space};
use abi::Protection;
use core::ptr;
use sync::rank::RankStack;
use sync::{Event, InterruptState, Platform};
use vm::Pager;
use vm::addr::{PageId, Pages, PhysAddr, Range, VirtAddr};
use vm::batch::TlbBatch;
use vm::machine::{
    CacheOperation, FrameSource, Machine, Mapping, NoMaintenance, NotEntered, RefMod, Shortage,
    Wired,
};
use vm::residence::{Account, Peaks, Residence};
use zalloc::ChunkMemory;

// SAFETY: every call is the hardware's own, which keeps the promise.
unsafe impl<F: PteFormat, H: Hardware, P: 'static> Platform for Paging<F, H, P> {
    const MAX_CPUS: usize = H::MAX_CPUS;
    const LOOKS: u32 = H::LOOKS;

    #[inline(always)]
    fn preempt_disable() {
        H::preempt_disable();
    }
    #[inline(always)]
    unsafe fn preempt_enable() {
        // SAFETY: the caller's.
        unsafe { H::preempt_enable() };
    }
    #[inline(always)]
    fn cpu() -> usize {
        H::cpu()
    }
    #[inline(always)]
    fn interrupts_disable() -> InterruptState {
        H::interrupts_disable()
    }
    #[inline(always)]
    fn interrupts_restore(state: InterruptState) {
        H::interrupts_restore(state);
    }
    #[inline(always)]
    fn relax() {
        H::relax();
    }
    fn assert_wait(event: Event) {
        H::assert_wait(event);
    }
    fn clear_wait() {
        H::clear_wait();
    }
    fn block() {
        H::block();
    }
    fn wakeup(event: Event) {
        H::wakeup(event);
    }
    fn now() -> u64 {
        H::now()
    }
    fn with_ranks(f: impl FnOnce(&RankStack)) {
        H::with_ranks(f);
    }
}

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    /// Makes this CPU walk a pmap's tables for user addresses; none for the kernel's pmap.
    /// Preemption is off. Quick if it does so already.
    #[inline]
    pub fn pmap_activate(&self, pmap: &Pmap<H>) {
        match pmap.space() {
            Space::User => self.activate(pmap),
            Space::Kernel => self.deactivate(),
        }
    }

    /// Where the kernel has the bytes of a page from `offset` on, of which `length` are wanted. Programs may have
    /// mapped them too, so they are copied and never borrowed.
    ///
    /// # Panics
    /// If they are not all in the page: the caller broke the contract of `vm::Machine`.
    #[inline]
    pub fn bytes_of(&self, page: PageId, offset: usize, length: usize) -> *mut u8 {
        let end = offset.checked_add(length);
        assert!(
            end.is_some_and(|end| end as u64 <= Self::PAGE_SIZE)
                && (page.0 as usize) < self.records.len(),
            "I-PAGE-1: bytes {offset}+{length} are not in page {page:?}"
        );
        self.hardware
            .bytes(vm::addr::PhysAddr(self.address_of(page).0 + offset as u64))
            .as_ptr()
    }
}

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Machine for Paging<F, H, P> {
    const PAGE_SHIFT: u32 = F::PAGE_SHIFT;
    const NESTING_SIZE: Option<u64> = Some(Self::LEAF_SIZE);
    const SUPERPAGE_SIZE: Option<u64> = Self::SUPERPAGE;

    type Pager = P;
    type Pmap = Pmap<H>;
    type Reserve = Reserve;
    type Flush = Flush;

    fn is_privileged(&self) -> bool {
        H::is_privileged()
    }

    #[inline]
    fn zero_page(&self, page: PageId) {
        debug_assert!((page.0 as usize) < self.records.len());
        // SAFETY: a page of the array is RAM, and the caller owns it.
        unsafe { self.hardware.zero_frame(self.address_of(page)) };
    }

    #[inline]
    fn copy_page(&self, from: PageId, to: PageId) {
        debug_assert!((from.0.max(to.0) as usize) < self.records.len() && from != to);
        // SAFETY: as above; the caller keeps writers away from `from`.
        unsafe {
            self.hardware
                .copy_frame(self.address_of(from), self.address_of(to))
        };
    }

    fn read_page(&self, page: PageId, offset: usize, into: &mut [u8]) {
        let from = self.bytes_of(page, offset, into.len());
        // SAFETY: the bytes are in the page, which is RAM; a kernel buffer is no managed page.
        unsafe { ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
    }

    fn write_page(&self, page: PageId, offset: usize, from: &[u8]) {
        let to = self.bytes_of(page, offset, from.len());
        // SAFETY: as in `read_page`.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
    }

    fn sync_instructions(&self, page: PageId) {
        self.hardware.sync_instructions(self.address_of(page));
    }

    fn page_cache(&self, page: PageId, operation: CacheOperation) -> Result<(), NoMaintenance> {
        self.hardware.frame_cache(self.address_of(page), operation)
    }

    fn chunk_memory(&self, first: PageId, pages: Pages) -> ChunkMemory {
        let bytes = (pages.0 << F::PAGE_SHIFT) as usize;
        let at = self.hardware.bytes(self.address_of(first));
        // SAFETY: the caller owns the frames, which `chunk_fits` found to be one aligned piece of RAM.
        unsafe { ChunkMemory::new(at, bytes) }
    }

    fn chunk_fits(&self, first: PageId, pages: Pages) -> bool {
        let start = self.address_of(first).0;
        u64::from(first.0) + pages.0 <= self.records.len() as u64
            && start.is_multiple_of(pages.0 << F::PAGE_SHIFT)
    }

    fn chunk_release(&self, chunk: ChunkMemory) -> PageId {
        self.page_at(self.hardware.physical(chunk.address()))
    }

    fn kernel_pmap(&self) -> &Pmap<H> {
        &self.kernel
    }

    fn pmap_create(&self, frames: &mut dyn FrameSource) -> Result<Pmap<H>, Shortage> {
        self.create(frames)
    }

    fn pmap_create_nested(&self, frames: &mut dyn FrameSource) -> Result<Pmap<H>, Shortage> {
        self.create_nested(frames)
    }

    fn pmap_destroy(&self, pmap: Pmap<H>, frames: &mut dyn FrameSource) {
        self.destroy(pmap, frames);
    }

    fn pmap_refill(
        &self,
        _pmap: &Pmap<H>,
        _at: VirtAddr,
        reserve: &mut Reserve,
        frames: &mut dyn FrameSource,
    ) -> Result<(), Shortage> {
        self.fill(reserve, frames)
    }

    fn pmap_unreserve(&self, reserve: &mut Reserve, frames: &mut dyn FrameSource) {
        self.empty(reserve, frames);
    }

    fn pmap_enter(
        &self,
        pmap: &Pmap<H>,
        at: VirtAddr,
        page: PageId,
        mapping: Mapping,
        reserve: &mut Reserve,
        batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        self.enter(pmap, at, page, mapping, reserve, batch)
    }

    fn pmap_enter_device(
        &self,
        pmap: &Pmap<H>,
        at: VirtAddr,
        frame: PhysAddr,
        mapping: Mapping,
        reserve: &mut Reserve,
        batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        self.enter_device(pmap, (at, frame), mapping, reserve, batch)
    }

    fn pmap_enter_around(
        &self,
        pmap: &Pmap<H>,
        first: VirtAddr,
        pages: &[Option<PageId>],
        mapping: Mapping,
        reserve: &mut Reserve,
    ) {
        self.enter_around(pmap, first, pages, mapping, reserve);
    }

    fn pmap_enter_superpage(
        &self,
        pmap: &Pmap<H>,
        at: VirtAddr,
        first: PageId,
        mapping: Mapping,
        reserve: &mut Reserve,
        batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        self.enter_superpage(pmap, (at, first), mapping, reserve, batch)
    }

    fn pmap_remove(&self, pmap: &Pmap<H>, range: Range, batch: &mut TlbBatch<'_, Self>) {
        self.remove(pmap, range, batch);
    }

    fn pmap_protect(
        &self,
        pmap: &Pmap<H>,
        range: Range,
        protection: Protection,
        batch: &mut TlbBatch<'_, Self>,
    ) {
        self.protect(pmap, range, protection, batch);
    }

    fn pmap_nest(
        &self,
        pmap: &Pmap<H>,
        nested: &Pmap<H>,
        at: VirtAddr,
        reserve: &mut Reserve,
        batch: &mut TlbBatch<'_, Self>,
    ) -> Result<(), NotEntered> {
        self.nest(pmap, nested, at, reserve, batch)
    }

    fn pmap_unnest(&self, pmap: &Pmap<H>, range: Range, batch: &mut TlbBatch<'_, Self>) {
        self.unnest(pmap, range, batch);
    }

    fn pmap_is_nested(&self, pmap: &Pmap<H>, at: VirtAddr) -> bool {
        self.is_nested(pmap, at)
    }

    fn pmap_nestings(&self, nested: &Pmap<H>) -> u64 {
        self.nestings(nested)
    }

    fn pmap_extract(&self, pmap: &Pmap<H>, at: VirtAddr) -> Option<(PageId, Protection)> {
        self.extract(pmap, at)
    }

    fn pmap_change_wiring(&self, pmap: &Pmap<H>, at: VirtAddr, wired: Wired) {
        self.change_wiring(pmap, at, wired);
    }

    fn pmap_residence(&self, pmap: &Pmap<H>) -> Residence {
        self.residence(pmap)
    }

    fn pmap_charge(&self, pmap: &Pmap<H>, change: i64) {
        self.charge(pmap, change);
    }

    fn pmap_peaks(&self, pmap: &Pmap<H>) -> Peaks {
        self.peaks(pmap)
    }

    fn pmap_tables(&self, pmap: &Pmap<H>) -> Pages {
        self.tables(pmap)
    }

    fn page_protect(
        &self,
        page: PageId,
        protection: Protection,
        batch: &mut TlbBatch<'_, Self>,
    ) -> RefMod {
        self.protect_page(page, protection, batch)
    }

    fn page_refmod(&self, page: PageId) -> RefMod {
        self.refmod(page)
    }

    fn page_clear_refmod(&self, page: PageId, which: RefMod, batch: &mut TlbBatch<'_, Self>) {
        self.clear_refmod(page, which, batch);
    }

    fn page_account(&self, page: PageId, account: Account) {
        self.account_page(page, account);
    }

    fn page_mappings(&self, page: PageId) -> usize {
        self.mappings(page)
    }

    #[inline]
    fn page_is_mapped(&self, page: PageId) -> bool {
        self.is_mapped(page)
    }

    fn flush(&self, flush: &mut Flush) {
        self.hardware.invalidate(flush);
        flush.clear();
    }

    fn flush_everything(flush: &mut Flush) {
        flush.add_everything();
    }

    #[inline]
    fn flush_is_empty(flush: &Flush) -> bool {
        flush.is_empty()
    }
}
