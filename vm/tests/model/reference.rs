//! The reference: what tasks see, as naively as it can be said.
//!
//! Owns: per task a table of pages, each with its attributes and its own bytes; shared memory is a
//! shared cell. No objects, no entries, no copy-on-write: a fork copies every byte.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use vm::{Inherit, KernReturn, Protection};

/// What the memory of a page contains; those who share it share the cell.
pub type Cell = Rc<RefCell<Vec<u8>>>;

/// A page of a task.
#[derive(Clone)]
pub struct Page {
    pub cell: Cell,
    pub protection: Protection,
    pub maximum: Protection,
    pub inherit: Inherit,
    /// How often the task has wired it.
    pub wired: u32,
    /// It is zeroed if it goes while it is wired.
    pub zero_wired: bool,
    /// The purgeable object that it is in.
    pub group: Option<Rc<Group>>,
    /// It came from a submap, and may still be shown by it.
    pub over: bool,
    /// The first page of the superpage that it is in.
    pub superpage: Option<u64>,
}

/// Pages of a superpage.
pub const SUPERPAGE: u64 = 8;

/// A purgeable object: its state.
#[derive(Default)]
pub struct Group {
    pub state: std::cell::Cell<i32>,
}

/// A task's memory, by page number.
#[derive(Clone)]
pub struct Task {
    pub pages: BTreeMap<u64, Page>,
    /// Pages that it may have.
    pub size_limit: u64,
    /// Pages that it may wire.
    pub wire_limit: u64,
}

impl Default for Task {
    fn default() -> Self {
        Task {
            pages: BTreeMap::new(),
            size_limit: u64::MAX,
            wire_limit: u64::MAX,
        }
    }
}

/// What a call answers.
pub type Answer = Result<(), KernReturn>;

/// Whether writable and executable memory is refused, the bytes of a page, and the map's bounds in pages.
#[derive(Clone, Copy)]
pub struct Rules {
    pub page_bytes: usize,
    pub refuse_write_execute: bool,
    pub first: u64,
    pub end: u64,
}

impl Rules {
    fn refuses(self, protection: Protection) -> bool {
        self.refuse_write_execute && protection.contains(Protection::WRITE | Protection::EXECUTE)
    }

    fn inside(self, start: u64, count: u64) -> bool {
        start >= self.first && start + count <= self.end
    }
}

/// A copy of the bytes.
pub fn fresh(cell: &Cell) -> Cell {
    Rc::new(RefCell::new(cell.borrow().clone()))
}

impl Task {
    /// Whether nothing is mapped in the range.
    pub fn is_free(&self, start: u64, count: u64) -> bool {
        self.pages.range(start..start + count).next().is_none()
    }

    /// The longest run of free pages.
    pub fn longest_hole(&self, rules: Rules) -> u64 {
        let (mut longest, mut run) = (0, 0);
        for page in rules.first..rules.end {
            run = if self.pages.contains_key(&page) {
                0
            } else {
                run + 1
            };
            longest = longest.max(run);
        }
        longest
    }

    /// Whether a fixed allocation succeeds.
    pub fn check_allocate(&self, rules: Rules, start: u64, count: u64, overwrite: bool) -> Answer {
        if !rules.inside(start, count) {
            Err(KernReturn::INVALID_ADDRESS)
        } else if (!overwrite && !self.is_free(start, count)) || self.over_size(start, count) {
            Err(KernReturn::NO_SPACE)
        } else {
            Ok(())
        }
    }

    /// Whether the task would have more than it may, if the range were all mapped.
    pub fn over_size(&self, start: u64, count: u64) -> bool {
        let there = self.pages.range(start..start + count).count() as u64;
        self.pages.len() as u64 - there + count > self.size_limit
    }

    /// The range, made longer to whole superpages: where it begins and how long it is.
    pub fn whole(&self, start: u64, count: u64) -> (u64, u64) {
        let superpage = |page| self.pages.get(&page).and_then(|page| page.superpage);
        let first = superpage(start).unwrap_or(start);
        let end = superpage(start + count - 1).map_or(start + count, |at| at + SUPERPAGE);
        (first, end - first)
    }

    /// Whether the range has a page of a superpage.
    pub fn has_superpage(&self, start: u64, count: u64) -> bool {
        let mut pages = self.pages.range(start..start + count);
        pages.any(|(_, page)| page.superpage.is_some())
    }

