//! Wiring: pages that stay, and mappings that stay.
//!
//! Owns: `vm_wire` and its undoing, the wire counts of entries and pages.
//! Does not own: filling pages (`fault`). Locks: the map shared while pages are brought in, then
//! alone while they are counted; then the object alone.
//! Invariants: I-PAGE-3 (a wired page is never disconnected), I-WIRE-1 (the pages of a wired entry are
//! in its top object, and each has one wiring for it).

use super::clip::{Spare, Stop};
use super::entry::{Entry, EntryFlags};
use super::{Map, MapState};
use crate::addr::{PageId, Range, VirtAddr};
use crate::counters::Event;
use crate::machine::{Machine, Wired};
use crate::object::ObjectState;
use crate::object::slot::Slot;
use crate::sanitize::{self, RangeError, Realign, UserAddr, UserProt, UserSize};
use crate::vm::Vm;
use abi::{KernReturn, Protection};

impl<M: Machine> Vm<M> {
    /// `mach_vm_wire`, `mlock`: the pages of the range are brought in and stay. `prot` is what the
    /// entries must allow.
    ///
    /// # Errors
    /// XNU's, in XNU's order: range, protection, holes, rights, limit. All or nothing.
    pub fn wire(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
        prot: UserProt,
    ) -> Result<(), KernReturn> {
        let Some(range) = wire_range::<M>(addr, size)? else {
            return Ok(());
        };
        let (access, _) = sanitize::protection(prot, 0)?;
        match self.wire_once(map, range, access)? {
            Some(_) => Ok(()),
            None => self.wire_in_parts(map, range, access),
        }
    }

    /// Brings all pages of a range in, then wires them. Answers what was wired, which is more where the range
    /// cuts a superpage; `None`, and nothing is, if a page was thrown away again meanwhile.
    fn wire_once(
        &self,
        map: &Map<M>,
        range: Range,
        access: Protection,
    ) -> Result<Option<Range>, KernReturn> {
        let (range, over) = {
            let state = map.read();
            let Some(range) = range.intersect(state.limits) else {
                return Ok(Some(range));
            };
            let range = state.whole(range);
            self.check_wire(&state, range, access)?;
            (range, state.tree.has_submaps())
        };
        if over {
            // Wired pages are the map's own.
            self.copy_submap_up(map, range, access)?;
        }
        self.bring_in(map, range)?;
        self.with_spare(|spare| {
            let mut state = map.write();
            let range = state.whole(range);
            self.check_wire(&state, range, access)?;
            state.clip(self, map, range, spare)?;
            let counted = self.count_wirings(map, &mut state, range);
            if counted < range.end {
                // What was counted counts no more.
                self.drop_wirings(map, &mut state, Range::new(range.start, counted));
            }
            state.simplify_range(self, range);
            Ok((counted == range.end).then_some(range))
        })
    }

    /// Wires a range part by part, for its pages do not stay until all are there: memory is too short for what
    /// is not wired, or somebody throws pages away. A part that has lost a page is tried again, half as long.
    #[cold]
    #[inline(never)]
    fn wire_in_parts(
        &self,
        map: &Map<M>,
        range: Range,
        access: Protection,
    ) -> Result<(), KernReturn> {
        // What the way back may need.
        let mut spare = Spare::new();
        spare.fill(self, 2)?;
        let mut done = Range::new(range.start, range.start);
        let mut pages = range.len() >> M::PAGE_SHIFT;
        while done.end < range.end {
            let end = done.end.0.saturating_add(pages << M::PAGE_SHIFT);
            let part = Range::new(done.end, VirtAddr(end).min(range.end));
            match self.wire_once(map, part, access) {
                Ok(Some(wired)) => {
                    let start = done.start.min(wired.start);
                    done = Range::new(start, wired.end.max(part.end));
                }
                Ok(None) => pages = pages.div_ceil(2),
                Err(code) => {
                    let mut state = map.write();
                    if state.clip(self, map, done, &mut spare).is_ok() {
                        self.drop_wirings(map, &mut state, done);
                        state.simplify_range(self, done);
                    }
                    return Err(code);
                }
            }
        }
        Ok(())
    }

