//! What calls answer, said naively: XNU's checks in XNU's order (xnu-vm.md §12.2).
//!
//! Owns: the code of each call on a range, or the pages that it is about.
//! Does not own: what becomes of those pages (`reference`).

use super::reference::{Rules, Span, Task};
use abi::prot::VM_PROT_COPY;
use abi::vm_flags::*;
use std::ops::Range;
use vm::{Inherit, KernReturn, MapRequest, Protection};

/// What a call answers.
pub type Answer = Result<(), KernReturn>;

/// What a call answers, and the pages that it is about if it succeeds.
pub type Verdict = Result<Range<u64>, KernReturn>;

/// A success that is about nothing.
pub const NOTHING: Range<u64> = 0..0;

/// Why bytes are not in a range of pages: their end passes 2⁶⁴, or only that of their last page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wraps {
    Sum,
    Rounded,
}

/// The code of either.
pub fn always(code: KernReturn) -> impl Fn(Wraps) -> KernReturn {
    move |_| code
}

/// Flags of an allocation that mean something.
const ALLOCATE: u32 = VM_FLAGS_ANYWHERE
    | VM_FLAGS_PURGABLE
    | VM_FLAGS_4GB_CHUNK
    | VM_FLAGS_RANDOM_ADDR
    | VM_FLAGS_NO_CACHE
    | VM_FLAGS_PERMANENT
    | VM_FLAGS_TPRO
    | VM_FLAGS_OVERWRITE
    | VM_FLAGS_ALIAS_MASK;

impl Rules {
    fn refuses(self, protection: Protection) -> bool {
        self.refuse_write_execute && protection.contains(Protection::WRITE | Protection::EXECUTE)
    }

    /// The pages that some bytes touch.
    pub fn pages(self, span: Span) -> Result<Range<u64>, Wraps> {
        let page = self.page_bytes as u128;
        let end = u128::from(span.addr) + u128::from(span.size);
        if end >= 1 << 64 {
            return Err(Wraps::Sum);
        }
        let end = end.div_ceil(page);
        if end * page >= 1 << 64 {
            return Err(Wraps::Rounded);
        }
        Ok(span.addr / self.page_bytes as u64..end as u64)
    }

    /// As many pages as the bytes fill, from the first page that they touch.
    pub fn pages_from(self, span: Span) -> Result<Range<u64>, Wraps> {
        let addr = span.addr - span.addr % self.page_bytes as u64;
        self.pages(Span { addr, ..span })
    }

    /// How many pages so many bytes fill.
    pub fn count(self, size: u64) -> Result<u64, KernReturn> {
        let fills = self.pages(Span { addr: 0, size });
        fills
            .map(|pages| pages.end)
            .map_err(always(KernReturn::INVALID_ARGUMENT))
    }

    /// What of a range the map may have.
    pub fn within(self, range: Range<u64>) -> Range<u64> {
        let start = range.start.clamp(self.first, self.end);
        start..range.end.clamp(start, self.end)
    }

    pub fn has(self, range: &Range<u64>) -> bool {
        range.start >= self.first && range.end <= self.end
    }
}

