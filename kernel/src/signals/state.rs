//! What is pending and blocked, and what shall happen.
//!
//! Owns: a task's pending signals and actions, a thread's mask, pending signals and alternate stack. Does
//! not own: who is told (`signals`), the frame of a handler (`frame`).
//! Locks: a task's settings and a thread's, of rank "task state", one at a time; the sets are atomic.
//!
//! Who sends sets the pending bit and then looks at masks; who changes a mask sets it and then looks at
//! what is pending. So one of the two sees the other.

use crate::platform::{SpinLock, TaskStateRank};
use abi::Errno;
use abi::signal::{Action, NO_STACK, SA_RESETHAND, SI_USER, SIG_DFL, SIG_IGN, SigInfo, SigStack};
use abi::syscall::signal::{
    SIGCHLD, SIGCONT, SIGINFO, SIGIO, SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH,
};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

/// Signals are 1 to 31.
pub const COUNT: usize = 32;

/// A signal in a set.
pub(super) const fn bit(signal: u32) -> u32 {
    1 << (signal - 1)
}

/// What cannot be blocked, caught or ignored.
pub(super) const UNSTOPPABLE: u32 = bit(SIGKILL) | bit(SIGSTOP);
/// What does nothing by default.
pub(super) const IGNORED_BY_DEFAULT: u32 =
    bit(SIGCHLD) | bit(SIGCONT) | bit(SIGURG) | bit(SIGWINCH) | bit(SIGINFO) | bit(SIGIO);
/// What stops the task by default.
pub(super) const STOPS_BY_DEFAULT: u32 = bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);

/// What a pending signal is about: the fields of `SigInfo` that this kernel fills. Tasks are made by
/// value, so it is kept small.
#[derive(Clone, Copy, Default)]
pub(super) struct Reason {
    code: i32,
    pid: i32,
    addr: u64,
}

impl Reason {
    /// Without the signal.
    pub(super) const fn of(info: &SigInfo) -> Self {
        Self {
            code: info.code,
            pid: info.pid,
            addr: info.addr,
        }
    }

    /// With it.
    pub(super) fn info(self, signal: u32) -> SigInfo {
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
}

/// A task's signals.
pub struct Signals {
    pub(super) pending: AtomicU32,
    settings: SpinLock<TaskStateRank, Settings>,
    pub(super) stopped: AtomicBool,
}

impl Signals {
    /// Nothing pending, all defaults.
    pub fn new() -> Self {
        Self::with([Action::default(); COUNT])
    }

    fn with(actions: [Action; COUNT]) -> Self {
        Self {
            pending: AtomicU32::new(0),
            settings: SpinLock::new(Settings {
                actions,
                reasons: [Reason::default(); COUNT],
            }),
            stopped: AtomicBool::new(false),
        }
    }

    /// What a child inherits: the actions.
    pub fn fork(&self) -> Self {
        let actions = self.settings.lock().actions;
        Self::with(actions)
    }

    /// Exec: handlers are gone with their program.
    pub fn exec(&self) {
        let mut settings = self.settings.lock();
        for action in &mut settings.actions {
            if action.handler != SIG_IGN {
                *action = Action::default();
            }
        }
    }

    /// Signals that are pending for whichever thread.
    pub fn pending(&self) -> u32 {
        self.pending.load(SeqCst)
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
            self.pending.fetch_and(!bit(signal), SeqCst);
        }
        Ok(())
    }

    /// Whether sending it would do nothing.
    pub(super) fn is_ignored(&self, signal: u32) -> bool {
        match self.action(signal).handler {
            SIG_IGN => UNSTOPPABLE & bit(signal) == 0,
            SIG_DFL => IGNORED_BY_DEFAULT & bit(signal) != 0,
            _ => false,
        }
    }

    /// Makes a signal pending for whichever thread.
    pub(super) fn post(&self, signal: u32, reason: Reason) {
        self.settings.lock().reasons[signal as usize % COUNT] = reason;
        self.pending.fetch_or(bit(signal), SeqCst);
    }

