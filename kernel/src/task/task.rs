//! A task: what its threads share.
//!
//! Owns: address space, descriptors, directory, signals, ports, names, counters of one process.
//! Does not own: its relations (`table`), its thread's registers (`sched::thread`).
//! Locks: each part its own, of rank "task state", never two at once; what is replaced under one is
//! dropped after it.

use super::limits::Limits;
use super::ports::Ports;
use super::table::Pid;
use crate::files::{Files, Node};
use crate::memory::KernelVm;
use crate::platform::{Machine, SpinLock, TaskStateRank};
use crate::sched::{Ast, Thread, run};
use crate::shared::Shared;
use crate::signals::Signals;
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

/// What a task has caused.
#[derive(Default)]
pub struct Counters {
    /// Faults.
    pub faults: AtomicU64,
    /// BSD calls.
    pub unix_calls: AtomicU64,
    /// Mach traps.
    pub mach_calls: AtomicU64,
}

impl Counters {
    /// Adds one. Only the task's own thread counts.
    #[inline(always)]
    pub fn count(counter: &AtomicU64) {
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
    }
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
    /// The map in `map`, for the task's own thread, which alone replaces it.
    own_map: AtomicPtr<TaskMap>,
    /// Its descriptors.
    pub files: Files,
    directory: SpinLock<TaskStateRank, Option<Node>>,
    identity: SpinLock<TaskStateRank, Shared<Identity>>,
    /// Its signals.
    pub signals: Signals,
    thread: SpinLock<TaskStateRank, Option<Shared<Thread>>>,
    /// Its port names.
    pub ports: SpinLock<TaskStateRank, Ports>,
    exit_status: AtomicU32,
    /// Its counters.
    pub counters: Counters,
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
            thread: SpinLock::new(None),
            ports: SpinLock::new(Ports::new()),
            exit_status: AtomicU32::new(NO_STATUS),
            counters: Counters::default(),
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

    /// The address space, for the task's own thread.
    #[inline(always)]
    pub fn own_map(&self) -> Option<&TaskMap> {
        // SAFETY: only the task's own thread calls this and only it replaces the map, whose
        // reference stays in `map` until then.
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

    /// The task's own thread changes to another address space; the old one comes back.
    pub fn replace_map(&self, vm: &KernelVm, new: Option<TaskMapRef>) -> Option<TaskMapRef> {
        let _here = NoPreempt::<Machine>::new();
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
        // SAFETY: as for `own_map`: the caller is the task's thread, or switches to it.
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

    /// Its thread.
    pub fn thread(&self) -> Option<Shared<Thread>> {
        self.thread.lock().clone()
    }

    /// It got its thread.
    pub fn set_thread(&self, thread: Shared<Thread>) {
        *self.thread.lock() = Some(thread);
    }

    /// Its thread is taken away, to be reaped.
    pub fn take_thread(&self) -> Option<Shared<Thread>> {
        self.thread.lock().take()
    }

    /// Asks it to end with this wait status; the first request counts.
    pub fn request_exit(&self, status: u32) {
        let first = self
            .exit_status
            .compare_exchange(NO_STATUS, status, Ordering::AcqRel, Relaxed);
        if first.is_err() {
            return;
        }
        self.alert(Ast::EXIT);
    }

    /// The wait status that it was asked to end with.
    pub fn exit_status(&self) -> Option<u32> {
        let status = self.exit_status.load(Ordering::Acquire);
        (status != NO_STATUS).then_some(status)
    }

    /// Makes its thread look at something soon, wherever it is.
    pub fn alert(&self, ast: Ast) {
        let Some(thread) = self.thread() else { return };
        thread.set_ast(ast);
        run::interrupt(&thread);
    }
}

fn raw(map: &TaskMapRef) -> *mut TaskMap {
    let map: &TaskMap = map;
    core::ptr::from_ref(map).cast_mut()
}
