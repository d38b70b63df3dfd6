//! Who takes pages back: the pageout thread, and whoever needs memory now.
//!
//! Owns: when the thread runs, rounds, the wait for the end of one.
//! Does not own: the thread (`kernel`); without one, who needs memory does all of it.
//! Locks: the rounds' own, for a moment. The thread says that it sleeps before it looks whether it is wanted, and
//! who wants it says so before it looks whether the thread sleeps; so one of them sees the other.
//!
//! Who needs memory takes clean pages by itself. Only the thread writes dirty ones: pagers need memory, too,
//! and a thread that writes to get some must not come to need some in order to write. So the thread is
//! privileged ([`Machine::is_privileged`]): it gets from the reserve, and never waits for itself.

use super::scan::Take;
use crate::addr::Pages;
use crate::machine::Machine;
use crate::pager::SyncFlags;
use crate::ranks::PageoutRank;
use crate::vm::Vm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use sync::{Event, SpinLock};

/// Pages that who needs memory takes at once: a run of read-ahead.
const SOME: Pages = Pages(32);

/// How often one operation may find memory by itself and still lack some, and how often it may wait for pages to
/// come: with less than it needs at once, it would bring a page in, and take it back for the next one, for ever.
/// It begins anew each time, so each time twice as many pages go or come as before.
pub(crate) struct Relief {
    /// Times that memory was found.
    found: u32,
    /// Times that pages came.
    came: u32,
}

impl Relief {
    /// So often each.
    const ROUNDS: u32 = 32;

    pub(crate) const fn new() -> Self {
        Self { found: 0, came: 0 }
    }

    /// How many pages are to be taken back now; `None`: the operation ends.
    fn next(&mut self) -> Option<Pages> {
        twice_as_many(&mut self.found)
    }

    /// How many pages are to be brought in now; `None`: the operation ends.
    pub(crate) fn ahead(&mut self) -> Option<Pages> {
        twice_as_many(&mut self.came)
    }
}

/// One round more.
fn twice_as_many(rounds: &mut u32) -> Option<Pages> {
    if *rounds == Relief::ROUNDS {
        return None;
    }
    let pages = SOME.0.saturating_mul(1 << *rounds);
    *rounds = rounds.saturating_add(1);
    Some(Pages(pages))
}

/// The free list says that it runs low.
#[derive(Default)]
pub(crate) struct Low {
    /// With fewer pages in the free queue than this it does.
    mark: AtomicU64,
    /// The thread sleeps, and wants to know.
    asleep: AtomicBool,
}

impl Low {
    /// So many pages are left. Called with the free list locked.
    pub(crate) fn notice<M: Machine>(&self, left: usize) {
        if self.asleep.load(Relaxed) && (left as u64) < self.mark.load(Relaxed) {
            self.wake::<M>();
        }
    }

    /// Wakes the thread, whatever is left.
    fn wake<M: Machine>(&self) {
        if self.asleep.swap(false, SeqCst) {
            M::wakeup(Event::of(self));
        }
    }
}

/// The rounds of the pageout thread.
pub(crate) struct Pageout<M: Machine> {
    /// There is a thread.
    runs: AtomicBool,
    /// Dirty pages are over the limit, and the thread is to write.
    flush: AtomicBool,
    /// Somebody waits for a round that takes so many pages; 0: nobody does.
    asked: AtomicU64,
    rounds: SpinLock<M, PageoutRank, Rounds>,
}

#[derive(Clone, Copy)]
struct Rounds {
    /// That have ended.
    ended: u64,
    /// Pages that the last one took.
    taken: Pages,
}

impl<M: Machine> Pageout<M> {
    pub(crate) const fn new() -> Self {
        Self {
            runs: AtomicBool::new(false),
            flush: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            rounds: SpinLock::new(Rounds {
                ended: 0,
                taken: Pages(0),
            }),
        }
    }
}

impl<M: Machine> Vm<M> {
    /// The pageout thread's wait: returns when memory is low, when too much is dirty, or when a pager is to be
    /// told something. From the first call on there is such a thread, and others wait for its rounds.
    pub fn pageout_wait(&self) {
        let low = self.frames.low();
        low.mark.store(self.targets().free_min.0, SeqCst);
        self.pageout.runs.store(true, SeqCst);
        M::assert_wait(Event::of(low));
        low.asleep.store(true, SeqCst);
        let wanted = self.frames.queued() < self.targets().free_min
            || self.pageout.flush.load(SeqCst)
            || self.pageout.asked.load(SeqCst) != 0
            || self.has_news();
        if wanted {
            low.asleep.store(false, SeqCst);
            return M::clear_wait();
        }
        M::block();
    }

