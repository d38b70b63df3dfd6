//! Several CPUs in one map at once, by a seeded baton.
//!
//! Three threads write counters, each in its own bytes of each page, so that every byte has one
//! writer. The last pages are shown by a submap at first. Besides, the first forks and looks at the
//! child, the second lowers and raises protections and wires, the third maps and unmaps beside the
//! shared pages, memory and the submap, and shows all of the submap at home, where its page tables are
//! nested and everybody looks at it.

use super::chains;
use super::coverage::Coverage;
use super::library::library_from;
use super::op::{LIBRARY, LIBRARY_AT};
use super::random::Random;
use super::reference::Rules;
use super::system::{Setup, Sim, System};
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use vm::fault::FaultError;
use vm::map::Map;
use vm::map::protect::SetMax;
use vm::page::PageState;
use vm::sanitize::{UserAddr, UserFlags, UserProt, UserSize};
use vm::sim::{Access, Baton};
use vm::vm::{Vm, WriteExecute};
use vm::{Machine, MapRef, PageId, Placement, Protection, VirtAddr};

const THREADS: usize = 3;
const PAGES: u64 = 10;
/// The page of the window with which they begin.
const START: u64 = LIBRARY_AT + LIBRARY + 4;
const STEPS: usize = 60;
/// The pages that a submap shows: those of the library that may be written.
const SHOWN: u64 = 3;
const FROM: u64 = 2;

/// What a byte may be: its writer has ended one write, and perhaps begun the next.
#[derive(Default)]
struct Byte {
    done: AtomicU8,
    begun: AtomicU8,
}

struct Shared<'a, const SHIFT: u32> {
    vm: &'a Vm<Sim<SHIFT>>,
    map: &'a Map<Sim<SHIFT>>,
    rules: Rules,
    submap: &'a MapRef<Sim<SHIFT>>,
    library: &'a [(Protection, Vec<u8>)],
    /// What the library's text is.
    text: u8,
    bytes: Vec<[Byte; THREADS]>,
}

/// Runs the threads of one seed.
pub fn run<const SHIFT: u32>(seed: u64, coverage: &mut Coverage) {
    let setup = Setup {
        frames: 2000,
        tasks: 1,
        write_execute: WriteExecute::Allowed,
        may_run_short: false,
    };
    let system = System::<SHIFT>::new(setup);
    let shared = Shared {
        vm: &system.vm,
        map: &system.tasks[0].map,
        rules: system.rules,
        submap: system.submap.as_ref().expect("a library"),
        library: &system.library[FROM as usize..][..SHOWN as usize],
        text: system.library[0].1[0],
        bytes: (0..PAGES).map(|_| Default::default()).collect(),
    };
    for (page, (_, library)) in (PAGES - SHOWN..PAGES).zip(shared.library) {
        for (lane, byte) in shared.bytes[page as usize].iter().enumerate() {
            byte.done.store(library[lane], SeqCst);
            byte.begun.store(library[lane], SeqCst);
        }
    }
    let start = UserAddr((system.rules.first + START) << SHIFT);
    let size = UserSize((PAGES - SHOWN) << SHIFT);
    shared
        .vm
        .allocate(shared.map, start, size, UserFlags(0))
        .expect("room");
    shared.show(PAGES - SHOWN);
    let programs = (0..THREADS).map(|me| {
        let shared = &shared;
        Box::new(move || shared.thread(me, Random::new(seed * 8 + me as u64)))
            as Box<dyn FnOnce() + Send + '_>
    });
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Baton::run(seed, programs.collect())
    }));
    let repeat = format!(
        "VELLUM_SEED={seed} cargo test -p vm --features sim --test model threads_agree -- --nocapture"
    );
    match result {
        Ok(switches) => coverage.switches += switches,
        Err(_) => panic!(
            "seed {seed}, pages of {} bytes; repeat: {repeat}",
            1 << SHIFT
        ),
    }
    sync::host::enter(Some(0), None);
    shared.check_all();
    system.check_quick().expect("no stale entries");
    system
        .vm
        .machine()
        .audit_reverse()
        .expect("reverse maps agree");
    system.vm.audit().expect("everything adds up");
    let pages = system.vm.frames().pages();
    let wired: u32 = pages.ids().map(|page| pages.get(page).wirings()).sum();
    assert_eq!(wired, 0, "I-WIRE-2: all was unwired, seed {seed}");
    coverage.add(&system);
}

