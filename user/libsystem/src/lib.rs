//! libSystem: the C library and the system-call layer of programs.
//!
//! Owns: everything a C program links: start, system calls, memory, text, files, processes, the Mach
//! calls. Does not own: the kernel's side (`abi` has the border), the C headers (`user/sdk`).
//! Until dyld exists it is linked statically into every program.
//!
//! Public functions have C's names and contracts; their headers are the documentation. A pointer
//! argument is valid as the C standard or the manual page of that name demands: that is the one
//! safety contract of this crate, and `# Safety` sections are left out where it is all they would say.
//! Programs may have many threads: what the library keeps between calls has a lock (`lock`), or the C
//! standard lets the next call overwrite it. On any other system than the guest only the pure parts are
//! compiled, for their unit tests.
#![cfg_attr(target_os = "macos", no_std)]
#![allow(
    clippy::missing_safety_doc,
    reason = "the crate's documentation states the contract once"
)]
#![allow(
    missing_docs,
    reason = "C functions are documented by the C standard and by user/sdk's headers"
)]

#[macro_use]
mod call;

pub mod format;
pub mod heap;
pub mod number;
pub mod sort;

#[cfg(target_os = "macos")]
mod guest;
#[cfg(target_os = "macos")]
pub use guest::*;

/// A number in decimal, without an allocator.
#[cfg(target_os = "macos")]
fn number_text(value: i64) -> format::Fixed<24> {
    let mut text = format::Fixed::new();
    text.push_decimal(value);
    text
}
