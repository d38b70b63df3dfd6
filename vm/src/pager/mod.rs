//! Pagers: where an object's pages come from and where they go (xnu-vm.md §8.1).
//!
//! Owns: the memory-object interface, [`Pager`]; the requests that are made through it; what `vm` keeps
//! of an object that has a pager.
//! Does not own: a disk, a file system, a file's size in bytes on it; those are the pager's.
//!
//! | file | what it is |
//! |---|---|
//! | `request`, `run` | a run of pages on its way in or out, answered at once or later |
//! | `paging` | what is kept of an object that has a pager |
//! | `page_in` | an empty slot gets its page |
//! | `ahead` | how much is read with the page that is wanted |
//! | `dirty` | which pages the pager has not got yet |
//! | `table` | from a page to its object |
//! | `notice` | what a pager is told of its object |
//! | `laundry` | dirty pages whose frames are wanted |
//! | `evict` | clean pages leave memory |
//! | `page_out` | dirty pages go to the pager: `object_sync`, write-behind |
//!
//! | state of a page | meets a reader | meets a writer | meets a truncation, an eviction |
//! |---|---|---|---|
//! | busy: it is on its way in | waits | waits | waits; passes by |
//! | cleaning: it is on its way out | goes on | goes on, and the page is dirty again | waits; passes by |
//!
//! Why a page on its way out is not busy: its contents are valid, and the disk may take long. A writer
//! may change it under the pager's hands; then the disk gets some of the new bytes early, and all of them
//! with the next write, for the page was marked clean, and its mappings write-protected on every CPU,
//! before the pager looked at it. Only its frame must stay: who takes it away waits.
//!
//! Locks: a pager is called with none held, and may sleep.

mod ahead;
mod dirty;
mod evict;
mod laundry;
pub(crate) mod notice;
pub(crate) mod page_in;
mod page_out;
pub(crate) mod paging;
pub(crate) mod request;
mod run;
pub(crate) mod table;

use crate::machine::Machine;

pub use ahead::Ahead;
pub use page_out::SyncFlags;
pub use request::{Later, PageIn, PageOut};

/// Why a pager could not do what it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PagerError {
    /// The device failed: `EIO`.
    Io,
    /// There is no room for what was to be written: `ENOSPC`.
    NoSpace,
    /// The pager lacks memory: `ENOMEM`.
    NoMemory,
    /// The pager is gone, or gave a request up without an answer.
    Gone,
}

/// A memory object: supplies the pages of one object and takes them back.
///
/// Every call comes with no lock of `vm` held and may sleep. Other threads wait for the pages meanwhile, so
/// a pager takes no lock that a thread may hold while it uses memory of this `Vm`: copies to or from a
/// program, `object_read`, `object_write`, an allocation that may wait for memory.
///
/// The value is a handle. It is dropped with the object's memory, long after [`Pager::terminate`], where
/// spin locks may be held: its `Drop` gives up a counted reference, no more.
///
/// `M` is the machine that uses it; the trait does not ask that it is one, so that a machine may be generic over
/// its pager.
pub trait Pager<M>: Send + Sync + 'static {
    /// The object is made (`memory_object_init`); `object` is the number that `object_id` answers.
    fn initialize(&self, _object: u64) {}

    /// Fills the frames of a run (`memory_object_data_request`). Bytes that the pager has none for, in a
    /// hole or beyond the end of the file, it fills with zeros: a frame's old contents are another's
    /// secret. A return ends the request, unless [`PageIn::defer`] was called.
    ///
    /// # Errors
    /// What the task gets to feel that needs the first wanted page; nobody else.
    fn data_request(&self, pages: &mut PageIn<'_, M>) -> Result<(), PagerError>
    where
        M: Machine;

    /// Writes the frames of a run (`memory_object_data_return`). Bytes beyond the end of the file are not
    /// the file's: a pager that stores whole blocks stores zeros in their place, for the file may become
    /// longer. Programs may write the frames meanwhile. A return ends the request, unless
    /// [`PageOut::defer`] was called.
    ///
    /// # Errors
    /// The pages are dirty again then, and the next `object_sync` says why.
    fn data_return(&self, pages: &mut PageOut<'_, M>) -> Result<(), PagerError>
    where
        M: Machine;

    /// All that was returned so far is to survive a power cut (`memory_object_synchronize`).
    ///
    /// # Errors
    /// It may not.
    fn synchronize(&self) -> Result<(), PagerError> {
        Ok(())
    }

    /// Something maps the object that nothing mapped before (`memory_object_map`). `map` and `last_unmap`
    /// come in turns, `map` before the mapping can be used.
    fn map(&self) {}

    /// Nothing maps the object any more (`memory_object_last_unmap`).
    fn last_unmap(&self) {}

    /// The object has ended (`memory_object_terminate`): no call comes after this one. What was dirty is
    /// gone.
    fn terminate(&self) {}
}

/// The pager of a machine whose objects have none.
#[derive(Clone, Copy, Debug)]
pub enum NoPager {}

impl<M> Pager<M> for NoPager {
    fn data_request(&self, _: &mut PageIn<'_, M>) -> Result<(), PagerError>
    where
        M: Machine,
    {
        match *self {}
    }

    fn data_return(&self, _: &mut PageOut<'_, M>) -> Result<(), PagerError>
    where
        M: Machine,
    {
        match *self {}
    }
}
