//! What memory means: maps, objects, pages, faults.
//!
//! A kernel holds one `Vm` value over its [`Machine`] and hands it down; there are no statics, so a
//! test can hold two. Nothing here is unsafe and nothing allocates but from zones, fallibly.
#![cfg_attr(not(any(test, feature = "sim")), no_std)]
#![forbid(unsafe_code)]

pub mod addr;
pub mod batch;
pub mod machine;
pub mod page;

pub use abi::{Inherit, KernReturn, Protection};
pub use addr::{PageId, Pages, PhysAddr, Range, VirtAddr};
pub use batch::TlbBatch;
pub use machine::{
    CacheMode, FrameSource, Machine, Mapping, NeedReserve, RefMod, Shortage, Tracking, Wired,
};
pub use page::{Page, PageArray, PageList};
