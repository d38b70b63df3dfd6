//! Both sides of the calls on a range of a task: allocate, deallocate, protect, inherit, wire, unwire.

use super::care::Purged;
use super::op::Place;
use super::system::{Failure, Outcome, System};
use vm::map::protect::SetMax;
use vm::sanitize::{UserFlags, UserInherit, UserProt};
use vm::{Inherit, KernReturn, Protection};

const VM_FLAGS_ANYWHERE: u32 = 1;
const VM_FLAGS_OVERWRITE: u32 = 0x4000;

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
            task.model.allocate(rules, start, pages);
            task.forget_frames(start, pages);
        })
    }

    pub fn deallocate(&mut self, n: usize, at: u64, pages: u64) -> Result<Outcome, Failure> {
        let (addr, size) = self.user(at, pages);
        let answer = self.vm.deallocate(&self.tasks[n].map, addr, size);
        self.settle(answer, Ok(()), n, |task| {
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
        let known = &self.tasks[n].model.pages;
        let over = known.range(at..at + pages).any(|(_, p)| p.over);
        let expected = match inherit {
            Inherit::Copy if over => Err(KernReturn::INVALID_ARGUMENT),
            _ => Ok(()),
        };
        let (addr, size) = self.user(at, pages);
        let wanted = UserInherit(inherit as u32);
        let answer = self.vm.inherit(&self.tasks[n].map, addr, size, wanted);
        self.settle(answer, expected, n, |task| {
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
        let pages = pages.min(self.rules.end - at);
        let model = &self.tasks[n].model;
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
        self.notice_purges(Purged::IfShort)?;
        self.settle(answer, Ok(()), n, |task| {
            task.model.unwire(at, pages);
            task.forget_frames(at, pages);
        })
    }
}
