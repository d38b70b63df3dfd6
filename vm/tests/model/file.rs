//! Both sides of files: mapping them shared and privately, writing, reading, cutting and growing them.
//!
//! Owns: the one file of a system. What mapped it keeps it when there is another one. A file that is made with an
//! odd number of pages is on a disk: between any two operations pages of it may be written back and leave
//! memory, which changes nothing that shows; and at its end the disk has what the reference has.

use super::reference::{Cell, OfFile, Page, Span};
use super::system::{Failure, Outcome, Sim, System};
use super::verdict::Verdict;
use std::rc::Rc;
use vm::sim::SimPager;
use vm::{
    Attributes, CopyMode, EnterObject, FaultError, Inherit, KernReturn, ObjectRef, Placement,
    Protection, SyncFlags, VirtAddr,
};

/// Pages of the longest file.
pub const LONGEST: u64 = 10;

/// A file of the system and of the reference.
pub struct File<const SHIFT: u32> {
    object: ObjectRef<Sim<SHIFT>>,
    pages: Rc<std::cell::Cell<u64>>,
    /// Zeros beyond its end.
    cells: Vec<Cell>,
    disk: Option<SimPager<SHIFT, 3>>,
}

/// How a file is mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileArguments {
    /// The first page.
    pub from: u64,
    pub private: bool,
    pub protection: u32,
    pub place: FilePlace,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FilePlace {
    Fixed,
    Overwrite,
    Anywhere,
}

impl<const SHIFT: u32> System<SHIFT> {
    /// Another file of so many pages, all zeros.
    pub fn new_file(&mut self, pages: u64) -> Result<Outcome, Failure> {
        let disk = (pages % 2 == 1).then(|| SimPager::new(vec![0; (pages << SHIFT) as usize]));
        let made = match &disk {
            Some(disk) => self.vm.object_create_paged(disk.clone(), pages << SHIFT),
            None => self.vm.object_create(pages << SHIFT),
        };
        let object = match made {
            Ok(object) => object,
            Err(KernReturn::RESOURCE_SHORTAGE) if self.setup.may_run_short => {
                return Ok(Outcome::Short);
            }
            Err(code) => return Err(format!("a file: {code:?}")),
        };
        let zeros = |_| Cell::new(vec![0; 1 << SHIFT].into());
        self.release_file()?;
        self.file = Some(File {
            object,
            disk,
            pages: Rc::new(pages.into()),
            cells: (0..LONGEST).map(zeros).collect(),
        });
        self.count(None);
        Ok(Outcome::Agreed)
    }

    /// The file ends for the system; its disk has what the reference has.
    pub fn release_file(&mut self) -> Result<(), Failure> {
        let Some(old) = self.file.take() else {
            return Ok(());
        };
        let written = self
            .vm
            .object_sync(&old.object, (0, u64::MAX), SyncFlags::WAIT);
        self.vm.object_release(old.object);
        written.map_err(|error| format!("synced: {error:?}"))?;
        if let Some(disk) = old.disk {
            for (index, seen) in disk.bytes().chunks(1 << SHIFT).enumerate() {
                if seen != &old.cells[index].borrow()[..] {
                    return Err(format!("page {index} on the disk differs"));
                }
            }
        }
        Ok(())
    }

    /// Between two operations a page of a file on a disk is written, or leaves memory, or both; or pageout takes
    /// what it wants.
    pub fn churn_file(&mut self) -> Result<(), Failure> {
        self.churned += 1;
        let Some(file) = self.file.as_ref().filter(|file| file.disk.is_some()) else {
            return Ok(());
        };
        let page = self.churned / 3 % LONGEST;
        let flags = match self.churned % 3 {
            0 => SyncFlags::WAIT,
            1 => SyncFlags::WAIT | SyncFlags::INVALIDATE,
            _ => {
                self.vm.pageout();
                return Ok(());
            }
        };
        let part = (page << SHIFT, 1 << SHIFT);
        let written = self.vm.object_sync(&file.object, part, flags);
        written.map_err(|error| format!("synced: {error:?}"))
    }

