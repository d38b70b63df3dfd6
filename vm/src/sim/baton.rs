//! Threads of which one runs at a time.
//!
//! Owns: a baton that goes from thread to thread at points that the machine marks, before locks, and
//! wherever a thread spins or sleeps; a seed picks who gets it, so a run repeats exactly. Thread *n* is CPU *n*.
//! Does not own: what the threads do.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use sync::Event;
use sync::host::Scheduler;

/// Passes the baton among the threads of one [`Baton::run`].
pub struct Baton {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    current: usize,
    threads: Vec<Thread>,
    random: u64,
    switches: u64,
    failed: bool,
}

#[derive(Clone, Copy, Default)]
struct Thread {
    waits_for: Option<Event>,
    sleeps: bool,
    done: bool,
}

thread_local! {
    static MINE: RefCell<Option<(usize, Arc<Baton>)>> = const { RefCell::new(None) };
}

type Reason = Box<dyn std::any::Any + Send>;
const STOPPED: &str = "another thread of the run failed, or all that are left sleep";

/// Before one lock of so many the baton goes on.
const LOCK_POINTS: u64 = 8;

/// Runs are one after the other: two of them could wait for each other's CPUs.
static ONE_RUN: Mutex<()> = Mutex::new(());

/// A place where another CPU may come in between: the baton goes on now and then, or shuttle decides.
pub(super) fn point() {
    sync::host::point();
    let mine = MINE.with_borrow(Clone::clone);
    if let Some((me, baton)) = mine {
        baton.pass_one_in(3, me);
    }
}

impl Baton {
    /// Runs `programs`, one thread each, at most eight, until all have ended. Answers how often the
    /// baton went over.
    ///
    /// # Panics
    /// If a program panics, or all that are left sleep.
    pub fn run(seed: u64, programs: Vec<Box<dyn FnOnce() + Send + '_>>) -> u64 {
        let _one = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
        let state = State {
            current: 0,
            threads: vec![Thread::default(); programs.len()],
            random: seed.wrapping_mul(2).wrapping_add(1),
            switches: 0,
            failed: false,
        };
        let baton = Arc::new(Baton {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let failed = std::thread::scope(|scope| {
            let threads: Vec<_> = programs
                .into_iter()
                .enumerate()
                .map(|(me, program)| {
                    let baton = baton.clone();
                    scope.spawn(move || baton.thread(me, program))
                })
                .collect();
            threads
                .into_iter()
                .filter_map(|thread| thread.join().err())
                .collect::<Vec<_>>()
        });
        // The first cause, not those who stopped because of it.
        let is_cause = |reason: &Reason| reason.downcast_ref::<&str>() != Some(&STOPPED);
        let mut failed = failed;
        failed.sort_by_key(|reason| !is_cause(reason));
        if let Some(reason) = failed.into_iter().next() {
            std::panic::resume_unwind(reason);
        }
        baton.lock().switches
    }

    fn thread(self: Arc<Self>, me: usize, program: Box<dyn FnOnce() + Send + '_>) {
        MINE.set(Some((me, self.clone())));
        sync::host::enter(Some(me), Some(Arc::new(Mine(me, self.clone()))));
        drop(self.wait_for_turn(self.lock(), me));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(program));
        MINE.set(None);
        let mut state = self.lock();
        state.threads[me].done = true;
        state.failed |= result.is_err();
        if !state.failed && state.threads.iter().any(|thread| !thread.done) {
            state.choose(me);
        }
        drop(state);
        self.changed.notify_all();
        if let Err(reason) = result {
            std::panic::resume_unwind(reason);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes the baton at one point of so many.
    fn pass_one_in(&self, points: u64, me: usize) {
        let mut state = self.lock();
        if state.next_random().is_multiple_of(points) {
            self.pass(state, me);
        }
    }

    /// Gives the baton to a thread that can run, and returns when it comes back.
    fn pass(&self, mut state: MutexGuard<'_, State>, me: usize) {
        state.choose(me);
        if state.current != me {
            self.changed.notify_all();
        }
        drop(self.wait_for_turn(state, me));
    }

    fn wait_for_turn<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        me: usize,
    ) -> MutexGuard<'a, State> {
        while state.current != me && !state.failed {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.failed && !std::thread::panicking() {
            drop(state);
            std::panic::panic_any(STOPPED);
        }
        state
    }
}

impl State {
    fn next_random(&mut self) -> u64 {
        // splitmix64
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn choose(&mut self, me: usize) {
        let ready: Vec<usize> = (0..self.threads.len())
            .filter(|n| !self.threads[*n].done && !self.threads[*n].sleeps)
            .collect();
        if ready.is_empty() {
            self.failed = true;
            return;
        }
        let pick = self.next_random() as usize % ready.len();
        self.switches += u64::from(ready[pick] != me);
        self.current = ready[pick];
    }
}

/// A thread's way to its baton.
struct Mine(usize, Arc<Baton>);

impl Scheduler for Mine {
    fn point(&self) {
        self.1.pass_one_in(LOCK_POINTS, self.0);
    }

    fn relax(&self) {
        self.1.pass(self.1.lock(), self.0);
    }

    fn assert_wait(&self, event: Event) {
        self.1.lock().threads[self.0].waits_for = Some(event);
        point();
    }

    fn clear_wait(&self) {
        self.1.lock().threads[self.0].waits_for = None;
    }

    fn block(&self) {
        let mut state = self.1.lock();
        if state.threads[self.0].waits_for.is_none() {
            return;
        }
        state.threads[self.0].sleeps = true;
        self.1.pass(state, self.0);
    }

    fn wakeup(&self, event: Event) {
        let mut state = self.1.lock();
        for thread in &mut state.threads {
            if thread.waits_for == Some(event) {
                *thread = Thread {
                    waits_for: None,
                    sleeps: false,
                    done: thread.done,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync::{Platform, Rank, SpinLock};

    struct Leaf;
    impl Rank for Leaf {
        const RANK: u8 = 1;
        const NAME: &'static str = "leaf";
    }
    type Host = sync::host::Host;

    fn trace(seed: u64) -> Vec<usize> {
        let log = Mutex::new(Vec::new());
        let programs = (0..3)
            .map(|n| {
                let log = &log;
                Box::new(move || {
                    for _ in 0..20 {
                        log.lock().expect("no panic").push(n);
                        point();
                    }
                }) as Box<dyn FnOnce() + Send + '_>
            })
            .collect();
        Baton::run(seed, programs);
        log.into_inner().expect("no panic")
    }

    #[test]
    fn a_seed_repeats_and_seeds_differ() {
        assert_eq!(trace(5), trace(5));
        assert_ne!(trace(5), trace(6));
    }

    #[test]
    fn a_sleeper_is_woken() {
        let lock = SpinLock::<Host, Leaf, bool>::new(false);
        for seed in 0..50 {
            *lock.lock() = false;
            let sleeper = || {
                let mut done = lock.lock();
                while !*done {
                    sync::block::<Host, _>(Event(5), done);
                    done = lock.lock();
                }
            };
            let waker = || {
                point();
                *lock.lock() = true;
                Host::wakeup(Event(5));
            };
            Baton::run(seed, vec![Box::new(sleeper), Box::new(waker)]);
        }
    }

    #[test]
    #[should_panic(expected = "all that are left sleep")]
    fn sleeping_for_ever_is_found() {
        Baton::run(1, vec![Box::new(|| sync::block::<Host, _>(Event(9), ()))]);
    }
}
