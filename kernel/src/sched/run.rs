//! Who runs: the switch, preemption, waiting, time.
//!
//! Owns: the scheduler's books behind their lock, each CPU's current and idle thread, the timer.
//! Does not own: the books' logic (`queues`), how CPUs start and are called (`cpus`), waiting (`wait`).
//!
//! A switch is made with interrupts masked and preemption disabled once: the count belongs to the
//! CPU, so all threads must leave and come back at the same depth.
//!
//! The timer runs only when somebody needs it: while a runnable thread waits for its turn (a tick
//! each turn), or until the next deadline of a wait. With several CPUs each that runs a thread ticks:
//! whoever becomes runnable gets its turn on any of them.

use super::cpus;
use super::queues::{
    CPUS as MAXIMUM_CPUS, Interruptible, MAXIMUM_THREADS, Place, Priority, Queues, State, ThreadId,
};
use super::thread::Thread;
use super::turn;
pub use super::wait::{assert_wait, block, block_for_result, clear_wait, interrupt, wait, wakeup};
use crate::memory::vm_if_ready;
use crate::platform::{BooksRank, SpinLock};
use crate::shared::Shared;
use arch::{cpu, interrupts, preempt, timer};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use sync::RankStack;

const NEVER: u64 = u64::MAX;

pub(super) static BOOKS: SpinLock<BooksRank, Queues> = SpinLock::new(Queues::new());
/// One counted reference for each thread that was started and not yet reaped.
static THREADS: [AtomicPtr<Thread>; MAXIMUM_THREADS] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; MAXIMUM_THREADS];
static BOOT_THREAD: Thread = Thread::boot();

/// What each CPU keeps. Only its own CPU touches it.
struct Here {
    idle: AtomicPtr<Thread>,
    /// Who ran before the switch that is being finished.
    previous: AtomicPtr<Thread>,
    /// When turns are looked at next.
    tick: AtomicU64,
    /// What the timer is set to.
    programmed: AtomicU64,
    /// The running thread came after the last tick.
    fresh: AtomicBool,
    /// The running thread's turn is over.
    turn_over: AtomicBool,
}

const _: () = assert!(MAXIMUM_CPUS == cpu::MAX_CPUS);
static CPUS: [Here; MAXIMUM_CPUS] = [const {
    Here {
        idle: AtomicPtr::new(core::ptr::null_mut()),
        previous: AtomicPtr::new(core::ptr::null_mut()),
        tick: AtomicU64::new(NEVER),
        programmed: AtomicU64::new(NEVER),
        fresh: AtomicBool::new(true),
        turn_over: AtomicBool::new(false),
    }
}; MAXIMUM_CPUS];

use Ordering::Relaxed;

fn here() -> &'static Here {
    &CPUS[cpu::id()]
}

/// Makes `kernel_main` a thread: the boot CPU's idle thread. The first call of all.
pub fn init() {
    let boot = &raw const BOOT_THREAD;
    cpu::set_local(boot.cast());
    here().idle.store(boot.cast_mut(), Relaxed);
    BOOT_THREAD.on_cpu.store(true, Relaxed);
    let mut books = BOOKS.lock();
    let id = books.add(Priority::IDLE, State::Running);
    debug_assert!(id == Some(BOOT_THREAD.id));
    books.come_up(cpu::id());
}

/// A thread for CPU `index` to begin and to idle with, before the CPU starts.
pub(super) fn prepare(index: usize, idle: &'static Thread) {
    CPUS[index]
        .idle
        .store(core::ptr::from_ref(idle).cast_mut(), Relaxed);
    idle.on_cpu.store(true, Relaxed);
    BOOKS.lock().adopt(index, idle.id);
}

/// Gives back the number of an idle thread whose CPU does not start.
pub(super) fn forget_idle(id: ThreadId) {
    let mut books = BOOKS.lock();
    books.kill(id);
    books.remove(id);
}

/// The calling CPU runs its idle thread: from here on [`current`] answers. Interrupts masked.
pub(super) fn take_idle() {
    cpu::set_local(here().idle.load(Relaxed).cast_const().cast());
    arch::context::set_kernel_stack(current().stack_top());
}

