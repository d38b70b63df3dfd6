//! Which CPU runs what, and which one is called when somebody becomes runnable.
//!
//! Owns: the run queues (one for all CPUs, one for each CPU's bound threads), what each CPU runs, and the
//! calls that are due. Does not own: how a CPU is called (`sched::cpus`), waits (`queues`).
//!
//! A thread that becomes runnable calls one CPU at most: where it is bound, else an idle one, its last before
//! others, else the one that runs the least important thread. A CPU counts as running what it was called for, until
//! it picks: two threads do not call the same idle CPU.

use super::{EMPTY_LIST, List, NONE, PRIORITIES, Place, Priority, Queues, State, ThreadId, Which};

/// CPUs that there is room for.
pub const CPUS: usize = 8;
/// How far from the front a CPU looks for a thread that it ran last.
const NEAR: usize = 4;
/// How often the thread in front may be passed over for such a one.
const PATIENCE: u8 = 2;

/// Runnable threads, by priority.
#[derive(Clone, Copy)]
pub(super) struct RunQueue {
    pub(super) lists: [List; PRIORITIES],
    /// Bit p: `lists[p]` has somebody.
    pub(super) ready: u128,
}

impl RunQueue {
    pub(super) const EMPTY: Self = Self {
        lists: [EMPTY_LIST; PRIORITIES],
        ready: 0,
    };

    fn best(&self) -> Option<Priority> {
        (self.ready != 0).then(|| Priority((127 - self.ready.leading_zeros()) as u8))
    }
}

/// A set of CPUs, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuSet(pub u8);

impl CpuSet {
    /// Its members.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..CPUS).filter(move |cpu| self.0 & 1 << cpu != 0)
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
    /// After a tie between a bound and a free thread: the free one is next.
    free_is_next: bool,
}

impl Cpu {
    pub(super) const NEW: Self = Self {
        expected: Priority::IDLE,
        free_is_next: false,
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
        self.slot_mut(id).bound = cpu.map(|cpu| cpu as u8);
    }

    /// The priority of the most important thread that `cpu` may run and that nobody runs.
    pub fn best(&self, cpu: usize) -> Option<Priority> {
        self.shared.best().max(self.bound[cpu].best())
    }

    /// Takes the most important thread that `cpu` may run; it is running from now on.
    pub fn pick(&mut self, cpu: usize) -> Option<ThreadId> {
        let (free, bound) = (self.shared.best(), self.bound[cpu].best());
        let Some(priority) = free.max(bound) else {
            self.cpus[cpu].expected = Priority::IDLE;
            return None;
        };
        let from_bound = if free == bound {
            let free_is_next = &mut self.cpus[cpu].free_is_next;
            *free_is_next = !*free_is_next;
            *free_is_next
        } else {
            bound > free
        };
        let (which, id) = if from_bound {
            let which = Which::Bound(cpu as u8, priority.0);
            (which, ThreadId(self.list(which).first))
        } else {
            let which = Which::Run(priority.0);
            (which, self.near(which, cpu))
        };
        self.unlink(which, id);
        self.note_emptied(which);
        self.cpus[cpu].expected = priority;
        let slot = self.slot_mut(id);
        slot.state = State::Running;
        slot.cpu = cpu as u8;
        slot.passed_over = 0;
        Some(id)
    }

    /// The thread in front, or one close behind that `cpu` ran last.
    fn near(&mut self, which: Which, cpu: usize) -> ThreadId {
        let front = ThreadId(self.list(which).first);
        if self.up.count() < 2 || self.slot(front).passed_over >= PATIENCE {
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
        let (priority, bound) = (slot.priority, slot.bound);
        let which = match bound {
            Some(cpu) => Which::Bound(cpu, priority.0),
            None => Which::Run(priority.0),
        };
        match place {
            Place::Back => self.push_back(which, id),
            Place::Front => self.push_front(which, id),
        }
        self.run_queue(which).ready |= 1 << priority.0;
        self.call_for(id);
    }

    fn call_for(&mut self, id: ThreadId) {
        let slot = self.slot(id);
        let (priority, last) = (slot.priority, usize::from(slot.cpu));
        let chosen = match slot.bound {
            Some(cpu) => Some(usize::from(cpu)),
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
        let slot = *self.slot(id);
        if slot.state == State::Running {
            self.cpus[usize::from(slot.cpu)].expected = slot.priority;
        }
    }

    fn note_emptied(&mut self, which: Which) {
        if self.list(which).first == NONE {
            let (Which::Run(priority) | Which::Bound(_, priority)) = which else {
                return;
            };
            self.run_queue(which).ready &= !(1 << priority);
        }
    }

    fn run_queue(&mut self, which: Which) -> &mut RunQueue {
        match which {
            Which::Bound(cpu, _) => &mut self.bound[usize::from(cpu)],
            Which::Run(_) | Which::Wait(_) => &mut self.shared,
        }
    }
}
