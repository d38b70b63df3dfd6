//! The scheduler's books: who is runnable, who waits for what, and until when.
//!
//! Owns: threads' states, hashed wait queues, the heap of deadlines (`deadlines`), the run queues (`cpus`);
//! all in fixed arrays, so that no operation allocates or fails. Does not own: contexts, the lock around it
//! (`sched::run`). A thread is in at most one list: a run queue or a wait queue.

mod cpus;
mod deadlines;

pub use cpus::{CPUS, CpuSet};
use cpus::{Cpu, RUN_QUEUES, RunQueue};

/// The most threads that exist at once.
pub const MAXIMUM_THREADS: usize = 2048;
/// Priorities: 0 is the lowest.
pub const PRIORITIES: usize = 128;
const BUCKETS: usize = 256;
const LISTS: usize = BUCKETS + RUN_QUEUES * PRIORITIES;
const NONE: u16 = u16::MAX;
const NO_DEADLINE: u64 = u64::MAX;

/// A thread's number in the scheduler's tables, below [`MAXIMUM_THREADS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ThreadId(pub u16);

/// How important a thread is, below [`PRIORITIES`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Priority(pub u8);

impl Priority {
    /// Runs when nobody else does.
    pub const IDLE: Self = Self(0);
    /// The lowest that a busy program sinks to.
    pub const USER_LOWEST: Self = Self(27);
    /// Programs.
    pub const USER: Self = Self(31);
    /// Kernel threads.
    pub const KERNEL: Self = Self(81);
}

/// What a thread is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The slot belongs to no thread.
    Free,
    /// On a CPU.
    Running,
    /// On a CPU, and on a wait queue: about to sleep.
    Asserted,
    /// In a run queue.
    Runnable,
    /// In a wait queue.
    Waiting,
    /// Over; never picked again.
    Dead,
}

/// What may end a wait besides its event and its deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interruptible {
    /// A signal does.
    Yes,
    /// Nothing does.
    No,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitResult {
    /// By its event.
    Woken,
    /// By its deadline.
    TimedOut,
    /// By a signal.
    Interrupted,
}

#[derive(Clone, Copy)]
struct Slot {
    state: State,
    interruptible: Interruptible,
    result: WaitResult,
    priority: Priority,
    base: Priority,
    next: u16,
    previous: u16,
    heap_index: u16,
    /// Where it runs, or ran last.
    cpu: u8,
    /// Where it queues to run.
    queue: RunQueue,
    /// How often another was picked before it, though it was in front.
    passed_over: u8,
    event: usize,
    deadline: u64,
}

const EMPTY_SLOT: Slot = Slot {
    state: State::Free,
    interruptible: Interruptible::No,
    result: WaitResult::Woken,
    priority: Priority::IDLE,
    base: Priority::IDLE,
    next: NONE,
    previous: NONE,
    heap_index: NONE,
    cpu: 0,
    queue: RunQueue::SHARED,
    passed_over: 0,
    event: 0,
    deadline: NO_DEADLINE,
};

#[derive(Clone, Copy)]
struct List {
    first: u16,
    last: u16,
}

const EMPTY_LIST: List = List {
    first: NONE,
    last: NONE,
};

/// The books.
pub struct Queues {
    slots: [Slot; MAXIMUM_THREADS],
    lists: [List; LISTS],
    /// For each run queue, bit p: its list of priority p has somebody.
    ready: [u128; RUN_QUEUES],
    cpus: [Cpu; CPUS],
    up: CpuSet,
    called: CpuSet,
    heap: [u16; MAXIMUM_THREADS],
    heap_length: usize,
    /// Where the search for a free slot begins.
    next_free: usize,
}

impl Queues {
    /// Books without threads.
    pub const fn new() -> Self {
        Self {
            slots: [EMPTY_SLOT; MAXIMUM_THREADS],
            lists: [EMPTY_LIST; LISTS],
            ready: [0; RUN_QUEUES],
            cpus: [Cpu::NEW; CPUS],
            up: CpuSet(0),
            called: CpuSet(0),
            heap: [NONE; MAXIMUM_THREADS],
            heap_length: 0,
            next_free: 0,
        }
    }

