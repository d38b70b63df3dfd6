//! Threads.
//!
//! Owns: what a thread keeps while it does not run, and what it still has to do before it returns
//! to its program. Does not own: whether it runs (`run`), its program's memory and files (`task`).

use super::queues::{Priority, State, ThreadId};
use super::run;
use super::stack::Stack;
use crate::shared::{NoMemory, Shared};
use crate::signals::ThreadSignals;
use crate::task::Task;
use crate::task::ports::THREAD_SELF;
use crate::task::threads::Counters;
use crate::zones;
use abi::signal::{NO_STACK, SigStack};
use arch::context::{Context, UserState};
use arch::trap::TrapFrame;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use sync::RankStack;

bitflags::bitflags! {
    /// What a thread must look at before it returns to its program.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Ast: u32 {
        /// A signal may be deliverable.
        const SIGNAL = 1;
        /// The thread ends, with its task (whose status is there) or alone. Never taken back.
        const EXIT = 2;
        /// An interrupted call starts again unless a handler forbids it.
        const RESTART = 4;
        /// The task is stopped. Waits go on.
        const STOP = 8;
    }
}

/// What a program's thread begins with besides its registers.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// The name of its port in its task.
    pub port: u32,
    /// Signals that it blocks.
    pub blocked: u32,
    /// Its alternate stack.
    pub stack: SigStack,
}

impl Birth {
    /// The first thread of a program, which blocks nothing.
    pub const FIRST: Self = Self {
        port: THREAD_SELF,
        blocked: 0,
        stack: NO_STACK,
    };
}

/// What a kernel thread does.
#[derive(Clone, Copy)]
pub struct Work {
    /// The function.
    pub run: fn(usize),
    /// Its argument.
    pub argument: usize,
}

/// A thread.
pub struct Thread {
    /// Its number in the scheduler's books.
    pub id: ThreadId,
    /// Its number among all threads there ever were, from 1.
    pub number: u64,
    port: AtomicU32,
    /// Its task; a kernel thread has none.
    pub task: Option<Shared<Task>>,
    work: Option<Work>,
    stack: Stack,
    pub(super) context: UnsafeCell<Context>,
    user: UnsafeCell<UserState>,
    ast: AtomicU32,
    /// What it blocks, and what waits for it alone.
    pub signals: ThreadSignals,
    /// What it has caused.
    pub counters: Counters,
    /// Pageout needs it: it may take the last frames, and does not wait for pageout.
    privileged: AtomicBool,
    /// It copies from or to its program without faults: where a page is missing the copy ends.
    faultless: AtomicBool,
    /// It has nothing to do any more but to leave its task.
    retiring: AtomicBool,
    /// It is none of its task's living threads any more.
    left: AtomicBool,
    /// A CPU runs on its stack.
    pub(super) on_cpu: AtomicBool,
    /// It ended.
    pub(super) ended: AtomicBool,
    /// Lock ranks it holds, in debug builds.
    pub ranks: RankStack,
    /// Nanoseconds of processor time, up to the last switch.
    pub(super) time: AtomicU64,
    /// When it was last switched in, in nanoseconds since boot.
    pub(super) since: AtomicU64,
    /// How often it was switched in.
    pub(super) switches: AtomicU64,
}

/// The next thread's number.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

// SAFETY: `context` is touched by the switch alone, `user` by the thread itself and by the switch
// away from and to it; the rest is atomic or constant.
unsafe impl Sync for Thread {}
// SAFETY: nothing in a thread belongs to the CPU that made it.
unsafe impl Send for Thread {}

impl Thread {
    /// The thread that runs `kernel_main`, later the boot CPU's idle thread. It has number 0.
    pub const fn boot() -> Self {
        Self::build(
            ThreadId(0),
            None,
            None,
            Stack::BOOT,
            Context::empty(),
            UserState::new(),
            &Birth::FIRST,
        )
    }

