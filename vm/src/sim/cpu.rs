//! The simulated machine as a program sees it: a CPU's accesses, by way of its TLB.
//!
//! Owns: [`Access`], the walk of a CPU, and those of the conformance suite's programs, which are all on CPU 0.
//! Does not own: what a TLB keeps (`tlb`). Locks: the machine's, inside.

use super::baton;
use super::hardware::Hardware;
use super::machine::SimMachine;
use super::pmap::SimPmap;
use super::tlb::TlbEntry;
use crate::addr::{PageId, VirtAddr};
use crate::conformance::{Cpu, PageFault};
use crate::machine::RefMod;
use abi::Protection;

/// What a program does with a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Loads it.
    Read,
    /// Stores this value.
    Write(u8),
}

impl Access {
    /// What the access needs to be permitted.
    pub fn protection(self) -> Protection {
        match self {
            Access::Read => Protection::READ,
            Access::Write(_) => Protection::WRITE,
        }
    }
}

/// The access must be resolved by `vm` first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SimFault;

impl<const SHIFT: u32, const LEAF: u32> SimMachine<SHIFT, LEAF> {
    /// A program on `cpu`, in address space `pmap`, touches the byte at `at`. It goes through the TLB,
    /// stale or not. Answers the byte that stands there afterwards and the frame it is in.
    pub fn access(
        &self,
        cpu: usize,
        pmap: &SimPmap,
        at: VirtAddr,
        access: Access,
    ) -> Result<(u8, PageId), SimFault> {
        baton::point();
        let hardware = &mut *self.hardware();
        let (virtual_page, offset) = (at.0 >> SHIFT, (at.0 & ((1 << SHIFT) - 1)) as usize);
        let wanted = access.protection();
        let holder = hardware.holder(pmap.id, virtual_page);
        let page = match hardware.tlbs[cpu].get(pmap.id, virtual_page) {
            Some(entry) if entry.protection.contains(wanted) => {
                let (page, sets_dirty) = (entry.page, wanted == Protection::WRITE && !entry.dirty);
                entry.dirty |= sets_dirty;
                hardware.counts.tlb_hits += 1;
                if sets_dirty {
                    // The CPU looks the entry up to set its bit. A stale one has lost its entry.
                    let entry = hardware.tables(holder).entries.get_mut(&virtual_page);
                    if let Some(entry) = entry.filter(|entry| entry.page == page) {
                        entry.refmod |= RefMod::MODIFIED;
                    }
                }
                page
            }
            _ => Self::walk(hardware, cpu, pmap.id, virtual_page, wanted)?,
        };
        let byte = &mut hardware.bytes(page)[offset];
        if let Access::Write(value) = access {
            *byte = value;
        }
        Ok((*byte, page))
    }

    fn walk(
        hardware: &mut Hardware,
        cpu: usize,
        pmap: u64,
        at: u64,
        wanted: Protection,
    ) -> Result<PageId, SimFault> {
        hardware.tlbs[cpu].forget(pmap, at);
        hardware.counts.walks += 1;
        let leaf = at >> hardware.leaf_bits;
        let now = hardware.leaf_table(pmap, at);
        match hardware.tlbs[cpu].table(pmap, leaf) {
            // The CPU walks a table that was unlinked: nothing is in it until the frame is used again.
            Some(table) if now != Some(table) => {
                assert!(
                    hardware.frame(table).is_retired,
                    "I-TLB-1: a CPU walks a frame that was a page table"
                );
                hardware.counts.faults += 1;
                return Err(SimFault);
            }
            Some(_) => hardware.counts.table_hits += 1,
            None => {
                if let Some(table) = now {
                    hardware.tlbs[cpu].remember_table(pmap, leaf, table);
                }
            }
        }
        let holder = hardware.holder(pmap, at);
        let entry = hardware
            .tables(holder)
            .entries
            .get_mut(&at)
            .filter(|entry| entry.protection.contains(wanted));
        let Some(entry) = entry else {
            hardware.counts.faults += 1;
            return Err(SimFault);
        };
        let dirty = wanted == Protection::WRITE;
        entry.refmod |= if dirty {
            RefMod::all()
        } else {
            RefMod::REFERENCED
        };
        let entry = TlbEntry {
            page: entry.page,
            protection: entry.protection,
            dirty,
        };
        hardware.tlbs[cpu].insert(pmap, at, entry);
        Ok(entry.page)
    }
}

impl<const SHIFT: u32, const LEAF: u32> Cpu for SimMachine<SHIFT, LEAF> {
    fn load(&self, pmap: &SimPmap, at: VirtAddr) -> Result<u8, PageFault> {
        let byte = self.access(0, pmap, at, Access::Read);
        byte.map(|(byte, _)| byte).map_err(|_| PageFault)
    }

    fn store(&self, pmap: &SimPmap, at: VirtAddr, byte: u8) -> Result<(), PageFault> {
        let stored = self.access(0, pmap, at, Access::Write(byte));
        stored.map(|_| ()).map_err(|_| PageFault)
    }
}
