//! Operations about memory that may go, and about what a task may have: purgeable memory, advice,
//! limits, caches.
//!
//! Owns: both sides of each of them. A page whose contents may be gone is *in doubt*: it is what it was
//! or zeros, and the next look at it decides which.

use super::op::Op;
use super::random::Random;
use super::reference::{Answer, Cell, Group};
use super::system::{Outcome, System};
use std::rc::Rc;
use vm::sanitize::{UserAddr, UserBehavior, UserFlags, UserSize};
use vm::{KernReturn, Machine, MapLimits, PageId, Pages, Protection};

const NONVOLATILE: i32 = 0;
const VOLATILE: i32 = 1;
const EMPTY: i32 = 2;

const FREE: i32 = 6;
const ZERO_WIRED: i32 = 7;
const REUSABLE: i32 = 8;
const ZERO: i32 = 12;

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Care {
    /// Purgeable memory at the lowest or at a random hole.
    Purgable { random: bool },
    /// Sets the state of what is there: a whole state word.
    SetState(i32),
    /// The kernel wants pages back; only from groups below this.
    Purge { below: u8 },
    /// `vm_behavior_set`.
    Advise(i32),
    /// The task may have so many pages more, and wire so many.
    Limit { size: u64, wired: u64 },
    /// Looks at caches and places of pages.
    Look,
}

/// A random operation about the pages at `at`.
pub fn random(r: &mut Random, task: u8, at: u64, pages: u64) -> Op {
    let word = |r: &mut Random| {
        let state = r.pick(&[
            NONVOLATILE,
            NONVOLATILE,
            VOLATILE,
            VOLATILE,
            VOLATILE,
            EMPTY,
        ]);
        let order = r.pick(&[0, 1 << 5, 1 << 6, 1 << 4, 1 << 16]);
        state | order | (r.below(8) as i32) << 8
    };
    let advice = [0, 1, 4, 4, 5, FREE, FREE, ZERO_WIRED, REUSABLE, 9, 10, ZERO];
    let care = match r.below(16) {
        0..=2 => Care::Purgable {
            random: r.one_in(3),
        },
        3..=6 => Care::SetState(word(r)),
        7 => Care::Purge {
            below: r.pick(&[0, 4, 8]),
        },
        8..=13 => Care::Advise(r.pick(&advice)),
        14 if r.one_in(3) => Care::Limit {
            size: r.pick(&[0, 8, 1 << 20, 1 << 20, 1 << 20]),
            wired: r.pick(&[1, 4, 1 << 20]),
        },
        _ => Care::Look,
    };
    Op::Care {
        task,
        at,
        pages,
        care,
    }
}

impl Care {
    /// Whether a failure must leave even the counts as they were.
    pub fn is_atomic(self) -> bool {
        !matches!(self, Care::Advise(_))
    }
}

impl<const SHIFT: u32> System<SHIFT> {
    /// Does a `Care` on both sides.
    pub fn care(&mut self, n: usize, at: u64, pages: u64, care: Care) -> Result<Outcome, String> {
        match care {
            Care::Purgable { random } => self.purgable(n, pages, random),
            Care::SetState(word) => self.set_state(n, at, word),
            Care::Purge { below } => {
                self.vm.purge(Pages(pages), below);
                self.notice_purges(Purged::Perhaps)?;
                Ok(Outcome::Agreed)
            }
            Care::Advise(advice) => self.advise(n, at, pages, advice),
            Care::Limit { size, wired } => {
                let model = &mut self.tasks[n].model;
                model.size_limit = model.pages.len() as u64 + size;
                model.wire_limit = wired;
                let limits = MapLimits {
                    size: model.size_limit << SHIFT,
                    wired: wired << SHIFT,
                };
                self.vm.map_set_limits(&self.tasks[n].map, limits);
                Ok(Outcome::Agreed)
            }
            Care::Look => self.look(n, at, pages),
        }
    }

    fn purgable(&mut self, n: usize, pages: u64, random: bool) -> Result<Outcome, String> {
        const ANYWHERE_PURGABLE: u32 = 1 | 2;
        const RANDOM: u32 = 8;
        let flags = ANYWHERE_PURGABLE | if random { RANDOM } else { 0 };
        let (map, size) = (&self.tasks[n].map, UserSize(pages << SHIFT));
        let answer = self.vm.allocate(map, UserAddr(0), size, UserFlags(flags));
        let (rules, model) = (self.rules, &self.tasks[n].model);
        let start = answer.map_or(0, |start| start.0 >> SHIFT);
        if answer.is_ok() && model.check_allocate(rules, start, pages, false).is_err() {
            return Err(format!("purgeable memory at {start:#x}, which is not free"));
        }
        let expected =
            if model.longest_hole(rules) < pages || model.over_size(u64::MAX - pages, pages) {
                Err(KernReturn::NO_SPACE)
            } else {
                Ok(())
            };
        // A thousand random tries may all miss.
        if random && answer == Err(KernReturn::NO_SPACE) {
            return Ok(Outcome::Agreed);
        }
        self.settle(answer.map(|_| ()), expected, n, |task| {
            task.model.allocate(rules, start, pages);
            let group = Rc::new(Group::default());
            for (_, page) in task.model.pages.range_mut(start..start + pages) {
                page.group = Some(group.clone());
            }
        })
    }

