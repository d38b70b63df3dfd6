//! How tasks come and go: fork, exit, reaping.
//!
//! Owns: the order of these steps, for tasks and for single threads. Does not own: exec. Exit takes
//! nothing that can fail: every structure that it needs exists already.
//!
//! A task that is told to exit, or whose thread calls exec, tells its threads; each leaves on its way back
//! to the program or out of an interruptible wait. The last one takes the address space away: no other
//! CPU can be in it any more.

use super::ports::THREAD_SELF;
use super::table::{Life, Pid, Reaped, Stops, Table};
use super::task::{Heritage, Task, TaskMapRef};
use super::threads::Left;
use crate::memory::vm;
use crate::platform::{SpinLock, TableRank};
use crate::sched::queues::Interruptible;
use crate::sched::{Birth, Thread, Work, run};
use crate::shared::Shared;
use crate::signals;
use crate::zones;
use abi::Errno;
use abi::syscall::signal::SIGCHLD;
use arch::context::UserState;
use arch::preempt;
use arch::trap::TrapFrame;
use core::sync::atomic::Ordering::Relaxed;

static TABLE: SpinLock<TableRank, Table<Shared<Task>>> = SpinLock::new(Table::new());

/// A number for a new process, given back unless it is entered.
pub struct NewPid(Pid);

impl NewPid {
    /// Takes one. `EAGAIN` if there are too many processes.
    pub fn take() -> Result<Self, Errno> {
        TABLE.lock().allocate().map(Self).ok_or(Errno::EAGAIN)
    }

    /// The number.
    pub fn pid(&self) -> Pid {
        self.0
    }

    /// The process is there.
    fn enter(self, parent: Option<Pid>, task: &Shared<Task>) {
        TABLE.lock().enter(self.0, parent, task.clone());
        core::mem::forget(self);
    }
}

impl Drop for NewPid {
    fn drop(&mut self) {
        TABLE.lock().abandon(self.0);
    }
}