    const fn build(
        id: ThreadId,
        task: Option<Shared<Task>>,
        work: Option<Work>,
        stack: Stack,
        context: Context,
        user: UserState,
        birth: &Birth,
    ) -> Self {
        Self {
            id,
            number: 0,
            port: AtomicU32::new(birth.port),
            task,
            work,
            stack,
            context: UnsafeCell::new(context),
            user: UnsafeCell::new(user),
            ast: AtomicU32::new(0),
            signals: ThreadSignals::new(birth.blocked, birth.stack),
            counters: Counters::new(),
            privileged: AtomicBool::new(false),
            faultless: AtomicBool::new(false),
            retiring: AtomicBool::new(false),
            left: AtomicBool::new(false),
            on_cpu: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            ranks: RankStack::new(),
            time: AtomicU64::new(0),
            since: AtomicU64::new(0),
            switches: AtomicU64::new(0),
        }
    }

    fn new(
        task: Option<Shared<Task>>,
        work: Option<Work>,
        priority: Priority,
        user: UserState,
        birth: &Birth,
    ) -> Result<Shared<Self>, NoMemory> {
        let stack = Stack::new()?;
        let context = Context::new(stack.top(), start, 0);
        let id = run::enter(priority).ok_or(NoMemory)?;
        let mut thread = Self::build(id, task, work, stack, context, user, birth);
        thread.number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        zones::thread(thread).inspect_err(|_| run::forget(id))
    }

    /// The thread that another CPU begins on and idles with.
    pub(super) fn idle() -> Result<Shared<Self>, NoMemory> {
        let stack = Stack::new()?;
        let id = run::enter_idle().ok_or(NoMemory)?;
        let (context, user) = (Context::empty(), UserState::new());
        let birth = &Birth::FIRST;
        zones::thread(Self::build(id, None, None, stack, context, user, birth))
            .inspect_err(|_| run::forget_idle(id))
    }

    /// A kernel thread, not yet started ([`run::start`]).
    pub fn kernel(work: Work, priority: Priority) -> Result<Shared<Self>, NoMemory> {
        Self::new(None, Some(work), priority, UserState::new(), &Birth::FIRST)
    }

    /// A task's thread, not yet started, that will enter its program with these registers.
    pub fn user(
        task: Shared<Task>,
        frame: &TrapFrame,
        state: &UserState,
        birth: &Birth,
    ) -> Result<Shared<Self>, NoMemory> {
        let thread = Self::new(Some(task), None, Priority::USER, state.clone(), birth)?;
        // SAFETY: the top of the new thread's stack is kept free for exactly this frame.
        unsafe { thread.stack.frame().copy_from_nonoverlapping(frame, 1) };
        Ok(thread)
    }

    /// A task's thread that does `work` first; the work fills the frame for the program.
    pub fn user_in_kernel(
        task: Shared<Task>,
        work: Work,
        birth: &Birth,
    ) -> Result<Shared<Self>, NoMemory> {
        Self::new(
            Some(task),
            Some(work),
            Priority::USER,
            UserState::new(),
            birth,
        )
    }

    /// Pageout needs the thread: from now on it may take frames of the reserve, and it does not wait for
    /// pageout.
    pub fn make_privileged(&self) {
        self.privileged.store(true, Ordering::Relaxed);
    }

    /// Whether pageout needs it.
    pub fn is_privileged(&self) -> bool {
        self.privileged.load(Ordering::Relaxed)
    }

    /// Where the registers of its program are, while it is in the kernel. Only the running thread
    /// asks for its own.
    pub fn frame(&self) -> *mut TrapFrame {
        self.stack.frame()
    }

    /// A copy of the running thread's FP and SIMD registers.
    pub fn user_state(&self) -> UserState {
        self.with_user_state(|state| state.clone())
    }

    /// The highest address of its kernel stack.
    pub(super) fn stack_top(&self) -> usize {
        self.stack.top()
    }

    /// Asks the thread to look at something before it returns to its program.
    pub fn set_ast(&self, ast: Ast) {
        self.ast.fetch_or(ast.bits(), Ordering::SeqCst);
    }

    /// What it is to look at.
    pub fn ast(&self) -> Ast {
        Ast::from_bits_retain(self.ast.load(Ordering::SeqCst))
    }

    /// Whether it is to end as soon as it can.
    pub fn is_ending(&self) -> bool {
        self.ast().contains(Ast::EXIT)
    }

    /// Whether its copies are ended by a fault.
    #[inline(always)]
    pub fn is_faultless(&self) -> bool {
        self.faultless.load(Ordering::Relaxed)
    }

