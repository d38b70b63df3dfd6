//! The end: QEMU's exit status by semihosting, PSCI where there is no semihosting.
//!
//! Owns: `exit`. Does not own: who decides (`kernel`, `boot`).

use super::interrupts;
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicBool, Ordering};

static PSCI_BY_HVC: AtomicBool = AtomicBool::new(true);

const SYS_EXIT: u64 = 0x18;
const ADP_STOPPED_APPLICATION_EXIT: u64 = 0x20026;
const PSCI_SYSTEM_OFF: u64 = 0x8400_0008;

unsafe extern "C" {
    fn semihosting_call(operation: u64, block: *const [u64; 2]) -> u64;
    static semihosting_instruction: [u8; 0];
}

global_asm!(
    ".section .text.power, \"ax\"",
    ".global semihosting_call, semihosting_instruction",
    "semihosting_call:",
    "semihosting_instruction:",
    "hlt #0xf000",
    "ret",
);

/// Notes how PSCI is called.
pub(super) fn init(psci_by_hvc: bool) {
    PSCI_BY_HVC.store(psci_by_hvc, Ordering::Relaxed);
}

/// Ends the machine; QEMU's exit status is `status`. Without `-semihosting` the machine switches
/// off and QEMU answers 0.
pub fn exit(status: u8) -> ! {
    let _ = interrupts::disable();
    let block = [ADP_STOPPED_APPLICATION_EXIT, u64::from(status)];
    // SAFETY: SYS_EXIT reads the block; where semihosting is missing, the instruction traps and
    // `trap` steps over it.
    unsafe { semihosting_call(SYS_EXIT, &raw const block) };
    // SAFETY: SYSTEM_OFF does not return.
    unsafe {
        if PSCI_BY_HVC.load(Ordering::Relaxed) {
            asm!("hvc #0", in("x0") PSCI_SYSTEM_OFF, options(nostack));
        } else {
            // `smc #0`: the assembler wants EL3 before it knows the name.
            asm!(".inst 0xd4000003", in("x0") PSCI_SYSTEM_OFF, options(nostack));
        }
    }
    loop {
        aarch64_cpu::asm::wfi();
    }
}

/// Whether `pc` is the semihosting call, which traps where semihosting is off.
pub(super) fn is_semihosting(pc: u64) -> bool {
    pc == (&raw const semihosting_instruction) as u64
}
