//! Model-specific registers that this kernel programs.
//!
//! Owns: their numbers and access. Does not own: their meaning where it is used.

use core::arch::asm;

/// The local APIC's base.
pub const APIC_BASE: u32 = 0x1b;
/// Page attribute table.
pub const PAT: u32 = 0x277;
/// Extended features: system calls, long mode, no-execute.
pub const EFER: u32 = 0xc000_0080;
/// Segments of `syscall` and `sysret`.
pub const STAR: u32 = 0xc000_0081;
/// Where `syscall` goes.
pub const LSTAR: u32 = 0xc000_0082;
/// Flags that `syscall` clears.
pub const SFMASK: u32 = 0xc000_0084;
/// The base of GS.
pub const GS_BASE: u32 = 0xc000_0101;
/// What `swapgs` exchanges with it.
pub const KERNEL_GS_BASE: u32 = 0xc000_0102;

/// Reads a register.
///
/// # Safety
/// The CPU has it.
#[inline(always)]
pub unsafe fn read(register: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller's.
    unsafe {
        asm!("rdmsr", in("ecx") register, out("eax") low, out("edx") high,
            options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Writes a register.
///
/// # Safety
/// The CPU has it, and the value is one that it takes without breaking what runs.
#[inline(always)]
pub unsafe fn write(register: u32, value: u64) {
    // SAFETY: the caller's.
    unsafe {
        asm!("wrmsr", in("ecx") register, in("eax") value as u32, in("edx") (value >> 32) as u32,
            options(nostack, preserves_flags));
    }
}
