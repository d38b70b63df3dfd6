//! Signals.
//!
//! Owns: pending and blocked signals, actions, default actions, the frame on a handler's stack.
//! Does not own: what causes a signal (`trap`, `tty`, `kill`), the end of a task (`task::life`).
//! Locks: a task's actions, of rank "task state"; the sets are atomic. A signal that would be ignored
//! is dropped where it is sent.

use crate::platform::{SpinLock, TaskStateRank};
use crate::sched::queues::Interruptible;
use crate::sched::{Ast, Thread, run};
use crate::shared::Shared;
use crate::syscall::Failure;
use crate::task::{Task, life};
use crate::task::table::{INIT, Pid};
use crate::user_memory::{Plain, get, put};
use abi::Errno;
use abi::signal::{
    Action, SA_NOCLDSTOP, SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SI_USER, SIG_DFL,
    SIG_IGN, SS_DISABLE, SS_ONSTACK, STYLE_INFO, SigInfo, SigStack, UContext,
};
use abi::syscall::signal::{
    SIGCHLD, SIGCONT, SIGINFO, SIGIO, SIGKILL, SIGSEGV, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG,
    SIGWINCH,
};
use arch::trap::{MContext, TrapFrame};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Signals are 1 to 31.
pub const COUNT: usize = 32;
/// Bytes below the stack pointer that a program may use without moving it.
const RED_ZONE: u64 = 128;

const fn bit(signal: u32) -> u32 {
    1 << (signal - 1)
}

/// What cannot be blocked, caught or ignored.
const UNSTOPPABLE: u32 = bit(SIGKILL) | bit(SIGSTOP);
const IGNORED_BY_DEFAULT: u32 =
    bit(SIGCHLD) | bit(SIGCONT) | bit(SIGURG) | bit(SIGWINCH) | bit(SIGINFO) | bit(SIGIO);
const STOPS_BY_DEFAULT: u32 = bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);

/// What a pending signal is about: the fields of `SigInfo` that this kernel fills. Tasks are made by
/// value, so it is kept small.
#[derive(Clone, Copy, Default)]
struct Reason {
    code: i32,
    pid: i32,
    addr: u64,
}

impl Reason {
    const fn of(info: &SigInfo) -> Self {
        Self {
            code: info.code,
            pid: info.pid,
            addr: info.addr,
        }
    }

    fn info(self, signal: u32) -> SigInfo {
        SigInfo {
            signo: signal as i32,
            code: self.code,
            pid: self.pid,
            addr: self.addr,
            ..SigInfo::default()
        }
    }
}

struct Settings {
    actions: [Action; COUNT],
    reasons: [Reason; COUNT],
    stack: SigStack,
}

const NO_STACK: SigStack = SigStack {
    sp: 0,
    size: 0,
    flags: SS_DISABLE,
    pad: 0,
};

/// A task's signals.
pub struct Signals {
    pending: AtomicU32,
    blocked: AtomicU32,
    settings: SpinLock<TaskStateRank, Settings>,
    stopped: AtomicBool,
    /// The mask before `sigsuspend`, or `NOT_SUSPENDED`.
    suspended: AtomicU32,
}

/// No mask has this bit: there is no signal 32.
const NOT_SUSPENDED: u32 = 1 << 31;

impl Signals {
    /// Nothing pending, all defaults.
    pub fn new() -> Self {
        Self::with([Action::default(); COUNT], 0)
    }

    fn with(actions: [Action; COUNT], blocked: u32) -> Self {
        Self {
            pending: AtomicU32::new(0),
            blocked: AtomicU32::new(blocked),
            settings: SpinLock::new(Settings {
                actions,
                reasons: [Reason::default(); COUNT],
                stack: NO_STACK,
            }),
            stopped: AtomicBool::new(false),
            suspended: AtomicU32::new(NOT_SUSPENDED),
        }
    }

    /// What a child inherits: actions and mask.
    pub fn fork(&self) -> Self {
        let actions = self.settings.lock().actions;
        let child = Self::with(actions, self.blocked());
        let stack = self.settings.lock().stack;
        child.settings.lock().stack = stack;
        child
    }

    /// Exec: handlers are gone with their program.
    pub fn exec(&self) {
        let mut settings = self.settings.lock();
        for action in &mut settings.actions {
            if action.handler != SIG_IGN {
                *action = Action::default();
            }
        }
        settings.stack = NO_STACK;
    }

