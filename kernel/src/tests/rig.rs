//! What a test has in its hands.
//!
//! Owns: the test's random numbers, address spaces whose memory the running thread touches through the
//! processor, sleeping, and waiting until everybody that a test started is gone. Does not own: judgement.

use super::unmet::{Outcome, Unmet};
use crate::init;
use crate::memory::vm;
use crate::random;
use crate::sched::queues::Interruptible;
use crate::sched::run;
use crate::task::Task;
use crate::task::life;
use crate::task::table::Life;
use crate::task::task::TaskMapRef;
use abi::syscall::signal::SIGKILL;
use arch::user::{self, UserFault};
use vm::{
    Inherit, Protection, Region, SetMax, UserAddr, UserFlags, UserInherit, UserProt, UserSize,
    VirtAddr,
};

/// The lowest address of a test's address space.
pub const LOWEST: u64 = 1 << 20;
/// One past its highest address.
pub const HIGHEST: u64 = 1 << 46;

/// How long children that a test left behind may take to end by themselves, in nanoseconds.
const GRACE: u64 = 2_000_000_000;

/// What a test has in its hands.
pub struct Rig<'a> {
    /// Process 1, whose thread runs the tests.
    pub task: &'a Task,
    state: u64,
}

impl<'a> Rig<'a> {
    /// For one test; `state` decides its random numbers.
    pub fn new(task: &'a Task, state: u64) -> Self {
        Self { task, state }
    }

    /// A random number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        random::mix(self.state) % limit
    }

    /// A new address space.
    pub fn space(&self) -> Result<Space<'a>, vm::KernReturn> {
        let map = vm().map_create(VirtAddr(LOWEST), VirtAddr(HIGHEST))?;
        Ok(Space {
            task: self.task,
            map: Some(map),
        })
    }

    /// Waits until every process but the first is gone; those that do not go are killed, which is a
    /// failure.
    pub fn settle(&self) -> Outcome {
        init::reap_orphans(self.task);
        if life::count() <= 1 {
            return Ok(());
        }
        let patience = arch::timer::now() + GRACE;
        while life::count() > 1 && arch::timer::now() < patience {
            sleep(1_000_000);
            init::reap_orphans(self.task);
        }
        let left = life::count() - 1;
        if left == 0 {
            return Ok(());
        }
        while life::count() > 1 {
            let mut cursor = 0;
            while let Some((state, task)) = life::next(&mut cursor) {
                if task.pid != self.task.pid && !matches!(state, Life::Zombie(_)) {
                    task.request_exit(SIGKILL);
                }
            }
            sleep(1_000_000);
            init::reap_orphans(self.task);
        }
        Err(Unmet::failed(format_args!("left {left} processes behind")))
    }
}

/// Sleeps at least so many nanoseconds.
pub fn sleep(nanoseconds: u64) {
    let event = &raw const EVENT as usize;
    let deadline = arch::timer::now() + nanoseconds;
    run::assert_wait(event, Some(deadline), Interruptible::No);
    run::block();
}

/// What sleepers wait for: nobody ever wakes it.
static EVENT: u8 = 0;

/// An address space; its end gives all memory back.
pub struct Space<'a> {
    task: &'a Task,
    map: Option<TaskMapRef>,
}

impl Drop for Space<'_> {
    fn drop(&mut self) {
        let Some(map) = self.map.take() else { return };
        if self
            .task
            .own_map()
            .is_some_and(|own| core::ptr::eq(own, &*map))
        {
            leave(self.task);
        }
        vm().map_terminate(map);
    }
}

/// The running thread has no address space any more.
fn leave(task: &Task) {
    if let Some(map) = task.replace_map(vm(), None) {
        vm().map_release(map);
    }
}

impl<'a> Space<'a> {
    /// The map.
    pub fn map(&self) -> &TaskMapRef {
        match &self.map {
            Some(map) => map,
            None => unreachable!("the map goes when the space is dropped"),
        }
    }

