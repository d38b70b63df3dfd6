//! One slot per CPU.
//!
//! Owns: data that only its own CPU changes, without a lock, and beside it counters that every CPU
//! may read. Does not own: the CPU numbers; those are [`Platform`]'s.
//! Locks: none; preemption is off while a slot is in use.

use crate::platform::{NoPreempt, Platform};
use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomData;

/// `N` slots, each on its own cache lines: a local part `T` that one CPU at a time changes, and a
/// shared part `S` (atomics) that all may read.
pub struct PerCpu<P, T, const N: usize, S = ()> {
    _platform: PhantomData<fn() -> P>,
    slots: [Slot<T, S>; N],
}

#[repr(align(128))]
struct Slot<T, S> {
    busy: Cell<bool>,
    local: UnsafeCell<T>,
    shared: S,
}

// SAFETY: `local` and `busy` are touched only by the thread that runs on the slot's CPU with preemption
// off, one at a time (the contract of `Platform`); `T` moves between such threads, `S` is shared.
unsafe impl<P, T: Send, const N: usize, S: Sync> Sync for PerCpu<P, T, N, S> {}

impl<P: Platform, T, const N: usize, S> PerCpu<P, T, N, S> {
    /// Slots that `make` fills, by CPU number.
    pub fn from_fn(mut make: impl FnMut(usize) -> (T, S)) -> Self {
        PerCpu {
            _platform: PhantomData,
            slots: core::array::from_fn(|cpu| {
                let (local, shared) = make(cpu);
                Slot {
                    busy: Cell::new(false),
                    local: UnsafeCell::new(local),
                    shared,
                }
            }),
        }
    }

    /// Calls `f` with this CPU's slot, preemption off.
    ///
    /// # Panics
    /// If `f`, or an interrupt handler on this CPU meanwhile, comes here again for the same slots.
    #[inline]
    pub fn with<O>(&self, f: impl FnOnce(&mut T, &S) -> O) -> O {
        let here = NoPreempt::<P>::new();
        let slot = &self.slots[here.cpu()];
        assert!(
            !slot.busy.replace(true),
            "I-CPU-1: a per-CPU slot is used twice at once"
        );
        // SAFETY: preemption is off, so only this thread is at this CPU's slot; `busy` was false, so
        // no reference of an outer call exists.
        let result = f(unsafe { &mut *slot.local.get() }, &slot.shared);
        slot.busy.set(false);
        result
    }

    /// The shared parts of all slots, by CPU number.
    pub fn shared(&self) -> impl Iterator<Item = &S> {
        self.slots.iter().map(|slot| &slot.shared)
    }

    /// Calls `f` with the shared part of every slot.
    pub fn for_each(&self, f: impl FnMut(&S)) {
        self.shared().for_each(f);
    }

    /// Every slot, through the only reference to them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&mut T, &S)> {
        self.slots
            .iter_mut()
            .map(|slot| (slot.local.get_mut(), &slot.shared))
    }
}

impl<P: Platform, T: Default, const N: usize, S: Default> Default for PerCpu<P, T, N, S> {
    fn default() -> Self {
        Self::from_fn(|_| (T::default(), S::default()))
    }
}
