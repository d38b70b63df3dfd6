//! Which CPU runs what, and which one is called when somebody becomes runnable.
//!
//! Owns: the run queues (one for all CPUs, one for each CPU's bound threads), what each CPU runs, and the
//! calls that are due. Does not own: how a CPU is called (`sched::cpus`), waits (`queues`).
//!
//! A thread that becomes runnable calls one CPU at most: where it is bound, else an idle one, its last before
//! others, else the one that runs the least important thread. A CPU counts as running what it was called for, until
//! it picks: two threads do not call the same idle CPU.

use super::{BUCKETS, NONE, PRIORITIES, Place, Priority, Queues, State, ThreadId, Which};

/// CPUs that there is room for.
pub const CPUS: usize = 8;
/// How far from the front a CPU looks for a thread that it ran last.
const NEAR: usize = 4;
/// How often the thread in front may be passed over for such a one.
const PATIENCE: u8 = 2;

/// Run queues: the shared one, and one for each CPU.
pub(super) const RUN_QUEUES: usize = 1 + CPUS;

/// Where a thread queues: with those that any CPU may run, or with those that one CPU alone may run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct RunQueue(u8);

impl RunQueue {
    pub(super) const SHARED: Self = Self(0);

    const fn of(cpu: usize) -> Self {
        Self(1 + cpu as u8)
    }

    /// The only CPU that takes from it.
    fn cpu(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }

    fn list(self, priority: Priority) -> Which {
        Which((BUCKETS + self.index() * PRIORITIES) as u16 + u16::from(priority.0))
    }
}

/// The highest priority of a set that has a bit for each.
#[inline]
fn highest(ready: u128) -> Option<Priority> {
    (ready != 0).then(|| Priority((127 - ready.leading_zeros()) as u8))
}

/// A set of CPUs, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuSet(pub u8);

impl CpuSet {
    /// Its members.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let cpu = left.trailing_zeros() as usize;
            (left != 0).then(|| {
                left &= left - 1;
                cpu
            })
        })
    }

    /// Whether it has more than one.
    #[inline]
    pub fn is_several(self) -> bool {
        self.0 & self.0.wrapping_sub(1) != 0
    }

    /// How many they are.
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }
}

/// What is known of a CPU.
#[derive(Clone, Copy)]
pub(super) struct Cpu {
    /// The priority of what it runs, or will run once it has heard its call.
    expected: Priority,
    /// Its bound threads had their turn.
    shared_is_next: bool,
}

impl Cpu {
    pub(super) const NEW: Self = Self {
        expected: Priority::IDLE,
        shared_is_next: false,
    };
}

impl Queues {
    /// A CPU runs threads from now on; it is idle.
    pub fn come_up(&mut self, cpu: usize) {
        self.up.0 |= 1 << cpu;
    }

    /// The CPUs that run threads.
    pub fn up(&self) -> CpuSet {
        self.up
    }

    /// The CPUs that must look at the queues, once each.
    pub fn take_calls(&mut self) -> CpuSet {
        core::mem::take(&mut self.called)
    }

    /// The thread that a CPU begins with: it is [`State::Running`].
    pub fn adopt(&mut self, cpu: usize, id: ThreadId) {
        self.slot_mut(id).cpu = cpu as u8;
    }

    /// The CPU that a thread is on, if it is.
    pub fn cpu_of(&self, id: ThreadId) -> Option<usize> {
        let slot = self.slot(id);
        matches!(slot.state, State::Running | State::Asserted).then_some(usize::from(slot.cpu))
    }

    /// Lets a thread run on one CPU only, or (`None`) on all again. In effect when it is next queued.
    pub fn bind(&mut self, id: ThreadId, cpu: Option<usize>) {
        self.slot_mut(id).queue = cpu.map_or(RunQueue::SHARED, RunQueue::of);
    }

    /// The only CPU that may run a thread.
    pub fn binding(&self, id: ThreadId) -> Option<usize> {
        self.slot(id).queue.cpu()
    }

