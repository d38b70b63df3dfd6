//! x86_64's TLB: what is invalidated how.
//!
//! Owns: the choice of instructions for a [`Flush`], the values of CR3 and INVPCID's descriptor
//! (Intel SDM volume 3, 4.10; AMD64 volume 2, 5.5), and their execution on the target. Does not own:
//! how other CPUs are asked (`shootdown`).
//!
//! Without process-context identifiers (QEMU's TCG has none) a CPU's TLB holds the loaded address space
//! and the kernel's global entries, nothing else: an address space that is not loaded needs no step.

use crate::pmap::Flush;
use crate::pmap::flush::Extent;
use crate::pmap::hardware::Tag;
use vm::addr::{PhysAddr, VirtAddr};

/// Pages beyond which reloading everything is cheaper than one instruction each.
pub const PAGE_LIMIT: u64 = 32;

/// One instruction, or one write of a control register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// INVLPG: one page, global or not, and all cached upper levels of the loaded address space.
    Page(VirtAddr),
    /// CR3 is written with what it holds: everything but global entries.
    Reload,
    /// CR4.PGE is cleared and set: everything.
    Global,
}

/// The steps on a CPU that has `loaded` in CR3.
#[inline]
pub fn steps(flush: &Flush, loaded: PhysAddr, mut step: impl FnMut(Step)) {
    if flush.everything() {
        return step(Step::Global);
    }
    for stale in flush.stale() {
        let kernel = stale.tag == Tag::KERNEL;
        if stale.tag != Tag(loaded.0) && !stale.tag.is_everywhere() {
            continue;
        }
        match stale.extent(12, PAGE_LIMIT) {
            Extent::Whole if kernel => step(Step::Global),
            Extent::Whole => step(Step::Reload),
            Extent::Pages(range) => {
                let mut at = range.start;
                while at < range.end {
                    step(Step::Page(at));
                    at = VirtAddr(at.0.wrapping_add(1 << 12));
                }
            }
        }
    }
}

/// Whether a CPU that has `loaded` in CR3 may hold translations of an address space.
#[inline]
pub fn holds(loaded: PhysAddr, tag: Tag) -> bool {
    tag == Tag(loaded.0) || tag.is_everywhere()
}

/// A process-context identifier: 12 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pcid(u16);

impl Pcid {
    /// The identifier with this number, if it has 12 bits.
    pub const fn new(number: u16) -> Option<Self> {
        if number < 1 << 12 {
            Some(Self(number))
        } else {
            None
        }
    }
}

/// What loading CR3 does to the entries of the identifier that it names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnLoad {
    /// They go.
    Forget,
    /// They stay: no CPU changed the tables since this one ran on them.
    Keep,
}

/// CR3 with CR4.PCIDE set.
pub const fn cr3(root: PhysAddr, pcid: Pcid, on_load: OnLoad) -> u64 {
    root.0
        | pcid.0 as u64
        | match on_load {
            OnLoad::Forget => 0,
            OnLoad::Keep => 1 << 63,
        }
}

/// What INVPCID shall forget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invpcid {
    /// One address of one identifier.
    Address(Pcid, VirtAddr),
    /// One identifier.
    Context(Pcid),
    /// All identifiers and global entries.
    AllAndGlobal,
    /// All identifiers but global entries.
    All,
}

impl Invpcid {
    /// The type operand, and the descriptor.
    pub const fn encode(self) -> (u64, [u64; 2]) {
        match self {
            Self::Address(pcid, at) => (0, [pcid.0 as u64, at.0]),
            Self::Context(pcid) => (1, [pcid.0 as u64, 0]),
            Self::AllAndGlobal => (2, [0, 0]),
            Self::All => (3, [0, 0]),
        }
    }
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
mod execute {
    use super::{Step, holds, steps};
    use crate::pmap::Flush;
    use crate::pmap::hardware::{Beside, Tag};
    use crate::x86_64::shootdown::Shootdown;
    use crate::x86_64::{apic, cpu, timer};
    use core::arch::asm;
    use vm::addr::{PhysAddr, VirtAddr};

    /// How long all CPUs together may take to answer, in nanoseconds. An emulator's CPU is a thread of a host
    /// that has other things to do.
    const PATIENCE: u64 = 20_000_000_000;

    static SHOOTDOWN: Shootdown = Shootdown::new();

    /// Executes a step on this CPU.
    #[inline]
    pub fn execute(step: Step) {
        // SAFETY: forgetting a translation changes nothing but speed; the tables say the same or more
        // than what is forgotten. CR3 and CR4 get back what they hold. Interrupts may come between the two
        // writes of CR4: they run without global pages, which only costs time.
        unsafe {
            match step {
                Step::Page(at) => {
                    asm!("invlpg [{}]", in(reg) at.0, options(nostack, preserves_flags));
                }
                Step::Reload => asm!(
                    "mov {scratch}, cr3",
                    "mov cr3, {scratch}",
                    scratch = out(reg) _,
                    options(nostack, preserves_flags)
                ),
                Step::Global => asm!(
                    "mov {scratch}, cr4",
                    "xor {scratch}, 0x80",
                    "mov cr4, {scratch}",
                    "xor {scratch}, 0x80",
                    "mov cr4, {scratch}",
                    scratch = out(reg) _,
                    options(nostack)
                ),
            }
        }
    }

    /// Makes the invalidations on this CPU and on all others that it concerns. Preemption is off.
    #[inline]
    pub fn invalidate(flush: &Flush) {
        let cpu = cpu::id();
        steps(flush, SHOOTDOWN.loaded(cpu), execute);
        if SHOOTDOWN.others(cpu) {
            let mut patience = None;
            SHOOTDOWN.ask(
                cpu,
                flush,
                apic::send_ipi,
                || execute(Step::Global),
                |index| {
                    let now = timer::now();
                    let until = *patience.get_or_insert(now.saturating_add(PATIENCE));
                    assert!(
                        now < until,
                        "I-TLB-7: CPU {index} has not answered a shootdown for {} s",
                        PATIENCE / 1_000_000_000
                    );
                    cpu::relax();
                },
            );
        }
    }

