//! The system under test, and the reference beside it: every operation is done by both and the
//! answers are compared.
//!
//! Owns: a `Vm` over a simulated machine, tasks, and the accesses of programs through CPUs.

use super::care::Purged;
use super::op::{LIBRARY, LIBRARY_AT, Op, Place, WINDOW};
use super::reference::{Answer, Cell, Rules, Task};
use super::share::Named;
use std::collections::BTreeMap;
use vm::fault::FaultError;
use vm::map::MapRef;
use vm::map::protect::SetMax;
use vm::page::PageState;
use vm::sanitize::{UserAddr, UserFlags, UserInherit, UserProt, UserSize};
use vm::sim::{Access, SimMachine};
use vm::vm::{BootMemory, Vm, WriteExecute};
use vm::{
    Attributes, EnterSubmap, Inherit, KernReturn, Machine, Page, PageId, Pages, Placement,
    Protection, Range, Shows, VirtAddr,
};

const VM_FLAGS_ANYWHERE: u32 = 1;
const VM_FLAGS_OVERWRITE: u32 = 0x4000;
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

/// What must be the same before and after an operation that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace(Vec<(&'static str, u64)>);

impl Trace {
    /// What there is more of than `before`. Less is no trace of a failure: chains become shorter
    /// whenever somebody looks.
    pub fn more_than(&self, before: &Trace) -> Vec<(&'static str, u64, u64)> {
        let pairs = self.0.iter().zip(&before.0);
        let more = pairs.filter(|(now, before)| now.1 > before.1);
        more.map(|(now, before)| (now.0, before.1, now.1)).collect()
    }
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

    /// A submap with two pages to execute, three to write and three to read; some were never written.
    /// It is all that one page table maps.
    fn new_library(&mut self) {
        let first = self.rules.first + LIBRARY_AT;
        let range = Range::new(
            VirtAddr(first << SHIFT),
            VirtAddr((first + LIBRARY) << SHIFT),
        );
        let submap = self.vm.map_create_submap(range).expect("a submap");
        let (addr, size) = self.user(first, LIBRARY);
        let made = self.vm.allocate(&submap, addr, size, UserFlags(0));
        made.expect("memory of a submap");
        let read = Protection::READ;
        let parts = [
            (0, 2, read | Protection::EXECUTE),
            (2, 3, Protection::DEFAULT),
            (5, 3, read),
        ];
        for (from, count, protection) in parts {
            for page in from..from + count {
                let mut bytes = vec![0; 1 << SHIFT];
                if page != 1 && page != 4 && page != 7 {
                    bytes.fill(0xa0 + page as u8);
                    let at = VirtAddr((first + page) << SHIFT);
                    let filled = self.vm.fault(&submap, at, Protection::WRITE);
                    filled.expect("a page of a submap");
                    let pmap = self.vm.pmap(&submap);
                    let (frame, _) = self.vm.machine().pmap_extract(pmap, at).expect("mapped");
                    self.vm.machine().write_page(frame, 0, &bytes);
                }
                self.library.push((protection, bytes));
            }
            let (addr, size) = self.user(first + from, count);
            let prot = UserProt(u32::from(protection.bits()));
            for set in [SetMax::No, SetMax::Yes] {
                let done = self.vm.protect(&submap, addr, size, set, prot);
                done.expect("rights of a submap");
            }
        }
        self.submap = Some(submap);
    }

    fn enter_submap(
        &mut self,
        n: usize,
        at: u64,
        (from, pages): (u64, u64),
        place: Place,
    ) -> Result<Outcome, Failure> {
        let Some(submap) = &self.submap else {
            return Err("there is no submap".into());
        };
        let what = library_from(self.rules, submap, from);
        let place_at = VirtAddr(at << SHIFT);
        let (placement, over) = match place {
            Place::Overwrite => (Placement::Overwrite(place_at), true),
            _ => (Placement::Fixed(place_at), false),
        };
        let task = &self.tasks[n];
        let answer = self
            .vm
            .enter_submap(&task.map, placement, pages << SHIFT, &what);
        let expected = task.model.check_allocate(self.rules, at, pages, over);
        let library = self.library[from as usize..(from + pages) as usize].to_vec();
        self.settle(answer.map(|_| ()), expected, n, |task| {
            task.model.enter(at, &library);
            task.forget_frames(at, pages);
        })
    }

