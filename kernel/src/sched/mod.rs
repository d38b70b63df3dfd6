//! Threads and who runs.
//!
//! Owns: the scheduler. Does not own: what a thread's task is (`task`).

pub mod queues;
