//! Nesting: the maps that show a submap show its page tables too.
//!
//! Owns: which ranges of an entry that names a submap are nested in the map's pmap, and when they are no
//! longer. Does not own: the tables (`Machine`), what becomes the map's own (`copy_up`).
//! Locks: the map alone, and for the look at the submap that shared.
//! Invariant: I-NEST-4 (what is nested lies, whole, in one entry that names that submap at the same
//! addresses and takes no right away from what it shows).
//!
//! A last-level table is nested where one entry covers all that it maps, at the addresses that it has in the
//! submap, and lets it be read and executed: nobody writes through a submap, so all who show it may do the
//! same with it, and a page that one task has brought in is there for all. A fault in such a range is
//! resolved in the submap's page tables (`fault::through`); before an entry is split, loses rights, or gives
//! a piece up, what the change meets is unnested, in whole tables, and the map's own tables come back by
//! faults.
//!
//! Nesting saves faults and tables and means nothing else: where memory for a table is missing, or the
//! machine cannot nest, the map's own tables serve.

use super::entry::Entry;
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::machine::{Machine, NotEntered};
use crate::vm::Vm;
use abi::Protection;

/// Where nesting a range stopped.
enum Stop {
    /// The table at this address needs memory.
    Reserve(VirtAddr),
    /// All has been seen to.
    Done,
}

impl<M: Machine> Vm<M> {
    /// Nests what can be of the submaps that entries in `range` name. No lock is held.
    pub(crate) fn nest(&self, map: &Map<M>, range: Range) {
        let (Some(size), Some(pmap)) = (M::NESTING_SIZE, map.pmap()) else {
            return;
        };
        let mut reserve = M::Reserve::default();
        let mut from = range;
        loop {
            let mut batch = self.frames.batch();
            let state = map.write();
            let stop = self.nest_locked(pmap, &state, (from, size), &mut reserve, &mut batch);
            batch.flush_now(self.machine());
            let short = match stop {
                Stop::Done => None,
                Stop::Reserve(at) => submap_at(&state, at).map(|submap| (at, submap.try_ref())),
            };
            drop(state);
            self.frames.finish(batch);
            let Some((at, Ok(submap))) = short else { break };
            let nested = self.pmap(&submap);
            let tables = &mut self.tables();
            let filled = self.machine().pmap_refill(nested, at, &mut reserve, tables);
            self.map_release(submap);
            if filled.is_err() {
                break;
            }
            from.start = at;
        }
        let tables = &mut self.tables_back();
        self.machine().pmap_unreserve(&mut reserve, tables);
    }

    fn nest_locked(
        &self,
        pmap: &M::Pmap,
        state: &MapState<M>,
        (range, size): (Range, u64),
        reserve: &mut M::Reserve,
        batch: &mut TlbBatch<'_, M>,
    ) -> Stop {
        let stop = state.tree.visit(range, |entry| {
            let submap = entry.submap.as_ref()?;
            let nested = self.pmap(submap);
            let inside = submap.read();
            entry.each_nestable(size, |table| {
                if table.intersect(range).is_none() || inside.tree.is_free(table) {
                    return None;
                }
                let mut nest = |batch: &mut TlbBatch<'_, M>| {
                    self.machine()
                        .pmap_nest(pmap, nested, table.start, reserve, batch)
                };
                let mut done = nest(batch);
                if done == Err(NotEntered::Occupied) {
                    batch.flush_now(self.machine());
                    done = nest(batch);
                }
                (done == Err(NotEntered::Reserve)).then_some(table.start)
            })
        });
        stop.map_or(Stop::Done, Stop::Reserve)
    }

    /// The map's page tables show nothing of submaps' any more in what `range` meets, in whole tables.
    /// The map is locked alone; the caller ends the batch before it unlocks it.
    #[cold]
    #[inline(never)]
    pub(crate) fn unnest(&self, map: &Map<M>, range: Range, batch: &mut TlbBatch<'_, M>) {
        if M::NESTING_SIZE.is_some() {
            self.machine().pmap_unnest(self.pmap(map), range, batch);
        }
    }

    /// The same before an entry is split at `at`, and done when it returns.
    #[cold]
    pub(crate) fn unnest_at(&self, map: &Map<M>, at: VirtAddr) {
        let within = M::NESTING_SIZE.map_or(0, |size| at.0 & size.wrapping_sub(1));
        if within != 0 {
            let page = VirtAddr(at.0.saturating_add(M::PAGE_SIZE));
            let mut batch = self.frames.batch();
            self.unnest(map, Range::new(at, page), &mut batch);
            self.frames.finish(batch);
        }
    }
}

fn submap_at<M: Machine>(state: &MapState<M>, at: VirtAddr) -> Option<&super::MapRef<M>> {
    state.tree.find(at)?.submap.as_ref()
}

impl<M: Machine> Entry<M> {
    /// Calls `each` with the addresses of every table that may be nested by this entry, which names a
    /// submap, until it answers something.
    pub(crate) fn each_nestable<R>(
        &self,
        size: u64,
        mut each: impl FnMut(Range) -> Option<R>,
    ) -> Option<R> {
        let shown = Protection::READ.union(Protection::EXECUTE);
        if self.inside(self.start) != self.start || !self.attributes.protection.contains(shown) {
            return None;
        }
        let mut at = self.start.0.checked_next_multiple_of(size)?;
        while let Some(end) = at.checked_add(size).filter(|&end| end <= self.end.0) {
            if let Some(answer) = each(Range::new(VirtAddr(at), VirtAddr(end))) {
                return Some(answer);
            }
            at = end;
        }
        None
    }
}
