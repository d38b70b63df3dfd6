//! Zones: typed, fallible allocation behind handles and counted references.
//!
//! Owns: zone memory from the moment a [`ChunkSource`] gives it until `gc` returns it; the unsafe that
//! typed elements in raw memory need. Does not own: pages; where chunks come from is the source's.
//! Locks: one spin lock per zone (rank `ZONE`), taken once per half magazine; the way through a
//! magazine takes none. The source is called with no lock held.
//!
//! # How an element travels
//! A **chunk** is a power of two of pages, aligned to its size. It begins with a header: the zone, and a
//! `u16` per element that says *used*, *cached* or which free element follows. Each CPU has a
//! **magazine** of free elements per zone; `alloc` and `free` work on it with preemption off and
//! without atomics, and exchange half of it with the chunks when it is empty or full.
//! The `u16` is the guard: a free of an element that is not *used* is a double free, and panics with
//! the zone's name, as does a free to another zone.
//!
//! # Who may do what
//! | | needs the source | may fail |
//! |---|---|---|
//! | [`Zone::alloc`], [`RefZone::alloc_ref`], [`Zone::reserve`] | yes | yes |
//! | [`Reserve::fill`] | no | only when it is empty |
//! | dropping a [`ZBox`], [`ZRef`], [`Reserve`] | no | no |
//! | [`Zone::gc`] | yes | no |
#![cfg_attr(not(any(test, feature = "host")), no_std)]

mod boxed;
mod chunk;
mod counted;
mod geometry;
#[cfg(feature = "host")]
pub mod host;
mod inject;
mod kalloc;
mod magazine;
mod raw;
mod registry;
mod reserve;
mod source;
mod zone;

pub use boxed::ZBox;
pub use counted::{Counted, RefZone, TooManyReferences, ZRef};
pub use inject::Injector;
pub use kalloc::{CLASSES, Kalloc};
pub use raw::{AuditError, Census};
pub use registry::{InUse, ZoneOptions, Zones};
pub use reserve::Reserve;
pub use source::{ChunkMemory, ChunkSource};
pub use zone::{Exhausted, Zone};
