//! AArch64's TLB: broadcast invalidations and their barriers.
//!
//! Owns: TLBI's operands (Arm ARM C5.5), the sequence of barriers around it as data, and its execution
//! on the target. Does not own: when an invalidation is due (`pmap::flush`).
//!
//! Every sequence is the same: a store barrier that makes the changed entries visible to table walks of
//! all CPUs, the TLBIs, a barrier that waits until all CPUs have done them, and, because the kernel may use
//! its own mappings at once, a synchronisation of this CPU.

use crate::pmap::Flush;
use crate::pmap::flush::{Extent, Stale};
use crate::pmap::hardware::Tag;
use vm::addr::VirtAddr;

/// Pages beyond which a whole identifier goes.
pub const PAGE_LIMIT: u64 = 64;

/// One TLBI, all in the inner shareable domain and for EL1's regime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tlbi {
    /// VAE1IS: an address under an identifier, with cached upper levels.
    Page,
    /// VALE1IS: the same, only the last level.
    PageLast,
    /// VAAE1IS: an address under every identifier, with cached upper levels.
    PageAll,
    /// VAALE1IS: the same, only the last level.
    PageAllLast,
    /// ASIDE1IS: an identifier.
    Asid,
    /// VMALLE1IS: everything.
    All,
}

/// One instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// DSB ISHST: stores before it are visible to all CPUs' table walks.
    StoreBarrier,
    /// TLBI, with its operand.
    Invalidate(Tlbi, u64),
    /// DSB ISH: the TLBIs before it are done on all CPUs.
    Barrier,
    /// ISB: this CPU fetches anew.
    Synchronize,
}

/// The identifier in a tag.
#[inline]
pub const fn asid(tag: Tag) -> u16 {
    tag.0 as u16
}

/// The operand of [`Tlbi::Asid`].
#[inline]
pub const fn asid_operand(asid: u16) -> u64 {
    (asid as u64) << 48
}

/// The operand of the page operations: bits 55 to 12 of the address, whatever the granule. Operations
/// for all identifiers ignore `asid`.
#[inline]
pub const fn page_operand(asid: u16, at: VirtAddr) -> u64 {
    asid_operand(asid) | at.0 >> 12 & ((1 << 44) - 1)
}

#[inline]
fn invalidate(stale: &Stale, tables: bool, page_shift: u32, step: &mut impl FnMut(Step)) {
    let everywhere = stale.tag.is_everywhere();
    let asid = asid(stale.tag);
    match stale.extent(page_shift, PAGE_LIMIT) {
        Extent::Whole if everywhere => step(Step::Invalidate(Tlbi::All, 0)),
        Extent::Whole => step(Step::Invalidate(Tlbi::Asid, asid_operand(asid))),
        Extent::Pages(range) => {
            let mut at = range.start;
            while at < range.end {
                let (operation, operand) = match (everywhere, tables) {
                    (false, false) => (Tlbi::PageLast, page_operand(asid, at)),
                    (false, true) => (Tlbi::Page, page_operand(asid, at)),
                    (true, false) => (Tlbi::PageAllLast, page_operand(0, at)),
                    (true, true) => (Tlbi::PageAll, page_operand(0, at)),
                };
                step(Step::Invalidate(operation, operand));
                at = VirtAddr(at.0.wrapping_add(1 << page_shift));
            }
        }
    }
}

/// The sequence for a flush.
#[inline]
pub fn steps(flush: &Flush, page_shift: u32, mut step: impl FnMut(Step)) {
    step(Step::StoreBarrier);
    if flush.everything() {
        step(Step::Invalidate(Tlbi::All, 0));
    } else {
        for stale in flush.stale() {
            invalidate(stale, flush.tables(), page_shift, &mut step);
        }
    }
    step(Step::Barrier);
    step(Step::Synchronize);
}

/// The sequence between the break and the make of one page's entry.
#[inline]
pub fn page_steps(tag: Tag, at: VirtAddr, mut step: impl FnMut(Step)) {
    step(Step::StoreBarrier);
    step(if tag.is_everywhere() {
        Step::Invalidate(Tlbi::PageAllLast, page_operand(0, at))
    } else {
        Step::Invalidate(Tlbi::PageLast, page_operand(asid(tag), at))
    });
    step(Step::Barrier);
    if tag == Tag::KERNEL {
        step(Step::Synchronize);
    }
}

/// The sequence before identifiers are used again. It spares nothing: there is no operation that
/// leaves global entries and takes all identifiers.
pub fn space_steps(mut step: impl FnMut(Step)) {
    step(Step::StoreBarrier);
    step(Step::Invalidate(Tlbi::All, 0));
    step(Step::Barrier);
    step(Step::Synchronize);
}

/// TTBR0_EL1 for a root under an identifier (TCR_EL1.A1 is 0).
#[inline]
pub const fn ttbr0(root: vm::addr::PhysAddr, asid: u16) -> u64 {
    root.0 | (asid as u64) << 48
}

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
mod execute {
    use super::{Step, Tlbi};
    use core::arch::asm;

    macro_rules! run {
        ($instruction:literal) => {
            asm!($instruction, options(nostack, preserves_flags))
        };
        ($instruction:literal, $operand:expr) => {
            asm!($instruction, in(reg) $operand, options(nostack, preserves_flags))
        };
    }