    /// Signals that wait because they are blocked.
    pub fn blocked(&self) -> u32 {
        self.blocked.load(Ordering::SeqCst)
    }

    /// Signals that are pending.
    pub fn pending(&self) -> u32 {
        self.pending.load(Ordering::SeqCst)
    }

    /// Blocks exactly these; answers what was blocked. The task's own thread only.
    pub fn block(&self, mask: u32, me: &Thread) -> u32 {
        let old = self.blocked.swap(mask & !UNSTOPPABLE, Ordering::SeqCst);
        if self.pending() & !self.blocked() != 0 {
            me.set_ast(Ast::SIGNAL);
        }
        old
    }

    /// Blocks exactly these until the next handler returns, which brings the old mask back.
    pub fn suspend(&self, mask: u32, me: &Thread) {
        let old = self.block(mask, me);
        self.suspended.store(old & !NOT_SUSPENDED, Ordering::SeqCst);
    }

    /// The mask before `sigsuspend`, once.
    fn resume(&self) -> Option<u32> {
        let old = self.suspended.swap(NOT_SUSPENDED, Ordering::SeqCst);
        (old != NOT_SUSPENDED).then_some(old)
    }

    /// The action of a signal.
    pub fn action(&self, signal: u32) -> Action {
        self.settings.lock().actions[signal as usize % COUNT]
    }

    /// Sets the action of a signal. `EINVAL` for what cannot be caught.
    pub fn set_action(&self, signal: u32, action: Action) -> Result<(), Errno> {
        if UNSTOPPABLE & bit(signal) != 0 && action.handler != SIG_DFL {
            return Err(Errno::EINVAL);
        }
        self.settings.lock().actions[signal as usize % COUNT] = action;
        if self.is_ignored(signal) {
            self.pending.fetch_and(!bit(signal), Ordering::SeqCst);
        }
        Ok(())
    }

    /// The alternate stack.
    pub fn stack(&self) -> SigStack {
        self.settings.lock().stack
    }

    /// Sets the alternate stack.
    pub fn set_stack(&self, stack: SigStack) {
        self.settings.lock().stack = stack;
    }

    fn is_ignored(&self, signal: u32) -> bool {
        match self.action(signal).handler {
            SIG_IGN => UNSTOPPABLE & bit(signal) == 0,
            SIG_DFL => IGNORED_BY_DEFAULT & bit(signal) != 0,
            _ => false,
        }
    }

    /// Takes the lowest deliverable signal.
    fn take(&self) -> Option<(u32, SigInfo, Action)> {
        let ready = self.pending() & !self.blocked();
        if ready == 0 {
            return None;
        }
        let signal = ready.trailing_zeros() + 1;
        self.pending.fetch_and(!bit(signal), Ordering::SeqCst);
        let mut settings = self.settings.lock();
        let at = signal as usize;
        let action = settings.actions[at];
        if action.flags & SA_RESETHAND != 0 {
            settings.actions[at].handler = SIG_DFL;
        }
        Some((signal, settings.reasons[at].info(signal), action))
    }
}

