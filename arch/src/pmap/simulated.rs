//! A machine for tests: frames in host memory, and a TLB that keeps everything it is not told to forget.
//!
//! Owns: RAM as words, the TLB of one CPU (x86_64: entries of the loaded space and global ones) or of all
//! (aarch64: by identifier), which does the same steps that the target executes. Does not own: any rule of
//! when an invalidation is due; [`Watch`] finds out.

use super::format::{PteFormat, Space};
use super::hardware::{Beside, Hardware, Tag};
use super::{Flush, Paging, Plan, Pmap};
use crate::aarch64::tlb as arm;
use crate::layout::KERNEL_MAP_END;
use crate::x86_64::tlb as x86;
use abi::Protection;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::vec::Vec;
use sync::host::HostMachine;
use vm::addr::{PageId, PhysAddr, Range, VirtAddr};
use vm::conformance::Observer;
use vm::machine::{CacheOperation, FrameSource, NoMaintenance};

/// Where RAM begins.
pub const RAM: u64 = 0x4000_0000;

/// A translation that the TLB keeps, and the leaf table that it came through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cached {
    pub kernel: bool,
    /// x86_64: the root; aarch64: the identifier.
    pub space: u64,
    pub at: u64,
    /// The entry, unless it was forgotten and only its table is still known.
    pub entry: Option<u64>,
    pub leaf: u64,
}

/// The hardware.
pub struct Simulated {
    words: std::boxed::Box<[AtomicU64]>,
    page_shift: u32,
    arm: bool,
    pub loaded: AtomicU64,
    pub asid: AtomicU64,
    asid_bits: u32,
    pub tlb: Mutex<Vec<Cached>>,
    pub invalidations: AtomicU64,
    /// What `beside` answers next, last first; without any, that this CPU is alone.
    pub beside: Mutex<Vec<Beside>>,
}

impl HostMachine for Simulated {}

impl Simulated {
    fn forget(&self, mut which: impl FnMut(&Cached) -> bool, tables: bool) {
        self.invalidations.fetch_add(1, Ordering::Relaxed);
        self.tlb.lock().unwrap().retain_mut(|cached| {
            let hit = which(cached);
            if hit {
                cached.entry = None;
            }
            !(hit && tables)
        });
    }

    fn x86_step(&self, step: x86::Step) {
        match step {
            // Cached upper levels go whatever the address.
            x86::Step::Page(at) => {
                self.forget(|cached| cached.at == at.0, true);
                self.forget(|cached| cached.entry.is_none(), true);
            }
            x86::Step::Reload => self.forget(|cached| !cached.kernel, true),
            x86::Step::Global => self.forget(|_| true, true),
        }
    }

    fn arm_step(&self, step: arm::Step) {
        let arm::Step::Invalidate(operation, operand) = step else {
            return;
        };
        let asid = operand >> 48;
        // The operand has bits 55 to 12; sign extension gives the rest.
        let at = ((operand << 20) as i64 >> 8) as u64 & !((1 << self.page_shift) - 1);
        let leaf = |address: u64| address >> (2 * self.page_shift - 3);
        let same = |cached: &Cached, tables: bool| {
            cached.at == at || tables && cached.entry.is_none() && leaf(cached.at) == leaf(at)
        };
        match operation {
            arm::Tlbi::Page => {
                self.forget(|c| (c.kernel || c.space == asid) && same(c, true), true)
            }
            arm::Tlbi::PageLast => {
                self.forget(|c| (c.kernel || c.space == asid) && same(c, false), false)
            }
            arm::Tlbi::PageAll => self.forget(|c| same(c, true), true),
            arm::Tlbi::PageAllLast => self.forget(|c| same(c, false), false),
            arm::Tlbi::Asid => self.forget(|c| !c.kernel && c.space == asid, true),
            arm::Tlbi::All => self.forget(|_| true, true),
        }
    }
}

