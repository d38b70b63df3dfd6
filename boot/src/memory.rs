//! The map of RAM while `boot` draws it, and the frames that `boot` takes.
//!
//! Owns: the sorted list of ranges, its splits, and the early frame allocator, which takes from the
//! end of the largest usable range. Does not own: frames afterwards (`vm`). One CPU runs; no locks.

use crate::info::{MemoryKind, MemoryRange, PhysRange};

/// Ranges that a map holds at most.
pub const MAXIMUM_RANGES: usize = 128;

/// Why a map cannot be drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapError {
    /// More ranges than `MAXIMUM_RANGES`.
    TooManyRanges,
    /// No usable range is large enough.
    OutOfMemory,
}

/// RAM, sorted by address, without overlaps; every bound is a multiple of the page size.
#[derive(Clone, Debug)]
pub struct MemoryMap {
    ranges: [MemoryRange; MAXIMUM_RANGES],
    length: usize,
    page: u64,
    /// What the early allocator may still give: the end of it goes first.
    pool: PhysRange,
    /// Where the pool ended when nothing had been taken.
    pool_top: u64,
}

impl MemoryMap {
    /// A map without RAM. `page` is the page size in bytes, a power of two.
    pub const fn new(page: u64) -> Self {
        const NOTHING: MemoryRange = MemoryRange {
            start: 0,
            end: 0,
            kind: MemoryKind::Reserved,
        };
        Self {
            ranges: [NOTHING; MAXIMUM_RANGES],
            length: 0,
            page,
            pool: PhysRange { start: 0, end: 0 },
            pool_top: 0,
        }
    }

    /// The ranges so far.
    pub fn ranges(&self) -> &[MemoryRange] {
        &self.ranges[..self.length]
    }

    /// Bytes of the usable ranges.
    pub fn usable(&self) -> u64 {
        self.ranges()
            .iter()
            .filter(|range| range.kind == MemoryKind::Usable)
            .map(MemoryRange::size)
            .sum()
    }

    /// Adds usable RAM; partial pages at its ends are left out. Overlaps with RAM that is there
    /// already add nothing.
    pub fn add(&mut self, ram: PhysRange) -> Result<(), MapError> {
        let mask = self.page - 1;
        let Some(start) = ram.start.checked_add(mask).map(|start| start & !mask) else {
            return Ok(());
        };
        let end = ram.end & !mask;
        // What lies between the ranges that are there is new.
        let mut from = start;
        let mut index = 0;
        while from < end {
            let gap_end = match self.ranges().get(index) {
                Some(range) if range.end <= from => {
                    index += 1;
                    continue;
                }
                Some(range) if range.start <= from => {
                    from = range.end;
                    index += 1;
                    continue;
                }
                Some(range) => range.start.min(end),
                None => end,
            };
            self.insert(
                index,
                MemoryRange {
                    start: from,
                    end: gap_end,
                    kind: MemoryKind::Usable,
                },
            )?;
            from = gap_end;
        }
        self.merge();
        Ok(())
    }

    /// Gives `kind` to the RAM in `range`; pages that it touches count whole. Places where there is
    /// no RAM are left alone.
    pub fn mark(&mut self, range: PhysRange, kind: MemoryKind) -> Result<(), MapError> {
        let mask = self.page - 1;
        if range.end <= range.start {
            return Ok(());
        }
        let start = range.start & !mask;
        let end = range.end.checked_add(mask).map_or(!mask, |end| end & !mask);
        let mut index = 0;
        while index < self.length {
            let old = self.ranges[index];
            if old.end <= start || old.start >= end || old.kind == kind {
                index += 1;
                continue;
            }
            let middle = MemoryRange {
                start: old.start.max(start),
                end: old.end.min(end),
                kind,
            };
            self.ranges[index] = middle;
            if middle.end < old.end {
                self.insert(
                    index + 1,
                    MemoryRange {
                        start: middle.end,
                        ..old
                    },
                )?;
            }
            if old.start < middle.start {
                self.insert(
                    index,
                    MemoryRange {
                        end: middle.start,
                        ..old
                    },
                )?;
                index += 1;
            }
            index += 1;
        }
        self.merge();
        Ok(())
    }

    /// Takes `bytes` of usable RAM, rounded up to pages and aligned to `align` (a power of two, at
    /// least a page). The memory is not cleared. Everything that `mark` must protect has been
    /// marked before the first call.
    pub fn take(&mut self, bytes: u64, align: u64) -> Result<u64, MapError> {
        if self.pool_top == 0 {
            let largest = self
                .ranges()
                .iter()
                .filter(|range| range.kind == MemoryKind::Usable)
                .max_by_key(|range| range.size())
                .copied()
                .ok_or(MapError::OutOfMemory)?;
            self.pool = PhysRange {
                start: largest.start,
                end: largest.end,
            };
            self.pool_top = largest.end;
        }
        let size = bytes
            .checked_next_multiple_of(self.page)
            .ok_or(MapError::OutOfMemory)?;
        let start = self
            .pool
            .end
            .checked_sub(size)
            .ok_or(MapError::OutOfMemory)?
            & !(align - 1);
        if start < self.pool.start {
            return Err(MapError::OutOfMemory);
        }
        self.pool.end = start;
        Ok(start)
    }

    /// Ends the early allocator: what it took becomes `Reserved`.
    pub fn finish(&mut self) -> Result<(), MapError> {
        self.mark(
            PhysRange {
                start: self.pool.end,
                end: self.pool_top,
            },
            MemoryKind::Reserved,
        )
    }

