//! Pageout: pages are taken back before memory is out (xnu-vm.md §4).
//!
//! Owns: how much memory should be free, and how much may be dirty.
//! Does not own: the queues (`queues`), the way of a page to its pager (`pager`).

mod targets;

pub use targets::Targets;
