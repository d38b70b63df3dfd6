//! Signals.
//!
//! Owns: who gets a signal, default actions, stopping. Does not own: the sets and actions (`state`), the
//! frame of a handler (`frame`), what causes a signal (`trap`, `tty`, `kill`), the end of a task
//! (`task::life`).
//! Locks: none of its own. A signal that would be ignored is dropped where it is sent.
//!
//! A signal to a task waits with the task, and one thread that does not block it is told; whichever comes
//! first takes it. If the one that was told blocks it instead, or ends, it passes it on.

mod frame;
mod state;

use crate::sched::queues::Interruptible;
use crate::sched::{Ast, Thread, run};
use crate::shared::Shared;
use crate::task::task::First;
use crate::task::{Task, life};
use crate::task::table::{INIT, Pid};
use abi::Errno;
use abi::signal::{SA_NOCLDSTOP, SA_RESTART, SI_USER, SIG_DFL, SIG_IGN, SigInfo};
use abi::syscall::signal::{SIGCHLD, SIGCONT, SIGKILL, SIGSEGV};
use arch::trap::TrapFrame;
use core::sync::atomic::Ordering;
use state::{IGNORED_BY_DEFAULT, Reason, STOPS_BY_DEFAULT, UNSTOPPABLE, bit};

pub use frame::restore;
pub use state::{COUNT, Signals, ThreadSignals};

/// Whether a parent does not want to hear of stopped children.
pub fn ignores_stops(parent: &Task) -> bool {
    parent.signals.action(SIGCHLD).flags & SA_NOCLDSTOP != 0
}

/// Sends a signal to a task; `from` is the sender or the child.
pub fn send(task: &Task, signal: u32, from: Option<&Task>) {
    let info = SigInfo {
        signo: signal as i32,
        code: SI_USER,
        pid: from.map_or(0, |from| from.pid.0),
        ..SigInfo::default()
    };
    send_info(task, signal, info);
}

/// Sends a signal with its story.
fn send_info(task: &Task, signal: u32, info: SigInfo) {
    // Process 1 has no program: there is nothing that a signal could do to it.
    if signal == 0 || signal as usize >= COUNT || task.pid == INIT {
        return;
    }
    if signal == SIGKILL {
        go_on(task);
        task.request_exit(SIGKILL);
        return;
    }
    if signal == SIGCONT {
        task.signals.pending.fetch_and(!STOPS_BY_DEFAULT, Ordering::SeqCst);
        go_on(task);
    } else if STOPS_BY_DEFAULT & bit(signal) != 0 {
        task.signals.pending.fetch_and(!bit(SIGCONT), Ordering::SeqCst);
    }
    if task.signals.is_ignored(signal) {
        return;
    }
    task.signals.post(signal, Reason::of(&info));
    tell(task, signal);
}

/// Lets one thread look at a pending signal: the running one if it can have it, else the first that can.
/// If none can, whoever unblocks it looks.
fn tell(task: &Task, signal: u32) {
    let takes = |thread: &Thread| thread.signals.blocked() & bit(signal) == 0;
    let me = run::current();
    if me.task.as_ref().is_some_and(|mine| core::ptr::eq(&**mine, task)) && takes(me) {
        me.set_ast(Ast::SIGNAL);
        run::nudge(me);
    } else {
        task.threads.alert_one(Ast::SIGNAL, takes);
    }
}

/// Sends a signal to one thread of the running task. What ends, stops or continues a task does that to
/// all of it.
pub fn send_to_thread(task: &Task, thread: &Thread, signal: u32) {
    if signal == 0 {
        return;
    }
    if bit(signal) & (UNSTOPPABLE | STOPS_BY_DEFAULT | bit(SIGCONT)) != 0 {
        send(task, signal, Some(task));
        return;
    }
    if task.signals.is_ignored(signal) {
        return;
    }
    thread.signals.post(signal, task.pid.0);
    // By way of the list: in the scheduler's books one that is not in it any more may be another.
    let takes = |other: &Thread| other.number == thread.number && other.signals.blocked() & bit(signal) == 0;
    task.threads.alert_one(Ast::SIGNAL, takes);
}

/// The running thread blocks exactly these; answers what it blocked.
pub fn block(task: &Task, me: &Thread, mask: u32) -> u32 {
    let old = me.signals.set_blocked(mask);
    let pending = task.signals.pending();
    if (pending | me.signals.pending()) & !me.signals.blocked() != 0 {
        me.set_ast(Ast::SIGNAL);
    }
    // Of these it may have been told; somebody else must hear of them now.
    let mut passed_on = pending & me.signals.blocked() & !old;
    while passed_on != 0 {
        let signal = passed_on.trailing_zeros() + 1;
        passed_on &= !bit(signal);
        tell(task, signal);
    }
    old
}

/// The running thread blocks exactly these until the next handler returns, which brings the old mask back.
pub fn suspend(task: &Task, me: &Thread, mask: u32) {
    let old = block(task, me, mask);
    me.signals.suspend(old);
}

