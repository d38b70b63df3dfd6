//! Port names.

use super::{SUCCESS, Trap, fault};
use crate::syscall::Call;
use crate::task::life;
use crate::task::ports::{HOST_SELF, Named, Port, TASK_SELF, THREAD_SELF};
use crate::task::table::Pid;
use crate::user_memory::put;
use abi::KernReturn;

/// `task_self()`.
pub fn task_self(_: &mut Call<'_>) -> Trap {
    Ok(TASK_SELF)
}

/// `thread_self()`.
pub fn thread_self(_: &mut Call<'_>) -> Trap {
    Ok(THREAD_SELF)
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
    let known = ports.lookup(name as u32);
    let gone = ports.remove(name as u32);
    drop(ports);
    match known {
        Some(Port::Task(_) | Port::Memory(_)) => drop(gone),
        Some(Port::OwnTask | Port::OwnThread | Port::Host) => {}
        None => return Err(KernReturn::INVALID_NAME),
    }
    SUCCESS
}

/// `task_for_pid(target, pid, *name)`: the caller itself, its descendants, or, because everybody is
/// root, anybody but the kernel.
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
        let found = life::find_alive(pid).filter(|task| task.has_map());
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
