//! A zone: one heap with its regions and large blocks.
//!
//! Owns: which run serves which class, when regions come and go. Does not own: a run's bitmap (`region`).

use super::large::{Large, Table};
use super::meta::Array;
use super::region::{CLASSES, Kind, Region, Run, SMALL_MAX, TINY_MAX};
use super::{Pages, Tag};
use core::ptr::null_mut;

/// What is wrong with a pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misuse {
    /// No block begins there.
    NotAllocated,
    /// The tiny block there is free already.
    DoubleFreeTiny,
    /// The small block there is free already.
    DoubleFreeSmall,
}

/// What a zone holds (`malloc_statistics_t`).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Statistics {
    /// Blocks in use.
    pub blocks: usize,
    /// Their bytes.
    pub bytes: usize,
    /// The most bytes ever.
    pub max_bytes: usize,
    /// Bytes mapped for blocks.
    pub mapped: usize,
}

/// A heap.
pub struct Zone {
    regions: Array<Region>,
    /// Runs with free blocks, by kind and class.
    partial: [[*mut Run; CLASSES]; 2],
    /// Runs without a class, by kind.
    spare: [*mut Run; 2],
    /// Regions all of whose runs are spare, by kind.
    empty: [usize; 2],
    large: Table,
    statistics: Statistics,
}

/// Where a pointer leads.
enum Place {
    Block {
        kind: Kind,
        run: *mut Run,
        index: usize,
    },
    Large(Large),
}

/// Which class serves a request.
enum Class {
    Run(Kind, usize),
    Large { size: usize, align: usize },
}

impl Default for Zone {
    fn default() -> Self {
        Self::new()
    }
}

impl Zone {
    /// A zone without memory.
    pub const fn new() -> Self {
        Self {
            regions: Array::new(),
            partial: [[null_mut(); CLASSES]; 2],
            spare: [null_mut(); 2],
            empty: [0; 2],
            large: Table::new(),
            statistics: Statistics {
                blocks: 0,
                bytes: 0,
                max_bytes: 0,
                mapped: 0,
            },
        }
    }

    /// The class for `size` bytes at a multiple of `align` (a power of two). `None`: too large to exist.
    fn class(page: usize, size: usize, align: usize) -> Option<Class> {
        let size = size.max(1);
        let tiny = size.checked_next_multiple_of(align.max(16))?;
        if tiny <= TINY_MAX {
            return Some(Class::Run(Kind::Tiny, tiny / 16));
        }
        let small = size.checked_next_multiple_of(align.max(512))?;
        if small <= SMALL_MAX {
            return Some(Class::Run(Kind::Small, small / 512));
        }
        let size = size.checked_next_multiple_of(page)?;
        (size < isize::MAX as usize - align).then_some(Class::Large {
            size,
            align: align.max(page),
        })
    }

    /// Bytes that a block for `size` bytes really has.
    pub fn good_size(page: usize, size: usize) -> usize {
        match Self::class(page, size, 16) {
            Some(Class::Run(kind, class)) => class * kind.quantum(),
            Some(Class::Large { size, .. }) => size,
            None => size,
        }
    }

    /// A block of at least `size` bytes at a multiple of `align` (a power of two), and whether it is all zeros.
    pub fn allocate(
        &mut self,
        pages: &mut impl Pages,
        size: usize,
        align: usize,
    ) -> Option<(usize, bool)> {
        match Self::class(pages.page_size(), size, align)? {
            Class::Run(kind, class) => {
                let mut run = self.partial[kind as usize][class];
                if run.is_null() {
                    run = self.new_run(pages, kind, class)?;
                }
                // SAFETY: lists hold only runs of living regions.
                let run = unsafe { &mut *run };
                let taken = run.take();
                self.count(run.block as usize);
                if run.free == 0 {
                    unlink(&mut self.partial[kind as usize][class], run);
                }
                Some((taken.address, taken.zeroed))
            }
            Class::Large { size, align } => {
                let address = pages.map(size, align, Tag::Large)?;
                if self.large.insert(pages, Large { address, size }).is_none() {
                    pages.unmap(address, size);
                    return None;
                }
                self.statistics.mapped += size;
                self.count(size);
                Some((address, true))
            }
        }
    }

    fn count(&mut self, bytes: usize) {
        let statistics = &mut self.statistics;
        statistics.blocks += 1;
        statistics.bytes += bytes;
        statistics.max_bytes = statistics.max_bytes.max(statistics.bytes);
    }

