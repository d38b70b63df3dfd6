//! aarch64's page tables: VMSAv8-64 stage 1, 47 bits of address, 4 KiB and 16 KiB granules.
//!
//! Owns: the descriptor's bits (Arm ARM D8.3) and the value of MAIR_EL1 that gives them their memory
//! types. The access flag is set when a mapping is entered; where the machine does not set it
//! (TCR_EL1.HA clear) a cleared one faults, and the fault enters the page again. Modification is
//! noted by software: an entry that was ever writable carries [`WRITTEN`], because only a fault that
//! wants to write makes an entry writable; forgetting it takes the write permission away.

use super::{Attributes, Level, Lowering, PteFormat, Space};
use abi::Protection;
use vm::addr::PhysAddr;
use vm::machine::{CacheMode, RefMod, Tracking, Wired};

/// What MAIR_EL1 must hold: attribute 0 normal write-back (read and write allocate), 1 normal
/// non-cacheable (gathers writes), 2 Device-nGnRE.
pub const MAIR: u64 = 0x04_44_ff;

/// The descriptor means something.
pub const VALID: u64 = 1 << 0;
/// Leaf level: a page. Above: a table; clear there, the descriptor is a block.
pub const TABLE_OR_PAGE: u64 = 1 << 1;
/// Bits 4:2, the index into MAIR_EL1: 1, normal non-cacheable.
pub const ATTRIBUTE_NON_CACHEABLE: u64 = 1 << 2;
/// Index 2, device memory.
pub const ATTRIBUTE_DEVICE: u64 = 2 << 2;
/// AP\[1\]: user mode may use it.
pub const USER: u64 = 1 << 6;
/// AP\[2\]: nobody writes.
pub const READ_ONLY: u64 = 1 << 7;
/// SH: inner shareable.
pub const INNER_SHAREABLE: u64 = 3 << 8;
/// AF: a use does not fault.
pub const ACCESSED: u64 = 1 << 10;
/// nG: belongs to one ASID.
pub const NOT_GLOBAL: u64 = 1 << 11;
/// The kernel may not execute it. Only on leaves and blocks.
pub const PRIVILEGED_NO_EXECUTE: u64 = 1 << 53;
/// User mode may not execute it. Only on leaves and blocks.
pub const USER_NO_EXECUTE: u64 = 1 << 54;
/// Software: writable now or since it was entered, so perhaps modified.
pub const WRITTEN: u64 = 1 << 55;
/// Software: the mapping is wired.
pub const WIRED: u64 = 1 << 56;
/// Software: no reverse map knows the mapping.
pub const UNTRACKED: u64 = 1 << 57;
/// Software, above the leaf level: the table is another pmap's.
pub const NESTED: u64 = 1 << 58;

/// The 4 KiB granule: 4 levels, of which the root uses 256 entries.
#[derive(Debug)]
pub struct Aarch64Granule4K;

/// The 16 KiB granule: 3 full levels of 2048 entries.
#[derive(Debug)]
pub struct Aarch64Granule16K;

/// What a protection contributes to a leaf or block, by space and its bits.
const PROTECTION: [[u64; 8]; 2] = {
    let mut table = [[0; 8]; 2];
    let mut bits = 0;
    while bits < 8 {
        let protection = Protection::from_bits_truncate(bits as u8);
        let written = if protection.contains(Protection::WRITE) {
            WRITTEN
        } else {
            READ_ONLY
        };
        let executable = protection.contains(Protection::EXECUTE);
        let common = VALID | ACCESSED | INNER_SHAREABLE | written;
        table[Space::User as usize][bits] = common
            | USER
            | NOT_GLOBAL
            | PRIVILEGED_NO_EXECUTE
            | if executable { 0 } else { USER_NO_EXECUTE };
        table[Space::Kernel as usize][bits] =
            common | USER_NO_EXECUTE | if executable { 0 } else { PRIVILEGED_NO_EXECUTE };
        bits += 1;
    }
    table
};

