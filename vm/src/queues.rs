//! The queues of pages in use: active, inactive, speculative, laundry; and the count of wired ones.
//!
//! Owns: which queue a page of an object is in. The active queue has one shard per CPU, so that two
//! CPUs' faults do not meet; the inactive queue has a part for files and one for the rest.
//! Does not own: free pages (`frames`), page contents, who goes when (`pageout`).
//! Locks: one spin lock per queue. A page's state says which queue it is in; it is checked again under that
//! queue's lock. Whoever has the page's object locked takes one at a time; only pageout, which has not,
//! moves a page from one queue to the next, with both locked: active, inactive, files'.

use crate::addr::{PageId, Pages};
use crate::frames::{Padded, SHARDS};
use crate::machine::Machine;
use crate::page::{Content, PageArray, PageQueue, PageState};
use crate::ranks::QueueRank;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use sync::{SpinGuard, SpinLock};

type Queue<M> = Padded<SpinLock<M, QueueRank, Counted>>;

/// A queue, and whose pages it holds.
#[derive(Default)]
struct Counted {
    queue: PageQueue,
    internal: u32,
    external: u32,
}

impl Counted {
    #[inline]
    fn push_tail(&mut self, pages: PageArray<'_>, page: PageId) {
        self.queue.push_tail(pages, page);
        let count = self.count_of(pages, page);
        *count = count.wrapping_add(1);
    }

    fn push_head(&mut self, pages: PageArray<'_>, page: PageId) {
        self.queue.push_head(pages, page);
        let count = self.count_of(pages, page);
        *count = count.wrapping_add(1);
    }

    #[inline]
    fn remove(&mut self, pages: PageArray<'_>, page: PageId) {
        self.queue.remove(pages, page);
        let count = self.count_of(pages, page);
        *count = count.wrapping_sub(1);
    }

    #[inline]
    fn count_of(&mut self, pages: PageArray<'_>, page: PageId) -> &mut u32 {
        match pages.get(page).content() {
            Content::Internal | Content::Owned => &mut self.internal,
            Content::External => &mut self.external,
        }
    }
}

/// The queues.
pub struct Queues<M: Machine> {
    pages: PageArray<'static>,
    active: [Queue<M>; SHARDS],
    inactive: Queue<M>,
    inactive_file: Queue<M>,
    speculative: Queue<M>,
    laundry: Queue<M>,
    wired: AtomicU64,
}

/// Pages by queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// In the active queue.
    pub active: Pages,
    /// In the inactive queue of memory without a pager.
    pub inactive_internal: Pages,
    /// In the inactive queue of files.
    pub inactive_file: Pages,
    /// In the speculative queue.
    pub speculative: Pages,
    /// In the laundry.
    pub laundry: Pages,
    /// Of objects, with wirings.
    pub wired: Pages,
    /// Of anonymous memory, in any of the queues.
    pub internal: Pages,
    /// Of files, in any of the queues.
    pub external: Pages,
}

impl QueueCounts {
    /// Inactive pages of both kinds.
    pub fn inactive(&self) -> Pages {
        Pages(
            self.inactive_internal
                .0
                .saturating_add(self.inactive_file.0),
        )
    }
}

impl<M: Machine> Queues<M> {
    pub(crate) fn new(pages: PageArray<'static>) -> Self {
        let queue = || Padded(SpinLock::new(Counted::default()));
        Self {
            pages,
            active: core::array::from_fn(|_| queue()),
            inactive: queue(),
            inactive_file: queue(),
            speculative: queue(),
            laundry: queue(),
            wired: AtomicU64::new(0),
        }
    }

    /// Puts a held page into the active queue.
    #[inline]
    pub(crate) fn activate(&self, page: PageId) {
        let shard = M::cpu() % SHARDS;
        let record = self.pages.get(page);
        let mut queue = self.active[shard].0.lock();
        record.set_shard(shard);
        record.set_state(PageState::Active);
        queue.push_tail(self.pages, page);
    }

    /// Puts a held page into the inactive queue of its kind.
    pub(crate) fn deactivate(&self, page: PageId) {
        let (state, queue) = self.inactive_of(page);
        let mut queue = queue.0.lock();
        self.pages.get(page).set_state(state);
        queue.push_tail(self.pages, page);
    }

