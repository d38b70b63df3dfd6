//! The frame of a handler, on a program's stack.
//!
//! Owns: what is put there and taken back (`abi::signal`). Does not own: which signal is delivered.

use super::block;
use super::state::bit;
use crate::sched::Thread;
use crate::syscall::Failure;
use crate::task::Task;
use crate::user_memory::{Plain, get, put};
use abi::Errno;
use abi::signal::{
    Action, SA_NODEFER, SA_ONSTACK, SS_DISABLE, SS_ONSTACK, STYLE_INFO, SigInfo, SigStack, UContext,
};
use arch::trap::{MContext, TrapFrame};

/// Bytes below the stack pointer that a program may use without moving it.
const RED_ZONE: u64 = 128;

/// Puts the program's state on its stack and makes it run the handler.
pub(super) fn push(me: &Thread, task: &Task, frame: &mut TrapFrame, signal: u32, info: SigInfo, action: Action) -> Result<(), Errno> {
    let stack = me.signals.stack();
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
    let blocked = me.signals.blocked();
    let mask = me.signals.resume().unwrap_or(blocked);
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
        me.signals.set_stack(SigStack {
            flags: stack.flags | SS_ONSTACK,
            ..stack
        });
    }
    let own = if action.flags & SA_NODEFER != 0 { 0 } else { bit(signal) };
    block(task, me, blocked | action.mask | own);
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
    let stack = me.signals.stack();
    if user.onstack == 0 && stack.flags & SS_ONSTACK != 0 {
        me.signals.set_stack(SigStack {
            flags: stack.flags & !SS_ONSTACK,
            ..stack
        });
    }
    block(task, me, user.sigmask);
    Err(Failure::FrameIsSet)
}
