//! Power: a CPU's start by PSCI; the end by semihosting with QEMU's exit status, by PSCI without.
//!
//! Owns: `exit`, `start_cpu`. Does not own: who decides (`kernel`, `boot`).

use super::interrupts;
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicBool, Ordering};

static PSCI_BY_HVC: AtomicBool = AtomicBool::new(true);

const SYS_EXIT: u64 = 0x18;
const ADP_STOPPED_APPLICATION_EXIT: u64 = 0x20026;
const PSCI_SYSTEM_OFF: u64 = 0x8400_0008;
const PSCI_CPU_ON_64: u64 = 0xc400_0003;

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
    unsafe { psci(PSCI_SYSTEM_OFF, 0, 0, 0) };
    loop {
        aarch64_cpu::asm::wfi();
    }
}

/// Starts the CPU with this MPIDR at a physical address, with its MMU off and `context` in x0.
///
/// # Safety
/// The code there can be entered so, by one CPU more than have been started.
///
/// Errors: PSCI's (DEN0022, §5.2.2).
pub unsafe fn start_cpu(mpidr: u64, entry: u64, context: u64) -> Result<(), i32> {
    // SAFETY: the caller's.
    match unsafe { psci(PSCI_CPU_ON_64, mpidr, entry, context) } as i32 {
        0 => Ok(()),
        error => Err(error),
    }
}

/// Calls the firmware (SMCCC: x0–x3 are arguments, x0–x17 may be changed).
///
/// # Safety
/// The function does nothing to memory that is in use.
unsafe fn psci(function: u64, first: u64, second: u64, third: u64) -> u64 {
    let result;
    // SAFETY: the caller's. `smc #0` by its encoding: the assembler wants EL3 before it knows the name.
    unsafe {
        if PSCI_BY_HVC.load(Ordering::Relaxed) {
            asm!("hvc #0", inlateout("x0") function => result, in("x1") first, in("x2") second,
                in("x3") third, clobber_abi("C"), options(nostack));
        } else {
            asm!(".inst 0xd4000003", inlateout("x0") function => result, in("x1") first,
                in("x2") second, in("x3") third, clobber_abi("C"), options(nostack));
        }
    }
    result
}

/// Whether `pc` is the semihosting call, which traps where semihosting is off.
pub(super) fn is_semihosting(pc: u64) -> bool {
    pc == (&raw const semihosting_instruction) as u64
}
