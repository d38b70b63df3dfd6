//! What is known about each frame: who maps it, or what table it is.
//!
//! Owns: [`FrameRecord`], two words per managed frame, and the lock bit in the first. A frame is in
//! one of three states, and only its user changes that: a *page* (both words are its reverse map, `pv`),
//! a *table* (its pmap, first address and live entries), or a *pool frame* (`pool`).
//! Locks: the lock bit is rank `pv`; it is taken under a pmap's lock or alone, one at a time.
//!
//! | state | `head` | `more` |
//! |---|---|---|
//! | page | what it counts as, first mapping's entry, MODIFIED, REFERENCED, LOCK | second mapping's entry, or the list of all further ones |
//! | table | its pmap's control block, TABLE; UPPER | leaf: first address mapped, which eighths were used since it was vacant; upper: its number, which parts were ever used; live entries |
//! | pool frame | next pool frame with room, POOL | nodes free, made, in use |

use core::sync::atomic::{AtomicU64, Ordering};
use sync::Platform;
use vm::machine::RefMod;
use vm::residence::Account;

/// The record of one frame. All zero: a page without mappings.
#[derive(Debug, Default)]
#[repr(C, align(16))]
pub struct FrameRecord {
    pub(super) head: AtomicU64,
    pub(super) more: AtomicU64,
}

/// Somebody reads or changes the reverse map.
pub(super) const LOCK: u64 = 1;
/// [`RefMod`]'s bits lie here in a page's `head`.
pub(super) const REFMOD_SHIFT: u32 = 1;
/// The bits of [`RefMod`].
pub(super) const REFMOD: u64 = 0b11 << REFMOD_SHIFT;
/// The bits of a physical address in either word.
pub(super) const LOCATION: u64 = 0x000f_ffff_ffff_fff8;
/// What a page counts as ([`Account`]) lies here in its `head`.
const ACCOUNT_SHIFT: u32 = 52;
/// The bits of [`Account`].
const ACCOUNT: u64 = 0b11 << ACCOUNT_SHIFT;
/// In a page's `more`: it leads to a list.
pub(super) const IN_LIST: u64 = 1;
/// The frame is a page table.
pub(super) const TABLE: u64 = 1 << 63;
/// The frame is cut into nodes.
pub(super) const POOL: u64 = 1 << 62;

/// Bits of a table's `more` that count its live entries (0 to 2048).
pub(super) const LIVE: u64 = (1 << 12) - 1;
/// In a table's `head`: it is an upper one.
pub(super) const UPPER: u64 = 1 << 61;
/// Upper tables: a bit for each part of the table in which an entry was ever made.
pub(super) const USED_SHIFT: u32 = 12;
/// Upper tables that lead to leaf tables: where the number of the table is, counted in what such a table maps.
pub(super) const NUMBER_SHIFT: u32 = 44;
/// log2 of how many parts that are.
pub(super) const PART_BITS: u32 = 5;
/// Leaf tables: nothing is mapped, and the pmap has counted it as one that it keeps.
pub(super) const VACANT: u64 = 1 << 12;
/// Leaf tables: a bit for each eighth in which an entry was made since the table was last vacant.
pub(super) const EIGHTHS_SHIFT: u32 = 13;
/// Leaf tables: the first address mapped, a multiple of 2 MiB at least.
pub(super) const FIRST: u64 = !((1 << 21) - 1);

