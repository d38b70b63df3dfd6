//! The other CPUs' way from PSCI's CPU_ON to `kernel_secondary_main`.
//!
//! Owns: the record that such a CPU reads before its MMU is on, and the tables in which that code lies at its
//! own address. Does not own: the firmware's call (`arch::power`), who waits for it (`kernel`). One CPU starts
//! at a time: [`start`]'s caller sees to it.

use super::start::{AFFINITY, leave_identity};
use super::tables::{Attributes, NoFrame, PAGE_SIZE, Tables};
use crate::info::{BootInfo, KernelImage};
use crate::secondary::{StartError, kernel_secondary_main};
use aarch64_cpu::registers::{MAIR_EL1, MPIDR_EL1, Readable, SCTLR_EL1, TCR_EL1, TTBR1_EL1};
use core::arch::global_asm;
use core::sync::atomic::{AtomicU64, Ordering};

global_asm!(include_str!("secondary.s"));

unsafe extern "C" {
    static secondary_entry: [u8; 0];
    static secondary_mapped: [u8; 0];
}

/// What `secondary.s` reads, in its order.
#[repr(C, align(64))]
struct Record {
    mair: AtomicU64,
    tcr: AtomicU64,
    identity_root: AtomicU64,
    kernel_root: AtomicU64,
    sctlr: AtomicU64,
    mapped: AtomicU64,
    record: AtomicU64,
    stack: AtomicU64,
    /// From here on for `secondary_main`.
    index: AtomicU64,
    hardware_id: AtomicU64,
    empty_root: AtomicU64,
}

static RECORD: Record = Record {
    mair: AtomicU64::new(0),
    tcr: AtomicU64::new(0),
    identity_root: AtomicU64::new(0),
    kernel_root: AtomicU64::new(0),
    sctlr: AtomicU64::new(0),
    mapped: AtomicU64::new(0),
    record: AtomicU64::new(0),
    stack: AtomicU64::new(0),
    index: AtomicU64::new(0),
    hardware_id: AtomicU64::new(0),
    empty_root: AtomicU64::new(0),
};

/// Makes the tables in which the first code of other CPUs is mapped to itself.
///
/// # Safety
/// As `Tables::new`.
pub(super) unsafe fn prepare(
    take: impl FnMut() -> Option<u64>,
    image: &KernelImage,
    empty_root: u64,
) -> Result<(), NoFrame> {
    // SAFETY: the caller's promise.
    let mut tables = unsafe { Tables::new(take)? };
    let code = physical(image, (&raw const secondary_entry) as u64);
    let first = code & !(PAGE_SIZE - 1);
    // Two pages: the code may lie across the end of the first.
    tables.map(first, first, 2 * PAGE_SIZE, Attributes::TEXT)?;
    RECORD.identity_root.store(tables.root(), Ordering::Relaxed);
    RECORD.empty_root.store(empty_root, Ordering::Relaxed);
    Ok(())
}

fn physical(image: &KernelImage, at: u64) -> u64 {
    image.physical + (at - image.text.start)
}

/// Starts CPU `index` of `info.cpus`: it calls `kernel_secondary_main(index)` on the stack that ends at
/// `stack_top`. Answers when it has been asked to; the caller waits until it is there. A CPU that was given up
/// and comes after all finds no stack, and rests.
///
/// Errors: the firmware's.
///
/// # Safety
/// The stack is the CPU's alone, for ever. No other CPU is starting.
pub unsafe fn start(info: &BootInfo, index: usize, stack_top: usize) -> Result<(), StartError> {
    let hardware_id = info.cpus[index].hardware_id;
    for (word, value) in [
        (&RECORD.mair, MAIR_EL1.get()),
        (&RECORD.tcr, TCR_EL1.get()),
        (&RECORD.kernel_root, TTBR1_EL1.get()),
        (&RECORD.sctlr, SCTLR_EL1.get()),
        (&RECORD.mapped, (&raw const secondary_mapped) as u64),
        (&RECORD.record, (&raw const RECORD) as u64),
        (&RECORD.index, index as u64),
        (&RECORD.hardware_id, hardware_id),
        (&RECORD.stack, stack_top as u64),
    ] {
        word.store(value, Ordering::SeqCst);
    }
    // It reads the record past all caches.
    arch::cache::flush_data((&raw const RECORD) as usize, size_of::<Record>());
    let entry = physical(&info.image, (&raw const secondary_entry) as u64);
    let record = physical(&info.image, (&raw const RECORD) as u64);
    // SAFETY: the code and the record are made for this, and one CPU starts at a time.
    unsafe { arch::power::start_cpu(hardware_id, entry, record) }.map_err(StartError::Refused)
}

/// Nobody is expected any more. Answers whether the CPU has taken its stack: then it is on its way, and the
/// stack must stay.
pub fn give_up() -> bool {
    RECORD.stack.swap(0, Ordering::SeqCst) == 0
}

/// From `secondary.s`, at link addresses, on the given stack.
#[unsafe(no_mangle)]
extern "C" fn secondary_main() -> ! {
    let own = MPIDR_EL1.get() & AFFINITY;
    if own != RECORD.hardware_id.load(Ordering::Relaxed) {
        // One that was given up took another one's stack.
        loop {
            arch::interrupts::halt();
        }
    }
    let index = RECORD.index.load(Ordering::Relaxed) as usize;
    arch::early_init_cpu(index);
    leave_identity(RECORD.empty_root.load(Ordering::Relaxed));
    arch::init_cpu();
    kernel_secondary_main(index)
}
