//! The conformance suite, for whoever writes a [`Machine`]: random programs against naive models.
//!
//! Owns: programs of pmap calls, against a table of what each address maps, compared after every step: on
//! the host, with an [`Observer`] that keeps stale translations where the processor is played ([`run`]), and
//! in a kernel on the machine's own tables ([`conform`]). And programs of tasks over a whole [`Vm`], against
//! a table of bytes ([`agree`]).
//! Does not own: what is special to one machine.
//!
//! | file | what it is |
//! |---|---|
//! | `mod`, `steps` | a run of pmap calls; what each call means to the model |
//! | `nest`, `superpage` | the same for tables that several pmaps show, for a run of pages under one entry |
//! | `tasks`, `library` | a run of tasks, and what they all show |
//! | `cpu` | a program's loads and stores |
//! | `terms` | what a run of pmap calls is given and what it answers |
//!
//! Nothing is allocated but frames of the given source, which has all of them back at the end, but for
//! tables of the kernel's pmap that a machine keeps. No CPU may run in the program's pmaps but by the
//! observer, and nobody else may use its kernel window.
//!
//! What the hardware decides, and the model takes as it is: a mapping that permits anything can be read.
//!
//! The numbers here are the suite's own and small, so their arithmetic is plain.
#![allow(clippy::arithmetic_side_effects)]

use crate::addr::{PageId, Pages, Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::machine::{FrameSource, Machine};
use crate::page::PageArray;
use crate::residence::{Account, Peaks, Residence};
use crate::vm::Vm;
use abi::Protection;

mod cpu;
mod library;
mod nest;
mod steps;
mod superpage;
mod tasks;
mod terms;

pub use cpu::{Cpu, PageFault, load, store};
pub use tasks::{Done, agree};
pub use terms::{Blind, Failure, Met, Notes, Observer, Program};

/// User pmaps in a program.
const SPACES: usize = 3;
/// The kernel's pmap among those of a program.
const KERNEL: usize = SPACES;
/// The pmap that users' may show, where the machine can nest; it is never run on.
const NESTED: usize = SPACES + 1;
/// All of them.
const ALL_SPACES: usize = SPACES + 2;
/// Addresses in play of each pmap, in four clusters.
const SLOTS: usize = 4 * CLUSTER;
const CLUSTER: usize = 24;
/// The cluster that can be nested: of the kernel nothing is there, of the nested pmap nothing elsewhere.
const NEST_CLUSTER: usize = 2;
/// Pages in play.
const PAGES: usize = 12;

/// What the model knows of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mapped {
    page: usize,
    protection: Protection,
    wired: bool,
    tracked: bool,
    /// Entered, since it was last forgotten, in a way that must be or may have been noted.
    written: bool,
}

/// Bytes that a leaf table maps: it is a page of words.
fn leaf_size<M: Machine>() -> u64 {
    M::PAGE_SIZE << (M::PAGE_SHIFT - 3)
}

/// A generator (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % below
    }
}

struct Run<'a, 'p, M: Machine, O> {
    machine: &'a M,
    array: PageArray<'p>,
    observer: &'a mut O,
    random: Random,
    program: Program,
    users: [Option<M::Pmap>; SPACES],
    nested: Option<M::Pmap>,
    model: [[Option<Mapped>; SLOTS]; ALL_SPACES],
    /// Which tables of the nested pmap each user shows.
    shows: [[bool; nest::TABLES]; SPACES],
    /// Where the program's run is mapped.
    superpage: Option<superpage::Superpage>,
    pages: [PageId; PAGES],
    /// What each page counts as.
    accounts: [Account; PAGES],
    /// What each pmap's owner is charged for.
    charges: [u64; ALL_SPACES],
    /// The most that each pmap mapped.
    peaks: [Peaks; ALL_SPACES],
    /// What the kernel's pmap mapped before: in the kernel, its own memory.
    others: Residence,
    met: Met,
    step: u32,
    doing: &'static str,
}

/// Runs a program with a kernel's own frames, which has nothing else to do with `vm` meanwhile that the
/// window of the program covers. No lock may be held.
///
/// # Errors
/// The first difference; frames are lost then.
pub fn conform<M: Machine, O: Observer<M>>(
    vm: &Vm<M>,
    observer: &mut O,
    program: Program,
) -> Result<Met, Failure> {
    let pages = vm.frames().pages();
    let count = M::SUPERPAGE_SIZE.map_or(0, |size| size >> M::PAGE_SHIFT);
    let taken = match count {
        0 => None,
        count => vm.frames().take_run(Pages(count)),
    };
    let program = Program {
        run: taken,
        ..program
    };
    let met = run(vm.machine(), pages, &mut vm.tables(), observer, program)?;
    if let Some(first) = taken {
        for number in 0..count as u32 {
            vm.frames().give_page(PageId(first.0 + number));
        }
    }
    Ok(met)
}

