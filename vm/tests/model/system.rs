//! The system under test, and the reference beside it: every operation is done by both and the
//! answers are compared.
//!
//! Owns: a `Vm` over a simulated machine, its tasks, and which operation is whose: `ranges`, `access`,
//! `library`, `share`, `care` do them.

use super::care::Purged;
use super::chains;
use super::op::{Op, WINDOW};
use super::reference::{Answer, Cell, Rules, Task};
use super::share::Named;
use std::collections::BTreeMap;
use vm::map::MapRef;
use vm::map::protect::SetMax;
use vm::sanitize::{UserAddr, UserSize};
use vm::sim::{Access, SimMachine};
use vm::vm::{BootMemory, Vm, WriteExecute};
use vm::{KernReturn, Page, PageId, Pages, Protection, Range, VirtAddr};

/// What one operation came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Done, or refused, as the reference says.
    Agreed,
    /// Memory was short; the reference did nothing.
    Short,
}

/// How the machine is made.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub frames: usize,
    /// Tasks at most.
    pub tasks: usize,
    pub write_execute: WriteExecute,
    /// Shortages are allowed: little memory, or failures are injected.
    pub may_run_short: bool,
}

pub type Failure = String;

/// The machine of these tests: eight entries in a last-level table, so that a window has several, and
/// the library is one.
pub type Sim<const SHIFT: u32> = SimMachine<SHIFT, 3>;

/// A task of the system and of the reference.
pub struct Pair<const SHIFT: u32> {
    pub map: MapRef<Sim<SHIFT>>,
    pub model: Task,
    /// The frame of each page that was wired for writing, as first seen: it must not change.
    pub wired_frames: BTreeMap<u64, PageId>,
}

pub struct System<const SHIFT: u32> {
    pub vm: Vm<Sim<SHIFT>>,
    pub tasks: Vec<Pair<SHIFT>>,
    /// The memory entry that was made last.
    pub named: Option<Named<SHIFT>>,
    pub rules: Rules,
    pub setup: Setup,
    /// Calls and accesses that were refused, by reason.
    pub refusals: BTreeMap<String, u64>,
    /// A submap, and what its pages allow and hold.
    pub submap: Option<MapRef<Sim<SHIFT>>>,
    pub library: Vec<(Protection, Vec<u8>)>,
    /// Pages that may have become zeros.
    pub doubts: Vec<Cell>,
}

impl<const SHIFT: u32> System<SHIFT> {
    pub fn new(setup: Setup) -> Self {
        let pages: Vec<Page> = (0..setup.frames).map(|_| Page::new()).collect();
        // The window lies across the borders of page tables.
        let border = 3u64 << (SHIFT - 3);
        let rules = Rules {
            page_bytes: 1 << SHIFT,
            refuse_write_execute: setup.write_execute == WriteExecute::Refused,
            first: border - WINDOW / 2,
            end: border + WINDOW / 2,
        };
        let kernel = 0xffff_c000_0000_0000;
        let memory = BootMemory {
            pages: Box::leak(pages.into_boxed_slice()),
            usable: &[(PageId(1), Pages(setup.frames as u64 - 1))],
            reserve: Pages(8),
            kernel_range: Range::new(VirtAddr(kernel), VirtAddr(kernel + (1 << 30))),
            write_execute: setup.write_execute,
        };
        sync::host::enter(Some(0), None);
        let vm = Vm::new(Sim::new(setup.frames), memory).expect("memory for a machine");
        let mut system = System {
            vm,
            tasks: Vec::new(),
            named: None,
            rules,
            setup,
            refusals: BTreeMap::new(),
            submap: None,
            library: Vec::new(),
            doubts: Vec::new(),
        };
        system.new_library();
        let map = system.new_map();
        system.tasks.push(Pair {
            map,
            model: Task::default(),
            wired_frames: BTreeMap::new(),
        });
        system
    }

    fn new_map(&self) -> MapRef<Sim<SHIFT>> {
        let (min, max) = (
            VirtAddr(self.rules.first << SHIFT),
            VirtAddr(self.rules.end << SHIFT),
        );
        self.vm.map_create(min, max).expect("memory for a map")
    }

    pub fn user(&self, at: u64, pages: u64) -> (UserAddr, UserSize) {
        (UserAddr(at << SHIFT), UserSize(pages << SHIFT))
    }

