//! What memory means: maps, objects, pages, faults.
//!
//! A kernel holds one `Vm` value over its [`Machine`] and hands it down; there are no statics, so a
//! test can hold two. Nothing here is unsafe and nothing allocates but from zones, fallibly.
#![cfg_attr(not(any(test, feature = "sim")), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(not(any(test, feature = "sim")), deny(clippy::arithmetic_side_effects))]

pub mod addr;
pub mod audit;
pub mod batch;
pub mod conformance;
pub mod counters;
pub mod fault;
pub mod frames;
pub mod kmem;
pub mod machine;
pub mod map;
pub mod memory_entry;
pub mod object;
pub mod page;
pub mod pageout;
pub mod pager;
pub mod queues;
mod ranks;
mod registry;
pub mod residence;
pub mod sanitize;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(all(test, feature = "sim"))]
mod tests;
pub mod transfer;
pub mod vm;

pub use abi::{Inherit, KernReturn, Protection};
pub use addr::{PageId, Pages, PhysAddr, Range, VirtAddr};
pub use audit::{AuditError, AuditReport};
pub use batch::TlbBatch;
pub use fault::FaultError;
pub use frames::{Frames, Need};
pub use kmem::Guard;
pub use machine::{
    CacheMode, CacheOperation, FrameSource, Machine, Mapping, NeedReserve, NoMaintenance,
    NotEntered, RefMod, Shortage, Tracking, Wired,
};
pub use map::enter::{CopyMode, Placement};
pub use map::enter_object::EnterObject;
pub use map::entry::{Attributes, Behavior, EntryFlags};
pub use map::objects::ObjectsRoom;
pub use map::place::MapLimits;
pub use map::protect::SetMax;
pub use map::purgable::VolatileMemory;
pub use map::query::{Disposition, PageInfo};
pub use map::region::{Region, RegionPages, Shows};
pub use map::remap::{RemapRequest, Remapped};
pub use map::request::MapRequest;
pub use map::submap::EnterSubmap;
pub use map::{Map, MapRef};
pub use memory_entry::{MadeEntry, MemoryEntry, MemoryEntryRef, MemoryKind};
pub use object::ObjectRef;
pub use object::held::{Moved, Piece};
pub use object::ledger::{Charged, LEDGER_TAGS, LedgerTag};
pub use page::{Page, PageArray, PageList};
pub use pageout::Targets;
pub use pager::{Ahead, Later, NoPager, PageIn, PageOut, Pager, PagerError, SyncFlags};
pub use residence::{ACCOUNTS, Account, Ledger, Peaks, Residence};
pub use sanitize::{UserAddr, UserBehavior, UserFlags, UserInherit, UserProt, UserSize};
pub use transfer::MapCopy;
pub use vm::{BootMemory, Vm, WriteExecute};
