//! The machine and the locks, by their names in this crate; the upcalls of `sync::Platform`.
//!
//! Owns: type aliases and the ranks of this crate's own locks. Does not own: the locks.

use sync::Rank;
use crate::files::FilePager;

/// The machine, and the pager of its files.
pub type Machine = arch::machine::Machine<FilePager>;

/// A spin lock.
pub type SpinLock<R, T> = sync::SpinLock<Machine, R, T>;

macro_rules! ranks {
    ($($(#[$doc:meta])* $name:ident = $rank:expr, $text:literal $(, $option:ident)?;)*) => {
        $($(#[$doc])* pub struct $name;
        impl Rank for $name {
            const RANK: u8 = $rank;
            const NAME: &'static str = $text;
            $(const $option: bool = true;)?
        })*
    };
}

ranks! {
    /// Who waits on which word of a program.
    UlockRank = 4, "ulocks";
    /// A task's descriptors.
    FilesRank = 5, "descriptors";
    /// One pipe.
    PipeRank = 6, "pipe";
    /// A task's small state: signals, directory, names.
    TaskStateRank = 7, "task state";
    /// The process table.
    TableRank = sync::rank::TASK, "process table";
    /// Part of a block changes.
    BlockBytesRank = 10, "partial blocks";
    /// Block devices: requests, frames, rules.
    BlockRank = 48, "block devices", INTERRUPT;
    /// Free kernel stacks.
    StackRank = 9, "kernel stacks";
    /// The scheduler's books.
    BooksRank = sync::rank::SCHEDULER, "scheduler", INTERRUPT;
    /// The terminal's state.
    TerminalRank = 50, "terminal", INTERRUPT;
    /// One line of output.
    ConsoleRank = sync::rank::CONSOLE, "console", INTERRUPT;
}
