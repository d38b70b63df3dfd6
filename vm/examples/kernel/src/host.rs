//! The processor, played on the host: a walk through the same tables, with a TLB.
//!
//! Owns: `sync::Platform` by host threads, fences, the loads and stores of a program, RAM. The TLB keeps
//! every translation until a fence names it, so a fence too few shows as a wrong byte.
//! Does not own: what a fault means (`vm`). Its twin for the board is `hart`.
//! Locks: one host mutex around the TLB.

use crate::boot::boot;
use crate::machine::{Pmap, Sv39};
use crate::pte::{PAGE, PAGE_SHIFT, Pte};
use crate::ram::Ram;
use core::ptr::NonNull;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use vm::conformance::{Cpu, PageFault};
use vm::{KernReturn, PageId, PhysAddr, Protection, RefMod, VirtAddr, Vm};

/// Where the board has RAM.
const RAM: PhysAddr = PhysAddr(0x8000_0000);
/// RAM is aligned as on the board, as far as zones ask for it.
const ALIGNMENT: usize = 2 << 20;

impl sync::host::HostMachine for Sv39 {}

/// What the hart remembers: by root and page number.
#[derive(Default)]
pub struct Hart(Mutex<BTreeMap<(u32, u64), Pte>>);

impl Hart {
    fn tlb(&self) -> MutexGuard<'_, BTreeMap<(u32, u64), Pte>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what the hart knows of an address, in every address space.
    pub fn fence(&self, at: VirtAddr) {
        self.tlb()
            .retain(|&(_, page), _| page != at.0 >> PAGE_SHIFT);
    }

    /// Forgets all addresses.
    pub fn fence_all(&self) {
        self.tlb().clear();
    }

    /// The host executes nothing of what is stored.
    pub fn fence_instructions(&self) {}
}

impl Sv39 {
    /// Translates, as the hart does: by the TLB, or by the tables, where it notes the use.
    fn translate(
        &self,
        pmap: &Pmap,
        at: VirtAddr,
        access: Protection,
    ) -> Result<PageId, PageFault> {
        let mut tlb = self.hart.tlb();
        let place = (pmap.root.0, at.0 >> PAGE_SHIFT);
        let known = tlb.get(&place).copied();
        let entry = match known.filter(|entry| entry.protection().contains(access)) {
            Some(entry) => entry,
            None => self.walk(pmap, at, access).ok_or(PageFault)?,
        };
        tlb.insert(place, entry);
        Ok(self.ram.frame(entry.frame()))
    }

    /// A translation that the hart remembers and the tables do not give any more: a fence is missing.
    pub fn stale(&self, pmap: &Pmap) -> Option<VirtAddr> {
        let (tlb, tables) = (self.hart.tlb(), self.tables());
        let of_pmap = tlb.iter().filter(|((root, _), _)| *root == pmap.root.0);
        let mut stale = of_pmap.filter_map(|((_, page), known)| {
            let at = VirtAddr(page << PAGE_SHIFT);
            let now = tables
                .walk(pmap.root, at)
                .map_or(Pte::NONE, |slot| tables.entry(slot));
            let given = now.is_valid()
                && now.frame() == known.frame()
                && now.protection().contains(known.protection());
            (!given).then_some(at)
        });
        stale.next()
    }

    fn walk(&self, pmap: &Pmap, at: VirtAddr, access: Protection) -> Option<Pte> {
        let noted = if access.contains(Protection::WRITE) {
            RefMod::all()
        } else {
            RefMod::REFERENCED
        };
        let tables = &mut self.tables();
        let slot = tables.walk(pmap.root, at).ok()?;
        let entry = tables.entry(slot);
        if !entry.is_valid() || !entry.protection().contains(access) {
            return None;
        }
        tables.update(slot, entry.noting(noted));
        Some(entry)
    }
}

impl Cpu for Sv39 {
    fn load(&self, pmap: &Pmap, at: VirtAddr) -> Result<u8, PageFault> {
        let page = self.translate(pmap, at, Protection::READ)?;
        let mut byte = [0];
        self.ram.read(page, (at.0 % PAGE) as usize, &mut byte);
        Ok(byte[0])
    }

    fn store(&self, pmap: &Pmap, at: VirtAddr, byte: u8) -> Result<(), PageFault> {
        let page = self.translate(pmap, at, Protection::WRITE)?;
        self.ram.write(page, (at.0 % PAGE) as usize, &[byte]);
        Ok(())
    }
}

/// A memory system over `frames` frames of the host's memory, which stay for good. The calling thread
/// is on CPU 0 from now on: the board has no other.
///
/// # Errors
/// As [`boot`].
pub fn machine(frames: u32) -> Result<Vm<Sv39>, KernReturn> {
    sync::host::enter(Some(0), None);
    let bytes = frames as usize * PAGE as usize;
    let memory: &'static mut [u8] = Box::leak(vec![0x5a; bytes + ALIGNMENT].into_boxed_slice());
    let skipped = memory.as_ptr().align_offset(ALIGNMENT);
    let at = NonNull::from(&mut memory[skipped]);
    // SAFETY: the memory is leaked, aligned, and ours alone from `skipped` on.
    let ram = unsafe { Ram::new(at, RAM, frames) };
    // SAFETY: nobody uses any of it.
    unsafe { boot(Hart::default(), ram, 0) }
}