    /// The priority of the most important thread that `cpu` may run and that nobody runs.
    pub fn best(&self, cpu: usize) -> Option<Priority> {
        highest(self.ready[RunQueue::SHARED.index()] | self.ready[RunQueue::of(cpu).index()])
    }

    /// Takes the most important thread that `cpu` may run; it is running from now on.
    pub fn pick(&mut self, cpu: usize) -> Option<ThreadId> {
        let Some(priority) = self.best(cpu) else {
            self.cpus[cpu].expected = Priority::IDLE;
            return None;
        };
        let queue = self.queue_for(cpu, priority);
        let which = queue.list(priority);
        let id = if queue == RunQueue::SHARED && self.up.is_several() {
            self.near(which, cpu)
        } else {
            ThreadId(self.list(which).first)
        };
        self.unlink(which, id);
        if self.list(which).first == NONE {
            self.ready[queue.index()] &= !(1 << priority.0);
        }
        self.cpus[cpu].expected = priority;
        let slot = self.slot_mut(id);
        slot.state = State::Running;
        slot.cpu = cpu as u8;
        slot.passed_over = 0;
        Some(id)
    }

    /// Which of the two queues that a CPU takes from has the next thread of this priority: they take turns.
    fn queue_for(&mut self, cpu: usize, priority: Priority) -> RunQueue {
        let own = RunQueue::of(cpu);
        let has = |queue: RunQueue| self.ready[queue.index()] & 1 << priority.0 != 0;
        let own_is_next = match (has(own), has(RunQueue::SHARED)) {
            (true, true) => !core::mem::replace(&mut self.cpus[cpu].shared_is_next, true),
            (own, _) => own,
        };
        if own_is_next {
            own
        } else {
            self.cpus[cpu].shared_is_next = false;
            RunQueue::SHARED
        }
    }

    /// The thread in front, or one close behind that `cpu` ran last.
    fn near(&mut self, which: Which, cpu: usize) -> ThreadId {
        let front = ThreadId(self.list(which).first);
        if self.slot(front).passed_over >= PATIENCE {
            return front;
        }
        let mut at = front.0;
        for _ in 0..NEAR {
            if at == NONE {
                break;
            }
            let slot = self.slot(ThreadId(at));
            if usize::from(slot.cpu) == cpu {
                if at != front.0 {
                    self.slot_mut(front).passed_over += 1;
                }
                return ThreadId(at);
            }
            at = slot.next;
        }
        front
    }

    /// Puts a thread that is in no list into its run queue, and calls a CPU for it.
    pub(super) fn make_runnable(&mut self, id: ThreadId, place: Place) {
        let slot = self.slot_mut(id);
        slot.state = State::Runnable;
        let (priority, queue) = (slot.priority, slot.queue);
        let which = queue.list(priority);
        match place {
            Place::Back => self.push_back(which, id),
            Place::Front => self.push_front(which, id),
        }
        self.ready[queue.index()] |= 1 << priority.0;
        self.call_for(id);
    }

    fn call_for(&mut self, id: ThreadId) {
        let slot = self.slot(id);
        let (priority, last) = (slot.priority, usize::from(slot.cpu));
        let chosen = match slot.queue.cpu() {
            Some(cpu) => Some(cpu),
            None if !self.up.is_several() => self.up.iter().next(),
            // The last CPU wins a tie.
            None => self
                .up
                .iter()
                .min_by_key(|&cpu| (self.cpus[cpu].expected, cpu != last)),
        };
        if let Some(cpu) = chosen
            && self.cpus[cpu].expected < priority
        {
            self.cpus[cpu].expected = priority;
            self.called.0 |= 1 << cpu;
        }
    }

    /// The running thread goes on running: its CPU has heard its call.
    pub fn stay(&mut self, id: ThreadId) {
        let slot = self.slot(id);
        if slot.state == State::Running {
            let (cpu, priority) = (usize::from(slot.cpu), slot.priority);
            self.cpus[cpu].expected = priority;
        }
    }
}
