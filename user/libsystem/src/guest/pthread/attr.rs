//! Attributes of threads to be made.

use super::code;
use crate::mach;
use abi::Errno;
use core::ffi::{c_int, c_void};

/// `PTHREAD_CREATE_JOINABLE`.
pub const JOINABLE: c_int = 1;
/// `PTHREAD_CREATE_DETACHED`.
pub const DETACHED: c_int = 2;
/// `PTHREAD_STACK_MIN`: the smallest stack in bytes.
pub const STACK_MIN: usize = 16384;
/// The stack of a thread that was made without a wish, in bytes.
const STACK_DEFAULT: usize = 512 << 10;
/// `__sig` of attributes.
const SIGNATURE: u64 = 0x5441_4444;

/// `pthread_attr_t`: 64 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Attributes {
    signature: u64,
    /// One past the stack's highest byte, if it is the program's own.
    pub stack_address: usize,
    /// Bytes of the stack.
    pub stack_size: usize,
    /// Bytes below it that nobody may touch.
    pub guard_size: usize,
    /// `JOINABLE` or `DETACHED`.
    pub detach_state: c_int,
    pad: [u32; 7],
}

const _: () = assert!(size_of::<Attributes>() == 64);

impl Attributes {
    /// Those of a thread without a wish.
    pub fn new() -> Self {
        Self {
            signature: SIGNATURE,
            stack_address: 0,
            stack_size: STACK_DEFAULT,
            guard_size: mach::page_size(),
            detach_state: JOINABLE,
            pad: [0; 7],
        }
    }

    /// The caller's attributes, or those of a thread without a wish. `EINVAL` if they were not initialised.
    pub fn of(attributes: *const Self) -> Result<Self, Errno> {
        if attributes.is_null() {
            return Ok(Self::new());
        }
        // SAFETY: the caller's attributes.
        let found = unsafe { *attributes };
        if found.signature == SIGNATURE {
            Ok(found)
        } else {
            Err(Errno::EINVAL)
        }
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self::new()
    }
}

fn change(to: *mut Attributes, valid: bool, change: impl FnOnce(&mut Attributes)) -> c_int {
    code(Attributes::of(to).and_then(|mut attributes| {
        if !valid || to.is_null() {
            return Err(Errno::EINVAL);
        }
        change(&mut attributes);
        // SAFETY: the caller's attributes.
        unsafe { *to = attributes };
        Ok(())
    }))
}

fn look(of: *const Attributes, look: impl FnOnce(Attributes)) -> c_int {
    code(Attributes::of(of).map(look))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_init(to: *mut Attributes) -> c_int {
    // SAFETY: the caller's room for attributes.
    unsafe { to.write(Attributes::new()) };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_destroy(to: *mut Attributes) -> c_int {
    change(to, true, |attributes| attributes.signature = 0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setdetachstate(to: *mut Attributes, state: c_int) -> c_int {
    let valid = state == JOINABLE || state == DETACHED;
    change(to, valid, |attributes| attributes.detach_state = state)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getdetachstate(
    of: *const Attributes,
    to: *mut c_int,
) -> c_int {
    // SAFETY: the caller's place.
    look(of, |attributes| unsafe { *to = attributes.detach_state })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setstacksize(to: *mut Attributes, size: usize) -> c_int {
    let valid = size >= STACK_MIN && size.is_multiple_of(mach::page_size());
    change(to, valid, |attributes| attributes.stack_size = size)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getstacksize(of: *const Attributes, to: *mut usize) -> c_int {
    // SAFETY: the caller's place.
    look(of, |attributes| unsafe { *to = attributes.stack_size })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setguardsize(to: *mut Attributes, size: usize) -> c_int {
    let valid = size.is_multiple_of(mach::page_size());
    change(to, valid, |attributes| attributes.guard_size = size)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getguardsize(of: *const Attributes, to: *mut usize) -> c_int {
    // SAFETY: the caller's place.
    look(of, |attributes| unsafe { *to = attributes.guard_size })
}

/// `lowest` is the stack's lowest byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setstack(
    to: *mut Attributes,
    lowest: *mut c_void,
    size: usize,
) -> c_int {
    let page = mach::page_size();
    let lowest = lowest as usize;
    let valid = size >= STACK_MIN
        && size.is_multiple_of(page)
        && lowest.is_multiple_of(page)
        && lowest.checked_add(size).is_some();
    change(to, valid, |attributes| {
        attributes.stack_address = lowest + size;
        attributes.stack_size = size;
        attributes.guard_size = 0;
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getstack(
    of: *const Attributes,
    lowest: *mut *mut c_void,
    size: *mut usize,
) -> c_int {
    // SAFETY: the caller's places.
    look(of, |attributes| unsafe {
        let low = attributes.stack_address.wrapping_sub(attributes.stack_size);
        *lowest = if attributes.stack_address == 0 {
            0
        } else {
            low
        } as *mut c_void;
        *size = attributes.stack_size;
    })
}
