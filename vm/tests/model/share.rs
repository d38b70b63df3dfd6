//! Both sides of the operations that move memory between tasks: copy, remap, memory entries.

use super::op::{EntryMode, WINDOW};
use super::reference::{Group, Page, Span};
use super::system::{Failure, Outcome, Sim, System};
use super::verdict::{self, Verdict, always};
use std::ops::Range;
use std::rc::Rc;
use vm::sanitize::{UserAddr, UserFlags, UserInherit, UserProt, UserSize};
use vm::{CopyMode, Inherit, KernReturn, MapRequest, MemoryEntryRef, Protection, RemapRequest};

const ANYWHERE: UserFlags = UserFlags(1);
const READ_WRITE: u32 = 3;

/// More pages of an entry than a window can show.
const MOST: u64 = 2 * WINDOW;

/// The memory entry of a system and of the reference.
pub struct Named<const SHIFT: u32> {
    pub entry: MemoryEntryRef<Sim<SHIFT>>,
    pages: u64,
    /// Those that a window can show.
    pub held: Vec<Page>,
    /// The purgeable object that it names all of.
    pub group: Option<Rc<Group>>,
    /// It holds the bytes of the moment at which it was made.
    copied: bool,
    /// What who maps it may do.
    given: Protection,
}

fn mode(copy: bool) -> CopyMode {
    if copy {
        CopyMode::Private
    } else {
        CopyMode::Shared
    }
}

impl<const SHIFT: u32> System<SHIFT> {
    pub fn copy(
        &mut self,
        (from, source): (usize, Span),
        (into, to): (usize, u64),
    ) -> Result<Outcome, Failure> {
        let (rules, size) = (self.rules, source.size);
        let target = Span { addr: to, size };
        let ranges = (rules.copied(source), rules.copied(target));
        let unsure = |task, range: &Verdict| {
            let range = range.clone().unwrap_or(verdict::NOTHING);
            self.is_unsure(task, range)
        };
        if unsure(from, &ranges.0) || unsure(into, &ranges.1) {
            return Ok(Outcome::Agreed);
        }
        let (addr, bytes) = source.user();
        let (map, over) = (&self.tasks[from].map, &self.tasks[into].map);
        let over = (&**over, UserAddr(to));
        let answer = self.vm.read_overwrite(map, addr, bytes, over);
        let code = |code: KernReturn| match code {
            KernReturn::PROTECTION_FAILURE if rules.is_small(size) => KernReturn::INVALID_ADDRESS,
            code => code,
        };
        let (theirs, ours) = (&self.tasks[from].model, &self.tasks[into].model);
        let readable = ranges
            .0
            .and_then(|range| theirs.check_right(range, Protection::READ));
        let expected = readable
            .and_then(|()| ours.check_right(ranges.1?, Protection::WRITE))
            .map_err(code);
        let moved = expected.map(|()| theirs.bytes(rules, source));
        self.settle(answer, expected, into, |task| {
            task.model.write(rules, to, &moved.unwrap_or_default());
        })
    }

    pub fn remap(
        &mut self,
        from: usize,
        source: Span,
        into: usize,
        copy: bool,
    ) -> Result<Outcome, Failure> {
        let argument = KernReturn::INVALID_ARGUMENT;
        let range = match source.size {
            0 => Err(argument),
            _ => self.rules.pages_from(source).map_err(always(argument)),
        };
        let pages = range.clone().unwrap_or(verdict::NOTHING);
        if self.is_unsure(from, pages.clone()) {
            return Ok(Outcome::Agreed);
        }
        let request = RemapRequest {
            flags: ANYWHERE,
            size: UserSize(source.size),
            source: UserAddr(source.addr),
            copy: mode(copy),
            inherit: UserInherit(Inherit::Copy as u32),
            ..RemapRequest::default()
        };
        let (theirs, ours) = (&self.tasks[from], &self.tasks[into]);
        let answer = self.vm.remap(&ours.map, &theirs.map, &request);
        let expected = range.and_then(|range| {
            theirs.model.check_mapped(range.clone())?;
            let count = range.end - range.start;
            ours.model.check_anywhere(self.rules, count, 0)
        });
        if let (Ok(done), Ok(_)) = (answer, &expected) {
            let all = theirs.model.pages.range(pages.clone());
            let both = all.fold((Protection::ALL, Protection::ALL), |both, (_, page)| {
                (both.0 & page.protection, both.1 & page.maximum)
            });
            if (done.current, done.maximum) != both {
                return Err(format!("remap answers {done:?}, the reference {both:?}"));
            }
        }
        let twins: Vec<Page> = match expected {
            Ok(_) => pages.map(|page| theirs.model.twin(page, copy)).collect(),
            Err(_) => Vec::new(),
        };
        let answer = answer.map(|done| done.at.0);
        self.settle_place(answer, expected, into, |n| twins[n as usize].clone())
    }

