//! The threads of one task.
//!
//! Owns: who is alive, who ended and still has a kernel stack, what all of them have used. Does not
//! own: what a thread is (`sched::thread`), when one ends (`life`).
//! Locks: the list's, of rank "task state"; nothing is allocated for an end, and nothing is freed under it.
//!
//! A thread that ends stays in the list until the next one that ends, or the reaper of the process, takes
//! it out: nobody can free the stack that he stands on. Between the moment when it no longer counts as
//! living and the moment when its CPU has left its stack it cannot lose that CPU, so who waits for the
//! second only spins. The last living thread never stops counting: it ends the process.

use crate::platform::{SpinLock, TaskStateRank};
use crate::sched::queues::Interruptible;
use crate::sched::{Ast, Thread, run};
use crate::shared::{Shared, try_push};
use abi::Errno;
use abi::thread::TASK_THREADS;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What a thread has caused. Only the thread itself counts, so plain loads and stores do.
#[derive(Default)]
pub struct Counters {
    /// Faults.
    pub faults: AtomicU64,
    /// BSD calls.
    pub unix_calls: AtomicU64,
    /// Mach traps.
    pub mach_calls: AtomicU64,
}

impl Counters {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            faults: AtomicU64::new(0),
            unix_calls: AtomicU64::new(0),
            mach_calls: AtomicU64::new(0),
        }
    }

    /// Adds one.
    #[inline(always)]
    pub fn count(counter: &AtomicU64) {
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
    }
}

/// What threads have used, added up.
#[derive(Clone, Copy, Default, Debug)]
pub struct Usage {
    /// Processor time in nanoseconds.
    pub time: u64,
    /// How often one was given a CPU.
    pub switches: u64,
    /// Faults.
    pub faults: u64,
    /// BSD calls.
    pub unix_calls: u64,
    /// Mach traps.
    pub mach_calls: u64,
}

impl Usage {
    fn add(&mut self, thread: &Thread) {
        let counters = &thread.counters;
        self.time += thread.time();
        self.switches += thread.switches();
        self.faults += counters.faults.load(Relaxed);
        self.unix_calls += counters.unix_calls.load(Relaxed);
        self.mach_calls += counters.mach_calls.load(Relaxed);
    }
}

/// Whether others go on after a thread has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// They do; this one is not a thread of the task any more.
    Others,
    /// There are none: the thread still is the task's, and ends it.
    Last,
}

struct List {
    /// One of the living, or of those that ended and were not taken out yet.
    first: Option<Shared<Thread>>,
    /// The others: most tasks have none, and need no memory for them.
    others: Vec<Shared<Thread>>,
    living: usize,
    /// Those of them that have nothing to do any more but to leave.
    retiring: usize,
    /// The task has been told to exit, or one thread wants to be alone: nobody joins.
    closed: bool,
    /// What those have used who were taken out.
    ended: Usage,
}

impl List {
    fn all(&self) -> impl Iterator<Item = &Shared<Thread>> {
        self.first.iter().chain(&self.others)
    }

    fn living(&self) -> impl Iterator<Item = &Shared<Thread>> {
        self.all().filter(|thread| !thread.has_left())
    }

    /// Takes out one who ended.
    fn take_ended(&mut self) -> Option<Shared<Thread>> {
        if self.first.as_ref().is_some_and(|thread| thread.has_left()) {
            return core::mem::replace(&mut self.first, self.others.pop());
        }
        let at = self.others.iter().position(|thread| thread.has_left())?;
        Some(self.others.swap_remove(at))
    }
}

/// The threads of a task.
pub struct Threads {
    list: SpinLock<TaskStateRank, List>,
    /// How many ended and were not taken out yet, for a look without the lock.
    ended: AtomicUsize,
}

impl Threads {
    /// None.
    pub const fn new() -> Self {
        Self {
            list: SpinLock::new(List {
                first: None,
                others: Vec::new(),
                living: 0,
                retiring: 0,
                closed: false,
                ended: Usage {
                    time: 0,
                    switches: 0,
                    faults: 0,
                    unix_calls: 0,
                    mach_calls: 0,
                },
            }),
            ended: AtomicUsize::new(0),
        }
    }

    /// A thread that has not started joins. `EAGAIN`: there are too many, or the others are ending.
    pub fn join(&self, thread: &Shared<Thread>) -> Result<(), Errno> {
        let mut list = self.list.lock();
        if list.closed || list.living >= TASK_THREADS {
            return Err(Errno::EAGAIN);
        }
        match list.first {
            None => list.first = Some(thread.clone()),
            Some(_) => try_push(&mut list.others, thread.clone())?,
        }
        list.living += 1;
        Ok(())
    }