    /// Makes it the running thread's.
    fn enter(&self) {
        let map = self.map();
        if self
            .task
            .own_map()
            .is_some_and(|own| core::ptr::eq(own, &**map))
        {
            return;
        }
        leave(self.task);
        if let Ok(map) = map.try_ref() {
            self.task.replace_map(vm(), Some(map));
        }
    }

    /// A child's address space.
    pub fn fork(&self) -> Result<Self, vm::KernReturn> {
        let map = vm().map_fork(self.map())?;
        Ok(Self {
            task: self.task,
            map: Some(map),
        })
    }

    /// So many pages of zeros, anywhere.
    pub fn allocate(&self, pages: u64) -> Result<u64, vm::KernReturn> {
        let size = UserSize(pages * page());
        Ok(vm()
            .allocate(self.map(), UserAddr(0), size, UserFlags(1))?
            .0)
    }

    /// Gives pages back.
    pub fn deallocate(&self, at: u64, pages: u64) -> Result<(), vm::KernReturn> {
        vm().deallocate(self.map(), UserAddr(at), UserSize(pages * page()))
    }

    /// Changes what accesses may do.
    pub fn protect(&self, at: u64, pages: u64, to: Protection) -> Result<(), vm::KernReturn> {
        let size = UserSize(pages * page());
        let to = UserProt(u32::from(to.bits()));
        vm().protect(self.map(), UserAddr(at), size, SetMax::No, to)
    }

    /// Changes what a child gets.
    pub fn inherit(&self, at: u64, pages: u64, to: Inherit) -> Result<(), vm::KernReturn> {
        let size = UserSize(pages * page());
        vm().inherit(self.map(), UserAddr(at), size, UserInherit(to as u32))
    }

    /// Wires pages.
    pub fn wire(&self, at: u64, pages: u64) -> Result<(), vm::KernReturn> {
        let size = UserSize(pages * page());
        let to = UserProt(u32::from(Protection::READ.bits()));
        vm().wire(self.map(), UserAddr(at), size, to)
    }

    /// Takes the wiring back.
    pub fn unwire(&self, at: u64, pages: u64) -> Result<(), vm::KernReturn> {
        vm().unwire(self.map(), UserAddr(at), UserSize(pages * page()))
    }

    /// The region at or after an address.
    pub fn region(&self, at: u64) -> Result<Region, vm::KernReturn> {
        vm().region(self.map(), UserAddr(at))
    }

    /// Reads a byte through the processor, as a program would.
    pub fn read(&self, at: u64) -> Result<u8, UserFault> {
        let mut byte = [0];
        self.read_into(at, &mut byte)?;
        Ok(byte[0])
    }

    /// Reads bytes.
    pub fn read_into(&self, at: u64, into: &mut [u8]) -> Result<(), UserFault> {
        self.enter();
        user::copy_in(into, at)
    }

    /// Writes a byte.
    pub fn write(&self, at: u64, byte: u8) -> Result<(), UserFault> {
        self.write_from(at, &[byte])
    }

    /// Writes bytes.
    pub fn write_from(&self, at: u64, from: &[u8]) -> Result<(), UserFault> {
        self.enter();
        user::copy_out(at, from)
    }

    /// Writes one byte at the start of each of so many pages.
    pub fn write_pages(&self, at: u64, pages: u64, byte: u8) -> Result<(), UserFault> {
        (0..pages).try_for_each(|index| self.write(at + index * page(), byte))
    }

    /// What the page table says of an address.
    pub fn mapped(&self, at: u64) -> Option<(vm::PageId, Protection)> {
        let pmap = vm().pmap(self.map());
        vm::Machine::pmap_extract(vm().machine(), pmap, VirtAddr(at))
    }
}

/// Bytes of a page.
pub fn page() -> u64 {
    vm().page_size()
}