/// Runs a program with frames of any source.
///
/// # Errors
/// The first difference; frames are lost then.
pub fn run<M: Machine, O: Observer<M>>(
    machine: &M,
    array: PageArray<'_>,
    frames: &mut dyn FrameSource,
    observer: &mut O,
    program: Program,
) -> Result<Met, Failure> {
    let lost = Failure {
        step: 0,
        doing: "start",
        what: "not enough frames",
        at: 0,
    };
    let mut pages = [PageId(0); PAGES];
    for page in &mut pages {
        *page = frames.take().ok_or(lost)?;
    }
    let mut run = Run {
        machine,
        array,
        observer,
        random: Random::new(program.seed),
        program,
        users: [const { None }; SPACES],
        nested: Some(machine.pmap_create_nested(frames).map_err(|_| lost)?),
        model: [[None; SLOTS]; ALL_SPACES],
        shows: [[false; nest::TABLES]; SPACES],
        superpage: None,
        pages,
        accounts: core::array::from_fn(|page| Account::from_bits(page as u64)),
        charges: [0; ALL_SPACES],
        peaks: [Peaks::default(); ALL_SPACES],
        others: machine.pmap_residence(machine.kernel_pmap()),
        met: Met::default(),
        step: 0,
        doing: "start",
    };
    for user in &mut run.users {
        *user = Some(machine.pmap_create(frames).map_err(|_| lost)?);
    }
    for step in 1..=program.steps {
        run.step = step;
        run.one(frames)?;
    }
    run.end(frames)?;
    for page in pages {
        frames.give(page);
    }
    Ok(run.met)
}

impl<M: Machine, O: Observer<M>> Run<'_, '_, M, O> {
    fn random(&mut self, below: usize) -> usize {
        self.random.below(below)
    }

    fn fail<T>(&self, what: &'static str, at: u64) -> Result<T, Failure> {
        Err(Failure {
            step: self.step,
            doing: self.doing,
            what,
            at,
        })
    }

    fn pmap(&self, space: usize) -> &M::Pmap {
        let pmap = match space {
            NESTED => self.nested.as_ref(),
            _ => self.users.get(space).and_then(Option::as_ref),
        };
        pmap.unwrap_or(self.machine.kernel_pmap())
    }

    /// The address of a slot: a cluster at the start, two across two leaf tables each, one at the end.
    fn address(&self, space: usize, slot: usize) -> VirtAddr {
        let page = M::PAGE_SIZE;
        let leaf = leaf_size::<M>();
        let window = if space == KERNEL {
            self.program.kernel_window
        } else {
            self.program.user_window
        };
        let (start, end) = (window.start.0, window.end.0);
        let inside = (slot % CLUSTER) as u64 * page;
        let across = |border: u64| border - CLUSTER as u64 / 2 * page + inside;
        VirtAddr(match slot / CLUSTER {
            0 => start + inside,
            1 => across(start + 2 * leaf),
            NEST_CLUSTER => across(start + 4 * leaf),
            _ => end - CLUSTER as u64 * page + inside,
        })
    }

    /// A slot that is in play in this pmap.
    fn some_slot(&mut self, space: usize) -> usize {
        let slot = self.random(SLOTS);
        match (space, slot / CLUSTER) {
            (NESTED, _) => NEST_CLUSTER * CLUSTER + slot % CLUSTER,
            (KERNEL, NEST_CLUSTER) => slot % CLUSTER,
            _ => slot,
        }
    }

    /// Some slots that follow each other, and the range that covers them.
    fn some_slots(&mut self, space: usize) -> (core::ops::Range<usize>, Range) {
        let (mut first, mut last) = match self.random(8) {
            0 if space != NESTED => (0, SLOTS - 1),
            1..4 => {
                let one = self.some_slot(space);
                (one, one)
            }
            _ => (self.some_slot(space), self.some_slot(space)),
        };
        if first > last {
            (first, last) = (last, first);
        }
        let end = VirtAddr(self.address(space, last).0 + M::PAGE_SIZE);
        (
            first..last + 1,
            Range {
                start: self.address(space, first),
                end,
            },
        )
    }