// SAFETY: the words live as long as the machine; frames are cleared and copied within their bounds.
unsafe impl Hardware for Simulated {
    fn asid_bits(&self) -> u32 {
        self.asid_bits
    }
    unsafe fn word(&self, at: PhysAddr) -> &AtomicU64 {
        assert_eq!(at.0 & 7, 0);
        &self.words[((at.0 - RAM) / 8) as usize]
    }
    fn bytes(&self, at: PhysAddr) -> NonNull<u8> {
        let word = NonNull::from(&self.words[((at.0 - RAM) / 8) as usize]).cast::<u8>();
        // SAFETY: the byte is in the word.
        unsafe { word.add((at.0 & 7) as usize) }
    }
    unsafe fn zero_frame(&self, frame: PhysAddr) {
        let first = ((frame.0 - RAM) / 8) as usize;
        for word in &self.words[first..first + (1 << self.page_shift) / 8] {
            word.store(0, Ordering::Relaxed);
        }
    }
    unsafe fn copy_frame(&self, from: PhysAddr, to: PhysAddr) {
        for offset in 0..(1 << self.page_shift) / 8 {
            // SAFETY: both frames are in RAM.
            let value = unsafe { self.word(PhysAddr(from.0 + 8 * offset)) }.load(Ordering::Relaxed);
            // SAFETY: as above.
            unsafe { self.word(PhysAddr(to.0 + 8 * offset)) }.store(value, Ordering::Relaxed);
        }
    }
    fn sync_instructions(&self, _: PhysAddr) {}
    fn frame_cache(&self, _: PhysAddr, _: CacheOperation) -> Result<(), NoMaintenance> {
        Err(NoMaintenance)
    }
    fn physical(&self, at: NonNull<u8>) -> PhysAddr {
        PhysAddr(RAM + (at.as_ptr() as usize - self.words.as_ptr() as usize) as u64)
    }
    fn publish(&self, _: Space) {}
    fn beside(&self, _: Tag) -> Beside {
        match self.beside.lock().unwrap().pop() {
            Some(beside) => beside,
            None => Beside::Never,
        }
    }
    fn invalidate_page(&self, tag: Tag, at: VirtAddr) {
        if self.arm {
            arm::page_steps(tag, at, |step| self.arm_step(step));
        } else if x86::holds(PhysAddr(self.loaded.load(Ordering::Relaxed)), tag) {
            self.x86_step(x86::Step::Page(at));
        }
    }
    fn invalidate(&self, flush: &Flush) {
        if self.arm {
            arm::steps(flush, self.page_shift, |step| self.arm_step(step));
        } else {
            let loaded = PhysAddr(self.loaded.load(Ordering::Relaxed));
            x86::steps(flush, loaded, |step| self.x86_step(step));
        }
    }
    fn invalidate_spaces(&self) {
        arm::space_steps(|step| self.arm_step(step));
    }
    fn load_root(&self, root: PhysAddr, asid: u16) {
        self.loaded.store(root.0, Ordering::Relaxed);
        self.asid.store(u64::from(asid), Ordering::Relaxed);
        if !self.arm {
            self.forget(|cached| !cached.kernel, true);
        }
    }
}