    pub fn map_file(
        &mut self,
        n: usize,
        span: Span,
        asked: FileArguments,
    ) -> Result<Outcome, Failure> {
        let Some(file) = &self.file else {
            return Ok(Outcome::Agreed);
        };
        let protection = Protection::from_bits_truncate(asked.protection as u8);
        let what = EnterObject {
            object: Some(&file.object),
            offset: asked.from << SHIFT,
            attributes: Attributes::with(protection, Protection::ALL, Inherit::Copy, 0),
            copy: match asked.private {
                true => CopyMode::Private,
                false => CopyMode::Shared,
            },
        };
        let start = span.addr >> SHIFT;
        let at = VirtAddr(start << SHIFT);
        let placement = match asked.place {
            FilePlace::Fixed => Placement::Fixed(at),
            FilePlace::Overwrite => Placement::Overwrite(at),
            FilePlace::Anywhere => Placement::Anywhere(at),
        };
        let task = &self.tasks[n];
        let answer = self.vm.enter_object(&task.map, placement, span.size, &what);
        let answer = answer.map(|at| at.0);
        let place = |count: u64| -> Verdict {
            let range = start..start.saturating_add(count);
            match asked.place {
                FilePlace::Fixed => task.model.check_fixed(self.rules, range, false, 0),
                FilePlace::Overwrite => task.model.check_fixed(self.rules, range, true, 0),
                FilePlace::Anywhere => task.model.check_above(self.rules, start, count, 0),
            }
        };
        let expected = match self.rules.count(span.size) {
            Ok(0) => Err(KernReturn::INVALID_ARGUMENT),
            count => count.and_then(place),
        };
        let (pages, cells) = (file.pages.clone(), file.cells.clone());
        let paged = file.disk.is_some();
        self.settle_place(answer, expected, n, |n| {
            let index = asked.from + n;
            let cell = cells.get(index as usize).cloned();
            let file = OfFile {
                pages: pages.clone(),
                index,
                shared: true,
                open: false,
            };
            let nothing = || Cell::new(vec![0; 1 << SHIFT].into());
            let page = Page {
                protection,
                file: Some(file),
                paged,
                ..Page::of(cell.unwrap_or_else(nothing))
            };
            if asked.private { page.copied() } else { page }
        })
    }

    /// If a page of the file is in doubt, now it is known; unless there is no memory to look at it.
    fn learn_file(&mut self, page: u64) -> Result<Outcome, Failure> {
        let Some(file) = &self.file else {
            return Ok(Outcome::Agreed);
        };
        let cell = file.cells.get(page as usize).cloned();
        let Some(cell) = cell.filter(|cell| self.is_doubted(cell)) else {
            return Ok(Outcome::Agreed);
        };
        let mut seen = vec![1; 1 << SHIFT];
        let read = self.vm.object_read(&file.object, page << SHIFT, &mut seen);
        if read == Err(FaultError::Shortage) && self.setup.may_run_short {
            return Ok(Outcome::Short);
        }
        read.map_err(|error| format!("read: {error:?}"))?;
        self.learn(&cell, &seen, None)?;
        Ok(Outcome::Agreed)
    }

    /// Bytes are written into one page.
    pub fn write_file(&mut self, page: u64, from: u64, value: u8) -> Result<Outcome, Failure> {
        if self.learn_file(page)? == Outcome::Short {
            return Ok(Outcome::Short);
        }
        let Some(file) = &self.file else {
            return Ok(Outcome::Agreed);
        };
        let bytes = vec![value; (1 << SHIFT) - from as usize];
        let done = self
            .vm
            .object_write(&file.object, (page << SHIFT) + from, &bytes);
        let expected = match page < file.pages.get() {
            true => Ok(()),
            false => Err(FaultError::InvalidAddress),
        };
        if done == Err(FaultError::Shortage) && self.setup.may_run_short {
            return Ok(Outcome::Short);
        }
        if done != expected {
            return Err(format!("wrote: {done:?}, the reference {expected:?}"));
        }
        if done.is_ok() {
            file.cells[page as usize].borrow_mut()[from as usize..].fill(value);
        }
        self.count(done.err().map(KernReturn::from));
        Ok(Outcome::Agreed)
    }

