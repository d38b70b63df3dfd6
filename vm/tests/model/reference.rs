//! The reference: what tasks see, as naively as it can be said.
//!
//! Owns: per task a table of pages, each with its attributes and its own bytes; shared memory is a
//! shared cell. No objects, no entries, no copy-on-write: a fork copies every byte.
//! Does not own: what a call answers (`verdict`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use vm::{Inherit, Protection};

/// What the memory of a page contains; those who share it share the cell.
pub type Cell = Rc<RefCell<Vec<u8>>>;

/// A page of a task.
#[derive(Clone)]
pub struct Page {
    pub cell: Cell,
    pub protection: Protection,
    pub maximum: Protection,
    pub inherit: Inherit,
    /// `VM_MEMORY_*`.
    pub tag: u8,
    /// `vm_behavior_t`.
    pub behavior: u8,
    /// How often the task has wired it.
    pub wired: u32,
    /// It is zeroed if it goes while it is wired.
    pub zero_wired: bool,
    /// It stays when it is deallocated, and allows nothing then.
    pub permanent: bool,
    /// The purgeable object that it is in.
    pub group: Option<Rc<Group>>,
    /// The file that it is of, or ends with.
    pub file: Option<OfFile>,
    /// It is a page of a file on a disk, or was: it may be there alone.
    pub paged: bool,
    /// It came from a submap, and may still be shown by it.
    pub over: bool,
    /// Which page of its superpage it is.
    pub superpage: Option<u64>,
}

/// A page of a file.
#[derive(Clone)]
pub struct OfFile {
    /// Pages that the file has now.
    pub pages: Rc<std::cell::Cell<u64>>,
    /// Which one it is.
    pub index: u64,
    /// Whether it is the file's own. If not, the file was shorter when the page was mapped.
    pub shared: bool,
    /// Of one that is not: the file has been so long since. Then there are zeros, for good; but a copy
    /// that was made at once ends where the file ended, and the reference does not know which those are.
    pub open: bool,
}

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

/// Bytes that a call is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub addr: u64,
    pub size: u64,
}

/// Whether writable and executable memory is refused, the bytes of a page, and the map's bounds in pages.
#[derive(Clone, Copy)]
pub struct Rules {
    pub page_bytes: usize,
    pub refuse_write_execute: bool,
    pub first: u64,
    pub end: u64,
}

/// A copy of the bytes.
pub fn fresh(cell: &Cell) -> Cell {
    Rc::new(RefCell::new(cell.borrow().clone()))
}

impl Page {
    /// Fresh zeros, as `mach_vm_allocate` gives them.
    pub fn zeros(rules: Rules) -> Self {
        Page::of(Rc::new(RefCell::new(vec![0; rules.page_bytes])))
    }

    /// Some memory, with the attributes of an allocation.
    pub fn of(cell: Cell) -> Self {
        Page {
            cell,
            protection: Protection::DEFAULT,
            maximum: Protection::ALL,
            inherit: Inherit::Copy,
            tag: 0,
            behavior: 0,
            wired: 0,
            zero_wired: false,
            permanent: false,
            group: None,
            file: None,
            paged: false,
            over: false,
            superpage: None,
        }
    }

    /// Whether its frame stays.
    pub fn is_wired(&self) -> bool {
        self.wired > 0 || self.superpage.is_some()
    }

    /// Whether there is anything to access: the file has not ended before.
    pub fn is_there(&self) -> bool {
        let file = self.file.as_ref();
        file.is_none_or(|file| file.shared && file.index < file.pages.get())
    }

