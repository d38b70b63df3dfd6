//! `_Thread_local` variables.
//!
//! Owns: a thread's block of them. Does not own: the descriptor's function, `__tlv_bootstrap` (`arch`), which
//! adds the descriptor's offset to the block that a word of thread-specific data leads to.
//!
//! The linker lays the variables out in the image, those with a value first; every thread gets a copy when it
//! is made, so that the function has no slow path.

use crate::{malloc, start};
use core::ffi::c_void;
use core::ptr::null_mut;

/// Above a thread's record, in bytes, so that the block is aligned.
fn padding(align: usize) -> usize {
    align.saturating_sub(align_of::<super::Thread>())
}

/// Bytes that a block takes above a thread's record.
pub fn room() -> usize {
    let template = start::variables();
    if template.size == 0 {
        0
    } else {
        template.size + padding(template.align)
    }
}

/// Makes a block in zero memory that begins at or after `from`, which has [`room`] bytes.
///
/// # Safety
/// The memory is the caller's.
pub unsafe fn fill(from: *mut u8) -> *mut c_void {
    let template = start::variables();
    if template.size == 0 {
        return null_mut();
    }
    let block = (from as usize).next_multiple_of(template.align) as *mut u8;
    // SAFETY: the caller's memory has room for the block; the image has the values.
    unsafe { core::ptr::copy_nonoverlapping(template.values, block, template.valued) };
    block.cast()
}

/// Makes a block that is never freed; null where there are no variables, or no memory.
pub fn allocate() -> *mut c_void {
    let room = room();
    if room == 0 {
        return null_mut();
    }
    let memory = malloc::calloc(1, room + start::variables().align);
    if memory.is_null() {
        return null_mut();
    }
    // SAFETY: the memory is new and large enough.
    unsafe { fill(memory.cast()) }
}
