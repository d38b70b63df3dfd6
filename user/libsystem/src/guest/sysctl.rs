//! sys/sysctl.h.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sysctl(
    name: *const c_int,
    count: c_uint,
    old: *mut c_void,
    old_size: *mut usize,
    new: *const c_void,
    new_size: usize,
) -> c_int {
    unix!(SYS_SYSCTL, name, count, old, old_size, new, new_size) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sysctlbyname(
    name: *const c_char,
    old: *mut c_void,
    old_size: *mut usize,
    new: *const c_void,
    new_size: usize,
) -> c_int {
    // SAFETY: the caller's C string.
    let length = unsafe { crate::string::strlen(name) };
    unix!(SYS_SYSCTLBYNAME, name, length, old, old_size, new, new_size) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sysctlnametomib(
    name: *const c_char,
    to: *mut c_int,
    count: *mut usize,
) -> c_int {
    let meta = [abi::sysctl::CTL_META, abi::sysctl::META_NAME2OID];
    // SAFETY: the caller's C string and array of `count` words.
    unsafe {
        let mut bytes = *count * size_of::<c_int>();
        let answer = sysctl(
            meta.as_ptr(),
            2,
            to.cast(),
            &mut bytes,
            name.cast(),
            crate::string::strlen(name),
        );
        *count = bytes / size_of::<c_int>();
        answer
    }
}

/// An integer of 4 or 8 bytes by name.
pub fn integer(name: &CStr) -> Option<u64> {
    let mut value = [0u8; 8];
    let mut size = value.len();
    // SAFETY: the buffer is ours.
    let answer = unsafe {
        sysctlbyname(
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            &mut size,
            core::ptr::null(),
            0,
        )
    };
    (answer == 0).then(|| u64::from_le_bytes(value))
}
