//! The words that the kernel, programs and host tools share.
//!
//! Owns: numbers and `repr(C)` records that cross the border between a program and the kernel, or
//! between the guest and the host. Does not own: behaviour. Depends on nothing but `bitflags`.
//! Sources: the Darwin headers' values (facts) and this project's private traps.
#![no_std]

pub mod errno;
pub mod host_info;
pub mod kern_return;
pub mod lock_statistics;
pub mod memory_entry;
pub mod mount;
pub mod objects;
pub mod proc;
pub mod prot;
pub mod purgable;
pub mod record;
pub mod region;
pub mod signal;
pub mod spawn;
pub mod stat;
pub mod syscall;
pub mod sysctl;
pub mod task_info;
pub mod termios;
pub mod test_disk;
pub mod thread;
pub mod trap;
pub mod vm_flags;

pub use errno::Errno;
pub use kern_return::KernReturn;
pub use prot::{Inherit, Protection};
