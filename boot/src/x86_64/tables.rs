//! The kernel's page tables: the image by section, the direct map, the devices' windows.
//!
//! Owns: how they are built, once. Does not own: their later changes (`arch::pmap`), which never
//! touch what is mapped here. Nothing is writable and executable; the direct map shows the image's
//! code and constants read-only too. All 256 upper entries of the top table exist, so that an
//! address space copies them once and never again. Tested on every host.

use crate::info::{KernelImage, PhysRange};

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const WRITE_THROUGH: u64 = 1 << 3;
const CACHE_DISABLE: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

const PAGE: u64 = 1 << 12;
const ENTRIES: usize = 512;

/// What a mapping permits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// r-x
    Code,
    /// r--
    Constants,
    /// rw-
    Data,
    /// rw-, not cached
    Device,
}

impl Access {
    const fn bits(self) -> u64 {
        // Accessed and dirty from the start: the CPU need not write to these tables.
        let common = PRESENT | GLOBAL | ACCESSED;
        match self {
            Self::Code => common,
            Self::Constants => common | NO_EXECUTE,
            Self::Data => common | DIRTY | WRITABLE | NO_EXECUTE,
            Self::Device => common | DIRTY | WRITABLE | NO_EXECUTE | CACHE_DISABLE | WRITE_THROUGH,
        }
    }
}

/// The largest page that the CPU has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LargestPage {
    /// 2 MiB.
    TwoMebibytes,
    /// 1 GiB.
    Gibibyte,
}

/// Where table pages come from and how they are reached.
pub trait TableMemory {
    /// Physical address of a fresh page.
    fn take(&mut self) -> Result<u64, OutOfMemory>;
    /// The table at a physical address that `take` gave.
    fn table(&mut self, address: u64) -> &mut [u64; ENTRIES];
}

/// No frame is left for a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfMemory;

/// Tables under construction.
pub struct Builder<M> {
    memory: M,
    root: u64,
    largest: LargestPage,
}

impl<M: TableMemory> Builder<M> {
    /// A top table whose upper half is complete and empty.
    pub fn new(mut memory: M, largest: LargestPage) -> Result<Self, OutOfMemory> {
        let root = new_table(&mut memory)?;
        for index in ENTRIES / 2..ENTRIES {
            let table = new_table(&mut memory)?;
            memory.table(root)[index] = table | PRESENT | WRITABLE | ACCESSED;
        }
        Ok(Self {
            memory,
            root,
            largest,
        })
    }

    /// Maps `size` bytes at virtual address `at` to `physical`; all are multiples of a page. Pages
    /// are as large as alignment allows. Nothing there was mapped before.
    pub fn map(
        &mut self,
        at: u64,
        physical: u64,
        size: u64,
        access: Access,
    ) -> Result<(), OutOfMemory> {
        let mut done = 0;
        while done < size {
            let (at, physical, left) = (at + done, physical + done, size - done);
            let fits = |bytes: u64| (at | physical).is_multiple_of(bytes) && left >= bytes;
            let level = if fits(1 << 30) && self.largest == LargestPage::Gibibyte {
                2
            } else if fits(1 << 21) {
                1
            } else {
                0
            };
            self.map_one(at, physical, level, access)?;
            done += PAGE << (9 * level);
        }
        Ok(())
    }

    fn map_one(
        &mut self,
        at: u64,
        physical: u64,
        level: u32,
        access: Access,
    ) -> Result<(), OutOfMemory> {
        let mut table = self.root;
        for above in (level + 1..4).rev() {
            let index = index(at, above);
            let entry = self.memory.table(table)[index];
            table = if entry & PRESENT != 0 {
                debug_assert_eq!(entry & LARGE, 0, "mapped twice");
                entry & ADDRESS
            } else {
                let below = new_table(&mut self.memory)?;
                self.memory.table(table)[index] = below | PRESENT | WRITABLE | ACCESSED;
                below
            };
        }
        let large = if level == 0 { 0 } else { LARGE };
        self.memory.table(table)[index(at, level)] = physical | access.bits() | large;
        Ok(())
    }