    /// Executes a step.
    #[inline(always)]
    pub fn execute(step: Step) {
        // SAFETY: barriers order; forgetting a translation changes nothing but speed.
        unsafe {
            match step {
                Step::StoreBarrier => run!("dsb ishst"),
                Step::Barrier => run!("dsb ish"),
                Step::Synchronize => run!("isb"),
                Step::Invalidate(Tlbi::Page, operand) => run!("tlbi vae1is, {}", operand),
                Step::Invalidate(Tlbi::PageLast, operand) => run!("tlbi vale1is, {}", operand),
                Step::Invalidate(Tlbi::PageAll, operand) => run!("tlbi vaae1is, {}", operand),
                Step::Invalidate(Tlbi::PageAllLast, operand) => run!("tlbi vaale1is, {}", operand),
                Step::Invalidate(Tlbi::Asid, operand) => run!("tlbi aside1is, {}", operand),
                Step::Invalidate(Tlbi::All, _) => run!("tlbi vmalle1is"),
            }
        }
    }

    /// Loads TTBR0_EL1.
    ///
    /// # Safety
    /// The root's tables are a pmap's, or empty.
    #[inline]
    pub unsafe fn load(ttbr0: u64) {
        // SAFETY: the caller's.
        unsafe {
            asm!("msr ttbr0_el1, {}", "isb", in(reg) ttbr0, options(nostack, preserves_flags));
        }
    }

    /// Bits of an identifier, as TCR_EL1.AS says.
    pub fn asid_bits() -> u32 {
        let tcr: u64;
        // SAFETY: reads a register.
        unsafe { asm!("mrs {}, tcr_el1", out(reg) tcr, options(nomem, nostack, preserves_flags)) };
        if tcr & 1 << 36 != 0 { 16 } else { 8 }
    }
}
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
pub use execute::{asid_bits, execute, load};

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;
    use vm::addr::{PhysAddr, Range};

    const SPACE: Tag = Tag(7 << 16 | 0x1234);

    fn range(start: u64, end: u64) -> Range {
        Range {
            start: VirtAddr(start),
            end: VirtAddr(end),
        }
    }

    fn collect(flush: &Flush, page_shift: u32) -> Vec<Step> {
        let mut all = Vec::new();
        steps(flush, page_shift, |step| all.push(step));
        all
    }

    #[test]
    fn tlbi_encoding() {
        assert_eq!(asid_operand(0x1234), 0x1234_0000_0000_0000);
        assert_eq!(
            page_operand(0x1234, VirtAddr(0x7fff_ffff_c000)),
            0x1234_0007_ffff_fffc
        );
        // Bits 63 to 56 of a kernel address do not reach the identifier's field.
        assert_eq!(
            page_operand(0, VirtAddr(0xffff_c000_0000_4000)),
            0x0000_0ffc_0000_0004
        );
        assert_eq!(ttbr0(PhysAddr(0x4000_4000), 0x1234), 0x1234_0000_4000_4000);
    }

    #[test]
    fn a_page_goes_between_barriers() {
        let mut flush = Flush::default();
        flush.add(SPACE, range(0x1_0000, 0x1_8000));
        assert_eq!(
            collect(&flush, 14),
            [
                Step::StoreBarrier,
                Step::Invalidate(Tlbi::PageLast, 0x1234_0000_0000_0010),
                Step::Invalidate(Tlbi::PageLast, 0x1234_0000_0000_0014),
                Step::Barrier,
                Step::Synchronize,
            ]
        );
    }

    #[test]
    fn an_unlinked_table_takes_upper_levels_along() {
        let mut flush = Flush::default();
        flush.add(SPACE, range(0x1000, 0x2000));
        flush.add_tables();
        assert_eq!(
            collect(&flush, 12)[1],
            Step::Invalidate(Tlbi::Page, 0x1234_0000_0000_0001)
        );
        let mut flush = Flush::default();
        flush.add(
            Tag::KERNEL,
            range(0xffff_c000_0000_0000, 0xffff_c000_0000_1000),
        );
        assert_eq!(
            collect(&flush, 12)[1],
            Step::Invalidate(Tlbi::PageAllLast, 0x0000_0ffc_0000_0000)
        );
        flush.add_tables();
        assert_eq!(
            collect(&flush, 12)[1],
            Step::Invalidate(Tlbi::PageAll, 0x0000_0ffc_0000_0000)
        );
    }

    #[test]
    fn many_pages_are_one_identifier() {
        let mut flush = Flush::default();
        flush.add(SPACE, range(0, (PAGE_LIMIT + 1) << 14));
        assert_eq!(
            collect(&flush, 14),
            [
                Step::StoreBarrier,
                Step::Invalidate(Tlbi::Asid, 0x1234_0000_0000_0000),
                Step::Barrier,
                Step::Synchronize,
            ]
        );
    }

    #[test]
    fn a_nested_pmaps_pages_go_under_every_identifier() {
        let mut flush = Flush::default();
        flush.add(Tag::NESTED, range(0x1_0000, 0x1_4000));
        let last = Step::Invalidate(Tlbi::PageAllLast, 0x10);
        assert_eq!(collect(&flush, 14)[1], last);
        let mut all = Vec::new();
        page_steps(Tag::NESTED, VirtAddr(0x1_0000), |step| all.push(step));
        assert_eq!(all, [Step::StoreBarrier, last, Step::Barrier]);
        flush.add(Tag::NESTED, range(0, (PAGE_LIMIT + 1) << 14));
        assert_eq!(collect(&flush, 14)[1], Step::Invalidate(Tlbi::All, 0));
    }

    #[test]
    fn break_before_make_waits_for_all_cpus() {
        let mut all = Vec::new();
        page_steps(SPACE, VirtAddr(0x4000), |step| all.push(step));
        assert_eq!(
            all,
            [
                Step::StoreBarrier,
                Step::Invalidate(Tlbi::PageLast, 0x1234_0000_0000_0004),
                Step::Barrier
            ]
        );
    }
}
