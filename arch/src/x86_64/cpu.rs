//! This CPU: which it is, what it can do, how it rests.
//!
//! Owns: feature detection and the control registers. Does not own: other CPUs' start
//! (`boot`), interrupts (`apic`).

use super::{apic, interrupts, msr, percpu, tlb};
use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use x86::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags};

/// CPUs that the kernel has room for.
pub const MAX_CPUS: usize = 8;
/// The machine's name, as `uname` and the host command have it.
pub const NAME: &str = "x86_64";
/// `CPU_TYPE_X86_64`: which Mach-O files run here.
pub const MACHO_CPU_TYPE: u32 = 0x0100_0007;
/// `CPU_SUBTYPE_X86_64_ALL`.
pub const MACHO_CPU_SUBTYPE: u32 = 3;
/// Bytes that a call pushes.
pub const RETURN_ADDRESS_BYTES: u64 = 8;

bitflags::bitflags! {
    /// What the CPU offers of what the kernel uses.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Features: u32 {
        /// No-execute pages.
        const NX = 1;
        /// User code's baseline.
        const SSE4_1 = 2;
        /// The kernel does not execute user pages.
        const SMEP = 4;
        /// The kernel touches user pages only where it says so.
        const SMAP = 8;
        /// Programs cannot read descriptor tables' addresses.
        const UMIP = 0x10;
        /// Global pages.
        const PGE = 0x20;
        /// Pages of 1 GiB.
        const GIB_PAGES = 0x40;
        /// A random number generator.
        const RDRAND = 0x80;
        /// Extended state with AVX.
        const AVX = 0x100;
        /// Page attribute table.
        const PAT = 0x200;
    }
}

static FEATURES: AtomicU32 = AtomicU32::new(0);

/// Why this CPU cannot run the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MissingFeature(pub &'static str);

/// Looks at the CPU. Called once by `boot`, before [`enable_protections`].
///
/// Errors: the name of the feature that the kernel cannot do without.
pub fn detect() -> Result<(), MissingFeature> {
    let mut found = Features::empty();
    let basic = __cpuid(1);
    let extended = __cpuid(0x8000_0001);
    found.set(Features::NX, extended.edx & 1 << 20 != 0);
    found.set(Features::GIB_PAGES, extended.edx & 1 << 26 != 0);
    found.set(Features::SSE4_1, basic.ecx & 1 << 19 != 0);
    found.set(Features::RDRAND, basic.ecx & 1 << 30 != 0);
    found.set(Features::PGE, basic.edx & 1 << 13 != 0);
    found.set(Features::PAT, basic.edx & 1 << 16 != 0);
    found.set(
        Features::AVX,
        basic.ecx & 1 << 26 != 0 && basic.ecx & 1 << 28 != 0,
    );
    if __cpuid(0).eax >= 7 {
        let more = __cpuid_count(7, 0);
        found.set(Features::SMEP, more.ebx & 1 << 7 != 0);
        found.set(Features::SMAP, more.ebx & 1 << 20 != 0);
        found.set(Features::UMIP, more.ecx & 1 << 2 != 0);
    }
    FEATURES.store(found.bits(), Ordering::Relaxed);
    if !found.contains(Features::NX) {
        return Err(MissingFeature("no-execute pages (NX)"));
    }
    if !found.contains(Features::SSE4_1) {
        return Err(MissingFeature("SSE4.1"));
    }
    Ok(())
}

/// What [`detect`] found.
#[inline]
pub fn features() -> Features {
    Features::from_bits_retain(FEATURES.load(Ordering::Relaxed))
}

