//! Checks of what only x86_64 promises.
//!
//! Owns: the list. Does not own: the common checks (`crate::checks`).

use super::cpu::{Features, features};
use super::{frames, interrupts, msr};
use crate::checks::{Check, require};
use crate::layout::direct_map;
use core::arch::asm;
use x86::registers::control::{Cr0, Cr0Flags, Cr3, Cr4, Cr4Flags};

/// What is checked on x86_64.
pub static CHECKS: [Check; 3] = [
    Check {
        name: "protections_are_on_where_the_cpu_has_them",
        run: protections_are_on_where_the_cpu_has_them,
    },
    Check {
        name: "no_kernel_page_is_writable_and_executable",
        run: no_kernel_page_is_writable_and_executable,
    },
    Check {
        name: "frame_loops_give_the_programs_registers_back",
        run: frame_loops_give_the_programs_registers_back,
    },
];

fn protections_are_on_where_the_cpu_has_them() -> Result<(), &'static str> {
    require(
        Cr0::read().contains(Cr0Flags::WRITE_PROTECT),
        "CR0.WP is off",
    )?;
    // SAFETY: every 64-bit CPU has the register.
    let efer = unsafe { msr::read(msr::EFER) };
    require(efer & 1 << 11 != 0, "EFER.NXE is off")?;
    let cr4 = Cr4::read();
    for (feature, flag, what) in [
        (
            Features::SMEP,
            Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION,
            "CR4.SMEP is off",
        ),
        (
            Features::SMAP,
            Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION,
            "CR4.SMAP is off",
        ),
        (
            Features::UMIP,
            Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION,
            "CR4.UMIP is off",
        ),
    ] {
        require(!features().contains(feature) || cr4.contains(flag), what)?;
    }
    Ok(())
}

const PRESENT: u64 = 1;
const WRITABLE: u64 = 2;
const USER: u64 = 4;
const LARGE: u64 = 0x80;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Walks the upper half of the tables in use.
fn no_kernel_page_is_writable_and_executable() -> Result<(), &'static str> {
    let root = Cr3::read().0.start_address().as_u64();
    let mut executable = 0;
    for index in 256..512 {
        let entry = read_entry(root, index);
        require(
            entry & PRESENT != 0,
            "an upper entry of the top table is missing",
        )?;
        walk(
            entry & ADDRESS,
            2,
            entry & (WRITABLE | USER | NO_EXECUTE),
            &mut executable,
        )?;
    }
    require(executable > 0, "the walk did not find the kernel's code")
}

fn read_entry(table: u64, index: u64) -> u64 {
    // SAFETY: `table` is a live table of the kernel half, which are never freed; the direct map
    // shows it; a racing change of an entry is read before or after.
    unsafe {
        (direct_map(table) as *const u64)
            .add(index as usize)
            .read_volatile()
    }
}

fn walk(table: u64, level: u32, above: u64, executable: &mut u64) -> Result<(), &'static str> {
    for index in 0..512 {
        let entry = read_entry(table, index);
        if entry & PRESENT == 0 {
            continue;
        }
        // A page is writable and a program's where all levels say so, no-execute where one does.
        let allowed = entry & above & (WRITABLE | USER) | (entry | above) & NO_EXECUTE;
        if level > 0 && entry & LARGE == 0 {
            walk(entry & ADDRESS, level - 1, allowed, executable)?;
            continue;
        }
        require(allowed & USER == 0, "a kernel page is open to programs")?;
        let executes = allowed & NO_EXECUTE == 0;
        require(
            !executes || allowed & WRITABLE == 0,
            "a kernel page is writable and executable",
        )?;
        *executable += u64::from(executes);
    }
    Ok(())
}

fn frame_loops_give_the_programs_registers_back() -> Result<(), &'static str> {
    #[repr(C, align(64))]
    struct Buffer([u8; frames::UNIT]);
    let (mut to, from) = (Buffer([1; frames::UNIT]), Buffer([2; frames::UNIT]));
    const PATTERN: u64 = 0x0123_4567_89ab_cdef;
    let mut kept = [0u64; 2];
    let found: u64;
    let saved = interrupts::disable();
    // SAFETY: the buffers are ours and one unit long; xmm0, the only register touched here, is put
    // back before interrupts can show it to anyone.
    unsafe {
        asm!("movdqu [{}], xmm0", in(reg) &raw mut kept, options(nostack));
        asm!("movq xmm0, {}", in(reg) PATTERN, options(nomem, nostack));
        frames::copy(to.0.as_mut_ptr(), from.0.as_ptr(), frames::UNIT);
        frames::zero(to.0.as_mut_ptr(), frames::UNIT);
        asm!("movq {}, xmm0", out(reg) found, options(nomem, nostack));
        asm!("movdqu xmm0, [{}]", in(reg) &raw const kept, options(nostack, readonly));
    }
    interrupts::restore(saved);
    require(found == PATTERN, "a frame loop changed a register")
}