/// A machine with `frames` frames, and a source of those that it does not keep for itself.
pub fn machine<F: PteFormat>(frames: usize, asid_bits: u32) -> (Paging<F, Simulated>, Frames) {
    // One CPU: there is one register that says which root is loaded.
    sync::host::enter(Some(0), None);
    let words = (frames << F::PAGE_SHIFT) / 8;
    // Frames that nobody cleared hold garbage.
    let words = (0..words)
        .map(|n| AtomicU64::new(0x5a5a_0000_5a5a_0000 ^ n as u64))
        .collect();
    let hardware = Simulated {
        words,
        page_shift: F::PAGE_SHIFT,
        arm: F::BREAK_BEFORE_MAKE,
        loaded: AtomicU64::new(0),
        asid: AtomicU64::new(0),
        asid_bits: if F::BREAK_BEFORE_MAKE { asid_bits } else { 0 },
        tlb: Mutex::new(Vec::new()),
        invalidations: AtomicU64::new(0),
        beside: Mutex::new(Vec::new()),
    };
    let frame = |n: u64| PhysAddr(RAM + (n << F::PAGE_SHIFT));
    // Frame 0: the kernel's root; 1: the pool's; 2: the empty root; from 3: the kernel map's tables below the
    // root where one root serves both halves.
    let mut used = 3;
    for n in [0, 2] {
        // SAFETY: nobody uses the frames yet.
        unsafe { hardware.zero_frame(frame(n)) };
    }
    let top = F::LEVELS - 1;
    let shared = Paging::<F, Simulated>::SHARED_ROOT;
    if shared {
        for index in F::index(KERNEL_MAP_END - 1, top) - 2..=F::index(KERNEL_MAP_END - 1, top) {
            // SAFETY: as above.
            unsafe {
                hardware.zero_frame(frame(used));
                let entry = hardware.word(PhysAddr(RAM + 8 * index as u64));
                entry.store(F::table(frame(used), Space::Kernel), Ordering::Relaxed);
            }
            used += 1;
        }
    }
    let records = (0..frames)
        .map(|_| super::FrameRecord::default())
        .collect::<Vec<_>>();
    let plan = Plan {
        first_frame: frame(0),
        records: records.leak(),
        kernel_root: frame(0),
        pool_frame: frame(1),
        empty_root: if shared { frame(0) } else { frame(2) },
    };
    // SAFETY: nobody else knows the frames.
    let paging = unsafe { Paging::from_plan(hardware, plan) };
    let free = (used as u32..frames as u32)
        .rev()
        .map(PageId)
        .collect::<Vec<_>>();
    (
        paging,
        Frames {
            total: free.len(),
            free,
            fail_in: None,
        },
    )
}

/// Kernel addresses for tests.
pub fn window<F: PteFormat>() -> Range {
    Range {
        start: VirtAddr(KERNEL_MAP_END - (8 << F::shift(1))),
        end: VirtAddr(KERNEL_MAP_END),
    }
}

/// A source of frames that can run dry by order.
pub struct Frames {
    pub free: Vec<PageId>,
    pub total: usize,
    /// How many more are given.
    pub fail_in: Option<u32>,
}

impl Frames {
    /// Whether every frame is back, once.
    pub fn complete(&self) -> bool {
        let mut free = self.free.clone();
        free.sort();
        free.dedup();
        free.len() == self.total && self.free.len() == self.total
    }
}

impl FrameSource for Frames {
    fn take(&mut self) -> Option<PageId> {
        if let Some(left) = &mut self.fail_in {
            *left = left.checked_sub(1)?;
        }
        self.free.pop()
    }
    fn give(&mut self, page: PageId) {
        assert!(!self.free.contains(&page), "{page:?} is given back twice");
        // First in, first out: a frame used too early is used at once elsewhere in other tests, and here
        // its content turns to garbage only when it is needed again.
        self.free.insert(0, page);
    }
}

/// Keeps every translation that a processor may keep, and finds those that outlive their time.
pub struct Watch;

impl Watch {
    /// The entry of an address in a table.
    fn entry<F: PteFormat>(
        paging: &Paging<F, Simulated>,
        table: u64,
        at: u64,
        level: usize,
    ) -> u64 {
        let location = PhysAddr(table + 8 * F::index(at, level) as u64);
        // SAFETY: the walk follows entries in RAM.
        unsafe { paging.hardware().word(location) }.load(Ordering::Relaxed)
    }

    /// The table that a processor finds an address's entry in, and its level: it does not know whose that is.
    fn table<F: PteFormat>(
        paging: &Paging<F, Simulated>,
        root: PhysAddr,
        at: u64,
    ) -> Option<(u64, usize)> {
        let mut table = root.0;
        for level in (1..F::LEVELS).rev() {
            let entry = Self::entry(paging, table, at, level);
            if !F::is_table(entry, level) && !F::is_nested(entry) {
                // A superpage's entry is in the table above.
                return (level == 1 && F::is_present(entry)).then_some((table, level));
            }
            table = F::address(entry).0;
        }
        Some((table, 0))
    }

