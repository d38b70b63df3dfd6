//! The shootdown protocol under the schedules that shuttle's random and PCT schedulers find.
//!
//! Run with `cargo test -p arch --features shuttle --test shuttle`. A CPU is a thread with a TLB of one entry;
//! the page table is one word, whose value is how often it was changed. The rule (I-TLB-1): when `ask` has
//! returned, no CPU keeps what the entry said before.

use arch::pmap::Flush;
use arch::pmap::hardware::Tag;
use arch::x86_64::shootdown::Shootdown;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use shuttle::{Config, Runner, thread};
use vm::addr::{PhysAddr, Range, VirtAddr};

const SPACE: u64 = 0x1000;
const OTHER: u64 = 0x2000;
/// Schedules of each kind: the rarest mistake among the mutants shows once in some thousands.
const RUNS: usize = 20_000;
/// Places at which PCT changes who goes on.
const DEPTH: usize = 4;
const CPUS: usize = 3;

struct Machine {
    shootdown: Shootdown,
    /// What the entry of `SPACE` says.
    entry: AtomicU64,
    /// What each CPU keeps of it; 0: nothing.
    kept: [AtomicU64; CPUS],
    /// How many CPUs still change the entry.
    changing: AtomicU64,
    interrupted: [AtomicBool; CPUS],
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            shootdown: Shootdown::new(),
            entry: AtomicU64::new(1),
            kept: core::array::from_fn(|_| AtomicU64::new(0)),
            changing: AtomicU64::new(0),
            interrupted: core::array::from_fn(|_| AtomicBool::new(false)),
        };
        for cpu in 0..CPUS {
            machine.shootdown.join(cpu, cpu as u32);
        }
        machine
    }

    fn forget(&self, cpu: usize) {
        self.kept[cpu].store(0, SeqCst);
    }

    /// CR3 is written: what was kept goes, and from then on walks keep what they find.
    fn load(&self, cpu: usize, root: u64) {
        self.shootdown.publish(cpu, PhysAddr(root));
        self.forget(cpu);
    }

    /// A program's access while `SPACE` is loaded: by the TLB, or by a walk. Answers what it saw. An access is one
    /// instruction: the CPU takes no interrupt in the middle of it.
    fn access(&self, cpu: usize) -> u64 {
        match self.kept[cpu].load(SeqCst) {
            0 => {
                let found = self.entry.load(SeqCst);
                self.kept[cpu].store(found, SeqCst);
                found
            }
            kept => kept,
        }
    }

    /// What a request makes of a CPU: it forgets everything, and may walk again before it has answered.
    fn forget_and_walk(&self, cpu: usize) {
        self.forget(cpu);
        if self.shootdown.loaded(cpu).0 == SPACE {
            self.access(cpu);
        }
    }

    fn interrupts(&self, cpu: usize) {
        if self.interrupted[cpu].swap(false, SeqCst) {
            self.shootdown.serve(cpu, || self.forget_and_walk(cpu));
        }
    }

    /// Has everybody forget the entry.
    fn ask(&self, cpu: usize) {
        let mut flush = Flush::default();
        let page = Range {
            start: VirtAddr(0),
            end: VirtAddr(0x1000),
        };
        flush.add(Tag(SPACE), page);
        self.shootdown.ask(
            cpu,
            &flush,
            |hardware| self.interrupted[hardware as usize].store(true, SeqCst),
            || self.forget_and_walk(cpu),
            |_| thread::yield_now(),
        );
    }

    /// Changes the entry and has everybody forget the old one.
    fn change(&self, cpu: usize) {
        let new = self.entry.fetch_add(1, SeqCst) + 1;
        self.forget(cpu);
        self.ask(cpu);
        for (other, kept) in self.kept.iter().enumerate() {
            // What another CPU keeps of a space that it has left is no translation. In this order: who leaves the
            // space after the first look has forgotten by the time it comes back.
            let loaded = self.shootdown.loaded(other).0 == SPACE;
            let kept = kept.load(SeqCst);
            assert!(
                kept == 0 || kept >= new || !loaded,
                "CPU {other} keeps {kept} after {new} was asked for"
            );
        }
    }
}