    /// Whether a superpage can be allocated at a place.
    pub fn check_superpage(&self, rules: Rules, start: u64, overwrite: bool) -> Answer {
        if !start.is_multiple_of(SUPERPAGE) {
            return Err(KernReturn::NO_SPACE);
        }
        self.check_allocate(rules, start, SUPERPAGE, overwrite)
    }

    /// A superpage, whatever was there.
    pub fn superpage(&mut self, rules: Rules, start: u64) {
        self.allocate(rules, start, SUPERPAGE);
        for (_, page) in self.pages.range_mut(start..start + SUPERPAGE) {
            page.superpage = Some(start);
            page.inherit = Inherit::None;
        }
    }

    /// Fresh zeros in the range, whatever was there.
    pub fn allocate(&mut self, rules: Rules, start: u64, count: u64) {
        let (first, more) = self.whole(start, count);
        self.deallocate(first, more);
        for page in start..start + count {
            let cell = Rc::new(RefCell::new(vec![0; rules.page_bytes]));
            let attributes = Page {
                cell,
                protection: Protection::DEFAULT,
                maximum: Protection::ALL,
                inherit: Inherit::Copy,
                wired: 0,
                zero_wired: false,
                group: None,
                over: false,
                superpage: None,
            };
            self.pages.insert(page, attributes);
        }
    }

    /// A copy of a submap's pages, which allow as much as they ever will.
    pub fn enter(&mut self, start: u64, library: &[(Protection, Vec<u8>)]) {
        let (first, more) = self.whole(start, library.len() as u64);
        self.deallocate(first, more);
        for (page, (protection, bytes)) in (start..).zip(library) {
            let shown = Page {
                cell: Rc::new(RefCell::new(bytes.clone())),
                protection: *protection,
                maximum: *protection,
                inherit: Inherit::Copy,
                wired: 0,
                zero_wired: false,
                group: None,
                over: true,
                superpage: None,
            };
            self.pages.insert(page, shown);
        }
    }

    /// The submap does not show a page any more: the task has its own, and a child is not to share it.
    pub fn came_up(&mut self, page: u64) {
        if let Some(page) = self.pages.get_mut(&page) {
            page.over = false;
            if page.inherit == Inherit::Share {
                page.inherit = Inherit::Copy;
            }
        }
    }

    /// Marks pages as to be zeroed if they go wired.
    pub fn zero_wired(&mut self, start: u64, count: u64) {
        let pages = self.pages.range_mut(start..start + count);
        pages.for_each(|(_, page)| page.zero_wired = true);
    }

    /// The pages of a range go: who shares those that were wired may find zeros.
    pub fn leave(&self, start: u64, count: u64) {
        for (_, page) in self.pages.range(start..start.saturating_add(count)) {
            if page.wired > 0 && page.zero_wired {
                page.cell.borrow_mut().fill(0);
            }
        }
    }

    pub fn deallocate(&mut self, start: u64, count: u64) {
        self.leave(start, count);
        self.pages
            .retain(|page, _| *page < start || *page >= start + count);
    }

    /// Whether a change of protection succeeds: bounds, then page by page, a hole or too much.
    pub fn check_protect(
        &self,
        rules: Rules,
        start: u64,
        count: u64,
        protection: Protection,
    ) -> Answer {
        for page in start..start + count {
            let Some(page) = self.pages.get(&page) else {
                return Err(KernReturn::INVALID_ADDRESS);
            };
            if !page.maximum.contains(protection) || rules.refuses(protection) {
                return Err(KernReturn::PROTECTION_FAILURE);
            }
        }
        Ok(())
    }

    pub fn protect(&mut self, start: u64, count: u64, protection: Protection, set_maximum: bool) {
        for (_, page) in self.pages.range_mut(start..start + count) {
            if set_maximum {
                page.maximum = protection;
                page.protection &= protection;
            } else {
                page.protection = protection;
            }
        }
    }

    pub fn inherit(&mut self, start: u64, count: u64, inherit: Inherit) {
        for (_, page) in self.pages.range_mut(start..start + count) {
            page.inherit = inherit;
        }
    }