    /// Which other CPUs may hold translations of an address space. Preemption is off.
    #[inline]
    pub fn beside(tag: Tag) -> Beside {
        SHOOTDOWN.beside(cpu::id(), tag)
    }

    /// Invalidates one page on this CPU. Preemption is off.
    #[inline]
    pub fn invalidate_page(tag: Tag, at: VirtAddr) {
        if holds(SHOOTDOWN.loaded(cpu::id()), tag) {
            execute(Step::Page(at));
        }
    }

    /// Serves what other CPUs ask of this one. Called by the interrupt that says so.
    pub fn serve() {
        SHOOTDOWN.serve(cpu::id(), || execute(Step::Global));
    }

    /// This CPU is going to rest. Interrupts are masked until it does.
    #[inline]
    pub fn rest() {
        SHOOTDOWN.rest(cpu::id());
    }

    /// An interrupt came. Interrupts are masked.
    #[inline]
    pub fn wake() {
        SHOOTDOWN.wake(cpu::id(), || execute(Step::Global));
    }

    /// This CPU comes up, and forgets what it kept while nobody asked it to forget. Preemption is off.
    pub fn join() {
        SHOOTDOWN.join(cpu::id(), apic::hardware_id());
        execute(Step::Global);
    }

    /// Loads CR3. Preemption is off.
    ///
    /// # Safety
    /// The tables map the kernel as the present ones do.
    #[inline]
    pub unsafe fn load(root: PhysAddr) {
        SHOOTDOWN.publish(cpu::id(), root);
        // SAFETY: the caller's.
        unsafe { asm!("mov cr3, {}", in(reg) root.0, options(nostack, preserves_flags)) };
    }
}
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
pub use execute::{beside, execute, invalidate, invalidate_page, join, load, rest, serve, wake};

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;
    use vm::addr::Range;

    fn range(start: u64, pages: u64) -> Range {
        Range {
            start: VirtAddr(start),
            end: VirtAddr(start + (pages << 12)),
        }
    }

    fn collect(flush: &Flush, loaded: u64) -> Vec<Step> {
        let mut all = Vec::new();
        steps(flush, PhysAddr(loaded), |step| all.push(step));
        all
    }

    #[test]
    fn only_the_loaded_space_and_the_kernel_are_invalidated() {
        let mut flush = Flush::default();
        flush.add(Tag(0x1000), range(0x40_0000, 2));
        flush.add(Tag(0x2000), range(0x80_0000, 1));
        flush.add(Tag::KERNEL, range(0xffff_c000_0000_0000, 1));
        assert_eq!(
            collect(&flush, 0x1000),
            [
                Step::Page(VirtAddr(0x40_0000)),
                Step::Page(VirtAddr(0x40_1000)),
                Step::Page(VirtAddr(0xffff_c000_0000_0000)),
            ]
        );
    }

    #[test]
    fn a_nested_pmaps_pages_go_whatever_is_loaded() {
        let mut flush = Flush::default();
        flush.add(Tag::NESTED, range(0x40_0000, 1));
        for loaded in [0x1000, 0x2000] {
            assert_eq!(collect(&flush, loaded), [Step::Page(VirtAddr(0x40_0000))]);
            assert!(holds(PhysAddr(loaded), Tag::NESTED));
        }
        flush.add(Tag::NESTED, range(0x40_0000, PAGE_LIMIT + 1));
        assert_eq!(collect(&flush, 0x1000), [Step::Reload]);
    }

    #[test]
    fn many_pages_reload_the_space_or_everything() {
        let mut flush = Flush::default();
        flush.add(Tag(0x1000), range(0, PAGE_LIMIT + 1));
        assert_eq!(collect(&flush, 0x1000), [Step::Reload]);
        let mut flush = Flush::default();
        flush.add(Tag::KERNEL, range(0xffff_c000_0000_0000, PAGE_LIMIT + 1));
        assert_eq!(collect(&flush, 0x1000), [Step::Global]);
    }

    #[test]
    fn the_last_page_of_the_address_space_ends_the_loop() {
        let mut flush = Flush::default();
        let last = Range {
            start: VirtAddr(0xffff_ffff_ffff_e000),
            end: VirtAddr(0xffff_ffff_ffff_f000),
        };
        flush.add(Tag::KERNEL, last);
        assert_eq!(
            collect(&flush, 0),
            [Step::Page(VirtAddr(0xffff_ffff_ffff_e000))]
        );
    }

    #[test]
    fn control_register_and_descriptor_follow_the_manual() {
        let pcid = Pcid::new(0xabc).unwrap();
        assert_eq!(Pcid::new(0x1000), None);
        assert_eq!(
            cr3(PhysAddr(0x0012_3000), pcid, OnLoad::Forget),
            0x0012_3abc
        );
        assert_eq!(
            cr3(PhysAddr(0x0012_3000), pcid, OnLoad::Keep),
            0x8000_0000_0012_3abc
        );
        assert_eq!(
            Invpcid::Address(pcid, VirtAddr(0x7000)).encode(),
            (0, [0xabc, 0x7000])
        );
        assert_eq!(Invpcid::Context(pcid).encode(), (1, [0xabc, 0]));
        assert_eq!(Invpcid::AllAndGlobal.encode(), (2, [0, 0]));
        assert_eq!(Invpcid::All.encode(), (3, [0, 0]));
    }
}
