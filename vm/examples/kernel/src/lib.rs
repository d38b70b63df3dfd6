//! Another kernel over `vm`: what its author writes.
//!
//! Owns: a machine that is neither of Vellum's, riscv64 with Sv39 page tables and one hart, as QEMU's
//! `virt` board plays it; and a demo of what a kernel does with `vm`. Does not own: any memory policy,
//! which is what `vm` is for. Nothing here knows Vellum's `arch`, `boot` or `kernel`.
//!
//! | file | what it is |
//! |---|---|
//! | `kernel` | what is run: `vm`'s conformance suite over the tables, the demo |
//! | `demo` | the kernel proper: maps, faults, a fork, an audit; on any machine |
//! | `failed` | why it may fail |
//! | `boot` | RAM becomes a page array, a machine and a `Vm` |
//! | `machine` | `impl vm::Machine`: each call, in a few lines |
//! | `tables`, `reverse` | page tables; which entries map a page |
//! | `pte` | one page-table entry |
//! | `ram` | frames by number, physical address and pointer |
//! | `hart` | the processor: `impl sync::Platform`, fences, a program's loads and stores |
//! | `host` | the same processor played on the host, with a TLB that forgets nothing unasked |
//! | `main`, `virt` | entry, console, power |
#![cfg_attr(target_os = "none", no_std)]

pub mod boot;
pub mod demo;
pub mod failed;
#[cfg(target_os = "none")]
pub mod hart;
#[cfg(not(target_os = "none"))]
#[path = "host.rs"]
pub mod hart;
pub mod kernel;
pub mod machine;
pub mod pte;
pub mod ram;
mod reverse;
mod tables;
#[cfg(all(test, not(target_os = "none")))]
mod tests;
