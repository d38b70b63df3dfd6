//! The last step of a fault: a page gets into the page table.
//!
//! Owns: what the mapping permits (I-PTE-1), the shared zero frame's mappings (I-PTE-2).
//! Does not own: which page it is. Locks: the map shared and the page's object, held by the caller.

use super::{Step, Try, covers};
use crate::addr::PageId;
use crate::counters::Event;
use crate::machine::{CacheMode, CacheOperation, Machine, Mapping, Tracking, Wired};
use crate::map::entry::Entry;
use crate::object::slot::Slot;
use crate::object::{ObjRef, Object, ObjectKind, ObjectState, Shadow};
use crate::residence::Account;
use crate::vm::Vm;
use abi::Protection;

/// The only place that grants write permission (I-PTE-1): the entry allows it, the page is the top
/// object's own, that object need not be copied first, and no copy object needs the page as it is. A
/// file's page is granted it when it is written, so that the write is noted.
#[inline]
pub(super) fn permission<M: Machine>(
    entry: &Entry<M>,
    access: Protection,
    on_top: OnTop,
    kind: ObjectKind,
    owed: bool,
) -> Protection {
    let all = entry.attributes.protection;
    let noted = kind != ObjectKind::Named || access.contains(Protection::WRITE);
    if on_top == OnTop::Yes && !entry.needs_copy && noted && !owed {
        all
    } else {
        all.difference(Protection::WRITE)
    }
}

/// Whether the pages around a page may be mapped with it. A file's page is written alone, so that
/// each write is noted; a page that is not cached is mapped alone.
#[inline]
fn shows_around(kind: ObjectKind, mapping: Mapping) -> bool {
    match kind {
        ObjectKind::Anonymous | ObjectKind::Kernel => true,
        ObjectKind::Named => !mapping.protection.contains(Protection::WRITE),
        ObjectKind::Uncached | ObjectKind::Contiguous | ObjectKind::Device => false,
    }
}

/// Whether a page is in the object that the entry names, or below it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnTop {
    Yes,
    No,
}

impl<M: Machine> Vm<M> {
    /// Maps the shared zero frame, without write permission. The slot stays empty.
    pub(super) fn map_zero(&self, entry: &Entry<M>, this: &mut Try<'_, M>) -> Step<M> {
        self.counters.count(Event::ZeroRead);
        let protection = entry.attributes.protection.difference(Protection::WRITE);
        let mapping = Mapping {
            protection,
            wired: Wired::No,
            cache: CacheMode::WriteBack,
            tracking: Tracking::Untracked,
            account: Account::Internal,
        };
        self.enter_mapping(self.zero_frame, mapping, this)
    }

    /// What a page of a `kind` of object is mapped with for this access.
    #[inline]
    pub(super) fn mapping(
        &self,
        entry: &Entry<M>,
        access: Protection,
        on_top: OnTop,
        kind: ObjectKind,
        page: PageId,
    ) -> Mapping {
        let (owed, account) = self.frames.pages().get(page).owed_and_account();
        Mapping {
            protection: permission(entry, access, on_top, kind, owed),
            wired: if entry.wired == 0 {
                Wired::No
            } else {
                Wired::Yes
            },
            cache: CacheMode::WriteBack,
            tracking: Tracking::Tracked,
            account,
        }
    }

    /// Maps a resident page of the entry's own object, and the pages around it.
    #[inline]
    pub(super) fn enter_resident(
        &self,
        entry: &Entry<M>,
        (top, object): (&ObjectState<M>, &ObjRef<M>),
        (index, page): (u64, PageId),
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        if object.kind != ObjectKind::Anonymous {
            return self.enter_resident_apart(entry, (top, object), (index, page), this);
        }
        let mapping = self.mapping(entry, this.access, OnTop::Yes, object.kind, page);
        let step = self.enter_page(page, mapping, this);
        if let Step::Done = step
            && !mapping.protection.is_empty()
        {
            self.enter_around(entry, top, index, mapping, this);
        }
        step
    }

    /// The same for an object that is not plain memory.
    #[inline(never)]
    fn enter_resident_apart(
        &self,
        entry: &Entry<M>,
        (top, object): (&ObjectState<M>, &ObjRef<M>),
        (index, page): (u64, PageId),
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        if entry.is_superpage() {
            return self.enter_superpage(entry, (top, object), (index, page), this);
        }
        let step = self.enter_apart(entry, page, OnTop::Yes, object, this);
        let mapping = self.mapping(entry, this.access, OnTop::Yes, object.kind, page);
        if let Step::Done = step
            && !mapping.protection.is_empty()
            && shows_around(object.kind, mapping)
        {
            self.enter_around(entry, top, index, mapping, this);
        }
        step
    }

