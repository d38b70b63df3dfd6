//! Page tables.
//!
//! Owns: the three levels of Sv39, an array with a record for each frame. Does not own: what `vm` asks
//! (`machine`), the bits (`pte`), the chains of a page's mappings (`reverse`).
//! Locks: one, around all of it, held by who calls (`machine`).

use crate::pte::{self, ENTRIES, PAGE, Pte, ROOT, Side};
use crate::ram::Ram;
use crate::reverse::Slot;
use core::sync::atomic::Ordering::Relaxed;
use vm::{
    Account, Ledger, Mapping, NeedReserve, PageId, Pages, Peaks, PhysAddr, Protection, Range,
    RefMod, Residence, VirtAddr, Wired,
};

/// Programs' addresses: the lower half of Sv39, from above the kernel's window on RAM.
pub const USER: Range = Range::new(VirtAddr(4 << 30), VirtAddr(1 << 38));
/// The kernel's map: the first GiB of the upper half. Its middle table is in every root.
pub const KERNEL: Range = Range::new(
    VirtAddr(u64::MAX << 38),
    VirtAddr((u64::MAX << 38) + (1 << 30)),
);

/// What the machine knows of a frame. Each field belongs to one use of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame {
    /// A page: the first entry that maps it.
    pub first: Option<Slot>,
    /// A page: what mappings that are gone had noted.
    pub noted: RefMod,
    /// A page: what it counts as where it is mapped.
    account: Account,
    /// A leaf table: the frame of its links, its root, the address of its first entry.
    pub links: Option<PageId>,
    root: Option<PageId>,
    base: u64,
    /// A root: mapped pages, and frames of tables.
    ledger: Ledger,
    tables: u64,
}

/// Frames for tables, held for one operation: a middle table, a leaf table, its links.
#[derive(Default, Debug)]
pub struct Reserve([Option<PageId>; 3]);

impl Reserve {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Puts one in; more than three are never asked for.
    pub fn put(&mut self, frame: PageId) {
        let empty = self.0.iter_mut().find(|held| held.is_none());
        *empty.expect("a reserve of three frames") = Some(frame);
    }

    /// Takes one out.
    pub fn take(&mut self) -> Option<PageId> {
        self.0.iter_mut().find_map(Option::take)
    }
}

/// All page tables.
pub struct Tables {
    pub ram: Ram,
    pub frames: &'static mut [Frame],
    kernel: PageId,
}

impl Tables {
    /// The kernel's own tables, in the two frames `kernel` and `middle`: all RAM where it is, and the
    /// still empty kernel map.
    pub fn new(ram: Ram, frames: &'static mut [Frame], kernel: PageId, middle: PageId) -> Self {
        let mut tables = Self {
            ram,
            frames,
            kernel,
        };
        tables.clear(kernel);
        tables.clear(middle);
        let window = ram.physical(PageId(0));
        tables.set(kernel, pte::index(window.0, ROOT), Pte::gigabyte(window));
        let map = pte::index(KERNEL.start.0, ROOT);
        tables.set(kernel, map, Pte::table(ram.physical(middle)));
        tables.record(kernel).tables = 2;
        tables
    }

    /// The record of a frame.
    pub fn record(&mut self, frame: PageId) -> &mut Frame {
        &mut self.frames[frame.0 as usize]
    }

    fn clear(&mut self, table: PageId) {
        for word in self.ram.words(table) {
            word.store(0, Relaxed);
        }
    }

    fn get(&self, table: PageId, index: usize) -> Pte {
        Pte(self.ram.words(table)[index].load(Relaxed))
    }

    fn set(&mut self, table: PageId, index: usize, entry: Pte) {
        self.ram.words(table)[index].store(entry.0, Relaxed);
    }

    /// The entry in a slot.
    pub fn entry(&self, slot: Slot) -> Pte {
        self.get(slot.table, slot.index)
    }

    /// Changes an entry. The hart adds notes to entries, but not while the kernel runs on it.
    pub fn update(&mut self, slot: Slot, entry: Pte) {
        self.set(slot.table, slot.index, entry);
    }

