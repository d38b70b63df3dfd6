//! A simulated machine (feature `sim`): RAM, page tables and CPUs whose TLBs forget nothing.
//!
//! Owns: [`SimMachine`], an implementation of [`Machine`](crate::Machine) that a test looks into, and
//! the checks that real hardware does not make. Does not own: the reference model and the programs
//! that are run against it (`vm/tests/model`).
//!
//! | file | what it is |
//! |---|---|
//! | `hardware` | frames, page tables, reverse maps, counters: one value behind one host mutex |
//! | `tlb` | what a CPU remembers: translations, and tables it may still walk |
//! | `pmap` | page-table operations on the hardware |
//! | `machine` | the trait's calls |
//! | `nest` | leaf tables that several address spaces show |
//! | `audit` | TLBs, page tables and reverse maps, compared |
//! | `cpu` | the access of a program through a CPU |
//! | `pager` | a file on a disk whose answers a test gives |
//! | `baton` | threads of which one runs at a time; a seed picks which |
//!
//! A TLB entry stays until a flush names it. So these faults of `vm` show at once, each as a panic that
//! names the invariant: a frame freed or refilled while a TLB or a page table still has it (I-TLB-1),
//! a page copied while it can be written (I-TLB-3), a stale entry that grants more than the page
//! table after an operation has ended (I-TLB-4, [`SimMachine::audit_tlbs`]), a wired page
//! disconnected (I-PAGE-3).

mod audit;
mod baton;
mod cpu;
mod hardware;
mod machine;
mod nest;
mod pager;
mod pmap;
mod superpage;
mod tlb;

pub use baton::Baton;
pub use cpu::{Access, SimFault};
pub use hardware::Counts;
pub use machine::SimMachine;
pub use pager::{Asked, SimPager};
pub use pmap::{SimFlush, SimPmap, SimReserve};
