//! Queues of pages: doubly linked, so that a page leaves from the middle.
//!
//! Owns: both links of the pages in the queue, and the queue's count.
//! Does not own: the pages' state; the caller sets it under the same lock.
//! Locks: the queue lives inside a lock; who has `&mut` to it holds that lock.

use super::{NO_PAGE, PageArray, PageList};
use crate::addr::PageId;
use core::sync::atomic::Ordering::Relaxed;

/// A queue: pages enter at the tail and are taken at the head, or leave from anywhere.
#[derive(Debug)]
pub struct PageQueue {
    head: u32,
    tail: u32,
    count: u32,
}

impl Default for PageQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl PageQueue {
    /// An empty queue.
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
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Puts a page at the tail.
    #[inline]
    pub fn push_tail(&mut self, pages: PageArray<'_>, page: PageId) {
        let record = pages.get(page);
        record.prev.store(self.tail, Relaxed);
        record.next.store(NO_PAGE, Relaxed);
        if self.tail == NO_PAGE {
            self.head = page.0;
        } else {
            pages.get(PageId(self.tail)).next.store(page.0, Relaxed);
        }
        self.tail = page.0;
        self.count = self.count.wrapping_add(1);
    }

    /// Puts a page at the head.
    #[inline]
    pub fn push_head(&mut self, pages: PageArray<'_>, page: PageId) {
        let record = pages.get(page);
        record.next.store(self.head, Relaxed);
        record.prev.store(NO_PAGE, Relaxed);
        if self.head == NO_PAGE {
            self.tail = page.0;
        } else {
            pages.get(PageId(self.head)).prev.store(page.0, Relaxed);
        }
        self.head = page.0;
        self.count = self.count.wrapping_add(1);
    }

    /// Takes a page that is in this queue.
    #[inline]
    pub fn remove(&mut self, pages: PageArray<'_>, page: PageId) {
        let record = pages.get(page);
        let next = record.next.load(Relaxed);
        let prev = record.prev.load(Relaxed);
        if prev == NO_PAGE {
            self.head = next;
        } else {
            pages.get(PageId(prev)).next.store(next, Relaxed);
        }
        if next == NO_PAGE {
            self.tail = prev;
        } else {
            pages.get(PageId(next)).prev.store(prev, Relaxed);
        }
        self.count = self.count.wrapping_sub(1);
    }

    /// Takes the page at the head.
    pub fn pop_head(&mut self, pages: PageArray<'_>) -> Option<PageId> {
        if self.head == NO_PAGE {
            return None;
        }
        let page = PageId(self.head);
        self.remove(pages, page);
        Some(page)
    }

    /// The page at the head, which stays.
    pub fn peek(&self) -> Option<PageId> {
        (self.head != NO_PAGE).then_some(PageId(self.head))
    }

    /// Puts all pages of a list at the head.
    pub fn push_list(&mut self, pages: PageArray<'_>, mut list: PageList) {
        while let Some(page) = list.pop(pages) {
            self.push_head(pages, page);
        }
    }

    /// The pages from head to tail. The caller keeps the queue locked.
    pub fn iter<'a>(&self, pages: PageArray<'a>) -> impl Iterator<Item = PageId> + use<'a> {
        let mut at = self.head;
        core::iter::from_fn(move || {
            let page = PageId(at);
            if at == NO_PAGE {
                return None;
            }
            at = pages.get(page).next.load(Relaxed);
            Some(page)
        })
    }
}
