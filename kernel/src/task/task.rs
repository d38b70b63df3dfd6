//! A task: what its threads share.
//!
//! Owns: address space, descriptors, directory, signals, ports, names of one process.
//! Does not own: its relations (`table`), who its threads are (`threads`), what a thread keeps for itself
//! (`sched::thread`).
//! Locks: each part its own, of rank "task state", never two at once; what is replaced under one is
//! dropped after it.

use super::limits::Limits;
use super::ports::Ports;
use super::table::Pid;
use super::threads::Threads;
use crate::files::{Files, Node};
use crate::memory::KernelVm;
use crate::platform::{Machine, SpinLock, TaskStateRank};
use crate::shared::Shared;
use crate::signals::{self, Signals};
use abi::Errno;
use alloc::vec::Vec;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};
use sync::NoPreempt;
use vm::{Charged, LEDGER_TAGS, Map, MapRef, Pages, Peaks, Range, Residence, VolatileMemory};

/// An address space of this kernel.
pub type TaskMap = Map<Machine>;
/// A counted reference to one.
pub type TaskMapRef = MapRef<Machine>;

/// The superuser.
pub const ROOT: u32 = 0;
/// The task has not been told to exit.
const NO_STATUS: u32 = u32::MAX;

/// What a process is called.
#[derive(Default)]
pub struct Identity {
    /// The executable's last name, at most 16 bytes.
    pub command: Vec<u8>,
    /// The executable's path.
    pub path: Vec<u8>,
    /// Arguments and environment, each with its NUL, as `KERN_PROCARGS2` gives them.
    pub arguments: Vec<u8>,
    /// How many of these are arguments.
    pub count: i32,
}

/// Whether a request to exit was the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First {
    /// Its status is the task's.
    Yes,
    /// The task was to exit already.
    No,
}

/// What `bsdthread_register` said, for the threads that `bsdthread_create` makes. The same for a child;
/// gone after exec.
#[derive(Clone, Copy, Default, Debug)]
pub struct Registration {
    /// User address where threads begin; 0: nothing was registered.
    pub start: u64,
    /// From a `pthread` to its thread pointer, in bytes.
    pub tsd_offset: u32,
    /// From there to the port's place, in bytes; 0: none.
    pub port_offset: u32,
}

/// What the memory of a task counts as.
#[derive(Default)]
pub struct Weight {
    /// Pages mapped.
    pub residence: Residence,
    /// The most there ever were.
    pub peaks: Peaks,
    /// Pages that it weighs.
    pub footprint: Pages,
    /// Pages of purgeable memory that it is charged for, by tag.
    pub charged: [Charged; LEDGER_TAGS],
}

/// A task.
pub struct Task {
    /// Its number.
    pub pid: Pid,
    parent: AtomicI32,
    group: AtomicI32,
    session: AtomicI32,
    map: SpinLock<TaskStateRank, Option<TaskMapRef>>,
    /// The map in `map`, for the task's own threads. It is replaced by the only living one.
    own_map: AtomicPtr<TaskMap>,
    /// Its descriptors.
    pub files: Files,
    directory: SpinLock<TaskStateRank, Option<Node>>,
    identity: SpinLock<TaskStateRank, Shared<Identity>>,
    /// Its signals.
    pub signals: Signals,
    /// Its threads.
    pub threads: Threads,
    registration: SpinLock<TaskStateRank, Registration>,
    /// Its port names.
    pub ports: SpinLock<TaskStateRank, Ports>,
    exit_status: AtomicU32,
    /// The most pages ever resident, as far as anybody looked.
    pub peak: AtomicU64,
    /// What it may have.
    pub limits: Limits,
    /// Permissions that new files do not get.
    pub file_mask: AtomicU32,
    user: AtomicU32,
    /// When it began, in nanoseconds since boot.
    pub started: u64,
    /// Processor time of its reaped children, in nanoseconds.
    pub children_time: AtomicU64,
}

