//! x86_64: from PVH's 32-bit entry to `kernel_main`.
//!
//! Owns: the entry (`entry.s`), the loader's record (`pvh`), the final tables (`tables`), the CPUs
//! and controllers (`madt`), their order (`start`), and the other CPUs' way
//! (`secondary`). The linker script is `kernel.ld`.
#![cfg_attr(
    not(target_os = "none"),
    allow(dead_code, reason = "hosts test the parts that only the machine uses")
)]

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
mod madt;
mod pvh;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
pub mod secondary;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
mod start;
mod tables;

/// Bytes of physical memory that the first tables reach.
const REACH: u64 = 1 << 32;