    /// From here to [`Thread::may_fault`] a fault ends its copies from and to its program. The thread itself calls
    /// both.
    #[inline]
    pub fn must_not_fault(&self) {
        self.faultless.store(true, Ordering::Relaxed);
    }

    /// The end of that.
    #[inline]
    pub fn may_fault(&self) {
        self.faultless.store(false, Ordering::Relaxed);
    }

    /// Whether there is anything: one load, for the way out of system calls.
    #[inline(always)]
    pub fn has_ast(&self) -> bool {
        self.ast.load(Ordering::Relaxed) != 0
    }

    /// Takes part of it back; answers what of it was set.
    pub fn clear_ast(&self, ast: Ast) -> Ast {
        Ast::from_bits_retain(self.ast.fetch_and(!ast.bits(), Ordering::SeqCst)) & ast
    }

    /// The name of its port in its task.
    pub fn port(&self) -> u32 {
        self.port.load(Ordering::Relaxed)
    }

    /// Exec: whichever thread it was, it is the first of a new program. Answers its name before.
    pub fn become_first(&self) -> u32 {
        self.signals.exec();
        self.port.swap(THREAD_SELF, Ordering::Relaxed)
    }

    /// Processor time so far, in nanoseconds.
    pub fn time(&self) -> u64 {
        let before = self.time.load(Ordering::Relaxed);
        if !self.on_cpu.load(Ordering::Relaxed) {
            return before;
        }
        let now = arch::timer::now();
        before + now.saturating_sub(self.since.load(Ordering::Relaxed))
    }

    /// How often it was given a CPU.
    pub fn switches(&self) -> u64 {
        self.switches.load(Ordering::Relaxed)
    }

    /// Stores the FP and SIMD registers of the running thread.
    ///
    /// # Safety
    /// This is the running thread, and nobody else uses its state.
    pub(super) unsafe fn save_user_state(&self) {
        // SAFETY: the caller's.
        unsafe { (*self.user.get()).save() };
    }

    /// Loads the FP and SIMD registers.
    ///
    /// # Safety
    /// As for [`Thread::save_user_state`].
    pub(super) unsafe fn restore_user_state(&self) {
        // SAFETY: the caller's.
        unsafe { (*self.user.get()).restore() };
    }

    /// Lets the running thread look at its own FP and SIMD registers and change them.
    pub fn with_user_state<O>(&self, change: impl FnOnce(&mut UserState) -> O) -> O {
        debug_assert!(core::ptr::eq(self, run::current()));
        let _here = sync::NoPreempt::<crate::platform::Machine>::new();
        // SAFETY: the running thread alone uses its state, and it is not switched away meanwhile.
        let state = unsafe { &mut *self.user.get() };
        state.save();
        let result = change(state);
        state.restore();
        result
    }

    /// Whether it ended and no CPU is on its stack any more.
    pub fn is_gone(&self) -> bool {
        self.ended.load(Ordering::Acquire) && !self.on_cpu.load(Ordering::Acquire)
    }

    /// Waits for that, which is soon: it cannot lose its CPU any more.
    pub fn await_gone(&self) {
        while !self.is_gone() {
            arch::cpu::relax();
        }
    }

    /// It has nothing to do any more but to leave its task. Under the lock of the task's list.
    pub fn set_retiring(&self) {
        self.retiring.store(true, Ordering::Relaxed);
    }

    /// Whether that is so.
    pub fn is_retiring(&self) -> bool {
        self.retiring.load(Ordering::Relaxed)
    }

    /// It is none of its task's living threads any more. Under the lock of their list.
    pub fn set_left(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    /// Whether that is so.
    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }
}

/// Where every new thread begins: the first half of a switch has just been made.
extern "C" fn start(_: usize) -> ! {
    run::begin();
    let me = run::current();
    if let Some(work) = me.work {
        (work.run)(work.argument);
        if me.task.is_none() {
            run::end();
        }
    }
    if me.has_ast() {
        arch::preempt::request_ast();
    }
    // SAFETY: the frame was written when the thread was made, or by its work; `begin` made the switch complete, so
    // this CPU's kernel stack and address space are this thread's.
    unsafe { arch::context::return_to_user(me.stack.frame()) }
}

/// A snapshot for `ps`.
pub fn state_of(thread: &Thread) -> State {
    run::state(thread.id)
}
