//! Advice about a range: `mach_vm_behavior_set`, `mach_vm_msync`.
//!
//! Owns: what each advice does without a pager and without pageout: memory that may go goes at once,
//! memory that is not needed becomes inactive.
//! Locks: the map shared (alone where an entry changes), then the object alone.

use super::entry::{Entry, EntryFlags};
use super::reusable::{Reuse, is_alone};
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::counters::Event;
use crate::fault::FaultError;
use crate::machine::{Machine, RefMod};
use crate::object::shadow::next_there;
use crate::object::slot::Slot;
use crate::page::PageState;
use crate::pager::{PagerError, SyncFlags};
use crate::sanitize::{
    self, Advice, RangeError, Realign, UserAddr, UserBehavior, UserFlags, UserSize,
};
use crate::vm::Vm;
use abi::{KernReturn, Protection};

/// `VM_SYNC_ASYNCHRONOUS`.
const SYNC_ASYNC: u32 = 1;
/// `VM_SYNC_SYNCHRONOUS`.
const SYNC_SYNC: u32 = 2;
/// `VM_SYNC_INVALIDATE`.
const SYNC_INVALIDATE: u32 = 4;
/// `VM_SYNC_KILLPAGES`.
const SYNC_KILLPAGES: u32 = 8;
/// `VM_SYNC_DEACTIVATE`.
const SYNC_DEACTIVATE: u32 = 0x10;
/// `VM_SYNC_CONTIGUOUS`.
const SYNC_CONTIGUOUS: u32 = 0x20;
/// `VM_SYNC_REUSABLEPAGES`: what is deactivated is marked as reusable.
const SYNC_REUSABLE: u32 = 0x40;

impl<M: Machine> Vm<M> {
    /// `mach_vm_behavior_set`.
    ///
    /// # Errors
    /// XNU's, in XNU's order: behaviour, size 0 succeeds, range, holes, rights.
    pub fn behavior(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
        behavior: UserBehavior,
    ) -> Result<(), KernReturn> {
        let advice = sanitize::behavior(behavior)?;
        if sanitize::is_zero(size) {
            return Ok(());
        }
        let limits = map.limits();
        let start_is_zero = limits.start.0 == 0 && sanitize::page::<M>(addr).0 == 0;
        let range = sanitize::range::<M>(addr, size, Realign::No).map_err(|error| match error {
            RangeError::Wrap => KernReturn::INVALID_ARGUMENT,
            RangeError::RoundWrap if start_is_zero => KernReturn::INVALID_ADDRESS,
            RangeError::RoundWrap => KernReturn::NO_SPACE,
        })?;
        if range.start < limits.start || range.end > limits.end {
            return Err(KernReturn::NO_SPACE);
        }
        match advice {
            Advice::Store(_) | Advice::ZeroWired => self.store_advice(map, range, advice),
            Advice::DontNeed => self.contiguous(map, range, |vm, entry, part| {
                vm.deactivate_part(entry, part);
            }),
            Advice::Free => self.kill(map, range),
            Advice::WillNeed => self.bring_near(map, range),
            Advice::Reusable => self.reuse(map, range, Reuse::Reusable),
            Advice::Reuse => self.reuse(map, range, Reuse::InUse),
            Advice::CanReuse => self.reuse(map, range, Reuse::Ask),
            Advice::Zero => self.zero_range(map, range),
        }
    }