    /// The running thread is about to leave: for others it is gone, and its joiner may hear of it.
    pub fn retire(&self, me: &Thread) {
        let mut list = self.list.lock();
        list.retiring += 1;
        me.set_retiring();
    }

    /// The running thread leaves. Preemption is off and stays so until its CPU has left its stack,
    /// unless it is the last one.
    pub fn leave(&self, me: &Thread) -> Left {
        let mut list = self.list.lock();
        if list.living == 1 {
            return Left::Last;
        }
        list.living -= 1;
        if me.is_retiring() {
            list.retiring -= 1;
        }
        me.set_left();
        self.ended.fetch_add(1, Relaxed);
        let alone = list.living == 1;
        drop(list);
        if alone {
            run::wakeup(self.event());
        }
        Left::Others
    }

    /// Takes those out who have ended, except the running one, and frees what they had. May sleep.
    pub fn reap(&self) {
        while self.ended.load(Relaxed) != 0 {
            let thread = {
                let mut list = self.list.lock();
                let Some(thread) = list.take_ended() else {
                    return;
                };
                self.ended.fetch_sub(1, Relaxed);
                thread.await_gone();
                list.ended.add(&thread);
                thread
            };
            run::reap(thread);
        }
    }

    /// Takes everybody out of a task that ended, and answers what they used. May sleep.
    pub fn bury(&self) -> Usage {
        let (mut usage, first, others) = {
            let mut list = self.list.lock();
            let others = core::mem::take(&mut list.others);
            (list.ended, list.first.take(), others)
        };
        for thread in first.into_iter().chain(others) {
            thread.await_gone();
            usage.add(&thread);
            run::reap(thread);
        }
        usage
    }

    /// The task exits: all look at that soon, and nobody joins any more.
    pub fn end_all(&self) {
        let mut list = self.list.lock();
        list.closed = true;
        for thread in list.living() {
            thread.set_ast(Ast::EXIT);
            run::interrupt(thread);
        }
    }

    /// All others end; returns when they have. `EINTR` if the running thread is to end itself.
    /// May sleep.
    pub fn become_alone(&self, me: &Thread) -> Result<(), Errno> {
        {
            let mut list = self.list.lock();
            if list.closed || me.is_ending() {
                return Err(Errno::EINTR);
            }
            if list.living == 1 {
                drop(list);
                self.reap();
                return Ok(());
            }
            list.closed = true;
            for other in list.living().filter(|other| other.id != me.id) {
                other.set_ast(Ast::EXIT);
                run::interrupt(other);
            }
        }
        loop {
            run::assert_wait(self.event(), None, Interruptible::No);
            if self.living() == 1 {
                run::clear_wait();
                break;
            }
            run::block();
        }
        self.reap();
        let mut list = self.list.lock();
        if me.is_ending() {
            return Err(Errno::EINTR);
        }
        list.closed = false;
        Ok(())
    }

    /// Makes all but the running one look at something before they return to the program: what they
    /// wait for is not disturbed.
    pub fn remind_others(&self, me: &Thread, ast: Ast) {
        let list = self.list.lock();
        for thread in list.living().filter(|thread| thread.id != me.id) {
            thread.set_ast(ast);
            run::nudge(thread);
        }
    }

    /// The first living thread for which `matches` holds.
    pub fn find(&self, mut matches: impl FnMut(&Thread) -> bool) -> Option<Shared<Thread>> {
        let list = self.list.lock();
        list.living().find(|thread| matches(thread)).cloned()
    }

    /// Lets a living thread for which `matches` holds look at something soon.
    pub fn alert_one(&self, ast: Ast, mut matches: impl FnMut(&Thread) -> bool) {
        let list = self.list.lock();
        if let Some(thread) = list.living().find(|thread| matches(thread)) {
            thread.set_ast(ast);
            run::interrupt(thread);
        }
    }

    /// How many there are, as others see it.
    pub fn count(&self) -> usize {
        let list = self.list.lock();
        list.living - list.retiring
    }

    /// How many may use the address space.
    pub fn living(&self) -> usize {
        self.list.lock().living
    }

    /// What all of them have used, the ended ones too.
    pub fn usage(&self) -> Usage {
        let list = self.list.lock();
        let mut usage = list.ended;
        list.all().for_each(|thread| usage.add(thread));
        usage
    }

    fn event(&self) -> usize {
        core::ptr::from_ref(self) as usize
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self::new()
    }
}