    fn set_state(&mut self, n: usize, at: u64, word: i32) -> Result<Outcome, String> {
        self.notice_purges(Purged::IfShort)?;
        let page = self.tasks[n].model.pages.get(&at).cloned();
        if page.as_ref().is_some_and(|page| page.over) {
            return Ok(Outcome::Agreed);
        }
        let expected = match &page {
            None => Err(KernReturn::INVALID_ADDRESS),
            Some(page) if !page.protection.contains(Protection::WRITE) => {
                Err(KernReturn::PROTECTION_FAILURE)
            }
            Some(page) => page
                .group
                .as_ref()
                .map(|group| group.state.get())
                .ok_or(KernReturn::INVALID_ARGUMENT),
        };
        let (map, addr) = (&self.tasks[n].map, UserAddr(at << SHIFT));
        let answer = self.vm.purgable_control(map, addr, 0, word);
        if answer != expected {
            return Err(format!(
                "state {word:#x}: {answer:?}, the reference {expected:?}"
            ));
        }
        let (Ok(old), Some(group)) = (answer, page.and_then(|page| page.group)) else {
            if let Err(code) = answer {
                *self.refusals.entry(code.name().to_string()).or_default() += 1;
            }
            return Ok(Outcome::Agreed);
        };
        let now = self.vm.purgable_control(map, addr, 1, 0);
        let now = now.map_err(|code| format!("the state is not told: {code:?}"))?;
        match word & 3 {
            // Whether anything was written since it was emptied, the reference does not know.
            VOLATILE if old == EMPTY && (now == EMPTY || now == VOLATILE) => {}
            wanted if wanted == now => {}
            wanted => return Err(format!("state {wanted} was set, and it is {now}")),
        }
        if now == EMPTY && old != EMPTY {
            self.empty(&group);
        }
        group.state.set(now);
        Ok(Outcome::Agreed)
    }

    /// The pages of a purgeable object are zeros, but for those that somebody has wired.
    fn empty(&self, group: &Rc<Group>) {
        let all = || self.tasks.iter().flat_map(|task| task.model.pages.values());
        let is_of =
            |other: &Option<Rc<Group>>| other.as_ref().is_some_and(|o| Rc::ptr_eq(o, group));
        for page in all().filter(|page| is_of(&page.group)) {
            let wired = all().any(|other| Rc::ptr_eq(&other.cell, &page.cell) && other.wired > 0);
            if !wired {
                page.cell.borrow_mut().fill(0);
            }
        }
    }

    /// Finds out which volatile objects have been purged, before anything else is compared.
    pub fn notice_purges(&self, purged: Purged) -> Result<(), String> {
        let mut volatile = false;
        for task in &self.tasks {
            for (number, page) in &task.model.pages {
                let Some(group) = page.group.as_ref().filter(|g| g.state.get() == VOLATILE) else {
                    continue;
                };
                volatile = true;
                let now = self
                    .vm
                    .purgable_control(&task.map, UserAddr(number << SHIFT), 1, 0);
                match now {
                    Ok(VOLATILE) => {}
                    Ok(EMPTY) if purged == Purged::Perhaps || self.setup.may_run_short => {
                        self.empty(group);
                        group.state.set(EMPTY);
                    }
                    now => return Err(format!("volatile memory at {number:#x} is {now:?}")),
                }
            }
        }
        let count = self.vm.statistics().purgeable_count;
        if !volatile && count != 0 {
            return Err(format!("{count} pages are volatile, and nobody has any"));
        }
        Ok(())
    }