    /// Maps RAM into the direct map, rounded outwards to pages; where the image's code and constants
    /// lie, read-only. Ranges are sorted.
    pub fn map_direct(
        &mut self,
        base: u64,
        ram: impl Iterator<Item = PhysRange>,
        read_only: PhysRange,
    ) -> Result<(), OutOfMemory> {
        // Rounding to 2 MiB would map one large page twice where ranges meet in it: go on from there.
        let mut from = 0;
        for range in ram {
            let start = (range.start & !((1 << 21) - 1)).max(from);
            let end = range.end.next_multiple_of(1 << 21);
            for (part, access) in split(PhysRange { start, end }, read_only) {
                if part.start < part.end {
                    self.map(base + part.start, part.start, part.end - part.start, access)?;
                }
            }
            from = end.max(from);
        }
        Ok(())
    }

    /// Maps the image by section.
    pub fn map_image(&mut self, image: &KernelImage) -> Result<(), OutOfMemory> {
        let first = image.text.start;
        for (section, access) in [
            (image.text, Access::Code),
            (image.rodata, Access::Constants),
            (image.data, Access::Data),
        ] {
            let physical = image.physical + (section.start - first);
            self.map(section.start, physical, section.end - section.start, access)?;
        }
        Ok(())
    }

    /// The finished top table's physical address.
    pub fn finish(self) -> u64 {
        self.root
    }
}

fn new_table(memory: &mut impl TableMemory) -> Result<u64, OutOfMemory> {
    let address = memory.take()?;
    memory.table(address).fill(0);
    Ok(address)
}

fn index(at: u64, level: u32) -> usize {
    (at >> (12 + 9 * level)) as usize % ENTRIES
}