/// The calling CPU takes part from now on.
pub(super) fn come_up() {
    BOOKS.lock().come_up(cpu::id());
}

/// How many CPUs take part.
pub fn cpu_count() -> usize {
    BOOKS.lock().up().count()
}

/// The running thread.
#[inline(always)]
pub fn current() -> &'static Thread {
    // SAFETY: `init` and every switch store the running thread, which lives at least as long as it
    // runs; the reference is used by the running thread only.
    unsafe { &*cpu::local().cast::<Thread>() }
}

fn is_idle(thread: &Thread) -> bool {
    core::ptr::eq(thread, here().idle.load(Relaxed))
}

/// A number for a new thread.
pub(super) fn enter(priority: Priority) -> Option<ThreadId> {
    BOOKS.lock().add(priority, State::Dead)
}

/// A number for another CPU's idle thread.
pub(super) fn enter_idle() -> Option<ThreadId> {
    BOOKS.lock().add(Priority::IDLE, State::Running)
}

/// Gives back the number of a thread that was never started.
pub fn forget(id: ThreadId) {
    BOOKS.lock().remove(id);
}

/// What a thread is doing.
pub fn state(id: ThreadId) -> State {
    BOOKS.lock().state(id)
}

/// What a thread waits for, and its priority.
pub fn describe(id: ThreadId) -> (Option<usize>, Priority) {
    let books = BOOKS.lock();
    (books.event(id), books.priority(id))
}

/// A new thread becomes runnable.
pub fn start(thread: &Shared<Thread>) {
    start_on(thread, None);
}

/// The same with a thread that shall run on CPU `index` only, if there is an index.
pub fn start_on(thread: &Shared<Thread>, index: Option<usize>) {
    let id = thread.id;
    let raw = thread.clone().into_raw().cast_mut();
    THREADS[usize::from(id.0)].store(raw, Ordering::Release);
    let mut books = BOOKS.lock();
    books.bind(id, index);
    books.start(id);
    let priority = books.priority(id);
    notice(&mut books, Some(priority));
}

/// A thread that ended is taken out of the books. Waits until its CPU has left its stack.
pub fn reap(thread: Shared<Thread>) {
    thread.await_gone();
    BOOKS.lock().remove(thread.id);
    let raw = THREADS[usize::from(thread.id.0)].swap(core::ptr::null_mut(), Ordering::Acquire);
    if !raw.is_null() {
        // SAFETY: `start` stored the result of `into_raw`, and the swap takes it once.
        drop(unsafe { Shared::from_raw(raw.cast_const()) });
    }
}

/// Waits until a kernel thread has ended, and reaps it.
pub fn join(thread: Shared<Thread>) {
    loop {
        assert_wait(event_of(&thread), None, Interruptible::No);
        if thread.ended.load(Ordering::Acquire) {
            clear_wait();
            break;
        }
        block();
    }
    reap(thread);
}

fn event_of(thread: &Thread) -> usize {
    core::ptr::from_ref(thread) as usize
}

/// The running thread ends; its stack is freed by whoever reaps it.
pub fn end() -> ! {
    preempt::disable();
    end_here()
}

/// The same, where preemption is disabled once already.
pub fn end_here() -> ! {
    let me = current();
    let _ = interrupts::disable();
    me.ended.store(true, Ordering::Release);
    wakeup(event_of(me));
    let next = {
        let mut books = BOOKS.lock();
        books.kill(me.id);
        pick(&mut books)
    };
    switch(me, next);
    unreachable!("I-SCHED-1: a dead thread runs")
}

/// The only CPU that may run the running thread, if it is bound.
pub fn binding() -> Option<usize> {
    BOOKS.lock().binding(current().id)
}

/// Lets the running thread run on CPU `index` only, or (`None`) on all again.
pub fn bind(index: Option<usize>) {
    let saved = interrupts::disable();
    preempt::disable();
    let me = current();
    let next = {
        let mut books = BOOKS.lock();
        books.bind(me.id, index);
        index.filter(|&index| index != cpu::id()).map(|_| {
            books.requeue(me.id, Place::Back);
            let next = pick(&mut books);
            call_others(&mut books);
            next
        })
    };
    if let Some(next) = next {
        switch(me, next);
    }
    interrupts::restore(saved);
    preempt::enable();
}

