//! User memory: the only way to touch it.
//!
//! Owns: the checked copies and where they recover. Does not own: faults' resolution
//! (`kernel_trap`). The copies use unprivileged loads and stores (LDTR, STTR): the hardware grants
//! what it would grant the program, and PAN stays on.

use super::trap::TrapFrame;
use crate::layout::USER_END;
use core::arch::global_asm;

/// The range is not the program's to use so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserFault;

global_asm!(include_str!("user.s"));

unsafe extern "C" {
    fn user_copy_in(to: *mut u8, from: u64, bytes: usize) -> isize;
    fn user_copy_out(to: u64, from: *const u8, bytes: usize) -> isize;
    fn user_copy_string(to: *mut u8, from: u64, room: usize) -> isize;
    static user_copies_begin: [u8; 0];
    static user_copies_end: [u8; 0];
    static user_copy_fault: [u8; 0];
}

/// Whether `address .. address + bytes` lies in user space.
#[inline(always)]
fn check(address: u64, bytes: usize) -> Result<(), UserFault> {
    match address.checked_add(bytes as u64) {
        Some(end) if end <= USER_END => Ok(()),
        _ => Err(UserFault),
    }
}

/// Copies from user memory. May fault, and so may sleep: no spin lock is held.
///
/// Errors: `UserFault`; what `to` then holds is not defined.
#[inline]
pub fn copy_in(to: &mut [u8], from: u64) -> Result<(), UserFault> {
    // SAFETY: `to` is the kernel's alone.
    unsafe { copy_in_raw(to.as_mut_ptr(), from, to.len()) }
}

/// Copies `length` bytes from user memory to memory that programs may have mapped too.
///
/// Errors: `UserFault`; a part may have been written.
///
/// # Safety
/// `to` is RAM for so many bytes, and nobody borrows them.
#[inline]
pub unsafe fn copy_in_raw(to: *mut u8, from: u64, length: usize) -> Result<(), UserFault> {
    check(from, length)?;
    // SAFETY: the caller's for `to`; the user range is checked, and a fault in it that cannot be
    // resolved ends the copy with -1.
    let left = unsafe { user_copy_in(to, from, length) };
    if left == 0 { Ok(()) } else { Err(UserFault) }
}

/// Copies to user memory. May fault, and so may sleep: no spin lock is held.
///
/// Errors: `UserFault`; a part may have been written.
#[inline]
pub fn copy_out(to: u64, from: &[u8]) -> Result<(), UserFault> {
    // SAFETY: `from` is the kernel's alone.
    unsafe { copy_out_raw(to, from.as_ptr(), from.len()) }
}

/// Copies `length` bytes that programs may have mapped too to user memory.
///
/// Errors: `UserFault`; a part may have been written.
///
/// # Safety
/// `from` is RAM for so many bytes, and nobody borrows them alone.
#[inline]
pub unsafe fn copy_out_raw(to: u64, from: *const u8, length: usize) -> Result<(), UserFault> {
    check(to, length)?;
    // SAFETY: as in `copy_in_raw`.
    let left = unsafe { user_copy_out(to, from, length) };
    if left == 0 { Ok(()) } else { Err(UserFault) }
}

/// Copies a string that ends in NUL; answers its length without the NUL, or `to.len()` if no NUL
/// was within that many bytes.
///
/// Errors: `UserFault`.
pub fn copy_in_string(to: &mut [u8], from: u64) -> Result<usize, UserFault> {
    check(from, 0)?;
    let reach = usize::try_from(USER_END - from).unwrap_or(usize::MAX);
    let room = to.len().min(reach);
    // SAFETY: as in `copy_in`, for `room` bytes.
    let length = unsafe { user_copy_string(to.as_mut_ptr(), from, room) };
    match usize::try_from(length) {
        // No NUL up to the end of user space.
        Ok(length) if length == room && room < to.len() => Err(UserFault),
        Ok(length) => Ok(length),
        Err(_) => Err(UserFault),
    }
}

/// Makes a copy that faulted end with `UserFault`. Answers false if the frame is in no copy.
pub fn recover(frame: &mut TrapFrame) -> bool {
    let copies = (&raw const user_copies_begin) as u64..(&raw const user_copies_end) as u64;
    if frame.is_user() || !copies.contains(&frame.pc()) {
        return false;
    }
    frame.set_pc((&raw const user_copy_fault) as u64);
    true
}
