//! Audits of the simulated machine: what only a simulator sees.
//!
//! Owns: the comparison of TLBs with page tables, and of page tables with reverse maps.
//! Does not own: what `vm` audits by itself (`crate::audit`). Locks: the machine's, inside.

use super::hardware::Pte;
use super::machine::SimMachine;
use crate::addr::{PageId, VirtAddr};
use crate::machine::{CacheMode, Tracking, Wired};
use abi::Protection;

impl<const SHIFT: u32, const LEAF: u32> SimMachine<SHIFT, LEAF> {
    /// Checks, after an operation has ended, that no TLB grants what the page tables do not (I-TLB-4).
    pub fn audit_tlbs(&self) -> Result<(), String> {
        let hardware = self.hardware();
        for (cpu, tlb) in hardware.tlbs.iter().enumerate() {
            for ((pmap, at), entry) in tlb.entries() {
                let now = hardware
                    .pmaps
                    .get(&hardware.holder(pmap, at))
                    .and_then(|tables| tables.entries.get(&at));
                let sound = now.is_some_and(|now| {
                    now.page == entry.page && now.protection.contains(entry.protection)
                });
                if !sound {
                    return Err(format!(
                        "I-TLB-4: CPU {cpu} keeps {entry:?} of page {at:#x} in pmap {pmap}; the table has {now:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Checks page tables against reverse maps, both ways.
    pub fn audit_reverse(&self) -> Result<(), String> {
        let hardware = self.hardware();
        let mut found: Vec<Vec<(u64, u64)>> = vec![Vec::new(); hardware.frames.len()];
        for (pmap, tables) in &hardware.pmaps {
            for (at, entry) in tables.entries.iter().filter(|(_, entry)| entry.tracked) {
                found[entry.page.0 as usize].push((*pmap, *at));
            }
        }
        for (number, (mut found, frame)) in found.into_iter().zip(&hardware.frames).enumerate() {
            let mut listed = frame.mappings.clone();
            listed.sort_unstable();
            found.sort_unstable();
            if listed != found {
                return Err(format!(
                    "frame {number}: listed {listed:?}, mapped {found:?}"
                ));
            }
        }
        Ok(())
    }

    /// Calls `check` with every mapping: (pmap, address, page, protection, wired, tracked).
    pub fn for_each_mapping(&self, mut check: impl FnMut(&MappingSeen)) {
        let hardware = self.hardware();
        for (pmap, tables) in &hardware.pmaps {
            for (
                at,
                Pte {
                    page,
                    protection,
                    wired,
                    cache,
                    tracked,
                    ..
                },
            ) in &tables.entries
            {
                check(&MappingSeen {
                    pmap: *pmap,
                    at: VirtAddr(at << SHIFT),
                    page: *page,
                    protection: *protection,
                    wired: *wired,
                    cache: *cache,
                    tracking: if *tracked {
                        Tracking::Tracked
                    } else {
                        Tracking::Untracked
                    },
                });
            }
        }
    }
}

/// A mapping, for audits.
#[derive(Clone, Copy, Debug)]
pub struct MappingSeen {
    /// Number of the pmap.
    pub pmap: u64,
    /// Where.
    pub at: VirtAddr,
    /// What.
    pub page: PageId,
    /// What it permits.
    pub protection: Protection,
    /// Whether it is wired.
    pub wired: Wired,
    /// How it is cached.
    pub cache: CacheMode,
    /// Whether it is in the reverse map.
    pub tracking: Tracking,
}
