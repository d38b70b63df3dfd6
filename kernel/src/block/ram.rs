//! RAM disks: blocks in RAM that `vm` does not manage.
//!
//! Owns: the copying. Does not own: the memory's choice (`boot` for the loader's module, `memory` for `ramdisk=`);
//! from here on it is the disk's for ever. A request is done when it returns; a flush has nothing to do. Two
//! requests that write the same block at once leave bytes of either.

use super::disk::Driver;
use super::request::{Access, BLOCK, Operation, Part, Why};
use crate::memory::vm;
use boot::PhysRange;
use vm::{Machine, PageId, PhysAddr};

/// A RAM disk.
pub(super) struct RamDisk {
    /// Its first byte, counted from the first byte of page 0.
    start: u64,
    bytes: u64,
}

impl RamDisk {
    /// A disk of this RAM, which `vm` does not manage and nobody else uses; what does not fill a block at its end
    /// counts as one, because the pages are ours whole. `None` if it is not RAM.
    pub fn new(range: PhysRange) -> Option<Self> {
        let page = vm().page_size();
        let first = vm().machine().page_of(PhysAddr(range.start))?;
        vm().machine().page_of(PhysAddr(range.end.checked_sub(1)?))?;
        Some(Self {
            start: u64::from(first.0) * page + range.start % page,
            bytes: (range.end - range.start).next_multiple_of(BLOCK),
        })
    }

    /// Fills the disk's pages with zeros.
    pub fn clear(&self) {
        let page = vm().page_size();
        for number in self.start / page..(self.start + self.bytes).div_ceil(page) {
            vm().machine().zero_page(PageId(number as u32));
        }
    }
}

impl Driver for RamDisk {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn access(&self) -> Access {
        Access::ReadWrite
    }

    fn transfer(&self, operation: Operation, at: u64, parts: &[Part]) -> Result<(), Why> {
        let (machine, page) = (vm().machine(), vm().page_size());
        let mut at = self.start + at;
        for part in parts {
            let (mut offset, end) = (u64::from(part.offset), u64::from(part.offset) + u64::from(part.length));
            while offset < end {
                let here = (PageId((at / page) as u32), (at % page) as usize);
                let there = (part.page, offset as usize);
                let count = (end - offset).min(page - at % page);
                let (from, to) = match operation {
                    Operation::Write => (there, here),
                    _ => (here, there),
                };
                if count == page {
                    machine.copy_page(from.0, to.0);
                } else {
                    machine.copy_bytes(from, to, count as usize);
                }
                at += count;
                offset += count;
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), Why> {
        Ok(())
    }

    fn memory(&self) -> Option<PhysRange> {
        let machine = vm().machine();
        let page = vm().page_size();
        let first = machine.address_of(PageId((self.start / page) as u32));
        let start = first.0 + self.start % page;
        Some(PhysRange { start, end: start + self.bytes })
    }

    fn lose(&self, _: Operation, _: u64) -> Result<(), Why> {
        Err(Why::NoAnswer)
    }
}
