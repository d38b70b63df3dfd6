//! Both sides of the operations that move memory between tasks: copy, remap, memory entries.

use super::op::EntryMode;
use super::reference::{Cell, Page, fresh};
use super::system::{Failure, Outcome, Pair, Sim, System};
use std::cell::RefCell;
use std::rc::Rc;
use vm::sanitize::{UserAddr, UserFlags, UserInherit, UserProt, UserSize};
use vm::{
    CopyMode, Inherit, KernReturn, MapRequest, MemoryEntryRef, Protection, RemapRequest, VirtAddr,
};

const ANYWHERE: UserFlags = UserFlags(1);
const READ_WRITE: u32 = 3;

/// The memory entry of a system and of the reference.
pub struct Named<const SHIFT: u32> {
    pub entry: MemoryEntryRef<Sim<SHIFT>>,
    cells: Vec<Cell>,
    mode: EntryMode,
}

fn mode(copy: bool) -> CopyMode {
    if copy {
        CopyMode::Private
    } else {
        CopyMode::Shared
    }
}

impl<const SHIFT: u32> System<SHIFT> {
    /// Bytes up to which a copy answers `INVALID_ADDRESS` whatever is wrong.
    fn small(&self) -> u64 {
        (2u64 << SHIFT).max(16 * 1024)
    }

    /// Whether the reference cannot say what a range holds, or the range is purgeable memory, whose
    /// state a name would keep: such memory is not moved.
    fn is_unsure(&self, task: usize, at: u64, pages: u64) -> bool {
        let mut range = self.tasks[task].model.pages.range(at..at + pages);
        range.any(|(_, page)| {
            let doubted = self.doubts.iter().any(|cell| Rc::ptr_eq(cell, &page.cell));
            doubted || page.group.is_some() || page.over
        })
    }

    pub fn copy(
        &mut self,
        (from, at): (usize, u64),
        (into, to): (usize, u64),
        pages: u64,
        skew: (u8, u8),
    ) -> Result<Outcome, Failure> {
        if self.is_unsure(from, at, pages) || self.is_unsure(into, to, pages) {
            return Ok(Outcome::Agreed);
        }
        // The last page is not whole if an end is moved.
        let bytes = (pages << SHIFT) - u64::from(skew.0.max(skew.1));
        let start = |page: u64, skew: u8| UserAddr((page << SHIFT) + u64::from(skew));
        let answer = self.vm.read_overwrite(
            &self.tasks[from].map,
            start(at, skew.0),
            UserSize(bytes),
            (&self.tasks[into].map, start(to, skew.1)),
        );
        let small = bytes <= self.small();
        let code = |code: KernReturn| match code {
            KernReturn::PROTECTION_FAILURE if small => KernReturn::INVALID_ADDRESS,
            code => code,
        };
        let source = &self.tasks[from].model;
        let expected = source
            .check_right(at, pages, Protection::READ)
            .and_then(|()| {
                let target = &self.tasks[into].model;
                target.check_right(to, pages, Protection::WRITE)
            })
            .map_err(code);
        let (rules, count) = (self.rules, bytes as usize);
        let moved = expected
            .is_ok()
            .then(|| source.bytes(rules, at, usize::from(skew.0), count));
        self.settle(answer, expected, into, |task| {
            let bytes = moved.unwrap_or_default();
            task.model.write(rules, to, usize::from(skew.1), &bytes);
        })
    }

    pub fn remap(
        &mut self,
        (from, at): (usize, u64),
        pages: u64,
        into: usize,
        copy: bool,
    ) -> Result<Outcome, Failure> {
        let refused = !copy && self.tasks[from].model.has_superpage(at, pages);
        if refused || self.is_unsure(from, at, pages) {
            return Ok(Outcome::Agreed);
        }
        let request = RemapRequest {
            flags: ANYWHERE,
            size: UserSize(pages << SHIFT),
            source: UserAddr(at << SHIFT),
            copy: mode(copy),
            inherit: UserInherit(Inherit::Copy as u32),
            ..RemapRequest::default()
        };
        let (target, source) = (&self.tasks[into].map, &self.tasks[from].map);
        let answer = self.vm.remap(target, source, &request);
        let mapped = self.tasks[from]
            .model
            .check_right(at, pages, Protection::NONE);
        let expected = mapped.and_then(|()| self.has_room(into, pages));
        if let (Ok(done), Ok(())) = (answer, expected) {
            let source = &self.tasks[from].model;
            let all = source.pages.range(at..at + pages);
            let both = all.fold((Protection::ALL, Protection::ALL), |both, (_, page)| {
                (both.0 & page.protection, both.1 & page.maximum)
            });
            if (done.current, done.maximum) != both {
                return Err(format!("remap answers {done:?}, the reference {both:?}"));
            }
        }
        let twins: Vec<Page> = match expected {
            Ok(()) => (at..at + pages)
                .map(|page| self.tasks[from].model.twin(page, copy))
                .collect(),
            Err(_) => Vec::new(),
        };
        self.place(answer.map(|done| done.at), expected, into, twins)
    }

    fn has_room(&self, task: usize, pages: u64) -> Result<(), KernReturn> {
        let model = &self.tasks[task].model;
        if model.longest_hole(self.rules) < pages || model.over_size(u64::MAX - pages, pages) {
            return Err(KernReturn::NO_SPACE);
        }
        Ok(())
    }

