//! A platform of operating-system threads, for simulators and tests (feature `host`).
//!
//! Owns: eight CPUs, of which a thread occupies one while its preemption is off; a table of waiters.
//! Does not own: who runs next, unless a simulator puts its [`Scheduler`] in place with [`enter`].

use crate::platform::{Event, InterruptState, Platform};
use crate::rank::RankStack;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A machine made of host threads: `impl HostMachine for M {}` makes `M` a [`Platform`].
pub trait HostMachine: 'static {}

/// The plain one.
pub struct Host;
impl HostMachine for Host {}

/// CPUs of every host machine.
pub const CPUS: usize = 8;

/// How a simulator takes part: it decides who runs. The calls mean what [`Platform`]'s mean.
pub trait Scheduler {
    /// The calling thread is about to turn preemption off, as for a lock: another one may come first.
    fn point(&self);
    /// The calling thread spins.
    fn relax(&self);
    /// The calling thread will sleep on `event`.
    fn assert_wait(&self, event: Event);
    /// The calling thread will not sleep.
    fn clear_wait(&self);
    /// The calling thread sleeps.
    fn block(&self);
    /// Wakes the waiters of `event`.
    fn wakeup(&self, event: Event);
}

/// Which CPUs are occupied.
static OCCUPIED: [AtomicBool; CPUS] = [const { AtomicBool::new(false) }; CPUS];
/// Threads that wait for events, where no scheduler is in place.
static WAITERS: Mutex<Vec<(Event, Arc<Waiter>)>> = Mutex::new(Vec::new());

#[derive(Default)]
struct Waiter {
    waits: Mutex<bool>,
    changed: Condvar,
}

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static HOME: Cell<Option<usize>> = const { Cell::new(None) };
    static HERE: Cell<usize> = const { Cell::new(0) };
    static RANKS: RankStack = const { RankStack::new() };
    static WAITER: Arc<Waiter> = Arc::default();
    static SCHEDULER: RefCell<Option<Arc<dyn Scheduler>>> = const { RefCell::new(None) };
}

/// Puts the calling thread on `cpu` (`None`: any), under `scheduler` if there is one.
///
/// # Panics
/// If preemption is off, or there is no such CPU.
pub fn enter(cpu: Option<usize>, scheduler: Option<Arc<dyn Scheduler>>) {
    assert!(
        DEPTH.get() == 0,
        "a thread changes its CPU with preemption off"
    );
    assert!(cpu.is_none_or(|cpu| cpu < CPUS), "no such CPU");
    HOME.set(cpu);
    SCHEDULER.replace(scheduler);
}

/// The CPU that the calling thread was on last; it still is while preemption is disabled.
pub fn here() -> usize {
    HERE.get()
}

/// How often the calling thread has preemption disabled: 0 when nothing is held.
pub fn preempt_count() -> u32 {
    DEPTH.get()
}

fn scheduler() -> Option<Arc<dyn Scheduler>> {
    SCHEDULER.with_borrow(Option::clone)
}

fn occupy() -> usize {
    loop {
        let wanted = HOME.get().map_or(0..CPUS, |cpu| cpu..cpu + 1);
        for cpu in wanted {
            if !OCCUPIED[cpu].load(Ordering::Relaxed)
                && !OCCUPIED[cpu].swap(true, Ordering::Acquire)
            {
                return cpu;
            }
        }
        std::thread::yield_now();
    }
}

// SAFETY: from the first `preempt_disable` to the last `preempt_enable` a thread has its CPU's flag in
// `OCCUPIED`, which one thread at a time can have, and `HERE` does not change.
unsafe impl<M: HostMachine> Platform for M {
    const MAX_CPUS: usize = CPUS;

    fn preempt_disable() {
        if DEPTH.get() == 0 {
            if let Some(scheduler) = scheduler() {
                scheduler.point();
            }
            HERE.set(occupy());
        }
        DEPTH.set(DEPTH.get() + 1);
    }
    unsafe fn preempt_enable() {
        let depth = DEPTH
            .get()
            .checked_sub(1)
            .expect("preemption enabled once too often");
        DEPTH.set(depth);
        if depth == 0 {
            OCCUPIED[HERE.get()].store(false, Ordering::Release);
        }
    }
    fn cpu() -> usize {
        HERE.get()
    }
    fn interrupts_disable() -> InterruptState {
        InterruptState(0)
    }
    fn interrupts_restore(_: InterruptState) {}
    fn relax() {
        match scheduler() {
            Some(scheduler) => scheduler.relax(),
            None => std::thread::yield_now(),
        }
    }
    fn assert_wait(event: Event) {
        if let Some(scheduler) = scheduler() {
            return scheduler.assert_wait(event);
        }
        WAITER.with(|waiter| {
            let mut waiters = WAITERS.lock().unwrap_or_else(PoisonError::into_inner);
            *waiter.waits.lock().unwrap_or_else(PoisonError::into_inner) = true;
            waiters.push((event, waiter.clone()));
        });
    }
    fn clear_wait() {
        if let Some(scheduler) = scheduler() {
            return scheduler.clear_wait();
        }
        WAITER.with(|waiter| {
            let mut waiters = WAITERS.lock().unwrap_or_else(PoisonError::into_inner);
            waiters.retain(|(_, other)| !Arc::ptr_eq(waiter, other));
            *waiter.waits.lock().unwrap_or_else(PoisonError::into_inner) = false;
        });
    }
    fn block() {
        assert!(
            DEPTH.get() == 0,
            "I-LOCK-2: a thread sleeps with preemption off"
        );
        if let Some(scheduler) = scheduler() {
            return scheduler.block();
        }
        WAITER.with(|waiter| {
            let mut waits = waiter.waits.lock().unwrap_or_else(PoisonError::into_inner);
            while *waits {
                waits = waiter
                    .changed
                    .wait(waits)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        });
    }
    fn wakeup(event: Event) {
        if let Some(scheduler) = scheduler() {
            return scheduler.wakeup(event);
        }
        let mut waiters = WAITERS.lock().unwrap_or_else(PoisonError::into_inner);
        waiters.retain(|(waits_for, waiter)| {
            if *waits_for == event {
                *waiter.waits.lock().unwrap_or_else(PoisonError::into_inner) = false;
                waiter.changed.notify_all();
            }
            *waits_for != event
        });
    }
    fn with_ranks(f: impl FnOnce(&RankStack)) {
        RANKS.with(f);
    }
}