    pub fn make_entry(
        &mut self,
        n: usize,
        span: Span,
        mode: EntryMode,
        access: u32,
    ) -> Result<Outcome, Failure> {
        use abi::memory_entry::*;
        let range = match span.size {
            0 => Ok(verdict::NOTHING),
            _ => self.rules.pages(span),
        };
        let range = range.map_err(always(KernReturn::INVALID_ARGUMENT));
        let pages = range.clone().unwrap_or(verdict::NOTHING);
        let creates = matches!(mode, EntryMode::Create | EntryMode::Purgable);
        if !creates && self.is_unsure(n, pages.clone()) {
            return Ok(Outcome::Agreed);
        }
        let flags = match mode {
            EntryMode::Plain => 0,
            EntryMode::Share => MAP_MEM_VM_SHARE,
            EntryMode::Copy => MAP_MEM_VM_COPY,
            EntryMode::Create => MAP_MEM_NAMED_CREATE,
            EntryMode::Purgable => MAP_MEM_NAMED_CREATE | MAP_MEM_PURGABLE,
        };
        let (at, size) = span.user();
        let task = &self.tasks[n];
        let permission = access | flags;
        let answer = self
            .vm
            .make_memory_entry(&task.map, size, at, permission, None);
        let access = Protection::from_bits_truncate(access as u8);
        let expected = self.check_entry(n, span.size, range, (mode, access));
        let (Ok(made), Ok(_)) = (&answer, &expected) else {
            let answer = answer.map(|made| {
                if let Some(entry) = made.entry {
                    self.vm.memory_entry_release(entry);
                }
            });
            return self.settle(answer, expected.map(drop), n, |_| ());
        };
        // A copy knows where in its first page it was made.
        let inside = match mode {
            EntryMode::Copy => span.addr % (1 << SHIFT),
            _ => 0,
        };
        let given = (made.size + inside) >> SHIFT;
        let wanted = pages.end - pages.start;
        if given << SHIFT != made.size + inside
            || given > wanted
            || mode != EntryMode::Plain && given != wanted
        {
            return Err(format!("an entry of {given} pages of {wanted}"));
        }
        let group = (mode == EntryMode::Purgable).then(Rc::default);
        let page = |page| match mode {
            EntryMode::Create | EntryMode::Purgable => Page {
                group: group.clone(),
                ..Page::zeros(self.rules)
            },
            EntryMode::Copy => task.model.twin(page, true),
            EntryMode::Plain | EntryMode::Share => task.model.twin(page, false),
        };
        let held = pages.take(given.min(MOST) as usize).map(page).collect();
        self.release_entry();
        self.named = answer.ok().and_then(|made| made.entry).map(|entry| Named {
            entry,
            pages: given,
            held,
            group,
            copied: mode == EntryMode::Copy,
            given: match mode {
                EntryMode::Copy => Protection::ALL,
                _ => access,
            },
        });
        self.settle(Ok(()), Ok(()), n, |_| ())
    }

    /// What naming a range answers; the pages are those that were asked for.
    fn check_entry(
        &self,
        n: usize,
        size: u64,
        range: Verdict,
        (mode, access): (EntryMode, Protection),
    ) -> Verdict {
        if size == 0 {
            return match mode {
                EntryMode::Create | EntryMode::Purgable => Ok(verdict::NOTHING),
                _ => Err(KernReturn::INVALID_ARGUMENT),
            };
        }
        let range = range?;
        let model = &self.tasks[n].model;
        let first = range.start..range.start + 1;
        let allowed = |part: Range<u64>| match model.maximum(part).contains(access) {
            true => Ok(()),
            false => Err(KernReturn::PROTECTION_FAILURE),
        };
        match mode {
            EntryMode::Create | EntryMode::Purgable
                if range.end - range.start > u64::from(u32::MAX) =>
            {
                return Err(KernReturn::FAILURE);
            }
            EntryMode::Purgable if !access.contains(Protection::WRITE) => {
                return Err(KernReturn::INVALID_ARGUMENT);
            }
            EntryMode::Create | EntryMode::Purgable => {}
            EntryMode::Copy => model.check_right(range.clone(), Protection::READ)?,
            EntryMode::Plain => {
                model.check_mapped(first.clone())?;
                allowed(first)?;
            }
            EntryMode::Share => {
                model.check_mapped(first)?;
                allowed(range.clone())?;
                model.check_mapped(range.clone())?;
            }
        }
        Ok(range)
    }

