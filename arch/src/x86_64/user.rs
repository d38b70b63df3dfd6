//! Copies to and from user memory: checked, opened only for the copy, recovered after a fault.
//!
//! Owns: the range check and the recovery addresses. Does not own: the fault in between
//! (`kernel_trap` resolves it, or calls [`recover`]).
//! Called with no spin lock held and preemption allowed: a copy may sleep in a fault.

use super::frame::TrapFrame;
use crate::layout::USER_END;

/// The range is not in user space, or a fault in it could not be resolved. What was copied before
/// the fault stays copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserFault;

unsafe extern "C" {
    fn user_copy(to: *mut u8, from: *const u8, length: usize) -> usize;
    fn user_copy_string(to: *mut u8, from: *const u8, limit: usize) -> isize;
    fn user_copy_failed();
    static user_copy_faulting: u8;
    static user_copy_faulting_end: u8;
    static user_string_faulting: u8;
    static user_string_faulting_end: u8;
}

#[inline(always)]
fn check(start: u64, length: usize) -> Result<(), UserFault> {
    match start.checked_add(length as u64) {
        Some(end) if end <= USER_END => Ok(()),
        _ => Err(UserFault),
    }
}

/// Copies `to.len()` bytes from user address `from`.
#[inline]
pub fn copy_in(to: &mut [u8], from: u64) -> Result<(), UserFault> {
    // SAFETY: `to` is the kernel's alone.
    unsafe { copy_in_raw(to.as_mut_ptr(), from, to.len()) }
}

/// Copies `length` bytes from user address `from` to memory that programs may have mapped too.
///
/// # Safety
/// `to` is RAM for so many bytes, and nobody borrows them.
#[inline]
pub unsafe fn copy_in_raw(to: *mut u8, from: u64, length: usize) -> Result<(), UserFault> {
    check(from, length)?;
    // SAFETY: the caller's for `to`; the source lies in user space, where every fault is resolved
    // or recovered; nothing there is ever borrowed by Rust code.
    match unsafe { user_copy(to, from as *const u8, length) } {
        0 => Ok(()),
        _ => Err(UserFault),
    }
}

/// Copies `from` to user address `to`.
#[inline]
pub fn copy_out(to: u64, from: &[u8]) -> Result<(), UserFault> {
    // SAFETY: `from` is the kernel's alone.
    unsafe { copy_out_raw(to, from.as_ptr(), from.len()) }
}

/// Copies `length` bytes that programs may have mapped too to user address `to`.
///
/// # Safety
/// `from` is RAM for so many bytes, and nobody borrows them alone.
#[inline]
pub unsafe fn copy_out_raw(to: u64, from: *const u8, length: usize) -> Result<(), UserFault> {
    check(to, length)?;
    // SAFETY: as in `copy_in_raw`; the destination lies in user space.
    match unsafe { user_copy(to as *mut u8, from, length) } {
        0 => Ok(()),
        _ => Err(UserFault),
    }
}

/// Copies the string at user address `from` and its NUL, and returns its length without the NUL;
/// `to.len()` if no NUL was found in that many bytes.
pub fn copy_in_string(to: &mut [u8], from: u64) -> Result<usize, UserFault> {
    let room = USER_END.checked_sub(from).ok_or(UserFault)?;
    let limit = to.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    // SAFETY: as in `copy_in`, for at most `limit` bytes.
    let length = unsafe { user_copy_string(to.as_mut_ptr(), from as *const u8, limit) };
    match usize::try_from(length) {
        // User space ended before the string did.
        Ok(length) if length == limit && limit < to.len() => Err(UserFault),
        Ok(length) => Ok(length),
        Err(_) => Err(UserFault),
    }
}

/// Whether the kernel was interrupted inside one of the copies above: the only places where it may
/// meet a fault on a user address.
#[inline]
pub(super) fn is_copying(frame: &TrapFrame) -> bool {
    let inside = |start: *const u8, end: *const u8| (start as u64..end as u64).contains(&frame.rip);
    !frame.is_user()
        && (inside(
            &raw const user_copy_faulting,
            &raw const user_copy_faulting_end,
        ) || inside(
            &raw const user_string_faulting,
            &raw const user_string_faulting_end,
        ))
}

/// If the frame is that of a user copy, makes the copy fail and returns true; otherwise the fault
/// is the kernel's own.
pub fn recover(frame: &mut TrapFrame) -> bool {
    let copying = is_copying(frame);
    if copying {
        frame.rip = user_copy_failed as *const () as u64;
    }
    copying
}
