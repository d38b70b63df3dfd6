//! What programs do: they touch bytes through the TLBs of CPUs, and what they see is compared.
//!
//! Owns: the access itself, and the comparison of bytes.

use super::care::Purged;
use super::system::{Failure, Outcome, System};
use vm::fault::FaultError;
use vm::page::PageState;
use vm::sim::Access;
use vm::{Machine, PageId, Protection, VirtAddr};

/// Why an access did not happen.
#[derive(Debug)]
pub enum Stop {
    Fault(FaultError),
    Wrong(String),
}

impl<const SHIFT: u32> System<SHIFT> {
    /// A program of task `n` on `cpu` touches a byte.
    pub fn touch(
        &mut self,
        n: usize,
        cpu: u8,
        at: u64,
        access: Access,
    ) -> Result<Outcome, Failure> {
        let (page, offset) = (at >> SHIFT, at % (1 << SHIFT));
        let known = self.tasks[n].model.pages.get(&page).cloned();
        let expected = match &known {
            None => Err(FaultError::InvalidAddress),
            Some(page) if !page.protection.contains(access.protection()) => {
                Err(FaultError::ProtectionFailure)
            }
            Some(page) if !page.is_there() => Err(FaultError::MemoryError),
            Some(_) => Ok(()),
        };
        let seen = self.access(n, cpu, VirtAddr(at), access);
        let open = known.as_ref().is_some_and(|page| page.is_open());
        let expected = match (&seen, expected) {
            (Ok(_), Err(FaultError::MemoryError)) if open => Ok(()),
            (_, expected) => expected,
        };
        let ends = matches!(seen, Err(Stop::Fault(FaultError::MemoryError)));
        if open && (seen.is_ok() || ends) {
            self.decide_end(n, page, !ends);
        }
        let seen = match (seen, expected) {
            (Ok(seen), Ok(())) => seen,
            (Err(Stop::Fault(FaultError::Shortage)), Ok(()) | Err(FaultError::MemoryError))
                if self.setup.may_run_short =>
            {
                return Ok(Outcome::Short);
            }
            (Err(Stop::Fault(error)), Err(expected)) if error == expected => {
                self.count(Some(error.into()));
                return Ok(Outcome::Agreed);
            }
            (Err(Stop::Wrong(what)), _) => return Err(what),
            (seen, expected) => {
                return Err(format!(
                    "access to page {page:#x}: {seen:?}, the reference {expected:?}"
                ));
            }
        };
        let Some(known) = known else {
            return Err("unreachable".into());
        };
        self.count(None);
        self.notice_purges(Purged::IfShort)?;
        if let Access::Write(_) = access {
            self.check_written(n, page)?;
        }
        let written = match access {
            Access::Write(value) => Some((offset as usize, value)),
            Access::Read => None,
        };
        self.resolve(&known.cell, seen.1, written)?;
        let byte = &mut known.cell.borrow_mut()[offset as usize];
        if let Access::Write(value) = access {
            *byte = value;
        }
        if seen.0 != *byte {
            return Err(format!(
                "page {page:#x} offset {offset:#x}: read {:#04x}, the reference {:#04x}",
                seen.0, *byte
            ));
        }
        if known.wired > 0 && known.protection.contains(Protection::WRITE) {
            let first = *self.tasks[n].wired_frames.entry(page).or_insert(seen.1);
            if first != seen.1 {
                return Err(format!(
                    "I-PAGE-3: the wired page {page:#x} moved from {first:?} to {:?}",
                    seen.1
                ));
            }
        }
        Ok(Outcome::Agreed)
    }

    /// The access itself: through the TLB of the CPU, faulting as often as it takes, which is once.
    pub fn access(
        &self,
        n: usize,
        cpu: u8,
        at: VirtAddr,
        access: Access,
    ) -> Result<(u8, PageId), Stop> {
        let task = &self.tasks[n];
        sync::host::enter(Some(usize::from(cpu)), None);
        for _ in 0..3 {
            if let Ok((byte, frame)) =
                self.vm
                    .machine()
                    .access(usize::from(cpu), self.vm.pmap(&task.map), at, access)
            {
                let state = self.vm.frames().pages().get(frame).state();
                if matches!(state, PageState::Free | PageState::FreeLocal) {
                    return Err(Stop::Wrong(format!(
                        "I-TLB-1: an access at {at:?} reached the free frame {frame:?}"
                    )));
                }
                return Ok((byte, frame));
            }
            self.vm
                .fault(&task.map, at, access.protection())
                .map_err(Stop::Fault)?;
        }
        Err(Stop::Wrong(format!("an access at {at:?} faults for ever")))
    }

    /// Compares every byte that a task may read.
    pub fn check_contents(&mut self, n: usize, cpu: u8) -> Result<Outcome, Failure> {
        let pages: Vec<u64> = self.tasks[n].model.pages.keys().copied().collect();
        for page in pages {
            let known = self.tasks[n].model.pages[&page].clone();
            if !known.protection.contains(Protection::READ) || known.is_open() {
                continue;
            }
            match self.access(n, cpu, VirtAddr(page << SHIFT), Access::Read) {
                Ok(_) if !known.is_there() => {
                    return Err(format!("page {page:#x} is beyond its file's end"));
                }
                Ok((_, frame)) => {
                    self.notice_purges(Purged::IfShort)?;
                    self.resolve(&known.cell, frame, None)?;
                    let mut bytes = vec![0; 1 << SHIFT];
                    self.vm.machine().read_page(frame, 0, &mut bytes);
                    if let Some(at) =
                        (0..bytes.len()).find(|at| bytes[*at] != known.cell.borrow()[*at])
                    {
                        return Err(format!(
                            "page {page:#x} offset {at:#x}: {:#04x}, the reference {:#04x}",
                            bytes[at],
                            known.cell.borrow()[at]
                        ));
                    }
                }
                Err(Stop::Fault(FaultError::Shortage)) if self.setup.may_run_short => {
                    return Ok(Outcome::Short);
                }
                Err(Stop::Fault(FaultError::MemoryError)) if !known.is_there() => {}
                Err(stop) => return Err(format!("page {page:#x}: {stop:?}")),
            }
        }
        Ok(Outcome::Agreed)
    }
}
