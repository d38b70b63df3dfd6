//! Port names.

use super::{SUCCESS, Trap, fault};
use crate::syscall::Call;
use crate::task::ports::{HOST_SELF, Named, Port, TASK_SELF};
use crate::task::{Task, life};
use crate::task::table::Pid;
use crate::user_memory::put;
use abi::KernReturn;

/// `task_self()`.
pub fn task_self(_: &mut Call<'_>) -> Trap {
    Ok(TASK_SELF)
}

/// `thread_self()`.
pub fn thread_self(call: &mut Call<'_>) -> Trap {
    Ok(call.thread.port())
}

/// `host_self()`.
pub fn host_self(_: &mut Call<'_>) -> Trap {
    Ok(HOST_SELF)
}

/// `mach_port_deallocate(task, name)`.
pub fn deallocate(call: &mut Call<'_>) -> Trap {
    let [task, name, ..] = call.args;
    if task as u32 != TASK_SELF {
        return Err(KernReturn::SEND_INVALID_DEST);
    }
    let mut ports = call.task.ports.lock();
    let gone = match ports.lookup(name as u32) {
        Some(Port::Task(_) | Port::Memory(_)) => ports.remove(name as u32),
        // These keep their names as long as what they mean.
        Some(Port::OwnTask | Port::Thread | Port::Host) => None,
        None => return Err(KernReturn::INVALID_NAME),
    };
    drop(ports);
    drop(gone);
    SUCCESS
}

/// Whether `caller` may have the port of another task: the superuser that of any program, everybody
/// else those of descendants that are the same user's. The kernel's own tasks have no program.
fn may_name(caller: &Task, other: &Task) -> bool {
    let own = other.user() == caller.user() && life::descends(other.pid, caller.pid);
    other.has_map() && (caller.is_root() || own)
}

/// `task_for_pid(target, pid, *name)`: the caller itself, or whom [`may_name`] allows.
pub fn task_for_pid(call: &mut Call<'_>) -> Trap {
    let [target, pid, name_at, ..] = call.args;
    if target as u32 != TASK_SELF {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let pid = Pid(pid as i32);
    if pid.0 <= 0 {
        put(name_at, &0u32).map_err(fault)?;
        return Err(KernReturn::FAILURE);
    }
    let name = if pid == call.task.pid {
        TASK_SELF
    } else {
        let found = life::find_alive(pid).filter(|other| may_name(call.task, other));
        let Some(task) = found else {
            put(name_at, &0u32).map_err(fault)?;
            return Err(KernReturn::FAILURE);
        };
        let name = call.task.ports.lock().name(&Named::Task(task));
        name?
    };
    put(name_at, &name).map_err(fault)?;
    SUCCESS
}
