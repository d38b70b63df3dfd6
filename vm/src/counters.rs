//! Event counters: what happened since boot.
//!
//! Owns: one atomic per event and shard of CPUs. Does not own: gauges (queue lengths); those are
//! where the things are that they count.

use crate::frames::{Padded, SHARDS};
use crate::machine::Machine;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Event {
    /// Faults.
    Fault,
    /// Faults that copied a page.
    CowFault,
    /// Pages filled with zeros for a program.
    ZeroFill,
    /// Pages that were zeroed while another thread had the object locked.
    ZeroAhead,
    /// Reads of never-written memory that got the shared zero frame.
    ZeroRead,
    /// Page lookups in objects.
    Lookup,
    /// Lookups that found the page resident.
    Hit,
    /// Inactive pages that became active.
    Reactivation,
    /// Shadow objects made.
    Shadow,
    /// Shadow links that went away because the object below was merged.
    Collapse,
    /// Shadow links that were led past an object that showed nothing any more.
    Bypass,
    /// Entries split.
    Clip,
    /// Entries joined, or grown instead of a new one.
    Coalesce,
    /// Waits for a busy page.
    BusyWait,
    /// Times that an operation started again: reserve too small, map changed.
    Retry,
    /// Pages copied at fork, because they are wired or truly shared.
    ForkCopy,
    /// Copies that were put off until the original changes: copy objects made or used again.
    DelayedCopy,
    /// Pages that a copy object got before the original changed.
    Push,
    /// Overwrites by new entries instead of bytes.
    VirtualCopy,
    /// Chains that became too deep and were copied flat.
    Flatten,
    /// Objects visited by faults below the first: the length of the walks.
    ChainStep,
    /// Entries that pieces of large regions became.
    Chunk,
    /// Wirings that were refused: over the limit of the task.
    OverUserLimit,
    /// Wirings that were refused: over the limit of the machine.
    OverGlobalLimit,
    /// Pages that advice brought in.
    WillNeed,
    /// Pages that were marked as reusable.
    Reusable,
    /// Parts of shared objects whose pages advice threw away.
    SharedKill,
    /// Wired pages that were zeroed because their entry went.
    ZeroWired,
    /// Volatile objects that were purged.
    Purge,
    /// Pages that were in them.
    PurgedPage,
    /// Operations that failed for want of memory and were tried again after a purge.
    Relief,
    /// Reads that a submap answered.
    Through,
    /// Those that were resolved in the submap's own page tables, for all who show it.
    Nested,
    /// Pieces of submaps that became entries of the map that names the submap.
    CopyUp,
    /// Runs of pages that pagers were asked for.
    PageInRequest,
    /// Pages that pagers supplied.
    PageIn,
    /// Pages that were read ahead and then used.
    SpeculativeHit,
    /// Runs of pages that were given to pagers.
    PageOutRequest,
    /// Pages that pagers took.
    PageOut,
    /// Pages that left memory because it was short.
    Eviction,
    /// Pages that a pager would not take.
    PageOutError,
    /// Operations that failed for want of memory.
    Shortage,
}

const EVENTS: usize = Event::Shortage as usize + 1;

/// The counters.
pub struct Counters<M> {
    shards: [Padded<[AtomicU64; EVENTS]>; SHARDS],
    _machine: PhantomData<fn() -> M>,
}

impl<M: Machine> Counters<M> {
    pub(crate) fn new() -> Self {
        Self {
            shards: core::array::from_fn(|_| Padded([const { AtomicU64::new(0) }; EVENTS])),
            _machine: PhantomData,
        }
    }

    /// Counts one.
    #[inline]
    pub(crate) fn count(&self, event: Event) {
        self.add(event, 1);
    }

    /// Counts `n`. The shard is this CPU's; a thread that moves meanwhile counts on its old one.
    #[inline]
    pub(crate) fn add(&self, event: Event, n: u64) {
        self.shards[M::cpu() % SHARDS].0[event as usize].fetch_add(n, Relaxed);
    }

    /// What one CPU counted (and those that share its shard, where there are more than shards).
    pub fn get_on(&self, cpu: usize, event: Event) -> u64 {
        self.shards[cpu % SHARDS].0[event as usize].load(Relaxed)
    }

    /// The sum over all CPUs.
    pub fn get(&self, event: Event) -> u64 {
        self.shards
            .iter()
            .map(|shard| shard.0[event as usize].load(Relaxed))
            .fold(0, u64::wrapping_add)
    }
}