impl FrameRecord {
    /// Takes the lock bit. Preemption is off.
    #[inline]
    pub(super) fn lock<P: Platform>(&self) -> Locked<'_> {
        let seen = self.head.load(Ordering::Relaxed) & !LOCK;
        match self
            .head
            .compare_exchange(seen, seen | LOCK, Ordering::Acquire, Ordering::Relaxed)
        {
            Ok(_) => Locked {
                record: self,
                word: seen,
            },
            Err(_) => self.wait::<P>(),
        }
    }

    /// Takes the lock bit if nobody has it.
    #[inline]
    pub(super) fn try_lock(&self) -> Option<Locked<'_>> {
        let seen = self.head.load(Ordering::Relaxed);
        if seen & LOCK != 0 {
            return None;
        }
        self.head
            .compare_exchange(seen, seen | LOCK, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        Some(Locked {
            record: self,
            word: seen,
        })
    }

    /// Takes the lock bit of a page that `location` alone maps, if that is so and nobody has the bit.
    #[inline]
    pub(super) fn lock_mapped_once(&self, location: u64) -> Option<Locked<'_>> {
        let seen = self.head.load(Ordering::Relaxed);
        if seen & !(REFMOD | ACCOUNT) != location {
            return None;
        }
        self.head
            .compare_exchange(seen, seen | LOCK, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        Some(Locked {
            record: self,
            word: seen,
        })
    }

    #[cold]
    fn wait<P: Platform>(&self) -> Locked<'_> {
        loop {
            let seen = self.head.load(Ordering::Relaxed);
            if seen & LOCK == 0
                && self
                    .head
                    .compare_exchange_weak(seen, seen | LOCK, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return Locked {
                    record: self,
                    word: seen,
                };
            }
            P::relax();
        }
    }

    /// Makes the record a table's. The frame is out of the reserve, and not yet linked.
    pub(super) fn become_table(&self, control: u64, first: u64) {
        debug_assert_eq!(
            self.head.load(Ordering::Relaxed) & !(REFMOD | ACCOUNT),
            0,
            "I-PMAP-1: a mapped page became a table"
        );
        self.head.store(control | TABLE, Ordering::Relaxed);
        self.more.store(first, Ordering::Relaxed);
    }

    /// Makes the record an upper table's, which has this number among those that map as much.
    pub(super) fn become_upper(&self, control: u64, number: u64) {
        self.become_table(control | UPPER, number << NUMBER_SHIFT);
    }

    /// Whether the frame is an upper table that a pmap made. An entry of one that is in a reverse map is a
    /// superpage's.
    #[inline]
    pub(super) fn is_upper(&self) -> bool {
        self.head.load(Ordering::Relaxed) & UPPER != 0
    }

    /// The number of an upper table that leads to leaf tables.
    pub(super) fn number(&self) -> u64 {
        self.more.load(Ordering::Relaxed) >> NUMBER_SHIFT
    }

    /// Makes the record a page's without mappings.
    pub(super) fn become_page(&self) {
        self.head.store(0, Ordering::Relaxed);
        self.more.store(0, Ordering::Relaxed);
    }

    /// Whether the frame is a table that a pmap made (not one of `boot`'s).
    pub(super) fn is_table(&self) -> bool {
        self.head.load(Ordering::Relaxed) & TABLE != 0
    }

    /// The control block of a table's pmap.
    #[inline]
    pub(super) fn control(&self) -> u64 {
        self.head.load(Ordering::Relaxed) & LOCATION
    }

    /// Live entries of a table.
    #[inline]
    pub(super) fn live(&self) -> usize {
        (self.more.load(Ordering::Acquire) & LIVE) as usize
    }

    /// Whether nothing is mapped by a leaf table which its pmap keeps nevertheless.
    pub(super) fn is_kept_vacant(&self) -> bool {
        self.more.load(Ordering::Relaxed) & VACANT != 0
    }

    /// Whether nothing is mapped by a leaf table which is not yet counted as kept.
    #[inline]
    pub(super) fn is_newly_vacant(&self) -> bool {
        self.more.load(Ordering::Acquire) & (LIVE | VACANT) == 0
    }

    /// Marks a leaf table as kept though vacant. Its pmap's lock is held, so nobody enters into it.
    pub(super) fn keep_vacant(&self) {
        let first = self.more.load(Ordering::Relaxed) & FIRST;
        self.more.store(first | VACANT, Ordering::Relaxed);
    }

    /// Counts a new live entry of a leaf table, in the eighth that has this number. Answers whether
    /// the table was kept though vacant; it is not vacant any more. Its pmap's lock is held: meanwhile others
    /// only count down.
    #[inline]
    pub(super) fn occupy(&self, eighth: usize) -> bool {
        let more = self.more.load(Ordering::Relaxed);
        let (kept, mark) = (more & VACANT, 1 << (EIGHTHS_SHIFT as usize + eighth));
        self.more
            .fetch_add((1 + (mark & !more)).wrapping_sub(kept), Ordering::Relaxed);
        kept != 0
    }

    /// The eighths of a leaf table in which there may be entries, a bit each.
    #[inline]
    pub(super) fn eighths(&self) -> u8 {
        (self.more.load(Ordering::Relaxed) >> EIGHTHS_SHIFT) as u8
    }

    /// The first address that a leaf table maps.
    #[inline]
    pub(super) fn first(&self) -> u64 {
        self.more.load(Ordering::Relaxed) & FIRST
    }

    /// Counts a new entry of an upper table, in the part of the table that has `part`'s number.
    pub(super) fn link(&self, part: usize) {
        self.more
            .fetch_or(1 << (USED_SHIFT as usize + part), Ordering::Relaxed);
        self.add_live(1);
    }

    /// The parts of an upper table in which an entry was ever made, a bit each.
    #[inline]
    pub(super) fn used(&self) -> u32 {
        (self.more.load(Ordering::Relaxed) >> USED_SHIFT) as u32
    }

    /// Counts new live entries of a table.
    #[inline]
    pub(super) fn add_live(&self, count: usize) {
        self.more.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Counts live entries that went away. The last touch of the table by who does not hold its
    /// pmap's lock: a table without live entries may be retired.
    #[inline]
    pub(super) fn drop_live(&self, count: usize) {
        self.more.fetch_sub(count as u64, Ordering::Release);
    }
}

