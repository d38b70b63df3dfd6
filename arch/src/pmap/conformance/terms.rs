//! What a conformance run is given and what it answers.
//!
//! Owns: the program's description, the counts of what it met, the failure, the [`Observer`].
//! Does not own: the run.

use crate::pmap::hardware::Hardware;
use crate::pmap::{Paging, Pmap, PteFormat};
use core::fmt;
use vm::addr::{Range, VirtAddr};

/// Sees what a processor would: told of every pmap before and after a batch is done.
pub trait Observer<F: PteFormat, H: Hardware> {
    /// The pmap is about to change: a CPU runs on it and may keep any translation of these addresses.
    fn run(
        &mut self,
        paging: &Paging<F, H>,
        pmap: &Pmap<H>,
        addresses: &mut dyn Iterator<Item = VirtAddr>,
    );
    /// The tables changed, and the batch is not done yet. Errors: what must not be even now.
    fn changed(&mut self, paging: &Paging<F, H>) -> Result<(), &'static str>;
    /// The batch is done. Errors: a translation is still kept that the tables no longer give.
    fn synced(&mut self, paging: &Paging<F, H>, pmap: &Pmap<H>) -> Result<(), &'static str>;
}

/// Sees nothing: for machines whose TLBs cannot be looked into.
#[derive(Debug)]
pub struct Blind;

impl<F: PteFormat, H: Hardware> Observer<F, H> for Blind {
    fn run(&mut self, _: &Paging<F, H>, _: &Pmap<H>, _: &mut dyn Iterator<Item = VirtAddr>) {}
    fn changed(&mut self, _: &Paging<F, H>) -> Result<(), &'static str> {
        Ok(())
    }
    fn synced(&mut self, _: &Paging<F, H>, _: &Pmap<H>) -> Result<(), &'static str> {
        Ok(())
    }
}

/// What a program shall be.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Decides everything.
    pub seed: u64,
    /// Steps.
    pub steps: u32,
    /// Kernel addresses that nobody else uses, at least four leaf tables long.
    pub kernel_window: Range,
}

/// How often each kind of step was taken, so that a run which met too little can fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Met {
    /// Pages entered where nothing was.
    pub entered: u32,
    /// Pages entered over another page.
    pub replaced: u32,
    /// The same page with other rights.
    pub changed: u32,
    /// Times the reserve was filled.
    pub refilled: u32,
    /// Mappings removed by range.
    pub removed: u32,
    /// Mappings lowered by range.
    pub lowered: u32,
    /// Mappings disconnected by page.
    pub disconnected: u32,
    /// Wired mappings that stayed.
    pub stayed: u32,
    /// The most mappings that one page had.
    pub most_mappers: u32,
    /// Pmaps ended with mappings in them.
    pub destroyed: u32,
}

/// What went wrong, and at which step.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// The step's number.
    pub step: u32,
    /// What was being done.
    pub doing: &'static str,
    /// What differs.
    pub what: &'static str,
    /// Where.
    pub at: u64,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "step {}, {}: {} at {:#x}",
            self.step, self.doing, self.what, self.at
        )
    }
}
