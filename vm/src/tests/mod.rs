//! Tests of the whole crate over the simulated machine.
//!
//! Owns: [`Rig`], a `Vm` with programs that touch bytes through CPUs. Every rig audits itself at its
//! end, and compares free pages with the beginning: a leak is a failure.

mod accounting;
mod advise;
mod arguments;
mod attribute;
mod batch;
mod conformance;
mod cow;
mod device;
mod enter;
mod file;
mod fork;
mod map;
mod memory_entry;
mod nest;
mod objects;
mod page;
mod pager;
mod pmap;
mod protect;
mod purgable;
mod reclaim;
mod residence;
mod scenarios;
mod shared;
mod straight;
mod submap;
mod superpage;
mod transfer;
mod ubc;
mod wire;
mod xnu;

use crate::counters::Event;
use crate::sim::{Access, SimMachine};
use crate::*;

/// Where maps begin in these tests.
const MIN: u64 = 1 << 20;
/// Where they end.
const MAX: u64 = 1 << 46;

/// A machine, its `Vm`, and what was there at the start.
type Rig<const SHIFT: u32> = RigOf<SHIFT, 0>;
/// The same of a machine whose last-level tables have `1 << LEAF` entries.
struct RigOf<const SHIFT: u32, const LEAF: u32> {
    vm: Vm<SimMachine<SHIFT, LEAF>>,
}

type Task<const SHIFT: u32> = TaskOf<SHIFT, 0>;
type TaskOf<const SHIFT: u32, const LEAF: u32> = MapRef<SimMachine<SHIFT, LEAF>>;

impl<const SHIFT: u32, const LEAF: u32> RigOf<SHIFT, LEAF> {
    const PAGE: u64 = 1 << SHIFT;

    fn new(frames: usize) -> Self {
        Self::with(frames, WriteExecute::Allowed)
    }

    fn with(frames: usize, write_execute: WriteExecute) -> Self {
        Self::beside(frames, 0, write_execute)
    }

    /// The same with so many frames more, after the others, that `vm` knows nothing of.
    fn beside(frames: usize, device: usize, write_execute: WriteExecute) -> Self {
        sync::host::enter(Some(0), None);
        let pages: Vec<Page> = (0..frames).map(|_| Page::new()).collect();
        let base = 0xffff_c000_0000_0000;
        let memory = BootMemory {
            pages: Box::leak(pages.into_boxed_slice()),
            usable: &[(PageId(1), Pages(frames as u64 - 1))],
            reserve: Pages(8),
            kernel_range: Range::new(VirtAddr(base), VirtAddr(base + (1 << 40))),
            write_execute,
        };
        let vm = Vm::new(SimMachine::new(frames + device), memory).expect("memory for a machine");
        Self { vm }
    }

    fn task(&self) -> TaskOf<SHIFT, LEAF> {
        self.vm
            .map_create(VirtAddr(MIN), VirtAddr(MAX))
            .expect("memory for a map")
    }

    /// Frames that are not free, without the chunks that zones keep: each CPU has some.
    fn used(&self) -> u64 {
        for cpu in 0..sync::host::CPUS {
            sync::host::enter(Some(cpu), None);
            self.vm.zone_registry().gc(self.vm.frames());
        }
        sync::host::enter(None, None);
        self.vm.total_pages().0 - self.vm.frames.free_count().0
    }

    /// The audit, and what only the simulator can see.
    fn audit(&self) -> AuditReport {
        let report = self.vm.audit().expect("the audit");
        self.vm.machine().audit_tlbs().expect("TLBs");
        self.vm.machine().audit_reverse().expect("reverse maps");
        report
    }

    fn allocate(&self, task: &TaskOf<SHIFT, LEAF>, pages: u64) -> u64 {
        let (addr, size) = (UserAddr(0), UserSize(pages * Self::PAGE));
        let at = self.vm.allocate(task, addr, size, UserFlags(1));
        at.expect("memory").0
    }

