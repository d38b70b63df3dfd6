//! Frames of the kernel's own, for requests of block devices.
//!
//! Owns: their making and end, patterns. Does not own: what is asked (`block`).

use super::rig::page;
use super::unmet::Outcome;
use crate::block::Part;
use crate::memory::vm;
use crate::random;
use alloc::vec;
use alloc::vec::Vec;
use vm::{Guard, Machine, PageId, VirtAddr};

/// Pages of the kernel's own, for requests.
pub struct Memory {
    at: VirtAddr,
    pages: u64,
}

impl Memory {
    /// Takes so many pages.
    pub fn new(pages: u64) -> Outcome<Self> {
        let at = vm().kmem_alloc(pages * page(), Guard::None, 0)?;
        Ok(Self { at, pages })
    }

    /// The frame of the page of that index.
    pub fn page(&self, index: u64) -> PageId {
        let machine = vm().machine();
        let at = VirtAddr(self.at.0 + index * page());
        match machine.pmap_extract(machine.kernel_pmap(), at) {
            Some((page, _)) => page,
            None => unreachable!("kmem_alloc maps what it gives"),
        }
    }

    /// All of it, page by page.
    pub fn whole(&self) -> Vec<Part> {
        let whole = |index| self.part(index, 0, page());
        (0..self.pages).map(whole).collect()
    }

    /// Bytes of one page as a part of a request.
    pub fn part(&self, index: u64, offset: u64, length: u64) -> Part {
        Part {
            page: self.page(index),
            offset: offset as u32,
            length: length as u32,
        }
    }

    /// The pieces of `length` bytes from `at`, page by page: page, offset in it, where in the bytes.
    fn pieces(
        &self,
        at: u64,
        length: usize,
    ) -> impl Iterator<Item = (PageId, usize, core::ops::Range<usize>)> {
        let mut done = 0;
        core::iter::from_fn(move || {
            let here = at + done as u64;
            let offset = (here % page()) as usize;
            let count = (length - done).min(page() as usize - offset);
            let range = done..done + count;
            done += count;
            (count > 0).then(|| (self.page(here / page()), offset, range))
        })
    }

    /// Writes bytes from byte `at` on.
    pub fn set(&self, at: u64, from: &[u8]) {
        for (page, offset, range) in self.pieces(at, from.len()) {
            vm().machine().write_page(page, offset, &from[range]);
        }
    }

    /// Reads bytes from byte `at` on.
    pub fn get(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        for (page, offset, range) in self.pieces(at, length) {
            vm().machine().read_page(page, offset, &mut bytes[range]);
        }
        bytes
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // What `kmem_alloc` gave can be freed.
        let _ = vm().kmem_free(self.at, self.pages * page());
    }
}

/// Bytes that nothing else has: of a number.
pub fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = random::mix(state);
        state as u8
    };
    core::iter::repeat_with(next).take(length).collect()
}
