//! Faults through a submap: what its entry shows is mapped where the parent's entry is, or, where the
//! parent shows the submap's page tables (`map::nest`), in those, for all who do.
//!
//! Owns: the way from the parent's entry to the submap's. Does not own: what becomes the parent's own
//! before it is written (`map::copy_up`).
//! Locks: the parent shared, then the submap shared, then the object. Nothing is mapped writable.

use super::{FaultError, Step, Try};
use crate::counters::Event;
use crate::machine::Machine;
use crate::map::MapRef;
use crate::map::entry::Entry;
use crate::vm::Vm;
use abi::KernReturn;

impl<M: Machine> Vm<M> {
    /// A read through `entry`, which names `submap`.
    #[inline(never)]
    pub(super) fn fault_through(
        &self,
        entry: &Entry<M>,
        submap: &MapRef<M>,
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        self.counters.count(Event::Through);
        let state = submap.read();
        let Some(inner) = state.tree.find(entry.inside(this.at)) else {
            return Step::Failed(FaultError::InvalidAddress);
        };
        let Ok(Some(shown)) = entry.show(inner) else {
            return Step::Failed(FaultError::Shortage);
        };
        if !shown.attributes.protection.contains(this.access) {
            return Step::Failed(FaultError::ProtectionFailure);
        }
        if self.machine().pmap_is_nested(this.pmap, this.at) {
            return self.fault_nested(&shown, self.pmap(submap), this);
        }
        self.fault_shown(&shown, this)
    }

    #[inline(never)]
    fn fault_shown(&self, shown: &Entry<M>, this: &mut Try<'_, M>) -> Step<M> {
        let Some(object) = &shown.object else {
            return self.map_zero(shown, this);
        };
        self.counters.count(Event::Lookup);
        self.fault_read(shown, object, shown.index(this.at), this)
    }

    /// The same in the submap's own page tables. What stands in the way there is removed here, where the
    /// submap is locked.
    #[inline(never)]
    fn fault_nested(&self, shown: &Entry<M>, nested: &M::Pmap, this: &mut Try<'_, M>) -> Step<M> {
        self.counters.count(Event::Nested);
        let mut there = Try {
            pmap: nested,
            at: this.at,
            access: this.access,
            purpose: this.purpose,
            reserve: &mut *this.reserve,
            kept: &mut *this.kept,
            batch: self.frames.batch(),
            zeros: None,
            copied: this.copied,
            released: this.released.take(),
        };
        let mut step = self.fault_shown(shown, &mut there);
        if let Step::Occupied | Step::Covers(..) | Step::Hides(..) = step {
            step = self.make_way(step, &mut there);
        }
        (this.copied, this.released) = (there.copied, there.released);
        self.frames.finish(there.batch);
        step
    }
}

impl FaultError {
    /// The error of a fault whose piece of a submap could not be copied up.
    pub(super) const fn of_copy_up(code: KernReturn) -> Self {
        match code {
            KernReturn::INVALID_ADDRESS => Self::InvalidAddress,
            KernReturn::PROTECTION_FAILURE => Self::ProtectionFailure,
            _ => Self::Shortage,
        }
    }
}