    /// Maps the page that shows at `index` of an entry's object without pages, and the pages around
    /// it, if it is in the object just below: a file's, since the entry was mapped. `None` if it is
    /// elsewhere.
    #[inline]
    pub(super) fn enter_below(
        &self,
        entry: &Entry<M>,
        shadow: &Shadow<M>,
        index: u64,
        this: &mut Try<'_, M>,
    ) -> Option<Step<M>> {
        let index = index.wrapping_add(shadow.offset);
        let below = shadow.object.read();
        let page = match below.slots.get(index) {
            Slot::Resident(page) if index < below.size => page,
            _ => return None,
        };
        self.counters.count(Event::Hit);
        self.counters.count(Event::ChainStep);
        let mapping = self.mapping(entry, this.access, OnTop::No, ObjectKind::Anonymous, page);
        if mapping.account == Account::External {
            self.use_speculative(page);
        }
        let step = self.enter_page(page, mapping, this);
        if let Step::Done = step
            && !mapping.protection.is_empty()
        {
            self.enter_around(entry, &below, index, mapping, this);
        }
        Some(covers(step, &shadow.object, index))
    }

    #[inline]
    pub(super) fn enter(
        &self,
        entry: &Entry<M>,
        page: PageId,
        on_top: OnTop,
        object: &Object<M>,
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        if object.kind != ObjectKind::Anonymous {
            return self.enter_apart(entry, page, on_top, object, this);
        }
        self.enter_plain(entry, page, on_top, this)
    }

    /// Maps a page of plain memory, on the way of most faults.
    #[inline(always)]
    pub(super) fn enter_plain(
        &self,
        entry: &Entry<M>,
        page: PageId,
        on_top: OnTop,
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        let mapping = self.mapping(entry, this.access, on_top, ObjectKind::Anonymous, page);
        if on_top == OnTop::No && mapping.account == Account::External {
            self.use_speculative(page);
        }
        self.enter_page(page, mapping, this)
    }

    /// Maps a page of an object that is not plain memory: a file's page notes that it is written, a
    /// page that is not cached reaches memory first.
    #[inline(never)]
    pub(super) fn enter_apart(
        &self,
        entry: &Entry<M>,
        page: PageId,
        on_top: OnTop,
        object: &Object<M>,
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        let mut mapping = self.mapping(entry, this.access, on_top, object.kind, page);
        let record = self.frames.pages().get(page);
        match object.kind {
            ObjectKind::Named => {
                self.use_speculative(page);
                if mapping.protection.contains(Protection::WRITE) {
                    record.set_written_to();
                }
            }
            ObjectKind::Uncached => {
                mapping.cache = object.cache;
                // A machine without such an operation keeps caches and memory in step by itself.
                let _ = self.machine().page_cache(page, CacheOperation::FlushData);
            }
            ObjectKind::Anonymous
            | ObjectKind::Kernel
            | ObjectKind::Contiguous
            | ObjectKind::Device => {}
        }
        self.enter_page(page, mapping, this)
    }

    #[inline]
    fn enter_page(&self, page: PageId, mapping: Mapping, this: &mut Try<'_, M>) -> Step<M> {
        if mapping.protection.is_empty() {
            return Step::Done;
        }
        if mapping.protection.contains(Protection::EXECUTE) {
            self.make_fetchable(page);
        }
        self.enter_mapping(page, mapping, this)
    }

    /// Instruction fetches through the new mapping see what the page holds.
    pub(super) fn make_fetchable(&self, page: PageId) {
        let record = self.frames.pages().get(page);
        if !record.is_fetchable() {
            self.machine().sync_instructions(page);
            record.set_fetchable();
        }
    }

    #[inline]
    fn enter_mapping(&self, page: PageId, mapping: Mapping, this: &mut Try<'_, M>) -> Step<M> {
        let machine = self.machine();
        let (pmap, at) = (this.pmap, this.at);
        machine
            .pmap_enter(pmap, at, page, mapping, this.reserve, &mut this.batch)
            .into()
    }
}
