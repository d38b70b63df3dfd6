//! x86_64: `syscall`, the System V calling convention, string instructions.
//!
//! Owns: the entry point, the system-call stubs, the signal trampoline, `setjmp`, the entry stubs
//! of variadic functions and the reader of their arguments. Does not own: `mem*` (`x86_64_memory.s`).

use core::arch::{asm, global_asm};

global_asm!(include_str!("x86_64_memory.s"), options(att_syntax));
global_asm!(include_str!("x86_64_entry.s"), options(att_syntax));

/// The class of BSD calls in RAX.
const UNIX: u64 = (abi::syscall::CLASS_UNIX as u64) << 24;
/// The class of Mach traps in RAX.
const MACH: u64 = (abi::syscall::CLASS_MACH as u64) << 24;

/// Makes a BSD call; answers both result registers, or the error number.
///
/// # Safety
/// The arguments must be what the call takes; memory it writes must be the caller's to write.
#[inline(always)]
pub unsafe fn unix(number: u32, args: [u64; 6]) -> Result<(u64, u64), i32> {
    let (r0, r1, carry): (u64, u64, u8);
    // SAFETY: the kernel keeps all registers but those named here; the caller vouches for the arguments.
    unsafe {
        asm!(
            "syscall",
            "setc {carry}",
            carry = lateout(reg_byte) carry,
            inlateout("rax") UNIX | u64::from(number) => r0,
            in("rdi") args[0],
            in("rsi") args[1],
            inlateout("rdx") args[2] => r1,
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    if carry == 0 {
        Ok((r0, r1))
    } else {
        Err(r0 as i32)
    }
}

/// Makes a Mach trap; answers its result.
///
/// # Safety
/// As for [`unix`].
#[inline(always)]
pub unsafe fn mach(number: u32, args: [u64; 6]) -> u64 {
    let r0: u64;
    // SAFETY: the kernel keeps all registers but those named here; the caller vouches for the arguments.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") MACH | u64::from(number) => r0,
            in("rdi") args[0],
            in("rsi") args[1],
            inlateout("rdx") args[2] => _,
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    r0
}

/// Sets the running thread's pointer: GS.
///
/// # Safety
/// The address leads to words that the thread may use as [`thread_word`] does.
pub unsafe fn set_thread_pointer(address: u64) {
    // SAFETY: the call changes the base of GS and no memory; the caller vouches for what that means.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") 0x0300_0003u64 => _,
            in("rdi") address,
            lateout("rdx") _,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
}

/// Word `INDEX` of what the running thread's pointer leads to.
#[inline(always)]
pub fn thread_word<const INDEX: usize>() -> usize {
    let value: usize;
    // SAFETY: the pointer is set before anything else runs, and leads to the thread's own words.
    unsafe {
        asm!("mov {}, gs:[{}]", out(reg) value, const INDEX * 8,
            options(nostack, readonly, preserves_flags));
    }
    value
}

/// The machine's tick counter, readable in user mode.
#[inline(always)]
pub fn ticks() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: RDTSC reads a counter and changes nothing else.
    unsafe {
        asm!("lfence", "rdtsc", out("eax") low, out("edx") high, options(nostack, nomem));
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Makes instructions that were written as data visible to instruction fetch: the machine sees to it.
///
/// # Safety
/// None is needed here; the other machine needs a mapped range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sys_icache_invalidate(_start: *mut u8, _length: usize) {}

/// Stops the program where something impossible happened.
#[inline(always)]
pub fn trap() -> ! {
    // SAFETY: UD2 raises SIGILL and does not return.
    unsafe { asm!("ud2", options(noreturn, nostack)) }
}

/// The record that a `va_list` points to (System V ABI, figure 3.34).
#[repr(C)]
pub struct VaTag {
    gp_offset: u32,
    fp_offset: u32,
    overflow_arg_area: *mut u64,
    reg_save_area: *mut u8,
}

/// A C `va_list` as a parameter.
pub type VaList = *mut VaTag;

/// Bytes of the integer registers in the register save area.
const GP_BYTES: u32 = 48;
/// Bytes of the register save area.
const SAVE_BYTES: u32 = 176;

/// The next argument of integer or pointer type, all 64 bits of its slot.
///
/// # Safety
/// `list` must be a live `va_list` whose next argument is of such a type.
pub unsafe fn va_integer(list: &mut VaList) -> u64 {
    // SAFETY: the caller's `va_list` describes valid save and overflow areas.
    unsafe {
        let tag = &mut **list;
        if tag.gp_offset < GP_BYTES {
            let value = tag
                .reg_save_area
                .add(tag.gp_offset as usize)
                .cast::<u64>()
                .read();
            tag.gp_offset += 8;
            value
        } else {
            let value = tag.overflow_arg_area.read();
            tag.overflow_arg_area = tag.overflow_arg_area.add(1);
            value
        }
    }
}

/// The next argument of type `double`.
///
/// # Safety
/// `list` must be a live `va_list` whose next argument is a `double`.
pub unsafe fn va_double(list: &mut VaList) -> f64 {
    // SAFETY: the caller's `va_list` describes valid save and overflow areas.
    unsafe {
        let tag = &mut **list;
        if tag.fp_offset < SAVE_BYTES {
            let value = tag
                .reg_save_area
                .add(tag.fp_offset as usize)
                .cast::<f64>()
                .read();
            tag.fp_offset += 16;
            value
        } else {
            let value = tag.overflow_arg_area.cast::<f64>().read();
            tag.overflow_arg_area = tag.overflow_arg_area.add(1);
            value
        }
    }
}

/// The next argument of type `long double`, rounded to a `double`.
///
/// # Safety
/// `list` must be a live `va_list` whose next argument is a `long double`.
pub unsafe fn va_long_double(list: &mut VaList) -> f64 {
    // SAFETY: an 80-bit argument lies 16-aligned in the overflow area; FLD reads 10 bytes there.
    unsafe {
        let tag = &mut **list;
        let at = (tag.overflow_arg_area as usize + 15) & !15;
        tag.overflow_arg_area = (at + 16) as *mut u64;
        let mut value = 0f64;
        asm!(
            "fld tbyte ptr [{from}]",
            "fstp qword ptr [{to}]",
            from = in(reg) at,
            to = in(reg) &raw mut value,
            out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
            out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            options(nostack),
        );
        value
    }
}
