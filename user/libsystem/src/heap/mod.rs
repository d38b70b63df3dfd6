//! The allocator behind `malloc`: size classes over pages that the kernel gives.
//!
//! Owns: zones, their regions, runs and large blocks; all bookkeeping, which lies apart from the
//! blocks, so that an overrun cannot damage it and a wrong pointer is found out. Does not own: where
//! pages come from (`Pages`), errno and messages (`malloc`).
//!
//! Three kinds of block, each in memory with its own `VM_MEMORY_MALLOC` tag:
//! - tiny, up to 1008 bytes in steps of 16, from regions of 1 MiB;
//! - small, up to 32 KiB in steps of 512, from regions of 8 MiB;
//! - large, whole pages, each a mapping of its own.
//!
//! A region is cut into runs; a run holds blocks of one size and a bitmap says which are free.
//! Regions are aligned to their size, so a pointer leads to its region by a lookup in a table.

mod large;
mod meta;
mod region;
mod zone;

pub use region::Kind;
pub use zone::{Misuse, Statistics, Zone};

/// Tags of the memory that a zone asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    /// Bookkeeping.
    Metadata,
    /// Tiny blocks.
    Tiny,
    /// Small blocks.
    Small,
    /// Large blocks.
    Large,
}

/// Where a zone gets memory from.
///
/// # Safety
/// What `map` answers is zeroed, writable, at least `size` bytes, aligned as asked and used by nobody else.
pub unsafe trait Pages {
    /// Bytes of a page.
    fn page_size(&self) -> usize;
    /// Maps `size` bytes (a multiple of pages) at an address that is a multiple of `align`.
    fn map(&mut self, size: usize, align: usize, tag: Tag) -> Option<usize>;
    /// Maps `size` bytes exactly at `address`, if nothing is there.
    fn extend(&mut self, address: usize, size: usize, tag: Tag) -> bool;
    /// Unmaps what `map` or `extend` gave, or a part of it.
    fn unmap(&mut self, address: usize, size: usize);
}

#[cfg(test)]
mod tests;