/// Makes a thread that runs now look at its AST soon, on whatever CPU; one that does not looks before it goes on.
pub fn nudge(thread: &Thread) {
    let books = BOOKS.lock();
    if let Some(cpu) = books.cpu_of(thread.id) {
        cpus::call(cpu);
    }
}

/// The others of the same priority run first.
pub fn yield_now() {
    let saved = interrupts::disable();
    preempt::disable();
    here().turn_over.store(true, Relaxed);
    reschedule();
    interrupts::restore(saved);
    preempt::enable();
}

/// Somebody of this priority became runnable.
pub(super) fn notice(books: &mut Queues, woken: Option<Priority>) {
    if woken.is_some() {
        call_others(books);
        arm_tick(books, current());
    }
}

/// Makes the calls that are due.
#[inline]
fn call_others(books: &mut Queues) {
    for cpu in books.take_calls().iter() {
        cpus::call(cpu);
    }
}

/// Runs the tick while somebody waits for a turn.
fn arm_tick(books: &Queues, running: &Thread) {
    let here = here();
    if here.tick.load(Relaxed) == NEVER
        && (books.best(cpu::id()).is_some() || shares(books, running))
    {
        let tick = timer::now() + turn::length();
        here.tick.store(tick, Relaxed);
        program(tick);
    }
}

/// Whether this CPU runs, or is about to run, a thread that may have to give way to one that another CPU queued.
fn shares(books: &Queues, running: &Thread) -> bool {
    books.up().is_several() && !is_idle(running)
}

/// The timer must come at `deadline` or before.
pub(super) fn program(deadline: u64) {
    let here = here();
    if deadline < here.programmed.load(Relaxed) {
        here.programmed.store(deadline, Relaxed);
        timer::set_deadline(deadline);
    }
}

/// The timer interrupt.
pub fn timer_interrupt() {
    let here = here();
    here.programmed.store(NEVER, Relaxed);
    let now = timer::now();
    let mut books = BOOKS.lock();
    let woken = books.expire(now);
    notice(&mut books, woken);
    if here.tick.load(Relaxed) <= now {
        here.tick.store(NEVER, Relaxed);
        let me = current();
        if !here.fresh.swap(false, Relaxed) && !is_idle(me) {
            books.sink(me.id);
            here.turn_over.store(true, Relaxed);
            preempt::request_ast();
        }
        arm_tick(&books, current());
    }
    let next = books.next_deadline().unwrap_or(NEVER);
    program(next.min(here.tick.load(Relaxed)));
}

/// Takes the next thread out of the books: the most important one, or the idle thread.
pub(super) fn pick(books: &mut Queues) -> &'static Thread {
    let here = here();
    let next = match books.pick(cpu::id()) {
        Some(id) => THREADS[usize::from(id.0)].load(Ordering::Acquire),
        None => here.idle.load(Relaxed),
    };
    // SAFETY: a thread in the books is in THREADS with a reference of its own until it is reaped,
    // which happens only after it has ended; idle threads live for ever.
    let next = unsafe { &*next };
    arm_tick(books, next);
    here.fresh.store(true, Relaxed);
    here.turn_over.store(false, Relaxed);
    next
}

/// Gives the CPU to whom it belongs now. Interrupts masked, preemption disabled once.
fn reschedule() {
    let me = current();
    let next = {
        let mut books = BOOKS.lock();
        let turn_over = here().turn_over.swap(false, Relaxed);
        let mine = books.priority(me.id);
        let place = match books.best(cpu::id()) {
            Some(best) if best > mine => Place::Front,
            Some(best) if turn_over && best == mine => Place::Back,
            _ => return books.stay(me.id),
        };
        if !is_idle(me) {
            books.requeue(me.id, place);
        }
        let next = pick(&mut books);
        call_others(&mut books);
        next
    };
    switch(me, next);
}