    /// Pages that were mapped anywhere.
    fn place(
        &mut self,
        answer: Result<VirtAddr, KernReturn>,
        expected: Result<(), KernReturn>,
        into: usize,
        pages: Vec<Page>,
    ) -> Result<Outcome, Failure> {
        let start = answer.map_or(0, |at| at.0 >> SHIFT);
        let free = |task: &Pair<SHIFT>| task.model.is_free(start, pages.len() as u64);
        if answer.is_ok() && !free(&self.tasks[into]) {
            return Err(format!("mapped at {start:#x}, which is not free"));
        }
        self.settle(answer.map(|_| ()), expected, into, |task| {
            let numbered = (start..).zip(pages);
            task.model.pages.extend(numbered);
        })
    }

    pub fn make_entry(
        &mut self,
        n: usize,
        at: u64,
        pages: u64,
        mode: EntryMode,
    ) -> Result<Outcome, Failure> {
        use abi::memory_entry::*;
        let shares = matches!(mode, EntryMode::Plain | EntryMode::Share);
        let refused = shares && self.tasks[n].model.has_superpage(at, pages);
        if refused || self.is_unsure(n, at, pages) {
            return Ok(Outcome::Agreed);
        }
        let flags = match mode {
            EntryMode::Plain => 0,
            EntryMode::Share => MAP_MEM_VM_SHARE,
            EntryMode::Copy => MAP_MEM_VM_COPY,
            EntryMode::Create => MAP_MEM_NAMED_CREATE,
        };
        let size = UserSize(pages << SHIFT);
        let task = &self.tasks[n];
        let (map, at_) = (&task.map, UserAddr(at << SHIFT));
        let answer = self
            .vm
            .make_memory_entry(map, size, at_, READ_WRITE | flags, None);
        let wanted = Protection::DEFAULT;
        let model = &task.model;
        let first = model.check_right(at, 1, Protection::NONE);
        let allowed = |pages| {
            if model.maximum(at, pages).contains(wanted) {
                Ok(())
            } else {
                Err(KernReturn::PROTECTION_FAILURE)
            }
        };
        let expected = match mode {
            EntryMode::Create => Ok(()),
            EntryMode::Copy => model.check_right(at, pages, Protection::READ),
            EntryMode::Plain => first.and_then(|()| allowed(1)),
            EntryMode::Share => first
                .and_then(|()| allowed(pages))
                .and_then(|()| model.check_right(at, pages, Protection::NONE)),
        };
        let named = match (answer, expected) {
            (Ok(made), Ok(())) => {
                let entry = made.entry.ok_or("no entry was made")?;
                let given = made.size >> SHIFT;
                if given > pages || given == 0 || mode != EntryMode::Plain && given != pages {
                    return Err(format!("an entry of {given} pages of {pages}"));
                }
                let cell = |page| match mode {
                    EntryMode::Create => Rc::new(RefCell::new(vec![0; 1 << SHIFT])),
                    EntryMode::Copy => fresh(&model.pages[&page].cell),
                    EntryMode::Plain | EntryMode::Share => model.pages[&page].cell.clone(),
                };
                let cells = (at..at + given).map(cell).collect();
                Named { entry, cells, mode }
            }
            (answer, expected) => {
                let answer = answer.map(|made| {
                    if let Some(entry) = made.entry {
                        self.vm.memory_entry_release(entry);
                    }
                });
                return self.settle(answer, expected, n, |_| ());
            }
        };
        self.release_entry();
        self.named = Some(named);
        Ok(Outcome::Agreed)
    }

    pub fn release_entry(&mut self) {
        if let Some(old) = self.named.take() {
            self.vm.memory_entry_release(old.entry);
        }
    }

    pub fn map_entry(
        &mut self,
        n: usize,
        from: u64,
        pages: u64,
        copy: bool,
    ) -> Result<Outcome, Failure> {
        let Some(named) = &self.named else {
            return Ok(Outcome::Agreed);
        };
        let doubted = |cell: &Cell| self.doubts.iter().any(|other| Rc::ptr_eq(cell, other));
        if named.cells.iter().any(doubted) {
            return Ok(Outcome::Agreed);
        }
        let request = MapRequest {
            size: UserSize(pages << SHIFT),
            flags: ANYWHERE,
            current: UserProt(READ_WRITE),
            maximum: UserProt(READ_WRITE),
            inherit: UserInherit(Inherit::Copy as u32),
            ..MapRequest::default()
        };
        let how = (from << SHIFT, mode(copy));
        let answer = self
            .vm
            .map_entry(&self.tasks[n].map, &request, &named.entry, how);
        let inside = from + pages <= named.cells.len() as u64;
        let expected = if inside {
            self.has_room(n, pages)
        } else {
            Err(KernReturn::INVALID_ARGUMENT)
        };
        let page = |cell: &Cell| Page {
            cell: if copy || named.mode == EntryMode::Copy {
                fresh(cell)
            } else {
                cell.clone()
            },
            protection: Protection::DEFAULT,
            maximum: Protection::DEFAULT,
            inherit: Inherit::Copy,
            wired: 0,
            zero_wired: false,
            group: None,
            over: false,
            superpage: None,
        };
        let cells = named.cells.iter().skip(from as usize).take(pages as usize);
        let twins = if expected.is_ok() {
            cells.map(page).collect()
        } else {
            Vec::new()
        };
        self.place(answer, expected, n, twins)
    }
}
