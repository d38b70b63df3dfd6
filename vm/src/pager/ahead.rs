//! Read-ahead: how much is read with the page that is wanted (xnu-vm.md §5.5).
//!
//! Owns: the choice. A read that goes on where the last one ended doubles what is read at once; one that
//! jumps halves it, and reads around the page instead of ahead of it: a program's text is used so. After
//! a few jumps it is the page alone.
//! Locks: none; the object's paging is locked by the caller.

use super::run::RUN;
use crate::machine::Machine;
use crate::map::entry::Behavior;

/// Bytes that a first read takes (XNU: `preheat_min_bytes`).
const START: u64 = 32 << 10;
/// Bytes that are read at once at most. XNU: 1 MiB, on machines of many GiB.
const MOST: u64 = 256 << 10;

/// What a reader says of its reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ahead {
    /// Nothing: it shows by itself.
    #[default]
    Default,
    /// Nothing is to be read but what is wanted (`F_RDAHEAD` 0, `MADV_RANDOM`).
    No,
    /// All of it will be read in order (`MADV_SEQUENTIAL`).
    Sequential,
}

impl From<Behavior> for Ahead {
    fn from(behavior: Behavior) -> Self {
        match behavior {
            Behavior::Random => Self::No,
            Behavior::Sequential => Self::Sequential,
            _ => Self::Default,
        }
    }
}

/// What the reads of an object have been like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadAhead {
    /// The page after the last one that was read in.
    next: u64,
    /// Pages that were read at once; 0: none yet.
    pages: u64,
}

impl ReadAhead {
    pub(super) const fn new() -> Self {
        Self { next: 0, pages: 0 }
    }

    /// The first page and the number of pages to read when page `index` is missing and `wanted` pages
    /// from there on are asked for; `most`: what the object has and memory allows. At least one page,
    /// `index` among them.
    pub(super) fn run<M: Machine>(
        &mut self,
        (index, wanted): (u64, u64),
        ahead: Ahead,
        most: u64,
    ) -> (u64, u64) {
        let largest = (MOST >> M::PAGE_SHIFT).clamp(1, RUN as u64);
        let start = (START >> M::PAGE_SHIFT).max(1);
        let goes_on = index == self.next;
        self.pages = match ahead {
            Ahead::No => 1,
            Ahead::Sequential => largest,
            Ahead::Default if self.pages == 0 => start,
            Ahead::Default if goes_on => self.pages.saturating_mul(2).min(largest),
            Ahead::Default => (self.pages / 2).max(1),
        };
        let pages = self.pages.max(wanted).min(largest).min(most.max(1));
        let around = ahead == Ahead::Default && !goes_on && wanted <= 1;
        let first = if around {
            index.saturating_sub(index.checked_rem(pages).unwrap_or(0))
        } else {
            index
        };
        self.next = first.saturating_add(pages);
        (first, pages)
    }

    /// Less came in than was meant to.
    pub(super) const fn ends_at(&mut self, next: u64) {
        self.next = next;
    }
}
