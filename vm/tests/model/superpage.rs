//! Superpages: new memory of which each piece is one run of frames. A roomy machine always has one free.
//!
//! Owns: what their pages are like, and that a part stands for the whole.
//! Does not own: their places, and what calls answer about them (`verdict`).

use super::reference::{Page, Task};
use abi::vm_flags::VM_FLAGS_SUPERPAGE_MASK;
use std::ops::Range;
use vm::Inherit;

/// Pages of a superpage.
pub const SUPERPAGE: u64 = 8;

/// Whether superpages are asked for.
pub const fn is_asked(flags: u32) -> bool {
    flags & VM_FLAGS_SUPERPAGE_MASK != 0
}

impl Page {
    /// The page as it is in new memory, where it is the `n`th: no child gets one of a superpage.
    pub fn placed(self, flags: u32, n: u64) -> Page {
        if !is_asked(flags) {
            return self;
        }
        Page {
            superpage: Some(n % SUPERPAGE),
            inherit: Inherit::None,
            ..self
        }
    }
}

impl Task {
    /// The range, made longer to whole superpages.
    pub fn whole(&self, range: Range<u64>) -> Range<u64> {
        let inside = |page: u64| self.pages.get(&page).and_then(|page| page.superpage);
        if range.is_empty() {
            return range;
        }
        let before = inside(range.start).unwrap_or(0);
        let after = inside(range.end - 1).map_or(0, |page| SUPERPAGE - 1 - page);
        range.start - before..range.end + after
    }

    /// Whether the range has a part of a superpage.
    pub fn has_superpage(&self, range: Range<u64>) -> bool {
        let mut pages = self.pages.range(range);
        pages.any(|(_, page)| page.superpage.is_some())
    }
}