    fn one(&mut self, frames: &mut dyn FrameSource) -> Result<(), Failure> {
        let space = self.random(ALL_SPACES);
        for other in 0..=KERNEL {
            let mut addresses = [VirtAddr(0); SLOTS];
            for (slot, address) in addresses.iter_mut().enumerate() {
                *address = self.address(other, slot);
            }
            // Not by `self.pmap`: the observer is borrowed too.
            let pmap = match self.users.get(other) {
                Some(user) => user.as_ref().unwrap_or(self.machine.kernel_pmap()),
                None => self.machine.kernel_pmap(),
            };
            self.observer
                .run(self.machine, pmap, &mut addresses.into_iter());
        }
        let mut batch = TlbBatch::new(self.array);
        match self.random(20) {
            0..8 => self.enter(space, frames, &mut batch)?,
            8 => self.remove(space, &mut batch)?,
            9 | 10 => self.protect(space, &mut batch)?,
            11 => self.protect_page(&mut batch)?,
            12 => self.wire(space)?,
            13 => self.forget(&mut batch)?,
            14 => self.disconnect(&mut batch)?,
            15 => self.nest(frames, &mut batch)?,
            16 => self.account(),
            17 => self.charge(space),
            18 => self.superpage(frames, &mut batch)?,
            _ => {
                if self.random(4) == 0 && space < SPACES {
                    self.recreate(space, frames)?;
                }
            }
        }
        if let Err(what) = self.observer.changed(self.machine) {
            return self.fail(what, 0);
        }
        batch.sync(self.machine, frames);
        // The one that was run last first: a CPU that takes up another may forget it by that.
        for space in (0..=KERNEL).rev() {
            let pmap = match self.users.get(space) {
                Some(user) => user.as_ref().unwrap_or(self.machine.kernel_pmap()),
                None => self.machine.kernel_pmap(),
            };
            if let Err(what) = self.observer.synced(self.machine, pmap) {
                return self.fail(what, 0);
            }
        }
        self.compare()
    }

    /// Every address, every page, every count.
    fn compare(&mut self) -> Result<(), Failure> {
        let mut mappings = [0; PAGES];
        for space in 0..ALL_SPACES {
            let mut resident = if space == KERNEL {
                self.others
            } else {
                Residence::default()
            };
            for slot in 0..SLOTS {
                if space == KERNEL && slot / CLUSTER == NEST_CLUSTER {
                    continue;
                }
                let at = self.address(space, slot);
                let holder = self.holder(space, slot);
                let expected = self.model[holder][slot];
                let found = self.machine.pmap_extract(self.pmap(space), at);
                let single = expected.map(|mapped| (self.pages[mapped.page], mapped.protection));
                if found != single.or_else(|| self.in_superpage(space, at)) {
                    return self.fail("extract differs", at.0);
                }
                if let Some(mapped) = expected.filter(|_| holder == space) {
                    let count = match mapped.tracked {
                        true => &mut resident.by[self.accounts[mapped.page] as usize].0,
                        false => &mut resident.untracked.0,
                    };
                    *count += 1;
                    mappings[mapped.page] += usize::from(mapped.tracked);
                }
            }
            if self.superpage.is_some_and(|mapped| mapped.space == space) {
                self.count_run(&mut resident);
            }
            resident.charged.0 += self.charges[space];
            self.compare_counts(space, &resident)?;
        }
        self.compare_run()?;
        let nestings = self.machine.pmap_nestings(self.pmap(NESTED));
        if nestings != self.nestings() {
            return self.fail("the count of nested tables differs", nestings);
        }
        for (index, &count) in mappings.iter().enumerate() {
            let page = self.pages[index];
            if self.machine.page_mappings(page) != count
                || self.machine.page_is_mapped(page) != (count != 0)
            {
                return self.fail("the reverse map differs", count as u64);
            }
            self.met.most_mappers = self.met.most_mappers.max(count as u32);
        }
        Ok(())
    }

    fn compare_counts(&mut self, space: usize, expected: &Residence) -> Result<(), Failure> {
        let pmap = self.pmap(space);
        let resident = expected.total().0;
        if self.machine.pmap_residence(pmap) != *expected
            || self.machine.pmap_resident(pmap).0 != resident
        {
            return self.fail("the resident counts differ", resident);
        }
        let (tables, peaks) = (
            self.machine.pmap_tables(pmap),
            self.machine.pmap_peaks(pmap),
        );
        self.peaks[space].note(expected, tables);
        // What the kernel mapped at most before, nobody knows.
        if space != KERNEL && peaks != self.peaks[space] {
            return self.fail("the peaks differ", peaks.footprint.0);
        }
        Ok(())
    }

    /// Unmaps everything: all frames go back.
    fn end(&mut self, frames: &mut dyn FrameSource) -> Result<(), Failure> {
        self.doing = "end";
        let mut batch = TlbBatch::new(self.array);
        self.machine.pmap_remove(
            self.machine.kernel_pmap(),
            self.program.kernel_window,
            &mut batch,
        );
        batch.sync(self.machine, frames);
        self.model[KERNEL] = [None; SLOTS];
        self.machine
            .pmap_charge(self.machine.kernel_pmap(), -(self.charges[KERNEL] as i64));
        self.charges[KERNEL] = 0;
        for space in 0..SPACES {
            self.recreate(space, frames)?;
        }
        self.compare()?;
        for user in &mut self.users {
            if let Some(pmap) = user.take() {
                self.machine.pmap_destroy(pmap, frames);
            }
        }
        if let Some(pmap) = self.nested.take() {
            self.machine.pmap_destroy(pmap, frames);
        }
        Ok(())
    }
}