/// Turns on what makes the page tables' bits mean what they say. On each CPU, before the final
/// tables are loaded.
///
/// FSGSBASE stays off: only the kernel changes a program's GS base, so that a context switch need
/// not read it back.
///
/// # Safety
/// The tables in use give the running code what it needs under these rules.
pub unsafe fn enable_protections() {
    let features = features();
    // SAFETY: each bit is set only where the CPU has it; the caller vouches for the tables.
    unsafe {
        let execute_disable_and_syscall = 1 << 11 | 1;
        msr::write(
            msr::EFER,
            msr::read(msr::EFER) | execute_disable_and_syscall,
        );
        if features.contains(Features::PAT) {
            msr::write(msr::PAT, crate::pmap::format::x86_64::PAT);
        }
        let cr0 = Cr0::read() - Cr0Flags::EMULATE_COPROCESSOR - Cr0Flags::TASK_SWITCHED;
        Cr0::write(
            cr0 | Cr0Flags::WRITE_PROTECT | Cr0Flags::MONITOR_COPROCESSOR | Cr0Flags::NUMERIC_ERROR,
        );
        let mut cr4 = Cr4::read() | Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE;
        for (feature, flag) in [
            (
                Features::SMEP,
                Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION,
            ),
            (Features::SMAP, Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION),
            (Features::UMIP, Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION),
            (Features::PGE, Cr4Flags::PAGE_GLOBAL),
            (Features::AVX, Cr4Flags::OSXSAVE),
        ] {
            cr4.set(flag, features.contains(feature));
        }
        Cr4::write(cr4);
        if features.contains(Features::AVX) {
            // x87, SSE and AVX state.
            asm!("xsetbv", in("ecx") 0, in("eax") 7, in("edx") 0, options(nomem, nostack));
        }
    }
}

/// Index of the CPU that asks, below [`MAX_CPUS`]. Stable only while preemption is disabled.
#[inline(always)]
pub fn id() -> usize {
    percpu::read_u32::<{ percpu::ID }>() as usize
}

/// The hardware's number of the CPU that asks, before its APIC is mapped.
pub fn first_hardware_id() -> u32 {
    __cpuid(1).ebx >> 24
}

/// Makes CPU `id`, which is up, take `Interrupt::Ipi`.
pub fn signal(id: usize) {
    apic::send_ipi(apic::hardware_id_of(id));
}

/// The same for a CPU that has interrupts masked for too long: it takes a non-maskable interrupt, from
/// which nothing returns.
pub fn signal_at_once(id: usize) {
    apic::send_nmi(id);
}

/// Gives way inside a spin loop.
#[inline(always)]
pub fn relax() {
    core::hint::spin_loop();
}

/// Rests until an interrupt has been handled. Called with interrupts masked, and returns so; one
/// that arrives before the rest begins ends it at once.
pub fn wait_for_interrupt() {
    tlb::rest();
    // SAFETY: `sti` takes effect after `hlt` has begun: no interrupt is lost between the two.
    unsafe { asm!("sti", "hlt", "cli") };
    debug_assert!(!interrupts::enabled());
}

/// The time-stamp counter.
#[inline(always)]
pub fn cycle_count() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: every 64-bit CPU has the counter; programs and the kernel may read it.
    unsafe {
        asm!("rdtsc", out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Keeps the kernel's word for whoever runs; later [`super::context::switch`] does so.
#[inline(always)]
pub fn set_local(pointer: *const ()) {
    percpu::write::<{ percpu::LOCAL }>(pointer as u64);
}

/// The kernel's word for whoever runs: one instruction, so that it is right wherever the thread is.
#[inline(always)]
pub fn local() -> *const () {
    percpu::read::<{ percpu::LOCAL }>() as *const ()
}

/// Random bits from the CPU's generator, if it has one that answers.
pub fn random() -> Option<u64> {
    if !features().contains(Features::RDRAND) {
        return None;
    }
    for _ in 0..10 {
        let (value, ok): (u64, u8);
        // SAFETY: the CPU has the instruction.
        unsafe {
            asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack));
        }
        if ok != 0 {
            return Some(value);
        }
    }
    None
}

/// What the CPU calls itself.
pub fn description() -> impl fmt::Display {
    Description
}

struct Description;

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if __cpuid(0x8000_0000).eax < 0x8000_0004 {
            return f.write_str("x86-64 CPU");
        }
        let mut name = [0u8; 48];
        for (leaf, chunk) in (0x8000_0002..=0x8000_0004).zip(name.chunks_exact_mut(16)) {
            let part = __cpuid(leaf);
            for (word, bytes) in [part.eax, part.ebx, part.ecx, part.edx]
                .iter()
                .zip(chunk.chunks_exact_mut(4))
            {
                bytes.copy_from_slice(&word.to_le_bytes());
            }
        }
        let end = name
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(name.len());
        f.write_str(
            core::str::from_utf8(&name[..end])
                .unwrap_or("x86-64 CPU")
                .trim(),
        )
    }
}
