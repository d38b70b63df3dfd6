//! What locks ask of the machine below and the scheduler above.
//!
//! Owns: the trait [`Platform`] and [`block`], the one way to wait. Does not own: any thread.

use crate::rank::RankStack;

/// Names what a thread waits for: an address, or a number that its users agree on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Event(pub usize);

impl Event {
    /// The event of an object: its address.
    #[inline]
    pub fn of<T: ?Sized>(object: &T) -> Self {
        Event((object as *const T).cast::<u8>() as usize)
    }
}

/// Whether interrupts were on, as [`Platform::interrupts_disable`] found them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InterruptState(pub usize);

/// CPUs, preemption, interrupts and sleeping, as static calls: a lock is just its words.
///
/// # Safety
/// Per-CPU data relies on this: between `preempt_disable` and the matching `preempt_enable` (they
/// nest) the calling thread stays on one CPU, no other thread runs on that CPU, and `cpu()` answers
/// that CPU's number, the same each time and below `MAX_CPUS`.
pub unsafe trait Platform: 'static {
    /// One more than the highest CPU number.
    const MAX_CPUS: usize;
    /// How often who finds a sleeping lock held looks again, with [`Platform::relax`] between, before it sleeps.
    /// 0 where threads take turns and looking does not help.
    const LOOKS: u32 = 0;

    /// Forbids that another thread takes this CPU. Nests.
    fn preempt_disable();
    /// Undoes one `preempt_disable`; at the last one a pending reschedule may happen.
    ///
    /// # Safety
    /// The caller undoes its own `preempt_disable`, and no reference into a per-CPU slot that it
    /// made since is alive.
    unsafe fn preempt_enable();
    /// This CPU's number; it has a meaning only while preemption is disabled.
    fn cpu() -> usize;
    /// Disables interrupts on this CPU and says how they stood.
    fn interrupts_disable() -> InterruptState;
    /// Puts interrupts back as they stood.
    fn interrupts_restore(state: InterruptState);
    /// The CPU spins: a hint. A simulator passes its baton here.
    fn relax();

    /// The current thread is going to sleep on `event`. A `wakeup` between this call and
    /// [`Platform::block`] is not lost: `block` then returns at once. The call and `wakeup` order
    /// each other's memory: what was written before a `wakeup` that came too early is visible after
    /// `assert_wait`.
    fn assert_wait(event: Event);
    /// The current thread does not sleep after all: undoes `assert_wait`.
    fn clear_wait();
    /// Sleeps until woken. No spin lock may be held.
    fn block();
    /// Wakes every thread that waits on `event`. May be called with spin locks held, and by
    /// interrupt handlers.
    fn wakeup(event: Event);

    /// Nanoseconds since some moment. Asked in builds with the feature `statistics` only.
    fn now() -> u64 {
        0
    }

    /// Calls `f` with the current thread's rank stack. Called in debug builds only.
    fn with_ranks(f: impl FnOnce(&RankStack));
}

/// Waits for `event`: gives up `guard`, sleeps, and returns without it, so that the caller looks
/// everything up again. A `wakeup` made by who next holds the guard's lock is never lost.
#[inline]
pub fn block<P: Platform, G>(event: Event, guard: G) {
    P::assert_wait(event);
    drop(guard);
    if cfg!(debug_assertions) {
        P::with_ranks(RankStack::check_sleep);
    }
    P::block();
}

/// Preemption is off while this lives.
#[must_use]
pub struct NoPreempt<P: Platform> {
    _here: core::marker::PhantomData<*mut fn() -> P>,
}

impl<P: Platform> NoPreempt<P> {
    /// Turns preemption off.
    #[inline]
    pub fn new() -> Self {
        P::preempt_disable();
        NoPreempt {
            _here: core::marker::PhantomData,
        }
    }

    /// The CPU that the thread stays on.
    #[inline]
    pub fn cpu(&self) -> usize {
        P::cpu()
    }
}

impl<P: Platform> Default for NoPreempt<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform> Drop for NoPreempt<P> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it undoes the call in `new`.
        unsafe { P::preempt_enable() }
    }
}