    fn inactive_of(&self, page: PageId) -> (PageState, &Queue<M>) {
        match self.pages.get(page).content() {
            Content::External => (PageState::InactiveFile, &self.inactive_file),
            Content::Internal | Content::Owned => (PageState::Inactive, &self.inactive),
        }
    }

    /// Puts a held page into the laundry.
    pub(crate) fn launder(&self, page: PageId) {
        let mut queue = self.laundry.0.lock();
        self.pages.get(page).set_state(PageState::Laundry);
        queue.push_tail(self.pages, page);
    }

    /// Puts a held page of a file where the next victim is taken.
    pub(crate) fn offer(&self, page: PageId) {
        let mut queue = self.inactive_file.0.lock();
        self.pages.get(page).set_state(PageState::InactiveFile);
        queue.push_head(self.pages, page);
    }

    /// The page to take next: the oldest that was read ahead, or else the oldest inactive one of a file.
    pub(crate) fn oldest_of_files(&self) -> Option<(PageId, PageState)> {
        let ahead = self.speculative.0.lock().queue.peek();
        let page = ahead.map(|page| (page, PageState::Speculative));
        page.or_else(|| {
            let oldest = self.inactive_file.0.lock().queue.peek();
            oldest.map(|page| (page, PageState::InactiveFile))
        })
    }

    /// A page counts as the youngest of its queue. Its object is locked alone.
    pub(crate) fn rotate(&self, page: PageId) {
        let record = self.pages.get(page);
        let (state, shard) = (record.state(), record.shard());
        if let Some(queue) = self.queue_of(state, shard) {
            let mut queue = queue.lock();
            queue.remove(self.pages, page);
            queue.push_tail(self.pages, page);
        }
    }

    /// A page that was found in a queue of victims is no victim: it goes where nothing is taken, unless it
    /// has left already. Its object is not locked.
    pub(crate) fn set_aside(&self, page: PageId, found: PageState) {
        let victims = match found {
            PageState::Speculative => &self.speculative,
            _ => &self.inactive_file,
        };
        let mut aside = self.inactive.0.lock();
        let mut victims = victims.0.lock();
        if self.pages.get(page).state() == found {
            victims.remove(self.pages, page);
            self.pages.get(page).set_state(PageState::Inactive);
            aside.push_tail(self.pages, page);
        }
    }

    /// Moves the oldest active pages to the inactive queues, until `count` of them were files'; each of those
    /// is shown first, with queues locked. Stops after [`AGED`] pages of each queue. Answers how many it moved.
    pub(crate) fn age(&self, count: u64, mut each: impl FnMut(PageId)) -> Pages {
        let (mut left, mut moved) = (count, 0u64);
        for shard in &self.active {
            let mut active = shard.0.lock();
            for _ in 0..AGED {
                let Some(page) = active.queue.peek().filter(|_| left != 0) else {
                    break;
                };
                active.remove(self.pages, page);
                let (state, inactive) = self.inactive_of(page);
                if state == PageState::InactiveFile {
                    left = left.saturating_sub(1);
                    each(page);
                }
                let mut inactive = inactive.0.lock();
                self.pages.get(page).set_state(state);
                inactive.push_tail(self.pages, page);
                moved = moved.saturating_add(1);
            }
        }
        Pages(moved)
    }

    /// Puts a held page into the speculative queue.
    pub(crate) fn speculate(&self, page: PageId) {
        let mut queue = self.speculative.0.lock();
        self.pages.get(page).set_state(PageState::Speculative);
        queue.push_tail(self.pages, page);
    }

    /// Puts a speculative page into the active queue. The page's object is locked, shared or alone; of
    /// several who find the page speculative, one does it and is told so.
    pub(crate) fn promote(&self, page: PageId) -> bool {
        let record = self.pages.get(page);
        let mut queue = self.speculative.0.lock();
        if record.state() != PageState::Speculative {
            return false;
        }
        queue.remove(self.pages, page);
        record.set_state(PageState::Held);
        drop(queue);
        self.activate(page);
        true
    }