    /// `mach_vm_wire` without protection, `munlock`: takes one user wiring from each entry.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the range wraps; `INVALID_ADDRESS` if its start is not mapped.
    pub fn unwire(&self, map: &Map<M>, addr: UserAddr, size: UserSize) -> Result<(), KernReturn> {
        let Some(range) = wire_range::<M>(addr, size)? else {
            return Ok(());
        };
        self.with_spare(|spare| {
            let mut state = map.write();
            let Some(range) = range.intersect(state.limits) else {
                return Ok(());
            };
            state.check_frozen()?;
            if state.tree.find(range.start).is_none() {
                return Err(Stop::Code(KernReturn::INVALID_ADDRESS));
            }
            let range = state.whole(range);
            state.clip(self, map, range, spare)?;
            self.drop_wirings(map, &mut state, range);
            state.simplify_range(self, range);
            Ok(())
        })
    }

    /// Takes one user wiring from each entry of a range that begins and ends with entries.
    fn drop_wirings(&self, map: &Map<M>, state: &mut MapState<M>, range: Range) {
        let mut freed = 0u64;
        state.tree.visit_mut(range, |entry| {
            if entry.user_wired == 0 {
                return;
            }
            entry.user_wired = entry.user_wired.saturating_sub(1);
            if entry.user_wired == 0 {
                freed = freed.saturating_add(entry.range().len());
                self.drop_wiring(map, entry);
            }
        });
        state.user_wired = state.user_wired.saturating_sub(freed);
    }

    fn check_wire(
        &self,
        state: &MapState<M>,
        range: Range,
        access: Protection,
    ) -> Result<(), KernReturn> {
        state.check_frozen()?;
        if !state.covers(range) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        let mut limit = self.wire_check(state);
        let bad = state.tree.visit(range, |entry| {
            if !entry.attributes.protection.contains(access) {
                return Some(KernReturn::PROTECTION_FAILURE);
            }
            let part = entry.range().intersect(range).unwrap_or_default();
            if entry.submap.is_some()
                && let Err(code) = state.check_inside(part, access)
            {
                return Some(code);
            }
            if entry.user_wired == 0 {
                if let Err(over) = limit.add(part.len()) {
                    self.counters.count(over);
                    return Some(KernReturn::RESOURCE_SHORTAGE);
                }
                if entry.wired == u16::MAX {
                    return Some(KernReturn::FAILURE);
                }
            }
            (entry.user_wired == u16::MAX).then_some(KernReturn::FAILURE)
        });
        bad.map_or(Ok(()), Err)
    }

    /// Gets every page of the range into the top object of its entry, and mapped. May sleep.
    fn bring_in(&self, map: &Map<M>, range: Range) -> Result<(), KernReturn> {
        let mut at = range.start;
        while at < range.end {
            self.fault_wire(map, at)?;
            at = VirtAddr(at.0.saturating_add(M::PAGE_SIZE));
        }
        Ok(())
    }

    /// Whether every page of an entry is in its locked object, which may be written, not busy, mapped,
    /// and owed to no copy: a push could not take a wired page from who looks through the copy.
    fn all_present(&self, map: &Map<M>, entry: &Entry<M>, object: &ObjectState<M>) -> bool {
        let hidden = entry.attributes.protection.is_empty();
        let mut at = entry.start;
        while at < entry.end && !entry.needs_copy {
            let Slot::Resident(page) = object.slots.get(entry.index(at)) else {
                return false;
            };
            if self.frames.pages().get(page).is_owed() {
                return false;
            }
            let mapped = self.machine().pmap_extract(self.pmap(map), at);
            if !hidden && mapped.is_none_or(|(there, _)| there != page) {
                return false;
            }
            at = VirtAddr(at.0.saturating_add(M::PAGE_SIZE));
        }
        !entry.needs_copy
    }

    /// Counts one user wiring for each entry of the range, and one for each page of those that had
    /// none. Stops at an entry that lacks a page; answers where it stopped.
    fn count_wirings(&self, map: &Map<M>, state: &mut MapState<M>, range: Range) -> VirtAddr {
        let mut counted = range.start;
        let mut more = 0u64;
        state.tree.visit_mut(range, |entry| {
            if entry.start != counted || (entry.wired == 0 && !self.wire_pages(map, entry)) {
                return;
            }
            counted = entry.end;
            entry.user_wired = entry.user_wired.saturating_add(1);
            if entry.user_wired == 1 {
                more = more.saturating_add(entry.range().len());
                entry.wired = entry.wired.saturating_add(1);
            }
        });
        state.user_wired = state.user_wired.saturating_add(more);
        counted
    }