impl<const SHIFT: u32> Shared<'_, SHIFT> {
    fn thread(&self, me: usize, mut random: Random) {
        for _ in 0..STEPS {
            let page = random.below(PAGES);
            match random.below(12) {
                0 if me == 0 => self.fork(&mut random),
                0..=1 if me == 1 => self.protect(page, &mut random),
                3 if me == 2 => chains::check(self.vm, self.map).expect("whole chains"),
                0 if me == 2 => self.neighbour_library(),
                1 if me == 2 => self.neighbour(&mut random),
                2 if me == 2 => self.library_at_home(&mut random),
                11 => self.look_home(me),
                2..=4 => self.read(me, page),
                _ => self.write(me, page),
            }
        }
    }

    fn address(&self, page: u64, lane: usize) -> VirtAddr {
        VirtAddr(((self.rules.first + START + page) << SHIFT) + lane as u64)
    }

    /// Where the library has a page itself.
    fn home(&self, page: u64) -> VirtAddr {
        VirtAddr((self.rules.first + LIBRARY_AT + page) << SHIFT)
    }

    /// An access of thread `cpu`: faults until it is through or refused.
    fn access(
        &self,
        cpu: usize,
        map: &Map<Sim<SHIFT>>,
        at: VirtAddr,
        access: Access,
    ) -> Result<u8, FaultError> {
        for _ in 0..200 {
            if let Ok((byte, frame)) = self.vm.machine().access(cpu, self.vm.pmap(map), at, access)
            {
                let state = self.vm.frames().pages().get(frame).state();
                assert!(
                    !matches!(state, PageState::Free | PageState::FreeLocal),
                    "I-TLB-1: an access reached a free frame"
                );
                return Ok(byte);
            }
            self.vm.fault(map, at, access.protection())?;
        }
        panic!("an access faults for ever");
    }

    fn write(&self, me: usize, page: u64) {
        let byte = &self.bytes[page as usize][me];
        let next = byte.done.load(SeqCst).wrapping_add(1);
        if next == u8::MAX {
            return;
        }
        byte.begun.store(next, SeqCst);
        match self.access(me, self.map, self.address(page, me), Access::Write(next)) {
            Ok(_) => byte.done.store(next, SeqCst),
            // The second thread has lowered the protection.
            Err(FaultError::ProtectionFailure) => byte.begun.store(next - 1, SeqCst),
            Err(error) => panic!("a write: {error:?}"),
        }
    }

    /// What a thread reads of its own bytes is what it wrote; of the others' what they wrote or write.
    fn read(&self, me: usize, page: u64) {
        for lane in 0..THREADS {
            let byte = &self.bytes[page as usize][lane];
            let least = byte.done.load(SeqCst);
            let seen = self
                .access(me, self.map, self.address(page, lane), Access::Read)
                .expect("readable");
            let most = byte.begun.load(SeqCst);
            assert!(
                (least..=most).contains(&seen),
                "page {page} lane {lane}: {seen}, written {least}..={most}"
            );
        }
    }

    /// A child has the bytes of one moment of the fork, and keeps them.
    fn fork(&self, random: &mut Random) {
        let all = || self.bytes.iter().flatten();
        let least: Vec<u8> = all().map(|byte| byte.done.load(SeqCst)).collect();
        let child = self.vm.map_fork(self.map).expect("memory");
        let most: Vec<u8> = all().map(|byte| byte.begun.load(SeqCst)).collect();
        let look = || -> Vec<u8> {
            let each = (0..PAGES).flat_map(|page| (0..THREADS).map(move |lane| (page, lane)));
            each.map(|(page, lane)| {
                self.access(0, &child, self.address(page, lane), Access::Read)
                    .expect("readable")
            })
            .collect()
        };
        let seen = look();
        for (n, byte) in seen.iter().enumerate() {
            assert!(
                (least[n]..=most[n]).contains(byte),
                "byte {n} of the child: {byte}, not {}..={}",
                least[n],
                most[n]
            );
        }
        if random.one_in(2) {
            let at = self.address(random.below(PAGES), THREADS);
            match self.access(0, &child, at, Access::Write(200)) {
                Ok(_) | Err(FaultError::ProtectionFailure) => {}
                Err(error) => panic!("a child's write: {error:?}"),
            }
        }
        self.write(0, random.below(PAGES));
        assert_eq!(look(), seen, "the child's bytes changed");
        self.vm.map_terminate(child);
    }

    fn protect(&self, page: u64, random: &mut Random) {
        let (at, pages) = (self.address(page, 0), 1 + random.below(PAGES - page));
        let (addr, size) = (UserAddr(at.0), UserSize(pages << SHIFT));
        let prot = |protection: Protection| UserProt(u32::from(protection.bits()));
        if random.one_in(2) {
            self.vm
                .wire(self.map, addr, size, prot(Protection::READ))
                .expect("memory");
            let wired = self.check_wired(page, pages);
            self.write(1, page);
            assert_eq!(
                self.check_wired(page, pages),
                wired,
                "I-PAGE-3: a wired page moved"
            );
            self.vm.unwire(self.map, addr, size).expect("wired");
            return;
        }
        self.vm
            .protect(self.map, addr, size, SetMax::No, prot(Protection::READ))
            .expect("mapped");
        self.read(1, page);
        let seen = self.access(1, self.map, at, Access::Write(1));
        assert_eq!(
            seen,
            Err(FaultError::ProtectionFailure),
            "a write through a lowered protection"
        );
        self.vm
            .protect(self.map, addr, size, SetMax::No, prot(Protection::DEFAULT))
            .expect("mapped");
    }

    /// The frames of wired pages: each is mapped, and has a wiring (I-WIRE-1).
    fn check_wired(&self, page: u64, pages: u64) -> Vec<PageId> {
        let each = (page..page + pages).map(|page| self.address(page, 0));
        each.map(|at| {
            let mapped = self.vm.machine().pmap_extract(self.vm.pmap(self.map), at);
            let (frame, _) = mapped.expect("I-PAGE-3: a wired page is mapped");
            let wirings = self.vm.frames().pages().get(frame).wirings();
            assert_ne!(wirings, 0, "I-WIRE-1: what shows at {at:?} has no wiring");
            frame
        })
        .collect()
    }

    /// Shows the library's pages from a page on.
    fn show(&self, page: u64) {
        let what = library_from(self.rules, self.submap, FROM);
        let place = Placement::Fixed(self.address(page, 0));
        let entered = self.vm.enter_submap(self.map, place, SHOWN << SHIFT, &what);
        entered.expect("room");
    }

    /// Shows the submap right behind the shared pages, writes there, and unmaps again.
    fn neighbour_library(&self) {
        self.show(PAGES);
        for page in 0..SHOWN {
            let at = self.address(PAGES + page, 9);
            let holds = self.library[page as usize].1[9];
            assert_eq!(self.access(2, self.map, at, Access::Read), Ok(holds));
            assert_eq!(self.access(2, self.map, at, Access::Write(77)), Ok(77));
            assert_eq!(self.access(2, self.map, at, Access::Read), Ok(77));
        }
        let addr = UserAddr(self.address(PAGES, 0).0);
        let size = UserSize(SHOWN << SHIFT);
        self.vm.deallocate(self.map, addr, size).expect("mapped");
    }

    /// Shows all of the submap where its page tables are nested; perhaps writes there; and unmaps it, or
    /// its text first. Nobody sees any of it afterwards.
    fn library_at_home(&self, random: &mut Random) {
        let what = library_from(self.rules, self.submap, 0);
        let place = Placement::Fixed(self.home(0));
        let entered = self
            .vm
            .enter_submap(self.map, place, LIBRARY << SHIFT, &what);
        entered.expect("room");
        self.look_home(2);
        let data = self.home(FROM);
        let holds = self.library[0].1[0];
        assert_eq!(self.access(2, self.map, data, Access::Read), Ok(holds));
        if random.one_in(3) {
            assert_eq!(self.access(2, self.map, data, Access::Write(78)), Ok(78));
            assert_eq!(self.access(2, self.map, data, Access::Read), Ok(78));
        }
        let first = random.pick(&[1, LIBRARY]);
        for (page, pages) in [(0, first), (first, LIBRARY - first)] {
            let (addr, size) = (UserAddr(self.home(page).0), UserSize(pages << SHIFT));
            self.vm.deallocate(self.map, addr, size).expect("mapped");
            for cpu in 0..THREADS {
                assert_eq!(
                    self.access(cpu, self.map, self.home(0), Access::Read),
                    Err(FaultError::InvalidAddress),
                    "text that was unmapped answers"
                );
            }
        }
    }

    /// The library's text, while it is there.
    fn look_home(&self, me: usize) {
        match self.access(me, self.map, self.home(0), Access::Read) {
            Ok(byte) => assert_eq!(byte, self.text),
            Err(error) => assert_eq!(error, FaultError::InvalidAddress),
        }
    }

    /// Maps right behind the shared pages, writes there, and unmaps again.
    fn neighbour(&self, random: &mut Random) {
        let pages = 1 + random.below(4);
        let at = self.address(PAGES, 0);
        let (addr, size) = (UserAddr(at.0), UserSize(pages << SHIFT));
        self.vm
            .allocate(self.map, addr, size, UserFlags(0))
            .expect("room");
        for page in 0..pages {
            let at = self.address(PAGES + page, 9);
            assert_eq!(
                self.access(2, self.map, at, Access::Read),
                Ok(0),
                "fresh memory is not zero"
            );
            assert_eq!(self.access(2, self.map, at, Access::Write(77)), Ok(77));
            assert_eq!(self.access(2, self.map, at, Access::Read), Ok(77));
        }
        self.vm.deallocate(self.map, addr, size).expect("mapped");
        assert_eq!(
            self.access(2, self.map, at, Access::Read),
            Err(FaultError::InvalidAddress),
            "unmapped memory answers"
        );
    }

    /// Nothing runs: every byte is what was last written.
    fn check_all(&self) {
        for (page, bytes) in self.bytes.iter().enumerate() {
            for (lane, byte) in bytes.iter().enumerate() {
                let seen = self.access(0, self.map, self.address(page as u64, lane), Access::Read);
                assert_eq!(seen, Ok(byte.done.load(SeqCst)), "page {page} lane {lane}");
            }
        }
    }
}