    /// Whether the next access decides if there is.
    pub fn is_open(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.open)
    }

    /// Whether it is a file's own.
    pub fn is_files(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.shared)
    }

    /// Whether advice may turn it into zeros: a file's and a superpage's stay.
    pub fn may_be_given_up(&self) -> bool {
        !self.is_files() && self.superpage.is_none()
    }

    /// As it is now, for itself.
    pub fn copied(&self) -> Page {
        let waits = self.file.clone().filter(|_| !self.is_there());
        Page {
            cell: fresh(&self.cell),
            group: None,
            file: waits.map(|file| OfFile {
                shared: false,
                ..file
            }),
            superpage: None,
            ..self.clone()
        }
    }

    /// Whether a map tells the same of both, but for the object.
    pub fn is_like(&self, other: &Page) -> bool {
        let of = |page: &Page| {
            let rights = (page.protection, page.maximum, page.inherit);
            let marks = (page.zero_wired, page.permanent, page.superpage.is_some());
            (rights, page.tag, page.behavior, page.wired, marks)
        };
        of(self) == of(other)
    }
}

impl Task {
    /// Whether nothing is mapped in the range.
    pub fn is_free(&self, range: &Range<u64>) -> bool {
        self.pages.range(range.clone()).next().is_none()
    }

    /// Where runs of pages begin and end that are alike, the map's bounds included.
    pub fn borders(&self, rules: Rules) -> Vec<u64> {
        let differs = |page: &u64| match (self.pages.get(&(page - 1)), self.pages.get(page)) {
            (None, None) => false,
            (Some(one), Some(other)) => !one.is_like(other),
            _ => true,
        };
        let inner = (rules.first + 1..rules.end).filter(differs);
        let bounds = [rules.first, rules.end];
        bounds.into_iter().chain(inner).collect()
    }

    /// Pages of a range, where nothing was or everything goes.
    pub fn enter(&mut self, start: u64, pages: impl IntoIterator<Item = Page>) {
        let pages: Vec<Page> = pages.into_iter().collect();
        self.deallocate(self.whole(start..start + pages.len() as u64));
        self.pages.extend((start..).zip(pages));
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

    /// Changes all pages of a range.
    pub fn change(&mut self, range: Range<u64>, mut change: impl FnMut(&mut Page)) {
        for (_, page) in self.pages.range_mut(range) {
            change(page);
        }
    }

    /// The pages of a range go: who shares those that were wired may find zeros.
    pub fn leave(&self, range: Range<u64>) {
        for (_, page) in self.pages.range(range) {
            if page.is_wired() && page.zero_wired {
                page.cell.borrow_mut().fill(0);
            }
        }
    }

    pub fn deallocate(&mut self, range: Range<u64>) {
        self.leave(range.clone());
        self.change(range.clone(), |page| {
            (page.wired, page.superpage) = (0, None);
            (page.protection, page.maximum) = (Protection::NONE, Protection::NONE);
        });
        let stays = |number: &u64, page: &Page| !range.contains(number) || page.permanent;
        self.pages.retain(|number, page| stays(number, page));
    }

    /// What all mapped pages of the range may be given.
    pub fn maximum(&self, range: Range<u64>) -> Protection {
        let pages = self.pages.range(range);
        pages.fold(Protection::ALL, |all, (_, page)| all & page.maximum)
    }

    /// The bytes of a span of mapped pages.
    pub fn bytes(&self, rules: Rules, span: Span) -> Vec<u8> {
        let size = rules.page_bytes as u64;
        let byte = |at: u64| self.pages[&(at / size)].cell.borrow()[(at % size) as usize];
        (span.addr..span.addr + span.size).map(byte).collect()
    }

    pub fn write(&mut self, rules: Rules, addr: u64, bytes: &[u8]) {
        let size = rules.page_bytes as u64;
        for (at, byte) in (addr..).zip(bytes) {
            self.pages[&(at / size)].cell.borrow_mut()[(at % size) as usize] = *byte;
        }
    }

    /// A page as it is mapped elsewhere: the same memory, or a copy of it.
    pub fn twin(&self, page: u64, copy: bool) -> Page {
        let page = self.pages[&page].clone();
        Page {
            inherit: Inherit::Copy,
            wired: 0,
            zero_wired: false,
            permanent: false,
            ..if copy { page.copied() } else { page }
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
            let theirs = match page.inherit {
                Inherit::None => continue,
                Inherit::Share if !page.over => page.clone(),
                Inherit::Share | Inherit::Copy => page.copied(),
            };
            child.pages.insert(*number, Page { wired: 0, ..theirs });
        }
        child
    }
}
