//! Random programs of several tasks over a kernel's `Vm`, against a naive model of bytes.
//!
//! Owns: the model (what each task's pages hold and permit), the calls, the comparison. Does not own:
//! what the pmap is asked directly (`super`), the larger model test over the simulated machine.

use super::cpu::{Cpu, load, store};
use super::library::{home, library, library_byte};
use super::{Failure, Random, leaf_size};
use crate::addr::{Range, VirtAddr};
use crate::fault::FaultError;
use crate::map::MapRef;
use crate::map::enter::Placement;
use crate::map::entry::Attributes;
use crate::map::protect::SetMax;
use crate::map::submap::EnterSubmap;
use crate::sanitize::{UserAddr, UserFlags, UserProt, UserSize};
use crate::vm::Vm;
use abi::vm_flags::VM_FLAGS_OVERWRITE;
use abi::{Inherit, KernReturn, Protection};

/// Tasks at most.
const TASKS: usize = 5;
/// Pages in play of each task.
const PAGES: usize = PLAIN + SHOWN;
/// The first of them: half of them below the start of a leaf table.
const PLAIN: usize = 24;
/// The others: where a task may show the library, whose page table is nested then if the machine can.
pub(super) const SHOWN: usize = 6;
/// Steps from one comparison of everything to the next.
const BETWEEN: u32 = 64;

/// How often each kind of thing happened, so that a run which met too little can fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// Loads and stores that a program was allowed.
    pub accesses: u32,
    /// Loads and stores that were refused, as they should be.
    pub refused: u32,
    /// Ranges that were entered, removed, or given other rights.
    pub changes: u32,
    /// Ranges that were wired or unwired.
    pub wirings: u32,
    /// Forks.
    pub forks: u32,
    /// Times that a task came to show the library, a submap.
    pub shown: u32,
    /// Calls and accesses that memory was too short for.
    pub short: u32,
}

/// What the model knows of a mapped page.
#[derive(Clone, Copy)]
struct Seen {
    byte: u8,
    protection: Protection,
}

struct Task<M: Cpu> {
    map: MapRef<M>,
    pages: [Option<Seen>; PAGES],
}

struct Tasks<'a, M: Cpu> {
    vm: &'a Vm<M>,
    window: Range,
    library: MapRef<M>,
    random: Random,
    tasks: [Option<Task<M>>; TASKS],
    done: Done,
    step: u32,
    doing: &'static str,
}

/// Runs `steps` steps of tasks whose addresses are in `window`, at least six leaf tables long. `seed`
/// decides everything. Nobody else may use the `Vm` meanwhile. No lock may be held.
///
/// # Errors
/// The first difference between the tasks' memory and the model's; the tasks stay then.
pub fn agree<M: Cpu>(vm: &Vm<M>, seed: u64, steps: u32, window: Range) -> Result<Done, Failure> {
    let lost = Failure {
        step: 0,
        doing: "start",
        what: "not enough memory",
        at: 0,
    };
    let mut run = Tasks {
        vm,
        window,
        library: library(vm, home::<M>(window)).map_err(|_| lost)?,
        random: Random::new(seed),
        tasks: [const { None }; TASKS],
        done: Done::default(),
        step: 0,
        doing: "start",
    };
    for step in 1..=steps {
        run.step = step;
        run.one()?;
        if step.is_multiple_of(BETWEEN) {
            run.compare()?;
        }
    }
    run.compare()?;
    for task in run.tasks.iter_mut().filter_map(Option::take) {
        vm.map_terminate(task.map);
    }
    let Tasks { library, .. } = run;
    vm.map_terminate(library);
    match vm.audit() {
        Ok(_) => Ok(run.done),
        Err(error) => Err(Failure {
            what: error.what,
            at: error.place,
            ..lost
        }),
    }
}

