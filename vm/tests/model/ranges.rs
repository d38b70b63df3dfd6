//! Both sides of the calls on a range of a task: allocate, deallocate, protect, inherit, wire, unwire.

use super::care::Purged;
use super::op::Place;
use super::reference::SUPERPAGE;
use super::system::{Failure, Outcome, System};
use vm::map::protect::SetMax;
use vm::sanitize::{UserFlags, UserInherit, UserProt};
use vm::{Inherit, KernReturn, Protection};

const VM_FLAGS_ANYWHERE: u32 = 1;
const VM_FLAGS_OVERWRITE: u32 = 0x4000;
const VM_FLAGS_SUPERPAGE_SIZE_ANY: u32 = 1 << 16;

impl<const SHIFT: u32> System<SHIFT> {
    pub fn allocate(
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
            let (first, more) = task.model.whole(start, pages);
            task.model.allocate(rules, start, pages);
            task.forget_frames(first, more);
        })
    }

    /// A superpage; where no run of frames is free, there is none.
    pub fn superpage(&mut self, n: usize, at: u64, place: Place) -> Result<Outcome, Failure> {
        let (addr, size) = self.user(at, 1);
        let flags = VM_FLAGS_SUPERPAGE_SIZE_ANY
            | match place {
                Place::Fixed => 0,
                Place::Overwrite => VM_FLAGS_OVERWRITE,
                Place::Anywhere => VM_FLAGS_ANYWHERE,
            };
        let rules = self.rules;
        let map = &self.tasks[n].map;
        let answer = self.vm.allocate(map, addr, size, UserFlags(flags));
        // For a run volatile memory is given up.
        self.notice_purges(Purged::Perhaps)?;
        if answer == Err(KernReturn::RESOURCE_SHORTAGE) && !self.setup.may_run_short {
            return Ok(Outcome::Agreed);
        }
        let model = &self.tasks[n].model;
        let over = place == Place::Overwrite;
        let start = match (place, answer) {
            (Place::Anywhere, Ok(start)) => start.0 >> SHIFT,
            (Place::Anywhere, Err(_)) => (rules.first..rules.end)
                .find(|&at| model.check_superpage(rules, at, false).is_ok())
                .unwrap_or(rules.end.next_multiple_of(SUPERPAGE) - SUPERPAGE),
            _ => at,
        };
        let expected = match model.check_superpage(rules, start, over) {
            Err(_) if place == Place::Anywhere => Err(KernReturn::NO_SPACE),
            expected => expected,
        };
        self.settle(answer.map(|_| ()), expected, n, |task| {
            task.model.superpage(rules, start);
            task.forget_frames(start, SUPERPAGE);
        })
    }

    pub fn deallocate(&mut self, n: usize, at: u64, pages: u64) -> Result<Outcome, Failure> {
        let (addr, size) = self.user(at, pages);
        let answer = self.vm.deallocate(&self.tasks[n].map, addr, size);
        self.settle(answer, Ok(()), n, |task| {
            let (at, pages) = task.model.whole(at, pages);
            task.model.deallocate(at, pages);
            task.forget_frames(at, pages);
        })
    }

    pub fn protect(
        &mut self,
        n: usize,
        (at, pages): (u64, u64),
        protection: Protection,
        set: SetMax,
    ) -> Result<Outcome, Failure> {
        let (addr, size) = self.user(at, pages);
        let task = &self.tasks[n];
        let prot = UserProt(u32::from(protection.bits()));
        let answer = self.vm.protect(&task.map, addr, size, set, prot);
        let (at, pages) = task.model.whole(at, pages);
        let expected = task.model.check_protect(self.rules, at, pages, protection);
        self.settle(answer, expected, n, |task| {
            let set_maximum = matches!(set, SetMax::Yes);
            task.model.protect(at, pages, protection, set_maximum);
            task.forget_frames(at, pages);
        })
    }

    pub fn inherit(
        &mut self,
        n: usize,
        at: u64,
        pages: u64,
        inherit: Inherit,
    ) -> Result<Outcome, Failure> {
        self.observe(n);
        let model = &self.tasks[n].model;
        let over = model.pages.range(at..at + pages).any(|(_, p)| p.over);
        let expected = match inherit {
            Inherit::Share if model.has_superpage(at, pages) => Err(KernReturn::NOT_SUPPORTED),
            Inherit::Copy if over => Err(KernReturn::INVALID_ARGUMENT),
            _ => Ok(()),
        };
        let (addr, size) = self.user(at, pages);
        let wanted = UserInherit(inherit as u32);
        let answer = self.vm.inherit(&self.tasks[n].map, addr, size, wanted);
        self.settle(answer, expected, n, |task| {
            let (at, pages) = task.model.whole(at, pages);
            task.model.inherit(at, pages, inherit)
        })
    }

    pub fn wire(
        &mut self,
        n: usize,
        at: u64,
        pages: u64,
        access: Protection,
    ) -> Result<Outcome, Failure> {
        let (addr, size) = self.user(at, pages);
        let prot = UserProt(u32::from(access.bits()));
        let answer = self.vm.wire(&self.tasks[n].map, addr, size, prot);
        // Those that are wired now were not yet when memory was short.
        self.notice_purges(Purged::IfShort)?;
        // Beyond the map the range is cut off.
        let model = &self.tasks[n].model;
        let (at, pages) = model.whole(at, pages.min(self.rules.end - at));
        let expected = match model.check_wire(at, pages, access, answer) {
            Err(KernReturn::INVALID_ADDRESS) => Err(KernReturn::INVALID_ADDRESS),
            expected if expected == answer && answer.is_err() => expected,
            _ => model.check_wire_limit(at, pages, access),
        };
        self.settle(answer, expected, n, |task| task.model.wire(at, pages))
    }

    pub fn unwire(&mut self, n: usize, at: u64, pages: u64) -> Result<Outcome, Failure> {
        let pages = pages.min(self.rules.end - at);
        if !(at..at + pages).all(|page| self.tasks[n].model.pages.contains_key(&page)) {
            return Ok(Outcome::Agreed);
        }
        let (addr, size) = self.user(at, pages);
        let answer = self.vm.unwire(&self.tasks[n].map, addr, size);
        let (at, pages) = self.tasks[n].model.whole(at, pages);
        self.notice_purges(Purged::IfShort)?;
        self.settle(answer, Ok(()), n, |task| {
            task.model.unwire(at, pages);
            task.forget_frames(at, pages);
        })
    }
}
