//! The page array: one record per managed frame.
//!
//! Owns: [`Page`], all of it atomics, and [`PageArray`], which finds a record by its number.
//! Does not own: what a page contains (its frame, `Machine`), who has it (the slots of `object`).
//! Locks: links and queue state belong to the lock of the queue the page is in; the owner is a hint
//! that its reader checks again under the object's lock; the counts and marks are atomic by themselves.

pub mod list;
pub mod queue;

use crate::addr::PageId;
use crate::machine::RefMod;
use crate::residence::Account;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

pub use list::PageList;
pub use queue::PageQueue;

/// No page: the end of a list.
pub(crate) const NO_PAGE: u32 = u32::MAX;

/// Where a page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum PageState {
    /// Taken by the boot, or by nobody yet: wired from the start.
    Boot = 0,
    /// In the global free queue.
    Free = 1,
    /// In a CPU's magazine of free pages.
    FreeLocal = 2,
    /// In no queue: on its way, in a batch, or held by who took it.
    Held = 3,
    /// In an active queue.
    Active = 4,
    /// In the inactive queue of memory without a pager.
    Inactive = 5,
    /// In the speculative queue.
    Speculative = 6,
    /// Belongs to an object and has wirings: in no queue.
    Wired = 7,
    /// The kernel's own: page tables, zone chunks, the zero frame.
    Kernel = 8,
    /// In the inactive queue of files.
    InactiveFile = 9,
    /// In the laundry: pageout has given it to its pager.
    Laundry = 10,
}

impl PageState {
    const fn from_bits(bits: u8) -> Self {
        match bits {
            1 => Self::Free,
            2 => Self::FreeLocal,
            3 => Self::Held,
            4 => Self::Active,
            5 => Self::Inactive,
            6 => Self::Speculative,
            7 => Self::Wired,
            8 => Self::Kernel,
            9 => Self::InactiveFile,
            10 => Self::Laundry,
            _ => Self::Boot,
        }
    }
}

/// Who has a page: the number of an object and the page's index in it. A hint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The object's number, its lowest 24 bits.
    pub object: u32,
    /// The page's index in the object: its lowest 40 bits.
    pub index: u64,
}

/// The record of one frame: 24 bytes.
#[derive(Default)]
#[repr(C)]
pub struct Page {
    pub(crate) next: AtomicU32,
    pub(crate) prev: AtomicU32,
    owner: AtomicU64,
    wirings: AtomicU32,
    state: AtomicU8,
    marks: AtomicU8,
    shard: AtomicU8,
    content: AtomicU8,
}

/// Whose contents a page has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Content {
    /// Anonymous memory.
    Internal = Account::Internal as u8,
    /// A file.
    External = Account::External as u8,
    /// Anonymous memory of an object whose owner is charged.
    Owned = Account::Owned as u8,
}

/// Among the marks: instruction caches have been told of the contents.
const FETCHABLE: u8 = 0x80;
/// Among the marks: some mapping may be writable, though others copy the page.
const WRITTEN_TO: u8 = 0x40;
/// Among the marks: an allocator keeps the page and needs nothing of what is in it.
const REUSABLE: u8 = 0x20;
/// Among the marks: a copy object may need the contents before they change.
const OWED: u8 = 0x10;
const OWNER_INDEX_BITS: u32 = 40;
const OWNER_INDEX: u64 = (1 << OWNER_INDEX_BITS) - 1;

impl Page {
    /// A record of a page that nobody has.
    pub const fn new() -> Self {
        Self {
            next: AtomicU32::new(NO_PAGE),
            prev: AtomicU32::new(NO_PAGE),
            owner: AtomicU64::new(0),
            wirings: AtomicU32::new(0),
            state: AtomicU8::new(0),
            marks: AtomicU8::new(0),
            shard: AtomicU8::new(0),
            content: AtomicU8::new(0),
        }
    }

    /// Where the page is.
    #[inline]
    pub fn state(&self) -> PageState {
        PageState::from_bits(self.state.load(Relaxed))
    }

    /// Puts the page elsewhere. The caller holds what the old and the new place need.
    #[inline]
    pub(crate) fn set_state(&self, state: PageState) {
        self.state.store(state as u8, Relaxed);
    }

    /// Which of the active queues the page is in, if it is active.
    #[inline]
    pub(crate) fn shard(&self) -> usize {
        usize::from(self.shard.load(Relaxed))
    }

    #[inline]
    pub(crate) fn set_shard(&self, shard: usize) {
        self.shard.store((shard & 0xff) as u8, Relaxed);
    }

    /// Whose contents the page has. Set while the page is in no queue.
    #[inline]
    pub fn content(&self) -> Content {
        match Account::from_bits(self.content.load(Relaxed).into()) {
            Account::Internal | Account::Reusable => Content::Internal,
            Account::External => Content::External,
            Account::Owned => Content::Owned,
        }
    }

    /// What the page counts as where it is mapped.
    #[inline]
    pub fn account(&self) -> Account {
        self.account_with(self.marks.load(Relaxed))
    }

    /// The same, and whether the page is owed, for the way of a fault.
    #[inline]
    pub(crate) fn owed_and_account(&self) -> (bool, Account) {
        let marks = self.marks.load(Relaxed);
        (marks & OWED != 0, self.account_with(marks))
    }