impl<M: Cpu> Tasks<'_, M> {
    fn fail<T>(&self, what: &'static str, at: VirtAddr) -> Result<T, Failure> {
        Err(Failure {
            step: self.step,
            doing: self.doing,
            what,
            at: at.0,
        })
    }

    fn address(&self, page: usize) -> VirtAddr {
        if let Some(shown) = page.checked_sub(PLAIN) {
            return VirtAddr(home::<M>(self.window).start.0 + shown as u64 * M::PAGE_SIZE);
        }
        let border = self.window.start.0.next_multiple_of(leaf_size::<M>()) + leaf_size::<M>();
        VirtAddr(border + page as u64 * M::PAGE_SIZE - PLAIN as u64 / 2 * M::PAGE_SIZE)
    }

    /// Which byte of a page the model keeps: not the first of each.
    fn byte(&self, page: usize) -> VirtAddr {
        VirtAddr(self.address(page).0 + (page as u64 * 167) % M::PAGE_SIZE)
    }

    fn some_pages(&mut self) -> core::ops::Range<usize> {
        let first = self.random.below(PAGES);
        let count = 1 + self.random.below(8);
        let end = if first < PLAIN { PLAIN } else { PAGES };
        first..(first + count).min(end)
    }

    /// A range as a program names it.
    fn user(&self, pages: &core::ops::Range<usize>) -> (UserAddr, UserSize) {
        let bytes = pages.len() as u64 * M::PAGE_SIZE;
        (UserAddr(self.address(pages.start).0), UserSize(bytes))
    }

    fn one(&mut self) -> Result<(), Failure> {
        let number = self.random.below(TASKS);
        let Some(mut task) = self.tasks[number].take() else {
            return self.create(number);
        };
        let result = match self.random.below(32) {
            0..10 => self.store(&mut task),
            10..18 => self.load(&task),
            18..22 => self.allocate(&mut task),
            22..24 => self.deallocate(&mut task),
            24..27 => self.protect(&mut task),
            27 => self.wire(&task),
            28 => self.unwire(&task),
            29 => self.fork(&task, number),
            30 => self.show(&mut task),
            _ if self.random.below(4) != 0 => self.store(&mut task),
            _ => {
                self.vm.map_terminate(task.map);
                return Ok(());
            }
        };
        self.tasks[number] = Some(task);
        result
    }

    fn create(&mut self, number: usize) -> Result<(), Failure> {
        self.doing = "map_create";
        match self.vm.map_create(self.window.start, self.window.end) {
            Ok(map) => {
                let pages = [None; PAGES];
                self.tasks[number] = Some(Task { map, pages });
                Ok(())
            }
            Err(code) => self.settle(Err(code), Ok(())).map(|_| ()),
        }
    }

    /// Whether the call did what the model expects; `false`: nothing, for want of memory.
    fn settle(
        &mut self,
        answer: Result<(), KernReturn>,
        expected: Result<(), KernReturn>,
    ) -> Result<bool, Failure> {
        if answer == Err(KernReturn::RESOURCE_SHORTAGE) && answer != expected {
            self.done.short += 1;
            return Ok(false);
        }
        if answer != expected {
            return self.fail("another code than the model's", VirtAddr(0));
        }
        Ok(expected.is_ok())
    }

    /// What an access to a page should come to.
    fn expected(seen: Option<Seen>, access: Protection) -> Result<u8, FaultError> {
        let seen = seen.ok_or(FaultError::InvalidAddress)?;
        if seen.protection.contains(access) {
            Ok(seen.byte)
        } else {
            Err(FaultError::ProtectionFailure)
        }
    }

    fn check_access(
        &mut self,
        page: usize,
        found: Result<u8, FaultError>,
        expected: Result<u8, FaultError>,
    ) -> Result<bool, Failure> {
        if found == Err(FaultError::Shortage) {
            self.done.short += 1;
            return Ok(false);
        }
        if found != expected {
            return self.fail("a page differs from the model's", self.byte(page));
        }
        match expected {
            Ok(_) => self.done.accesses += 1,
            Err(_) => self.done.refused += 1,
        }
        Ok(expected.is_ok())
    }

    fn load(&mut self, task: &Task<M>) -> Result<(), Failure> {
        self.doing = "load";
        let page = self.random.below(PAGES);
        let found = load(self.vm, &task.map, self.byte(page));
        let expected = Self::expected(task.pages[page], Protection::READ);
        self.check_access(page, found, expected).map(|_| ())
    }

    fn store(&mut self, task: &mut Task<M>) -> Result<(), Failure> {
        self.doing = "store";
        let (page, byte) = (self.random.below(PAGES), 1 + self.random.below(255) as u8);
        let found = store(self.vm, &task.map, self.byte(page), byte).map(|()| byte);
        let expected = Self::expected(task.pages[page], Protection::WRITE).map(|_| byte);
        if self.check_access(page, found, expected)?
            && let Some(seen) = &mut task.pages[page]
        {
            seen.byte = byte;
        }
        Ok(())
    }

    fn allocate(&mut self, task: &mut Task<M>) -> Result<(), Failure> {
        self.doing = "allocate";
        let pages = self.some_pages();
        let (addr, size) = self.user(&pages);
        let flags = [0, VM_FLAGS_OVERWRITE][self.random.below(2)];
        let taken = flags == 0 && task.pages[pages.clone()].iter().any(Option::is_some);
        let expected = if taken {
            Err(KernReturn::NO_SPACE)
        } else {
            Ok(())
        };
        let answer = self.vm.allocate(&task.map, addr, size, UserFlags(flags));
        if self.settle(answer.map(|_| ()), expected)? {
            self.done.changes += 1;
            task.pages[pages].fill(Some(Seen {
                byte: 0,
                protection: Protection::DEFAULT,
            }));
        }
        Ok(())
    }

    fn deallocate(&mut self, task: &mut Task<M>) -> Result<(), Failure> {
        self.doing = "deallocate";
        let pages = self.some_pages();
        let (addr, size) = self.user(&pages);
        let answer = self.vm.deallocate(&task.map, addr, size);
        if self.settle(answer, Ok(()))? {
            self.done.changes += 1;
            task.pages[pages].fill(None);
        }
        Ok(())
    }

    fn protect(&mut self, task: &mut Task<M>) -> Result<(), Failure> {
        self.doing = "protect";
        let pages = self.some_pages();
        let (addr, size) = self.user(&pages);
        let all = [Protection::NONE, Protection::READ, Protection::DEFAULT];
        let protection = all[self.random.below(all.len())];
        let prot = UserProt(protection.bits().into());
        let answer = self.vm.protect(&task.map, addr, size, SetMax::No, prot);
        let holes = task.pages[pages.clone()].iter().any(Option::is_none);
        let expected = if holes {
            Err(KernReturn::INVALID_ADDRESS)
        } else {
            Ok(())
        };
        if self.settle(answer, expected)? {
            self.done.changes += 1;
            for seen in task.pages[pages].iter_mut().flatten() {
                seen.protection = protection;
            }
        }
        Ok(())
    }

    fn wire(&mut self, task: &Task<M>) -> Result<(), Failure> {
        self.doing = "wire";
        let pages = self.some_pages();
        let (addr, size) = self.user(&pages);
        let mut each = task.pages[pages].iter();
        let allowed =
            |seen: &Option<Seen>| seen.is_some_and(|seen| seen.protection == Protection::DEFAULT);
        // What a hole and a missing right are answered with is the larger model's to say.
        if each.all(allowed) {
            let prot = UserProt(Protection::DEFAULT.bits().into());
            let answer = self.vm.wire(&task.map, addr, size, prot);
            self.done.wirings += u32::from(self.settle(answer, Ok(()))?);
        }
        Ok(())
    }

    fn unwire(&mut self, task: &Task<M>) -> Result<(), Failure> {
        self.doing = "unwire";
        let pages = self.some_pages();
        let (addr, size) = self.user(&pages);
        if task.pages[pages].iter().all(Option::is_some) {
            let answer = self.vm.unwire(&task.map, addr, size);
            self.done.wirings += u32::from(self.settle(answer, Ok(()))?);
        }
        Ok(())
    }

    /// The task shows the library, whatever it had there.
    fn show(&mut self, task: &mut Task<M>) -> Result<(), Failure> {
        self.doing = "enter_submap";
        let home = home::<M>(self.window);
        let what = EnterSubmap {
            submap: &self.library,
            offset: home.start.0,
            attributes: Attributes::with(Protection::ALL, Protection::ALL, Inherit::Copy, 0),
        };
        let at = Placement::Overwrite(home.start);
        let answer = self.vm.enter_submap(&task.map, at, home.len(), &what);
        if self.settle(answer.map(|_| ()), Ok(()))? {
            self.done.shown += 1;
            for (page, seen) in task.pages.iter_mut().skip(PLAIN).enumerate() {
                *seen = Some(Seen {
                    byte: library_byte(page),
                    protection: Protection::DEFAULT,
                });
            }
        }
        Ok(())
    }

    /// The child takes the place after its parent's, of whoever is there.
    fn fork(&mut self, task: &Task<M>, number: usize) -> Result<(), Failure> {
        self.doing = "fork";
        let place = (number + 1) % TASKS;
        if let Some(old) = self.tasks[place].take() {
            self.vm.map_terminate(old.map);
        }
        match self.vm.map_fork(&task.map) {
            Ok(map) => {
                self.done.forks += 1;
                let pages = task.pages;
                self.tasks[place] = Some(Task { map, pages });
                Ok(())
            }
            Err(code) => self.settle(Err(code), Ok(())).map(|_| ()),
        }
    }

    /// Every page of every task.
    fn compare(&mut self) -> Result<(), Failure> {
        self.doing = "compare";
        self.audit()?;
        for number in 0..TASKS {
            let Some(task) = self.tasks[number].take() else {
                continue;
            };
            for page in 0..PAGES {
                let found = load(self.vm, &task.map, self.byte(page));
                let expected = Self::expected(task.pages[page], Protection::READ);
                self.check_access(page, found, expected)?;
            }
            self.tasks[number] = Some(task);
        }
        self.audit()
    }

    fn audit(&self) -> Result<(), Failure> {
        match self.vm.audit() {
            Ok(_) => Ok(()),
            Err(error) => self.fail(error.what, VirtAddr(error.place)),
        }
    }
}
