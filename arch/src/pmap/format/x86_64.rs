//! x86_64's page tables: four levels of 512 entries, 4 KiB pages, 2 MiB and 1 GiB blocks.
//!
//! Owns: the entry's bits (AMD64 manual volume 2 §5.3–5.4; Intel SDM volume 3 §4.5) and the value
//! of the PAT register that gives them their memory types.

use super::{Attributes, Level, Lowering, PteFormat, Space};
use abi::Protection;
use vm::addr::PhysAddr;
use vm::machine::{CacheMode, RefMod, Tracking, Wired};

/// What IA32_PAT must hold: entry 0 write-back, 1 write-combining, 2 uncached-minus, 3 uncached,
/// and the same again. The processor starts with write-through in entry 1.
pub const PAT: u64 = 0x0007_0106_0007_0106;

/// Present.
pub const PRESENT: u64 = 1 << 0;
/// Writable.
pub const WRITABLE: u64 = 1 << 1;
/// User mode may use it.
pub const USER: u64 = 1 << 2;
/// With [`NO_CACHE`] clear: PAT entry 1, write-combining.
pub const WRITE_THROUGH: u64 = 1 << 3;
/// With [`WRITE_THROUGH`]: PAT entry 3, uncached.
pub const NO_CACHE: u64 = 1 << 4;
/// The processor used the entry.
pub const ACCESSED: u64 = 1 << 5;
/// The processor wrote through the leaf.
pub const DIRTY: u64 = 1 << 6;
/// Above the leaf level: the entry is a block.
pub const LARGE: u64 = 1 << 7;
/// Survives a change of address space.
pub const GLOBAL: u64 = 1 << 8;
/// Software: the mapping is wired.
pub const WIRED: u64 = 1 << 9;
/// Software: no reverse map knows the mapping.
pub const UNTRACKED: u64 = 1 << 10;
/// Software, above the leaf level: the table is another pmap's.
pub const NESTED: u64 = 1 << 11;
/// Not executable. Only on leaves and blocks.
pub const NO_EXECUTE: u64 = 1 << 63;

/// The format: 4 levels of 9 bits.
#[derive(Debug)]
pub struct X86_64;

/// What a protection contributes to a leaf, by its bits.
const PROTECTION: [u64; 8] = {
    let mut table = [0; 8];
    let mut bits = 0;
    while bits < 8 {
        let protection = Protection::from_bits_truncate(bits as u8);
        table[bits] = PRESENT
            | if protection.contains(Protection::WRITE) {
                WRITABLE
            } else {
                0
            }
            | if protection.contains(Protection::EXECUTE) {
                0
            } else {
                NO_EXECUTE
            };
        bits += 1;
    }
    table
};

#[inline]
const fn attribute_bits(attributes: Attributes) -> u64 {
    PROTECTION[(attributes.protection.bits() & 7) as usize]
        | match attributes.space {
            Space::User => USER,
            Space::Kernel => GLOBAL,
        }
        | match attributes.cache {
            CacheMode::WriteBack => 0,
            CacheMode::WriteCombining => WRITE_THROUGH,
            CacheMode::Device => WRITE_THROUGH | NO_CACHE,
        }
        | match attributes.wired {
            Wired::No => 0,
            Wired::Yes => WIRED,
        }
        | match attributes.tracking {
            Tracking::Tracked => 0,
            Tracking::Untracked => UNTRACKED,
        }
}

impl PteFormat for X86_64 {
    const NAME: &'static str = "x86_64-4K";
    const PAGE_SHIFT: u32 = 12;
    const LEVELS: Level = 4;
    const ROOT_BITS: u32 = 9;
    const BLOCK_LEVEL: Level = 2;
    const SUPERPAGE_LEVEL: Option<Level> = Some(1);
    const BREAK_BEFORE_MAKE: bool = false;
    const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
    const WIRED: u64 = WIRED;
    const UNTRACKED: u64 = UNTRACKED;
    const CACHE: u64 = WRITE_THROUGH | NO_CACHE;
    const NESTED: u64 = NESTED;

    #[inline]
    fn leaf(page: PhysAddr, attributes: Attributes) -> u64 {
        page.0 | attribute_bits(attributes)
    }

    fn block(level: Level, start: PhysAddr, attributes: Attributes) -> u64 {
        debug_assert!((1..=Self::BLOCK_LEVEL).contains(&level));
        start.0 | attribute_bits(attributes) | LARGE
    }

    #[inline]
    fn table(next: PhysAddr, space: Space) -> u64 {
        next.0
            | PRESENT
            | WRITABLE
            | match space {
                Space::User => USER,
                Space::Kernel => 0,
            }
    }

    #[inline]
    fn is_table(entry: u64, level: Level) -> bool {
        level > 0 && entry & (PRESENT | LARGE | NESTED) == PRESENT
    }

    #[inline]
    fn is_present(entry: u64) -> bool {
        entry & PRESENT != 0
    }

    #[inline]
    fn protection(entry: u64, _space: Space) -> Protection {
        let mut protection = Protection::READ;
        protection.set(Protection::WRITE, entry & WRITABLE != 0);
        protection.set(Protection::EXECUTE, entry & NO_EXECUTE == 0);
        protection
    }

    #[inline]
    fn lower(protection: Protection, _space: Space) -> Lowering {
        Lowering {
            clear: if protection.contains(Protection::WRITE) {
                0
            } else {
                WRITABLE
            },
            set: if protection.contains(Protection::EXECUTE) {
                0
            } else {
                NO_EXECUTE
            },
        }
    }

    #[inline]
    fn refmod(entry: u64) -> RefMod {
        // ACCESSED and DIRTY are neighbours, in the order of REFERENCED and MODIFIED.
        RefMod::from_bits_truncate((entry >> ACCESSED.trailing_zeros()) as u8)
    }

    #[inline]
    fn forget(which: RefMod) -> Lowering {
        Lowering {
            clear: u64::from(which.bits()) << ACCESSED.trailing_zeros(),
            set: 0,
        }
    }
}