/// What a new task gets from its maker.
pub struct Heritage {
    /// The parent.
    pub parent: Pid,
    /// Process group; 0: its own.
    pub group: i32,
    /// Session.
    pub session: i32,
    /// Descriptors.
    pub files: Files,
    /// Directory.
    pub directory: Option<Node>,
    /// Signals.
    pub signals: Signals,
    /// Where its threads begin.
    pub registration: Registration,
    /// Names.
    pub identity: Shared<Identity>,
    /// File mask.
    pub file_mask: u32,
    /// User.
    pub user: u32,
}

impl Task {
    /// A task without thread and address space.
    pub fn new(pid: Pid, heritage: Heritage) -> Self {
        Self {
            pid,
            parent: AtomicI32::new(heritage.parent.0),
            group: AtomicI32::new(if heritage.group == 0 {
                pid.0
            } else {
                heritage.group
            }),
            session: AtomicI32::new(heritage.session),
            map: SpinLock::new(None),
            own_map: AtomicPtr::new(null_mut()),
            files: heritage.files,
            directory: SpinLock::new(heritage.directory),
            identity: SpinLock::new(heritage.identity),
            signals: heritage.signals,
            threads: Threads::new(),
            registration: SpinLock::new(heritage.registration),
            ports: SpinLock::new(Ports::new()),
            exit_status: AtomicU32::new(NO_STATUS),
            peak: AtomicU64::new(0),
            limits: Limits::none(),
            file_mask: AtomicU32::new(heritage.file_mask),
            user: AtomicU32::new(heritage.user),
            started: arch::timer::now(),
            children_time: AtomicU64::new(0),
        }
    }

    /// Its parent's number.
    #[inline(always)]
    pub fn parent(&self) -> i32 {
        self.parent.load(Relaxed)
    }

    /// It has another parent now.
    pub fn set_parent(&self, parent: Pid) {
        self.parent.store(parent.0, Relaxed);
    }

    /// The user whose it is.
    pub fn user(&self) -> u32 {
        self.user.load(Relaxed)
    }

    /// Whether it may do what only the superuser may.
    pub fn is_root(&self) -> bool {
        self.user() == ROOT
    }

    /// It is another user's from now on.
    pub fn set_user(&self, user: u32) {
        self.user.store(user, Relaxed);
    }

    /// Its process group.
    pub fn group(&self) -> i32 {
        self.group.load(Relaxed)
    }

    /// It joins another group.
    pub fn set_group(&self, group: i32) {
        self.group.store(group, Relaxed);
    }

    /// Its session.
    pub fn session(&self) -> i32 {
        self.session.load(Relaxed)
    }

    /// It leads a session of its own.
    pub fn lead_session(&self) {
        self.session.store(self.pid.0, Relaxed);
        self.set_group(self.pid.0);
    }

    /// The address space, for the task's own threads.
    #[inline(always)]
    pub fn own_map(&self) -> Option<&TaskMap> {
        // SAFETY: only living threads of the task call this, and the map is replaced only by one that
        // is the only one (I-TASK-1); its reference stays in `map` until then.
        unsafe { self.own_map.load(Relaxed).as_ref() }
    }

    /// A reference to the address space, for others.
    pub fn map_ref(&self) -> Option<TaskMapRef> {
        self.map.lock().as_ref()?.try_ref().ok()
    }

    /// Whether it has an address space: the kernel's own tasks have none.
    pub fn has_map(&self) -> bool {
        self.map.lock().is_some()
    }

    /// The only living thread of the task changes to another address space; the old one comes back.
    pub fn replace_map(&self, vm: &KernelVm, new: Option<TaskMapRef>) -> Option<TaskMapRef> {
        let _here = NoPreempt::<Machine>::new();
        debug_assert!(
            self.threads.living() == 1,
            "I-TASK-1: several threads, and one takes their address space away"
        );
        self.own_map
            .store(new.as_ref().map_or(null_mut(), raw), Relaxed);
        let old = core::mem::replace(&mut *self.map.lock(), new);
        self.activate(vm);
        old
    }

    /// Gives the address space to a task whose thread has not started.
    pub(super) fn set_first_map(&self, map: Option<TaskMapRef>) {
        self.own_map
            .store(map.as_ref().map_or(null_mut(), raw), Relaxed);
        *self.map.lock() = map;
    }

