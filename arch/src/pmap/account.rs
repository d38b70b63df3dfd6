//! What a pmap's mappings count as.
//!
//! Owns: the counts by `Account` in a control block, and the node behind it with what changes less often:
//! untracked mappings, what the owner is charged for, the peaks. What a page counts as stands in its record, so who makes or ends a mapping
//! has it in hand, and no count is looked for. Does not own: why a page counts as it does (`vm`).
//! Locks: none; words of their own. A count may be behind for a moment, where a mapping is removed that is
//! just being counted: it is never less than nothing to who asks.

use super::hardware::Hardware;
use super::{Paging, Pmap, PteFormat, control};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use sync::NoPreempt;
use vm::Pager;
use vm::addr::{PageId, Pages, PhysAddr};
use vm::residence::{ACCOUNTS, Account, Peaks, Residence};

/// The words of the second node.
mod more {
    pub const UNTRACKED: u64 = 0;
    pub const RESIDENT_PEAK: u64 = 8;
    pub const EXTERNAL_PEAK: u64 = 16;
    pub const INTERNAL_PEAK: u64 = 24;
    pub const REUSABLE_PEAK: u64 = 32;
    pub const FOOTPRINT_PEAK: u64 = 40;
    pub const CHARGED: u64 = 48;
}

/// Which count a mapping is in: a word of one of the two nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Count(u8);

impl Count {
    /// That of mappings whose page does not know them.
    pub(super) const UNTRACKED: Self = Self(ACCOUNTS as u8);

    /// The page's.
    #[inline]
    pub(super) const fn of(account: Account) -> Self {
        Self(account as u8)
    }
}

/// Counts that there is room for: a power of two.
const ROOM: usize = 8;

/// Mappings that were removed and are not yet counted down.
#[derive(Default)]
pub(super) struct Removed([u64; ROOM]);

impl Removed {
    /// One more.
    #[inline(always)]
    pub(super) fn add(&mut self, count: Count) {
        self.0[usize::from(count.0) % ROOM] += 1;
    }
}

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    fn more(&self, control: u64) -> u64 {
        self.word(control + control::MORE).load(Relaxed)
    }

    #[inline]
    fn count_word(&self, control: u64, count: Count) -> &AtomicU64 {
        if count == Count::UNTRACKED {
            return self.word(self.more(control) + more::UNTRACKED);
        }
        self.word(control + control::ACCOUNTS + 8 * u64::from(count.0))
    }

    /// Mappings more.
    #[inline]
    pub(super) fn count_up(&self, control: u64, count: Count, mappings: u64) {
        self.count_word(control, count).fetch_add(mappings, Relaxed);
    }

    /// A mapping less. It was the most that there ever was, perhaps.
    pub(super) fn count_down(&self, control: u64, count: Count) {
        self.note_peaks(control);
        self.count_word(control, count).fetch_sub(1, Relaxed);
    }

    /// The mappings of a run of pages less.
    pub(super) fn count_down_run(&self, control: u64, count: Count, mappings: u64) {
        self.note_peaks(control);
        self.count_word(control, count).fetch_sub(mappings, Relaxed);
    }

    /// A mapping in another's place. Instead of the zero frame it is as much as there was before.
    pub(super) fn count_instead(&self, control: u64, gone: Count, count: Count) {
        if gone != Count::UNTRACKED {
            self.note_peaks(control);
        }
        self.count_word(control, gone).fetch_sub(1, Relaxed);
        self.count_up(control, count, 1);
    }

    /// The same for many.
    pub(super) fn count_down_all(&self, control: u64, removed: &Removed) {
        self.note_peaks(control);
        for (gone, count) in removed.0.iter().zip(0..=Count::UNTRACKED.0) {
            if *gone != 0 {
                self.count_word(control, Count(count))
                    .fetch_sub(*gone, Relaxed);
            }
        }
    }

    /// The page counts as something else, in all its mappings.
    pub(super) fn account_page(&self, page: PageId, account: Account) {
        let _here = NoPreempt::<H>::new();
        let mut record = self.records[page.0 as usize].lock::<H>();
        let old = record.account();
        if old != account {
            self.pv_each(&record, |location| {
                let control = self.record(PhysAddr(location)).control();
                self.count_instead(control, Count::of(old), Count::of(account));
            });
            record.set_account(account);
        }
        record.unlock();
    }

    fn pages(&self, at: u64) -> Pages {
        let count = self.word(at).load(Relaxed);
        Pages(if count >> 63 == 0 { count } else { 0 })
    }

    fn residence_of(&self, control: u64) -> Residence {
        let more = self.more(control);
        let word = |word: usize| control + control::ACCOUNTS + 8 * word as u64;
        Residence {
            by: core::array::from_fn(|account| self.pages(word(account))),
            untracked: self.pages(more + more::UNTRACKED),
            charged: self.pages(more + more::CHARGED),
        }
    }

    /// Something of the pmap is about to go: notes how much there is.
    pub(super) fn note_peaks(&self, control: u64) {
        let now = self.residence_of(control);
        let tables = self.pages(control + control::TABLES);
        let more = self.more(control);
        for (word, pages) in [
            (more::RESIDENT_PEAK, now.total()),
            (more::EXTERNAL_PEAK, now.of(Account::External)),
            (more::INTERNAL_PEAK, now.internal()),
            (more::REUSABLE_PEAK, now.of(Account::Reusable)),
            (more::FOOTPRINT_PEAK, now.footprint(tables)),
        ] {
            let peak = self.word(more + word);
            if peak.load(Relaxed) < pages.0 {
                peak.fetch_max(pages.0, Relaxed);
            }
        }
    }

    pub(super) fn residence(&self, pmap: &Pmap<H>) -> Residence {
        self.residence_of(pmap.control.0)
    }

    pub(super) fn charge(&self, pmap: &Pmap<H>, change: i64) {
        self.note_peaks(pmap.control.0);
        self.word(self.more(pmap.control.0) + more::CHARGED)
            .fetch_add(change as u64, Relaxed);
    }

    pub(super) fn peaks(&self, pmap: &Pmap<H>) -> Peaks {
        self.note_peaks(pmap.control.0);
        let more = self.more(pmap.control.0);
        Peaks {
            resident: self.pages(more + more::RESIDENT_PEAK),
            external: self.pages(more + more::EXTERNAL_PEAK),
            internal: self.pages(more + more::INTERNAL_PEAK),
            reusable: self.pages(more + more::REUSABLE_PEAK),
            footprint: self.pages(more + more::FOOTPRINT_PEAK),
        }
    }

    /// Gives the nodes of a pmap back that ends.
    pub(super) fn control_give(&self, control: PhysAddr) {
        let more = self.more(control.0);
        self.node_give(PhysAddr(more));
        self.node_give(control);
    }
}
