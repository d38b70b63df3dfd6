//! Both sides of the calls on a range of a task: allocate, deallocate, protect, inherit, wire, unwire.

use super::care::Purged;
use super::op::MapArguments;
use super::reference::{Page, Span};
use super::system::{Failure, Outcome, System};
use super::verdict;
use abi::prot::VM_PROT_COPY;
use abi::vm_flags::*;
use std::rc::Rc;
use vm::map::protect::SetMax;
use vm::sanitize::{UserFlags, UserInherit, UserProt};
use vm::{Inherit, KernReturn, MapRequest, Protection};

/// Whether the place is any that is free.
pub fn is_random(flags: u32) -> bool {
    let both = VM_FLAGS_ANYWHERE | VM_FLAGS_RANDOM_ADDR;
    flags & both == both
}

impl<const SHIFT: u32> System<SHIFT> {
    pub fn allocate(&mut self, n: usize, span: Span, flags: u32) -> Result<Outcome, Failure> {
        let (rules, task) = (self.rules, &self.tasks[n]);
        let (addr, size) = span.user();
        let answer = self.vm.allocate(&task.map, addr, size, UserFlags(flags));
        let answer = answer.map(|at| at.0);
        let mut expected = task.model.check_allocate(rules, span, flags);
        if let Ok(range) = &expected
            && is_random(flags)
            && !range.is_empty()
            && let Ok((count, mask)) = rules.takes(span.size, flags, 0)
        {
            expected = task.model.check_random(rules, answer, count, mask);
        }
        self.settle_place(answer, expected, n, |n| {
            let page = Page {
                tag: (flags >> 24) as u8,
                ..Page::zeros(rules)
            };
            page.placed(flags, n)
        })
    }

    /// `mach_vm_map` of a null object.
    pub fn map(&mut self, n: usize, span: Span, asked: MapArguments) -> Result<Outcome, Failure> {
        let (addr, size) = span.user();
        let request = MapRequest {
            addr,
            size,
            mask: asked.mask,
            flags: UserFlags(asked.flags),
            current: UserProt(asked.current),
            maximum: UserProt(asked.maximum),
            inherit: UserInherit(asked.inherit),
        };
        let (rules, flags, task) = (self.rules, asked.flags, &self.tasks[n]);
        let answer = self.vm.map(&task.map, &request).map(|at| at.0);
        let mut expected = task.model.check_map(rules, &request);
        let placed = matches!(expected, Ok(_) | Err(KernReturn::NO_SPACE));
        if placed
            && is_random(flags)
            && let Ok((count, mask)) = rules.takes(span.size, flags, asked.mask)
        {
            expected = task.model.check_random(rules, answer, count, mask);
        }
        let group = (flags & VM_FLAGS_PURGABLE != 0).then(Rc::default);
        let word = |word: u32| Protection::from_bits_truncate(word as u8 & 7);
        let maximum = word(asked.maximum);
        let protection = match flags & VM_FLAGS_TPRO {
            0 => word(asked.current) & maximum,
            _ => Protection::READ,
        };
        self.settle_place(answer, expected, n, |n| {
            let page = Page {
                protection,
                maximum,
                inherit: verdict::inherit(asked.inherit).unwrap_or(Inherit::Copy),
                tag: (flags >> 24) as u8,
                permanent: flags & VM_FLAGS_PERMANENT != 0,
                group: group.clone(),
                ..Page::zeros(rules)
            };
            page.placed(flags, n)
        })
    }

    pub fn deallocate(&mut self, n: usize, span: Span) -> Result<Outcome, Failure> {
        let task = &self.tasks[n];
        let (addr, size) = span.user();
        let answer = self.vm.deallocate(&task.map, addr, size);
        let expected = task.model.check_deallocate(self.rules, span);
        self.settle_range(answer, expected, n, |task, range| {
            task.model.deallocate(range.clone());
            task.forget_frames(range);
        })
    }

