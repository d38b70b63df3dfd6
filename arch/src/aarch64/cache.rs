//! Caches: making stored instructions visible to fetches, and stored data to memory.
//!
//! Owns: the maintenance sequence (Arm ARM, B2.7.4). Does not own: when it is due (`vm`).

use aarch64_cpu::asm::barrier;
use core::arch::asm;

/// CTR_EL0.IDC: instruction fetches see the point of coherency; no cleaning is needed.
const CTR_IDC: u64 = 1 << 28;

/// Makes what was stored into `start .. start + bytes` (kernel addresses, mapped) visible to
/// instruction fetches of every CPU, through any mapping.
pub fn sync_instructions(start: usize, bytes: usize) {
    let ctr: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    if ctr & CTR_IDC == 0 {
        let line = 4usize << (ctr >> 16 & 0xf);
        let mut at = start & !(line - 1);
        while at < start + bytes {
            // SAFETY: cleans a line of mapped memory; contents do not change.
            unsafe { asm!("dc cvau, {}", in(reg) at, options(nostack, preserves_flags)) };
            at += line;
        }
    }
    barrier::dsb(barrier::ISH);
    // All of it: the fetches come through another address, and the cache may be indexed by that.
    // SAFETY: drops cached instructions.
    unsafe { asm!("ic ialluis", options(nostack, preserves_flags)) };
    barrier::dsb(barrier::ISH);
    barrier::isb(barrier::SY);
}

/// Cleans `start .. start + bytes` (kernel addresses, mapped) to memory and drops it from all data
/// caches, those of other CPUs too.
pub fn flush_data(start: usize, bytes: usize) {
    let ctr: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    let line = 4usize << (ctr >> 16 & 0xf);
    let mut at = start & !(line - 1);
    while at < start + bytes {
        // SAFETY: cleans and drops a line of mapped memory; contents do not change.
        unsafe { asm!("dc civac, {}", in(reg) at, options(nostack, preserves_flags)) };
        at += line;
    }
    barrier::dsb(barrier::SY);
}
