//! Process 1: what the machine does once it is up.
//!
//! Owns: the boot modes, the adoption of orphans, the end. Does not own: tests (`tests`). Process 1 is
//! the kernel's own: it has no program, so nothing can kill it.

use crate::console::{output, tty};
use crate::exec::{Request, spawn};
use crate::files::{self, Files, OnExec, tree};
use crate::log;
use crate::memory::vm;
use crate::power;
use crate::sched::run;
use crate::signals::Signals;
use crate::shared::{Shared, try_bytes};
use crate::task::life::{self, Begin, NewPid, Patience, Waited, Whom};
use crate::task::table::{Pid, Stops};
use crate::task::task::Registration;
use crate::task::{Heritage, Identity, ROOT, Task};
use crate::sched::{Birth, Work};
use abi::Errno;
use abi::record::ev;
use abi::syscall::O_RDWR;
use boot::{BootInfo, Mode};
use core::sync::atomic::{AtomicPtr, Ordering};

static INFO: AtomicPtr<BootInfo> = AtomicPtr::new(core::ptr::null_mut());

/// How often the shell is tried when memory seems to be short: with `kmem_fail` it may be only that.
const ATTEMPTS: u32 = 16;
const ENVIRONMENT: [&[u8]; 4] = [b"PATH=/bin:/tmp", b"HOME=/", b"TERM=vt100", b"SHELL=/bin/sh"];

/// Makes process 1 and starts it.
pub fn begin(info: &'static BootInfo) {
    INFO.store(core::ptr::from_ref(info).cast_mut(), Ordering::Release);
    let made = NewPid::take().and_then(|pid| {
        let heritage = Heritage {
            parent: Pid(0),
            group: 1,
            session: 1,
            files: Files::new(),
            directory: Some(tree().root().clone()),
            signals: Signals::new(),
            registration: Registration::default(),
            identity: Shared::try_new(Identity {
                command: try_bytes(b"init")?,
                ..Identity::default()
            })?,
            file_mask: 0o022,
            user: ROOT,
        };
        let work = Work {
            run: |_| process_one(),
            argument: 0,
        };
        life::create(pid, heritage, None, Begin::Kernel(work, &Birth::FIRST))
    });
    if let Err(error) = made {
        boot::report::fail(format_args!("process 1: {}", error.text()));
    }
}

fn process_one() {
    // SAFETY: `begin` stored a reference that lives for ever.
    let info: &'static BootInfo = unsafe { &*INFO.load(Ordering::Acquire) };
    let me = run::current();
    let Some(task) = &me.task else { return };
    if let Some(every) = info.arguments.kmem_fail {
        // Not earlier: a boot that fails half-way tests nothing.
        zalloc::ChunkSource::injector(vm().frames()).fail_every(every);
    }
    // Tests count what there is, and flush themselves.
    if info.arguments.mode != Mode::Test && files::flusher::start().is_err() {
        boot::report::fail(format_args!("no memory for the flusher"));
    }
    match info.arguments.mode {
        Mode::Shell => shell(task),
        Mode::Exec => commands(task, &[b"sh", b"/etc/exec"], b"/dev/null"),
        Mode::Tour => commands(task, &[b"sh", b"/etc/tour"], b"/dev/null"),
        Mode::Test => test(task, info),
    }
}

/// The shell on the console. Its end is the machine's.
fn shell(task: &Task) {
    match start(task, &[b"sh"], b"/dev/console") {
        Ok(shell) => {
            tty::set_foreground(shell.0);
            wait_for(task, shell);
            power::off();
        }
        Err(error) => boot::report::fail(format_args!("/bin/sh: {}", error.text())),
    }
}

/// A shell with a script; its status is the machine's.
fn commands(task: &Task, arguments: &[&[u8]], input: &[u8]) {
    output::record(ev::EXEC, format_args!(""));
    let status = match start(task, arguments, input) {
        Ok(shell) => wait_for(task, shell),
        Err(error) => boot::report::fail(format_args!("/bin/sh: {}", error.text())),
    };
    let status = match status & 0x7f {
        0 => status >> 8 & 0xff,
        signal => 128 + signal,
    };
    if output::is_record() {
        output::record(ev::EXIT, format_args!(",\"status\":{status}"));
    }
    power::off();
}

#[cfg(feature = "ktest")]
fn test(task: &Shared<Task>, info: &'static BootInfo) {
    crate::tests::run(task, info);
    power::off();
}

#[cfg(not(feature = "ktest"))]
fn test(_: &Task, _: &'static BootInfo) {
    boot::report::fail(format_args!("this kernel was built without its tests"));
}

/// Starts `/bin/sh`.
fn start(task: &Task, arguments: &[&[u8]], input: &[u8]) -> Result<Pid, Errno> {
    let mut result = Err(Errno::ENOMEM);
    for _ in 0..ATTEMPTS {
        result = start_program(task, b"/bin/sh", arguments, input);
        if result != Err(Errno::ENOMEM) {
            break;
        }
    }
    result
}

/// Starts a program as a child of process 1, in a group of its own, on the console.
pub fn start_program(task: &Task, path: &[u8], arguments: &[&[u8]], input: &[u8]) -> Result<Pid, Errno> {
    let request = Request::new(path, arguments, &ENVIRONMENT)?;
    let files = Files::new();
    files.add(files::open(input, O_RDWR)?, 0, OnExec::Keep)?;
    let console = files::open(b"/dev/console", O_RDWR)?;
    files.add(console.clone(), 1, OnExec::Keep)?;
    files.add(console, 2, OnExec::Keep)?;
    let heritage = Heritage {
        parent: task.pid,
        group: 0,
        session: task.session(),
        files,
        directory: Some(tree().root().clone()),
        signals: Signals::new(),
        registration: Registration::default(),
        identity: Shared::try_new(Identity::default())?,
        file_mask: 0o022,
        user: ROOT,
    };
    spawn::launch(heritage, request)
}

/// Waits for one child, and reaps orphans meanwhile. Answers its wait status.
pub fn wait_for(task: &Task, child: Pid) -> u32 {
    loop {
        match life::wait(task, Whom::Any, Patience::Wait, Stops::Ignore) {
            Ok(Some(Waited::Dead { pid, status, .. })) if pid == child => return status,
            Ok(Some(_)) => {}
            // Signals to process 1 do nothing, and a child exists until it is reaped here.
            Ok(None) => run::yield_now(),
            Err(error) => {
                log!("process 1 lost its child {}: {}", child.0, error.text());
                return 0;
            }
        }
    }
}

/// Reaps what is left of other children, without waiting.
pub fn reap_orphans(task: &Task) {
    while let Ok(Some(Waited::Dead { .. })) = life::wait(task, Whom::Any, Patience::Hurry, Stops::Ignore) {}
}
