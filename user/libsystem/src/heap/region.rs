//! Regions of runs: how tiny and small blocks lie in memory.
//!
//! Owns: the geometry, a run's bitmap. Does not own: lists of runs and the table of regions (`zone`).

use super::Tag;
use super::meta::Plain;

/// The kinds of block that share regions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Kind {
    /// Up to 1008 bytes.
    Tiny = 0,
    /// Up to 32 KiB.
    Small = 1,
}

/// Size classes of each kind; class c holds blocks of c quanta, class 0 none.
pub const CLASSES: usize = 65;
/// The largest tiny block in bytes.
pub const TINY_MAX: usize = 1008;
/// The largest small block in bytes.
pub const SMALL_MAX: usize = 32 * 1024;
/// Words of a run's bitmap: a tiny run of the smallest class has 1024 blocks.
const WORDS: usize = 16;

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tiny, Self::Small];

    /// Bytes from one class to the next.
    pub const fn quantum(self) -> usize {
        match self {
            Self::Tiny => 16,
            Self::Small => 512,
        }
    }

    /// Bytes of a run, a power of two.
    pub const fn run_bytes(self) -> usize {
        match self {
            Self::Tiny => 16 * 1024,
            Self::Small => 64 * 1024,
        }
    }

    /// Bytes of a region, a power of two.
    pub const fn region_bytes(self) -> usize {
        match self {
            Self::Tiny => 1024 * 1024,
            Self::Small => 8 * 1024 * 1024,
        }
    }

    /// Runs of a region.
    pub const fn runs(self) -> usize {
        self.region_bytes() / self.run_bytes()
    }

    /// The tag of its memory.
    pub const fn tag(self) -> Tag {
        match self {
            Self::Tiny => Tag::Tiny,
            Self::Small => Tag::Small,
        }
    }
}

/// A run's bookkeeping. Without a class it is spare; with one it holds `total` blocks.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Run {
    /// Address of the first block.
    pub start: usize,
    /// Neighbours in the list of spare runs or of runs of this class with free blocks.
    pub next: *mut Self,
    /// The other neighbour.
    pub previous: *mut Self,
    /// Bytes from the start that were ever handed out: beyond them memory is still zero.
    pub touched: u32,
    /// Bytes of a block, 0 for a spare run.
    pub block: u32,
    /// Blocks.
    pub total: u16,
    /// Free blocks.
    pub free: u16,
    /// The first bitmap word that may have a free block.
    pub hint: u16,
    /// Its class, 0 for a spare run.
    pub class: u16,
    /// A set bit is a free block.
    bitmap: [u64; WORDS],
}

// SAFETY: integers and pointers; zeros are a spare run without neighbours.
unsafe impl Plain for Run {}

/// A block that a run gave.
pub struct Taken {
    /// Its address.
    pub address: usize,
    /// Whether it was never handed out and is all zeros.
    pub zeroed: bool,
}

impl Run {
    /// Makes a spare run one of blocks of `class`.
    pub fn format(&mut self, kind: Kind, class: usize) {
        let block = class * kind.quantum();
        let total = kind.run_bytes() / block;
        self.block = block as u32;
        self.class = class as u16;
        self.total = total as u16;
        self.free = total as u16;
        self.hint = 0;
        for (index, word) in self.bitmap.iter_mut().enumerate() {
            let bits = total.saturating_sub(index * 64).min(64);
            *word = if bits == 64 {
                u64::MAX
            } else {
                (1 << bits) - 1
            };
        }
    }

    /// Takes the lowest free block. The run must have one.
    pub fn take(&mut self) -> Taken {
        let mut word = usize::from(self.hint);
        while self.bitmap[word] == 0 {
            word += 1;
        }
        let bit = self.bitmap[word].trailing_zeros() as usize;
        self.bitmap[word] &= self.bitmap[word] - 1;
        self.hint = word as u16;
        self.free -= 1;
        let offset = (word * 64 + bit) as u32 * self.block;
        let zeroed = offset >= self.touched;
        self.touched = self.touched.max(offset + self.block);
        Taken {
            address: self.start + offset as usize,
            zeroed,
        }
    }

    /// The number of the block that begins at `address`, if one does.
    pub fn index(&self, address: usize) -> Option<usize> {
        let offset = (address - self.start) as u32;
        if self.block == 0 || !offset.is_multiple_of(self.block) {
            return None;
        }
        let index = (offset / self.block) as usize;
        (index < usize::from(self.total)).then_some(index)
    }

    /// Whether block `index` is free.
    pub fn is_free(&self, index: usize) -> bool {
        self.bitmap[index / 64] >> (index % 64) & 1 != 0
    }

    /// Gives back block `index`, which must be in use.
    pub fn give(&mut self, index: usize) {
        self.bitmap[index / 64] |= 1 << (index % 64);
        self.hint = self.hint.min((index / 64) as u16);
        self.free += 1;
    }

    /// Makes the run spare.
    pub fn clear(&mut self) {
        self.block = 0;
        self.class = 0;
        self.total = 0;
        self.free = 0;
    }

    /// Whether the counters agree with the bitmap.
    pub fn consistent(&self) -> bool {
        let free: u32 = self.bitmap.iter().map(|word| word.count_ones()).sum();
        self.block == 0 || (free == u32::from(self.free) && self.free <= self.total)
    }
}

/// A region: runs in one aligned piece of memory.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Region {
    /// Its address, a multiple of its size.
    pub base: usize,
    /// Its runs' bookkeeping.
    pub runs: *mut Run,
    /// Runs that have a class.
    pub used: u32,
    /// 0 tiny, 1 small.
    pub kind: u32,
}

// SAFETY: integers and a pointer; zeros are a region without memory.
unsafe impl Plain for Region {}

impl Region {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        Kind::ALL[self.kind as usize]
    }

    /// The run that holds `address`, which lies in this region.
    pub fn run(&self, address: usize) -> *mut Run {
        // SAFETY: the quotient is below the number of runs.
        unsafe {
            self.runs
                .add((address - self.base) / self.kind().run_bytes())
        }
    }
}