    /// Makes this CPU use the address space. Preemption is off.
    #[inline]
    pub fn activate(&self, vm: &KernelVm) {
        // SAFETY: as for `own_map`: the caller is a living thread of the task, or switches to it.
        match unsafe { self.own_map.load(Relaxed).as_ref() } {
            Some(map) => vm.machine().activate(vm.pmap(map)),
            None => vm.machine().deactivate(),
        }
    }

    /// Pages of it that are resident.
    pub fn resident(&self, vm: &KernelVm) -> u64 {
        let Some(map) = self.map_ref() else { return 0 };
        let pages = vm.resident(&map).0;
        vm.map_release(map);
        pages
    }

    /// What its memory counts as.
    pub fn weight(&self, vm: &KernelVm) -> Weight {
        let Some(map) = self.map_ref() else {
            return Weight::default();
        };
        let weight = Weight {
            residence: vm.residence(&map),
            peaks: vm.peaks(&map),
            footprint: vm.footprint(&map),
            charged: vm.charged(&map),
        };
        vm.map_release(map);
        weight
    }

    /// What its address space shows of memory that may be thrown away.
    pub fn volatile_memory(&self, vm: &KernelVm) -> VolatileMemory {
        let Some(map) = self.map_ref() else {
            return VolatileMemory::default();
        };
        let found = vm.volatile_memory(&map);
        vm.map_release(map);
        found
    }

    /// Faults of its address space that copied a page.
    pub fn copies(&self, vm: &KernelVm) -> u64 {
        let Some(map) = self.map_ref() else { return 0 };
        let copies = map.cow_faults();
        vm.map_release(map);
        copies
    }

    /// Bytes that are mapped, and in how many entries.
    pub fn size(&self, vm: &KernelVm) -> (u64, usize) {
        let Some(map) = self.map_ref() else {
            return (0, 0);
        };
        let size = (map.size(), map.entry_count());
        vm.map_release(map);
        size
    }

    /// Where its address space begins and ends; nothing without one.
    pub fn limits(&self, vm: &KernelVm) -> Range {
        let Some(map) = self.map_ref() else {
            return Range::default();
        };
        let limits = map.limits();
        vm.map_release(map);
        limits
    }

    /// Its directory.
    pub fn directory(&self) -> Option<Node> {
        self.directory.lock().clone()
    }

    /// It works in another directory (`None`: it ends).
    pub fn set_directory(&self, directory: Option<Node>) {
        let old = core::mem::replace(&mut *self.directory.lock(), directory);
        drop(old);
    }

    /// What it is called now.
    pub fn identity(&self) -> Shared<Identity> {
        self.identity.lock().clone()
    }

    /// Lets `look` see its names.
    pub fn with_identity<O>(&self, look: impl FnOnce(&Identity) -> O) -> O {
        look(&self.identity())
    }

    /// It is called otherwise from now on.
    pub fn set_identity(&self, identity: Shared<Identity>) {
        let old = core::mem::replace(&mut *self.identity.lock(), identity);
        drop(old);
    }

    /// Where its threads begin.
    pub fn registration(&self) -> Registration {
        *self.registration.lock()
    }

    /// Says where its threads begin, once. `EINVAL` the second time.
    pub fn register(&self, registration: Registration) -> Result<(), Errno> {
        let mut known = self.registration.lock();
        if known.start != 0 {
            return Err(Errno::EINVAL);
        }
        *known = registration;
        Ok(())
    }

    /// Exec: the new program has not registered yet.
    pub fn unregister(&self) {
        *self.registration.lock() = Registration::default();
    }

    /// Asks it to end with this wait status; the first request counts.
    pub fn request_exit(&self, status: u32) -> First {
        let first = self
            .exit_status
            .compare_exchange(NO_STATUS, status, Ordering::AcqRel, Relaxed);
        if first.is_err() {
            return First::No;
        }
        self.threads.end_all();
        signals::end_stop(self);
        First::Yes
    }

    /// The wait status that it was asked to end with.
    pub fn exit_status(&self) -> Option<u32> {
        let status = self.exit_status.load(Ordering::Acquire);
        (status != NO_STATUS).then_some(status)
    }
}

fn raw(map: &TaskMapRef) -> *mut TaskMap {
    let map: &TaskMap = map;
    core::ptr::from_ref(map).cast_mut()
}