    fn allocate_at(&self, task: &TaskOf<SHIFT, LEAF>, at: u64, pages: u64) {
        let (addr, size) = (UserAddr(at), UserSize(pages * Self::PAGE));
        let got = self.vm.allocate(task, addr, size, UserFlags(0));
        assert_eq!(got, Ok(VirtAddr(at)));
    }

    fn deallocate(&self, task: &TaskOf<SHIFT, LEAF>, at: u64, pages: u64) {
        let size = UserSize(pages * Self::PAGE);
        assert_eq!(self.vm.deallocate(task, UserAddr(at), size), Ok(()));
    }

    fn protect(
        &self,
        task: &TaskOf<SHIFT, LEAF>,
        at: u64,
        pages: u64,
        prot: u32,
    ) -> Result<(), KernReturn> {
        let size = UserSize(pages * Self::PAGE);
        self.vm
            .protect(task, UserAddr(at), size, SetMax::No, UserProt(prot))
    }

    fn inherit(&self, task: &TaskOf<SHIFT, LEAF>, at: u64, pages: u64, inherit: Inherit) {
        let size = UserSize(pages * Self::PAGE);
        let inherit = UserInherit(inherit as u32);
        assert_eq!(self.vm.inherit(task, UserAddr(at), size, inherit), Ok(()));
    }

    /// A program on `cpu` touches a byte; faults are resolved, or it fails.
    fn touch(
        &self,
        cpu: usize,
        task: &TaskOf<SHIFT, LEAF>,
        at: u64,
        access: Access,
    ) -> Result<u8, FaultError> {
        self.touch_within(3, cpu, task, at, access)
    }

    /// The same with so many tries: another CPU may take a mapping away that a fault has just made.
    fn touch_within(
        &self,
        tries: u32,
        cpu: usize,
        task: &TaskOf<SHIFT, LEAF>,
        at: u64,
        access: Access,
    ) -> Result<u8, FaultError> {
        let pmap = self.vm.pmap(task);
        for _ in 0..tries {
            match self.vm.machine().access(cpu, pmap, VirtAddr(at), access) {
                Ok((byte, _)) => return Ok(byte),
                Err(_) => self.vm.fault(task, VirtAddr(at), access.protection())?,
            }
        }
        panic!("a fault was resolved and the access faults again");
    }

    fn read(&self, task: &TaskOf<SHIFT, LEAF>, at: u64) -> u8 {
        self.touch(0, task, at, Access::Read).expect("readable")
    }

    fn write(&self, task: &TaskOf<SHIFT, LEAF>, at: u64, value: u8) {
        let got = self.touch(0, task, at, Access::Write(value));
        assert_eq!(got, Ok(value));
    }

    fn write_pages(&self, task: &TaskOf<SHIFT, LEAF>, at: u64, pages: u64, value: u8) {
        for page in 0..pages {
            self.write(task, at + page * Self::PAGE, value);
        }
    }

    fn fork(&self, task: &TaskOf<SHIFT, LEAF>) -> TaskOf<SHIFT, LEAF> {
        self.vm.map_fork(task).expect("memory for a child")
    }

    fn end(&self, task: TaskOf<SHIFT, LEAF>) {
        self.vm.map_terminate(task);
    }

    fn region(&self, task: &TaskOf<SHIFT, LEAF>, at: u64) -> Region {
        self.vm.region(task, UserAddr(at)).expect("a region")
    }

    fn events(&self, event: Event) -> u64 {
        self.vm.counters().get(event)
    }
}

/// Runs each test in both page sizes; afterwards nothing may be left.
macro_rules! both {
    ($($(#[$meta:meta])* fn $name:ident($rig:ident, $frames:expr) $body:block)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            fn run<const SHIFT: u32>() {
                let $rig = Rig::<SHIFT>::new($frames);
                let before = $rig.used();
                $body
                $rig.audit();
                assert_eq!($rig.used(), before, "pages were lost");
            }
            run::<12>();
            run::<14>();
        }
    )*};
}
pub(crate) use both;