    fn insert(&mut self, index: usize, range: MemoryRange) -> Result<(), MapError> {
        if self.length == MAXIMUM_RANGES {
            return Err(MapError::TooManyRanges);
        }
        self.ranges.copy_within(index..self.length, index + 1);
        self.ranges[index] = range;
        self.length += 1;
        Ok(())
    }

    /// Joins neighbours of one kind.
    fn merge(&mut self) {
        let mut kept = 0;
        for index in 1..self.length {
            let range = self.ranges[index];
            let last = &mut self.ranges[kept];
            if last.end == range.start && last.kind == range.kind {
                last.end = range.end;
            } else {
                kept += 1;
                self.ranges[kept] = range;
            }
        }
        self.length = self.length.min(kept + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MemoryKind::{Module, Reserved, Usable};
    use std::vec::Vec;

    const PAGE: u64 = 0x4000;

    fn phys(start: u64, end: u64) -> PhysRange {
        PhysRange { start, end }
    }

    fn list(map: &MemoryMap) -> Vec<(u64, u64, MemoryKind)> {
        map.ranges()
            .iter()
            .map(|r| (r.start, r.end, r.kind))
            .collect()
    }

    #[test]
    fn ram_is_rounded_inwards_and_sorted() {
        let mut map = MemoryMap::new(PAGE);
        map.add(phys(0x10_0001, 0x20_3fff)).unwrap();
        map.add(phys(0x4000, 0x8000)).unwrap();
        map.add(phys(0x1, 0x3fff)).unwrap();
        map.add(phys(u64::MAX - 5, u64::MAX)).unwrap();
        assert_eq!(
            list(&map),
            [(0x4000, 0x8000, Usable), (0x10_4000, 0x20_0000, Usable)]
        );
        assert_eq!(map.usable(), 0x4000 + 0xf_c000);
    }

    #[test]
    fn overlapping_and_adjacent_ram_joins() {
        let mut map = MemoryMap::new(PAGE);
        map.add(phys(0x1_0000, 0x2_0000)).unwrap();
        map.add(phys(0x3_0000, 0x4_0000)).unwrap();
        map.add(phys(0x0_8000, 0x5_0000)).unwrap();
        map.add(phys(0x1_0000, 0x1_4000)).unwrap();
        assert_eq!(list(&map), [(0x8000, 0x5_0000, Usable)]);
    }

    #[test]
    fn marks_split_and_touch_whole_pages() {
        let mut map = MemoryMap::new(PAGE);
        map.add(phys(0, 0x10_0000)).unwrap();
        map.mark(phys(0x8001, 0xc001), Reserved).unwrap();
        map.mark(phys(0xf_c000, 0x20_0000), Module).unwrap();
        map.mark(phys(0x5000, 0x5000), Module).unwrap();
        assert_eq!(
            list(&map),
            [
                (0, 0x8000, Usable),
                (0x8000, 0x1_0000, Reserved),
                (0x1_0000, 0xf_c000, Usable),
                (0xf_c000, 0x10_0000, Module),
            ]
        );
    }

    #[test]
    fn marks_span_ranges_and_holes() {
        let mut map = MemoryMap::new(PAGE);
        map.add(phys(0, 0x1_0000)).unwrap();
        map.add(phys(0x2_0000, 0x3_0000)).unwrap();
        map.mark(phys(0xc000, 0x2_4000), Reserved).unwrap();
        assert_eq!(
            list(&map),
            [
                (0, 0xc000, Usable),
                (0xc000, 0x1_0000, Reserved),
                (0x2_0000, 0x2_4000, Reserved),
                (0x2_4000, 0x3_0000, Usable),
            ]
        );
        map.mark(phys(0, u64::MAX), Usable).unwrap();
        assert_eq!(
            list(&map),
            [(0, 0x1_0000, Usable), (0x2_0000, 0x3_0000, Usable)]
        );
    }

    #[test]
    fn frames_come_from_the_end_of_the_largest_range() {
        let mut map = MemoryMap::new(PAGE);
        map.add(phys(0, 0x2_0000)).unwrap();
        map.add(phys(0x10_0000, 0x14_0000)).unwrap();
        map.mark(phys(0x13_c000, 0x14_0000), Reserved).unwrap();
        assert_eq!(map.take(1, PAGE), Ok(0x13_8000));
        assert_eq!(map.take(2 * PAGE, 0x1_0000), Ok(0x13_0000));
        assert_eq!(map.take(0x40_0000, PAGE), Err(MapError::OutOfMemory));
        assert_eq!(map.take(u64::MAX, PAGE), Err(MapError::OutOfMemory));
        assert_eq!(map.take(0x3_0000, PAGE), Ok(0x10_0000));
        assert_eq!(map.take(PAGE, PAGE), Err(MapError::OutOfMemory));
        map.finish().unwrap();
        assert_eq!(
            list(&map),
            [(0, 0x2_0000, Usable), (0x10_0000, 0x14_0000, Reserved)]
        );
    }

    #[test]
    fn an_empty_map_has_no_frames() {
        let mut map = MemoryMap::new(PAGE);
        assert_eq!(map.take(PAGE, PAGE), Err(MapError::OutOfMemory));
        map.finish().unwrap();
        assert!(map.ranges().is_empty());
    }

    #[test]
    fn too_many_ranges_is_an_error() {
        let mut map = MemoryMap::new(PAGE);
        for index in 0..MAXIMUM_RANGES as u64 {
            map.add(phys(index * 4 * PAGE, (index * 4 + 2) * PAGE))
                .unwrap();
        }
        assert_eq!(
            map.add(phys(1 << 40, (1 << 40) + PAGE)),
            Err(MapError::TooManyRanges)
        );
        assert_eq!(
            map.mark(phys(0, PAGE), Reserved),
            Err(MapError::TooManyRanges)
        );
    }
}
