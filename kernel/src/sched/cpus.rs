//! The CPUs beside the first: their start, how they are called, how they are stopped.
//!
//! Owns: what a CPU that takes `Interrupt::Ipi` is to do besides forgetting translations, which `arch` does.
//! Does not own: which CPU is called for what (`queues`), the way in (`boot`).
//! Locks: none; a request is a bit, set before the interrupt is sent and taken by whoever is interrupted.

use super::run;
use super::thread::Thread;
use crate::log;
use crate::memory::vm;
use crate::shared::Shared;
use arch::{cpu, interrupts, preempt, timer};
use boot::BootInfo;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Look at the queues, and at what the running thread owes.
const LOOK: u32 = 1;
/// Rest for ever.
const STOP: u32 = 2;

/// How long a CPU may take to come up, in nanoseconds.
const START_PATIENCE: u64 = 1_000_000_000;
/// How long a CPU may take to stop, before it is stopped by force or left alone, in nanoseconds.
const STOP_PATIENCE: u64 = 100_000_000;

/// What each CPU is asked to do.
static ASKED: [AtomicU32; cpu::MAX_CPUS] = [const { AtomicU32::new(0) }; cpu::MAX_CPUS];
/// The CPUs that are up, a bit each.
static UP: AtomicU32 = AtomicU32::new(1);
/// The CPUs that rest for ever, a bit each.
static STOPPED: AtomicU32 = AtomicU32::new(0);
/// Somebody stops the others.
static STOPPING: AtomicBool = AtomicBool::new(false);

/// Starts all CPUs that the machine has, one after the other. One that does not come is reported and left out.
/// Called once, on a thread that may wait.
pub fn start_all(info: &'static BootInfo) {
    for index in 1..info.cpus.len() {
        let hardware_id = info.cpus[index].hardware_id;
        if let Err(why) = start(info, index) {
            log!("cpu {index} (hardware id {hardware_id:#x}) is left out: {why}");
        }
    }
}

fn start(info: &'static BootInfo, index: usize) -> Result<(), Why> {
    let idle = Thread::idle().map_err(|_| Why::NoMemory)?;
    let stack_top = idle.stack_top();
    let raw = idle.into_raw();
    // SAFETY: the reference that was just given up keeps the thread until it is taken back below.
    run::prepare(index, unsafe { &*raw });
    // SAFETY: the stack is the new thread's; one CPU starts at a time.
    let asked = unsafe { boot::start_cpu(info, index, stack_top) };
    let patience = timer::now() + START_PATIENCE;
    while asked.is_ok() && UP.load(Ordering::Acquire) & 1 << index == 0 {
        if timer::now() >= patience {
            break;
        }
        cpu::relax();
    }
    if UP.load(Ordering::Acquire) & 1 << index != 0 {
        return Ok(());
    }
    if boot::give_up() && asked.is_ok() {
        // It may still come. Its stack stays its own.
        return Err(Why::Late);
    }
    // SAFETY: `into_raw` answered it, and the CPU found no stack.
    let idle = unsafe { Shared::from_raw(raw) };
    run::forget_idle(idle.id);
    Err(asked.map_or_else(Why::Refused, |()| Why::Silent))
}

/// Why a CPU is left out.
enum Why {
    NoMemory,
    Refused(boot::secondary::StartError),
    Silent,
    Late,
}

impl core::fmt::Display for Why {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoMemory => f.write_str("no memory for its stack"),
            Self::Refused(why) => why.fmt(f),
            Self::Silent => f.write_str("it does not answer"),
            Self::Late => f.write_str("it began, but did not come up in a second"),
        }
    }
}

/// Upcall: the first of the kernel on CPU `index`, on the stack of its idle thread, interrupts masked.
#[unsafe(no_mangle)]
fn kernel_secondary_main(index: usize) -> ! {
    run::take_idle();
    arch::machine::join(vm().machine());
    UP.fetch_or(1 << index, Ordering::AcqRel);
    run::come_up();
    run::idle()
}

/// Makes a CPU look at the queues, and at what its thread owes, soon. Preemption is off.
pub fn call(index: usize) {
    if index == cpu::id() {
        preempt::request_ast();
    } else {
        ask(index, LOOK);
    }
}

fn ask(index: usize, what: u32) {
    // Who has not yet taken the bit will: it was interrupted for it.
    if ASKED[index].fetch_or(what, Ordering::AcqRel) & what == 0 {
        cpu::signal(index);
    }
}

/// `Interrupt::Ipi` came. Interrupts masked.
pub fn interrupt() {
    let asked = ASKED[cpu::id()].swap(0, Ordering::AcqRel);
    if asked & STOP != 0 {
        stop_here();
    }
    if asked & LOOK != 0 {
        preempt::request_ast();
    }
}

/// This CPU rests for ever. Interrupts masked.
fn stop_here() -> ! {
    STOPPED.fetch_or(1 << cpu::id(), Ordering::AcqRel);
    loop {
        interrupts::halt();
    }
}

/// Stops all other CPUs, each at the end of what it does with interrupts masked: no line of output is cut. One that
/// does not obey is stopped by force where the machine can; answers whether all stopped. Of two that call it, one
/// goes on and the other stops. Interrupts masked.
pub fn stop_others() -> bool {
    let _ = interrupts::disable();
    if STOPPING.swap(true, Ordering::AcqRel) {
        stop_here();
    }
    let others = UP.load(Ordering::Acquire) & !(1 << cpu::id());
    let each = || (0..cpu::MAX_CPUS).filter(move |index| others & 1 << index != 0);
    each().for_each(|index| ask(index, STOP));
    if wait_until_stopped(others) {
        return true;
    }
    let stubborn = |&index: &usize| STOPPED.load(Ordering::Acquire) & 1 << index == 0;
    each().filter(stubborn).for_each(cpu::signal_at_once);
    wait_until_stopped(others)
}

/// `Interrupt::NonMaskable` came, perhaps from who stops this CPU.
pub fn stop_if_asked() {
    if STOPPING.load(Ordering::Acquire) && ASKED[cpu::id()].load(Ordering::Acquire) & STOP != 0 {
        stop_here();
    }
}

fn wait_until_stopped(others: u32) -> bool {
    let patience = timer::now() + STOP_PATIENCE;
    while STOPPED.load(Ordering::Acquire) & others != others {
        if timer::now() >= patience {
            return false;
        }
        cpu::relax();
    }
    true
}