    /// Gives a spare run to `class`, from a new region if need be.
    fn new_run(&mut self, pages: &mut impl Pages, kind: Kind, class: usize) -> Option<*mut Run> {
        if self.spare[kind as usize].is_null() {
            self.new_region(pages, kind)?;
        }
        let run = self.spare[kind as usize];
        // SAFETY: lists hold only runs of living regions.
        unsafe {
            unlink(&mut self.spare[kind as usize], run);
            (*run).format(kind, class);
            link(&mut self.partial[kind as usize][class], run);
            if let Some(region) = self.region_mut((*run).start) {
                region.used += 1;
                if region.used == 1 {
                    self.empty[kind as usize] -= 1;
                }
            }
        }
        Some(run)
    }

    fn new_region(&mut self, pages: &mut impl Pages, kind: Kind) -> Option<()> {
        let bytes = runs_bytes(pages, kind);
        let runs = pages.map(bytes, pages.page_size(), Tag::Metadata)? as *mut Run;
        let Some(base) = pages.map(kind.region_bytes(), kind.region_bytes(), kind.tag()) else {
            pages.unmap(runs as usize, bytes);
            return None;
        };
        let at = self
            .regions
            .items()
            .partition_point(|region| region.base < base);
        let region = Region {
            base,
            runs,
            used: 0,
            kind: kind as u32,
        };
        if self.regions.insert(pages, at, region).is_none() {
            pages.unmap(base, kind.region_bytes());
            pages.unmap(runs as usize, bytes);
            return None;
        }
        for index in (0..kind.runs()).rev() {
            // SAFETY: the array has room for all runs of a region and is zeroed.
            unsafe {
                let run = runs.add(index);
                (*run).start = base + index * kind.run_bytes();
                link(&mut self.spare[kind as usize], run);
            }
        }
        self.empty[kind as usize] += 1;
        self.statistics.mapped += kind.region_bytes();
        Some(())
    }

    fn region_position(&self, address: usize) -> Option<usize> {
        let regions = self.regions.items();
        let at = regions
            .partition_point(|region| region.base <= address)
            .checked_sub(1)?;
        (address - regions[at].base < regions[at].kind().region_bytes()).then_some(at)
    }

    fn region_mut(&mut self, address: usize) -> Option<&mut Region> {
        let at = self.region_position(address)?;
        self.regions.items_mut().get_mut(at)
    }

    /// Finds the block that begins at `address` and is in use.
    fn find(&self, address: usize) -> Result<Place, Misuse> {
        if let Some(at) = self.region_position(address) {
            let region = &self.regions.items()[at];
            let kind = region.kind();
            let run = region.run(address);
            // SAFETY: a region's runs live as long as it does.
            let it = unsafe { &*run };
            let index = it.index(address).ok_or(Misuse::NotAllocated)?;
            return match (it.is_free(index), kind) {
                (false, _) => Ok(Place::Block { kind, run, index }),
                (true, Kind::Tiny) => Err(Misuse::DoubleFreeTiny),
                (true, Kind::Small) => Err(Misuse::DoubleFreeSmall),
            };
        }
        self.large
            .get(address)
            .map(Place::Large)
            .ok_or(Misuse::NotAllocated)
    }

    /// Bytes of the block that begins at `address`.
    pub fn size(&self, address: usize) -> Result<usize, Misuse> {
        Ok(match self.find(address)? {
            // SAFETY: `find` answers a living run.
            Place::Block { run, .. } => unsafe { (*run).block as usize },
            Place::Large(large) => large.size,
        })
    }

    /// Frees the block that begins at `address`.
    pub fn free(&mut self, pages: &mut impl Pages, address: usize) -> Result<(), Misuse> {
        match self.find(address)? {
            Place::Block { kind, run, index } => {
                // SAFETY: `find` answers a living run; nothing else refers to it now.
                let it = unsafe { &mut *run };
                let class = usize::from(it.class);
                it.give(index);
                self.statistics.blocks -= 1;
                self.statistics.bytes -= it.block as usize;
                let list = &mut self.partial[kind as usize][class];
                if it.free == 1 && it.total != 1 {
                    link(list, run);
                } else if it.free == it.total {
                    if it.total == 1 {
                        link(list, run);
                    }
                    // The last run of its class stays, so that one block in and out costs nothing.
                    if *list != run || !it.next.is_null() {
                        unlink(list, run);
                        it.clear();
                        self.retire(pages, kind, run);
                    }
                }
            }
            Place::Large(large) => {
                self.large.remove(address);
                self.statistics.blocks -= 1;
                self.statistics.bytes -= large.size;
                self.statistics.mapped -= large.size;
                pages.unmap(address, large.size);
            }
        }
        Ok(())
    }

