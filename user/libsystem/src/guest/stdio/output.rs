//! Output without formatting.

use super::hold::hold;
use super::stream::{EOF, FILE, IOLBF, IONBF, each, stderr, stdout};
use crate::{errno, unistd};
use core::ffi::{c_char, c_int, c_void};

impl FILE {
    /// Writes `bytes`; false at an error.
    pub(super) fn put(&mut self, bytes: &[u8]) -> bool {
        if !self.begin_writing() {
            return false;
        }
        if self.mode == IONBF {
            let ok = unistd::write_all(self.fd, bytes);
            self.error |= !ok;
            return ok;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.length == 0 && rest.len() >= self.capacity {
                let ok = unistd::write_all(self.fd, rest);
                self.error |= !ok;
                return ok;
            }
            let n = rest.len().min(self.capacity - self.length);
            // SAFETY: the buffer has room for `n` more bytes.
            unsafe {
                core::ptr::copy_nonoverlapping(
                    rest.as_ptr(),
                    super::stream::place(self, self.length).cast(),
                    n,
                )
            };
            self.length += n;
            rest = &rest[n..];
            if self.length == self.capacity && !self.flush() {
                return false;
            }
        }
        if self.mode == IOLBF && bytes.contains(&b'\n') {
            return self.flush();
        }
        true
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fwrite(
    from: *const c_void,
    size: usize,
    count: usize,
    stream: *mut FILE,
) -> usize {
    let Some(bytes @ 1..) = size.checked_mul(count) else {
        return 0;
    };
    // SAFETY: the caller's memory and stream.
    unsafe {
        if hold(stream).put(core::slice::from_raw_parts(from.cast(), bytes)) {
            count
        } else {
            0
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputs(text: *const c_char, stream: *mut FILE) -> c_int {
    // SAFETY: the caller's C string and stream.
    unsafe {
        if hold(stream).put(core::ffi::CStr::from_ptr(text).to_bytes()) {
            0
        } else {
            EOF
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn puts(text: *const c_char) -> c_int {
    // SAFETY: the caller's C string.
    unsafe {
        let mut out = hold(stdout());
        if out.put(core::ffi::CStr::from_ptr(text).to_bytes()) && out.put(b"\n") {
            0
        } else {
            EOF
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputc(c: c_int, stream: *mut FILE) -> c_int {
    // SAFETY: the caller's stream.
    unsafe {
        if hold(stream).put(&[c as u8]) {
            c_int::from(c as u8)
        } else {
            EOF
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn putc(c: c_int, stream: *mut FILE) -> c_int {
    // SAFETY: the caller's stream.
    unsafe { fputc(c, stream) }
}

#[unsafe(no_mangle)]
pub extern "C" fn putchar(c: c_int) -> c_int {
    // SAFETY: standard output lives for ever.
    unsafe { fputc(c, stdout()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fflush(stream: *mut FILE) -> c_int {
    let mut ok = true;
    if stream.is_null() {
        each(|stream| {
            // SAFETY: a living stream. Who reads has nothing to flush, and may hold it for long.
            unsafe {
                if (*stream).writing {
                    ok &= hold(stream).flush();
                }
            }
        });
    } else {
        // SAFETY: the caller's stream.
        ok = unsafe { hold(stream).flush() };
    }
    if ok { 0 } else { EOF }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn perror(prefix: *const c_char) {
    let text = errno::strerror(errno::get().0);
    // SAFETY: C strings; standard error lives for ever.
    unsafe {
        let _held = hold(stderr());
        if !prefix.is_null() && *prefix != 0 {
            fputs(prefix, stderr());
            fputs(c": ".as_ptr(), stderr());
        }
        fputs(text, stderr());
        fputs(c"\n".as_ptr(), stderr());
    }
}
