//! Calls about processes.

use super::{Answer, Call, DONE, Failure};
use crate::exec::{self, Request};
use crate::files::MAXIMUM_FILES;
use crate::memory::vm;
use crate::task::life::{self, Begin, NewPid, Patience, Waited, Whom};
use crate::task::limits::{Limit, RLIM_INFINITY};
use crate::task::table::{Pid, Stops};
use crate::task::{Heritage, Task};
use crate::sched::{Birth, Thread};
use crate::shared::NoMemory;
use crate::user_memory::{get, put, put_optional};
use abi::Errno;
use abi::proc::{Rusage, WNOHANG, WUNTRACED};
use core::sync::atomic::Ordering::Relaxed;

/// `getuid()`, `geteuid()`: the real and the effective user are one.
pub fn getuid(call: &mut Call<'_>) -> Answer {
    Ok((u64::from(call.task.user()), 0))
}

/// `setuid(user)`: the superuser becomes anybody, others stay who they are.
pub fn setuid(call: &mut Call<'_>) -> Answer {
    let user = call.args[0] as u32;
    if !call.task.is_root() && user != call.task.user() {
        return Err(Errno::EPERM.into());
    }
    call.task.set_user(user);
    DONE
}

/// `getgid`, `getegid`, `issetugid`: there are no groups of users.
pub fn zero(_: &mut Call<'_>) -> Answer {
    DONE
}

/// `getpid()`.
pub fn getpid(call: &mut Call<'_>) -> Answer {
    Ok((call.task.pid.0 as u64, 0))
}

/// `getppid()`.
pub fn getppid(call: &mut Call<'_>) -> Answer {
    Ok((call.task.parent() as u64, 0))
}

/// `exit(status)`: the task ends on its way back to its program.
pub fn exit(call: &mut Call<'_>) -> Answer {
    call.task.request_exit((call.args[0] as u32 & 0xff) << 8);
    Err(Failure::FrameIsSet)
}

/// What a child gets of its parent.
pub fn inherit(parent: &Task) -> Result<Heritage, NoMemory> {
    Ok(Heritage {
        parent: parent.pid,
        group: parent.group(),
        session: parent.session(),
        files: parent.files.fork()?,
        directory: parent.directory(),
        signals: parent.signals.fork(),
        registration: parent.registration(),
        identity: parent.identity(),
        file_mask: parent.file_mask.load(Relaxed),
        user: parent.user(),
    })
}

/// What a child's thread gets of the one that made it.
fn birth(thread: &Thread) -> Birth {
    Birth {
        blocked: thread.signals.blocked(),
        stack: thread.signals.stack(),
        ..Birth::FIRST
    }
}

/// The frame is `Copy` on one machine and `Clone` on the other.
fn copy_of<T: Clone>(value: &T) -> T {
    value.clone()
}

/// `fork()`: the child's number in both; the second register tells them apart.
pub fn fork(call: &mut Call<'_>) -> Answer {
    let pid = NewPid::take()?;
    let child = pid.pid();
    let heritage = inherit(call.task)?;
    let map = call.task.own_map().ok_or(Errno::ENOMEM)?;
    let map = vm().map_fork(map).map_err(|_| Errno::ENOMEM)?;
    let mut frame = copy_of(call.frame);
    frame.set_result(call.task.pid.0 as u64, 1);
    let state = call.thread.user_state();
    let birth = birth(call.thread);
    let begin = Begin::Program(&frame, &state, &birth);
    life::create(pid, heritage, Some(map), begin)?;
    Ok((child.0 as u64, 0))
}

/// `wait4(pid, *status, options, *rusage)`.
pub fn wait4(call: &mut Call<'_>) -> Answer {
    let [pid, status_at, options, usage_at, ..] = call.args;
    let (pid, options) = (pid as i32, options as i32);
    if options & !(WNOHANG | WUNTRACED) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let whom = match pid {
        -1 => Whom::Any,
        0 => Whom::Group(call.task.group()),
        1.. => Whom::One(Pid(pid)),
        _ => Whom::Group(pid.checked_neg().ok_or(Errno::ECHILD)?),
    };
    let patience = if options & WNOHANG != 0 { Patience::Hurry } else { Patience::Wait };
    let stops = if options & WUNTRACED != 0 { Stops::Report } else { Stops::Ignore };
    let (pid, status, time) = match life::wait(call.task, whom, patience, stops)? {
        None => return Err(Failure::Interrupted),
        Some(Waited::Nothing) => return Ok((0, 0)),
        Some(Waited::Dead { pid, status, time }) => (pid, status, time),
        Some(Waited::Stopped { pid, status }) => (pid, status, 0),
    };
    put_optional(status_at, &status)?;
    put_optional(usage_at, &usage(time, 0, 0))?;
    Ok((pid.0 as u64, 0))
}

fn usage(time: u64, peak: u64, faults: u64) -> Rusage {
    let seconds = (time / crate::clock::SECOND) as i64;
    let microseconds = (time % crate::clock::SECOND / 1000) as i64;
    Rusage {
        utime: [seconds, microseconds],
        maxrss: i64::try_from(peak).unwrap_or(i64::MAX),
        minflt: faults as i64,
        ..Rusage::default()
    }
}

