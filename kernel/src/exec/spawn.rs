//! `posix_spawn`: a child that begins with exec.
//!
//! Owns: the hand-over between parent and child. Does not own: exec. The child's thread does the file
//! actions and the exec itself, in the kernel, while the parent waits for the outcome; so nothing of
//! the parent's memory is copied.

use super::{Request, execute};
use crate::files::{MAXIMUM_FILES, OnExec};
use crate::sched::queues::Interruptible;
use crate::sched::{Birth, Work, run};
use crate::shared::{Shared, try_bytes, try_push};
use crate::syscall::open_path;
use crate::syscall::process_heritage;
use crate::task::life::{self, Begin, NewPid};
use crate::task::table::Pid;
use crate::signals;
use crate::task::{Heritage, Task};
use crate::user_memory::{PathText, get};
use abi::Errno;
use abi::spawn::{
    POSIX_SPAWN_SETPGROUP, POSIX_SPAWN_SETSIGDEF, POSIX_SPAWN_SETSIGMASK, SPAWN_CLOSE, SPAWN_DUP2,
    SPAWN_OPEN, SpawnArgs, SpawnAttr, SpawnFileAction,
};
use abi::signal::Action;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicI32, Ordering};

/// The most file actions.
const MAXIMUM_ACTIONS: u64 = 64;
/// The wait status of a child that could not become a program; nobody sees it.
const NOT_RUN: u32 = 127 << 8;
/// The child has not finished its exec.
const PENDING: i32 = -1;

/// A file action, with its path fetched from the parent.
struct FileAction {
    what: SpawnFileAction,
    path: Vec<u8>,
}

/// What the child is to do, and how it went. It lives on the parent's stack until the child has
/// answered.
struct Plan {
    request: UnsafeCell<Option<Request>>,
    actions: Vec<FileAction>,
    attributes: SpawnAttr,
    result: AtomicI32,
}

/// Starts a child of `task`.
pub fn spawn(task: &Shared<Task>, request: Request, arguments: u64, birth: Birth) -> Result<Pid, Errno> {
    let (attributes, actions) = if arguments == 0 {
        (SpawnAttr::default(), Vec::new())
    } else {
        let arguments: SpawnArgs = get(arguments)?;
        (read_attributes(&arguments)?, read_actions(&arguments)?)
    };
    start(process_heritage(task)?, request, attributes, actions, birth)
}

/// Starts a process of the kernel's own choosing.
pub fn launch(heritage: Heritage, request: Request) -> Result<Pid, Errno> {
    start(heritage, request, SpawnAttr::default(), Vec::new(), Birth::FIRST)
}

fn start(
    heritage: Heritage,
    request: Request,
    attributes: SpawnAttr,
    actions: Vec<FileAction>,
    birth: Birth,
) -> Result<Pid, Errno> {
    let plan = Plan {
        request: UnsafeCell::new(Some(request)),
        actions,
        attributes,
        result: AtomicI32::new(PENDING),
    };
    let number = NewPid::take()?;
    let pid = number.pid();
    let parent = heritage.parent;
    let work = Work {
        run: child,
        argument: (&raw const plan) as usize,
    };
    life::create(number, heritage, None, Begin::Kernel(work, &birth))?;
    loop {
        run::assert_wait((&raw const plan) as usize, None, Interruptible::No);
        let result = plan.result.load(Ordering::Acquire);
        if result != PENDING {
            run::clear_wait();
            if result == 0 {
                return Ok(pid);
            }
            if let Some(parent) = life::find(parent) {
                life::await_unborn(&parent, pid);
            }
            return Err(Errno(result));
        }
        run::block();
    }
}

/// The child's thread.
fn child(plan: usize) {
    let me = run::current();
    let Some(task) = &me.task else { return };
    // SAFETY: the parent keeps the plan where it is until `result` is set, which is the last that
    // this thread does with it.
    let plan = unsafe { &*(plan as *const Plan) };
    let outcome = prepare(task, plan).and_then(|()| {
        // SAFETY: only this thread touches the request.
        let request = unsafe { (*plan.request.get()).take() };
        execute(me, task, request.ok_or(Errno::EINVAL)?)
    });
    match outcome {
        Ok(()) => answer(plan, 0),
        Err(error) => {
            answer(plan, error.0);
            life::exit(NOT_RUN);
        }
    }
}

fn answer(plan: &Plan, result: i32) {
    let event = core::ptr::from_ref(plan) as usize;
    plan.result.store(result, Ordering::Release);
    run::wakeup(event);
}

fn read_attributes(arguments: &SpawnArgs) -> Result<SpawnAttr, Errno> {
    if arguments.attr == 0 || arguments.attr_size == 0 {
        return Ok(SpawnAttr::default());
    }
    if arguments.attr_size < size_of::<SpawnAttr>() as u64 {
        return Err(Errno::EINVAL);
    }
    get(arguments.attr)
}

fn read_actions(arguments: &SpawnArgs) -> Result<Vec<FileAction>, Errno> {
    const SIZE: u64 = size_of::<SpawnFileAction>() as u64;
    let count = arguments.file_actions_size / SIZE;
    if arguments.file_actions == 0 || count == 0 {
        return Ok(Vec::new());
    }
    if count > MAXIMUM_ACTIONS || !arguments.file_actions_size.is_multiple_of(SIZE) {
        return Err(Errno::EINVAL);
    }
    let mut actions = Vec::new();
    for index in 0..count {
        let at = arguments.file_actions.checked_add(index * SIZE).ok_or(Errno::EFAULT)?;
        let what: SpawnFileAction = get(at)?;
        let path = if what.kind == SPAWN_OPEN {
            try_bytes(PathText::get(what.path)?.bytes())?
        } else {
            Vec::new()
        };
        try_push(&mut actions, FileAction { what, path })?;
    }
    Ok(actions)
}

/// What happens in the child before its exec.
fn prepare(task: &Task, plan: &Plan) -> Result<(), Errno> {
    let attributes = &plan.attributes;
    if attributes.flags & POSIX_SPAWN_SETPGROUP != 0 {
        let group = if attributes.pgroup == 0 { task.pid.0 } else { attributes.pgroup };
        task.set_group(group);
    }
    if attributes.flags & POSIX_SPAWN_SETSIGDEF != 0 {
        for signal in (1..32).filter(|signal| attributes.sigdefault >> (signal - 1) & 1 != 0) {
            task.signals.set_action(signal, Action::default())?;
        }
    }
    if attributes.flags & POSIX_SPAWN_SETSIGMASK != 0 {
        signals::block(task, run::current(), attributes.sigmask);
    }
    for action in &plan.actions {
        perform(task, action)?;
    }
    Ok(())
}

fn perform(task: &Task, action: &FileAction) -> Result<(), Errno> {
    let number = |fd: i32| usize::try_from(fd).ok().filter(|&fd| fd < MAXIMUM_FILES).ok_or(Errno::EBADF);
    let what = &action.what;
    match what.kind {
        SPAWN_OPEN => {
            let file = open_path(task, &action.path, what.oflag as u32, what.mode as u16)?;
            task.files.replace(number(what.fd)?, file, OnExec::Keep)
        }
        SPAWN_CLOSE => task.files.close(what.fd as u64),
        SPAWN_DUP2 => {
            let file = task.files.get(what.fd as u64)?;
            task.files.replace(number(what.newfd)?, file, OnExec::Keep)
        }
        _ => Err(Errno::EINVAL),
    }
}

