//! A machine with programs on several CPUs, and the exploration of one.
//!
//! Owns: [`Bench`], what every program may do; [`explore`], which runs a program under many schedules
//! and compares what is left with what was there.

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vm::counters::Event;
use vm::fault::FaultError;
use vm::map::Map;
use vm::page::PageState;
use vm::sim::{Access, SimMachine};
use vm::vm::{BootMemory, Vm, WriteExecute};
use vm::{
    Inherit, KernReturn, Machine, MapRef, Page, PageId, Pages, Protection, Range, SetMax, UserAddr,
    UserFlags, UserInherit, UserProt, UserSize, VirtAddr,
};

/// Frames of the machine: few, since each execution makes one.
const FRAMES: usize = 160;
/// Where maps begin.
const MIN: u64 = 1 << 20;
/// Where they end.
const MAX: u64 = 1 << 30;
/// The CPU of the program's first thread; the others count from 0.
const FIRST: usize = 7;
/// Schedules of each kind that a test looks at in each page size.
const RUNS: usize = 100;
/// Priority changes of a PCT schedule, and one.
const DEPTH: usize = 3;
/// Bytes of a thread's stack: the core's frames are larger than shuttle expects.
const STACK: usize = 512 << 10;

pub type Task<const SHIFT: u32> = MapRef<SimMachine<SHIFT>>;

/// A machine and its `Vm`.
pub struct Bench<const SHIFT: u32> {
    pub vm: Vm<SimMachine<SHIFT>>,
}

impl<const SHIFT: u32> Bench<SHIFT> {
    pub const PAGE: u64 = 1 << SHIFT;

    fn new() -> Self {
        sync::host::enter(Some(FIRST), None);
        let pages: Vec<Page> = (0..FRAMES).map(|_| Page::new()).collect();
        let base = 0xffff_c000_0000_0000;
        let memory = BootMemory {
            pages: Box::leak(pages.into_boxed_slice()),
            usable: &[(PageId(1), Pages(FRAMES as u64 - 1))],
            reserve: Pages(8),
            kernel_range: Range::new(VirtAddr(base), VirtAddr(base + (1 << 30))),
            write_execute: WriteExecute::Allowed,
        };
        let vm = Vm::new(SimMachine::new(FRAMES), memory).expect("memory for a machine");
        Self { vm }
    }

    /// Runs these at once, the first on CPU 0 and so on, until all have ended.
    pub fn at_once(&self, programs: &[&(dyn Fn(usize) + Sync)]) {
        shuttle::thread::scope(|scope| {
            for (cpu, program) in programs.iter().enumerate() {
                scope.spawn(move || {
                    sync::host::enter(Some(cpu), None);
                    program(cpu);
                });
            }
        });
    }

    pub fn task(&self) -> Task<SHIFT> {
        let map = self.vm.map_create(VirtAddr(MIN), VirtAddr(MAX));
        map.expect("memory for a map")
    }

    pub fn fork(&self, task: &Map<SimMachine<SHIFT>>) -> Task<SHIFT> {
        self.vm.map_fork(task).expect("memory for a child")
    }

    pub fn end(&self, task: Task<SHIFT>) {
        self.vm.map_terminate(task);
    }

    pub fn allocate(&self, task: &Task<SHIFT>, pages: u64) -> u64 {
        let size = UserSize(pages * Self::PAGE);
        let at = self.vm.allocate(task, UserAddr(0), size, UserFlags(1));
        at.expect("memory").0
    }

    /// New memory with byte `value` at the beginning of each page.
    pub fn filled(&self, task: &Task<SHIFT>, pages: u64, value: u8) -> u64 {
        let at = self.allocate(task, pages);
        for page in 0..pages {
            self.write(FIRST, task, at + page * Self::PAGE, value);
        }
        at
    }

    pub fn deallocate(&self, task: &Task<SHIFT>, at: u64, pages: u64) {
        let size = UserSize(pages * Self::PAGE);
        assert_eq!(self.vm.deallocate(task, UserAddr(at), size), Ok(()));
    }

