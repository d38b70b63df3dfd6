//! A platform of operating-system threads, for simulators and tests (feature `host`).
//!
//! Owns: eight CPUs, of which a thread occupies one while its preemption is off; a table of waiters.
//! Does not own: who runs next, unless a simulator puts its [`Scheduler`] in place with [`enter`]; which
//! threads these are (`threads`): with the feature `shuttle` they are shuttle's.

mod threads;

use crate::platform::{Event, InterruptState, Platform};
use crate::rank::RankStack;
use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use threads::{Waiter, shared, thread_local, yield_now};

pub use threads::point;

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
        DEPTH.with(Cell::get) == 0,
        "a thread changes its CPU with preemption off"
    );
    assert!(cpu.is_none_or(|cpu| cpu < CPUS), "no such CPU");
    HOME.with(|home| home.set(cpu));
    SCHEDULER.with(|mine| mine.replace(scheduler));
}

/// The CPU that the calling thread was on last; it still is while preemption is disabled.
pub fn here() -> usize {
    HERE.with(Cell::get)
}

/// How often the calling thread has preemption disabled: 0 when nothing is held.
pub fn preempt_count() -> u32 {
    DEPTH.with(Cell::get)
}

fn scheduler() -> Option<Arc<dyn Scheduler>> {
    SCHEDULER.with(|mine| mine.borrow().clone())
}

fn occupy() -> usize {
    loop {
        let wanted = HOME.with(Cell::get).map_or(0..CPUS, |cpu| cpu..cpu + 1);
        for cpu in wanted {
            let occupied = &shared().occupied[cpu];
            if !occupied.load(Ordering::Relaxed) && !occupied.swap(true, Ordering::Acquire) {
                return cpu;
            }
        }
        yield_now();
    }
}

// SAFETY: from the first `preempt_disable` to the last `preempt_enable` a thread has its CPU's flag in
// `occupied`, which one thread at a time can have, and `HERE` does not change.
unsafe impl<M: HostMachine> Platform for M {
    const MAX_CPUS: usize = CPUS;

    fn preempt_disable() {
        if DEPTH.with(Cell::get) == 0 {
            if let Some(scheduler) = scheduler() {
                scheduler.point();
            }
            let cpu = occupy();
            HERE.with(|here| here.set(cpu));
        }
        DEPTH.with(|depth| depth.set(depth.get() + 1));
    }
    unsafe fn preempt_enable() {
        let depth = DEPTH.with(Cell::get).checked_sub(1);
        let depth = depth.expect("preemption enabled once too often");
        DEPTH.with(|mine| mine.set(depth));
        if depth == 0 {
            shared().occupied[HERE.with(Cell::get)].store(false, Ordering::Release);
        }
    }
    fn cpu() -> usize {
        HERE.with(Cell::get)
    }
    fn interrupts_disable() -> InterruptState {
        InterruptState(0)
    }
    fn interrupts_restore(_: InterruptState) {}
    fn relax() {
        match scheduler() {
            Some(scheduler) => scheduler.relax(),
            None => yield_now(),
        }
    }
    fn assert_wait(event: Event) {
        if let Some(scheduler) = scheduler() {
            return scheduler.assert_wait(event);
        }
        WAITER.with(|waiter| {
            let mut waiters = shared()
                .waiters
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *waiter.waits.lock().unwrap_or_else(PoisonError::into_inner) = true;
            waiters.push((event, waiter.clone()));
        });
    }
    fn clear_wait() {
        if let Some(scheduler) = scheduler() {
            return scheduler.clear_wait();
        }
        WAITER.with(|waiter| {
            let mut waiters = shared()
                .waiters
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            waiters.retain(|(_, other)| !Arc::ptr_eq(waiter, other));
            *waiter.waits.lock().unwrap_or_else(PoisonError::into_inner) = false;
        });
    }
    fn block() {
        assert!(
            DEPTH.with(Cell::get) == 0,
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
        let mut waiters = shared()
            .waiters
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
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