/// `getrusage(who, *rusage)`. Processor time is not split: all of it counts as the program's.
pub fn getrusage(call: &mut Call<'_>) -> Answer {
    let task = call.task;
    let usage = match call.args[0] as i32 {
        0 => {
            let used = task.threads.usage();
            let peak = task.weight(vm()).peaks.resident.0 * vm().page_size();
            usage(used.time, peak, used.faults)
        }
        -1 => usage(task.children_time.load(Relaxed), 0, 0),
        _ => return Err(Errno::EINVAL.into()),
    };
    put(call.args[1], &usage)?;
    DONE
}

/// `execve(path, argv, envp)`.
pub fn execve(call: &mut Call<'_>) -> Answer {
    let [path, argv, envp, ..] = call.args;
    let request = Request::from_program(call.task, path, argv, envp)?;
    exec::execute(call.thread, call.task, request)?;
    Err(Failure::FrameIsSet)
}

/// `posix_spawn(*pid, path, *SpawnArgs, argv, envp)`.
pub fn posix_spawn(call: &mut Call<'_>) -> Answer {
    let [pid_at, path, arguments, argv, envp, ..] = call.args;
    let request = Request::from_program(call.task, path, argv, envp)?;
    let birth = Birth {
        blocked: call.thread.signals.blocked(),
        ..Birth::FIRST
    };
    let pid = crate::exec::spawn::spawn(call.task, request, arguments, birth)?;
    put_optional(pid_at, &pid.0)?;
    DONE
}

/// `getpgrp()`.
pub fn getpgrp(call: &mut Call<'_>) -> Answer {
    Ok((call.task.group() as u64, 0))
}

/// `setpgid(pid, group)`: of the caller or a child.
pub fn setpgid(call: &mut Call<'_>) -> Answer {
    let (pid, group) = (call.args[0] as i32, call.args[1] as i32);
    if group < 0 {
        return Err(Errno::EINVAL.into());
    }
    let me = call.task;
    let target = if pid == 0 || pid == me.pid.0 {
        me.clone()
    } else {
        let child = life::find(Pid(pid)).ok_or(Errno::ESRCH)?;
        if child.parent() != me.pid.0 {
            return Err(Errno::ESRCH.into());
        }
        child
    };
    target.set_group(if group == 0 { target.pid.0 } else { group });
    DONE
}

/// `setsid()`.
pub fn setsid(call: &mut Call<'_>) -> Answer {
    let me = call.task;
    if me.session() == me.pid.0 {
        return Err(Errno::EPERM.into());
    }
    me.lead_session();
    Ok((me.pid.0 as u64, 0))
}

const RLIMIT_DATA: u64 = 2;
const RLIMIT_STACK: u64 = 3;
const RLIMIT_AS: u64 = 5;
const RLIMIT_MEMLOCK: u64 = 6;
const RLIMIT_NPROC: u64 = 7;
const RLIMIT_NOFILE: u64 = 8;
const RLIMIT_COUNT: u64 = 9;

/// `getrlimit(which, *{soft, hard})`.
pub fn getrlimit(call: &mut Call<'_>) -> Answer {
    // Bit 12 asks for UNIX 03's rules; there are no others here.
    let which = call.args[0] & !0x1000;
    if let Some(limit) = changeable(call.task, which) {
        put(call.args[1], &limit.get())?;
        return DONE;
    }
    let limit = match which {
        RLIMIT_STACK => exec::STACK_SIZE,
        RLIMIT_NPROC => crate::task::table::MAXIMUM_PROCESSES as u64,
        RLIMIT_NOFILE => MAXIMUM_FILES as u64,
        0..=RLIMIT_DATA | 4..RLIMIT_COUNT => RLIM_INFINITY,
        _ => return Err(Errno::EINVAL.into()),
    };
    put(call.args[1], &[limit, limit])?;
    DONE
}

/// The limit of that number, if it can be changed.
fn changeable(task: &Task, which: u64) -> Option<&Limit> {
    match which {
        RLIMIT_AS => Some(&task.limits.size),
        RLIMIT_MEMLOCK => Some(&task.limits.wired),
        _ => None,
    }
}

/// `setrlimit(which, *{soft, hard})`: of the address space and of wired memory; everybody is root
/// and may raise them again. The other limits are fixed: `EPERM`.
pub fn setrlimit(call: &mut Call<'_>) -> Answer {
    let wanted: [u64; 2] = get(call.args[1])?;
    let which = call.args[0] & !0x1000;
    if which >= RLIMIT_COUNT || wanted[0] > wanted[1] {
        return Err(Errno::EINVAL.into());
    }
    if let Some(limit) = changeable(call.task, which) {
        limit.set(wanted);
        let map = call.task.own_map().ok_or(Errno::EINVAL)?;
        loop {
            let limits = call.task.limits.of_map();
            vm().map_set_limits(map, limits);
            if call.task.limits.of_map() == limits {
                return DONE;
            }
            // Another thread set one meanwhile: the map keeps the latest.
        }
    }
    Err(Errno::EPERM.into())
}
