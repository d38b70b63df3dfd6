//! What is kept of an object that has a pager, beside the object.
//!
//! Owns: the handle on the pager, the size in bytes, what reading and writing have been like so far, the
//! error of a write that nobody has been told of yet.
//! Locks: its own, behind the object's; the handle needs none.

use super::PagerError;
use super::ahead::ReadAhead;
use super::notice::Told;
use super::page_out::{Cleaning, RUNS};
use crate::frames::Frames;
use crate::machine::Machine;
use crate::object::{ObjRef, Object};
use crate::ranks::PagingRank;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use sync::{SpinGuard, SpinLock};
use zalloc::ZBox;

/// An object's pager and what is known of it.
pub struct Paging<M: Machine> {
    pub(crate) pager: M::Pager,
    /// Pages that the pager has not got yet: changed with the object locked alone.
    pub(super) dirty: AtomicU64,
    known: SpinLock<M, PagingRank, Known<M>>,
}

/// What changes.
pub(crate) struct Known<M: Machine> {
    /// The size in bytes.
    pub bytes: u64,
    pub ahead: ReadAhead,
    /// Where the last write ended, in pages, and where the writes began that led there.
    pub behind: (u64, u64),
    /// Runs on their way to the pager.
    pub cleaning: [Option<Cleaning>; RUNS],
    /// Runs that have begun so far.
    pub begun: u64,
    /// References for the time of a request.
    pub pins: u32,
    pub told: Told,
    /// The next object in its bucket of the table.
    pub beside: Option<ObjRef<M>>,
    /// The next object whose pager is to be told something.
    pub next: Option<ObjRef<M>>,
    /// A write has failed, and no `object_sync` has said so.
    pub error: Option<PagerError>,
}

pub(crate) type PagingBox<M> = ZBox<Paging<M>, Frames<M>>;

impl<M: Machine> Paging<M> {
    pub(crate) const fn new(pager: M::Pager, bytes: u64) -> Self {
        Self {
            pager,
            dirty: AtomicU64::new(0),
            known: SpinLock::new(Known {
                bytes,
                ahead: ReadAhead::new(),
                behind: (0, 0),
                cleaning: [None; RUNS],
                begun: 0,
                pins: 0,
                told: Told::new(),
                next: None,
                beside: None,
                error: None,
            }),
        }
    }

    /// Pages that the pager has not got yet.
    pub(crate) fn dirty(&self) -> u64 {
        self.dirty.load(Relaxed)
    }

    /// Whether no request is under way and the pager has been told everything.
    pub(crate) fn is_quiet(&self) -> bool {
        let known = self.known();
        known.pins == 0 && known.told.is_quiet() && known.cleaning.iter().all(Option::is_none)
    }

    pub(crate) fn known(&self) -> SpinGuard<'_, M, PagingRank, Known<M>> {
        self.known.lock()
    }
}

impl<M: Machine> Object<M> {
    /// Whether pages that are not in memory come from a pager.
    #[inline]
    pub(crate) const fn is_paged(&self) -> bool {
        self.paging.is_some()
    }
}