    /// What the tables say now: the entry and the table that it is in.
    fn walk<F: PteFormat>(
        paging: &Paging<F, Simulated>,
        root: PhysAddr,
        at: u64,
    ) -> Option<(u64, u64)> {
        let (table, level) = Self::table(paging, root, at)?;
        let entry = Self::entry(paging, table, at, level);
        F::is_present(entry).then_some((entry, table))
    }
}

impl<F: PteFormat> Observer<Paging<F, Simulated>> for Watch {
    fn run(
        &mut self,
        paging: &Paging<F, Simulated>,
        pmap: &Pmap<Simulated>,
        addresses: &mut dyn Iterator<Item = VirtAddr>,
    ) {
        let hardware = paging.hardware();
        let kernel = pmap.space() == Space::Kernel;
        if !kernel {
            paging.pmap_activate(pmap);
        }
        let space = if hardware.arm {
            hardware.asid.load(Ordering::Relaxed)
        } else {
            hardware.loaded.load(Ordering::Relaxed)
        };
        for at in addresses {
            if let Some((entry, leaf)) = Self::walk(paging, pmap.root(), at.0) {
                // What is kept is used: an entry in the TLB hides the tables.
                let mut tlb = hardware.tlb.lock().unwrap();
                let space = if kernel { 0 } else { space };
                let known = |cached: &&mut Cached| {
                    cached.kernel == kernel && cached.space == space && cached.at == at.0
                };
                match tlb.iter_mut().find(known) {
                    Some(cached) => {
                        cached.entry.get_or_insert(entry);
                    }
                    None => tlb.push(Cached {
                        kernel,
                        space,
                        at: at.0,
                        entry: Some(entry),
                        leaf,
                    }),
                }
            }
        }
    }

    fn changed(&mut self, paging: &Paging<F, Simulated>) -> Result<(), &'static str> {
        // Break before make: no present entry may contradict a kept one's address.
        let hardware = paging.hardware();
        let loaded = PhysAddr(hardware.loaded.load(Ordering::Relaxed));
        for cached in hardware.tlb.lock().unwrap().iter() {
            let root = match cached.kernel {
                true => paging.kernel.root,
                false if hardware.arm && cached.space == hardware.asid.load(Ordering::Relaxed) => {
                    loaded
                }
                false if !hardware.arm && cached.space == loaded.0 => loaded,
                false => continue,
            };
            if let (Some(kept), Some((now, _))) =
                (cached.entry, Self::walk(paging, root, cached.at))
                && F::address(kept) != F::address(now)
            {
                return Err("made before broken");
            }
        }
        Ok(())
    }

    fn synced(
        &mut self,
        paging: &Paging<F, Simulated>,
        pmap: &Pmap<Simulated>,
    ) -> Result<(), &'static str> {
        let hardware = paging.hardware();
        let kernel = pmap.space() == Space::Kernel;
        if !kernel {
            paging.pmap_activate(pmap);
        }
        let space = match (kernel, hardware.arm) {
            (true, _) => 0,
            (false, true) => hardware.asid.load(Ordering::Relaxed),
            (false, false) => hardware.loaded.load(Ordering::Relaxed),
        };
        for cached in hardware.tlb.lock().unwrap().iter() {
            if cached.kernel != kernel || cached.space != space {
                continue;
            }
            let now = Self::walk(paging, pmap.root(), cached.at);
            if let Some(kept) = cached.entry {
                let Some((now, _)) = now else {
                    return Err("a removed translation is still kept");
                };
                if F::address(kept) != F::address(now) {
                    return Err("a replaced translation is still kept");
                }
                let (kept, now) = (
                    F::protection(kept, pmap.space()),
                    F::protection(now, pmap.space()),
                );
                if !now.contains(kept & (Protection::WRITE | Protection::EXECUTE)) {
                    return Err("a lowered permission is still kept");
                }
            }
            // A table that is known must be the address's table still.
            let table = Self::table(paging, pmap.root(), cached.at);
            if table.map(|(table, _)| table) != Some(cached.leaf) {
                return Err("an unlinked table is still kept");
            }
        }
        Ok(())
    }
}
