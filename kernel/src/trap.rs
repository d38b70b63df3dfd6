//! What the hardware reports: faults, interrupts, the way back to programs.
//!
//! Owns: the upcalls of `arch::trap`, and which cause becomes which signal. Does not own: the
//! scheduler's part (`sched::run`), system calls (`syscall`).

use crate::block;
use crate::console::tty;
use crate::crash;
use crate::memory::vm;
use crate::sched::{Thread, cpus, run};
use crate::shortage;
use crate::signals::{self, Caught};
use crate::task::Task;
use crate::task::threads::Counters;
use abi::Protection;
use abi::signal::{
    BUS_ADRALN, BUS_ADRERR, FPE_INTDIV, ILL_ILLOPC, SEGV_ACCERR, SEGV_MAPERR, SigInfo, TRAP_BRKPT,
};
use abi::syscall::signal::{SIGBUS, SIGEMT, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
use arch::layout::USER_END;
use arch::trap::{Access, Cause, Interrupt, TrapFrame};
use arch::{preempt, user};
use vm::{FaultError, VirtAddr};

/// Upcall: a trap that is no interrupt.
#[unsafe(no_mangle)]
fn kernel_trap(frame: &mut TrapFrame, cause: Cause) {
    let me = run::current();
    if let (Cause::PageFault { address, access }, Some(task)) = (cause, &me.task)
        && address < USER_END
    {
            let done = if !frame.is_user() && me.is_faultless() {
                Err(FaultError::InvalidAddress)
            } else {
                page_fault(me, task, address, access)
            };
            match done {
                Ok(()) => {}
                Err(_) if !frame.is_user() => {
                    if !user::recover(frame) {
                        kernel_fault(frame, cause);
                    }
                }
                Err(error) => bad_access(me, task, frame, cause, address, error),
            }
            if me.has_ast() {
                preempt::request_ast();
            }
            return;
    }
    match &me.task {
        Some(task) if frame.is_user() => {
            let (signal, code, address) = signal_of(cause, frame.pc());
            raise(me, task, frame, cause, signal, code, address);
            preempt::request_ast();
        }
        _ if user::recover(frame) => {}
        _ => kernel_fault(frame, cause),
    }
}

fn kernel_fault(frame: &TrapFrame, cause: Cause) -> ! {
    panic!("trap in the kernel: {cause:x?} at pc {:#x}, sp {:#x}", frame.pc(), frame.sp())
}

/// Resolves a fault on a user address. Where memory is short it waits until somebody gave some back,
/// unless it is this thread that has to go.
#[inline(always)]
fn page_fault(me: &Thread, task: &Task, address: u64, access: Access) -> Result<(), FaultError> {
    let Some(map) = task.own_map() else { return Err(FaultError::InvalidAddress) };
    let wanted = match access {
        Access::Read => Protection::READ,
        Access::Write => Protection::WRITE,
        Access::Execute => Protection::EXECUTE,
    };
    Counters::count(&me.counters.faults);
    let mut attempt = 0;
    loop {
        match vm().fault(map, VirtAddr(address), wanted) {
            Err(FaultError::Shortage) if !me.is_ending() => {
                shortage::relieve(me, attempt);
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn bad_access(me: &Thread, task: &Task, frame: &TrapFrame, cause: Cause, address: u64, error: FaultError) {
    let (signal, code) = match error {
        FaultError::InvalidAddress => (SIGSEGV, SEGV_MAPERR),
        FaultError::ProtectionFailure => (SIGBUS, SEGV_ACCERR),
        FaultError::MemoryError | FaultError::Pager(_) => (SIGBUS, BUS_ADRERR),
        FaultError::Shortage => return, // it has been told to exit
    };
    raise(me, task, frame, cause, signal, code, address);
}

fn signal_of(cause: Cause, pc: u64) -> (u32, i32, u64) {
    match cause {
        Cause::PageFault { address, .. } => (SIGSEGV, SEGV_MAPERR, address),
        Cause::NonCanonical => (SIGSEGV, SEGV_MAPERR, 0),
        Cause::IllegalInstruction => (SIGILL, ILL_ILLOPC, pc),
        Cause::Breakpoint => (SIGTRAP, TRAP_BRKPT, pc),
        Cause::DivideError => (SIGFPE, FPE_INTDIV, pc),
        Cause::FloatingPoint => (SIGFPE, 0, pc),
        Cause::Alignment { address } => (SIGBUS, BUS_ADRALN, address),
        Cause::Other(_) => (SIGEMT, 0, pc),
    }
}

fn raise(me: &Thread, task: &Task, frame: &TrapFrame, cause: Cause, signal: u32, code: i32, address: u64) {
    let info = SigInfo {
        signo: signal as i32,
        code,
        addr: address,
        ..SigInfo::default()
    };
    if signals::fault(me, task, signal, info) == Caught::No {
        crash::report(task, frame, cause, signal, address);
    }
}

/// Upcall: an interrupt.
#[unsafe(no_mangle)]
fn kernel_interrupt(which: Interrupt) {
    match which {
        Interrupt::Timer => run::timer_interrupt(),
        Interrupt::Serial => tty::interrupt(),
        Interrupt::Ipi => cpus::interrupt(),
        Interrupt::NonMaskable => cpus::stop_if_asked(),
        Interrupt::Device(number) => block::interrupt(number),
    }
}

/// Upcall: this CPU returns to a program, and somebody asked that it look around first.
#[unsafe(no_mangle)]
fn kernel_return_to_user(frame: &mut TrapFrame) {
    run::preemption_point();
    let me = run::current();
    if let (true, Some(task)) = (me.has_ast(), &me.task) {
        signals::before_return(me, task, frame);
    }
}