    #[inline]
    fn account_with(&self, marks: u8) -> Account {
        if marks & REUSABLE != 0 {
            return Account::Reusable;
        }
        Account::from_bits(self.content.load(Relaxed).into())
    }

    #[inline]
    pub(crate) fn set_content(&self, content: Content) {
        self.content.store(content as u8, Relaxed);
    }

    /// Who has the page, as far as it is known without a lock.
    pub fn owner(&self) -> Owner {
        let bits = self.owner.load(Relaxed);
        Owner {
            object: (bits >> OWNER_INDEX_BITS) as u32,
            index: bits & OWNER_INDEX,
        }
    }

    /// Notes who has the page. The object's lock is held for writing.
    #[inline]
    pub(crate) fn set_owner(&self, object: u32, index: u64) {
        let bits = u64::from(object) << OWNER_INDEX_BITS | (index & OWNER_INDEX);
        self.owner.store(bits, Relaxed);
    }

    /// How many wirings hold the page.
    #[inline]
    pub fn wirings(&self) -> u32 {
        self.wirings.load(Relaxed)
    }

    /// One wiring more, or `None` if the count is full. Answers the count before.
    pub(crate) fn add_wiring(&self) -> Option<u32> {
        self.wirings
            .fetch_update(Relaxed, Relaxed, |count| count.checked_add(1))
            .ok()
    }

    /// One wiring less. Answers the count after, or `None` if there was none (I-PAGE-4).
    pub(crate) fn remove_wiring(&self) -> Option<u32> {
        self.wirings
            .fetch_update(Relaxed, Relaxed, |count| count.checked_sub(1))
            .ok()
            .map(|before| before.wrapping_sub(1))
    }

    pub(crate) fn clear_wirings(&self) {
        self.wirings.store(0, Relaxed);
    }

    /// What was noted about the page in software: by `vm` when it filled or wrote the page.
    #[inline]
    pub fn marks(&self) -> RefMod {
        RefMod::from_bits_truncate(self.marks.load(Relaxed))
    }

    /// Whether instruction fetches see the frame's contents.
    #[inline]
    pub(crate) fn is_fetchable(&self) -> bool {
        self.marks.load(Relaxed) & FETCHABLE != 0
    }

    pub(crate) fn set_fetchable(&self) {
        self.marks.fetch_or(FETCHABLE, Relaxed);
    }

    pub(crate) fn clear_fetchable(&self) {
        self.marks.fetch_and(!FETCHABLE, Relaxed);
    }

    /// Whether a mapping may write the page while others copy it: a file's page that was granted
    /// write permission since it was last protected.
    #[inline]
    pub(crate) fn is_written_to(&self) -> bool {
        self.marks.load(Relaxed) & WRITTEN_TO != 0
    }

    #[inline]
    pub(crate) fn set_written_to(&self) {
        if !self.is_written_to() {
            self.marks.fetch_or(WRITTEN_TO, Relaxed);
        }
    }

    pub(crate) fn clear_written_to(&self) {
        self.marks.fetch_and(!WRITTEN_TO, Relaxed);
    }

    /// Whether a copy object may need the page's contents before they change: then it is written
    /// only after a push (I-OBJ-7).
    #[inline]
    pub(crate) fn is_owed(&self) -> bool {
        self.marks.load(Relaxed) & OWED != 0
    }

    pub(crate) fn set_owed(&self) {
        self.marks.fetch_or(OWED, Relaxed);
    }

    pub(crate) fn clear_owed(&self) {
        self.marks.fetch_and(!OWED, Relaxed);
    }

    /// Whether an allocator keeps the page without needing its contents.
    #[inline]
    pub fn is_reusable(&self) -> bool {
        self.marks.load(Relaxed) & REUSABLE != 0
    }

    /// The contents are not needed, so the page counts as unused and unchanged.
    pub(crate) fn set_reusable(&self) {
        self.unmark(RefMod::all());
        self.marks.fetch_or(REUSABLE, Relaxed);
    }

    pub(crate) fn clear_reusable(&self) {
        self.marks.fetch_and(!REUSABLE, Relaxed);
    }

    /// Forgets a use or a change.
    pub(crate) fn unmark(&self, marks: RefMod) {
        self.marks.fetch_and(!marks.bits(), Relaxed);
    }

    /// Notes a use or a change.
    #[inline]
    pub(crate) fn mark(&self, marks: RefMod) {
        let old = self.marks.load(Relaxed);
        if old & marks.bits() != marks.bits() {
            self.marks.fetch_or(marks.bits(), Relaxed);
        }
    }

    #[inline]
    pub(crate) fn set_marks(&self, marks: RefMod) {
        self.marks.store(marks.bits(), Relaxed);
    }
}

/// The records of all managed frames.
#[derive(Clone, Copy)]
pub struct PageArray<'a>(&'a [Page]);

impl<'a> PageArray<'a> {
    /// The array over its storage. At most `u32::MAX - 1` records count.
    pub const fn new(storage: &'a [Page]) -> Self {
        Self(storage)
    }

    /// The record of a page.
    #[inline]
    pub fn get(self, page: PageId) -> &'a Page {
        &self.0[page.0 as usize]
    }

    /// How many frames are managed.
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there is no frame at all.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// All page numbers, in order.
    pub fn ids(self) -> impl Iterator<Item = PageId> {
        (0..self.0.len()).map(|number| PageId(number as u32))
    }
}
