//! Invalidations that are due.
//!
//! Owns: [`Flush`], which gathers ranges by address space and grows coarse rather than long.
//! Does not own: the instructions (`x86_64::tlb`, `aarch64::tlb`) or what waits for them (the batch in
//! `vm`).

use super::hardware::Tag;
use vm::addr::{Range, VirtAddr};

/// Ranges that are kept apart before they are merged.
pub const CAPACITY: usize = 3;

/// A range of one address space that TLBs may hold stale entries of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stale {
    /// The address space.
    pub tag: Tag,
    /// The addresses.
    pub range: Range,
}

/// Gathered invalidations. Never forgets an address: it may only become more than was asked for.
#[derive(Clone, Debug)]
pub struct Flush {
    stale: [Stale; CAPACITY],
    count: usize,
    /// More address spaces than there is room for: everything, the kernel's mappings too.
    everything: bool,
    /// A table was unlinked: cached upper levels must go too.
    tables: bool,
}

/// How much of an address space an invalidation covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// These pages, one by one.
    Pages(Range),
    /// All of it, because that is cheaper.
    Whole,
}

impl Stale {
    const EMPTY: Self = Self {
        tag: Tag::NONE,
        range: Range {
            start: VirtAddr(0),
            end: VirtAddr(0),
        },
    };

    /// What to invalidate where `limit` pages cost as much as everything.
    #[inline]
    pub fn extent(&self, page_shift: u32, limit: u64) -> Extent {
        if self.range.len() >> page_shift > limit {
            Extent::Whole
        } else {
            Extent::Pages(self.range)
        }
    }
}

impl Default for Flush {
    #[inline]
    fn default() -> Self {
        Self {
            stale: [Stale::EMPTY; CAPACITY],
            count: 0,
            everything: false,
            tables: false,
        }
    }
}

impl Flush {
    /// Adds a range. An address space that no CPU has run on needs nothing.
    #[inline]
    pub fn add(&mut self, tag: Tag, range: Range) {
        if tag == Tag::NONE || range.is_empty() {
            return;
        }
        if let Some(last) = self.stale[..self.count].last_mut()
            && last.tag == tag
            && last.range.start <= range.end
            && range.start <= last.range.end
        {
            last.range.start = last.range.start.min(range.start);
            last.range.end = last.range.end.max(range.end);
            return;
        }
        self.append(tag, range);
    }

    fn append(&mut self, tag: Tag, range: Range) {
        if let Some(free) = self.stale.get_mut(self.count) {
            *free = Stale { tag, range };
            self.count += 1;
            return;
        }
        match self.stale.iter_mut().rev().find(|stale| stale.tag == tag) {
            Some(same) => {
                same.range.start = same.range.start.min(range.start);
                same.range.end = same.range.end.max(range.end);
            }
            None => self.everything = true,
        }
    }

    /// Adds all user addresses of an address space.
    pub fn add_space(&mut self, tag: Tag) {
        let end = VirtAddr(crate::layout::USER_END);
        self.add(
            tag,
            Range {
                start: VirtAddr(0),
                end,
            },
        );
    }

    /// Notes that a table was unlinked in a range that was or will be added.
    #[inline]
    pub fn add_tables(&mut self) {
        self.tables = true;
    }

    /// Adds all addresses of all address spaces.
    pub fn add_everything(&mut self) {
        self.everything = true;
    }

    /// The ranges; they say nothing if [`Flush::everything`].
    #[inline]
    pub fn stale(&self) -> &[Stale] {
        &self.stale[..self.count]
    }

    /// Whether no list of ranges would be enough.
    #[inline]
    pub fn everything(&self) -> bool {
        self.everything
    }

    /// Whether cached upper levels must go too.
    #[inline]
    pub fn tables(&self) -> bool {
        self.tables
    }

    /// Whether nothing is due.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0 && !self.everything
    }

    /// Forgets everything: it has been done.
    #[inline]
    pub fn clear(&mut self) {
        self.count = 0;
        self.everything = false;
        self.tables = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Tag = Tag(0x1000);
    const B: Tag = Tag(0x2000);

    fn range(start: u64, end: u64) -> Range {
        Range {
            start: VirtAddr(start),
            end: VirtAddr(end),
        }
    }

    #[test]
    fn neighbours_become_one_range() {
        let mut flush = Flush::default();
        for page in 0..100 {
            flush.add(A, range(page * 0x1000, (page + 1) * 0x1000));
        }
        assert_eq!(
            flush.stale(),
            [Stale {
                tag: A,
                range: range(0, 100 * 0x1000)
            }]
        );
    }

    #[test]
    fn distant_ranges_stay_apart_until_there_is_no_room() {
        let mut flush = Flush::default();
        flush.add(A, range(0, 0x1000));
        flush.add(B, range(0, 0x1000));
        flush.add(A, range(0x8000, 0x9000));
        assert_eq!(flush.stale().len(), 3);
        flush.add(A, range(0x20000, 0x21000));
        assert_eq!(
            flush.stale()[2],
            Stale {
                tag: A,
                range: range(0x8000, 0x21000)
            }
        );
        assert_eq!(
            flush.stale()[1],
            Stale {
                tag: B,
                range: range(0, 0x1000)
            }
        );
        assert!(!flush.everything());
    }

    #[test]
    fn too_many_spaces_are_everything() {
        let mut flush = Flush::default();
        for tag in 1..=CAPACITY as u64 {
            flush.add(Tag(tag), range(0, 0x1000));
        }
        assert!(!flush.everything());
        flush.add(Tag(99), range(0, 0x1000));
        assert!(flush.everything());
        flush.clear();
        assert!(flush.is_empty());
    }

    #[test]
    fn a_space_that_never_ran_needs_nothing() {
        let mut flush = Flush::default();
        flush.add(Tag::NONE, range(0, 0x1000));
        assert!(flush.is_empty());
    }

    #[test]
    fn many_pages_are_the_whole_space() {
        let stale = Stale {
            tag: A,
            range: range(0x1000, 0x21000),
        };
        assert_eq!(stale.extent(12, 32), Extent::Pages(range(0x1000, 0x21000)));
        assert_eq!(stale.extent(12, 31), Extent::Whole);
    }

    #[test]
    fn every_address_added_is_covered() {
        // Random ranges: whatever is merged, no address may be lost.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..2000 {
            let mut flush = Flush::default();
            let mut added = std::vec::Vec::new();
            for _ in 0..next() % 9 {
                let tag = Tag(1 + next() % 4);
                let start = (next() % 64) * 0x1000;
                let new = range(start, start + (1 + next() % 4) * 0x1000);
                flush.add(tag, new);
                added.push((tag, new));
            }
            for (tag, new) in added {
                let covered = flush.everything()
                    || flush.stale().iter().any(|stale| {
                        stale.tag == tag
                            && stale.range.start <= new.start
                            && new.end <= stale.range.end
                    });
                assert!(covered, "{tag:?} {new:?} is not in {flush:?}");
            }
        }
    }
}
