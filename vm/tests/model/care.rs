//! Operations about memory that may go, and about what a task may have: purgeable memory, limits, and
//! what `advise` does.
//!
//! Owns: both sides of the former. A page whose contents may be gone is *in doubt*: it is what it was or
//! zeros, and the next look at it decides which.

use super::advise::{FREE, REUSABLE, SYNC, ZERO, ZERO_WIRED};
use super::argument::word;
use super::random::Random;
use super::reference::{Cell, Group, Page, Span};
use super::system::{Outcome, System};
use std::rc::Rc;
use vm::sanitize::{UserAddr, UserFlags, UserSize};
use vm::{KernReturn, Machine, MapLimits, PageId, Pages, Protection};

const NONVOLATILE: i32 = 0;
const VOLATILE: i32 = 1;
const EMPTY: i32 = 2;

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Care {
    /// Purgeable memory at the lowest or at a random hole.
    Purgable { random: bool },
    /// Sets the state of what is there: a whole state word.
    SetState { control: u32, state: i32 },
    /// The kernel wants pages back; only from groups below this.
    Purge { below: u8 },
    /// `vm_behavior_set`.
    Advise(i32),
    /// `mach_vm_msync`.
    Sync { flags: u32 },
    /// The task may have so many pages more, and wire so many.
    Limit { size: u64, wired: u64 },
    /// `mach_vm_machine_attribute`, and the place of a page.
    Look { attribute: u32, value: i32 },
}

/// A state word.
pub fn state(r: &mut Random) -> i32 {
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
}

/// Any of these.
pub fn random(r: &mut Random) -> Care {
    let advice = [
        0, 1, 4, 4, 5, FREE, FREE, ZERO_WIRED, REUSABLE, 9, 10, ZERO, 11, 13, -1,
    ];
    match r.below(19) {
        0..=2 => Care::Purgable {
            random: r.one_in(3),
        },
        3..=6 => Care::SetState {
            control: word(r, &[0]),
            state: state(r),
        },
        7 => Care::Purge {
            below: r.pick(&[0, 4, 8]),
        },
        8..=13 => Care::Advise(r.pick(&advice)),
        16..=18 => Care::Sync {
            flags: word(r, &SYNC) | r.pick(&SYNC),
        },
        14 if r.one_in(3) => Care::Limit {
            size: r.pick(&[0, 8, 1 << 20, 1 << 20, 1 << 20]),
            wired: r.pick(&[1, 4, 1 << 20]),
        },
        _ => Care::Look {
            attribute: word(r, &[1]),
            value: r.pick(&[0, 6, 7, 8, 9, 9, -1]),
        },
    }
}

impl Care {
    /// Whether a failure must leave even the counts as they were.
    pub fn is_atomic(self) -> bool {
        !matches!(self, Care::Advise(_) | Care::Sync { .. })
    }

    /// What the call is called in counts.
    pub fn name(self) -> &'static str {
        match self {
            Care::Purgable { .. } => "allocate purgable",
            Care::SetState { .. } => "purgable_control",
            Care::Purge { .. } => "purge",
            Care::Advise(_) => "behavior",
            Care::Sync { .. } => "msync",
            Care::Limit { .. } => "set_limits",
            Care::Look { .. } => "machine_attribute",
        }
    }
}

impl<const SHIFT: u32> System<SHIFT> {
    /// Does a `Care` on both sides.
    pub fn care(&mut self, n: usize, span: Span, care: Care) -> Result<Outcome, String> {
        match care {
            Care::Purgable { random } => self.purgable(n, span.size, random),
            Care::SetState { control, state } => self.set_state(n, span.addr, control, state),
            Care::Purge { below } => {
                self.vm.purge(Pages(span.size >> SHIFT), below);
                self.notice_purges(Purged::Perhaps)?;
                Ok(Outcome::Agreed)
            }
            Care::Advise(advice) => self.advise(n, span, advice),
            Care::Sync { flags } => self.sync(n, span, flags),
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
            Care::Look { attribute, value } => self.look(n, span, attribute, value),
        }
    }

    fn purgable(&mut self, n: usize, size: u64, random: bool) -> Result<Outcome, String> {
        use abi::vm_flags::*;
        let random = if random { VM_FLAGS_RANDOM_ADDR } else { 0 };
        let flags = VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE | random;
        let (rules, task) = (self.rules, &self.tasks[n]);
        let (map, bytes) = (&task.map, UserSize(size));
        let answer = self.vm.allocate(map, UserAddr(0), bytes, UserFlags(flags));
        let answer = answer.map(|at| at.0);
        let count = rules.count(size);
        let expected = match count {
            Ok(count) if count > u64::from(u32::MAX) => Err(KernReturn::INVALID_ARGUMENT),
            Ok(count) if random != 0 && count != 0 => {
                task.model.check_random(rules, answer, count, 0)
            }
            _ => task
                .model
                .check_allocate(rules, Span { addr: 0, size }, flags),
        };
        let group = Rc::new(Group::default());
        self.settle_place(answer, expected, n, |_| Page {
            group: Some(group.clone()),
            ..Page::zeros(rules)
        })
    }

