//! Numbers that must not be confused: addresses, page numbers, sizes.
//!
//! Owns: the types and their checked arithmetic. Does not own: what is mapped where.

/// A virtual address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
#[repr(transparent)]
pub struct VirtAddr(pub u64);

/// A physical address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
#[repr(transparent)]
pub struct PhysAddr(pub u64);

/// A managed page frame: an index into the page array. The machine knows the frame's address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(transparent)]
pub struct PageId(pub u32);

/// A count of pages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
#[repr(transparent)]
pub struct Pages(pub u64);

/// A half-open range of virtual addresses, page-aligned, never wrapping: `start <= end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Range {
    /// First byte.
    pub start: VirtAddr,
    /// One past the last byte.
    pub end: VirtAddr,
}

impl Range {
    /// The range from `start` to `end`; an inverted pair becomes the empty range at `start`.
    pub const fn new(start: VirtAddr, end: VirtAddr) -> Self {
        if end.0 < start.0 {
            Self { start, end: start }
        } else {
            Self { start, end }
        }
    }

    /// Bytes.
    pub const fn len(self) -> u64 {
        self.end.0.wrapping_sub(self.start.0)
    }

    /// Whether no byte is in it.
    pub const fn is_empty(self) -> bool {
        self.end.0 == self.start.0
    }

    /// Whether `at` is in it.
    pub const fn contains(self, at: VirtAddr) -> bool {
        self.start.0 <= at.0 && at.0 < self.end.0
    }

    /// The part that both have, if any.
    pub fn intersect(self, other: Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let end = self.end.min(other.end);
        (start < end).then_some(Self { start, end })
    }
}