    /// `mach_vm_msync`: what programs wrote into files that the range shows, themselves and not copies of
    /// them, goes to the pagers: `SYNCHRONOUS` (or none of both) so that it survives a power cut,
    /// `ASYNCHRONOUS` without waiting for anybody else, `INVALIDATE` so that it is read anew.
    ///
    /// # Errors
    /// XNU's, in XNU's order: size 0 succeeds, contradictory flags, range, holes if asked. `MEMORY_ERROR`: a
    /// pager failed; all that could be written was.
    pub fn msync(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
        flags: UserFlags,
    ) -> Result<(), KernReturn> {
        if sanitize::is_zero(size) {
            return Ok(());
        }
        if flags.0 & (SYNC_ASYNC | SYNC_SYNC) == SYNC_ASYNC | SYNC_SYNC {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let range = sanitize::range::<M>(addr, size, Realign::No);
        let range = range.map_err(|_| KernReturn::INVALID_ADDRESS)?;
        if flags.0 & SYNC_CONTIGUOUS != 0 && !map.read().covers(range) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        let written = self.sync_range(map, range, SyncFlags::of_msync(flags.0));
        if flags.0 & SYNC_KILLPAGES != 0 {
            self.kill_part(map, range);
        }
        if flags.0 & SYNC_DEACTIVATE != 0 {
            let state = map.read();
            self.each_part(&state, range, |entry, part| {
                self.deactivate_part(entry, part)
            });
            if flags.0 & SYNC_REUSABLE != 0 {
                self.mark_reusable(&state, range, Reuse::Reusable);
            }
        }
        written.map_err(|_| KernReturn::MEMORY_ERROR)
    }

    /// Gives what is dirty of the files in a range to their pagers, one entry after the other; the map is not
    /// locked meanwhile.
    fn sync_range(&self, map: &Map<M>, range: Range, flags: SyncFlags) -> Result<(), PagerError> {
        let mut result = Ok(());
        let mut from = range.start;
        while from < range.end {
            let rest = Range::new(from, range.end);
            let next = map.read().tree.visit(rest, |entry| {
                let object = entry.object.as_ref().filter(|object| object.is_paged())?;
                let part = entry.range().intersect(rest)?;
                let pages = (entry.index(part.start), entry.index(part.end));
                Some((object.try_ref().ok()?, pages, part.end))
            });
            let Some((object, pages, end)) = next else {
                break;
            };
            result = result.and(self.sync_part(&object, pages, flags));
            from = end;
        }
        result
    }

    fn store_advice(&self, map: &Map<M>, range: Range, advice: Advice) -> Result<(), KernReturn> {
        self.with_spare(|spare| {
            let mut state = map.write();
            if !state.covers(range) {
                return Err(KernReturn::INVALID_ADDRESS.into());
            }
            if advice == Advice::ZeroWired {
                all_allow(&state, range, Protection::WRITE)?;
            }
            let range = state.whole(range);
            state.clip(self, map, range, spare)?;
            state.tree.visit_mut(range, |entry| match advice {
                Advice::Store(behavior) => entry.attributes.behavior = behavior,
                _ => entry.attributes.flags.insert(EntryFlags::ZERO_WIRED),
            });
            state.simplify_range(self, range);
            Ok(())
        })
    }

    fn contiguous(
        &self,
        map: &Map<M>,
        range: Range,
        each: impl Fn(&Self, &Entry<M>, Range),
    ) -> Result<(), KernReturn> {
        let state = map.read();
        if !state.covers(range) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        self.each_part(&state, range, |entry, part| each(self, entry, part));
        Ok(())
    }

    /// Maps what the range shows, so that no read of it faults: resident pages, and zeros where
    /// nothing was written. No more pages than the machine has frames; a shortage ends it early.
    fn bring_near(&self, map: &Map<M>, range: Range) -> Result<(), KernReturn> {
        if !map.read().covers(range) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        let (mut at, mut left) = (range.start, self.total_pages().0);
        while at < range.end && left != 0 {
            left = left.saturating_sub(1);
            let mapped = self.machine().pmap_extract(self.pmap(map), at);
            if mapped.is_none() {
                match self.fault(map, at, Protection::READ) {
                    Ok(()) => self.counters.count(Event::WillNeed),
                    Err(FaultError::Shortage) => break,
                    // Not readable, or gone meanwhile: nothing is brought in.
                    Err(_) => {}
                }
            }
            at = VirtAddr(at.0.saturating_add(M::PAGE_SIZE));
        }
        Ok(())
    }

    pub(super) fn each_part(
        &self,
        state: &MapState<M>,
        range: Range,
        mut each: impl FnMut(&Entry<M>, Range),
    ) {
        state.tree.visit(range, |entry| {
            if let Some(part) = entry.range().intersect(range) {
                each(entry, part);
            }
            None::<()>
        });
    }

    fn kill(&self, map: &Map<M>, range: Range) -> Result<(), KernReturn> {
        if !map.read().covers(range) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        self.kill_part(map, range);
        Ok(())
    }

    /// Drops pages whose contents nobody else can see: they read as zeros then. The map is locked
    /// alone until no TLB shows them, so that no fault maps new ones before (I-TLB-6).
    fn kill_part(&self, map: &Map<M>, range: Range) {
        let mut batch = self.frames.batch();
        let state = map.write();
        if state.is_frozen() {
            return self.frames.finish(batch);
        }
        self.each_part(&state, range, |entry, part| {
            let Some(object) = entry.object.as_ref().filter(|_| !entry.needs_copy) else {
                return;
            };
            let mut state = object.write();
            let (from, to) = (entry.index(part.start), entry.index(part.end));
            if !is_alone(object.kind, &state) {
                return;
            }
            if state.true_share {
                // Other maps may show it, which are not locked.
                self.counters.count(Event::SharedKill);
                self.discard(object, state, (from, to));
            } else {
                self.free_range(&mut state, from, to, &mut batch);
            }
        });
        batch.flush_now(self.machine());
        drop(state);
        self.frames.finish(batch);
    }

    fn deactivate_part(&self, entry: &Entry<M>, part: Range) {
        let Some(object) = &entry.object else { return };
        let state = object.write();
        let mut batch = self.frames.batch();
        let (from, to) = (entry.index(part.start), entry.index(part.end));
        for (_, slot) in state.slots.range(from, to) {
            let Slot::Resident(page) = slot else { continue };
            if self.frames.pages().get(page).state() == PageState::Active {
                self.queues.dequeue(page);
                self.queues.deactivate(page);
                let used = RefMod::REFERENCED;
                self.frames.pages().get(page).unmark(used);
                self.machine().page_clear_refmod(page, used, &mut batch);
            }
        }
        drop(state);
        self.frames.finish(batch);
    }

    fn zero_range(&self, map: &Map<M>, range: Range) -> Result<(), KernReturn> {
        {
            let state = map.read();
            if !state.covers(range) {
                return Err(KernReturn::INVALID_ADDRESS);
            }
            all_allow(&state, range, Protection::WRITE)?;
            state.check_inside(range, Protection::WRITE)?;
        }
        self.kill_part(map, range);
        // What is left is shared, shadowed or wired: zeroed in place, page by page.
        let mut from = range.start;
        loop {
            let next = self.next_page_of(&map.read(), Range::new(from, range.end));
            let Some(at) = next else { return Ok(()) };
            self.write_bytes(map, at, M::PAGE_SIZE, self.zero_frame, 0)?;
            from = VirtAddr(at.0.saturating_add(M::PAGE_SIZE));
        }
    }

    /// The first address of the range where anything but zeros may show.
    fn next_page_of(&self, state: &MapState<M>, range: Range) -> Option<VirtAddr> {
        state.tree.visit(range, |entry| {
            let Some(submap) = &entry.submap else {
                return next_page_in(entry, range);
            };
            let part = entry.range().intersect(range)?;
            let window = Range::new(entry.inside(part.start), entry.inside(part.end));
            submap.read().tree.visit(window, |inner| {
                let shown = entry.show(inner).ok().flatten()?;
                next_page_in(&shown, range)
            })
        })
    }
}

fn next_page_in<M: Machine>(entry: &Entry<M>, range: Range) -> Option<VirtAddr> {
    let object = entry.object.as_ref()?;
    let part = entry.range().intersect(range)?;
    let index = next_there(object, entry.index(part.start))?;
    let inside = index.wrapping_sub(entry.offset) << M::PAGE_SHIFT;
    let at = VirtAddr(entry.start.0.saturating_add(inside));
    part.contains(at).then_some(at)
}

impl SyncFlags {
    const fn of_msync(flags: u32) -> Self {
        let mut sync = Self::empty();
        if flags & SYNC_ASYNC == 0 {
            sync = sync.union(Self::WAIT).union(Self::DURABLE);
        }
        if flags & SYNC_INVALIDATE != 0 {
            sync = sync.union(Self::WAIT).union(Self::INVALIDATE);
        }
        sync
    }
}

fn all_allow<M: Machine>(
    state: &MapState<M>,
    range: Range,
    right: Protection,
) -> Result<(), KernReturn> {
    let lacks = state.tree.visit(range, |entry| {
        (!entry.attributes.protection.contains(right)).then_some(())
    });
    lacks.map_or(Ok(()), |()| Err(KernReturn::PROTECTION_FAILURE))
}