    /// The slot of an address, or the level at which its tables end.
    pub fn walk(&self, root: PageId, at: VirtAddr) -> Result<Slot, u32> {
        let mut table = root;
        for level in (1..=ROOT).rev() {
            let entry = self.get(table, pte::index(at.0, level));
            if !entry.is_table() {
                return Err(level);
            }
            table = self.ram.frame(entry.frame());
        }
        let index = pte::index(at.0, 0);
        Ok(Slot { table, index })
    }

    /// Frames that are wanted before something can be mapped at an address.
    pub fn lacking(&self, root: PageId, at: VirtAddr) -> usize {
        match self.walk(root, at) {
            Ok(_) => 0,
            // A leaf table and its links; with or without the middle table above.
            Err(level) => level as usize + 1,
        }
    }

    /// The slot of an address, with tables from the reserve where there are none.
    fn grow(
        &mut self,
        root: PageId,
        at: VirtAddr,
        reserve: &mut Reserve,
    ) -> Result<Slot, NeedReserve> {
        while let Err(level) = self.walk(root, at) {
            if reserve.count() < level as usize + 1 {
                return Err(NeedReserve);
            }
            let new = reserve.take().ok_or(NeedReserve)?;
            self.clear(new);
            let mut above = root;
            if level == 1 {
                above = self
                    .ram
                    .frame(self.get(root, pte::index(at.0, ROOT)).frame());
                let links = reserve.take().ok_or(NeedReserve)?;
                self.clear(links);
                *self.record(new) = Frame {
                    links: Some(links),
                    root: Some(root),
                    base: at.0 & !(pte::span(1) - 1),
                    ..Frame::default()
                };
                self.record(root).tables += 1;
            }
            self.set(
                above,
                pte::index(at.0, level),
                Pte::table(self.ram.physical(new)),
            );
            self.record(root).tables += 1;
        }
        self.walk(root, at).map_err(|_| NeedReserve)
    }

    /// Maps the page at `frame`, instead of what may be there.
    pub fn enter(
        &mut self,
        root: PageId,
        at: VirtAddr,
        frame: PhysAddr,
        mapping: Mapping,
        reserve: &mut Reserve,
    ) -> Result<(), NeedReserve> {
        let slot = self.grow(root, at, reserve)?;
        let side = if root == self.kernel {
            Side::Kernel
        } else {
            Side::User
        };
        let new = Pte::page(frame, mapping, side);
        let old = self.entry(slot);
        if old.is_valid() && old.frame() == new.frame() && old.is_tracked() == new.is_tracked() {
            self.update(slot, new.noting(old.refmod()));
        } else {
            self.remove(slot);
            self.insert(slot, new, mapping.account);
        }
        Ok(())
    }

    /// Maps a neighbour where there is nothing, readable at most and unused.
    pub fn enter_beside(&mut self, root: PageId, at: VirtAddr, page: PageId, mapping: Mapping) {
        let protection = mapping.protection.difference(Protection::WRITE);
        let Ok(slot) = self.walk(root, at) else {
            return;
        };
        let record = self.record(page);
        let differs = record.first.is_some() && record.account != mapping.account;
        if differs || protection.is_empty() || self.entry(slot).is_valid() {
            return;
        }
        let mapping = Mapping {
            protection,
            wired: Wired::No,
            ..mapping
        };
        let new = Pte::page(self.ram.physical(page), mapping, Side::User);
        self.insert(slot, new.forgetting(RefMod::all()), mapping.account);
    }

    /// Fills an empty slot, and puts it into its page's chain.
    fn insert(&mut self, slot: Slot, entry: Pte, account: Account) {
        self.update(slot, entry);
        if entry.is_tracked() {
            let page = self.ram.frame(entry.frame());
            if self.record(page).first.is_none() {
                self.record(page).account = account;
            }
            self.link(page, slot);
        }
        let account = self.account_of(entry);
        self.count(slot).ledger.enter(account);
    }

    /// What an entry's page counts as, if the page knows the entry.
    fn account_of(&mut self, entry: Pte) -> Option<Account> {
        entry.is_tracked().then(|| {
            let page = self.ram.frame(entry.frame());
            self.record(page).account
        })
    }

    /// A page counts as something else in all its mappings.
    pub fn account(&mut self, page: PageId, account: Account) {
        let old = core::mem::replace(&mut self.record(page).account, account);
        self.each(page, |tables, slot| {
            let root = tables.count(slot);
            let frames = Pages(root.tables);
            root.ledger.leave(Some(old), frames);
            root.ledger.enter(Some(account));
        });
    }

