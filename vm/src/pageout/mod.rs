//! Pageout: pages are taken back before memory is out (xnu-vm.md §4).
//!
//! Owns: how much memory should be free, and how much may be dirty; who takes pages back, and who waits
//! until it is done.
//! Does not own: the queues (`queues`), the way of a page to its pager (`pager`).
//!
//! | file | what it is |
//! |---|---|
//! | `targets` | the numbers |
//! | `scan` | which pages go |
//! | `thread` | the pageout thread's part, and that of who needs memory now |
//!
//! | queue | pages get there | and leave it |
//! |---|---|---|
//! | active | used | the oldest become inactive, until half of all are |
//! | inactive, of files | by age, by advice | used meanwhile: active again; clean: freed; dirty: to the laundry |
//! | inactive, of the rest | the same | used again by nobody's notice: they have nowhere to go yet |
//! | speculative | read with another | used: active; else they are freed first |
//! | laundry | dirty, being written | written: freed next; used, or not written: active |
//! | wired | wired | with the last wiring |

mod scan;
mod targets;
mod thread;

pub use targets::Targets;
pub(crate) use thread::{Low, Pageout, Relief};
