//! Port names: how a program names tasks, memory entries and the host.
//!
//! Owns: one task's names and what they mean. Does not own: rights (there are no messages yet; every
//! name is a send right).

use crate::memory::{self, KernelMemoryEntry};
use crate::shared::{Shared, try_push};
use crate::task::Task;
use abi::KernReturn;
use alloc::vec::Vec;

/// The name of the task itself, in every task.
pub const TASK_SELF: u32 = 0x103;
/// The name of a task's first thread.
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
    /// Memory.
    Memory(Shared<Memory>),
    /// One of the caller's threads, whose port it is (`Thread::port`).
    Thread,
    /// The host.
    Host,
}

/// A memory entry that has a name; it is released with the last one.
pub struct Memory(Option<KernelMemoryEntry>);

impl Memory {
    /// Takes a reference over.
    pub const fn new(entry: KernelMemoryEntry) -> Self {
        Self(Some(entry))
    }

    /// The entry.
    pub fn entry(&self) -> Result<&KernelMemoryEntry, KernReturn> {
        self.0.as_ref().ok_or(KernReturn::INVALID_OBJECT)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(entry) = self.0.take() {
            memory::vm().memory_entry_release(entry);
        }
    }
}

/// What a program can be given a name for.
#[derive(Clone)]
pub enum Named {
    /// A task.
    Task(Shared<Task>),
    /// Memory.
    Memory(Shared<Memory>),
    /// A thread of the task, as long as it lives: it knows its name.
    Thread,
}

impl Named {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Task(a), Self::Task(b)) => a.same(b),
            (Self::Memory(a), Self::Memory(b)) => a.same(b),
            _ => false,
        }
    }
}

/// The names of one task beyond the three that every task has.
pub struct Ports {
    named: Vec<Option<Named>>,
}

impl Ports {
    /// No further names.
    pub const fn new() -> Self {
        Self { named: Vec::new() }
    }

    /// What a name means.
    pub fn lookup(&self, name: u32) -> Option<Port> {
        match name {
            TASK_SELF => Some(Port::OwnTask),
            THREAD_SELF => Some(Port::Thread),
            HOST_SELF => Some(Port::Host),
            _ => match self.named.get(index(name)?)?.clone()? {
                Named::Task(task) => Some(Port::Task(task)),
                Named::Memory(memory) => Some(Port::Memory(memory)),
                Named::Thread => Some(Port::Thread),
            },
        }
    }

    /// A name; the same one if there is one already.
    pub fn name(&mut self, what: &Named) -> Result<u32, KernReturn> {
        let known = |slot: &Option<Named>| slot.as_ref().is_some_and(|other| other.same(what));
        if let Some(at) = self.named.iter().position(known) {
            return Ok(name(at));
        }
        self.name_anew(what)
    }

    /// A name that nothing else has, for a thread.
    pub fn name_thread(&mut self) -> Result<u32, KernReturn> {
        self.name_anew(&Named::Thread)
    }

    fn name_anew(&mut self, what: &Named) -> Result<u32, KernReturn> {
        if let Some(at) = self.named.iter().position(Option::is_none) {
            self.named[at] = Some(what.clone());
            return Ok(name(at));
        }
        if self.named.len() >= MAXIMUM {
            return Err(KernReturn::RESOURCE_SHORTAGE);
        }
        let at = self.named.len();
        try_push(&mut self.named, Some(what.clone())).map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
        Ok(name(at))
    }

    /// A thread ended: its name goes.
    pub fn remove_thread(&mut self, name: u32) {
        if let Some(slot) = index(name).and_then(|at| self.named.get_mut(at))
            && matches!(slot, Some(Named::Thread))
        {
            *slot = None;
        }
    }

    /// Takes a name away; what it meant is dropped by the caller, without the lock.
    pub fn remove(&mut self, name: u32) -> Option<Named> {
        self.named.get_mut(index(name)?)?.take()
    }

    /// Takes all names away.
    pub fn clear(&mut self) -> Vec<Option<Named>> {
        core::mem::take(&mut self.named)
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
