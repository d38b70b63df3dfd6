//! Both sides of copies that are on their way: `vm_map_copyin`, `copyout`, `copy_overwrite`, and
//! `mach_vm_read`, which is the first two at once.
//!
//! Owns: the one copy that a system holds, whatever else happens meanwhile.

use super::reference::{Cell, Page, Rules, Span, Task, fresh};
use super::system::{Failure, Outcome, Sim, System};
use super::verdict::{self, Answer, Verdict, always};
use vm::sanitize::UserAddr;
use vm::{KernReturn, MapCopy, Protection};

/// Bytes of one moment.
pub struct Held<const SHIFT: u32> {
    copy: MapCopy<Sim<SHIFT>>,
    moment: Moment,
}

/// The same in the reference.
struct Moment {
    bytes: Vec<u8>,
    /// Where they begin in the first of the pages.
    inside: u64,
    /// What becomes mapped: whole pages of a large copy, of a small one its bytes and zeros.
    pages: Vec<Cell>,
    small: bool,
}

impl Moment {
    fn of(rules: Rules, task: &Task, span: Span) -> Self {
        let bytes = task.bytes(rules, span);
        let page = rules.page_bytes;
        if rules.is_small(span.size) {
            let padded = |chunk: &[u8]| {
                let mut padded = chunk.to_vec();
                padded.resize(page, 0);
                Cell::new(padded.into())
            };
            return Moment {
                pages: bytes.chunks(page).map(padded).collect(),
                bytes,
                inside: 0,
                small: true,
            };
        }
        let range = rules.pages(span).unwrap_or(verdict::NOTHING);
        Moment {
            bytes,
            inside: span.addr % page as u64,
            pages: range.map(|n| fresh(&task.pages[&n].cell)).collect(),
            small: false,
        }
    }

    /// The code of what may not be reached.
    fn code(small: bool) -> impl Fn(KernReturn) -> KernReturn {
        move |code| match code {
            KernReturn::PROTECTION_FAILURE if small => KernReturn::INVALID_ADDRESS,
            code => code,
        }
    }
}

impl Rules {
    /// Whether a copy is small: then `INVALID_ADDRESS` is the code of whatever is wrong.
    pub fn is_small(self, size: u64) -> bool {
        size <= (2 * self.page_bytes as u64).max(16 * 1024)
    }

    /// The pages of a copy; none of an empty one.
    pub fn copied(self, span: Span) -> Verdict {
        match span.size {
            0 => Ok(verdict::NOTHING),
            _ => self
                .pages(span)
                .map_err(always(KernReturn::INVALID_ADDRESS)),
        }
    }
}

impl<const SHIFT: u32> System<SHIFT> {
    /// What taking a copy answers.
    fn check_copy_in(&self, n: usize, span: Span) -> Answer {
        let range = self.rules.copied(span)?;
        let readable = self.tasks[n].model.check_right(range, Protection::READ);
        readable.map_err(Moment::code(self.rules.is_small(span.size)))
    }

    pub fn copy_in(&mut self, n: usize, span: Span) -> Result<Outcome, Failure> {
        let range = self.rules.copied(span).unwrap_or(verdict::NOTHING);
        if self.is_unsure(n, range) {
            return Ok(Outcome::Agreed);
        }
        let (addr, size) = span.user();
        let taken = self.vm.copy_in(&self.tasks[n].map, addr, size);
        let expected = self.check_copy_in(n, span);
        let answer = match taken {
            Err(code) => Err(code),
            Ok(copy) => {
                if expected.is_ok() {
                    if copy.len() != span.size || copy.is_empty() != (span.size == 0) {
                        return Err(format!("a copy of {} bytes", copy.len()));
                    }
                    let moment = Moment::of(self.rules, &self.tasks[n].model, span);
                    self.discard_copy();
                    self.held = Some(Held { copy, moment });
                }
                Ok(())
            }
        };
        self.settle(answer, expected, n, |_| ())
    }

    pub fn copy_out(&mut self, n: usize) -> Result<Outcome, Failure> {
        let Some(Held { copy, moment }) = self.held.take() else {
            return Ok(Outcome::Agreed);
        };
        let answer = self.vm.copy_out(&self.tasks[n].map, copy);
        self.settle_copy(n, answer.map(|at| at.0), moment)
    }

    /// `mach_vm_read`.
    pub fn read_out(&mut self, n: usize, span: Span, into: usize) -> Result<Outcome, Failure> {
        let range = self.rules.copied(span).unwrap_or(verdict::NOTHING);
        if self.is_unsure(n, range) {
            return Ok(Outcome::Agreed);
        }
        let (addr, size) = span.user();
        let (from, to) = (&self.tasks[n].map, &self.tasks[into].map);
        let answer = self.vm.read(from, addr, size, to).map(|at| at.0);
        let expected = match span.size {
            size if size > u64::from(u32::MAX) => Err(KernReturn::INVALID_ARGUMENT),
            _ => self.check_copy_in(n, span),
        };
        match expected {
            Err(code) => self.settle(answer.map(drop), Err(code), into, |_| ()),
            Ok(()) => {
                let moment = Moment::of(self.rules, &self.tasks[n].model, span);
                self.settle_copy(into, answer, moment)
            }
        }
    }

    /// A copy became new memory.
    fn settle_copy(
        &mut self,
        n: usize,
        answer: Result<u64, KernReturn>,
        moment: Moment,
    ) -> Result<Outcome, Failure> {
        let model = &self.tasks[n].model;
        let expected = match moment.pages.len() as u64 {
            0 => Ok(verdict::NOTHING),
            count => model.check_anywhere(self.rules, count, 0),
        };
        let answer = answer.map(|at| at.wrapping_sub(moment.inside));
        self.settle_place(answer, expected, n, |page| {
            Page::of(moment.pages[page as usize].clone())
        })
    }

    /// The held copy replaces what is at an address.
    pub fn copy_overwrite(&mut self, n: usize, addr: u64) -> Result<Outcome, Failure> {
        let Some(Held { copy, moment }) = self.held.take() else {
            return Ok(Outcome::Agreed);
        };
        let size = moment.bytes.len() as u64;
        let range = self.rules.copied(Span { addr, size });
        if self.is_unsure(n, range.clone().unwrap_or(verdict::NOTHING)) {
            self.held = Some(Held { copy, moment });
            return Ok(Outcome::Agreed);
        }
        let task = &self.tasks[n];
        let answer = self.vm.copy_overwrite(&task.map, UserAddr(addr), copy);
        let writable = |range| task.model.check_right(range, Protection::WRITE);
        let expected = range.and_then(writable).map_err(Moment::code(moment.small));
        let rules = self.rules;
        self.settle(answer, expected, n, |task| {
            task.model.write(rules, addr, &moment.bytes);
        })
    }

    pub fn discard_copy(&mut self) {
        if let Some(held) = self.held.take() {
            self.vm.copy_discard(held.copy);
        }
    }
}
