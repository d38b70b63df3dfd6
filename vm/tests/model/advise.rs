//! Advice about a range, and its caches: `vm_behavior_set`, `msync`, `machine_attribute`.
//!
//! Owns: both sides of each of them. Does not own: contents in doubt (`care`).

use super::reference::{Cell, Rules, Span, Task};
use super::system::{Outcome, System};
use super::verdict::{self, Verdict, Wraps, always};
use vm::sanitize::{UserBehavior, UserFlags};
use vm::{KernReturn, Protection};

pub const FREE: i32 = 6;
pub const ZERO_WIRED: i32 = 7;
pub const REUSABLE: i32 = 8;
pub const ZERO: i32 = 12;

const SYNC_ASYNC: u32 = 1;
const SYNC_SYNC: u32 = 2;
const SYNC_KILLPAGES: u32 = 8;
const SYNC_CONTIGUOUS: u32 = 0x20;

/// Flags of `msync`: INVALIDATE, DEACTIVATE and REUSABLEPAGES too.
pub const SYNC: [u32; 8] = [
    0,
    SYNC_ASYNC,
    SYNC_SYNC,
    4,
    SYNC_KILLPAGES,
    0x10,
    SYNC_CONTIGUOUS,
    0x40,
];

impl<const SHIFT: u32> System<SHIFT> {
    pub fn advise(&mut self, n: usize, span: Span, advice: i32) -> Result<Outcome, String> {
        let model = &self.tasks[n].model;
        let expected = model.check_advice(self.rules, span, advice);
        let range = self.rules.pages(span).unwrap_or(verdict::NOTHING);
        let pages = model.pages.range(range).map(|(_, page)| page);
        if pages.clone().any(|page| page.over) {
            // What a submap shows takes its own advice: `tests::submap` looks at that.
            return Ok(Outcome::Agreed);
        }
        let own = pages.filter(|page| advice == ZERO || !page.is_files());
        let cells: Vec<Cell> = own.map(|page| page.cell.clone()).collect();
        let (addr, size) = span.user();
        let advised = UserBehavior(advice);
        let answer = self.vm.behavior(&self.tasks[n].map, addr, size, advised);
        let outcome = self.settle_range(answer, expected.clone(), n, |task, range| {
            task.model.change(range, |page| match advice {
                0..=3 => page.behavior = advice as u8,
                ZERO_WIRED => page.zero_wired = true,
                _ => {}
            });
        })?;
        match (advice, outcome) {
            _ if expected.is_err() => {}
            (ZERO, Outcome::Agreed) => {
                for cell in cells {
                    self.decide(&cell, |bytes| bytes.fill(0));
                }
            }
            // What was reached before memory was short is zeros.
            (FREE, _) | (ZERO, Outcome::Short) => self.doubts.extend(cells),
            _ => {}
        }
        Ok(outcome)
    }

    pub fn sync(&mut self, n: usize, span: Span, flags: u32) -> Result<Outcome, String> {
        self.observe(n);
        let model = &self.tasks[n].model;
        let expected = model.check_sync(self.rules, span, flags);
        let range = expected.clone().unwrap_or(verdict::NOTHING);
        let pages = model.pages.range(range).map(|(_, page)| page);
        let own = pages.filter(|page| !page.over && !page.is_files());
        let cells: Vec<Cell> = own.map(|page| page.cell.clone()).collect();
        let (addr, size) = span.user();
        let answer = self
            .vm
            .msync(&self.tasks[n].map, addr, size, UserFlags(flags));
        if flags & SYNC_KILLPAGES != 0 {
            self.doubts.extend(cells);
        }
        self.settle_range(answer, expected, n, |_, _| ())
    }

    pub fn look(
        &mut self,
        n: usize,
        span: Span,
        attribute: u32,
        value: i32,
    ) -> Result<Outcome, String> {
        let (addr, size) = span.user();
        let task = &self.tasks[n];
        let expected = task.model.check_attribute(self.rules, span, attribute);
        let answer = self
            .vm
            .machine_attribute(&task.map, addr, size, attribute, value);
        let agrees = match answer {
            // Something was resident, and the machine does not maintain its caches.
            Err(KernReturn::INVALID_ADDRESS) if SHIFT == 12 && expected.is_ok() => span.size != 0,
            answer => answer == expected.map(drop),
        };
        if !agrees {
            return Err(format!("attribute: {answer:?}"));
        }
        self.count(answer.err());
        Ok(Outcome::Agreed)
    }
}

impl Task {
    /// XNU's order: the advice, then the range, holes, rights.
    fn check_advice(&self, rules: Rules, span: Span, advice: i32) -> Verdict {
        if !matches!(advice, 0..=10 | 12) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        if span.size == 0 {
            return Ok(verdict::NOTHING);
        }
        let range = rules.pages(span).map_err(|wraps| match wraps {
            Wraps::Sum => KernReturn::INVALID_ARGUMENT,
            Wraps::Rounded => KernReturn::NO_SPACE,
        })?;
        if !rules.has(&range) {
            return Err(KernReturn::NO_SPACE);
        }
        self.check_mapped(range.clone())?;
        if matches!(advice, ZERO_WIRED | REUSABLE | ZERO) {
            self.check_right(range.clone(), Protection::WRITE)?;
        }
        Ok(range)
    }

    fn check_attribute(&self, rules: Rules, span: Span, attribute: u32) -> Verdict {
        const CACHE: u32 = 1;
        if span.size == 0 {
            return Ok(verdict::NOTHING);
        }
        let range = rules.pages(span).map_err(|wraps| match wraps {
            Wraps::Sum => KernReturn::INVALID_ARGUMENT,
            Wraps::Rounded => KernReturn::INVALID_ADDRESS,
        })?;
        if !rules.has(&range) || attribute != CACHE {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        let mapped = self.check_mapped(range.clone());
        mapped.map_err(|_| KernReturn::FAILURE)?;
        Ok(range)
    }

    /// Holes matter only if they are asked about; bounds do not.
    fn check_sync(&self, rules: Rules, span: Span, flags: u32) -> Verdict {
        const BOTH: u32 = SYNC_ASYNC | SYNC_SYNC;
        if span.size == 0 {
            return Ok(verdict::NOTHING);
        }
        if flags & BOTH == BOTH {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let range = rules.pages(span);
        let range = range.map_err(always(KernReturn::INVALID_ADDRESS))?;
        if flags & SYNC_CONTIGUOUS != 0 {
            self.check_mapped(range.clone())?;
        }
        Ok(range)
    }
}
