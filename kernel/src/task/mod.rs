//! Tasks: an address space, its threads, files and signals.
//!
//! Owns: what a process is, the process table. Does not own: address spaces (`vm`), threads
//! (`sched`), exec.

#[cfg(target_os = "none")]
pub mod life;
#[cfg(target_os = "none")]
pub mod limits;
#[cfg(target_os = "none")]
pub mod ports;
pub mod table;
#[cfg(target_os = "none")]
#[expect(
    clippy::module_inception,
    reason = "the file is about the type of that name"
)]
pub mod task;
#[cfg(target_os = "none")]
pub mod threads;

#[cfg(target_os = "none")]
pub use task::{Heritage, Identity, ROOT, Task, TaskMap, TaskMapRef};
