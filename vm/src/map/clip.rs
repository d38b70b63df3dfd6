//! Entries are split where an operation begins and ends, and joined again when they are alike.
//!
//! Owns: [`Spare`], the entries that a split may need, taken before the map is locked.
//! Does not own: which attributes make two entries one (`entry`). Locks: the map alone.

use super::entry::{Entry, EntryBox};
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::counters::Event;
use crate::frames::Frames;
use crate::machine::Machine;
use crate::vm::Vm;
use abi::KernReturn;
use zalloc::Reserve;

/// Why an operation on a locked map stopped before it changed anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// So many spare entries are needed: unlock, fill, look again.
    Entries(usize),
    /// It ends with this code.
    Code(KernReturn),
}

impl From<KernReturn> for Stop {
    fn from(code: KernReturn) -> Self {
        Self::Code(code)
    }
}

/// Entries in hand. Those that are left go back to their zone.
pub(crate) struct Spare<M: Machine> {
    entries: Reserve<Entry<M>, Frames<M>>,
}

impl<M: Machine> Spare<M> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Reserve::new(),
        }
    }

    /// Stops an operation that needs more than there are.
    pub(crate) fn require(&self, count: usize) -> Result<(), Stop> {
        if self.entries.count() < count {
            return Err(Stop::Entries(count));
        }
        Ok(())
    }

    /// Takes entries until there are `count`. No lock is held.
    pub(crate) fn fill(&mut self, vm: &Vm<M>, count: usize) -> Result<(), KernReturn> {
        vm.relieved(|| {
            let filled = self.entries.refill(&vm.zones.entries, &vm.frames, count);
            filled.map_err(|_| vm.shortage())
        })
    }

    /// A spare entry, made into `entry`. There is one: `require` was asked.
    pub(crate) fn take(&mut self, entry: Entry<M>) -> Result<EntryBox<M>, Stop> {
        self.entries.fill(entry).map_err(|_| Stop::Entries(1))
    }
}

impl<M: Machine> Vm<M> {
    /// Runs an operation on a locked map until it has the spare entries that it asks for.
    pub(crate) fn with_spare<R>(
        &self,
        mut operation: impl FnMut(&mut Spare<M>) -> Result<R, Stop>,
    ) -> Result<R, KernReturn> {
        let mut spare = Spare::new();
        loop {
            match operation(&mut spare) {
                Ok(result) => return Ok(result),
                Err(Stop::Code(code)) => return Err(code),
                Err(Stop::Entries(count)) => spare.fill(self, count)?,
            }
        }
    }
}

impl<M: Machine> MapState<M> {
    /// How many entries the splits at both ends of `range` need.
    pub(crate) fn clips(&self, range: Range) -> usize {
        let Some(first) = self.tree.find_from(range.start) else {
            return 0;
        };
        let last = if first.end < range.end {
            self.tree.find(range.end)
        } else {
            Some(first).filter(|first| first.end > range.end)
        };
        let at_start = first.start < range.start;
        let at_end = last.is_some_and(|last| last.start < range.end);
        usize::from(at_start).saturating_add(usize::from(at_end))
    }

    /// Splits the entries that `range` begins or ends in, in `map`, whose state this is. Asks for spare
    /// entries before it changes anything.
    pub(crate) fn clip(
        &mut self,
        vm: &Vm<M>,
        map: &Map<M>,
        range: Range,
        spare: &mut Spare<M>,
    ) -> Result<(), Stop> {
        let splits = self.clips(range);
        if splits == 0 {
            return Ok(());
        }
        spare.require(splits)?;
        self.clip_at(vm, map, range.start, spare)?;
        self.clip_at(vm, map, range.end, spare)
    }

    fn clip_at(
        &mut self,
        vm: &Vm<M>,
        map: &Map<M>,
        at: VirtAddr,
        spare: &mut Spare<M>,
    ) -> Result<(), Stop> {
        let Some(entry) = self.tree.find(at).filter(|entry| entry.start < at) else {
            return Ok(());
        };
        debug_assert!(
            !entry.is_superpage(),
            "I-SUPER-1: a superpage is split at {at:?}"
        );
        let start = entry.start;
        let object = match &entry.object {
            None => None,
            Some(object) => Some(
                object
                    .try_ref()
                    .map_err(|_| KernReturn::RESOURCE_SHORTAGE)?,
            ),
        };
        let submap = match &entry.submap {
            None => None,
            Some(submap) => {
                let submap = vm.name_submap(submap)?;
                vm.unnest_at(map, at);
                Some(submap)
            }
        };
        if let Some(object) = &object {
            let mut state = object.write();
            let refs = state.refs.checked_add(1);
            state.refs = refs.ok_or(KernReturn::RESOURCE_SHORTAGE)?;
        }
        let mut second = Entry::new(Range::new(at, entry.end), entry.attributes);
        second.object = object;
        second.submap = submap;
        second.offset = entry.index(at);
        second.needs_copy = entry.needs_copy;
        (second.wired, second.user_wired) = (entry.wired, entry.user_wired);
        let second = spare.take(second)?;
        self.tree.update(start, |entry| entry.end = at);
        self.tree.insert(second);
        vm.counters.count(Event::Clip);
        Ok(())
    }

    /// Joins the entries that meet at `at`, if they are alike.
    pub(crate) fn simplify(&mut self, vm: &Vm<M>, at: VirtAddr) {
        let Some(next) = self.tree.find(at).filter(|next| next.start == at) else {
            return;
        };
        let Some(first) = self.tree.find_before(at).filter(|first| first.joins(next)) else {
            return;
        };
        let (start, end) = (first.start, next.end);
        let Some(next) = self.tree.remove(at) else {
            return;
        };
        if let Some(object) = &next.object {
            let mut state = object.write();
            // The first entry keeps its own reference.
            state.refs = state.refs.saturating_sub(1);
        }
        if let Some(submap) = &next.submap {
            submap.write().unname();
        }
        self.tree.update(start, |first| first.end = end);
        vm.counters.count(Event::Coalesce);
    }

    /// Joins at both ends of `range` and everywhere within.
    pub(crate) fn simplify_range(&mut self, vm: &Vm<M>, range: Range) {
        self.simplify(vm, range.start);
        let mut at = range.start;
        while let Some(entry) = self.tree.find(at) {
            let end = entry.end;
            if end > range.end {
                break;
            }
            self.simplify(vm, end);
            at = end;
        }
    }
}