    /// Wires the pages of an entry, if all are there. They were brought in while the map was
    /// shared, so it is looked again, and others who share the object may throw pages away at any
    /// time, so it is looked under the object's lock.
    fn wire_pages(&self, map: &Map<M>, entry: &Entry<M>) -> bool {
        let Some(object) = &entry.object else {
            return false;
        };
        if object.is_device() {
            // It stays by itself.
            return true;
        }
        let guard = object.write();
        if !self.all_present(map, entry, &guard) {
            return false;
        }
        let end = entry.offset.saturating_add(entry.pages());
        for (index, slot) in guard.slots.range(entry.offset, end) {
            if let Some(page) = slot.page() {
                self.wire_page(page);
                let inside = index.wrapping_sub(entry.offset) << M::PAGE_SHIFT;
                let at = VirtAddr(entry.start.0.wrapping_add(inside));
                self.machine()
                    .pmap_change_wiring(self.pmap(map), at, Wired::Yes);
            }
        }
        self.recount(&guard);
        true
    }

    /// One wiring more for a page whose object is locked alone.
    pub(crate) fn wire_page(&self, page: PageId) {
        if self.frames.pages().get(page).add_wiring() == Some(0) {
            self.queues.dequeue(page);
            self.queues.set_wired(page);
            let record = self.frames.pages().get(page);
            if record.is_reusable() {
                record.clear_reusable();
                self.machine().page_account(page, record.account());
            }
        }
    }

    /// One wiring less for a page whose object is locked alone.
    pub(crate) fn unwire_page(&self, page: PageId) {
        let left = self.frames.pages().get(page).remove_wiring();
        assert!(
            left.is_some(),
            "I-PAGE-4: a page is unwired that has no wiring"
        );
        if left == Some(0) {
            self.queues.clear_wired(page);
            self.queues.activate(page);
        }
    }

    /// One reason less for an entry's pages to be wired.
    fn drop_wiring(&self, map: &Map<M>, entry: &mut Entry<M>) {
        entry.wired = entry.wired.saturating_sub(1);
        if entry.wired == 0 {
            self.unwire_pages(map, entry);
        }
    }

    /// Undoes all wirings of an entry that goes.
    pub(crate) fn unwire_all(&self, map: &Map<M>, entry: &mut Entry<M>) {
        if entry.wired == 0 {
            return;
        }
        if entry.attributes.flags.contains(EntryFlags::ZERO_WIRED) {
            self.zero_pages(entry);
        }
        self.end_wirings(map, entry);
    }

    /// The same for an entry that stays: its pages keep what they hold.
    pub(super) fn end_wirings(&self, map: &Map<M>, entry: &mut Entry<M>) {
        (entry.wired, entry.user_wired) = (0, 0);
        self.unwire_pages(map, entry);
    }

    /// `ZERO_WIRED_PAGES`: who gets to see the pages later finds nothing in them.
    #[cold]
    fn zero_pages(&self, entry: &Entry<M>) {
        let Some(object) = &entry.object else { return };
        let guard = object.write();
        let end = entry.offset.saturating_add(entry.pages());
        for (_, slot) in guard.slots.range(entry.offset, end) {
            if let Some(page) = slot.page() {
                self.zero_bytes(page, 0);
                self.counters.count(Event::ZeroWired);
            }
        }
    }

    fn unwire_pages(&self, map: &Map<M>, entry: &Entry<M>) {
        let Some(object) = &entry.object else { return };
        let guard = object.write();
        let end = entry.offset.saturating_add(entry.pages());
        for (index, slot) in guard.slots.range(entry.offset, end) {
            if let Some(page) = slot.page()
                && self.frames.pages().get(page).wirings() != 0
            {
                if !entry.is_superpage() {
                    let inside = index.wrapping_sub(entry.offset) << M::PAGE_SHIFT;
                    let at = VirtAddr(entry.start.0.wrapping_add(inside));
                    self.machine()
                        .pmap_change_wiring(self.pmap(map), at, Wired::No);
                }
                self.unwire_page(page);
            }
        }
        self.recount(&guard);
    }
}

/// The pages of a wire call; `None` for a size of 0, which succeeds.
fn wire_range<M: Machine>(addr: UserAddr, size: UserSize) -> Result<Option<Range>, KernReturn> {
    if sanitize::is_zero(size) {
        return Ok(None);
    }
    match sanitize::range::<M>(addr, size, Realign::No) {
        Ok(range) => Ok(Some(range)),
        Err(RangeError::Wrap | RangeError::RoundWrap) => Err(KernReturn::INVALID_ARGUMENT),
    }
}
