//! Chains of pages that one owner holds: magazines of free pages, what a batch retires.
//!
//! Owns: the `next` links of the pages in the chain. Does not own: their state.
//! Locks: none; who holds the list holds its pages.

use super::{NO_PAGE, PageArray};
use crate::addr::PageId;
use core::sync::atomic::Ordering::Relaxed;

/// A chain of pages, last in, first out.
#[derive(Debug)]
pub struct PageList {
    head: u32,
    tail: u32,
    count: u32,
}

impl Default for PageList {
    fn default() -> Self {
        Self::new()
    }
}

impl PageList {
    /// An empty chain.
    #[inline]
    pub const fn new() -> Self {
        Self {
            head: NO_PAGE,
            tail: NO_PAGE,
            count: 0,
        }
    }

    /// How many pages are in it.
    #[inline]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether no page is in it.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Puts a page in front. The caller holds the page; it is in no other list.
    #[inline]
    pub fn push(&mut self, pages: PageArray<'_>, page: PageId) {
        pages.get(page).next.store(self.head, Relaxed);
        if self.count == 0 {
            self.tail = page.0;
        }
        self.head = page.0;
        self.count = self.count.wrapping_add(1);
    }

    /// Takes the page in front.
    #[inline]
    pub fn pop(&mut self, pages: PageArray<'_>) -> Option<PageId> {
        if self.count == 0 {
            return None;
        }
        let page = PageId(self.head);
        self.head = pages.get(page).next.load(Relaxed);
        self.count = self.count.wrapping_sub(1);
        if self.count == 0 {
            *self = Self::new();
        }
        Some(page)
    }

    /// Puts the whole of `other` in front.
    pub fn append(&mut self, pages: PageArray<'_>, other: Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        pages.get(PageId(other.tail)).next.store(self.head, Relaxed);
        self.head = other.head;
        self.count = self.count.wrapping_add(other.count);
    }

    /// Takes everything.
    #[inline]
    pub fn take(&mut self) -> Self {
        core::mem::take(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Page;

    #[test]
    fn append_keeps_every_page() {
        let storage: [Page; 6] = core::array::from_fn(|_| Page::new());
        let pages = PageArray::new(&storage);
        let (mut a, mut b) = (PageList::new(), PageList::new());
        for n in 0..3 {
            a.push(pages, PageId(n));
            b.push(pages, PageId(n + 3));
        }
        a.append(pages, b);
        let mut seen = [false; 6];
        while let Some(page) = a.pop(pages) {
            assert!(!core::mem::replace(&mut seen[page.0 as usize], true));
        }
        assert_eq!(seen, [true; 6]);
        assert!(a.is_empty());
    }
}
