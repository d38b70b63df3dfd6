//! AArch64: from the arm64 Image header and the device tree to `kernel_main`.
//!
//! Owns: the way in. `entry.s` (header, EL2, relocations) → `early` (CPU check, first tables, MMU)
//! → `start` (device tree, memory map, final tables, devices) → `kernel_main`; the other CPUs' way is
//! `secondary`. The linker script is
//! `kernel.ld`. The tables are tested on every host.
#![cfg_attr(
    not(target_os = "none"),
    allow(dead_code, reason = "hosts test the parts that only the machine uses")
)]

mod kernel_tables;
mod tables;

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
mod early;
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
mod entropy;
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
pub mod secondary;
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
mod start;
