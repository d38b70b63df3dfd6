//! Calls that change whose a file is, who may use it, and its times.
//!
//! Who may: the owner and root; to give a file away, root.

use super::name::resolve;
use super::{Answer, Call, DONE};
use crate::files::Node;
use crate::task::Task;
use crate::user_memory::get;
use crate::vfs::attributes::Timespec;
use crate::vfs::{Change, Store, Walk};
use abi::Errno;

/// The file of a descriptor. `EINVAL` if it is none of the tree.
fn of_descriptor(call: &Call<'_>) -> Result<Node, Errno> {
    let file = call.task.files.get(call.args[0])?;
    file.node().cloned().ok_or(Errno::EINVAL)
}

fn check_owner(task: &Task, node: &Node) -> Result<(), Errno> {
    if task.is_root() || task.user() == node.user() { Ok(()) } else { Err(Errno::EPERM) }
}

/// `chmod(path, mode)`.
pub fn chmod(call: &mut Call<'_>) -> Answer {
    set_mode(call, &resolve(call.task, call.args[0], Walk::Follow)?)
}

/// `fchmod(fd, mode)`.
pub fn fchmod(call: &mut Call<'_>) -> Answer {
    set_mode(call, &of_descriptor(call)?)
}

fn set_mode(call: &Call<'_>, node: &Node) -> Answer {
    check_owner(call.task, node)?;
    node.set_permissions(call.args[1] as u16)?;
    DONE
}

/// `chown(path, user, group)`.
pub fn chown(call: &mut Call<'_>) -> Answer {
    set_owner(call, &resolve(call.task, call.args[0], Walk::Follow)?)
}

/// `lchown(path, user, group)`.
pub fn lchown(call: &mut Call<'_>) -> Answer {
    set_owner(call, &resolve(call.task, call.args[0], Walk::NoFollow)?)
}

/// `fchown(fd, user, group)`.
pub fn fchown(call: &mut Call<'_>) -> Answer {
    set_owner(call, &of_descriptor(call)?)
}

/// -1 leaves user or group as it is.
fn set_owner(call: &Call<'_>, node: &Node) -> Answer {
    let given = |argument: u64| Some(argument as u32).filter(|&id| id != u32::MAX);
    let (user, group) = (given(call.args[1]), given(call.args[2]));
    let is_same = user.is_none_or(|user| user == node.user());
    check_owner(call.task, node)?;
    if !(call.task.is_root() || is_same && group.is_none()) {
        return Err(Errno::EPERM.into());
    }
    node.change(&Change {
        user,
        group,
        ..Change::default()
    })?;
    DONE
}

/// `utimes(path, *{accessed, modified})`.
pub fn utimes(call: &mut Call<'_>) -> Answer {
    set_times(call, &resolve(call.task, call.args[0], Walk::Follow)?)
}

/// `futimes(fd, *{accessed, modified})`.
pub fn futimes(call: &mut Call<'_>) -> Answer {
    set_times(call, &of_descriptor(call)?)
}

/// A null pointer stands for now.
fn set_times(call: &Call<'_>, node: &Node) -> Answer {
    const VALUE: u64 = 16;
    check_owner(call.task, node)?;
    let now = crate::files::ObjectStore::now();
    let times = call.args[1];
    let (accessed, modified) = match times {
        0 => (now, now),
        _ => (time(times)?, time(times.checked_add(VALUE).ok_or(Errno::EFAULT)?)?),
    };
    node.change(&Change {
        accessed: Some(accessed),
        modified: Some(modified),
        changed: Some(now),
        ..Change::default()
    })?;
    DONE
}

/// A `struct timeval`: seconds, microseconds in 32 bits.
fn time(at: u64) -> Result<Timespec, Errno> {
    const MICROSECONDS: i64 = 1_000_000;
    let [seconds, rest]: [i64; 2] = get(at)?;
    let micro = i64::from(rest as i32);
    if !(0..MICROSECONDS).contains(&micro) {
        return Err(Errno::EINVAL);
    }
    Ok(Timespec {
        sec: seconds,
        nsec: micro * 1000,
    })
}
