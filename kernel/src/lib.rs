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

pub mod block;
pub mod console;
pub mod macho;
pub mod mmap;
pub mod sched;
pub mod shared;
pub mod task;
pub mod ulock;
pub mod vfs;

#[cfg(all(target_os = "none", feature = "ktest"))]
pub mod tests;

/// What needs the machine itself.
macro_rules! on_the_machine {
    ($($visibility:vis mod $name:ident;)*) => {
        $(#[cfg(target_os = "none")] $visibility mod $name;)*
    };
}

on_the_machine! {
    pub mod clock;
    pub mod crash;
    pub mod exec;
    pub mod files;
    pub mod init;
    pub mod mach;
    pub mod memory;
    pub mod pageout;
    pub mod panic;
    pub mod platform;
    pub mod power;
    pub mod random;
    pub mod shortage;
    pub mod signals;
    pub mod start;
    pub mod syscall;
    pub mod trap;
    pub mod user_memory;
    pub mod zones;
}