    /// Does `op` on both sides.
    pub fn step(&mut self, op: Op) -> Result<Outcome, Failure> {
        let count = self.tasks.len();
        let pick = |task| pick(task, count);
        let first = self.rules.first;
        match op {
            Op::Allocate {
                task,
                at,
                pages,
                place,
            } => self.allocate(pick(task), first + at, pages, place),
            Op::Superpage { task, at, place } => self.superpage(pick(task), first + at, place),
            Op::EnterSubmap {
                task,
                at,
                from,
                pages,
                place,
            } => self.enter_submap(pick(task), first + at, (from, pages), place),
            Op::Deallocate { task, at, pages } => self.deallocate(pick(task), first + at, pages),
            Op::Protect {
                task,
                at,
                pages,
                protection,
                set_maximum,
            } => {
                let set = if set_maximum { SetMax::Yes } else { SetMax::No };
                self.protect(pick(task), (first + at, pages), protection, set)
            }
            Op::Inherit {
                task,
                at,
                pages,
                inherit,
            } => self.inherit(pick(task), first + at, pages, inherit),
            Op::Wire {
                task,
                at,
                pages,
                access,
            } => self.wire(pick(task), first + at, pages, access),
            Op::Unwire { task, at, pages } => self.unwire(pick(task), first + at, pages),
            Op::Read {
                task,
                cpu,
                at,
                spot,
            } => self.touch(pick(task), cpu, first + at, spot, Access::Read),
            Op::Write {
                task,
                cpu,
                at,
                spot,
                value,
            } => self.touch(pick(task), cpu, first + at, spot, Access::Write(value)),
            Op::Copy {
                task,
                at,
                pages,
                skew,
                into,
                to,
            } => {
                let (source, target) = ((pick(task), first + at), (pick(into), first + to));
                self.copy(source, target, pages, skew)
            }
            Op::Remap {
                task,
                at,
                pages,
                into,
                copy,
            } => self.remap((pick(task), first + at), pages, pick(into), copy),
            Op::MakeEntry {
                task,
                at,
                pages,
                mode,
            } => self.make_entry(pick(task), first + at, pages, mode),
            Op::MapEntry {
                task,
                from,
                pages,
                copy,
            } => self.map_entry(pick(task), from, pages, copy),
            Op::Fork { task } => self.fork(pick(task)),
            Op::Exit { task } => self.exit(pick(task)),
            Op::Care {
                task,
                at,
                pages,
                care,
            } => self.care(pick(task), first + at, pages, care),
            Op::Regions { task } => {
                let n = pick(task);
                self.check_regions(n)?;
                chains::check(&self.vm, &self.tasks[n].map)?;
                Ok(Outcome::Agreed)
            }
            Op::Contents { task, cpu } => self.check_contents(pick(task), cpu),
        }
    }

    /// Compares an answer with the reference's; if both agree that it is done, does it there.
    pub fn settle(
        &mut self,
        answer: Answer,
        expected: Answer,
        task: usize,
        apply: impl FnOnce(&mut Pair<SHIFT>),
    ) -> Result<Outcome, Failure> {
        if let Err(code) = answer {
            *self.refusals.entry(code.name().to_string()).or_default() += 1;
        }
        if answer == Err(KernReturn::RESOURCE_SHORTAGE)
            && self.setup.may_run_short
            && expected != answer
        {
            return Ok(Outcome::Short);
        }
        if answer != expected {
            return Err(format!("answered {answer:?}, the reference {expected:?}"));
        }
        if answer.is_ok() {
            apply(&mut self.tasks[task]);
        }
        self.notice_purges(Purged::IfShort)?;
        Ok(Outcome::Agreed)
    }

    fn fork(&mut self, n: usize) -> Result<Outcome, Failure> {
        if self.tasks.len() >= self.setup.tasks {
            return Ok(Outcome::Agreed);
        }
        self.observe(n);
        match self.vm.map_fork(&self.tasks[n].map) {
            Ok(map) => {
                self.notice_purges(Purged::IfShort)?;
                let model = self.tasks[n].model.fork();
                self.doubt_copies(n, &model);
                self.tasks.push(Pair {
                    map,
                    model,
                    wired_frames: BTreeMap::new(),
                });
                Ok(Outcome::Agreed)
            }
            Err(KernReturn::RESOURCE_SHORTAGE) if self.setup.may_run_short => Ok(Outcome::Short),
            Err(code) => Err(format!("fork answered {code:?}")),
        }
    }

    /// One task at least stays.
    fn exit(&mut self, n: usize) -> Result<Outcome, Failure> {
        if self.tasks.len() > 1 {
            let task = self.tasks.swap_remove(n);
            task.model.leave(0, u64::MAX);
            self.vm.map_terminate(task.map);
        }
        Ok(Outcome::Agreed)
    }
}

impl<const SHIFT: u32> Pair<SHIFT> {
    pub fn forget_frames(&mut self, at: u64, pages: u64) {
        self.wired_frames
            .retain(|page, _| *page < at || *page >= at + pages);
    }
}

/// The task that an operation means: from the oldest on, or from 255 down the youngest.
fn pick(task: u8, count: usize) -> usize {
    match 255 - task {
        young @ 0..=7 => (count - 1).saturating_sub(usize::from(young)),
        _ => usize::from(task) % count,
    }
}