    fn set_state(
        &mut self,
        n: usize,
        addr: u64,
        control: u32,
        word: i32,
    ) -> Result<Outcome, String> {
        self.notice_purges(Purged::IfShort)?;
        let page = self.tasks[n].model.pages.get(&(addr >> SHIFT)).cloned();
        if page.as_ref().is_some_and(|page| page.over) {
            return Ok(Outcome::Agreed);
        }
        let expected = match &page {
            _ if control != 0 => Err(KernReturn::INVALID_ARGUMENT),
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
        let (map, addr) = (&self.tasks[n].map, UserAddr(addr));
        let answer = self.vm.purgable_control(map, addr, control, word);
        if answer != expected {
            return Err(format!(
                "state {word:#x}: {answer:?}, the reference {expected:?}"
            ));
        }
        let now = self.vm.purgable_control(map, addr, 1, 0);
        self.count(answer.err());
        let (Ok(old), Some(group)) = (answer, page.and_then(|page| page.group)) else {
            return Ok(Outcome::Agreed);
        };
        self.set_group(&group, old, word, now)
    }

    /// The same by the name of the memory.
    pub fn control_entry(&mut self, control: u32, word: i32) -> Result<Outcome, String> {
        self.notice_purges(Purged::IfShort)?;
        let Some(named) = &self.named else {
            return Ok(Outcome::Agreed);
        };
        let group = named.group.clone().filter(|_| control < 2);
        let state = group.as_ref().map(|group| group.state.get());
        let expected = state.ok_or(KernReturn::INVALID_ARGUMENT);
        let control_by_name = |control, word| {
            self.vm
                .memory_entry_purgable_control(&named.entry, control, word)
        };
        let answer = control_by_name(control, word);
        if answer != expected {
            return Err(format!(
                "{control} {word:#x}: {answer:?}, the reference {expected:?}"
            ));
        }
        let now = control_by_name(1, 0);
        self.count(answer.err());
        match (answer, group) {
            (Ok(old), Some(group)) if control == 0 => self.set_group(&group, old, word, now),
            _ => Ok(Outcome::Agreed),
        }
    }

    /// A state was set that was `old` before and is `now`.
    fn set_group(
        &self,
        group: &Rc<Group>,
        old: i32,
        word: i32,
        now: Result<i32, KernReturn>,
    ) -> Result<Outcome, String> {
        let now = now.map_err(|code| format!("the state is not told: {code:?}"))?;
        match word & 3 {
            // Whether anything was written since it was emptied, the reference does not know.
            VOLATILE if old == EMPTY && (now == EMPTY || now == VOLATILE) => {}
            wanted if wanted == now => {}
            wanted => return Err(format!("state {wanted} was set, and it is {now}")),
        }
        if now == EMPTY && old != EMPTY {
            self.empty(group);
        }
        group.state.set(now);
        Ok(Outcome::Agreed)
    }

    /// The pages of a purgeable object are zeros, but for those that somebody has wired.
    fn empty(&self, group: &Rc<Group>) {
        let all = || self.tasks.iter().flat_map(|task| task.model.pages.values());
        let is_of =
            |other: &Option<Rc<Group>>| other.as_ref().is_some_and(|o| Rc::ptr_eq(o, group));
        let named = self.named.iter().flat_map(|named| &named.held);
        for page in all().chain(named).filter(|page| is_of(&page.group)) {
            let wired = all().any(|other| Rc::ptr_eq(&other.cell, &page.cell) && other.wired > 0);
            if !wired {
                page.cell.borrow_mut().fill(0);
            }
        }
    }

    /// Finds out which volatile objects have been purged, before anything else is compared.
    pub fn notice_purges(&self, purged: Purged) -> Result<(), String> {
        let mut volatile = false;
        let given_up = |now, group: &Rc<Group>| match now {
            Ok(VOLATILE) => Ok(()),
            Ok(EMPTY) if purged == Purged::Perhaps || self.setup.may_run_short => {
                self.empty(group);
                group.state.set(EMPTY);
                Ok(())
            }
            now => Err(format!("volatile memory is {now:?}")),
        };
        let is_volatile = |group: &&Rc<Group>| group.state.get() == VOLATILE;
        if let Some(named) = &self.named {
            // A part of an object does not tell its state.
            volatile |= named
                .held
                .iter()
                .any(|page| page.group.iter().any(|g| is_volatile(&g)));
            if let Some(group) = named.group.as_ref().filter(is_volatile) {
                let now = self.vm.memory_entry_purgable_control(&named.entry, 1, 0);
                given_up(now, group)?;
            }
        }
        for task in &self.tasks {
            for (number, page) in &task.model.pages {
                let Some(group) = page.group.as_ref().filter(is_volatile) else {
                    continue;
                };
                volatile = true;
                let now = self
                    .vm
                    .purgable_control(&task.map, UserAddr(number << SHIFT), 1, 0);
                given_up(now, group)?;
            }
        }
        let count = self.vm.statistics().purgeable_count;
        if !volatile && count != 0 {
            return Err(format!("{count} pages are volatile, and nobody has any"));
        }
        Ok(())
    }

    pub fn decide(&mut self, cell: &Cell, bytes: impl FnOnce(&mut [u8])) {
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
        if !self.is_doubted(cell) {
            return Ok(());
        }
        let mut seen = vec![0; 1 << SHIFT];
        self.vm.machine().read_page(frame, 0, &mut seen);
        self.learn(cell, &seen, written)
    }

    /// A page's contents are known: what it was, or zeros, with the byte that was just stored.
    pub fn learn(
        &mut self,
        cell: &Cell,
        seen: &[u8],
        written: Option<(usize, u8)>,
    ) -> Result<(), String> {
        let after = |mut bytes: Vec<u8>| {
            if let Some((at, value)) = written {
                bytes[at] = value;
            }
            bytes
        };
        let old = cell.borrow().to_vec();
        if seen != after(old) && seen != after(vec![0; 1 << SHIFT]) {
            return Err("a page that was given up is neither what it was nor zeros".into());
        }
        self.decide(cell, |bytes| bytes.copy_from_slice(seen));
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

    /// Whether a page's contents are in doubt.
    pub fn is_doubted(&self, cell: &Cell) -> bool {
        self.doubts.iter().any(|other| Rc::ptr_eq(cell, other))
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