    fn queue_of(&self, state: PageState, shard: usize) -> Option<&SpinLock<M, QueueRank, Counted>> {
        match state {
            PageState::Active => Some(&self.active[shard % SHARDS].0),
            PageState::Inactive => Some(&self.inactive.0),
            PageState::InactiveFile => Some(&self.inactive_file.0),
            PageState::Speculative => Some(&self.speculative.0),
            PageState::Laundry => Some(&self.laundry.0),
            _ => None,
        }
    }

    /// Takes a page out of its queue, if it is in one: it is held then. The page's object is locked
    /// for writing, so nobody else puts it anywhere.
    pub(crate) fn dequeue(&self, page: PageId) {
        self.remover().dequeue(page);
    }

    /// Takes many pages out, one lock for as long as they are in the same queue.
    pub(crate) fn remover(&self) -> Remover<'_, M> {
        Remover {
            queues: self,
            held: None,
            left: 0,
        }
    }

    /// The first wiring of a page that was taken out of its queue.
    pub(crate) fn set_wired(&self, page: PageId) {
        self.pages.get(page).set_state(PageState::Wired);
        self.wired.fetch_add(1, Relaxed);
    }

    /// The last wiring is gone: the page is held.
    pub(crate) fn clear_wired(&self, page: PageId) {
        self.pages.get(page).set_state(PageState::Held);
        self.wired.fetch_sub(1, Relaxed);
    }

    /// Pages of objects that are wired.
    pub(crate) fn wired(&self) -> Pages {
        Pages(self.wired.load(Relaxed))
    }

    /// The counts, each counted under its queue's lock.
    pub fn counts(&self) -> QueueCounts {
        let mut counts = QueueCounts {
            wired: Pages(self.wired.load(Relaxed)),
            ..QueueCounts::default()
        };
        let mut length = |queue: &Queue<M>| {
            let queue = queue.0.lock();
            let sum = |count: Pages, more: u32| Pages(count.0.saturating_add(u64::from(more)));
            counts.internal = sum(counts.internal, queue.internal);
            counts.external = sum(counts.external, queue.external);
            queue.queue.len() as u64
        };
        let active = self.active.iter().map(&mut length).sum();
        let inactive_internal = length(&self.inactive);
        let inactive_file = length(&self.inactive_file);
        let speculative = length(&self.speculative);
        let laundry = length(&self.laundry);
        QueueCounts {
            active: Pages(active),
            inactive_internal: Pages(inactive_internal),
            inactive_file: Pages(inactive_file),
            speculative: Pages(speculative),
            laundry: Pages(laundry),
            ..counts
        }
    }
}

/// Active pages of one queue that become inactive under one lock.
const AGED: u32 = 128;

/// Pages that leave a queue under one lock.
const ONE_LOCK: u32 = 64;

/// Takes pages out of queues and keeps the last queue locked.
pub(crate) struct Remover<'a, M: Machine> {
    queues: &'a Queues<M>,
    held: Option<Held<'a, M>>,
    /// How many more pages leave before the lock is given up for a moment.
    left: u32,
}

struct Held<'a, M: Machine> {
    state: PageState,
    shard: usize,
    queue: SpinGuard<'a, M, QueueRank, Counted>,
}

impl<M: Machine> Remover<'_, M> {
    /// Takes the page out of its queue. See [`Queues::dequeue`].
    #[inline]
    pub(crate) fn dequeue(&mut self, page: PageId) {
        let queues = self.queues;
        let record = queues.pages.get(page);
        loop {
            let (state, shard) = (record.state(), record.shard());
            if self.left != 0
                && let Some(held) = &mut self.held
                && held.state == state
                && (held.shard == shard || state != PageState::Active)
            {
                held.queue.remove(queues.pages, page);
                record.set_state(PageState::Held);
                self.left = self.left.saturating_sub(1);
                return;
            }
            // With that queue locked the loop checks the state again.
            if !self.lock(state, shard) {
                return;
            }
        }
    }

    /// Locks the queue of pages in this state, and no other. Answers whether there is one.
    #[inline(never)]
    fn lock(&mut self, state: PageState, shard: usize) -> bool {
        self.held = None;
        let Some(queue) = self.queues.queue_of(state, shard) else {
            return false;
        };
        self.left = ONE_LOCK;
        self.held = Some(Held {
            state,
            shard,
            queue: queue.lock(),
        });
        true
    }
}
