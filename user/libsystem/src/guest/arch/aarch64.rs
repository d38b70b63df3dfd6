//! aarch64: `svc #0x80`, Apple's calling convention (variadic arguments on the stack), `dc zva`.
//!
//! Owns: the entry point, the system-call stubs, the signal trampoline, `setjmp`, the entry stubs
//! of variadic functions and the reader of their arguments. Does not own: `mem*` (`aarch64_memory.s`).

use core::arch::{asm, global_asm};

global_asm!(include_str!("aarch64_memory.s"));
global_asm!(include_str!("aarch64_entry.s"));

/// Makes a BSD call; answers both result registers, or the error number.
///
/// # Safety
/// The arguments must be what the call takes; memory it writes must be the caller's to write.
#[inline(always)]
pub unsafe fn unix(number: u32, args: [u64; 6]) -> Result<(u64, u64), i32> {
    let (r0, r1, carry): (u64, u64, u64);
    // SAFETY: the kernel keeps all registers but those named here; the caller vouches for the arguments.
    unsafe {
        asm!(
            "svc #0x80",
            "cset {carry}, cs",
            carry = lateout(reg) carry,
            in("x16") u64::from(number),
            inlateout("x0") args[0] => r0,
            inlateout("x1") args[1] => r1,
            in("x2") args[2],
            in("x3") args[3],
            in("x4") args[4],
            in("x5") args[5],
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
            "svc #0x80",
            in("x16") -i64::from(number),
            inlateout("x0") args[0] => r0,
            inlateout("x1") args[1] => _,
            in("x2") args[2],
            in("x3") args[3],
            in("x4") args[4],
            in("x5") args[5],
            options(nostack),
        );
    }
    r0
}

/// Sets the running thread's pointer: TPIDRRO_EL0.
///
/// # Safety
/// The address leads to words that the thread may use as [`thread_word`] does.
pub unsafe fn set_thread_pointer(address: u64) {
    // SAFETY: the call changes the register and no memory; the caller vouches for what that means.
    unsafe {
        asm!(
            "svc #0x80",
            in("x16") 0x8000_0000u64,
            inlateout("x0") address => _,
            lateout("x1") _,
            in("x3") 2u64,
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
        asm!("mrs {value}, tpidrro_el0", "ldr {value}, [{value}, #{offset}]",
            value = out(reg) value, offset = const INDEX * 8,
            options(nostack, readonly, preserves_flags));
    }
    value
}

/// The machine's tick counter, readable in user mode.
#[inline(always)]
pub fn ticks() -> u64 {
    let value: u64;
    // SAFETY: reads the virtual counter and changes nothing else.
    unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) value, options(nostack, nomem)) };
    value
}

/// Makes instructions that were written as data visible to instruction fetch.
///
/// # Safety
/// The range is mapped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sys_icache_invalidate(start: *mut u8, length: usize) {
    /// No cache line is shorter.
    const LINE: usize = 32;
    let first = start as usize & !(LINE - 1);
    let end = start as usize + length;
    // SAFETY: cache maintenance by address changes no data; the caller vouches for the range.
    unsafe {
        for line in (first..end).step_by(LINE) {
            asm!("dc cvau, {}", in(reg) line, options(nostack));
        }
        asm!("dsb ish", options(nostack));
        for line in (first..end).step_by(LINE) {
            asm!("ic ivau, {}", in(reg) line, options(nostack));
        }
        asm!("dsb ish", "isb", options(nostack));
    }
}

/// What the compiler calls for `__builtin___clear_cache`.
///
/// # Safety
/// The range is mapped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __clear_cache(start: *mut u8, end: *mut u8) {
    // SAFETY: as the caller vouches.
    unsafe { sys_icache_invalidate(start, end as usize - start as usize) };
}

/// Stops the program where something impossible happened.
#[inline(always)]
pub fn trap() -> ! {
    // SAFETY: BRK raises SIGTRAP and does not return.
    unsafe { asm!("brk #1", options(noreturn, nostack)) }
}

/// A C `va_list` as a parameter: the address of the next argument's 8-byte slot. It is passed by
/// value, so a reader that passes it on passes a pointer to its own copy.
pub type VaList = *mut u64;

/// The next argument of integer or pointer type, all 64 bits of its slot.
///
/// # Safety
/// `list` must point to a live argument slot of such a type.
pub unsafe fn va_integer(list: &mut VaList) -> u64 {
    // SAFETY: the caller vouches for the slot.
    unsafe {
        let value = list.read();
        *list = list.add(1);
        value
    }
}

/// The next argument of type `double`.
///
/// # Safety
/// `list` must point to a live argument slot that holds a `double`.
pub unsafe fn va_double(list: &mut VaList) -> f64 {
    // SAFETY: as the caller vouches.
    f64::from_bits(unsafe { va_integer(list) })
}

/// The next argument of type `long double`, which is a `double` here.
///
/// # Safety
/// `list` must point to a live argument slot that holds a `long double`.
pub unsafe fn va_long_double(list: &mut VaList) -> f64 {
    // SAFETY: as the caller vouches.
    unsafe { va_double(list) }
}