/// The same schedules each time; `VELLUM_SEED=N` looks at others.
fn explore(program: impl Fn() + Send + Sync + Copy + 'static) {
    let seed = std::env::var("VELLUM_SEED").ok();
    let seed = seed.and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("schedules: {RUNS} random ones and {RUNS} of PCT, seed {seed}");
    let random = RandomScheduler::new_from_seed(seed, RUNS);
    Runner::new(random, Config::new()).run(program);
    let pct = PctScheduler::new_from_seed(seed, DEPTH, RUNS);
    Runner::new(pct, Config::new()).run(program);
}

/// vm-bugs 13: all CPUs change, all are asked.
#[test]
fn everybody_asks_everybody() {
    explore(|| {
        let machine = Arc::new(Machine::new());
        machine.changing.store(CPUS as u64, SeqCst);
        let threads: Vec<_> = (0..CPUS)
            .map(|cpu| {
                let machine = machine.clone();
                thread::spawn(move || {
                    machine.load(cpu, SPACE);
                    machine.access(cpu);
                    machine.change(cpu);
                    machine.interrupts(cpu);
                    machine.access(cpu);
                    machine.change(cpu);
                    machine.changing.fetch_sub(1, SeqCst);
                    while machine.changing.load(SeqCst) != 0 {
                        machine.interrupts(cpu);
                        thread::yield_now();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// vm-bugs 14: CPUs come to the address space and leave it while it is changed.
#[test]
fn switches_meet_a_shootdown() {
    explore(|| {
        let machine = Arc::new(Machine::new());
        machine.changing.store(1, SeqCst);
        machine.load(0, SPACE);
        let threads: Vec<_> = (1..CPUS)
            .map(|cpu| {
                let machine = machine.clone();
                thread::spawn(move || {
                    let mut seen = 0;
                    for round in 0..3 {
                        machine.load(cpu, if round % 2 == cpu % 2 { SPACE } else { OTHER });
                        if machine.shootdown.loaded(cpu).0 == SPACE {
                            let now = machine.access(cpu);
                            assert!(now >= seen, "the entry went back from {seen} to {now}");
                            seen = now;
                        }
                        machine.interrupts(cpu);
                    }
                    while machine.changing.load(SeqCst) != 0 {
                        machine.interrupts(cpu);
                        thread::yield_now();
                    }
                })
            })
            .collect();
        machine.access(0);
        machine.change(0);
        machine.change(0);
        machine.changing.store(0, SeqCst);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// A CPU rests and wakes while the space that it has loaded is changed: it is not waited for, and forgets before it
/// goes on.
#[test]
fn a_rest_meets_a_shootdown() {
    explore(|| {
        let machine = Arc::new(Machine::new());
        machine.changing.store(1, SeqCst);
        machine.load(0, SPACE);
        let asked = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (1..CPUS)
            .map(|cpu| {
                let (machine, asked) = (machine.clone(), asked.clone());
                thread::spawn(move || {
                    machine.load(cpu, SPACE);
                    for _ in 0..3 {
                        machine.access(cpu);
                        machine.interrupts(cpu);
                        machine.shootdown.rest(cpu);
                        machine.interrupted[cpu].store(false, SeqCst);
                        machine.shootdown.wake(cpu, || machine.forget(cpu));
                        // Whatever was asked for before it woke it must not see any more.
                        let wanted = asked.load(SeqCst);
                        machine.interrupts(cpu);
                        let now = machine.access(cpu);
                        assert!(
                            now >= wanted,
                            "CPU {cpu} sees {now} after {wanted} was asked for"
                        );
                    }
                    while machine.changing.load(SeqCst) != 0 {
                        machine.interrupts(cpu);
                        thread::yield_now();
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            let new = machine.entry.fetch_add(1, SeqCst) + 1;
            machine.forget(0);
            machine.ask(0);
            asked.store(new, SeqCst);
        }
        machine.changing.store(0, SeqCst);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}