    /// Makes a run spare; a region that becomes empty goes back when another one is empty too.
    fn retire(&mut self, pages: &mut impl Pages, kind: Kind, run: *mut Run) {
        link(&mut self.spare[kind as usize], run);
        // SAFETY: the run belongs to a living region.
        let Some(at) = self.region_position(unsafe { (*run).start }) else {
            return;
        };
        let region = &mut self.regions.items_mut()[at];
        region.used -= 1;
        if region.used != 0 {
            return;
        }
        if self.empty[kind as usize] == 0 {
            self.empty[kind as usize] = 1;
            return;
        }
        let region = self.regions.remove(at);
        for index in 0..kind.runs() {
            // SAFETY: all runs of the region are spare, so they are in this list.
            unsafe { unlink(&mut self.spare[kind as usize], region.runs.add(index)) };
        }
        self.statistics.mapped -= kind.region_bytes();
        pages.unmap(region.base, kind.region_bytes());
        pages.unmap(region.runs as usize, runs_bytes(pages, kind));
    }

    /// Makes the block at `address` hold `size` bytes without moving it; `Ok(false)` if it must move.
    pub fn resize(
        &mut self,
        pages: &mut impl Pages,
        address: usize,
        size: usize,
    ) -> Result<bool, Misuse> {
        let place = self.find(address)?;
        let Some(class) = Self::class(pages.page_size(), size, 16) else {
            return Ok(false);
        };
        Ok(match (place, class) {
            // SAFETY: `find` answers a living run.
            (Place::Block { kind, run, .. }, Class::Run(wanted, class)) => unsafe {
                kind == wanted && usize::from((*run).class) == class
            },
            (Place::Large(large), Class::Large { size, .. }) => {
                if size < large.size {
                    pages.unmap(address + size, large.size - size);
                } else if size > large.size
                    && !pages.extend(address + large.size, size - large.size, Tag::Large)
                {
                    return Ok(false);
                }
                self.large.resize(address, size);
                self.statistics.bytes = self.statistics.bytes - large.size + size;
                self.statistics.max_bytes = self.statistics.max_bytes.max(self.statistics.bytes);
                self.statistics.mapped = self.statistics.mapped - large.size + size;
                true
            }
            _ => false,
        })
    }

    /// What the zone holds.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Whether every counter agrees with what it counts.
    pub fn check(&self) -> bool {
        let (mut blocks, mut bytes) = (0, 0);
        for region in self.regions.items() {
            let mut used = 0;
            for index in 0..region.kind().runs() {
                // SAFETY: a region's runs live as long as it does.
                let run = unsafe { &*region.runs.add(index) };
                if !run.consistent() {
                    return false;
                }
                used += u32::from(run.class != 0);
                blocks += usize::from(run.total - run.free);
                bytes += usize::from(run.total - run.free) * run.block as usize;
            }
            if used != region.used {
                return false;
            }
        }
        for large in self.large.blocks() {
            blocks += 1;
            bytes += large.size;
        }
        (blocks, bytes) == (self.statistics.blocks, self.statistics.bytes)
    }
}

/// Bytes of a region's run bookkeeping, in pages.
fn runs_bytes(pages: &impl Pages, kind: Kind) -> usize {
    (kind.runs() * size_of::<Run>()).next_multiple_of(pages.page_size())
}

/// Puts a run at the front of a list.
fn link(list: &mut *mut Run, run: *mut Run) {
    // SAFETY: runs in lists, and the one to add, live; a run is in at most one list.
    unsafe {
        (*run).previous = null_mut();
        (*run).next = *list;
        if !(*list).is_null() {
            (**list).previous = run;
        }
    }
    *list = run;
}

/// Takes a run out of the list that it is in.
fn unlink(list: &mut *mut Run, run: *mut Run) {
    // SAFETY: as `link`.
    unsafe {
        let (next, previous) = ((*run).next, (*run).previous);
        if previous.is_null() {
            *list = next;
        } else {
            (*previous).next = next;
        }
        if !next.is_null() {
            (*next).previous = previous;
        }
        (*run).next = null_mut();
        (*run).previous = null_mut();
    }
}
