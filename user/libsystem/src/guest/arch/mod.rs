//! What differs between the machines: system calls, start, variable arguments, memory primitives.
//!
//! Owns: every line of assembly in libSystem. Does not own: what the calls mean. The same names in
//! both files. On the host (unit tests) only the variable-argument reader of the host's own machine
//! is missing: nothing here is compiled there.

#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
mod aarch64;
#[cfg(all(target_os = "macos", target_arch = "x86_64"))]
mod x86_64;

#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
pub use aarch64::*;
#[cfg(all(target_os = "macos", target_arch = "x86_64"))]
pub use x86_64::*;