    /// Names a part of what the entry names, from its page `from` on.
    pub fn make_child(&mut self, size: u64, from: u64, access: u32) -> Result<Outcome, Failure> {
        let Some(parent) = &self.named else {
            return Ok(Outcome::Agreed);
        };
        let whole = from == 0 && self.rules.count(size) == Ok(parent.pages);
        if parent.group.is_some() && !whole {
            // A part of a purgeable object does not tell its state.
            return Ok(Outcome::Agreed);
        }
        let (map, offset) = (&self.tasks[0].map, UserAddr(from << SHIFT));
        let answer =
            self.vm
                .make_memory_entry(map, UserSize(size), offset, access, Some(&parent.entry));
        let access = Protection::from_bits_truncate(access as u8);
        let argument = Err(KernReturn::INVALID_ARGUMENT);
        let range = self.rules.pages(Span {
            addr: offset.0,
            size,
        });
        let expected = match range {
            _ if parent.copied => argument,
            _ if size == 0 => Ok(verdict::NOTHING),
            Ok(range) if range.end > parent.pages => argument,
            Ok(_) if !parent.given.contains(access) => Err(KernReturn::PROTECTION_FAILURE),
            Ok(range) => Ok(range),
            Err(_) => argument,
        };
        let (Ok(made), Ok(range)) = (&answer, &expected) else {
            let answer = answer.map(drop);
            return self.settle(answer, expected.map(drop), 0, |_| ());
        };
        let pages = range.end - range.start;
        if made.size != pages << SHIFT || made.entry.is_some() != (pages != 0) {
            return Err(format!("an entry of {} bytes of {range:?}", made.size));
        }
        let held = parent.held.iter().skip(from as usize).take(pages as usize);
        let (held, group) = (held.cloned().collect(), parent.group.clone());
        if let Some(entry) = answer.ok().and_then(|made| made.entry) {
            self.release_entry();
            self.named = Some(Named {
                entry,
                pages,
                held,
                group,
                copied: false,
                given: access,
            });
        }
        self.settle(Ok(()), Ok(()), 0, |_| ())
    }

    pub fn release_entry(&mut self) {
        if let Some(old) = self.named.take() {
            self.vm.memory_entry_release(old.entry);
        }
    }

    pub fn map_entry(
        &mut self,
        n: usize,
        size: u64,
        from: u64,
        copy: bool,
    ) -> Result<Outcome, Failure> {
        let Some(named) = &self.named else {
            return Ok(Outcome::Agreed);
        };
        let copies = copy || named.copied;
        let unsure = |page: &Page| {
            let odd = copies && page.group.is_some();
            odd || self.is_doubted(&page.cell) || !page.is_there()
        };
        if named.held.iter().any(unsure) {
            return Ok(Outcome::Agreed);
        }
        let request = MapRequest {
            size: UserSize(size),
            flags: ANYWHERE,
            current: UserProt(READ_WRITE),
            maximum: UserProt(READ_WRITE),
            inherit: UserInherit(Inherit::Copy as u32),
            ..MapRequest::default()
        };
        let how = (from << SHIFT, mode(copy));
        let task = &self.tasks[n];
        let answer = self.vm.map_entry(&task.map, &request, &named.entry, how);
        let count = self.rules.count(size);
        let inside = count.ok().and_then(|count| from.checked_add(count));
        let mut given = named.given;
        if copy {
            // A copy may be written by who has it.
            given |= Protection::WRITE;
        }
        let expected = match inside {
            Some(end) if size != 0 && end <= named.pages => {
                if given.contains(Protection::DEFAULT) {
                    task.model.check_anywhere(self.rules, end - from, 0)
                } else {
                    Err(KernReturn::INVALID_RIGHT)
                }
            }
            _ => Err(KernReturn::INVALID_ARGUMENT),
        };
        let pages: Vec<Page> = named.held.iter().skip(from as usize).cloned().collect();
        let answer = answer.map(|at| at.0);
        self.settle_place(answer, expected, n, |n| {
            let page = &pages[n as usize];
            let page = if copies { page.copied() } else { page.clone() };
            Page {
                file: page.file,
                group: page.group,
                maximum: Protection::DEFAULT,
                ..Page::of(page.cell)
            }
        })
    }
}
