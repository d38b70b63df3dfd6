//! What the hardware does: page tables, TLB, traps, context, timer, serial line, power.
//!
//! Owns: everything that differs between machines, under the same module names in `x86_64/` and
//! `aarch64/`, of which the target's are re-exported here (`arch::cpu`, `arch::trap`, …).
//! Does not own: what a page, a task or a fault means (`vm`, `kernel`); upcalls go to symbols that
//! `kernel` defines (`trap::upcalls`). Formats and encodings compile on every host, so that they are
//! tested there; what needs the machine is gated by `target_os = "none"`.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod cause;
#[cfg(target_os = "none")]
pub mod checks;
pub mod devices;
#[cfg(target_os = "none")]
pub mod dma;
pub mod layout;
#[cfg(target_os = "none")]
pub mod machine;
pub mod pmap;
pub mod ratio;

pub mod aarch64;
pub mod x86_64;

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
pub use aarch64::*;
#[cfg(target_os = "none")]
pub use machine::Machine;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
pub use x86_64::*;