/// Sends a signal to all processes of a group; answers how many there were.
pub fn send_to_group(group: i32, signal: u32, from: Option<&Task>) -> usize {
    let mut cursor = 0;
    let mut count = 0;
    while let Some((_, task)) = life::next(&mut cursor) {
        if task.group() == group && task.exit_status().is_none() {
            send(&task, signal, from);
            count += 1;
        }
    }
    count
}

/// A fault of the running program: its handler runs, or the task ends. A fault whose signal is
/// blocked or ignored ends the task, because nothing else could go on.
pub fn fault(me: &Thread, task: &Task, signal: u32, info: SigInfo) -> Caught {
    let action = task.signals.action(signal);
    let blocked = me.signals.blocked() & bit(signal) != 0;
    if blocked || action.handler == SIG_DFL || action.handler == SIG_IGN {
        return match task.request_exit(signal) {
            First::Yes => Caught::No,
            First::No => Caught::Late,
        };
    }
    me.signals.post_fault(signal, Reason::of(&info));
    me.set_ast(Ast::SIGNAL);
    Caught::Yes
}

/// Whether a program has a handler for its fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caught {
    /// It has.
    Yes,
    /// It ends of it.
    No,
    /// It has been told to end already.
    Late,
}

fn stop_event(task: &Task) -> usize {
    (&raw const task.signals.stopped) as usize
}

fn go_on(task: &Task) {
    if task.signals.stopped.swap(false, Ordering::SeqCst) {
        life::note_stop(task, None);
        run::wakeup(stop_event(task));
    }
}

/// The task exits: nobody stays stopped.
pub fn end_stop(task: &Task) {
    if task.signals.stopped.load(Ordering::SeqCst) {
        run::wakeup(stop_event(task));
    }
}

/// The running thread's task stops: this thread here, the others when they return to the program.
fn stop(me: &Thread, task: &Task, signal: u32) {
    task.signals.stopped.store(true, Ordering::SeqCst);
    life::note_stop(task, Some(signal << 8 | 0x7f));
    task.threads.remind_others(me, Ast::STOP);
    stay(me, task);
}

/// The running thread waits until its task is told to go on, or itself to end.
fn stay(me: &Thread, task: &Task) {
    let stays = || task.signals.stopped.load(Ordering::SeqCst) && !me.is_ending();
    while stays() {
        run::assert_wait(stop_event(task), None, Interruptible::No);
        if stays() {
            run::block();
        } else {
            run::clear_wait();
        }
    }
}

/// What the running thread does before it returns to its program.
pub fn before_return(me: &Thread, task: &Shared<Task>, frame: &mut TrapFrame) {
    let mut restart = me.clear_ast(Ast::RESTART).contains(Ast::RESTART);
    me.clear_ast(Ast::SIGNAL | Ast::STOP);
    loop {
        if me.is_ending() || task.exit_status().is_some() {
            life::end_thread(me, task);
        }
        if task.signals.stopped.load(Ordering::SeqCst) {
            stay(me, task);
            continue;
        }
        let Some((signal, info, action)) = task.signals.take(&me.signals) else { break };
        match action.handler {
            SIG_IGN => {}
            SIG_DFL if IGNORED_BY_DEFAULT & bit(signal) != 0 => {}
            SIG_DFL if STOPS_BY_DEFAULT & bit(signal) != 0 => stop(me, task, signal),
            SIG_DFL => {
                task.request_exit(signal);
            }
            _ => {
                if core::mem::take(&mut restart) {
                    if action.flags & SA_RESTART != 0 {
                        frame.restart_syscall();
                    } else {
                        frame.set_error(Errno::EINTR.0 as u32);
                    }
                }
                if frame::push(me, task, frame, signal, info, action).is_err() {
                    // There is no stack to run the handler on.
                    task.request_exit(SIGSEGV);
                }
            }
        }
    }
    if restart {
        frame.restart_syscall();
    }
    if let Some(mask) = me.signals.resume() {
        block(task, me, mask);
    }
}

/// Whom `kill` reaches. `pid` as `kill` has it.
pub fn kill(me: &Task, pid: i32, signal: u32) -> Result<(), Errno> {
    if signal as usize >= COUNT {
        return Err(Errno::EINVAL);
    }
    let reached = match pid {
        1.. => {
            let task = life::find(Pid(pid)).ok_or(Errno::ESRCH)?;
            send(&task, signal, Some(me));
            1
        }
        0 => send_to_group(me.group(), signal, Some(me)),
        -1 => {
            let mut cursor = 0;
            let mut count = 0;
            while let Some((_, task)) = life::next(&mut cursor) {
                if task.pid.0 > 1 && task.pid != me.pid {
                    send(&task, signal, Some(me));
                    count += 1;
                }
            }
            count
        }
        _ => send_to_group(pid.checked_neg().ok_or(Errno::ESRCH)?, signal, Some(me)),
    };
    if reached == 0 { Err(Errno::ESRCH) } else { Ok(()) }
}
