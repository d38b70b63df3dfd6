//! Purges while others use the memory, on several CPUs, by a seeded baton.
//!
//! One thread makes the memory volatile, purges, and takes it back: what it writes then stays. One
//! writes and reads all the while: it sees what it wrote or zeros, and after zeros nothing old. One
//! wires a page: what it writes there stays, whatever is purged.

use super::coverage::Coverage;
use super::random::Random;
use super::system::{Setup, Sim, System};
use vm::map::Map;
use vm::page::PageState;
use vm::sanitize::{UserAddr, UserFlags, UserProt, UserSize};
use vm::sim::{Access, Baton};
use vm::vm::{Vm, WriteExecute};
use vm::{Pages, VirtAddr};

const PAGES: u64 = 4;
const STEPS: usize = 40;
const NONVOLATILE: i32 = 0;
const VOLATILE: i32 = 1;

struct Shared<'a, const SHIFT: u32> {
    vm: &'a Vm<Sim<SHIFT>>,
    map: &'a Map<Sim<SHIFT>>,
    first: u64,
}

/// Runs the threads of one seed.
pub fn run<const SHIFT: u32>(seed: u64, coverage: &mut Coverage) {
    let system = System::<SHIFT>::new(Setup {
        frames: 2000,
        tasks: 1,
        write_execute: WriteExecute::Allowed,
        may_run_short: false,
    });
    let (start, size) = (system.rules.first << SHIFT, UserSize(PAGES << SHIFT));
    let (vm, map) = (&system.vm, &system.tasks[0].map);
    vm.allocate(map, UserAddr(start), size, UserFlags(2))
        .expect("room");
    let shared = Shared {
        vm,
        map,
        first: start,
    };
    let programs: Vec<Box<dyn FnOnce() + Send + '_>> = vec![
        Box::new(|| shared.owner(Random::new(seed * 4))),
        Box::new(|| shared.writer(Random::new(seed * 4 + 1))),
        Box::new(|| shared.wirer(Random::new(seed * 4 + 2))),
    ];
    let result =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Baton::run(seed, programs)));
    match result {
        Ok(switches) => coverage.switches += switches,
        Err(_) => panic!(
            "seed {seed}, pages of {} bytes; repeat: VELLUM_SEED={seed} cargo test -p vm --features sim --test model purges_agree -- --nocapture",
            1 << SHIFT
        ),
    }
    sync::host::enter(Some(0), None);
    system.check_quick().expect("no stale entries");
    let reverse = system.vm.machine().audit_reverse();
    reverse.expect("reverse maps agree");
    system.vm.audit().expect("everything adds up");
    coverage.add(&system);
}

impl<const SHIFT: u32> Shared<'_, SHIFT> {
    fn at(&self, page: u64, lane: u64) -> VirtAddr {
        VirtAddr(self.first + (page << SHIFT) + lane)
    }

    fn access(&self, cpu: usize, at: VirtAddr, access: Access) -> u8 {
        for _ in 0..200 {
            let pmap = self.vm.pmap(self.map);
            if let Ok((byte, frame)) = self.vm.machine().access(cpu, pmap, at, access) {
                let state = self.vm.frames().pages().get(frame).state();
                assert!(
                    !matches!(state, PageState::Free | PageState::FreeLocal),
                    "I-TLB-1: an access reached a free frame"
                );
                return byte;
            }
            let fault = self.vm.fault(self.map, at, access.protection());
            fault.expect("mapped and allowed");
        }
        panic!("an access faults for ever");
    }

    fn set(&self, state: i32) -> i32 {
        let at = UserAddr(self.first);
        let old = self.vm.purgable_control(self.map, at, 0, state);
        old.expect("purgeable")
    }

    fn owner(&self, mut random: Random) {
        for step in 0..STEPS {
            let value = step as u8 + 1;
            self.set(VOLATILE | (random.below(2) as i32) << 6);
            if random.one_in(2) {
                self.vm.purge(Pages(1), 8);
            }
            self.set(NONVOLATILE);
            let pages: Vec<u64> = (0..PAGES).filter(|_| random.one_in(2)).collect();
            for page in &pages {
                self.access(0, self.at(*page, 0), Access::Write(value));
            }
            for page in &pages {
                let seen = self.access(0, self.at(*page, 0), Access::Read);
                assert_eq!(seen, value, "page {page} was purged while it was needed");
            }
        }
    }

    fn writer(&self, mut random: Random) {
        let mut last = [0; PAGES as usize];
        for step in 0..STEPS * 2 {
            let page = random.below(PAGES);
            let known = &mut last[page as usize];
            if random.one_in(3) {
                *known = step as u8 + 1;
                self.access(1, self.at(page, 1), Access::Write(*known));
            }
            let seen = self.access(1, self.at(page, 1), Access::Read);
            assert!(
                seen == *known || seen == 0,
                "page {page}: {seen}, written {known}"
            );
            *known = seen;
        }
    }

    fn wirer(&self, mut random: Random) {
        for step in 0..STEPS / 4 {
            let page = random.below(PAGES);
            let (at, size) = (UserAddr(self.at(page, 0).0), UserSize(1 << SHIFT));
            self.vm
                .wire(self.map, at, size, UserProt(3))
                .expect("memory");
            self.access(2, self.at(page, 2), Access::Write(step as u8 + 1));
            for _ in 0..random.below(6) {
                let seen = self.access(2, self.at(page, 2), Access::Read);
                assert_eq!(seen, step as u8 + 1, "the wired page {page} was purged");
            }
            self.vm.unwire(self.map, at, size).expect("wired");
        }
    }
}
