//! This CPU: its number, its word, its rest, its name.
//!
//! Owns: identification and idling. Does not own: other CPUs' start (`boot`), registers' settings at
//! boot (`boot`).

use super::{context, gic};
use aarch64_cpu::registers::{
    CNTVCT_EL0, CPACR_EL1, ID_AA64ISAR0_EL1, MIDR_EL1, Readable, Writeable,
};
use core::arch::asm;
use core::fmt;

/// CPUs that the kernel has room for.
pub const MAX_CPUS: usize = 8;
/// The machine's name, as `uname` has it.
pub const NAME: &str = "arm64";
/// `CPU_TYPE_ARM64`: which Mach-O files run here.
pub const MACHO_CPU_TYPE: u32 = 0x0100_000c;
/// `CPU_SUBTYPE_ARM64_ALL`.
pub const MACHO_CPU_SUBTYPE: u32 = 0;
/// Bytes that a call pushes.
pub const RETURN_ADDRESS_BYTES: u64 = 0;

/// Index of the CPU that asks, below [`MAX_CPUS`]. Stable only while preemption is forbidden.
#[inline(always)]
pub fn id() -> usize {
    context::this_cpu().id
}

/// Makes CPU `id`, which is up, take `Interrupt::Ipi`.
pub fn signal(id: usize) {
    gic::send_ipi(id);
}

/// The same for a CPU that has interrupts masked for too long. This machine cannot: a GICv2 has no
/// non-maskable interrupt.
pub fn signal_at_once(_: usize) {}

/// Gives way inside a spin loop. `core::hint::spin_loop` is an ISB here, which gives nobody anything where one
/// emulator's thread plays all CPUs.
#[inline(always)]
pub fn relax() {
    // SAFETY: YIELD is a hint.
    unsafe { asm!("yield", options(nomem, nostack, preserves_flags)) };
}

/// Rests until an interrupt has been handled. Called with interrupts masked, and returns so; one
/// that arrives before the rest begins ends it at once (`wfi` wakes for masked interrupts).
pub fn wait_for_interrupt() {
    // SAFETY: the handlers balance what they touch.
    unsafe {
        asm!(
            "dsb sy",
            "wfi",
            "msr daifclr, #2",
            "isb",
            "msr daifset, #2",
            options(nostack)
        )
    };
}

/// A counter that only grows: the virtual counter (with the host's `--icount`, instructions).
#[inline(always)]
pub fn cycle_count() -> u64 {
    CNTVCT_EL0.get()
}

/// Stores the kernel's word for whoever runs; later [`context::switch`] does so.
pub fn set_local(word: *const ()) {
    context::running().local.set(word);
}

/// The kernel's word for whoever runs. It moves with its thread from CPU to CPU.
#[inline(always)]
pub fn local() -> *const () {
    context::running().local.get()
}

/// Lets programs use the vector registers. Each CPU, once.
pub(super) fn init() {
    CPACR_EL1.write(CPACR_EL1::FPEN::TrapNothing);
    aarch64_cpu::asm::barrier::isb(aarch64_cpu::asm::barrier::SY);
    super::frames::init();
}

/// A word of the CPU's random number generator, if it has one that answers.
pub fn random() -> Option<u64> {
    if ID_AA64ISAR0_EL1.get() >> 60 == 0 {
        return None;
    }
    for _ in 0..10 {
        let (word, failed): (u64, u64);
        // SAFETY: RNDR is there; it sets Z when it has nothing to give.
        unsafe {
            asm!(
                "mrs {}, s3_3_c2_c4_0",
                "cset {}, eq",
                out(reg) word,
                out(reg) failed,
                options(nomem, nostack)
            );
        }
        if failed == 0 {
            return Some(word);
        }
    }
    None
}

/// What the CPU calls itself.
pub fn description() -> impl fmt::Display {
    Model(MIDR_EL1.get())
}

/// MIDR_EL1.
struct Model(u64);

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let implementer = self.0 >> 24 & 0xff;
        let part = self.0 >> 4 & 0xfff;
        let revision = (self.0 >> 20 & 0xf, self.0 & 0xf);
        let name = match (implementer, part) {
            (0x41, 0xd03) => "Cortex-A53",
            (0x41, 0xd05) => "Cortex-A55",
            (0x41, 0xd07) => "Cortex-A57",
            (0x41, 0xd08) => "Cortex-A72",
            (0x41, 0xd0b) => "Cortex-A76",
            (0x41, 0xd0c) => "Neoverse-N1",
            (0x00, 0x051) => "QEMU max",
            _ => {
                return write!(
                    f,
                    "CPU {implementer:#04x}:{part:#05x} r{}p{}",
                    revision.0, revision.1
                );
            }
        };
        write!(f, "{name} r{}p{}", revision.0, revision.1)
    }
}