/// A page's record, locked. Dropping it without `unlock` leaves it locked: every path unlocks.
#[must_use]
pub(super) struct Locked<'a> {
    pub(super) record: &'a FrameRecord,
    /// `head` without the lock bit.
    pub(super) word: u64,
}

impl Locked<'_> {
    /// What the page counts as.
    #[inline]
    pub(super) fn account(&self) -> Account {
        Account::from_bits(self.word >> ACCOUNT_SHIFT)
    }

    /// It counts as something else. Who has mappings of it moves their counts.
    #[inline]
    pub(super) fn set_account(&mut self, account: Account) {
        self.word = self.word & !ACCOUNT | (account as u64) << ACCOUNT_SHIFT;
    }

    /// Whether one mapping more may count as this: it is the page's first, or the others do.
    #[inline]
    pub(super) fn may_count_as(&mut self, account: Account) -> bool {
        self.account_as(account) == account
    }

    /// The page's first mapping decides what it counts as. Answers what it counts as.
    #[inline]
    pub(super) fn account_as(&mut self, account: Account) -> Account {
        if self.word & LOCATION == 0 {
            self.set_account(account);
        }
        self.account()
    }

    /// Adds a mapping if it is the page's first or second. Answers whether it was.
    #[inline]
    pub(super) fn insert_inline(&mut self, location: u64) -> bool {
        if self.word & LOCATION == 0 {
            self.word |= location;
        } else if self.record.more.load(Ordering::Relaxed) == 0 {
            self.record.more.store(location, Ordering::Relaxed);
        } else {
            return false;
        }
        true
    }

    /// Takes a mapping out if the page has it and at most one more. Answers whether that was so.
    #[inline]
    pub(super) fn remove_inline(&mut self, location: u64) -> bool {
        let more = self.record.more.load(Ordering::Relaxed);
        if self.word & LOCATION == location && more & IN_LIST == 0 {
            self.word ^= location ^ more;
        } else if more != location {
            return false;
        }
        self.record.more.store(0, Ordering::Relaxed);
        true
    }

    /// Notes what an entry said.
    #[inline]
    pub(super) fn note(&mut self, noted: RefMod) {
        self.word |= u64::from(noted.bits()) << REFMOD_SHIFT;
    }

    /// What was noted.
    #[inline]
    pub(super) fn noted(&self) -> RefMod {
        RefMod::from_bits_truncate((self.word >> REFMOD_SHIFT) as u8)
    }

    /// Forgets what was noted.
    #[inline]
    pub(super) fn forget(&mut self, which: RefMod) {
        self.word &= !(u64::from(which.bits()) << REFMOD_SHIFT);
    }

    /// Writes the word back and lets go.
    #[inline]
    pub(super) fn unlock(self) {
        self.record.head.store(self.word, Ordering::Release);
    }
}
