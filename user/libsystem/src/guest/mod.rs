//! What only a program in the guest has.
//!
//! Owns: C's functions, by header. Does not own: the pure parts they share with the host's tests.

pub mod arch;
pub mod ctype;
pub mod dirent;
pub mod environment;
pub mod err;
pub mod errno;
pub mod getopt;
pub mod libproc;
pub(crate) mod lock;
pub mod mach;
pub mod mach_host;
pub mod mach_vm;
pub mod malloc;
pub mod mman;
pub mod mount;
pub mod panic;
pub mod process;
pub mod pthread;
pub mod signal;
pub mod spawn;
pub mod stack_guard;
pub mod start;
pub mod stat;
pub mod stdio;
pub mod stdlib;
pub mod string;
pub mod sysctl;
pub mod termios;
pub mod time;
pub mod unistd;
pub mod vellum;
pub mod vm_map;