    /// Whether the pageout thread waits, or there is none: it works on nothing.
    pub fn pageout_waits(&self) -> bool {
        !self.pageout.runs.load(SeqCst) || self.frames.low().asleep.load(SeqCst)
    }

    /// One round: takes pages back until as many are free as should be, and as many more as who waits has asked
    /// for; writes what is dirty over the limit, tells pagers what there is to tell. Answers how many pages it
    /// took. No lock is held; it waits for pagers, and whoever waits for memory waits for it.
    pub fn pageout(&self) -> Pages {
        let asked = self.pageout.asked.swap(0, SeqCst);
        self.tell_pagers();
        self.frames.gather();
        let mut target = self.targets().free_target;
        if asked != 0 {
            target = target.max(Pages(self.frames.free_count().0.saturating_add(asked)));
        }
        let mut taken = Pages(0);
        loop {
            let free = self.frames.free_count();
            let wanted = Pages(target.0.saturating_sub(free.0));
            if wanted.0 == 0 {
                break;
            }
            let some = self
                .purge_one(0)
                .map_or_else(|| self.take_back(wanted, Take::Dirty), Pages);
            taken.0 = taken.0.saturating_add(some.0);
            if some.0 == 0 {
                break;
            }
        }
        if self.pageout.flush.swap(false, SeqCst) {
            self.flush_files();
        }
        let mut rounds = self.pageout.rounds.lock();
        rounds.ended = rounds.ended.wrapping_add(1);
        rounds.taken = taken;
        M::wakeup(Event::of(&self.pageout));
        taken
    }

    /// Whether fewer pages are free than should be at least.
    pub fn is_low(&self) -> bool {
        self.frames.free_count() < self.targets().free_min
    }

    /// Gives all dirty pages of files to their pagers: a kernel's flusher calls it now and then. Errors
    /// are told by the next `object_sync`.
    pub fn flush_files(&self) {
        self.paged.each(|object| {
            let _ = self.sync_part(object, (0, u64::MAX), SyncFlags::empty());
        });
    }

    /// Takes clean pages back.
    pub(crate) fn take_back_clean(&self, wanted: Pages) -> Pages {
        self.take_back(wanted, Take::Clean)
    }

    /// More is dirty than should be: the thread is to write some.
    #[cold]
    #[inline(never)]
    pub(crate) fn want_flush(&self) {
        if !self.pageout.flush.swap(true, SeqCst) {
            self.frames.low().wake::<M>();
        }
    }

    /// A pager is to be told something, and nobody may be about to do it.
    pub(crate) fn want_telling(&self) {
        self.frames.low().wake::<M>();
    }

    /// As [`Vm::relieve`], for an operation that brings pages in and may lose them again before it is done.
    #[cold]
    #[inline(never)]
    pub(crate) fn relieve_within(&self, relief: &mut Relief) -> bool {
        relief.next().is_some_and(|wanted| self.find_memory(wanted))
    }

    /// Memory is short: finds some, by purging one volatile object, ripe or not, by taking back pages of
    /// files, or by waiting for the pageout thread. Answers whether what failed is worth another try. No
    /// spin lock may be held, and no lock that a pager takes.
    #[cold]
    #[inline(never)]
    pub(crate) fn relieve(&self) -> bool {
        self.find_memory(SOME)
    }

    fn find_memory(&self, wanted: Pages) -> bool {
        if self.purge_any() || self.take_back_clean(wanted).0 != 0 {
            return true;
        }
        if self.machine().is_privileged() || self.queues.counts().external.0 == 0 {
            return false;
        }
        if !self.pageout.runs.load(SeqCst) {
            return self.take_back(wanted, Take::Dirty).0 != 0;
        }
        let begun = self.pageout.rounds.lock().ended;
        self.pageout.asked.fetch_max(wanted.0, SeqCst);
        self.frames.low().wake::<M>();
        loop {
            let rounds = self.pageout.rounds.lock();
            if rounds.ended != begun {
                return rounds.taken.0 != 0;
            }
            sync::block::<M, _>(Event::of(&self.pageout), rounds);
        }
    }
}