#[inline]
const fn attribute_bits(attributes: Attributes) -> u64 {
    PROTECTION[attributes.space as usize][(attributes.protection.bits() & 7) as usize]
        | match attributes.cache {
            CacheMode::WriteBack => 0,
            CacheMode::WriteCombining => ATTRIBUTE_NON_CACHEABLE,
            CacheMode::Device => ATTRIBUTE_DEVICE,
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

/// The bit that forbids execution to those whose space it is.
#[inline]
const fn no_execute(space: Space) -> u64 {
    match space {
        Space::User => USER_NO_EXECUTE,
        Space::Kernel => PRIVILEGED_NO_EXECUTE,
    }
}

/// What both granules share; the geometry is each format's own.
macro_rules! descriptor {
    () => {
        const BREAK_BEFORE_MAKE: bool = true;
        const WIRED: u64 = WIRED;
        const UNTRACKED: u64 = UNTRACKED;
        const CACHE: u64 = ATTRIBUTE_NON_CACHEABLE | ATTRIBUTE_DEVICE;
        const NESTED: u64 = NESTED;

        #[inline]
        fn leaf(page: PhysAddr, attributes: Attributes) -> u64 {
            page.0 | attribute_bits(attributes) | TABLE_OR_PAGE
        }

        fn block(level: Level, start: PhysAddr, attributes: Attributes) -> u64 {
            debug_assert!((1..=Self::BLOCK_LEVEL).contains(&level));
            start.0 | attribute_bits(attributes)
        }

        #[inline]
        fn table(next: PhysAddr, _space: Space) -> u64 {
            next.0 | VALID | TABLE_OR_PAGE
        }

        #[inline]
        fn is_table(entry: u64, level: Level) -> bool {
            level > 0 && entry & (VALID | TABLE_OR_PAGE | NESTED) == VALID | TABLE_OR_PAGE
        }

        #[inline]
        fn is_present(entry: u64) -> bool {
            entry & VALID != 0
        }

        #[inline]
        fn protection(entry: u64, space: Space) -> Protection {
            let mut protection = Protection::READ;
            protection.set(Protection::WRITE, entry & READ_ONLY == 0);
            protection.set(Protection::EXECUTE, entry & no_execute(space) == 0);
            protection
        }

        #[inline]
        fn lower(protection: Protection, space: Space) -> Lowering {
            Lowering {
                clear: 0,
                set: if protection.contains(Protection::WRITE) {
                    0
                } else {
                    READ_ONLY
                } | if protection.contains(Protection::EXECUTE) {
                    0
                } else {
                    no_execute(space)
                },
            }
        }

        #[inline]
        fn refmod(entry: u64) -> RefMod {
            let mut noted = RefMod::empty();
            noted.set(RefMod::REFERENCED, entry & ACCESSED != 0);
            noted.set(RefMod::MODIFIED, entry & WRITTEN != 0);
            noted
        }

        #[inline]
        fn forget(which: RefMod) -> Lowering {
            let mut change = Lowering { clear: 0, set: 0 };
            if which.contains(RefMod::REFERENCED) {
                change.clear |= ACCESSED;
            }
            if which.contains(RefMod::MODIFIED) {
                change.clear |= WRITTEN;
                change.set |= READ_ONLY;
            }
            change
        }
    };
}

impl PteFormat for Aarch64Granule4K {
    const NAME: &'static str = "aarch64-4K";
    const PAGE_SHIFT: u32 = 12;
    const LEVELS: Level = 4;
    const ROOT_BITS: u32 = 8;
    const BLOCK_LEVEL: Level = 2;
    const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

    descriptor!();
}

impl PteFormat for Aarch64Granule16K {
    const NAME: &'static str = "aarch64-16K";
    const PAGE_SHIFT: u32 = 14;
    const LEVELS: Level = 3;
    const ROOT_BITS: u32 = 11;
    const BLOCK_LEVEL: Level = 1;
    const ADDRESS: u64 = 0x0000_ffff_ffff_c000;

    descriptor!();
}