    /// Takes the lowest signal that the running thread, whose part is `own`, may have; what was sent to
    /// it alone before what was sent to all.
    pub(super) fn take(&self, own: &ThreadSignals) -> Option<(u32, SigInfo, Action)> {
        loop {
            let blocked = own.blocked();
            let mine = own.pending() & !blocked;
            let ready = mine | self.pending() & !blocked;
            if ready == 0 {
                return None;
            }
            let signal = ready.trailing_zeros() + 1;
            let kept = if mine & bit(signal) != 0 {
                own.pending.fetch_and(!bit(signal), SeqCst);
                Some(own.reason(signal))
            } else if self.pending.fetch_and(!bit(signal), SeqCst) & bit(signal) == 0 {
                // Another thread was faster.
                continue;
            } else {
                None
            };
            let mut settings = self.settings.lock();
            let at = signal as usize;
            let action = settings.actions[at];
            if action.flags & SA_RESETHAND != 0 {
                settings.actions[at].handler = SIG_DFL;
            }
            let reason = kept.unwrap_or(settings.reasons[at]);
            return Some((signal, reason.info(signal), action));
        }
    }
}

impl Default for Signals {
    fn default() -> Self {
        Self::new()
    }
}

struct Own {
    /// The alternate stack.
    stack: SigStack,
    /// The signal that is pending because of the thread's own fault, or 0.
    signal: u32,
    /// Why.
    fault: Reason,
    /// Who sent the others.
    sender: i32,
}

/// A thread's part of them.
pub struct ThreadSignals {
    pub(super) pending: AtomicU32,
    blocked: AtomicU32,
    own: SpinLock<TaskStateRank, Own>,
    /// The mask before `sigsuspend`, or `NOT_SUSPENDED`.
    suspended: AtomicU32,
}

/// No mask has this bit: there is no signal 32.
const NOT_SUSPENDED: u32 = 1 << 31;

impl ThreadSignals {
    /// Nothing pending.
    pub const fn new(blocked: u32, stack: SigStack) -> Self {
        Self {
            pending: AtomicU32::new(0),
            blocked: AtomicU32::new(blocked),
            own: SpinLock::new(Own {
                stack,
                signal: 0,
                fault: Reason {
                    code: 0,
                    pid: 0,
                    addr: 0,
                },
                sender: 0,
            }),
            suspended: AtomicU32::new(NOT_SUSPENDED),
        }
    }

    /// Exec: the stack is gone with its program.
    pub fn exec(&self) {
        self.set_stack(NO_STACK);
    }

    /// Signals that it leaves to others, or that wait.
    pub fn blocked(&self) -> u32 {
        self.blocked.load(SeqCst)
    }

    /// Signals that are pending for it alone.
    pub fn pending(&self) -> u32 {
        self.pending.load(SeqCst)
    }

    /// Sets the mask; answers the old one. The thread itself only, by way of `signals::block`.
    pub(super) fn set_blocked(&self, mask: u32) -> u32 {
        self.blocked.swap(mask & !UNSTOPPABLE, SeqCst)
    }

    /// Remembers the mask that comes back after the next handler.
    pub(super) fn suspend(&self, old: u32) {
        self.suspended.store(old & !NOT_SUSPENDED, SeqCst);
    }

    /// The mask before `sigsuspend`, once.
    pub(super) fn resume(&self) -> Option<u32> {
        let old = self.suspended.swap(NOT_SUSPENDED, SeqCst);
        (old != NOT_SUSPENDED).then_some(old)
    }

    /// The alternate stack.
    pub fn stack(&self) -> SigStack {
        self.own.lock().stack
    }

    /// Sets the alternate stack.
    pub fn set_stack(&self, stack: SigStack) {
        self.own.lock().stack = stack;
    }

    /// Makes a signal pending that a thread of process `sender` sent.
    pub(super) fn post(&self, signal: u32, sender: i32) {
        self.own.lock().sender = sender;
        self.pending.fetch_or(bit(signal), SeqCst);
    }

    /// Makes the signal of the thread's own fault pending.
    pub(super) fn post_fault(&self, signal: u32, reason: Reason) {
        let mut own = self.own.lock();
        (own.signal, own.fault) = (signal, reason);
        drop(own);
        self.pending.fetch_or(bit(signal), SeqCst);
    }

    fn reason(&self, signal: u32) -> Reason {
        let mut own = self.own.lock();
        if own.signal == signal {
            own.signal = 0;
            return own.fault;
        }
        Reason {
            code: SI_USER,
            pid: own.sender,
            addr: 0,
        }
    }
}