    /// Enters a thread that runs on no CPU and waits for nothing yet ([`Queues::start`] makes it
    /// runnable, or it is told to be [`State::Running`] as the boot thread is).
    pub fn add(&mut self, priority: Priority, state: State) -> Option<ThreadId> {
        for step in 0..MAXIMUM_THREADS {
            let index = (self.next_free + step) % MAXIMUM_THREADS;
            if self.slots[index].state == State::Free {
                self.slots[index] = Slot {
                    state,
                    priority,
                    base: priority,
                    ..EMPTY_SLOT
                };
                self.next_free = index + 1;
                return Some(ThreadId(index as u16));
            }
        }
        None
    }

    /// Forgets a dead thread, or one that never started.
    pub fn remove(&mut self, id: ThreadId) {
        debug_assert!(self.slot(id).state == State::Dead);
        self.slots[usize::from(id.0)] = EMPTY_SLOT;
    }

    /// What a thread is doing.
    pub fn state(&self, id: ThreadId) -> State {
        self.slot(id).state
    }

    /// A thread's priority now.
    pub fn priority(&self, id: ThreadId) -> Priority {
        self.slot(id).priority
    }

    /// What a thread waits for, if it does.
    pub fn event(&self, id: ThreadId) -> Option<usize> {
        let slot = self.slot(id);
        (slot.state == State::Waiting).then_some(slot.event)
    }

    /// How many threads run or could, idle ones apart. Looks at every slot.
    pub fn ready_count(&self) -> usize {
        let ready = |slot: &&Slot| {
            matches!(
                slot.state,
                State::Running | State::Asserted | State::Runnable
            ) && slot.base != Priority::IDLE
        };
        self.slots.iter().filter(ready).count()
    }

    /// How the last wait ended.
    pub fn result(&self, id: ThreadId) -> WaitResult {
        self.slot(id).result
    }

    /// A running thread ends.
    pub fn kill(&mut self, id: ThreadId) {
        debug_assert!(self.slot(id).state == State::Running);
        self.slot_mut(id).state = State::Dead;
    }

    /// Puts a thread that is in no list at the end of its run queue.
    pub fn start(&mut self, id: ThreadId) {
        self.make_runnable(id, Place::Back);
    }

    /// The running thread goes back to its run queue: in front if it was `preempted` by a more
    /// important one, at the end if its turn is over.
    pub fn requeue(&mut self, id: ThreadId, place: Place) {
        debug_assert!(self.slot(id).state == State::Running);
        self.make_runnable(id, place);
    }

    /// A running thread used its whole turn: it sinks a little.
    pub fn sink(&mut self, id: ThreadId) {
        let slot = self.slot_mut(id);
        if slot.base == Priority::USER && slot.priority > Priority::USER_LOWEST {
            slot.priority.0 -= 1;
            self.stay(id);
        }
    }

    /// The running thread is about to wait for `event`, until `deadline` (nanoseconds) at most.
    pub fn assert_wait(
        &mut self,
        id: ThreadId,
        event: usize,
        deadline: Option<u64>,
        interruptible: Interruptible,
    ) {
        let slot = self.slot_mut(id);
        debug_assert!(slot.state == State::Running);
        slot.state = State::Asserted;
        slot.event = event;
        slot.interruptible = interruptible;
        self.push_back(bucket(event), id);
        if let Some(deadline) = deadline {
            self.slot_mut(id).deadline = deadline;
            self.heap_push(id);
        }
    }

    /// The running thread does not wait after all.
    pub fn clear_wait(&mut self, id: ThreadId) {
        if self.slot(id).state == State::Asserted {
            self.end_wait(id, WaitResult::Woken);
        }
    }

