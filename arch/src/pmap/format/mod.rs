//! What a page-table entry looks like: the one thing that differs between the machines' tables.
//!
//! Owns: the trait [`PteFormat`], the words in which a mapping is described ([`Attributes`]), and a
//! change to an entry that only takes away ([`Lowering`]). Does not own: walking, locking, TLBs.
//! The formats compile on every host, so that `boot`, the kernel and the tests share one encoder.

pub mod aarch64;
pub mod x86_64;

use abi::Protection;
use vm::addr::PhysAddr;
use vm::machine::{CacheMode, Mapping, RefMod, Tracking, Wired};

pub use aarch64::{Aarch64Granule4K, Aarch64Granule16K};
pub use x86_64::X86_64;

/// Who may use a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    /// A task: user mode may access it, it is private to its address space, and the kernel never
    /// executes it.
    User,
    /// The kernel: user mode sees nothing of it, and it is the same in all address spaces (global).
    Kernel,
}

/// Everything that an entry says about a mapping but its address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    /// What is permitted. Every mapping is readable: no format can express less.
    pub protection: Protection,
    /// To whom.
    pub space: Space,
    /// Memory type.
    pub cache: CacheMode,
    /// The software mark of a wired mapping.
    pub wired: Wired,
    /// The software mark of a mapping that no reverse map knows.
    pub tracking: Tracking,
}

impl Attributes {
    /// What `vm` asks for, in an address space of this kind.
    pub const fn new(mapping: Mapping, space: Space) -> Self {
        Self {
            protection: mapping.protection,
            space,
            cache: mapping.cache,
            wired: mapping.wired,
            tracking: mapping.tracking,
        }
    }

    /// Kernel memory, write-back, wired, in no reverse map: what `boot` maps.
    pub const fn kernel(protection: Protection) -> Self {
        Self {
            protection,
            space: Space::Kernel,
            cache: CacheMode::WriteBack,
            wired: Wired::Yes,
            tracking: Tracking::Untracked,
        }
    }

    /// The same with another memory type.
    pub const fn cached(self, cache: CacheMode) -> Self {
        Self { cache, ..self }
    }
}

/// A height in the tree of tables: 0 is the leaf table, whose entries are pages.
pub type Level = usize;

/// A change to an entry that takes something away: bits that go off and bits that go on. Applied to
/// an entry that is present; an absent entry stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lowering {
    /// Bits that are cleared.
    pub clear: u64,
    /// Bits that are set, after the clearing.
    pub set: u64,
}

impl Lowering {
    /// The entry after the change.
    #[inline]
    pub const fn apply(self, entry: u64) -> u64 {
        (entry & !self.clear) | self.set
    }
}

/// A page-table format: its geometry and its bits.
///
/// An entry that is 0 is absent in every format; an absent one may also keep stray bits.
pub trait PteFormat: Send + Sync + 'static {
    /// The name in test output.
    const NAME: &'static str;
    /// log2 of a page's bytes, which are a table's bytes too.
    const PAGE_SHIFT: u32;
    /// log2 of a table's entries.
    const LEVEL_BITS: u32 = Self::PAGE_SHIFT - 3;
    /// Tables from the root to the leaf, both counted.
    const LEVELS: Level;
    /// log2 of the root's entries that a translation uses.
    const ROOT_BITS: u32;
    /// The highest level whose entries may be blocks (large pages).
    const BLOCK_LEVEL: Level;
    /// The level whose blocks programs may have as superpages: 1, or none.
    const SUPERPAGE_LEVEL: Option<Level> = None;
    /// Whether an entry whose address changes must be absent, and the TLBs told so, in between.
    const BREAK_BEFORE_MAKE: bool;
    /// The bits of an entry that are a physical address.
    const ADDRESS: u64;
    /// The software bit of a wired mapping.
    const WIRED: u64;
    /// The software bit of a mapping that no reverse map knows.
    const UNTRACKED: u64;
    /// The bits of an entry that are its memory type.
    const CACHE: u64;
    /// The software bit of an entry that leads to another pmap's leaf table.
    const NESTED: u64;

    /// A page's entry.
    fn leaf(page: PhysAddr, attributes: Attributes) -> u64;
    /// A block's entry at `level`, 1 to [`PteFormat::BLOCK_LEVEL`].
    fn block(level: Level, start: PhysAddr, attributes: Attributes) -> u64;
    /// The entry that leads to a lower table. It restricts nothing: permissions are the leaf's.
    fn table(next: PhysAddr, space: Space) -> u64;
    /// Whether an entry at `level` leads to a lower table of the same pmap.
    fn is_table(entry: u64, level: Level) -> bool;
    /// Whether an entry at any level means anything to the machine.
    fn is_present(entry: u64) -> bool;
    /// What a leaf or block permits.
    fn protection(entry: u64, space: Space) -> Protection;
    /// Takes away what is not in `protection`.
    fn lower(protection: Protection, space: Space) -> Lowering;
    /// What the entry says of use and writing.
    fn refmod(entry: u64) -> RefMod;
    /// Forgets it.
    fn forget(which: RefMod) -> Lowering;

    /// The entry that leads to another pmap's leaf table.
    #[inline]
    fn nested(leaf: PhysAddr) -> u64 {
        Self::table(leaf, Space::User) | Self::NESTED
    }

    /// Whether an entry above the leaf level leads to another pmap's leaf table.
    #[inline]
    fn is_nested(entry: u64) -> bool {
        Self::is_present(entry) && entry & Self::NESTED != 0
    }

    /// A leaf's, block's or table's address.
    #[inline]
    fn address(entry: u64) -> PhysAddr {
        PhysAddr(entry & Self::ADDRESS)
    }

    /// log2 of the bytes that one entry at `level` covers.
    #[inline]
    fn shift(level: Level) -> u32 {
        Self::PAGE_SHIFT + Self::LEVEL_BITS * level as u32
    }

    /// Where in its table at `level` the address's entry lies.
    #[inline]
    fn index(address: u64, level: Level) -> usize {
        let bits = if level + 1 == Self::LEVELS {
            Self::ROOT_BITS
        } else {
            Self::LEVEL_BITS
        };
        (address >> Self::shift(level)) as usize & ((1 << bits) - 1)
    }
}

#[cfg(test)]
mod tests;