    pub fn protect(&self, task: &Task<SHIFT>, at: u64, pages: u64, protection: Protection) {
        let (addr, size) = (UserAddr(at), UserSize(pages * Self::PAGE));
        let prot = UserProt(u32::from(protection.bits()));
        let done = self.vm.protect(task, addr, size, SetMax::No, prot);
        assert_eq!(done, Ok(()));
    }

    pub fn inherit(&self, task: &Task<SHIFT>, at: u64, pages: u64, inherit: Inherit) {
        let (addr, size) = (UserAddr(at), UserSize(pages * Self::PAGE));
        let done = self
            .vm
            .inherit(task, addr, size, UserInherit(inherit as u32));
        assert_eq!(done, Ok(()));
    }

    /// A child that shares the range; children of both get copies of it.
    pub fn sharer(&self, task: &Task<SHIFT>, at: u64, pages: u64) -> Task<SHIFT> {
        self.inherit(task, at, pages, Inherit::Share);
        let sharer = self.fork(task);
        for task in [task, &sharer] {
            self.inherit(task, at, pages, Inherit::Copy);
        }
        sharer
    }

    pub fn wire(&self, task: &Task<SHIFT>, at: u64, pages: u64) -> Result<(), KernReturn> {
        let (addr, size) = (UserAddr(at), UserSize(pages * Self::PAGE));
        self.vm.wire(task, addr, size, UserProt(3))
    }

    pub fn unwire(&self, task: &Task<SHIFT>, at: u64, pages: u64) {
        let (addr, size) = (UserAddr(at), UserSize(pages * Self::PAGE));
        assert_eq!(self.vm.unwire(task, addr, size), Ok(()));
    }

    /// The frame that is mapped at an address.
    pub fn frame(&self, task: &Task<SHIFT>, at: u64) -> Option<PageId> {
        let pmap = self.vm.pmap(task);
        let mapped = self.vm.machine().pmap_extract(pmap, VirtAddr(at));
        mapped.map(|(frame, _)| frame)
    }

    /// A program on `cpu` touches a byte: it faults until it is through or refused. Until another CPU has
    /// made its flush that may be long, as this one may walk a table that was unlinked.
    pub fn touch(
        &self,
        cpu: usize,
        task: &Task<SHIFT>,
        at: u64,
        access: Access,
    ) -> Result<u8, FaultError> {
        let pmap = self.vm.pmap(task);
        for tries in 0..500 {
            if tries > 2 {
                shuttle::thread::yield_now();
            }
            let done = self.vm.machine().access(cpu, pmap, VirtAddr(at), access);
            if let Ok((byte, frame)) = done {
                let state = self.vm.frames().pages().get(frame).state();
                let free = matches!(state, PageState::Free | PageState::FreeLocal);
                assert!(!free, "I-TLB-1: an access reached a free frame");
                return Ok(byte);
            }
            self.vm.fault(task, VirtAddr(at), access.protection())?;
        }
        panic!("an access faults for ever");
    }

    pub fn read(&self, cpu: usize, task: &Task<SHIFT>, at: u64) -> u8 {
        let seen = self.touch(cpu, task, at, Access::Read);
        seen.expect("readable")
    }

    pub fn write(&self, cpu: usize, task: &Task<SHIFT>, at: u64, value: u8) {
        let done = self.touch(cpu, task, at, Access::Write(value));
        assert_eq!(done, Ok(value));
    }

    /// Nothing runs: everything adds up.
    pub fn audit(&self) {
        self.vm.machine().audit_tlbs().expect("TLBs");
        self.vm.machine().audit_reverse().expect("reverse maps");
        self.vm.audit().expect("the audit");
    }

