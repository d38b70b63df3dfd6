//! The processor: one RISC-V hart in supervisor mode, interrupts off.
//!
//! Owns: `impl sync::Platform`, fences, the loads and stores of a program. Does not own: what a fault
//! means (`vm`). Its twin for the host is `host`.

use crate::machine::{Pmap, Sv39};
use crate::pte::PAGE_SHIFT;
use crate::tables::{KERNEL, USER};
use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use sync::{Event, InterruptState, Platform, RankStack};
use vm::conformance::{Cpu, PageFault};
use vm::{Machine, VirtAddr};

/// `satp`: translate by Sv39; address space number 0 for all.
const SATP_SV39: u64 = 8 << 60;
/// `sstatus`: the supervisor may touch a program's pages.
const SUM: u64 = 1 << 18;

/// The event that the only thread waits for, plus one.
static WAITS_FOR: AtomicUsize = AtomicUsize::new(0);
static RANKS: RankStack = RankStack::new();

// SAFETY: there is one hart, number 0, and one thread, which no interrupt handler interrupts.
unsafe impl Platform for Sv39 {
    const MAX_CPUS: usize = 1;

    fn preempt_disable() {}
    unsafe fn preempt_enable() {}
    fn cpu() -> usize {
        0
    }
    fn interrupts_disable() -> InterruptState {
        InterruptState(0)
    }
    fn interrupts_restore(_: InterruptState) {}
    fn relax() {
        core::hint::spin_loop();
    }
    fn assert_wait(event: Event) {
        WAITS_FOR.store(event.0.wrapping_add(1), Relaxed);
    }
    fn clear_wait() {
        WAITS_FOR.store(0, Relaxed);
    }
    fn block() {
        assert!(
            WAITS_FOR.load(Relaxed) == 0,
            "the only thread sleeps, and nobody is left to wake it"
        );
    }
    fn wakeup(event: Event) {
        if WAITS_FOR.load(Relaxed) == event.0.wrapping_add(1) {
            Self::clear_wait();
        }
    }
    fn with_ranks(f: impl FnOnce(&RankStack)) {
        f(&RANKS);
    }
}

/// This hart.
pub struct Hart;

impl Hart {
    /// Forgets what the hart knows of an address, in every address space.
    pub fn fence(&self, at: VirtAddr) {
        // SAFETY: a fence changes no memory.
        unsafe { asm!("sfence.vma {}, zero", in(reg) at.0, options(nostack)) }
    }

    /// Forgets all addresses and tables.
    pub fn fence_all(&self) {
        // SAFETY: as above.
        unsafe { asm!("sfence.vma", options(nostack)) }
    }

    /// What was stored can be executed.
    pub fn fence_instructions(&self) {
        // SAFETY: as above.
        unsafe { asm!("fence.i", options(nostack)) }
    }
}

impl Sv39 {
    /// Puts the hart into an address space. All have the kernel's half, and RAM where it is.
    pub fn activate(&self, pmap: &Pmap) {
        let satp = SATP_SV39 | self.ram.physical(pmap.root).0 >> PAGE_SHIFT;
        // SAFETY: the root maps all that the kernel uses to where it is mapped already.
        unsafe { asm!("csrw satp, {}", in(reg) satp, options(nostack)) }
        self.hart.fence_all();
    }

    /// Runs an access to `at` in an address space, and is back in the kernel's after it. Only the map of
    /// a program and the kernel's are reached: the window on RAM, which has no map, is not.
    fn within(
        &self,
        pmap: &Pmap,
        at: VirtAddr,
        access: impl FnOnce() -> u64,
    ) -> Result<(), PageFault> {
        if !USER.contains(at) && !KERNEL.contains(at) {
            return Err(PageFault);
        }
        self.activate(pmap);
        let done = access();
        self.activate(self.kernel_pmap());
        if done == 1 { Ok(()) } else { Err(PageFault) }
    }
}

/// One instruction that touches a program's memory. The trap vector points behind it meanwhile: a
/// fault ends it with 0 instead of 1.
macro_rules! touch {
    ($instruction:literal, $at:expr, $byte:ident) => {{
        let done: u64;
        // SAFETY: `within` lets it reach memory of a map only, to which Rust has no reference; what
        // traps has changed nothing, and the vector is put back on both ways.
        unsafe {
            asm!(
                "csrs sstatus, {sum}",
                "la {old}, 2f",
                "csrrw {old}, stvec, {old}",
                "li {done}, 0",
                concat!($instruction, " {byte}, 0({at})"),
                "li {done}, 1",
                ".balign 4",
                "2: csrw stvec, {old}",
                "csrc sstatus, {sum}",
                sum = in(reg) SUM,
                old = out(reg) _,
                done = out(reg) done,
                at = in(reg) $at.0,
                byte = inout(reg) $byte,
                options(nostack),
            );
        }
        done
    }};
}

impl Cpu for Sv39 {
    fn load(&self, pmap: &Pmap, at: VirtAddr) -> Result<u8, PageFault> {
        let mut byte = 0u64;
        self.within(pmap, at, || touch!("lbu", at, byte))?;
        Ok(byte as u8)
    }

    fn store(&self, pmap: &Pmap, at: VirtAddr, byte: u8) -> Result<(), PageFault> {
        let mut byte = u64::from(byte);
        self.within(pmap, at, || {
            let done = touch!("sb", at, byte);
            let _ = byte;
            done
        })
    }
}
