//! What a conformance run is given and what it answers.
//!
//! Owns: the program's description, the counts of what it met, the failure, the [`Observer`].
//! Does not own: the run.

use crate::addr::{PageId, Range, VirtAddr};
use crate::machine::Machine;
use core::fmt;

/// Sees what a processor would: told of every pmap before and after a batch is done.
pub trait Observer<M: Machine> {
    /// The pmap is about to change: a CPU runs on it and may keep any translation of these addresses.
    fn run(&mut self, machine: &M, pmap: &M::Pmap, addresses: &mut dyn Iterator<Item = VirtAddr>);
    /// The tables changed, and the batch is not done yet. Errors: what must not be even now.
    fn changed(&mut self, machine: &M) -> Result<(), &'static str>;
    /// The batch is done. Errors: a translation is still kept that the tables no longer give.
    fn synced(&mut self, machine: &M, pmap: &M::Pmap) -> Result<(), &'static str>;
}

/// Sees nothing: for machines whose TLBs cannot be looked into.
#[derive(Debug)]
pub struct Blind;

impl<M: Machine> Observer<M> for Blind {
    fn run(&mut self, _: &M, _: &M::Pmap, _: &mut dyn Iterator<Item = VirtAddr>) {}
    fn changed(&mut self, _: &M) -> Result<(), &'static str> {
        Ok(())
    }
    fn synced(&mut self, _: &M, _: &M::Pmap) -> Result<(), &'static str> {
        Ok(())
    }
}

/// How a machine comes to know that a page was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notes {
    /// The hardware notes it in the entry; software may note it early.
    Hardware,
    /// By a fault: who may write counts as having written, and to forget it takes the permission away.
    Faults,
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
    /// Addresses that a user pmap may have, at least six leaf tables long, from a leaf table's start on.
    pub user_window: Range,
    /// What the model expects of `RefMod::MODIFIED`.
    pub notes: Notes,
    /// The first page of a superpage's run that nobody else uses. [`conform`](super::conform) takes one itself.
    pub run: Option<PageId>,
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
    /// Mappings whose page came to count as something else.
    pub accounted: u32,
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
    /// Tables of the nested pmap that another one came to show; 0 on a machine that cannot nest.
    pub nested: u32,
    /// Tables that one ceased to show, by itself or with its end.
    pub unnested: u32,
    /// Mappings of the nested pmap that went or were lowered while others showed them.
    pub shown: u32,
    /// Superpages entered where none was; 0 on a machine that has none.
    pub superpages: u32,
    /// Superpages that went or were lowered by a part.
    pub parts: u32,
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