    /// What exists: elements of each zone, pages of programs, wirings.
    fn exists(&self) -> Vec<(&'static str, u64)> {
        let zones = self.vm.zones();
        let mut all: Vec<_> = zones.map(|(name, info)| (name, info.count)).collect();
        let of_programs = self.vm.statistics().internal_page_count;
        all.push(("pages of programs", u64::from(of_programs)));
        let pages = self.vm.frames().pages();
        let wirings = pages.ids().map(|page| u64::from(pages.get(page).wirings()));
        all.push(("wirings", wirings.sum()));
        all
    }
}

/// Makes `fn name(bench) needs [events] { … }` a test: the program runs under many schedules in both
/// page sizes, and all schedules together must meet the events.
macro_rules! explored {
    ($(#[$meta:meta])* fn $name:ident($bench:ident) needs $events:tt $body:block) => {
        $(#[$meta])*
        #[test]
        fn $name() {
            fn program<const SHIFT: u32>($bench: &Bench<SHIFT>) $body
            let test = concat!(module_path!(), "::", stringify!($name));
            explore::<12>(test, program::<12>, &$events);
            explore::<14>(test, program::<14>, &$events);
        }
    };
}
pub(crate) use explored;

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs `program` under random schedules and PCT's. After each everything adds up, and nothing is left.
pub fn explore<const SHIFT: u32>(
    test: &'static str,
    program: fn(&Bench<SHIFT>),
    events: &'static [Event],
) {
    let met: Arc<Vec<AtomicU64>> = Arc::new(events.iter().map(|_| AtomicU64::new(0)).collect());
    let counts = met.clone();
    let once = move || {
        let bench = Bench::<SHIFT>::new();
        let before = bench.exists();
        program(&bench);
        bench.audit();
        for (count, event) in counts.iter().zip(events) {
            count.fetch_add(bench.vm.counters().get(*event), Relaxed);
        }
        assert_eq!(bench.exists(), before, "something is left");
        assert_eq!(sync::host::preempt_count(), 0);
    };
    let test = test.trim_start_matches("shuttle::");
    if let Some(file) = std::env::var_os("VELLUM_SCHEDULE") {
        if number("VELLUM_SHIFT") == Some(u64::from(SHIFT)) {
            let schedule = ReplayScheduler::new_from_file(file).expect("a file with a schedule");
            Runner::new(schedule, config()).run(once);
        }
        return;
    }
    let seed = number("VELLUM_SEED").unwrap_or(1);
    let runs = number("VELLUM_RUNS").map_or(RUNS, |runs| runs as usize);
    check::<SHIFT>(
        test,
        RandomScheduler::new_from_seed(seed, runs),
        once.clone(),
    );
    check::<SHIFT>(test, PctScheduler::new_from_seed(seed, DEPTH, runs), once);
    println!(
        "schedules: {} of {test} in pages of {} bytes, seed {seed}",
        2 * runs,
        1 << SHIFT
    );
    for (count, event) in met.iter().zip(events) {
        let count = count.load(Relaxed);
        println!("    {event:?}: {count}");
        assert!(
            count > 0 || runs < RUNS,
            "{test}: no schedule met {event:?}: they prove nothing about it"
        );
    }
}

fn check<const SHIFT: u32>(
    test: &str,
    scheduler: impl Scheduler + 'static,
    once: impl Fn() + Send + Sync + 'static,
) {
    let runner = Runner::new(scheduler, config());
    let result = catch_unwind(AssertUnwindSafe(|| runner.run(once)));
    if let Err(reason) = result {
        eprintln!(
            "pages of {} bytes; repeat: VELLUM_SHIFT={SHIFT} VELLUM_SCHEDULE=(the file above) cargo test -p vm --features shuttle --test shuttle {test}",
            1 << SHIFT
        );
        std::panic::resume_unwind(reason);
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.failure_persistence = FailurePersistence::File(Some(env!("CARGO_TARGET_TMPDIR").into()));
    config.silence_warnings = true;
    config
        .ungraceful_shutdown_config
        .immediately_return_on_panic = true;
    config
}
