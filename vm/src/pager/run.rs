//! The pages of a run, while they are on their way.
//!
//! Owns: the array. Does not own: the pages.

use crate::addr::PageId;

/// Pages of a run at most, whatever a page is.
pub(super) const RUN: usize = 64;

/// Frames for a run, or its pages in order.
pub(super) struct RunPages {
    pages: [PageId; RUN],
    count: usize,
}

impl RunPages {
    pub(super) const fn new() -> Self {
        Self {
            pages: [PageId(0); RUN],
            count: 0,
        }
    }

    /// Adds a page, if there is room.
    pub(super) fn push(&mut self, page: PageId) {
        if let Some(place) = self.pages.get_mut(self.count) {
            *place = page;
            self.count = self.count.wrapping_add(1);
        }
    }

    /// Takes the last one.
    pub(super) fn pop(&mut self) -> Option<PageId> {
        self.count = self.count.checked_sub(1)?;
        self.pages.get(self.count).copied()
    }

    pub(super) const fn clear(&mut self) {
        self.count = 0;
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    pub(super) fn pages(&self) -> &[PageId] {
        self.pages.get(..self.count).unwrap_or_default()
    }
}
