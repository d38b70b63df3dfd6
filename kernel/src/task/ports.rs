//! Port names: how a program names tasks and the host.
//!
//! Owns: one task's names and what they mean. Does not own: rights (there are no messages yet; every
//! name is a send right).

use crate::shared::{Shared, try_push};
use crate::task::Task;
use abi::KernReturn;
use alloc::vec::Vec;

/// The name of the task itself, in every task.
pub const TASK_SELF: u32 = 0x103;
/// The name of the calling thread.
pub const THREAD_SELF: u32 = 0x203;
/// The name of the host.
pub const HOST_SELF: u32 = 0x303;
/// Names begin here for what is looked up.
const FIRST: u32 = 4;
/// The most names of a task.
const MAXIMUM: usize = 4096;

/// What a name means.
pub enum Port {
    /// The caller's own task.
    OwnTask,
    /// Another task.
    Task(Shared<Task>),
    /// The calling thread.
    OwnThread,
    /// The host.
    Host,
}

/// The names of one task beyond the three that every task has.
pub struct Ports {
    tasks: Vec<Option<Shared<Task>>>,
}

impl Ports {
    /// No further names.
    pub const fn new() -> Self {
        Self { tasks: Vec::new() }
    }

    /// What a name means.
    pub fn lookup(&self, name: u32) -> Option<Port> {
        match name {
            TASK_SELF => Some(Port::OwnTask),
            THREAD_SELF => Some(Port::OwnThread),
            HOST_SELF => Some(Port::Host),
            _ => self.tasks.get(index(name)?)?.clone().map(Port::Task),
        }
    }

    /// A name for a task; the same one if it has one already.
    pub fn name(&mut self, task: &Shared<Task>) -> Result<u32, KernReturn> {
        let known =
            |slot: &Option<Shared<Task>>| slot.as_ref().is_some_and(|other| other.same(task));
        if let Some(at) = self.tasks.iter().position(known) {
            return Ok(name(at));
        }
        if let Some(at) = self.tasks.iter().position(Option::is_none) {
            self.tasks[at] = Some(task.clone());
            return Ok(name(at));
        }
        if self.tasks.len() >= MAXIMUM {
            return Err(KernReturn::RESOURCE_SHORTAGE);
        }
        let at = self.tasks.len();
        try_push(&mut self.tasks, Some(task.clone())).map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
        Ok(name(at))
    }

    /// Takes a name away; what it meant is dropped by the caller, without the lock.
    pub fn remove(&mut self, name: u32) -> Option<Shared<Task>> {
        self.tasks.get_mut(index(name)?)?.take()
    }

    /// Takes all names away.
    pub fn clear(&mut self) -> Vec<Option<Shared<Task>>> {
        core::mem::take(&mut self.tasks)
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self::new()
    }
}

fn name(at: usize) -> u32 {
    (FIRST + at as u32) << 8 | 3
}

fn index(name: u32) -> Option<usize> {
    if name & 0xff != 3 {
        return None;
    }
    (name >> 8).checked_sub(FIRST).map(|at| at as usize)
}
