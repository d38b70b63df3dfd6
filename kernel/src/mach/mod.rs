//! Mach traps: XNU's where XNU has a trap, private ones for what XNU reaches by message.
//!
//! Owns: port names into tasks, records in and out. Does not own: what the calls mean (`vm`).

pub mod host;
pub mod objects;
pub mod port;
pub mod purgable;
pub mod region;
pub mod share;
pub mod task;
pub mod transfer;
pub mod vm;

use crate::memory;
use crate::syscall::Call;
use crate::task::ports::{Port, TASK_SELF};
use crate::task::{TaskMap, TaskMapRef};
use abi::{Errno, KernReturn};

/// What a trap answers.
pub type Trap = Result<u32, KernReturn>;

/// `KERN_SUCCESS`.
pub const SUCCESS: Trap = Ok(0);

/// A copy to or from the program failed.
pub fn fault(_: Errno) -> KernReturn {
    KernReturn::INVALID_ADDRESS
}

/// Calls `f` with the map of the task that a name denotes, to which the call is addressed: a name that
/// denotes nothing is no destination.
pub fn with_map<O>(
    call: &Call<'_>,
    name: u64,
    f: impl FnOnce(&TaskMap) -> Result<O, KernReturn>,
) -> Result<O, KernReturn> {
    with_other_map(call, name, KernReturn::SEND_INVALID_DEST, f)
}

/// The same for a task that is only an argument: `missing` is the code for a name that denotes none.
pub fn with_other_map<O>(
    call: &Call<'_>,
    name: u64,
    missing: KernReturn,
    f: impl FnOnce(&TaskMap) -> Result<O, KernReturn>,
) -> Result<O, KernReturn> {
    if name as u32 == TASK_SELF {
        return f(call.task.own_map().ok_or(KernReturn::INVALID_TASK)?);
    }
    let port = call.task.ports.lock().lookup(name as u32);
    let Some(Port::Task(task)) = port else {
        return Err(missing);
    };
    let map: TaskMapRef = task.map_ref().ok_or(KernReturn::INVALID_TASK)?;
    let result = f(&map);
    memory::vm().map_release(map);
    result
}

/// The host's name, or `INVALID_HOST`.
pub fn check_host(name: u64) -> Result<(), KernReturn> {
    if name as u32 == crate::task::ports::HOST_SELF {
        Ok(())
    } else {
        Err(KernReturn::INVALID_HOST)
    }
}