/// What a new task's thread begins with.
pub enum Begin<'a> {
    /// In its program, with these registers.
    Program(&'a TrapFrame, &'a UserState, &'a Birth),
    /// In the kernel, which may fill the frame for the program.
    Kernel(Work, &'a Birth),
}

/// Makes a task with its thread and starts it.
pub fn create(
    pid: NewPid,
    heritage: Heritage,
    map: Option<TaskMapRef>,
    begin: Begin<'_>,
) -> Result<Shared<Task>, Errno> {
    let parent = heritage.parent;
    let made = zones::task(Task::new(pid.pid(), heritage)).map_err(Errno::from);
    let made = made.and_then(|task| {
        let thread = match begin {
            Begin::Program(frame, state, birth) => Thread::user(task.clone(), frame, state, birth),
            Begin::Kernel(work, birth) => Thread::user_in_kernel(task.clone(), work, birth),
        }?;
        let joined = task.threads.join(&thread);
        joined.inspect_err(|_| run::forget(thread.id))?;
        Ok((task, thread))
    });
    let (task, thread) = match made {
        Ok(made) => made,
        Err(error) => {
            if let Some(map) = map {
                vm().map_terminate(map);
            }
            return Err(error);
        }
    };
    if let Some(parent) = find(parent) {
        task.limits.inherit(&parent.limits);
    }
    task.set_first_map(map);
    pid.enter(Some(parent).filter(|parent| parent.0 > 0), &task);
    run::start(&thread);
    Ok(task)
}

/// The process of that number.
pub fn find(pid: Pid) -> Option<Shared<Task>> {
    TABLE.lock().get(pid).cloned()
}

/// The process of that number, if it has not ended.
pub fn find_alive(pid: Pid) -> Option<Shared<Task>> {
    let table = TABLE.lock();
    matches!(table.life(pid), Some(Life::Alive)).then(|| table.get(pid).cloned())?
}

/// Where a process is in its life.
pub fn life(pid: Pid) -> Option<Life> {
    TABLE.lock().life(pid)
}

/// The first process at or after a number, in the order of the table's slots: for walking all of
/// them without holding the lock. The cursor begins at 0.
pub fn next(cursor: &mut usize) -> Option<(Life, Shared<Task>)> {
    let table = TABLE.lock();
    let found = table.iter_from(*cursor).next()?;
    *cursor = found.0 + 1;
    Some((found.1, found.2.clone()))
}

/// Whether `pid` is `above` or a descendant of it.
pub fn descends(pid: Pid, above: Pid) -> bool {
    let table = TABLE.lock();
    let mut at = Some(pid);
    while let Some(pid) = at {
        if pid == above {
            return true;
        }
        at = table.parent(pid);
    }
    false
}

/// How many processes there are.
pub fn count() -> usize {
    TABLE.lock().iter().count()
}

/// A process stopped or goes on; its parent hears of a stop.
pub fn note_stop(task: &Task, status: Option<u32>) {
    let mut table = TABLE.lock();
    match status {
        Some(status) => table.stop(task.pid, status),
        None => table.go_on(task.pid),
    }
    let parent = table
        .parent(task.pid)
        .and_then(|parent| table.get(parent).cloned());
    drop(table);
    if let (Some(parent), Some(_)) = (parent, status) {
        if !signals::ignores_stops(&parent) {
            signals::send(&parent, SIGCHLD, Some(task));
        }
        run::wakeup(child_event(&parent));
    }
}

fn child_event(parent: &Task) -> usize {
    core::ptr::from_ref(parent) as usize
}

/// The running task ends with this status: its threads leave it, and so it goes.
pub fn exit(status: u32) -> ! {
    let me = run::current();
    let Some(task) = &me.task else { run::end() };
    task.request_exit(status);
    end_thread(me, task)
}

/// The running thread ends: the others go on, or the last one ends the task.
pub fn end_thread(me: &Thread, task: &Shared<Task>) -> ! {
    task.threads.reap();
    if task.exit_status().is_none() {
        // What was pending for all, and this one was told of, goes to another.
        signals::block(task, me, u32::MAX);
    }
    if me.port() != THREAD_SELF {
        task.ports.lock().remove_thread(me.port());
    }
    preempt::disable();
    // The last one takes the address space away, and this CPU may still be here then.
    vm().machine().deactivate();
    if task.threads.leave(me) == Left::Others {
        run::end_here();
    }
    preempt::enable();
    // Nobody but the last thread asks for this, so nobody else's status is lost.
    task.request_exit(0);
    end_task(task, task.exit_status().unwrap_or(0))
}

/// The only thread of a task is left, and runs: everything that the task has goes, its parent hears of it.
fn end_task(task: &Shared<Task>, status: u32) -> ! {
    task.files.close_all();
    task.set_directory(None);
    // Not in one statement: what a name meant is given up without the lock.
    let names = task.ports.lock().clear();
    drop(names);
    let vm = vm();
    if let Some(map) = task.replace_map(vm, None) {
        vm.map_terminate(map);
    }
    // From here on the parent may reap: this thread must not lose the CPU before it has left.
    preempt::disable();
    let mourners = TABLE.lock().exit(task.pid, status, |child| {
        child.set_parent(super::table::INIT)
    });
    for relative in [&mourners.parent, &mourners.adopter].into_iter().flatten() {
        signals::send(relative, SIGCHLD, Some(task));
        run::wakeup(child_event(relative));
    }
    drop(mourners);
    run::end_here()
}

/// Waits until a child that could not become a program is gone, whatever signals come.
pub fn await_unborn(parent: &Task, pid: Pid) {
    loop {
        match wait(parent, Whom::One(pid), Patience::Wait, Stops::Ignore) {
            Ok(None) => run::yield_now(),
            _ => return,
        }
    }
}

/// What `wait4` found.
pub enum Waited {
    /// A child ended.
    Dead {
        /// Its number.
        pid: Pid,
        /// Its wait status.
        status: u32,
        /// Its processor time in nanoseconds.
        time: u64,
    },
    /// A child stopped.
    Stopped {
        /// Its number.
        pid: Pid,
        /// Its wait status.
        status: u32,
    },
    /// None of the children that match has anything to tell.
    Nothing,
}

/// Whom `wait4` is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    /// Any child.
    Any,
    /// This one.
    One(Pid),
    /// Those of this process group.
    Group(i32),
}

/// Whether `wait4` waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// Until there is something.
    Wait,
    /// Not at all.
    Hurry,
}

/// Waits for a child of the running task. `None`: a signal came first.
pub fn wait(
    task: &Task,
    whom: Whom,
    patience: Patience,
    stops: Stops,
) -> Result<Option<Waited>, Errno> {
    let only = if let Whom::One(pid) = whom {
        Some(pid)
    } else {
        None
    };
    loop {
        let mut table = TABLE.lock();
        let matches = |child: &Shared<Task>| match whom {
            Whom::Group(group) => child.group() == group,
            _ => true,
        };
        match table.reap(task.pid, only, matches, stops) {
            Reaped::Dead(pid, status, child) => {
                drop(table);
                let time = child.children_time.load(Relaxed) + child.threads.bury().time;
                task.children_time.fetch_add(time, Relaxed);
                return Ok(Some(Waited::Dead { pid, status, time }));
            }
            Reaped::Stopped(pid, status) => return Ok(Some(Waited::Stopped { pid, status })),
            Reaped::None => return Err(Errno::ECHILD),
            Reaped::Busy if patience == Patience::Hurry => return Ok(Some(Waited::Nothing)),
            Reaped::Busy => {}
        }
        let result = run::wait(child_event(task), table, None, Interruptible::Yes);
        if result == crate::sched::queues::WaitResult::Interrupted {
            return Ok(None);
        }
    }
}