    /// The running thread goes to sleep; answers whether it must (its wait may be over already).
    pub fn sleep(&mut self, id: ThreadId) -> bool {
        let slot = self.slot_mut(id);
        if slot.state == State::Asserted {
            slot.state = State::Waiting;
            return true;
        }
        false
    }

    /// Ends all waits for `event`; answers the highest priority that became runnable.
    pub fn wakeup(&mut self, event: usize) -> Option<Priority> {
        let mut best = None;
        let mut at = self.list(bucket(event)).first;
        while at != NONE {
            let id = ThreadId(at);
            at = self.slot(id).next;
            if self.slot(id).event == event {
                best = best.max(self.end_wait(id, WaitResult::Woken));
            }
        }
        best
    }

    /// Ends a thread's wait if a signal may; answers its priority if it became runnable.
    pub fn interrupt(&mut self, id: ThreadId) -> Option<Priority> {
        let slot = self.slot(id);
        let waits = matches!(slot.state, State::Waiting | State::Asserted);
        if waits && slot.interruptible == Interruptible::Yes {
            return self.end_wait(id, WaitResult::Interrupted);
        }
        None
    }

    /// Ends the waits whose deadline is at or before `now`; answers the highest priority woken.
    pub fn expire(&mut self, now: u64) -> Option<Priority> {
        let mut best = None;
        while self.next_deadline().is_some_and(|deadline| deadline <= now) {
            best = best.max(self.end_wait(ThreadId(self.heap[0]), WaitResult::TimedOut));
        }
        best
    }

    fn end_wait(&mut self, id: ThreadId, result: WaitResult) -> Option<Priority> {
        let event = self.slot(id).event;
        self.unlink(bucket(event), id);
        if self.slot(id).heap_index != NONE {
            self.heap_remove(id);
        }
        let slot = self.slot_mut(id);
        slot.result = result;
        if slot.state == State::Asserted {
            slot.state = State::Running;
            return None;
        }
        slot.priority = slot.base;
        let priority = slot.base;
        self.start(id);
        Some(priority)
    }

    fn slot(&self, id: ThreadId) -> &Slot {
        &self.slots[usize::from(id.0)]
    }

    fn slot_mut(&mut self, id: ThreadId) -> &mut Slot {
        &mut self.slots[usize::from(id.0)]
    }

    fn list(&mut self, which: Which) -> &mut List {
        &mut self.lists[usize::from(which.0)]
    }

    fn push_back(&mut self, which: Which, id: ThreadId) {
        let last = core::mem::replace(&mut self.list(which).last, id.0);
        let slot = self.slot_mut(id);
        slot.next = NONE;
        slot.previous = last;
        if last == NONE {
            self.list(which).first = id.0;
        } else {
            self.slot_mut(ThreadId(last)).next = id.0;
        }
    }

    fn push_front(&mut self, which: Which, id: ThreadId) {
        let first = core::mem::replace(&mut self.list(which).first, id.0);
        let slot = self.slot_mut(id);
        slot.previous = NONE;
        slot.next = first;
        if first == NONE {
            self.list(which).last = id.0;
        } else {
            self.slot_mut(ThreadId(first)).previous = id.0;
        }
    }

    fn unlink(&mut self, which: Which, id: ThreadId) {
        let Slot { next, previous, .. } = *self.slot(id);
        match previous {
            NONE => self.list(which).first = next,
            _ => self.slot_mut(ThreadId(previous)).next = next,
        }
        match next {
            NONE => self.list(which).last = previous,
            _ => self.slot_mut(ThreadId(next)).previous = previous,
        }
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a thread re-enters its run queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// It goes on when the more important one is done.
    Front,
    /// The others of its priority come first.
    Back,
}

/// The number of a list: first those of waiters, then those of each run queue.
#[derive(Clone, Copy)]
struct Which(u16);

/// The list for those who wait for an event: spreads addresses, whose low bits are alike.
fn bucket(event: usize) -> Which {
    let mixed = (event as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Which((mixed >> 56) as u16)
}

#[cfg(test)]
mod tests;