/// Leaves `me` for `next`. Interrupts masked, preemption disabled once, no lock held.
pub(super) fn switch(me: &'static Thread, next: &'static Thread) {
    if core::ptr::eq(me, next) {
        return;
    }
    debug_assert!(
        preempt::count() == 1,
        "I-SCHED-2: a switch with preemption off more than once"
    );
    while next.on_cpu.load(Ordering::Acquire) {
        // Another CPU has put it into the books and is still leaving its stack.
        cpu::relax();
    }
    next.on_cpu.store(true, Relaxed);
    let now = timer::now();
    me.time
        .fetch_add(now.saturating_sub(me.since.load(Relaxed)), Relaxed);
    me.since.store(now, Relaxed);
    next.since.store(now, Relaxed);
    next.switches.fetch_add(1, Relaxed);
    if me.task.is_some() {
        // SAFETY: `me` is the running thread.
        unsafe { me.save_user_state() };
    }
    let vm = vm_if_ready();
    match (&next.task, vm) {
        (Some(task), Some(vm)) => {
            task.activate(vm);
            // SAFETY: `next` runs from here on; nobody else uses its state.
            unsafe { next.restore_user_state() };
        }
        (None, Some(vm)) => vm.machine().deactivate(),
        (_, None) => {}
    }
    here()
        .previous
        .store(core::ptr::from_ref(me).cast_mut(), Relaxed);
    let local = core::ptr::from_ref(next).cast();
    arch::context::set_kernel_stack(next.stack_top());
    // SAFETY: interrupts are masked; `next` is not running (`on_cpu` was clear and is ours now), and
    // its context was made by `Context::new` or by an earlier switch; threads do not move.
    unsafe { arch::context::switch(me.context.get(), next.context.get(), local) };
    finish();
}

/// The second half of a switch, on the new thread's stack.
fn finish() {
    let previous = here().previous.load(Relaxed);
    // SAFETY: the thread that was left is reaped only after `on_cpu` is clear.
    unsafe { &*previous }.on_cpu.store(false, Ordering::Release);
}

/// A new thread's first instructions.
pub(super) fn begin() {
    finish();
    interrupts::enable();
    preempt::enable();
}

/// Before returning to the program: gives way if somebody else is due.
pub fn preemption_point() {
    let saved = interrupts::disable();
    preempt::disable();
    preempt::take_ast();
    reschedule();
    interrupts::restore(saved);
    preempt::enable();
}

/// What each CPU's first thread does for ever.
pub fn idle() -> ! {
    loop {
        let _ = interrupts::disable();
        let wanted = {
            let mut books = BOOKS.lock();
            books.stay(current().id);
            books.best(cpu::id()).is_some()
        };
        if wanted {
            preempt::disable();
            preempt::take_ast();
            reschedule();
            preempt::enable();
        } else {
            cpu::wait_for_interrupt();
        }
    }
}

/// Keeps the CPU, and rests with its timer off until `done`, which an interrupt brings about. For a machine with one
/// CPU whose clock counts instructions: no time passes. `done` is called with interrupts masked.
pub fn stand_still(done: impl Fn() -> bool) {
    preempt::disable();
    let saved = interrupts::disable();
    timer::set_deadline(NEVER);
    while !done() {
        cpu::wait_for_interrupt();
    }
    timer::set_deadline(here().programmed.load(Relaxed));
    interrupts::restore(saved);
    preempt::enable();
}

/// Upcall: reschedule now. Interrupts masked, preemption count 0.
#[unsafe(no_mangle)]
fn kernel_preempt() {
    preempt::disable();
    preempt::take_ast();
    reschedule();
    if current().has_ast() {
        preempt::request_ast();
    }
    preempt::enable();
}

/// Upcall of `sync::Platform`: the running thread's lock ranks.
#[unsafe(no_mangle)]
fn kernel_ranks() -> *const RankStack {
    &raw const current().ranks
}

/// Upcall: whether pageout needs the running thread.
#[unsafe(no_mangle)]
fn kernel_is_privileged() -> bool {
    current().is_privileged()
}

/// One past the running thread's stack, as far as it is known to be mapped: for backtraces.
pub fn stack_end() -> usize {
    let me = cpu::local().cast::<Thread>();
    if me.is_null() || core::ptr::eq(me, &raw const BOOT_THREAD) {
        // The boot stack's end is not known; what was passed up to here is.
        return 0;
    }
    current().stack_top()
}