    /// Whether wiring succeeds. With a hole and too little protection in the range either may be the
    /// answer: which comes first depends on how entries are split.
    pub fn check_wire(&self, start: u64, count: u64, access: Protection, answer: Answer) -> Answer {
        let pages = || (start..start + count).map(|page| self.pages.get(&page));
        let hole = pages().any(|page| page.is_none());
        let denied = pages()
            .flatten()
            .any(|page| !page.protection.contains(access));
        match (hole, denied) {
            (true, true) if answer == Err(KernReturn::PROTECTION_FAILURE) => answer,
            (true, _) => Err(KernReturn::INVALID_ADDRESS),
            (false, true) => Err(KernReturn::PROTECTION_FAILURE),
            (false, false) => Ok(()),
        }
    }

    /// The same, page by page with the task's limit, of a range without holes.
    pub fn check_wire_limit(&self, start: u64, count: u64, access: Protection) -> Answer {
        let wired = self.pages.values().filter(|page| page.wired > 0).count() as u64;
        let mut left = self.wire_limit.saturating_sub(wired);
        for (_, page) in self.pages.range(start..start + count) {
            if !page.protection.contains(access) {
                return Err(KernReturn::PROTECTION_FAILURE);
            }
            if page.wired == 0 {
                left = left.checked_sub(1).ok_or(KernReturn::RESOURCE_SHORTAGE)?;
            }
        }
        Ok(())
    }

    pub fn wire(&mut self, start: u64, count: u64) {
        self.pages
            .range_mut(start..start + count)
            .for_each(|(_, page)| page.wired += 1);
    }

    pub fn unwire(&mut self, start: u64, count: u64) {
        self.pages
            .range_mut(start..start + count)
            .for_each(|(_, page)| page.wired = page.wired.saturating_sub(1));
    }

    /// Whether every page of the range has a right: the first that does not is the answer.
    pub fn check_right(&self, start: u64, count: u64, right: Protection) -> Answer {
        for page in start..start + count {
            match self.pages.get(&page) {
                None => return Err(KernReturn::INVALID_ADDRESS),
                Some(page) if !page.protection.contains(right) => {
                    return Err(KernReturn::PROTECTION_FAILURE);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// What all mapped pages of the range may be given.
    pub fn maximum(&self, start: u64, count: u64) -> Protection {
        self.pages
            .range(start..start + count)
            .fold(Protection::ALL, |all, (_, page)| all & page.maximum)
    }

    /// The bytes of a range of mapped pages, from `skew` bytes on.
    pub fn bytes(&self, rules: Rules, start: u64, skew: usize, count: usize) -> Vec<u8> {
        let size = rules.page_bytes;
        let byte = |n: usize| self.pages[&(start + (n / size) as u64)].cell.borrow()[n % size];
        (skew..skew + count).map(byte).collect()
    }

    pub fn write(&mut self, rules: Rules, start: u64, skew: usize, bytes: &[u8]) {
        let size = rules.page_bytes;
        for (n, byte) in (skew..).zip(bytes) {
            self.pages[&(start + (n / size) as u64)].cell.borrow_mut()[n % size] = *byte;
        }
    }

    /// A page as it is mapped elsewhere: the same memory, or a copy of it.
    pub fn twin(&self, page: u64, copy: bool) -> Page {
        let page = &self.pages[&page];
        Page {
            cell: if copy {
                fresh(&page.cell)
            } else {
                page.cell.clone()
            },
            inherit: Inherit::Copy,
            wired: 0,
            superpage: None,
            ..page.clone()
        }
    }

    /// The child's memory.
    pub fn fork(&self) -> Task {
        let mut child = Task {
            pages: BTreeMap::new(),
            size_limit: self.size_limit,
            wire_limit: self.wire_limit,
        };
        for (number, page) in &self.pages {
            let cell = match page.inherit {
                Inherit::None => continue,
                Inherit::Share if !page.over => page.cell.clone(),
                Inherit::Share | Inherit::Copy => Rc::new(RefCell::new(page.cell.borrow().clone())),
            };
            child.pages.insert(
                *number,
                Page {
                    cell,
                    wired: 0,
                    superpage: None,
                    // A copy is ordinary memory.
                    group: page
                        .group
                        .clone()
                        .filter(|_| page.inherit == Inherit::Share),
                    ..page.clone()
                },
            );
        }
        child
    }
}