impl Default for Signals {
    fn default() -> Self {
        Self::new()
    }
}

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
pub fn send_info(task: &Task, signal: u32, info: SigInfo) {
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
    task.signals.settings.lock().reasons[signal as usize] = Reason::of(&info);
    task.signals.pending.fetch_or(bit(signal), Ordering::SeqCst);
    if task.signals.blocked() & bit(signal) == 0 {
        task.alert(Ast::SIGNAL);
    }
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
pub fn fault(task: &Task, signal: u32, info: SigInfo) -> Caught {
    let action = task.signals.action(signal);
    let blocked = task.signals.blocked() & bit(signal) != 0;
    if blocked || action.handler == SIG_DFL || action.handler == SIG_IGN {
        task.request_exit(signal);
        return Caught::No;
    }
    send_info(task, signal, info);
    Caught::Yes
}

/// Whether a program has a handler for its fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caught {
    /// It has.
    Yes,
    /// It ends.
    No,
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

/// The running task stops until it is told to go on or to end.
fn stop(task: &Task, signal: u32) {
    task.signals.stopped.store(true, Ordering::SeqCst);
    life::note_stop(task, Some(signal << 8 | 0x7f));
    while task.signals.stopped.load(Ordering::SeqCst) && task.exit_status().is_none() {
        run::assert_wait(stop_event(task), None, Interruptible::No);
        let stays = task.signals.stopped.load(Ordering::SeqCst) && task.exit_status().is_none();
        if stays {
            run::block();
        } else {
            run::clear_wait();
        }
    }
}

/// What the running thread does before it returns to its program.
pub fn before_return(me: &Thread, task: &Shared<Task>, frame: &mut TrapFrame) {
    let mut restart = me.clear_ast(Ast::RESTART).contains(Ast::RESTART);
    me.clear_ast(Ast::SIGNAL);
    loop {
        if let Some(status) = task.exit_status() {
            life::exit(status);
        }
        let Some((signal, info, action)) = task.signals.take() else { break };
        match action.handler {
            SIG_IGN => {}
            SIG_DFL if IGNORED_BY_DEFAULT & bit(signal) != 0 => {}
            SIG_DFL if STOPS_BY_DEFAULT & bit(signal) != 0 => stop(task, signal),
            SIG_DFL => task.request_exit(signal),
            _ => {
                if core::mem::take(&mut restart) {
                    if action.flags & SA_RESTART != 0 {
                        frame.restart_syscall();
                    } else {
                        frame.set_error(Errno::EINTR.0 as u32);
                    }
                }
                if push(me, task, frame, signal, info, action).is_err() {
                    // There is no stack to run the handler on.
                    task.request_exit(SIGSEGV);
                }
            }
        }
    }
    if restart {
        frame.restart_syscall();
    }
    if let Some(mask) = task.signals.resume() {
        task.signals.block(mask, me);
    }
}

/// Puts the program's state on its stack and makes it run the handler.
fn push(me: &Thread, task: &Task, frame: &mut TrapFrame, signal: u32, info: SigInfo, action: Action) -> Result<(), Errno> {
    let stack = task.signals.stack();
    let on_stack = stack.flags & SS_ONSTACK != 0;
    let switches = action.flags & SA_ONSTACK != 0 && stack.flags & (SS_DISABLE | SS_ONSTACK) == 0;
    let top = if switches {
        stack.sp.saturating_add(stack.size)
    } else {
        frame.sp().wrapping_sub(RED_ZONE)
    };
    let place = |below: u64, size: usize| below.checked_sub(size as u64).map(|at| at & !15).ok_or(Errno::EFAULT);
    let context_at = place(top, size_of::<MContext>())?;
    let info_at = place(context_at, size_of::<SigInfo>())?;
    let user_at = place(info_at, size_of::<UContext>())?;
    let mut context = MContext::zeroed();
    frame.save_to(&mut context);
    me.with_user_state(|state| state.save_to(&mut context));
    let blocked = task.signals.blocked();
    let mask = task.signals.resume().unwrap_or(blocked);
    let user = UContext {
        onstack: i32::from(on_stack),
        sigmask: mask,
        stack,
        link: 0,
        mcsize: size_of::<MContext>() as u64,
        mcontext: context_at,
    };
    put(context_at, &context)?;
    put(info_at, &info)?;
    put(user_at, &user)?;
    let pushed = arch::cpu::RETURN_ADDRESS_BYTES;
    let sp = user_at - pushed;
    if pushed > 0 {
        put(sp, &0u64)?;
    }
    if switches {
        task.signals.set_stack(SigStack {
            flags: stack.flags | SS_ONSTACK,
            ..stack
        });
    }
    let own = if action.flags & SA_NODEFER != 0 { 0 } else { bit(signal) };
    task.signals.block(blocked | action.mask | own, me);
    *frame = TrapFrame::user(action.trampoline, sp);
    for (n, value) in [action.handler, STYLE_INFO, u64::from(signal), info_at, user_at].into_iter().enumerate() {
        frame.set_arg(n, value);
    }
    Ok(())
}

/// `sigreturn`: the program's state comes back from its stack.
pub fn restore(me: &Thread, task: &Task, frame: &mut TrapFrame, user_at: u64) -> Result<(), Failure> {
    let user: UContext = get(user_at)?;
    let context: MContext = get(user.mcontext)?;
    frame.load_from(&context);
    me.with_user_state(|state| state.load_from(&context));
    let stack = task.signals.stack();
    if user.onstack == 0 && stack.flags & SS_ONSTACK != 0 {
        task.signals.set_stack(SigStack {
            flags: stack.flags & !SS_ONSTACK,
            ..stack
        });
    }
    task.signals.block(user.sigmask, me);
    Err(Failure::FrameIsSet)
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
