//! Calls about signals.

use super::{Answer, Call, DONE};
use crate::task::ports::Port;
use crate::sched::queues::Interruptible;
use crate::sched::{Ast, run};
use crate::signals;
use crate::user_memory::{get, put_optional};
use abi::Errno;
use abi::signal::{
    Action, MINSIGSTKSZ, OldAction, SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SS_DISABLE, SS_ONSTACK,
    SigStack,
};

/// `kill(pid, signal)`.
pub fn kill(call: &mut Call<'_>) -> Answer {
    signals::kill(call.task, call.args[0] as i32, call.args[1] as u32)?;
    DONE
}

/// `__pthread_kill(port, signal)`: to a thread of the caller's own process.
pub fn pthread_kill(call: &mut Call<'_>) -> Answer {
    let [port, signal, ..] = call.args;
    let (port, signal) = (port as u32, signal as u32);
    let known = call.task.ports.lock().lookup(port);
    let named = matches!(known, Some(Port::Thread));
    let thread = call.task.threads.find(|thread| named && thread.port() == port);
    let thread = thread.ok_or(Errno::ESRCH)?;
    if signal as usize >= signals::COUNT {
        return Err(Errno::EINVAL.into());
    }
    signals::send_to_thread(call.task, &thread, signal);
    DONE
}

/// `sigaction(signal, *new, *old)`.
pub fn sigaction(call: &mut Call<'_>) -> Answer {
    let [signal, new, old, ..] = call.args;
    let signal = signal as u32;
    if signal == 0 || signal as usize >= signals::COUNT {
        return Err(Errno::EINVAL.into());
    }
    let before = call.task.signals.action(signal);
    if new != 0 {
        let action: Action = get(new)?;
        call.task.signals.set_action(signal, action)?;
    }
    let before = OldAction {
        handler: before.handler,
        mask: before.mask,
        flags: before.flags,
    };
    put_optional(old, &before)?;
    DONE
}

/// `sigprocmask(how, *new, *old)` and `__pthread_sigmask`: the calling thread's mask.
pub fn sigprocmask(call: &mut Call<'_>) -> Answer {
    let [how, new, old, ..] = call.args;
    let before = call.thread.signals.blocked();
    if new != 0 {
        let mask: u32 = get(new)?;
        let mask = match how as i32 {
            SIG_BLOCK => before | mask,
            SIG_UNBLOCK => before & !mask,
            SIG_SETMASK => mask,
            _ => return Err(Errno::EINVAL.into()),
        };
        signals::block(call.task, call.thread, mask);
    }
    put_optional(old, &before)?;
    DONE
}

/// `sigaltstack(*new, *old)`.
pub fn sigaltstack(call: &mut Call<'_>) -> Answer {
    let [new, old, ..] = call.args;
    let before = call.thread.signals.stack();
    if new != 0 {
        let stack: SigStack = get(new)?;
        if before.flags & SS_ONSTACK != 0 {
            return Err(Errno::EPERM.into());
        }
        if stack.flags & !SS_DISABLE != 0 {
            return Err(Errno::EINVAL.into());
        }
        if stack.flags & SS_DISABLE == 0 && stack.size < MINSIGSTKSZ {
            return Err(Errno::ENOMEM.into());
        }
        call.thread.signals.set_stack(stack);
    }
    put_optional(old, &before)?;
    DONE
}

/// `sigsuspend(mask)`: waits for a signal under another mask. The old mask comes back when the
/// handler returns.
pub fn sigsuspend(call: &mut Call<'_>) -> Answer {
    signals::suspend(call.task, call.thread, call.args[0] as u32);
    while !call.thread.ast().intersects(Ast::SIGNAL | Ast::EXIT) {
        let nothing = core::ptr::from_ref(call.thread) as usize + 1;
        run::assert_wait(nothing, None, Interruptible::Yes);
        run::block();
    }
    Err(Errno::EINTR.into())
}

/// `sigreturn(*context, style)`.
pub fn sigreturn(call: &mut Call<'_>) -> Answer {
    signals::restore(call.thread, call.task, call.frame, call.args[0])?;
    DONE
}
