//! Fault-around: with the page that a fault was about, its neighbours get into the page table.
//!
//! Owns: which neighbours those are: the resident pages of an aligned window that the same entry
//! shows from the same object. Nothing is brought in for it, and nothing is counted as a fault.
//! Does not own: what they are permitted (`enter::permission`, I-PTE-1); the pmap gives a neighbour
//! write permission only where its entry notes already that the page was written.
//! Locks: the map shared and the page's object, held by the caller.

use super::Try;
use crate::addr::{PageId, VirtAddr};
use crate::machine::{Machine, Mapping};
use crate::map::entry::Entry;
use crate::object::ObjectState;
use crate::object::slot::Slot;
use crate::residence::Account;
use crate::vm::Vm;
use abi::Protection;

/// Pages of a window: a power of two, at most what a node of slots and a leaf table hold.
const WINDOW: usize = 16;

impl<M: Machine> Vm<M> {
    /// Maps the neighbours of the page at `this.at`, which is at `index` of the entry's own object
    /// and was just entered as `mapping`. Wired entries have all their pages mapped already.
    #[inline]
    pub(super) fn enter_around(
        &self,
        entry: &Entry<M>,
        top: &ObjectState<M>,
        index: u64,
        mapping: Mapping,
        this: &mut Try<'_, M>,
    ) {
        if entry.pages() > 1
            && entry.wired == 0
            && let Some((slots, place)) = top.slots.around(index)
        {
            let number = this.at.0 >> M::PAGE_SHIFT;
            let window = number & !(WINDOW as u64).wrapping_sub(1);
            let first = window.max(entry.start.0 >> M::PAGE_SHIFT);
            let end = window.wrapping_add(WINDOW as u64);
            let end = end.min(entry.end.0 >> M::PAGE_SHIFT);
            let low = (number.wrapping_sub(first) as usize).min(place);
            let high = (end.wrapping_sub(number) as usize).min(slots.len().wrapping_sub(place));
            let mut pages = [None; WINDOW];
            let window = &slots[place.wrapping_sub(low)..place.wrapping_add(high)];
            let executes = mapping.protection.contains(Protection::EXECUTE);
            // Without a copy object nothing is owed.
            let copied = top.copy.is_some() && mapping.protection.contains(Protection::WRITE);
            let mut found = false;
            for (page, slot) in pages.iter_mut().zip(window) {
                if let Slot::Resident(neighbour) = slot.slot()
                    && (!executes || self.frames.pages().get(neighbour).is_fetchable())
                    && (!copied || !self.frames.pages().get(neighbour).is_owed())
                {
                    *page = Some(neighbour);
                    found = true;
                }
            }
            if top.reusable {
                self.leave_out(&mut pages, mapping.account);
            }
            if let Some(own) = pages.get_mut(low) {
                *own = None::<PageId>;
            }
            if found {
                let start = number.wrapping_sub(low as u64) << M::PAGE_SHIFT;
                self.machine().pmap_enter_around(
                    this.pmap,
                    VirtAddr(start),
                    &pages[..window.len().min(WINDOW)],
                    mapping,
                    this.reserve,
                );
            }
        }
    }

    /// Leaves the pages out that count as something else.
    #[cold]
    fn leave_out(&self, pages: &mut [Option<PageId>], account: Account) {
        let counts = |page: &PageId| self.frames.pages().get(*page).account() == account;
        for page in pages {
            *page = page.filter(counts);
        }
    }
}
