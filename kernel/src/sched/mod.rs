//! Threads and who runs.
//!
//! Owns: the scheduler. Does not own: what a thread's task is (`task`).

#[cfg(target_os = "none")]
pub mod cpus;
pub mod load;
pub mod queues;
#[cfg(target_os = "none")]
pub mod run;
#[cfg(target_os = "none")]
pub mod stack;
#[cfg(target_os = "none")]
pub mod thread;
#[cfg(target_os = "none")]
pub mod turn;
#[cfg(target_os = "none")]
pub mod wait;

#[cfg(target_os = "none")]
pub use thread::{Ast, Birth, Thread, Work};