    pub fn protect(
        &mut self,
        n: usize,
        span: Span,
        word: u32,
        set_maximum: bool,
    ) -> Result<Outcome, Failure> {
        let task = &self.tasks[n];
        let expected = task.model.check_protect(self.rules, span, word);
        let copies = word & VM_PROT_COPY != 0;
        if let Ok(range) = &expected
            && copies
            && self.is_unsure(n, range.clone())
        {
            return Ok(Outcome::Agreed);
        }
        let set = if set_maximum { SetMax::Yes } else { SetMax::No };
        let (addr, size) = span.user();
        let answer = self.vm.protect(&task.map, addr, size, set, UserProt(word));
        let wanted = Protection::from_bits_truncate(word as u8 & 7);
        self.settle_range(answer, expected, n, |task, range| {
            task.model.change(range.clone(), |page| {
                if copies {
                    page.maximum |= Protection::WRITE;
                    *page = page.copied();
                    page.wired = 0;
                }
                if set_maximum {
                    page.maximum = wanted;
                    page.protection &= wanted;
                } else {
                    page.protection = wanted;
                }
            });
            task.forget_frames(range);
        })
    }

    pub fn inherit(&mut self, n: usize, span: Span, word: u32) -> Result<Outcome, Failure> {
        self.observe(n);
        let task = &self.tasks[n];
        let expected = task.model.check_inherit(self.rules, span, word);
        let (addr, size) = span.user();
        let answer = self.vm.inherit(&task.map, addr, size, UserInherit(word));
        self.settle_range(answer, expected, n, |task, range| {
            if let Ok(inherit) = verdict::inherit(word) {
                task.model.change(range, |page| page.inherit = inherit);
            }
        })
    }

    pub fn wire(&mut self, n: usize, span: Span, word: u32) -> Result<Outcome, Failure> {
        let range = self.rules.pages(span).unwrap_or(verdict::NOTHING);
        let mut pages = self.tasks[n].model.pages.range(range);
        if pages.any(|(_, page)| page.is_open()) {
            return Ok(Outcome::Agreed);
        }
        let (addr, size) = span.user();
        let answer = self.vm.wire(&self.tasks[n].map, addr, size, UserProt(word));
        // Those that are wired now were not yet when memory was short.
        self.notice_purges(Purged::IfShort)?;
        let model = &self.tasks[n].model;
        let mut expected = model.check_wire(self.rules, span, word);
        let limited = expected == Err(KernReturn::RESOURCE_SHORTAGE);
        if let (Err(KernReturn::PROTECTION_FAILURE), Ok(range)) = (answer, self.rules.pages(span))
            && limited
            && model.may_lack(range, word)
        {
            expected = answer.map(|()| verdict::NOTHING);
        }
        self.settle_range(answer, expected, n, |task, range| {
            task.model.change(range, |page| page.wired += 1);
        })
    }

    pub fn unwire(&mut self, n: usize, span: Span) -> Result<Outcome, Failure> {
        let (addr, size) = span.user();
        let answer = self.vm.unwire(&self.tasks[n].map, addr, size);
        self.notice_purges(Purged::IfShort)?;
        let expected = self.tasks[n].model.check_unwire(self.rules, span);
        self.settle_range(answer, expected, n, |task, range| {
            let less = |page: &mut Page| page.wired = page.wired.saturating_sub(1);
            task.model.change(range.clone(), less);
            task.forget_frames(range);
        })
    }

    /// Whether the reference can say nothing about a range: what it holds is in doubt or beyond a file's
    /// end, a submap shows it, or it is purgeable memory, whose state a copy would not have.
    pub fn is_unsure(&self, task: usize, range: std::ops::Range<u64>) -> bool {
        let mut pages = self.tasks[task].model.pages.range(range);
        pages.any(|(_, page)| {
            let odd = page.group.is_some() || page.over || !page.is_there();
            odd || self.is_doubted(&page.cell)
        })
    }

    /// New memory that a call placed: what answers it, and where the reference would have placed it.
    pub fn settle_place(
        &mut self,
        answer: Result<u64, KernReturn>,
        expected: verdict::Verdict,
        n: usize,
        mut page: impl FnMut(u64) -> Page,
    ) -> Result<Outcome, Failure> {
        if let (Ok(at), Ok(range)) = (answer, &expected)
            && at != range.start << SHIFT
        {
            return Err(format!("placed at {at:#x}, the reference at {range:#x?}"));
        }
        self.settle_range(answer.map(drop), expected, n, |task, range| {
            let pages: Vec<Page> = (0..range.end - range.start).map(&mut page).collect();
            task.forget_frames(task.model.whole(range.clone()));
            task.model.enter(range.start, pages);
        })
    }
}
