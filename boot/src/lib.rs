//! From reset to `kernel_main`: entry stubs, PVH and device tree, one `BootInfo`, the first tables.
//!
//! Owns: what happens before the kernel runs, and the record of what was found. Does not own:
//! the devices' drivers (`arch`), memory afterwards (`vm`, `kernel`). The files here are neutral
//! and tested on the host; `x86_64/` and `aarch64/` hold the ways in.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod arguments;
pub mod cell;
#[cfg(any(test, all(target_os = "none", target_arch = "aarch64")))]
pub mod device_tree;
pub mod info;
pub mod memory;

#[cfg(target_os = "none")]
pub mod report;
#[cfg(target_os = "none")]
pub mod secondary;

#[cfg(any(test, all(target_os = "none", target_arch = "aarch64")))]
mod aarch64;
#[cfg(any(test, all(target_os = "none", target_arch = "x86_64")))]
mod x86_64;

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
pub use aarch64::secondary::{give_up, start as start_cpu};
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
pub use x86_64::secondary::{give_up, start as start_cpu};

pub use arguments::{Arguments, Console, DiskWait, Mode};
pub use info::{
    BootInfo, CpuDescription, KernelImage, MemoryKind, MemoryRange, PhysRange, VirtRange,
};

/// The version that the first line prints.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Bytes of the stack that `kernel_main` starts on.
pub const BOOT_STACK_SIZE: usize = 64 * 1024;
/// Usable bytes below which the machine refuses to start.
pub const MINIMUM_MEMORY: u64 = 16 * 1024 * 1024;