    /// Empties a slot, and takes it out of its page's chain. What was noted stays with the page.
    pub fn remove(&mut self, slot: Slot) {
        let old = self.entry(slot);
        if !old.is_valid() {
            return;
        }
        self.update(slot, Pte::NONE);
        let account = self.account_of(old);
        let root = self.count(slot);
        let tables = Pages(root.tables);
        root.ledger.leave(account, tables);
        if old.is_tracked() {
            let page = self.ram.frame(old.frame());
            self.unlink(page, slot);
            self.record(page).noted |= old.refmod();
        }
    }

    /// Keeps only permissions that are also in `kept`.
    pub fn lower(&mut self, slot: Slot, kept: Protection) {
        let entry = self.entry(slot);
        self.update(slot, entry.lowered(kept));
    }

    /// Sets or clears the wired mark of a mapping.
    pub fn wire(&mut self, slot: Slot, wired: Wired) {
        let entry = self.entry(slot);
        if entry.is_valid() {
            self.update(slot, entry.with_wired(wired));
        }
    }

    /// The root that a leaf table hangs from.
    fn count(&mut self, slot: Slot) -> &mut Frame {
        let root = self
            .record(slot.table)
            .root
            .expect("a leaf table has a root");
        self.record(root)
    }

    /// Where a slot's page is mapped.
    pub fn address(&self, slot: Slot) -> VirtAddr {
        VirtAddr(self.frames[slot.table.0 as usize].base + slot.index as u64 * PAGE)
    }

    /// The first mapping in a range: its slot and address. Steps over what has no table.
    pub fn first_in(&self, root: PageId, range: Range) -> Option<(Slot, VirtAddr)> {
        let mut at = range.start.0;
        while at < range.end.0 {
            let step = match self.walk(root, VirtAddr(at)) {
                Ok(slot) if self.entry(slot).is_valid() => return Some((slot, VirtAddr(at))),
                Ok(_) => 0,
                Err(level) => level,
            };
            at = (at | (pte::span(step) - 1)).checked_add(1)?;
        }
        None
    }

    /// Forgets all of a frame: it is free.
    pub fn release(&mut self, frame: PageId) {
        *self.record(frame) = Frame::default();
    }

    /// A new root: the kernel's half, and nothing below.
    pub fn create(&mut self, root: PageId) {
        for index in 0..ENTRIES {
            let entry = self.get(self.kernel, index);
            self.set(root, index, entry);
        }
        *self.record(root) = Frame {
            tables: 1,
            ..Frame::default()
        };
    }

    /// Takes a root's user tables apart, which map nothing any more; each frame goes to `retire`.
    pub fn dismantle(&mut self, root: PageId, mut retire: impl FnMut(PageId)) {
        for index in 0..pte::index(USER.end.0, ROOT) {
            let Some(middle) = self.cut(root, index) else {
                continue;
            };
            for index in 0..ENTRIES {
                let Some(leaf) = self.cut(middle, index) else {
                    continue;
                };
                self.record(leaf)
                    .links
                    .take()
                    .into_iter()
                    .for_each(&mut retire);
                retire(leaf);
            }
            retire(middle);
        }
        retire(root);
    }

    /// Cuts a table off from the one above it.
    fn cut(&mut self, table: PageId, index: usize) -> Option<PageId> {
        let entry = self.get(table, index);
        entry.is_table().then(|| {
            self.set(table, index, Pte::NONE);
            self.ram.frame(entry.frame())
        })
    }

    /// Mapped pages of a root.
    pub fn residence(&self, root: PageId) -> Residence {
        self.frames[root.0 as usize].ledger.residence()
    }

    /// What a root's owner is charged for changes.
    pub fn charge(&mut self, root: PageId, change: i64) {
        let root = self.record(root);
        root.ledger.charge(change, Pages(root.tables));
    }

    /// The most there ever were.
    pub fn peaks(&mut self, root: PageId) -> Peaks {
        let root = self.record(root);
        root.ledger.peaks(Pages(root.tables))
    }

    /// Frames of a root's tables.
    pub fn tables(&self, root: PageId) -> Pages {
        Pages(self.frames[root.0 as usize].tables)
    }
}