    fn advise(&mut self, n: usize, at: u64, pages: u64, advice: i32) -> Result<Outcome, String> {
        let model = &self.tasks[n].model;
        let seen = || (at..at + pages).map(|page| model.pages.get(&page));
        if seen().flatten().any(|page| page.over) {
            // What a submap shows takes its own advice: `tests::submap` looks at that.
            return Ok(Outcome::Agreed);
        }
        let writes = matches!(advice, ZERO_WIRED | REUSABLE | ZERO);
        let expected: Answer = if at + pages > self.rules.end {
            Err(KernReturn::NO_SPACE)
        } else if seen().any(|page| page.is_none()) {
            Err(KernReturn::INVALID_ADDRESS)
        } else if writes
            && seen()
                .flatten()
                .any(|p| !p.protection.contains(Protection::WRITE))
        {
            Err(KernReturn::PROTECTION_FAILURE)
        } else {
            Ok(())
        };
        let cells: Vec<Cell> = seen().flatten().map(|page| page.cell.clone()).collect();
        let (addr, size) = (UserAddr(at << SHIFT), UserSize(pages << SHIFT));
        let answer = self
            .vm
            .behavior(&self.tasks[n].map, addr, size, UserBehavior(advice));
        let outcome = self.settle(answer, expected, n, |task| {
            if advice == ZERO_WIRED {
                let (at, pages) = task.model.whole(at, pages);
                task.model.zero_wired(at, pages);
            }
        })?;
        match (advice, outcome) {
            _ if expected.is_err() => {}
            (ZERO, Outcome::Agreed) => {
                for cell in cells {
                    self.decide(&cell, |bytes| bytes.fill(0));
                }
            }
            // What was reached before memory was short is zeros.
            (FREE, _) | (ZERO, Outcome::Short) => self.doubts.extend(cells),
            _ => {}
        }
        Ok(outcome)
    }

    fn decide(&mut self, cell: &Cell, bytes: impl FnOnce(&mut [u8])) {
        self.doubts.retain(|other| !Rc::ptr_eq(other, cell));
        bytes(&mut cell.borrow_mut());
    }

    /// A page was reached in `frame`: if its contents are in doubt, now they are known. `written` is
    /// the byte that was just stored.
    pub fn resolve(
        &mut self,
        cell: &Cell,
        frame: PageId,
        written: Option<(usize, u8)>,
    ) -> Result<(), String> {
        if !self.doubts.iter().any(|other| Rc::ptr_eq(other, cell)) {
            return Ok(());
        }
        let mut seen = vec![0; 1 << SHIFT];
        self.vm.machine().read_page(frame, 0, &mut seen);
        let after = |mut bytes: Vec<u8>| {
            if let Some((at, value)) = written {
                bytes[at] = value;
            }
            bytes
        };
        let old = cell.borrow().clone();
        if seen != after(old) && seen != after(vec![0; 1 << SHIFT]) {
            return Err("a page that was given up is neither what it was nor zeros".into());
        }
        self.decide(cell, |bytes| bytes.copy_from_slice(&seen));
        Ok(())
    }

    /// A child's copies of pages in doubt are in doubt themselves.
    pub fn doubt_copies(&mut self, parent: usize, child: &super::reference::Task) {
        let pages = &self.tasks[parent].model.pages;
        let pairs = child
            .pages
            .iter()
            .filter_map(|(n, page)| Some((&pages.get(n)?.cell, &page.cell)));
        let doubtful = |cell: &Cell| self.doubts.iter().any(|other| Rc::ptr_eq(other, cell));
        let copies = pairs.filter(|(from, to)| !Rc::ptr_eq(from, to) && doubtful(from));
        let copies: Vec<Cell> = copies.map(|(_, to)| to.clone()).collect();
        self.doubts.extend(copies);
    }

    fn look(&mut self, n: usize, at: u64, pages: u64) -> Result<Outcome, String> {
        const CACHE: u32 = 1;
        const SYNC: i32 = 9;
        let (addr, size) = (UserAddr(at << SHIFT), UserSize(pages << SHIFT));
        let task = &self.tasks[n];
        let answer = self
            .vm
            .machine_attribute(&task.map, addr, size, CACHE, SYNC);
        let holes = (at..at + pages).any(|page| !task.model.pages.contains_key(&page));
        let agrees = match answer {
            _ if at + pages > self.rules.end => answer == Err(KernReturn::INVALID_ADDRESS),
            Err(KernReturn::FAILURE) => holes,
            // Something was resident, and the machine does not maintain its caches.
            Err(KernReturn::INVALID_ADDRESS) => !holes && SHIFT == 12,
            answer => !holes && answer.is_ok(),
        };
        if !agrees {
            return Err(format!("attribute: {answer:?}, with holes: {holes}"));
        }
        let info = self.vm.page_info(&task.map, addr);
        let info = info.map_err(|code| format!("page info: {code:?}"))?;
        if info.object != 0 && !task.model.pages.contains_key(&at) {
            return Err(format!("page info: {info:?} where nothing is mapped"));
        }
        Ok(Outcome::Agreed)
    }
}

/// Whether volatile memory may be gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purged {
    /// If memory may have been short.
    IfShort,
    /// It was asked for.
    Perhaps,
}
