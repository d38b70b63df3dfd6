//! string.h and strings.h, but for `mem*` moves (`arch`).

use crate::{ctype, malloc};
use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(text: *const c_char) -> usize {
    let mut n = 0;
    // SAFETY: a C string.
    unsafe {
        while *text.add(n) != 0 {
            n += 1;
        }
    }
    n
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strnlen(text: *const c_char, limit: usize) -> usize {
    let mut n = 0;
    // SAFETY: a C string, or `limit` bytes.
    unsafe {
        while n < limit && *text.add(n) != 0 {
            n += 1;
        }
    }
    n
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcmp(a: *const c_char, b: *const c_char) -> c_int {
    // SAFETY: C strings.
    unsafe { strncmp(a, b, usize::MAX) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncmp(a: *const c_char, b: *const c_char, limit: usize) -> c_int {
    // SAFETY: C strings, or `limit` bytes.
    unsafe { compare(a, b, limit, c_int::from) }
}

unsafe fn compare(
    a: *const c_char,
    b: *const c_char,
    limit: usize,
    fold: impl Fn(u8) -> c_int,
) -> c_int {
    for i in 0..limit {
        // SAFETY: both texts reach to here.
        let (x, y) = unsafe { (*a.add(i) as u8, *b.add(i) as u8) };
        let difference = fold(x) - fold(y);
        if difference != 0 || x == 0 {
            return difference;
        }
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcasecmp(a: *const c_char, b: *const c_char) -> c_int {
    // SAFETY: C strings.
    unsafe { strncasecmp(a, b, usize::MAX) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncasecmp(a: *const c_char, b: *const c_char, limit: usize) -> c_int {
    // SAFETY: C strings, or `limit` bytes.
    unsafe { compare(a, b, limit, |byte| ctype::tolower(c_int::from(byte))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcoll(a: *const c_char, b: *const c_char) -> c_int {
    // SAFETY: C strings.
    unsafe { strcmp(a, b) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcpy(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: a C string and room for it.
    unsafe {
        core::ptr::copy_nonoverlapping(from, to, strlen(from) + 1);
    }
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn stpcpy(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: a C string and room for it.
    unsafe {
        let n = strlen(from);
        core::ptr::copy_nonoverlapping(from, to, n + 1);
        to.add(n)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncpy(to: *mut c_char, from: *const c_char, size: usize) -> *mut c_char {
    // SAFETY: a C string and room for `size` bytes.
    unsafe {
        let n = strnlen(from, size);
        core::ptr::copy_nonoverlapping(from, to, n);
        core::ptr::write_bytes(to.add(n), 0, size - n);
    }
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcat(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: C strings and room for both.
    unsafe { strcpy(to.add(strlen(to)), from) };
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncat(
    to: *mut c_char,
    from: *const c_char,
    limit: usize,
) -> *mut c_char {
    // SAFETY: C strings and room for both.
    unsafe {
        let end = to.add(strlen(to));
        let n = strnlen(from, limit);
        core::ptr::copy_nonoverlapping(from, end, n);
        *end.add(n) = 0;
    }
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlcpy(to: *mut c_char, from: *const c_char, size: usize) -> usize {
    // SAFETY: a C string and room for `size` bytes.
    unsafe {
        let n = strlen(from);
        if size != 0 {
            let kept = n.min(size - 1);
            core::ptr::copy_nonoverlapping(from, to, kept);
            *to.add(kept) = 0;
        }
        n
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlcat(to: *mut c_char, from: *const c_char, size: usize) -> usize {
    // SAFETY: C strings and room for `size` bytes.
    unsafe {
        let n = strnlen(to, size);
        if n == size {
            n + strlen(from)
        } else {
            n + strlcpy(to.add(n), from, size - n)
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strchr(text: *const c_char, c: c_int) -> *mut c_char {
    let wanted = c as c_char;
    let mut at = text;
    // SAFETY: a C string.
    unsafe {
        loop {
            if *at == wanted {
                return at.cast_mut();
            }
            if *at == 0 {
                return null_mut();
            }
            at = at.add(1);
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strrchr(text: *const c_char, c: c_int) -> *mut c_char {
    // SAFETY: a C string; its NUL may be asked for too.
    unsafe {
        let mut n = strlen(text) + 1;
        while n != 0 {
            n -= 1;
            if *text.add(n) == c as c_char {
                return text.add(n).cast_mut();
            }
        }
    }
    null_mut()
}

/// Length of the longest start of `text` whose bytes are all in (or all not in) `set`.
unsafe fn span(text: *const c_char, set: *const c_char, inside: bool) -> usize {
    let mut map = [0u64; 4];
    let mut n = 0;
    // SAFETY: C strings.
    unsafe {
        let mut at = set;
        while *at != 0 {
            let byte = *at as u8;
            map[usize::from(byte >> 6)] |= 1 << (byte & 63);
            at = at.add(1);
        }
        loop {
            let byte = *text.add(n) as u8;
            if byte == 0 || (map[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0) != inside {
                return n;
            }
            n += 1;
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strspn(text: *const c_char, set: *const c_char) -> usize {
    // SAFETY: C strings.
    unsafe { span(text, set, true) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcspn(text: *const c_char, set: *const c_char) -> usize {
    // SAFETY: C strings.
    unsafe { span(text, set, false) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strpbrk(text: *const c_char, set: *const c_char) -> *mut c_char {
    // SAFETY: C strings.
    unsafe {
        let at = text.add(span(text, set, false));
        if *at == 0 { null_mut() } else { at.cast_mut() }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strstr(text: *const c_char, wanted: *const c_char) -> *mut c_char {
    // SAFETY: C strings.
    unsafe {
        let n = strlen(wanted);
        let mut at = text;
        loop {
            if strncmp(at, wanted, n) == 0 {
                return at.cast_mut();
            }
            if *at == 0 {
                return null_mut();
            }
            at = at.add(1);
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strsep(at: *mut *mut c_char, set: *const c_char) -> *mut c_char {
    // SAFETY: the caller's place holds a C string or null.
    unsafe {
        let start = *at;
        if start.is_null() {
            return start;
        }
        let end = start.add(strcspn(start, set));
        *at = if *end == 0 {
            null_mut()
        } else {
            *end = 0;
            end.add(1)
        };
        start
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtok_r(
    text: *mut c_char,
    set: *const c_char,
    state: *mut *mut c_char,
) -> *mut c_char {
    // SAFETY: C strings; the caller's state.
    unsafe {
        let mut at = if text.is_null() { *state } else { text };
        if at.is_null() {
            return at;
        }
        at = at.add(strspn(at, set));
        if *at == 0 {
            *state = null_mut();
            return null_mut();
        }
        *state = at;
        strsep(state, set)
    }
}

static mut TOKEN: *mut c_char = null_mut();

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtok(text: *mut c_char, set: *const c_char) -> *mut c_char {
    // SAFETY: one thread; C strings.
    unsafe { strtok_r(text, set, &raw mut TOKEN) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strdup(text: *const c_char) -> *mut c_char {
    // SAFETY: a C string.
    unsafe { strndup(text, usize::MAX) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strndup(text: *const c_char, limit: usize) -> *mut c_char {
    // SAFETY: a C string, or `limit` bytes.
    unsafe {
        let n = strnlen(text, limit);
        let copy = malloc::malloc(n + 1).cast::<c_char>();
        if !copy.is_null() {
            core::ptr::copy_nonoverlapping(text, copy, n);
            *copy.add(n) = 0;
        }
        copy
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memchr(memory: *const c_void, c: c_int, size: usize) -> *mut c_void {
    let bytes = memory.cast::<u8>();
    for i in 0..size {
        // SAFETY: within the caller's memory.
        unsafe {
            if *bytes.add(i) == c as u8 {
                return bytes.add(i).cast_mut().cast();
            }
        }
    }
    null_mut()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memrchr(memory: *const c_void, c: c_int, size: usize) -> *mut c_void {
    let bytes = memory.cast::<u8>();
    for i in (0..size).rev() {
        // SAFETY: within the caller's memory.
        unsafe {
            if *bytes.add(i) == c as u8 {
                return bytes.add(i).cast_mut().cast();
            }
        }
    }
    null_mut()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memccpy(
    to: *mut c_void,
    from: *const c_void,
    c: c_int,
    size: usize,
) -> *mut c_void {
    // SAFETY: `size` bytes on both sides.
    unsafe {
        let found = memchr(from, c, size);
        let n = if found.is_null() {
            size
        } else {
            found.byte_offset_from(from) as usize + 1
        };
        core::ptr::copy_nonoverlapping(from.cast::<u8>(), to.cast(), n);
        if found.is_null() {
            null_mut()
        } else {
            to.byte_add(n)
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmem(
    memory: *const c_void,
    size: usize,
    wanted: *const c_void,
    length: usize,
) -> *mut c_void {
    // SAFETY: the caller's two pieces of memory.
    let (memory, wanted) = unsafe {
        (
            core::slice::from_raw_parts(memory.cast::<u8>(), size),
            core::slice::from_raw_parts(wanted.cast::<u8>(), length),
        )
    };
    if length == 0 {
        return memory.as_ptr().cast_mut().cast();
    }
    memory
        .windows(length)
        .find(|window| *window == wanted)
        .map_or(null_mut(), |window| window.as_ptr().cast_mut().cast())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcopy(from: *const c_void, to: *mut c_void, size: usize) {
    // SAFETY: `size` bytes on both sides.
    unsafe { core::ptr::copy(from.cast::<u8>(), to.cast(), size) }
}

/// Clang makes these of loops that store a pattern.
macro_rules! patterns {
    ($($name:ident $bytes:literal;)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(to: *mut c_void, pattern: *const c_void, size: usize) {
            // SAFETY: the caller's memory and pattern.
            unsafe {
                let pattern = pattern.cast::<[u8; $bytes]>().read_unaligned();
                let mut at = to.cast::<u8>();
                let mut left = size;
                while left >= $bytes {
                    at.cast::<[u8; $bytes]>().write_unaligned(pattern);
                    at = at.add($bytes);
                    left -= $bytes;
                }
                core::ptr::copy_nonoverlapping(pattern.as_ptr(), at, left);
            }
        }
    )*};
}
patterns! { memset_pattern4 4; memset_pattern8 8; memset_pattern16 16; }

#[unsafe(no_mangle)]
pub extern "C" fn ffs(value: c_int) -> c_int {
    if value == 0 {
        0
    } else {
        value.trailing_zeros() as c_int + 1
    }
}
