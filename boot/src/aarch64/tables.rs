//! The first page tables: built once, before anything can share them.
//!
//! Owns: the kernel's half for this granule, in blocks where the format allows. Does not own: the
//! descriptor's bits and page tables afterwards (`arch::pmap` goes on with these).

use arch::pmap::format::aarch64::{
    ACCESSED, ATTRIBUTE_DEVICE, INNER_SHAREABLE, PRIVILEGED_NO_EXECUTE, READ_ONLY, TABLE_OR_PAGE,
    USER_NO_EXECUTE, VALID,
};

/// log2 of the granule.
pub const PAGE_SHIFT: u32 = if cfg!(feature = "granule-4k") { 12 } else { 14 };
/// Bytes of a granule.
pub const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;
/// Address bits that one table resolves.
const TABLE_BITS: u32 = PAGE_SHIFT - 3;
/// Address bits of each half.
pub const ADDRESS_BITS: u32 = 47;
/// The level of the root table: 47 bits take levels 1–3 of 16 KiB, 0–3 of 4 KiB.
const ROOT_LEVEL: u32 = if cfg!(feature = "granule-4k") { 0 } else { 1 };
const LAST_LEVEL: u32 = 3;
/// The lowest level at which a descriptor may map a block.
const FIRST_BLOCK_LEVEL: u32 = if cfg!(feature = "granule-4k") { 1 } else { 2 };

const ADDRESS_MASK: u64 = (1 << 48) - PAGE_SIZE;

/// Protection and memory type of a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes(u64);

impl Attributes {
    const fn normal(bits: u64) -> Self {
        Self(bits | INNER_SHAREABLE | ACCESSED | USER_NO_EXECUTE)
    }

    /// Code: r-x.
    pub const TEXT: Self = Self::normal(READ_ONLY);
    /// Constants: r--.
    pub const RODATA: Self = Self::normal(READ_ONLY | PRIVILEGED_NO_EXECUTE);
    /// Data: rw-.
    pub const DATA: Self = Self::normal(PRIVILEGED_NO_EXECUTE);
    /// Everything, only until the final tables are in use.
    pub const EARLY: Self = Self::normal(0);
    /// Device registers: rw-.
    pub const DEVICE: Self =
        Self(ATTRIBUTE_DEVICE | ACCESSED | USER_NO_EXECUTE | PRIVILEGED_NO_EXECUTE);
}

/// No frame was left for a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoFrame;

/// A tree of tables, reached at their physical addresses.
pub struct Tables<F: FnMut() -> Option<u64>> {
    root: u64,
    take: F,
}

impl<F: FnMut() -> Option<u64>> Tables<F> {
    /// An empty tree.
    ///
    /// # Safety
    /// `take` gives frames of `PAGE_SIZE` bytes that are nobody's, and physical addresses are
    /// mapped to themselves while the tree is built.
    pub unsafe fn new(take: F) -> Result<Self, NoFrame> {
        let mut tables = Self { root: 0, take };
        tables.root = tables.table()?;
        Ok(tables)
    }

    /// The root's physical address.
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Maps `size` bytes; everything is a multiple of the granule. What is mapped there already
    /// is replaced.
    pub fn map(
        &mut self,
        mut at: u64,
        mut physical: u64,
        mut size: u64,
        attributes: Attributes,
    ) -> Result<(), NoFrame> {
        while size > 0 {
            let mut table = self.root;
            let mut level = ROOT_LEVEL;
            loop {
                let shift = PAGE_SHIFT + (LAST_LEVEL - level) * TABLE_BITS;
                let span = 1u64 << shift;
                let bits = if level == ROOT_LEVEL {
                    ADDRESS_BITS - shift
                } else {
                    TABLE_BITS
                };
                let index = at >> shift & ((1 << bits) - 1);
                let entry = (table + index * 8) as *mut u64;
                let is_leaf = level == LAST_LEVEL
                    || level >= FIRST_BLOCK_LEVEL
                        && (at | physical) & (span - 1) == 0
                        && size >= span;
                if is_leaf {
                    let kind = if level == LAST_LEVEL {
                        TABLE_OR_PAGE
                    } else {
                        0
                    };
                    // SAFETY: the entry lies in a table of this tree.
                    unsafe { entry.write(physical | attributes.0 | kind | VALID) };
                    at = at.wrapping_add(span);
                    physical += span;
                    size -= span;
                    break;
                }
                // SAFETY: as above.
                let old = unsafe { entry.read() };
                table = if old & (VALID | TABLE_OR_PAGE) == VALID | TABLE_OR_PAGE {
                    old & ADDRESS_MASK
                } else {
                    let new = self.table()?;
                    // SAFETY: as above.
                    unsafe { entry.write(new | TABLE_OR_PAGE | VALID) };
                    new
                };
                level += 1;
            }
        }
        Ok(())
    }

    fn table(&mut self) -> Result<u64, NoFrame> {
        let frame = (self.take)().ok_or(NoFrame)?;
        // SAFETY: the frame is nobody's (`new`).
        unsafe { core::ptr::write_bytes(frame as *mut u8, 0, PAGE_SIZE as usize) };
        Ok(frame)
    }
}

/// What a finished tree says about `at`: the physical address, the descriptor's bits without it,
/// and log2 of the span that one descriptor maps there.
///
/// # Safety
/// `root` is of a tree whose tables can still be reached.
#[cfg(test)]
pub unsafe fn walk(root: u64, at: u64) -> Option<(u64, u64, u32)> {
    let mut table = root;
    for level in ROOT_LEVEL..=LAST_LEVEL {
        let shift = PAGE_SHIFT + (LAST_LEVEL - level) * TABLE_BITS;
        let bits = if level == ROOT_LEVEL {
            ADDRESS_BITS - shift
        } else {
            TABLE_BITS
        };
        let index = at >> shift & ((1 << bits) - 1);
        // SAFETY: the caller's promise.
        let entry = unsafe { ((table + index * 8) as *const u64).read() };
        if entry & VALID == 0 {
            return None;
        }
        if level == LAST_LEVEL || entry & TABLE_OR_PAGE == 0 {
            let offset = at & ((1 << shift) - 1);
            return Some((
                (entry & ADDRESS_MASK) + offset,
                entry & !ADDRESS_MASK,
                shift,
            ));
        }
        table = entry & ADDRESS_MASK;
    }
    None
}
