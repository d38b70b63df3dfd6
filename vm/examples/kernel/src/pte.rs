//! A page-table entry of Sv39 (The RISC-V Instruction Set Manual, volume II, "Sv39").
//!
//! Owns: the bits. Does not own: where entries stand (`tables`).

use vm::{Mapping, PhysAddr, Protection, RefMod, Tracking, Wired};

/// log2 of the size of a page.
pub const PAGE_SHIFT: u32 = 12;
/// Bytes of a page.
pub const PAGE: u64 = 1 << PAGE_SHIFT;
/// Entries of a table, at each of the three levels.
pub const ENTRIES: usize = 512;
/// log2 of that.
pub const INDEX_BITS: u32 = 9;
/// The level of a root table; leaf tables are at level 0.
pub const ROOT: u32 = 2;

const VALID: u64 = 1 << 0;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
const USER: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;
/// For software: the mapping is wired.
const WIRED: u64 = 1 << 8;
/// For software: the mapping is in its page's chain.
const TRACKED: u64 = 1 << 9;
const FRAME_SHIFT: u32 = 10;
const FRAME: u64 = ((1 << 44) - 1) << FRAME_SHIFT;

/// Whose memory a mapping is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// A program's.
    User,
    /// The kernel's own.
    Kernel,
}

/// An entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pte(pub u64);

impl Pte {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// A table of the next level.
    pub const fn table(frame: PhysAddr) -> Self {
        Self(frame.0 >> PAGE_SHIFT << FRAME_SHIFT | VALID)
    }

    /// A page. It counts as used, and as written if it can be: so it works on harts that note uses
    /// themselves and on harts that fault to have them noted. Whatever permits anything can be read.
    /// Sv39 alone has no bits for caching: the board's physical addresses decide.
    pub fn page(frame: PhysAddr, mapping: Mapping, side: Side) -> Self {
        let flag = |wanted: bool, bit: u64| if wanted { bit } else { 0 };
        let may = |what| mapping.protection.contains(what);
        Self(
            Self::table(frame).0
                | READ
                | ACCESSED
                | flag(may(Protection::WRITE), WRITE | DIRTY)
                | flag(may(Protection::EXECUTE), EXECUTE)
                | flag(side == Side::User, USER)
                | flag(mapping.wired == Wired::Yes, WIRED)
                | flag(mapping.tracking == Tracking::Tracked, TRACKED),
        )
    }

    /// Whether there is anything.
    pub const fn is_valid(self) -> bool {
        self.0 & VALID != 0
    }

    /// Whether it leads to a table.
    pub const fn is_table(self) -> bool {
        self.0 & (VALID | READ | EXECUTE) == VALID
    }

    /// The frame of the page or table.
    pub const fn frame(self) -> PhysAddr {
        PhysAddr((self.0 & FRAME) >> FRAME_SHIFT << PAGE_SHIFT)
    }

    /// What a page permits.
    pub fn protection(self) -> Protection {
        let mut all = Protection::NONE;
        for (bit, protection) in [
            (READ, Protection::READ),
            (WRITE, Protection::WRITE),
            (EXECUTE, Protection::EXECUTE),
        ] {
            all.set(protection, self.0 & bit != 0);
        }
        all
    }

    /// Whether the page's chain has it.
    pub const fn is_tracked(self) -> bool {
        self.0 & TRACKED != 0
    }

    /// Whether it is wired.
    pub const fn is_wired(self) -> bool {
        self.0 & WIRED != 0
    }

    /// What the hart noted.
    pub fn refmod(self) -> RefMod {
        let mut noted = RefMod::empty();
        noted.set(RefMod::REFERENCED, self.0 & ACCESSED != 0);
        noted.set(RefMod::MODIFIED, self.0 & DIRTY != 0);
        noted
    }

    /// Permits only what is also in `kept`, which is not `NONE`.
    pub fn lowered(self, kept: Protection) -> Self {
        let mut taken = 0;
        for (bit, protection) in [(WRITE, Protection::WRITE), (EXECUTE, Protection::EXECUTE)] {
            if !kept.contains(protection) {
                taken |= bit;
            }
        }
        Self(self.0 & !taken)
    }

    /// Notes what was noted before, too.
    pub fn noting(self, noted: RefMod) -> Self {
        Self(self.0 | note_bits(noted))
    }

    /// Without these notes.
    pub fn forgetting(self, which: RefMod) -> Self {
        Self(self.0 & !note_bits(which))
    }

    /// Wired or not.
    pub const fn with_wired(self, wired: Wired) -> Self {
        match wired {
            Wired::Yes => Self(self.0 | WIRED),
            Wired::No => Self(self.0 & !WIRED),
        }
    }

    /// The kernel's window on all RAM: 1 GiB of it, for the kernel alone, as an entry of a root.
    pub const fn gigabyte(at: PhysAddr) -> Self {
        Self(Self::table(at).0 | READ | WRITE | EXECUTE | ACCESSED | DIRTY)
    }
}

fn note_bits(noted: RefMod) -> u64 {
    let mut bits = 0;
    if noted.contains(RefMod::REFERENCED) {
        bits |= ACCESSED;
    }
    if noted.contains(RefMod::MODIFIED) {
        bits |= DIRTY;
    }
    bits
}

/// Which entry of a table of `level` leads to `at`.
pub const fn index(at: u64, level: u32) -> usize {
    (at >> (PAGE_SHIFT + INDEX_BITS * level)) as usize % ENTRIES
}

/// Bytes that an entry of a table of `level` covers.
pub const fn span(level: u32) -> u64 {
    1 << (PAGE_SHIFT + INDEX_BITS * level)
}
