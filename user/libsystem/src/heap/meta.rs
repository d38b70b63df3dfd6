//! Memory for the bookkeeping itself.
//!
//! Owns: arrays that grow by doubling, in pages of their own. Does not own: what they record.

use super::{Pages, Tag};

/// An array in pages of its own; elements are plain data for which all zeros is a value.
pub struct Array<T> {
    base: *mut T,
    count: usize,
    capacity: usize,
    mapped: usize,
}

impl<T: Plain> Default for Array<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Plain data: any bit pattern that the heap writes is a value, and zeros are one.
///
/// # Safety
/// Implementers are `repr(C)` or integers and zero-valid.
pub unsafe trait Plain: Copy {}

impl<T: Plain> Array<T> {
    /// An array without memory.
    pub const fn new() -> Self {
        Self {
            base: core::ptr::null_mut(),
            count: 0,
            capacity: 0,
            mapped: 0,
        }
    }

    /// The elements.
    pub fn items(&self) -> &[T] {
        if self.count == 0 {
            return &[];
        }
        // SAFETY: `count` elements of this array's own pages have been written.
        unsafe { core::slice::from_raw_parts(self.base, self.count) }
    }

    /// The elements, to change.
    pub fn items_mut(&mut self) -> &mut [T] {
        if self.count == 0 {
            return &mut [];
        }
        // SAFETY: as `items`; `&mut self` makes the access the only one.
        unsafe { core::slice::from_raw_parts_mut(self.base, self.count) }
    }

    /// Inserts before `index`; `None` if there is no memory.
    pub fn insert(&mut self, pages: &mut impl Pages, index: usize, item: T) -> Option<()> {
        if self.count == self.capacity {
            self.grow(pages, self.count + 1)?;
        }
        // SAFETY: there is room for one more element.
        unsafe {
            let at = self.base.add(index);
            core::ptr::copy(at, at.add(1), self.count - index);
            at.write(item);
        }
        self.count += 1;
        Some(())
    }

    /// Removes and answers the element at `index`.
    pub fn remove(&mut self, index: usize) -> T {
        let item = self.items()[index];
        self.items_mut().copy_within(index + 1.., index);
        self.count -= 1;
        item
    }

    /// Gives the array `count` zeroed elements in new pages; the old ones are dropped.
    pub fn reset(&mut self, pages: &mut impl Pages, count: usize) -> Option<()> {
        let mut fresh = Self::new();
        fresh.grow(pages, count)?;
        fresh.count = count;
        self.release(pages);
        *self = fresh;
        Some(())
    }

    /// Gives the pages back.
    pub fn release(&mut self, pages: &mut impl Pages) {
        if self.capacity != 0 {
            pages.unmap(self.base as usize, self.mapped);
        }
        *self = Self::new();
    }

    fn grow(&mut self, pages: &mut impl Pages, least: usize) -> Option<()> {
        let page = pages.page_size();
        let wanted = least.max(self.capacity * 2).checked_mul(size_of::<T>())?;
        let bytes = wanted.checked_next_multiple_of(page)?;
        let base = pages.map(bytes, page, Tag::Metadata)? as *mut T;
        if self.capacity != 0 {
            // SAFETY: both mappings hold at least `count` elements and are distinct.
            unsafe { core::ptr::copy_nonoverlapping(self.base, base, self.count) };
            pages.unmap(self.base as usize, self.mapped);
        }
        self.base = base;
        self.capacity = bytes / size_of::<T>();
        self.mapped = bytes;
        Some(())
    }
}