    /// Whether a submap shows a page of a task still. The reference does not know entries, and so not
    /// how much became the task's own with a write.
    fn is_over(&self, n: usize, page: u64) -> bool {
        let region = self.vm.region(&self.tasks[n].map, UserAddr(page << SHIFT));
        region.is_ok_and(|region| region.shows == Shows::Submap)
    }

    /// Tells the reference what has become the task's own.
    fn observe(&mut self, n: usize) {
        let pages = self.tasks[n].model.pages.iter();
        let over: Vec<u64> = pages
            .filter(|(_, p)| p.over)
            .map(|(page, _)| *page)
            .collect();
        for page in over {
            if !self.is_over(n, page) {
                self.tasks[n].model.came_up(page);
            }
        }
    }

    fn user(&self, at: u64, pages: u64) -> (UserAddr, UserSize) {
        (UserAddr(at << SHIFT), UserSize(pages << SHIFT))
    }

    /// Does `op` on both sides.
    pub fn step(&mut self, op: Op) -> Result<Outcome, Failure> {
        let count = self.tasks.len();
        let first = self.rules.first;
        match op {
            Op::Allocate {
                task,
                at,
                pages,
                place,
            } => self.allocate(pick(task, count), first + at, pages, place),
            Op::EnterSubmap {
                task,
                at,
                from,
                pages,
                place,
            } => self.enter_submap(pick(task, count), first + at, (from, pages), place),
            Op::Deallocate { task, at, pages } => {
                let n = pick(task, count);
                let (addr, size) = self.user(first + at, pages);
                let answer = self.vm.deallocate(&self.tasks[n].map, addr, size);
                self.settle(answer, Ok(()), n, |task| {
                    task.model.deallocate(first + at, pages);
                    task.forget_frames(first + at, pages);
                })
            }
            Op::Protect {
                task,
                at,
                pages,
                protection,
                set_maximum,
            } => {
                let n = pick(task, count);
                let (addr, size) = self.user(first + at, pages);
                let set = if set_maximum { SetMax::Yes } else { SetMax::No };
                let answer = self.vm.protect(
                    &self.tasks[n].map,
                    addr,
                    size,
                    set,
                    UserProt(u32::from(protection.bits())),
                );
                let expected =
                    self.tasks[n]
                        .model
                        .check_protect(self.rules, first + at, pages, protection);
                self.settle(answer, expected, n, |task| {
                    task.model
                        .protect(first + at, pages, protection, set_maximum);
                    task.forget_frames(first + at, pages);
                })
            }
            Op::Inherit {
                task,
                at,
                pages,
                inherit,
            } => {
                let n = pick(task, count);
                self.observe(n);
                let known = &self.tasks[n].model.pages;
                let over = known
                    .range(first + at..first + at + pages)
                    .any(|(_, p)| p.over);
                let expected = match inherit {
                    Inherit::Copy if over => Err(KernReturn::INVALID_ARGUMENT),
                    _ => Ok(()),
                };
                let (addr, size) = self.user(first + at, pages);
                let answer =
                    self.vm
                        .inherit(&self.tasks[n].map, addr, size, UserInherit(inherit as u32));
                self.settle(answer, expected, n, |task| {
                    task.model.inherit(first + at, pages, inherit)
                })
            }
            Op::Wire {
                task,
                at,
                pages,
                access,
            } => {
                let n = pick(task, count);
                let (addr, size) = self.user(first + at, pages);
                let answer = self.vm.wire(
                    &self.tasks[n].map,
                    addr,
                    size,
                    UserProt(u32::from(access.bits())),
                );
                // Those that are wired now were not yet when memory was short.
                self.notice_purges(Purged::IfShort)?;
                // Beyond the map the range is cut off.
                let pages = pages.min(self.rules.end - (first + at));
                let model = &self.tasks[n].model;
                let expected = model.check_wire(first + at, pages, access, answer);
                let expected = match expected {
                    Err(KernReturn::INVALID_ADDRESS) => expected,
                    _ if expected == answer && answer.is_err() => expected,
                    _ => model.check_wire_limit(first + at, pages, access),
                };
                self.settle(answer, expected, n, |task| {
                    task.model.wire(first + at, pages)
                })
            }
            Op::Unwire { task, at, pages } => {
                let n = pick(task, count);
                let pages = pages.min(self.rules.end - (first + at));
                if !(first + at..first + at + pages)
                    .all(|page| self.tasks[n].model.pages.contains_key(&page))
                {
                    return Ok(Outcome::Agreed);
                }
                let (addr, size) = self.user(first + at, pages);
                let answer = self.vm.unwire(&self.tasks[n].map, addr, size);
                self.notice_purges(Purged::IfShort)?;
                self.settle(answer, Ok(()), n, |task| {
                    task.model.unwire(first + at, pages);
                    task.forget_frames(first + at, pages);
                })
            }
            Op::Read {
                task,
                cpu,
                at,
                spot,
            } => self.touch(pick(task, count), cpu, first + at, spot, Access::Read),
            Op::Write {
                task,
                cpu,
                at,
                spot,
                value,
            } => self.touch(
                pick(task, count),
                cpu,
                first + at,
                spot,
                Access::Write(value),
            ),
            Op::Copy {
                task,
                at,
                pages,
                skew,
                into,
                to,
            } => self.copy(
                (pick(task, count), first + at),
                (pick(into, count), first + to),
                pages,
                skew,
            ),
            Op::Remap {
                task,
                at,
                pages,
                into,
                copy,
            } => {
                let source = (pick(task, count), first + at);
                self.remap(source, pages, pick(into, count), copy)
            }
            Op::MakeEntry {
                task,
                at,
                pages,
                mode,
            } => self.make_entry(pick(task, count), first + at, pages, mode),
            Op::MapEntry {
                task,
                from,
                pages,
                copy,
            } => self.map_entry(pick(task, count), from, pages, copy),
            Op::Fork { task } => self.fork(pick(task, count)),
            Op::Exit { task } => {
                if count > 1 {
                    let task = self.tasks.swap_remove(pick(task, count));
                    task.model.leave(0, u64::MAX);
                    self.vm.map_terminate(task.map);
                }
                Ok(Outcome::Agreed)
            }
            Op::Care {
                task,
                at,
                pages,
                care,
            } => self.care(pick(task, count), first + at, pages, care),
            Op::Regions { task } => self
                .check_regions(pick(task, count))
                .map(|()| Outcome::Agreed),
            Op::Contents { task, cpu } => self.check_contents(pick(task, count), cpu),
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

    fn allocate(
        &mut self,
        n: usize,
        at: u64,
        pages: u64,
        place: Place,
    ) -> Result<Outcome, Failure> {
        let (addr, size) = self.user(at, pages);
        let flags = match place {
            Place::Fixed => 0,
            Place::Overwrite => VM_FLAGS_OVERWRITE,
            Place::Anywhere => VM_FLAGS_ANYWHERE,
        };
        let rules = self.rules;
        let answer = self
            .vm
            .allocate(&self.tasks[n].map, addr, size, UserFlags(flags));
        let model = &self.tasks[n].model;
        let start = match (place, answer) {
            (Place::Anywhere, Ok(start)) => {
                let start = start.0 >> SHIFT;
                if model.check_allocate(rules, start, pages, false).is_err() {
                    return Err(format!(
                        "allocated {pages} pages at {start:#x}, which is not free"
                    ));
                }
                start
            }
            _ => at,
        };
        let expected = match place {
            Place::Anywhere
                if model.longest_hole(rules) < pages
                    || model.over_size(u64::MAX - pages, pages) =>
            {
                Err(KernReturn::NO_SPACE)
            }
            Place::Anywhere => Ok(()),
            Place::Fixed | Place::Overwrite => {
                model.check_allocate(rules, start, pages, place == Place::Overwrite)
            }
        };
        self.settle(answer.map(|_| ()), expected, n, |task| {
            task.model.allocate(rules, start, pages);
            task.forget_frames(start, pages);
        })
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

    /// A program of task `n` on `cpu` touches a byte: one of four in each page.
    fn touch(
        &mut self,
        n: usize,
        cpu: u8,
        page: u64,
        spot: u8,
        access: Access,
    ) -> Result<Outcome, Failure> {
        let size = 1u64 << SHIFT;
        let offset = [0, 7, size / 2, size - 1][usize::from(spot) % 4];
        let known = self.tasks[n].model.pages.get(&page).cloned();
        let expected = match &known {
            None => Err(FaultError::InvalidAddress),
            Some(page) if !page.protection.contains(access.protection()) => {
                Err(FaultError::ProtectionFailure)
            }
            Some(_) => Ok(()),
        };
        let seen = self.access(n, cpu, VirtAddr((page << SHIFT) + offset), access);
        if let Err(Stop::Fault(error)) = &seen {
            *self.refusals.entry(format!("{error:?}")).or_default() += 1;
        }
        let seen = match (seen, expected) {
            (Ok(seen), Ok(())) => seen,
            (Err(Stop::Fault(FaultError::Shortage)), Ok(())) if self.setup.may_run_short => {
                return Ok(Outcome::Short);
            }
            (Err(Stop::Fault(error)), Err(expected)) if error == expected => {
                return Ok(Outcome::Agreed);
            }
            (Err(Stop::Wrong(what)), _) => return Err(what),
            (seen, expected) => {
                return Err(format!(
                    "access to page {page:#x}: {seen:?}, the reference {expected:?}"
                ));
            }
        };
        let Some(known) = known else {
            return Err("unreachable".into());
        };
        self.notice_purges(Purged::IfShort)?;
        let written = match access {
            Access::Write(value) => Some((offset as usize, value)),
            Access::Read => None,
        };
        self.resolve(&known.cell, seen.1, written)?;
        let byte = &mut known.cell.borrow_mut()[offset as usize];
        if let Access::Write(value) = access {
            *byte = value;
        }
        if seen.0 != *byte {
            return Err(format!(
                "page {page:#x} offset {offset:#x}: read {:#04x}, the reference {:#04x}",
                seen.0, *byte
            ));
        }
        if known.wired > 0 && known.protection.contains(Protection::WRITE) {
            let first = *self.tasks[n].wired_frames.entry(page).or_insert(seen.1);
            if first != seen.1 {
                return Err(format!(
                    "I-PAGE-3: the wired page {page:#x} moved from {first:?} to {:?}",
                    seen.1
                ));
            }
        }
        Ok(Outcome::Agreed)
    }

    /// The access itself: through the TLB of the CPU, faulting as often as it takes, which is once.
    pub fn access(
        &self,
        n: usize,
        cpu: u8,
        at: VirtAddr,
        access: Access,
    ) -> Result<(u8, PageId), Stop> {
        let task = &self.tasks[n];
        sync::host::enter(Some(usize::from(cpu)), None);
        for _ in 0..3 {
            if let Ok((byte, frame)) =
                self.vm
                    .machine()
                    .access(usize::from(cpu), self.vm.pmap(&task.map), at, access)
            {
                let state = self.vm.frames().pages().get(frame).state();
                if matches!(state, PageState::Free | PageState::FreeLocal) {
                    return Err(Stop::Wrong(format!(
                        "I-TLB-1: an access at {at:?} reached the free frame {frame:?}"
                    )));
                }
                return Ok((byte, frame));
            }
            self.vm
                .fault(&task.map, at, access.protection())
                .map_err(Stop::Fault)?;
        }
        Err(Stop::Wrong(format!("an access at {at:?} faults for ever")))
    }

    /// Compares the attributes of every page with the regions of the map.
    pub fn check_regions(&self, n: usize) -> Result<(), Failure> {
        let task = &self.tasks[n];
        let mut next = 0;
        let mut seen = BTreeMap::new();
        while let Ok(region) = self.vm.region(&task.map, UserAddr(next)) {
            let range = region.range;
            if range.start.0 < next || range.is_empty() {
                return Err(format!("region {range:?} comes after {next:#x}"));
            }
            for page in range.start.0 >> SHIFT..range.end.0 >> SHIFT {
                let (mut protection, mut max) = (region.protection, region.max);
                if region.shows == Shows::Submap {
                    let inside = self
                        .vm
                        .region_recurse(&task.map, UserAddr(page << SHIFT), 5);
                    let (inside, depth) = inside.map_err(|code| format!("depth: {code:?}"))?;
                    if depth != 1 || !inside.range.contains(VirtAddr(page << SHIFT)) {
                        return Err(format!("page {page:#x}: depth {depth}, {inside:?}"));
                    }
                    protection &= inside.protection;
                    max &= inside.max;
                }
                let wired = u32::from(region.user_wired);
                let what = (protection, max, region.inherit, wired, region.shows);
                seen.insert(page, what);
            }
            next = range.end.0;
        }
        let known: BTreeMap<u64, _> = task
            .model
            .pages
            .iter()
            .map(|(page, p)| {
                let shown = seen.get(page).map_or(Shows::Memory, |known| known.4);
                let came_up = p.over && shown == Shows::Memory;
                let inherit = match p.inherit {
                    Inherit::Share if came_up => Inherit::Copy,
                    other => other,
                };
                let shows = if p.over { shown } else { Shows::Memory };
                (*page, (p.protection, p.maximum, inherit, p.wired, shows))
            })
            .collect();
        let differs = |page: &u64| seen.get(page) != known.get(page);
        match seen.keys().chain(known.keys()).copied().find(differs) {
            Some(page) => Err(format!(
                "page {page:#x}: region {:?}, the reference {:?}",
                seen.get(&page),
                known.get(&page)
            )),
            None if task.map.size() != (known.len() as u64) << SHIFT => {
                Err(format!("the map's size is {:#x}", task.map.size()))
            }
            None => Ok(()),
        }
    }

    /// Compares every byte that a task may read.
    fn check_contents(&mut self, n: usize, cpu: u8) -> Result<Outcome, Failure> {
        let pages: Vec<u64> = self.tasks[n].model.pages.keys().copied().collect();
        for page in pages {
            let known = self.tasks[n].model.pages[&page].clone();
            if !known.protection.contains(Protection::READ) {
                continue;
            }
            match self.access(n, cpu, VirtAddr(page << SHIFT), Access::Read) {
                Ok((_, frame)) => {
                    self.notice_purges(Purged::IfShort)?;
                    self.resolve(&known.cell, frame, None)?;
                    let mut bytes = vec![0; 1 << SHIFT];
                    self.vm.machine().read_page(frame, 0, &mut bytes);
                    if let Some(at) =
                        (0..bytes.len()).find(|at| bytes[*at] != known.cell.borrow()[*at])
                    {
                        return Err(format!(
                            "page {page:#x} offset {at:#x}: {:#04x}, the reference {:#04x}",
                            bytes[at],
                            known.cell.borrow()[at]
                        ));
                    }
                }
                Err(Stop::Fault(FaultError::Shortage)) if self.setup.may_run_short => {
                    return Ok(Outcome::Short);
                }
                Err(stop) => return Err(format!("page {page:#x}: {stop:?}")),
            }
        }
        Ok(Outcome::Agreed)
    }

    /// What every operation must leave in order.
    pub fn check_quick(&self) -> Result<(), Failure> {
        self.vm.machine().audit_tlbs()?;
        if sync::host::preempt_count() != 0 {
            return Err("I-LOCK-3: an operation ended with a spin lock held".into());
        }
        Ok(())
    }

    /// Recounts everything.
    pub fn audit(&self) -> Result<(), Failure> {
        self.vm.machine().audit_reverse()?;
        self.vm
            .audit()
            .map(|_| ())
            .map_err(|error| format!("audit: {error:?}"))?;
        // Each page that a task has wired is one wiring of a frame, however often it was wired.
        let pages = self.vm.frames().pages();
        let counted: u64 = pages
            .ids()
            .map(|page| u64::from(pages.get(page).wirings()))
            .sum();
        let wired = |task: &Pair<SHIFT>| {
            task.model
                .pages
                .values()
                .filter(|page| page.wired > 0)
                .count() as u64
        };
        let known: u64 = self.tasks.iter().map(wired).sum();
        if counted != known {
            return Err(format!(
                "I-WIRE-2: {counted} wirings of frames, the reference has {known}"
            ));
        }
        for n in 0..self.tasks.len() {
            self.check_regions(n)?;
        }
        Ok(())
    }

    /// Counts of what exists, to compare before and after a failure.
    pub fn trace(&self) -> Trace {
        let zones = self.vm.zones();
        let mut counts: Vec<_> = zones.map(|(name, info)| (name, info.count)).collect();
        let statistics = self.vm.statistics();
        counts.push((
            "pages of programs",
            u64::from(statistics.internal_page_count),
        ));
        let tables = |task: &Pair<SHIFT>| self.vm.machine().pmap_tables(self.vm.pmap(&task.map)).0;
        counts.push(("page tables", self.tasks.iter().map(tables).sum()));
        Trace(counts)
    }

    /// Ends all tasks; everything must come back.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.release_entry();
        for task in self.tasks.drain(..) {
            self.vm.map_terminate(task.map);
        }
        if let Some(submap) = self.submap.take() {
            self.vm.map_terminate(submap);
        }
        self.check_quick()?;
        self.audit()?;
        let left: Vec<_> = self
            .vm
            .zones()
            .filter(|(name, info)| NAMES.contains(name) && info.count != 0)
            .map(|(name, info)| (name, info.count))
            .collect();
        // The kernel's map stays.
        if left
            .iter()
            .any(|(name, count)| *name != "maps" || *count != 1)
        {
            return Err(format!("left behind: {left:?}"));
        }
        Ok(())
    }
}

/// A library from its page `from` on, to be entered.
pub fn library_from<const SHIFT: u32>(
    rules: Rules,
    submap: &MapRef<Sim<SHIFT>>,
    from: u64,
) -> EnterSubmap<'_, Sim<SHIFT>> {
    EnterSubmap {
        submap,
        offset: (rules.first + LIBRARY_AT + from) << SHIFT,
        attributes: Attributes {
            protection: Protection::ALL,
            ..Attributes::default()
        },
    }
}

const NAMES: [&str; 6] = [
    "mem_obj_memory_entries",
    "maps",
    "VM map entries",
    "vm objects",
    "vm object slots",
    "vm object nodes",
];

impl<const SHIFT: u32> Pair<SHIFT> {
    fn forget_frames(&mut self, at: u64, pages: u64) {
        self.wired_frames
            .retain(|page, _| *page < at || *page >= at + pages);
    }
}

/// Why an access did not happen.
#[derive(Debug)]
pub enum Stop {
    Fault(FaultError),
    Wrong(String),
}

/// The task that an operation means: from the oldest on, or from 255 down the youngest.
fn pick(task: u8, count: usize) -> usize {
    match 255 - task {
        young @ 0..=7 => (count - 1).saturating_sub(usize::from(young)),
        _ => usize::from(task) % count,
    }
}