/// A protection that a program passed, with those bits of `also` that it has.
pub fn protection(word: u32, also: u32) -> Result<Protection, KernReturn> {
    if word & !(7 | also) != 0 {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    Ok(Protection::from_bits_truncate(word as u8 & 7))
}

pub fn inherit(word: u32) -> Result<Inherit, KernReturn> {
    let all = [Inherit::Share, Inherit::Copy, Inherit::None];
    let meant = all.into_iter().find(|inherit| *inherit as u32 == word);
    meant.ok_or(KernReturn::INVALID_ARGUMENT)
}

impl Task {
    /// Where an allocation goes.
    pub fn check_allocate(&self, rules: Rules, span: Span, flags: u32) -> Verdict {
        if flags & !ALLOCATE != 0 {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        if span.size == 0 {
            return Ok(NOTHING);
        }
        let count = rules.count(span.size)?;
        if flags & VM_FLAGS_ANYWHERE != 0 {
            return self.check_anywhere(rules, count, 0);
        }
        let range = rules.pages_from(span);
        let range = range.map_err(always(KernReturn::INVALID_ADDRESS))?;
        self.check_fixed(rules, range, flags & VM_FLAGS_OVERWRITE != 0, 0)
    }

    /// Where `mach_vm_map` of nothing goes.
    pub fn check_map(&self, rules: Rules, request: &MapRequest) -> Verdict {
        const IS_MASK: u32 = abi::prot::VM_PROT_IS_MASK;
        const MAP: u32 = ALLOCATE | VM_FLAGS_RETURN_DATA_ADDR | VM_FLAGS_RETURN_4K_DATA_ADDR;
        let argument = KernReturn::INVALID_ARGUMENT;
        let flags = request.flags.0;
        if flags & !MAP != 0 {
            return Err(argument);
        }
        let current = protection(request.current.0, IS_MASK)?;
        let maximum = protection(request.maximum.0, IS_MASK)?;
        inherit(request.inherit.0)?;
        if request.size.0 == 0 {
            return Err(argument);
        }
        let count = rules.count(request.size.0)?;
        let span = Span {
            addr: request.addr.0,
            size: request.size.0,
        };
        let anywhere = flags & VM_FLAGS_ANYWHERE != 0;
        let fixed = rules.pages_from(span);
        if fixed.is_err() && !anywhere {
            return Err(argument);
        }
        if rules.refuses(current & maximum) {
            return Err(KernReturn::PROTECTION_FAILURE);
        }
        if flags & VM_FLAGS_TPRO != 0 && !maximum.contains(Protection::DEFAULT) {
            return Err(KernReturn::PROTECTION_FAILURE);
        }
        if flags & VM_FLAGS_PURGABLE != 0 && count > u64::from(u32::MAX) {
            return Err(argument);
        }
        match fixed {
            Ok(range) if !anywhere => {
                let overwrite = flags & VM_FLAGS_OVERWRITE != 0;
                self.check_fixed(rules, range, overwrite, request.mask)
            }
            _ => {
                let hint = span.addr / rules.page_bytes as u64;
                self.check_above(rules, hint, count, request.mask)
            }
        }
    }

    /// Whether new memory fits where it must go; `mask` is of addresses.
    pub fn check_fixed(
        &self,
        rules: Rules,
        range: Range<u64>,
        overwrite: bool,
        mask: u64,
    ) -> Verdict {
        if (range.start * rules.page_bytes as u64) & mask != 0 {
            return Err(KernReturn::NO_SPACE);
        }
        if !rules.has(&range) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        let stays = self.pages.range(range.clone()).any(|(_, p)| p.permanent);
        let taken = if overwrite {
            stays
        } else {
            !self.is_free(&range)
        };
        if taken || self.over_size(&range) {
            return Err(KernReturn::NO_SPACE);
        }
        Ok(range)
    }

    /// The lowest place of so many pages; `mask` is of addresses.
    pub fn check_anywhere(&self, rules: Rules, count: u64, mask: u64) -> Verdict {
        self.check_above(rules, rules.first, count, mask)
    }

    /// The same at or above a page.
    pub fn check_above(&self, rules: Rules, from: u64, count: u64, mask: u64) -> Verdict {
        let page = rules.page_bytes as u64;
        let ranges =
            (from.max(rules.first)..rules.end).map(|start| start..start.saturating_add(count));
        let mut fitting = ranges
            .filter(|range| (range.start * page) & mask == 0)
            .filter(|range| rules.has(range) && self.is_free(range));
        let lowest = fitting.next().ok_or(KernReturn::NO_SPACE)?;
        if self.over_size(&lowest) {
            return Err(KernReturn::NO_SPACE);
        }
        Ok(lowest)
    }

    /// Where new memory went that goes to a random place: somewhere free, or nowhere, because a
    /// thousand random tries may all miss.
    pub fn check_random(
        &self,
        rules: Rules,
        answer: Result<u64, KernReturn>,
        count: u64,
        mask: u64,
    ) -> Verdict {
        let lowest = self.check_anywhere(rules, count, mask);
        let (Ok(at), Ok(_)) = (answer, &lowest) else {
            return lowest.and_then(|range| match answer {
                Err(KernReturn::NO_SPACE) => Err(KernReturn::NO_SPACE),
                _ => Ok(range),
            });
        };
        let start = at / rules.page_bytes as u64;
        self.check_fixed(rules, start..start + count, false, mask)
    }

    /// Whether the task would have more than it may, if the range were all mapped.
    fn over_size(&self, range: &Range<u64>) -> bool {
        let there = self.pages.range(range.clone()).count() as u64;
        self.pages.len() as u64 - there + (range.end - range.start) > self.size_limit
    }

    pub fn check_deallocate(&self, rules: Rules, span: Span) -> Verdict {
        if span.size == 0 {
            return Ok(NOTHING);
        }
        let range = rules.pages(span);
        range.map_err(always(KernReturn::INVALID_ARGUMENT))
    }

    /// Page by page, a hole or too much.
    pub fn check_protect(&self, rules: Rules, span: Span, word: u32) -> Verdict {
        if span.size == 0 {
            return Ok(NOTHING);
        }
        let wanted = protection(word, VM_PROT_COPY)?;
        let range = rules.pages(span).map_err(|wraps| match wraps {
            Wraps::Rounded if span.addr < rules.page_bytes as u64 => KernReturn::INVALID_ADDRESS,
            _ => KernReturn::INVALID_ARGUMENT,
        })?;
        let also = match word & VM_PROT_COPY {
            0 => Protection::NONE,
            _ => Protection::WRITE,
        };
        for page in range.clone() {
            let Some(page) = self.pages.get(&page) else {
                return Err(KernReturn::INVALID_ADDRESS);
            };
            if !(page.maximum | also).contains(wanted) || rules.refuses(wanted) {
                return Err(KernReturn::PROTECTION_FAILURE);
            }
        }
        Ok(range)
    }

    /// Holes are skipped; what a submap shows is not copied.
    pub fn check_inherit(&self, rules: Rules, span: Span, word: u32) -> Verdict {
        if span.size == 0 {
            return Ok(NOTHING);
        }
        let wanted = inherit(word)?;
        let range = rules.pages(span);
        let range = range.map_err(always(KernReturn::INVALID_ARGUMENT))?;
        let over = self.pages.range(range.clone()).any(|(_, page)| page.over);
        if wanted == Inherit::Copy && over {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        Ok(range)
    }

    /// A hole anywhere; then page by page, too little protection or too much wired.
    pub fn check_wire(&self, rules: Rules, span: Span, word: u32) -> Verdict {
        if span.size == 0 {
            return Ok(NOTHING);
        }
        let range = rules.pages(span);
        let range = range.map_err(always(KernReturn::INVALID_ARGUMENT))?;
        let access = protection(word, 0)?;
        let range = rules.within(range);
        self.check_mapped(range.clone())?;
        let wired = self.pages.values().filter(|page| page.wired > 0).count() as u64;
        let mut left = self.wire_limit.saturating_sub(wired);
        for (_, page) in self.pages.range(range.clone()) {
            if !page.protection.contains(access) {
                return Err(KernReturn::PROTECTION_FAILURE);
            }
            if page.wired == 0 {
                left = left.checked_sub(1).ok_or(KernReturn::RESOURCE_SHORTAGE)?;
            }
        }
        let mut pages = self.pages.range(range.clone());
        if pages.any(|(_, page)| !page.is_there()) {
            return Err(KernReturn::MEMORY_ERROR);
        }
        Ok(range)
    }

    /// Whether too little protection may be the answer before too much wired: all that one entry shows
    /// of a submap is looked at for the one before the other.
    pub fn may_lack(&self, range: Range<u64>, access: u32) -> bool {
        let access = Protection::from_bits_truncate(access as u8);
        let pages = || self.pages.range(range.clone());
        let lacks = pages().any(|(_, page)| !page.protection.contains(access));
        lacks && pages().any(|(_, page)| page.over)
    }

    /// The first page must be mapped; holes are skipped.
    pub fn check_unwire(&self, rules: Rules, span: Span) -> Verdict {
        if span.size == 0 {
            return Ok(NOTHING);
        }
        let range = rules.pages(span);
        let range = rules.within(range.map_err(always(KernReturn::INVALID_ARGUMENT))?);
        if !range.is_empty() && !self.pages.contains_key(&range.start) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        Ok(range)
    }

    /// Whether all of a range is mapped.
    pub fn check_mapped(&self, range: Range<u64>) -> Answer {
        self.check_right(range, Protection::NONE)
    }

    /// Whether every page of the range has a right: the first that does not is the answer.
    pub fn check_right(&self, mut range: Range<u64>, right: Protection) -> Answer {
        let failed = range.find_map(|page| match self.pages.get(&page) {
            None => Some(KernReturn::INVALID_ADDRESS),
            Some(page) if !page.protection.contains(right) => Some(KernReturn::PROTECTION_FAILURE),
            Some(_) => None,
        });
        failed.map_or(Ok(()), Err)
    }
}