    /// All of the file, and what is beyond its end.
    pub fn read_file(&mut self) -> Result<Outcome, Failure> {
        for page in 0..LONGEST {
            if self.learn_file(page)? == Outcome::Short {
                return Ok(Outcome::Short);
            }
        }
        let Some(file) = &self.file else {
            return Ok(Outcome::Agreed);
        };
        let mut bytes = vec![1; (LONGEST as usize) << SHIFT];
        let done = self.vm.object_read(&file.object, 0, &mut bytes);
        if done == Err(FaultError::Shortage) && self.setup.may_run_short {
            return Ok(Outcome::Short);
        }
        done.map_err(|error| format!("read: {error:?}"))?;
        for (index, seen) in bytes.chunks(1 << SHIFT).enumerate() {
            if seen != &file.cells[index].borrow()[..] {
                return Err(format!("page {index} of the file differs"));
            }
        }
        self.count(None);
        Ok(Outcome::Agreed)
    }

    /// The file has so many bytes: those of `pages`, less some of the last one.
    pub fn resize_file(&mut self, pages: u64, less: u64) -> Result<Outcome, Failure> {
        let Some(file) = &self.file else {
            return Ok(Outcome::Agreed);
        };
        // What programs write beyond the end within a page is nobody's; a disk does not keep it.
        let less = if file.disk.is_some() { 0 } else { less };
        let size = (pages << SHIFT).saturating_sub(less);
        let is_of = |page: &Page, shared| {
            let file_of = page.file.as_ref().filter(|other| other.shared == shared);
            file_of.is_some_and(|other| Rc::ptr_eq(&other.pages, &file.pages))
        };
        let index = |page: &Page| page.file.as_ref().map_or(0, |file| file.index);
        let all = self.tasks.iter().flat_map(|task| task.model.pages.values());
        let cut = |page: &Page| page.wired > 0 && is_of(page, true) && index(page) >= pages;
        if all.into_iter().any(cut) {
            // A wired page stays mapped: `tests::file` looks at that.
            return Ok(Outcome::Agreed);
        }
        let answer = self.vm.object_resize(&file.object, size);
        if answer == Err(KernReturn::RESOURCE_SHORTAGE) && self.setup.may_run_short {
            return Ok(Outcome::Short);
        }
        if let Some(disk) = file.disk.as_ref().filter(|_| answer.is_ok()) {
            disk.set_size(size);
        }
        for (index, cell) in file.cells.iter().enumerate() {
            let kept = size.saturating_sub((index as u64) << SHIFT);
            cell.borrow_mut()
                .iter_mut()
                .skip(kept as usize)
                .for_each(|byte| *byte = 0);
        }
        file.pages.set(pages);
        for task in &mut self.tasks {
            let waits = |page: &&mut Page| is_of(page, false) && index(page) < pages;
            for page in task.model.pages.values_mut().filter(waits) {
                page.file.iter_mut().for_each(|file| file.open = true);
            }
        }
        self.settle(answer, Ok(()), 0, |_| ())
    }
}

impl<const SHIFT: u32> System<SHIFT> {
    /// An access has decided whether there is anything in an open page.
    pub fn decide_end(&mut self, n: usize, page: u64, is_there: bool) {
        let ends = OfFile {
            pages: Rc::default(),
            index: 0,
            shared: false,
            open: false,
        };
        if let Some(page) = self.tasks[n].model.pages.get_mut(&page) {
            page.file = (!is_there).then_some(ends);
        }
    }
}
