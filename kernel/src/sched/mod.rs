//! Threads and who runs.
//!
//! Owns: the scheduler. Does not own: what a thread's task is (`task`).

pub mod queues;
#[cfg(target_os = "none")]
pub mod run;
#[cfg(target_os = "none")]
pub mod stack;
#[cfg(target_os = "none")]
pub mod thread;

#[cfg(target_os = "none")]
pub use thread::{Ast, Birth, Thread, Work};