/// The parts of `range` before, in and after `read_only`; some may be empty.
fn split(range: PhysRange, read_only: PhysRange) -> [(PhysRange, Access); 3] {
    let low = read_only
        .start
        .clamp(range.start, range.end.max(range.start));
    let high = read_only.end.clamp(low, range.end.max(low));
    let part = |start, end| PhysRange { start, end };
    [
        (part(range.start, low), Access::Data),
        (part(low, high), Access::Constants),
        (part(high, range.end), Access::Data),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::info::VirtRange;
    use std::boxed::Box;
    use std::vec::Vec;

    /// Tables at physical addresses 0x1000, 0x2000 …
    struct Frames(Vec<Box<[u64; ENTRIES]>>, usize);

    impl TableMemory for Frames {
        fn take(&mut self) -> Result<u64, OutOfMemory> {
            if self.0.len() == self.1 {
                return Err(OutOfMemory);
            }
            self.0.push(Box::new([!0; ENTRIES]));
            Ok(self.0.len() as u64 * PAGE)
        }
        fn table(&mut self, address: u64) -> &mut [u64; ENTRIES] {
            &mut self.0[(address / PAGE) as usize - 1]
        }
    }

    fn builder(largest: LargestPage) -> Builder<Frames> {
        Builder::new(Frames(Vec::new(), 1000), largest).unwrap()
    }

    /// Walks as the CPU does: (physical address, leaf bits, level).
    fn walk(builder: &mut Builder<Frames>, at: u64) -> Option<(u64, u64, u32)> {
        let mut table = builder.root;
        for level in (0..4).rev() {
            let entry = builder.memory.table(table)[index(at, level)];
            if entry & PRESENT == 0 {
                return None;
            }
            if level == 0 || entry & LARGE != 0 {
                let offset = at & ((PAGE << (9 * level)) - 1);
                return Some(((entry & ADDRESS) + offset, entry & !ADDRESS, level));
            }
            table = entry & ADDRESS;
        }
        None
    }

    const BASE: u64 = 0xffff_8000_0000_0000;

    #[test]
    fn upper_half_of_the_top_table_is_complete() {
        let mut tables = builder(LargestPage::TwoMebibytes);
        let root = tables.root;
        let entries = *tables.memory.table(root);
        assert!(entries[..256].iter().all(|&entry| entry == 0));
        assert!(entries[256..].iter().all(|&entry| entry & 3 == 3));
        assert_eq!(tables.memory.0.len(), 257);
    }

    #[test]
    fn pages_are_as_large_as_they_can_be() {
        let mut tables = builder(LargestPage::Gibibyte);
        tables
            .map(BASE, 0, (1 << 30) + (1 << 21) + PAGE, Access::Data)
            .unwrap();
        let data = Access::Data.bits();
        assert_eq!(
            walk(&mut tables, BASE + 0x1234_5678),
            Some((0x1234_5678, data | LARGE, 2))
        );
        let second = BASE + (1 << 30);
        assert_eq!(
            walk(&mut tables, second + 5),
            Some(((1 << 30) + 5, data | LARGE, 1))
        );
        let third = second + (1 << 21);
        assert_eq!(
            walk(&mut tables, third + 7),
            Some(((1 << 30) + (1 << 21) + 7, data, 0))
        );
        assert_eq!(walk(&mut tables, third + PAGE), None);
        let mut tables = builder(LargestPage::TwoMebibytes);
        tables.map(BASE, 0, 1 << 30, Access::Data).unwrap();
        assert_eq!(walk(&mut tables, BASE).unwrap().2, 1);
    }

    #[test]
    fn image_is_never_writable_and_executable() {
        let text = 0xffff_ffff_8000_0000;
        let image = KernelImage {
            text: VirtRange {
                start: text,
                end: text + 0x3000,
            },
            rodata: VirtRange {
                start: text + 0x3000,
                end: text + 0x5000,
            },
            data: VirtRange {
                start: text + 0x5000,
                end: text + 0x8000,
            },
            physical: 0x20_0000,
            slide: 0,
        };
        let mut tables = builder(LargestPage::Gibibyte);
        tables.map_image(&image).unwrap();
        for page in 0..8 {
            let (physical, bits, _) = walk(&mut tables, text + page * PAGE).unwrap();
            assert_eq!(physical, 0x20_0000 + page * PAGE);
            assert_eq!(bits & NO_EXECUTE == 0, page < 3);
            assert_eq!(bits & WRITABLE != 0, page >= 5);
        }
        assert_eq!(walk(&mut tables, text + 8 * PAGE), None);
    }

    #[test]
    fn direct_map_has_holes_and_a_read_only_image() {
        let mut tables = builder(LargestPage::Gibibyte);
        let ram = [
            PhysRange {
                start: 0,
                end: 0x9_f000,
            },
            PhysRange {
                start: 0x10_0000,
                end: 0x7ff_e000,
            },
            PhysRange {
                start: 1 << 32,
                end: 5 << 30,
            },
        ];
        let image = PhysRange {
            start: 0x20_0000,
            end: 0x20_5000,
        };
        tables.map_direct(BASE, ram.into_iter(), image).unwrap();
        let bits = |tables: &mut Builder<Frames>, physical: u64| {
            walk(tables, BASE + physical).map(|(address, bits, level)| {
                assert_eq!(address, physical);
                assert_ne!(bits & NO_EXECUTE, 0);
                (bits & WRITABLE != 0, level)
            })
        };
        assert_eq!(bits(&mut tables, 0x1000), Some((true, 1)));
        assert_eq!(bits(&mut tables, 0x20_4fff), Some((false, 0)));
        assert_eq!(bits(&mut tables, 0x20_5000), Some((true, 0)));
        assert_eq!(bits(&mut tables, 0x40_0000), Some((true, 1)));
        assert_eq!(bits(&mut tables, 0x7ff_e000), Some((true, 1)));
        assert_eq!(bits(&mut tables, 0x800_0000), None);
        assert_eq!(bits(&mut tables, 0xfee0_0000), None);
        assert_eq!(bits(&mut tables, 1 << 32), Some((true, 2)));
        assert_eq!(bits(&mut tables, 5 << 30), None);
    }

    #[test]
    fn too_little_memory_for_tables_is_an_error() {
        assert!(Builder::new(Frames(Vec::new(), 200), LargestPage::Gibibyte).is_err());
        let mut tables = Builder::new(Frames(Vec::new(), 258), LargestPage::Gibibyte).unwrap();
        assert_eq!(tables.map(BASE, PAGE, PAGE, Access::Data), Err(OutOfMemory));
    }
}
