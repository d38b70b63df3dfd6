//! The scheduler's books: who is runnable, who waits for what, and until when.
//!
//! Owns: run queues by priority, hashed wait queues, the heap of deadlines; all in fixed arrays, so
//! that no operation allocates or fails. Does not own: contexts, CPUs, the lock around it
//! (`sched::switch`). A thread is in at most one list: a run queue or a wait queue.

/// The most threads that exist at once.
pub const MAXIMUM_THREADS: usize = 2048;
/// Priorities: 0 is the lowest.
pub const PRIORITIES: usize = 128;
const BUCKETS: usize = 256;
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
    run: [List; PRIORITIES],
    /// Bit p: `run[p]` has somebody.
    ready: u128,
    wait: [List; BUCKETS],
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
            run: [EMPTY_LIST; PRIORITIES],
            ready: 0,
            wait: [EMPTY_LIST; BUCKETS],
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
        let slot = self.slot_mut(id);
        slot.state = State::Runnable;
        let priority = slot.priority;
        self.push_back(Which::Run(priority.0), id);
        self.ready |= 1 << priority.0;
    }

    /// The running thread goes back to its run queue: in front if it was `preempted` by a more
    /// important one, at the end if its turn is over.
    pub fn requeue(&mut self, id: ThreadId, place: Place) {
        debug_assert!(self.slot(id).state == State::Running);
        match place {
            Place::Back => self.start(id),
            Place::Front => {
                let slot = self.slot_mut(id);
                slot.state = State::Runnable;
                let priority = slot.priority;
                self.push_front(Which::Run(priority.0), id);
                self.ready |= 1 << priority.0;
            }
        }
    }

    /// A running thread used its whole turn: it sinks a little.
    pub fn sink(&mut self, id: ThreadId) {
        let slot = self.slot_mut(id);
        if slot.base == Priority::USER && slot.priority > Priority::USER_LOWEST {
            slot.priority.0 -= 1;
        }
    }

    /// The priority of the most important runnable thread.
    pub fn best(&self) -> Option<Priority> {
        (self.ready != 0).then(|| Priority((127 - self.ready.leading_zeros()) as u8))
    }

    /// Takes the most important runnable thread; it is running from now on.
    pub fn pick(&mut self) -> Option<ThreadId> {
        let priority = self.best()?;
        let id = ThreadId(self.run[usize::from(priority.0)].first);
        self.unlink(Which::Run(priority.0), id);
        if self.run[usize::from(priority.0)].first == NONE {
            self.ready &= !(1 << priority.0);
        }
        self.slot_mut(id).state = State::Running;
        Some(id)
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
        self.push_back(Which::Wait(bucket(event)), id);
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
        let mut at = self.wait[usize::from(bucket(event))].first;
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

    /// The earliest deadline of a wait.
    pub fn next_deadline(&self) -> Option<u64> {
        (self.heap_length > 0).then(|| self.slot(ThreadId(self.heap[0])).deadline)
    }

    fn end_wait(&mut self, id: ThreadId, result: WaitResult) -> Option<Priority> {
        let event = self.slot(id).event;
        self.unlink(Which::Wait(bucket(event)), id);
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
        match which {
            Which::Run(priority) => &mut self.run[usize::from(priority)],
            Which::Wait(bucket) => &mut self.wait[usize::from(bucket)],
        }
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

    fn heap_push(&mut self, id: ThreadId) {
        let index = self.heap_length;
        self.heap_length += 1;
        self.heap_set(index, id.0);
        self.heap_up(index);
    }

    fn heap_remove(&mut self, id: ThreadId) {
        let index = usize::from(self.slot(id).heap_index);
        self.slot_mut(id).heap_index = NONE;
        self.slot_mut(id).deadline = NO_DEADLINE;
        self.heap_length -= 1;
        if index == self.heap_length {
            return;
        }
        self.heap_set(index, self.heap[self.heap_length]);
        self.heap_up(index);
        self.heap_down(index);
    }

    fn heap_set(&mut self, index: usize, id: u16) {
        self.heap[index] = id;
        self.slot_mut(ThreadId(id)).heap_index = index as u16;
    }

    fn heap_deadline(&self, index: usize) -> u64 {
        self.slot(ThreadId(self.heap[index])).deadline
    }

    fn heap_up(&mut self, mut index: usize) {
        while index > 0 {
            let parent = (index - 1) / 2;
            if self.heap_deadline(parent) <= self.heap_deadline(index) {
                return;
            }
            self.heap_swap(parent, index);
            index = parent;
        }
    }

    fn heap_down(&mut self, mut index: usize) {
        loop {
            let mut least = index;
            for child in [2 * index + 1, 2 * index + 2] {
                if child < self.heap_length && self.heap_deadline(child) < self.heap_deadline(least)
                {
                    least = child;
                }
            }
            if least == index {
                return;
            }
            self.heap_swap(least, index);
            index = least;
        }
    }

    fn heap_swap(&mut self, left: usize, right: usize) {
        let (a, b) = (self.heap[left], self.heap[right]);
        self.heap_set(left, b);
        self.heap_set(right, a);
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

#[derive(Clone, Copy)]
enum Which {
    Run(u8),
    Wait(u8),
}

/// Spreads addresses, whose low bits are alike, over the buckets.
fn bucket(event: usize) -> u8 {
    let mixed = (event as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8
}

#[cfg(test)]
mod tests;
