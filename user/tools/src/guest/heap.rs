//! Rust's allocator over malloc.

use super::c;
use core::alloc::{GlobalAlloc, Layout};

struct Malloc;

/// malloc's own alignment.
const PLENTY: usize = 16;

// SAFETY: malloc's blocks have the size and alignment asked for and stay until freed.
unsafe impl GlobalAlloc for Malloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: no contract beyond the values.
        unsafe {
            if layout.align() <= PLENTY {
                c::malloc(layout.size()).cast()
            } else {
                c::aligned_alloc(
                    layout.align(),
                    layout.size().next_multiple_of(layout.align()),
                )
                .cast()
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the caller's block came from `alloc`.
        unsafe { c::free(block.cast()) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() <= PLENTY {
            // SAFETY: the caller's block came from `alloc`.
            return unsafe { c::realloc(block.cast(), size).cast() };
        }
        // SAFETY: the caller's block has the layout's size; the new one at least the smaller of both.
        unsafe {
            let fresh = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !fresh.is_null() {
                core::ptr::copy_nonoverlapping(block, fresh, layout.size().min(size));
                self.dealloc(block, layout);
            }
            fresh
        }
    }
}

#[global_allocator]
static ALLOCATOR: Malloc = Malloc;
