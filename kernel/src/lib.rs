//! Who uses memory: tasks, threads, system calls, exec, files, the console, in-kernel tests.
//!
//! Owns: policy above `vm` and `arch`. Does not own: what memory means (`vm`), what the hardware
//! does (`arch`). What needs no machine (parsers, the file tree, the scheduler's books, the line
//! discipline) compiles on every host and is tested there; the rest is gated by
//! `target_os = "none"`.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod console;
pub mod cpio;
pub mod macho;
pub mod sched;
pub mod shared;
pub mod task;
pub mod vfs;
