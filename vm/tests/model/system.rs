//! The system under test, and the reference beside it: every operation is done by both and the
//! answers are compared.
//!
//! Owns: a `Vm` over a simulated machine, its tasks, and which operation is whose: `ranges`, `access`,
//! `library`, `share`, `care` do them.

use super::care::Purged;
use super::carry::Held;
use super::file::File;
use super::kernel::{KERNEL_BYTES, Piece};
use super::op::{Call, Op, WINDOW};
use super::reference::{Cell, Rules, Span, Task};
use super::share::Named;
use super::verdict::{self, Answer, Verdict};
use super::{argument, chains};
use std::collections::BTreeMap;
use std::ops::Range;
use vm::map::MapRef;
use vm::sanitize::{UserAddr, UserSize};
use vm::sim::{Access, SimMachine};
use vm::vm::{BootMemory, Vm, WriteExecute};
use vm::{KernReturn, Page, PageId, Pages, Protection, VirtAddr};

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
    /// The copy that is on its way.
    pub held: Option<Held<SHIFT>>,
    /// The file that was made last.
    pub file: Option<File<SHIFT>>,
    /// How often a page of it was looked at between operations.
    pub churned: u64,
    /// The kernel's memory.
    pub pieces: Vec<Piece>,
    pub rules: Rules,
    pub setup: Setup,
    /// What is called now, and how often each call was answered how.
    pub call: &'static str,
    pub answers: BTreeMap<(&'static str, &'static str), u64>,
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
            kernel_range: vm::Range::new(VirtAddr(kernel), VirtAddr(kernel + KERNEL_BYTES)),
            write_execute: setup.write_execute,
        };
        sync::host::enter(Some(0), None);
        let vm = Vm::new(Sim::new(setup.frames), memory).expect("memory for a machine");
        let mut system = System {
            vm,
            tasks: Vec::new(),
            named: None,
            held: None,
            file: None,
            churned: 0,
            pieces: Vec::new(),
            rules,
            setup,
            call: "object_create",
            answers: BTreeMap::new(),
            submap: None,
            library: Vec::new(),
            doubts: Vec::new(),
        };
        system.new_library();
        system.new_file(4).expect("memory for a file");
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

    /// Does `op` on both sides.
    pub fn step(&mut self, op: Op) -> Result<Outcome, Failure> {
        let count = self.tasks.len();
        let n = pick(op.task, count);
        let span = argument::span(self.rules, &self.tasks[n].model, op.at, op.size);
        self.call = op.call.name();
        self.churn_file()?;
        match op.call {
            Call::Allocate { flags } => self.allocate(n, span, flags),
            Call::Map(asked) => self.map(n, span, asked),
            Call::EnterSubmap { from, overwrite } => self.enter_submap(n, span, from, overwrite),
            Call::Deallocate => self.deallocate(n, span),
            Call::Protect {
                protection,
                set_maximum,
            } => self.protect(n, span, protection, set_maximum),
            Call::Inherit { inherit } => self.inherit(n, span, inherit),
            Call::Wire { access } => self.wire(n, span, access),
            Call::Unwire => self.unwire(n, span),
            Call::Load { cpu } => self.touch(n, cpu, span.addr, Access::Read),
            Call::Store { cpu, value } => self.touch(n, cpu, span.addr, Access::Write(value)),
            Call::Copy { into, to } => {
                let into = pick(into, count);
                let task = &self.tasks[into].model;
                let to = argument::span(self.rules, task, to, op.size).addr;
                self.copy((n, span), (into, to))
            }
            Call::CopyIn => self.copy_in(n, span),
            Call::CopyOut => self.copy_out(n),
            Call::CopyOverwrite => self.copy_overwrite(n, span.addr),
            Call::Read { into } => self.read_out(n, span, pick(into, count)),
            Call::KernelAllocate { guarded, byte } => self.kmem_alloc(span.size, guarded, byte),
            Call::KernelFree {
                which,
                beside,
                exact,
            } => self.kmem_free(which, beside, (!exact).then_some(span)),
            Call::Remap { into, copy } => self.remap(n, span, pick(into, count), copy),
            Call::MakeEntry { mode, access } => self.make_entry(n, span, mode, access),
            Call::MakeChild { from, access } => self.make_child(span.size, from, access),
            Call::ControlEntry { control, state } => self.control_entry(control, state),
            Call::MapEntry { from, copy } => self.map_entry(n, span.size, from, copy),
            Call::NewFile { pages } => self.new_file(pages),
            Call::MapFile(asked) => self.map_file(n, span, asked),
            Call::WriteFile { page, from, value } => self.write_file(page, from, value),
            Call::ReadFile => self.read_file(),
            Call::ResizeFile { pages, less } => self.resize_file(pages, less),
            Call::Fork => self.fork(n),
            Call::Exit => self.exit(n),
            Call::Care(care) => self.care(n, span, care),
            Call::Query => self.query(n, span),
            Call::Region => self.region(n, span.addr),
            Call::Regions => {
                self.check_regions(n)?;
                chains::check(&self.vm, &self.tasks[n].map)?;
                Ok(Outcome::Agreed)
            }
            Call::Contents { cpu } => self.check_contents(n, cpu),
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
        let expected = expected.map(|()| verdict::NOTHING);
        self.settle_range(answer, expected, task, |task, _| apply(task))
    }

    /// The same with the pages that the call is about.
    pub fn settle_range(
        &mut self,
        answer: Answer,
        expected: Verdict,
        task: usize,
        apply: impl FnOnce(&mut Pair<SHIFT>, Range<u64>),
    ) -> Result<Outcome, Failure> {
        if answer == Err(KernReturn::RESOURCE_SHORTAGE)
            && self.setup.may_run_short
            && expected != Err(KernReturn::RESOURCE_SHORTAGE)
        {
            return Ok(Outcome::Short);
        }
        if answer != expected.clone().map(drop) {
            return Err(format!("answered {answer:?}, the reference {expected:?}"));
        }
        self.count(answer.err());
        if let Ok(range) = expected {
            apply(&mut self.tasks[task], range);
        }
        self.notice_purges(Purged::IfShort)?;
        Ok(Outcome::Agreed)
    }

    /// Counts an answer of the call that is under way.
    pub fn count(&mut self, code: Option<KernReturn>) {
        self.count_as(code.map_or("SUCCESS", |code| code.name()));
    }

    /// The same for what is no code.
    pub fn count_as(&mut self, answer: &'static str) {
        *self.answers.entry((self.call, answer)).or_default() += 1;
    }

    fn fork(&mut self, n: usize) -> Result<Outcome, Failure> {
        if self.tasks.len() >= self.setup.tasks {
            return Ok(Outcome::Agreed);
        }
        self.observe(n);
        match self.vm.map_fork(&self.tasks[n].map) {
            Ok(map) => {
                self.count(None);
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
            task.model.leave(0..u64::MAX);
            self.count(None);
            self.vm.map_terminate(task.map);
        }
        Ok(Outcome::Agreed)
    }
}

impl<const SHIFT: u32> Pair<SHIFT> {
    pub fn forget_frames(&mut self, range: Range<u64>) {
        self.wired_frames.retain(|page, _| !range.contains(page));
    }
}

impl Span {
    /// As a program passes it.
    pub fn user(self) -> (UserAddr, UserSize) {
        (UserAddr(self.addr), UserSize(self.size))
    }
}

/// The task that an operation means: from the oldest on, or from 255 down the youngest.
fn pick(task: u8, count: usize) -> usize {
    match 255 - task {
        young @ 0..=7 => (count - 1).saturating_sub(usize::from(young)),
        _ => usize::from(task) % count,
    }
}
