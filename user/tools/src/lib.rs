//! The shell and the tools.
//!
//! Owns: what each program prints and understands. Does not own: the C library they stand on
//! (`libsystem`), the kernel's records (`abi`). Each program is `TOOL_main` in `guest`; the modules
//! beside it are pure (text in, text out) and have their tests on the host.
#![cfg_attr(target_os = "macos", no_std)]

extern crate alloc;

pub mod df;
pub mod json;
pub mod ls;
pub mod mode;
pub mod pattern;
pub mod ps;
pub mod sh;
pub mod size;
pub mod stress;
pub mod sysctl;
pub mod vm_stat;
pub mod vmmap;
pub mod zprint;

#[cfg(target_os = "macos")]
mod guest;
// Its C functions come along; nothing is called by Rust paths.
#[cfg(target_os = "macos")]
use libsystem as _;
