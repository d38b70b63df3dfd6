//! The environment and the program's name.
//!
//! Owns: `environ` and the copies that `setenv` makes. Does not own: what exec passed (the kernel's stack).

use crate::errno;
use crate::lock::Lock;
use abi::Errno;
use core::ffi::{c_char, c_int};
use core::ptr::null_mut;

/// C's `environ`.
#[unsafe(no_mangle)]
pub static mut environ: *mut *mut c_char = null_mut();
/// Held while the library looks at `environ` or changes it.
pub(crate) static ENVIRONMENT: Lock = Lock::new();
/// The last component of argv[0].
static mut NAME: *const c_char = c"".as_ptr();
/// Whether `environ` is an array of ours, which may be grown.
static mut OURS: bool = false;

/// Takes the vectors that exec passed.
///
/// # Safety
/// Called once, before `main`.
pub unsafe fn init(argv: *mut *mut c_char, envp: *mut *mut c_char) {
    // SAFETY: nobody else runs yet; the vectors live as long as the program.
    unsafe {
        environ = envp;
        if !(*argv).is_null() {
            setprogname(*argv);
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn setprogname(path: *const c_char) {
    // SAFETY: `path` is a C string.
    unsafe {
        let slash = crate::string::strrchr(path, i32::from(b'/'));
        NAME = if slash.is_null() { path } else { slash.add(1) };
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn getprogname() -> *const c_char {
    // SAFETY: one word.
    unsafe { NAME }
}

/// The slot of `name` (of `length` bytes) in `environ`, or the null pointer's slot; null without an environment.
unsafe fn slot(name: *const c_char, length: usize) -> *mut *mut c_char {
    // SAFETY: `environ` ends with a null pointer, entries are C strings.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            if crate::string::strncmp(*at, name, length) == 0
                && *(*at).add(length) == b'=' as c_char
            {
                break;
            }
            at = at.add(1);
        }
        at
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getenv(name: *const c_char) -> *mut c_char {
    let _held = ENVIRONMENT.hold();
    // SAFETY: the caller's C string; `environ` is held.
    unsafe { value_of(name) }
}

/// `getenv` where `environ` is held.
unsafe fn value_of(name: *const c_char) -> *mut c_char {
    // SAFETY: `name` is a C string.
    unsafe {
        let length = crate::string::strlen(name);
        let at = slot(name, length);
        if at.is_null() || (*at).is_null() {
            null_mut()
        } else {
            (*at).add(length + 1)
        }
    }
}

/// Puts `entry` ("NAME=value") in place of what has its name, or at the end.
unsafe fn place(entry: *mut c_char, length: usize) -> c_int {
    // SAFETY: `environ` ends with a null pointer; an array of ours came from malloc.
    unsafe {
        let at = slot(entry, length);
        if !at.is_null() && !(*at).is_null() {
            *at = entry;
            return 0;
        }
        let count = if at.is_null() {
            0
        } else {
            at.offset_from(environ) as usize
        };
        let old = if OURS { environ } else { null_mut() };
        let grown = crate::malloc::realloc(old.cast(), (count + 2) * size_of::<usize>())
            .cast::<*mut c_char>();
        if grown.is_null() {
            return -1;
        }
        if !OURS && count != 0 {
            core::ptr::copy_nonoverlapping(environ, grown, count);
        }
        *grown.add(count) = entry;
        *grown.add(count + 1) = null_mut();
        environ = grown;
        OURS = true;
        0
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn setenv(
    name: *const c_char,
    value: *const c_char,
    overwrite: c_int,
) -> c_int {
    // SAFETY: both are C strings.
    unsafe {
        let length = if name.is_null() {
            0
        } else {
            crate::string::strlen(name)
        };
        if length == 0 || !crate::string::strchr(name, i32::from(b'=')).is_null() {
            errno::set(Errno::EINVAL);
            return -1;
        }
        let _held = ENVIRONMENT.hold();
        if overwrite == 0 && !value_of(name).is_null() {
            return 0;
        }
        let size = crate::string::strlen(value);
        let entry = crate::malloc::malloc(length + size + 2).cast::<c_char>();
        if entry.is_null() {
            return -1;
        }
        core::ptr::copy_nonoverlapping(name, entry, length);
        *entry.add(length) = b'=' as c_char;
        core::ptr::copy_nonoverlapping(value, entry.add(length + 1), size + 1);
        place(entry, length)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn putenv(entry: *mut c_char) -> c_int {
    // SAFETY: `entry` is a C string that the caller leaves in place.
    unsafe {
        let equals = crate::string::strchr(entry, i32::from(b'='));
        if equals.is_null() {
            return unsetenv(entry);
        }
        let _held = ENVIRONMENT.hold();
        place(entry, equals.offset_from(entry) as usize)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unsetenv(name: *const c_char) -> c_int {
    // SAFETY: `name` is a C string; entries after the slot move down one place.
    unsafe {
        let length = if name.is_null() {
            0
        } else {
            crate::string::strlen(name)
        };
        if length == 0 || !crate::string::strchr(name, i32::from(b'=')).is_null() {
            errno::set(Errno::EINVAL);
            return -1;
        }
        let _held = ENVIRONMENT.hold();
        loop {
            let mut at = slot(name, length);
            if at.is_null() || (*at).is_null() {
                return 0;
            }
            while !(*at).is_null() {
                *at = *at.add(1);
                at = at.add(1);
            }
        }
    }
}
