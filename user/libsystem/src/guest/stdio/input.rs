//! Input without scanning.

use super::hold::{hold, try_hold};
use super::stream::{EOF, FILE, IOLBF, each, place, stdin};
use crate::{errno, malloc};
use abi::Errno;
use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;

impl FILE {
    /// Reads the next part of the file into the buffer; false at its end or an error.
    fn fill(&mut self) -> bool {
        // A program that asks should see what it wrote for people first.
        if self.fd == 0 {
            each(|stream| {
                // SAFETY: living streams; standard input is not among those that write. Who has one
                // now writes it himself.
                if let Some(mut file) = unsafe { try_hold(stream) }
                    && file.writing
                    && file.mode == IOLBF
                {
                    file.flush();
                }
            });
        }
        let got = unix!(SYS_READ, self.fd, place(self, 0), self.capacity);
        self.at = 0;
        self.length = got.max(0) as usize;
        self.end_of_file |= got == 0;
        self.error |= got < 0;
        got > 0
    }

    /// The next byte.
    pub(super) fn get(&mut self) -> Option<u8> {
        if self.pushed_count != 0 {
            self.pushed_count -= 1;
            return Some(self.pushed[self.pushed_count]);
        }
        if self.writing || self.at == self.length {
            if !self.begin_reading() {
                return None;
            }
            if self.capacity == 0 {
                let mut byte = 0u8;
                let got = unix!(SYS_READ, self.fd, &raw mut byte, 1);
                self.end_of_file |= got == 0;
                self.error |= got < 0;
                return (got == 1).then_some(byte);
            }
            if !self.fill() {
                return None;
            }
        }
        // SAFETY: the buffer holds `length` bytes and `at` is below that.
        let byte = unsafe { *place(self, self.at).cast::<u8>() };
        self.at += 1;
        Some(byte)
    }

    /// Puts a byte back; false if there is no room.
    pub(super) fn unget(&mut self, byte: u8) -> bool {
        if self.pushed_count == self.pushed.len() {
            return false;
        }
        self.pushed[self.pushed_count] = byte;
        self.pushed_count += 1;
        self.end_of_file = false;
        true
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgetc(stream: *mut FILE) -> c_int {
    // SAFETY: the caller's stream.
    unsafe { hold(stream).get().map_or(EOF, c_int::from) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getc(stream: *mut FILE) -> c_int {
    // SAFETY: the caller's stream.
    unsafe { fgetc(stream) }
}

#[unsafe(no_mangle)]
pub extern "C" fn getchar() -> c_int {
    // SAFETY: standard input lives for ever.
    unsafe { fgetc(stdin()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ungetc(c: c_int, stream: *mut FILE) -> c_int {
    // SAFETY: the caller's stream.
    unsafe {
        if c != EOF && hold(stream).unget(c as u8) {
            c_int::from(c as u8)
        } else {
            EOF
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgets(to: *mut c_char, size: c_int, stream: *mut FILE) -> *mut c_char {
    let Some(room) = usize::try_from(size)
        .ok()
        .and_then(|size| size.checked_sub(1))
    else {
        return null_mut();
    };
    let mut n = 0;
    // SAFETY: the caller's stream and room for `size` bytes.
    unsafe {
        let mut file = hold(stream);
        while n < room {
            let Some(byte) = file.get() else { break };
            *to.add(n) = byte as c_char;
            n += 1;
            if byte == b'\n' {
                break;
            }
        }
        if n == 0 || file.error {
            return null_mut();
        }
        *to.add(n) = 0;
    }
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fread(
    to: *mut c_void,
    size: usize,
    count: usize,
    stream: *mut FILE,
) -> usize {
    let Some(wanted @ 1..) = size.checked_mul(count) else {
        return 0;
    };
    let to = to.cast::<u8>();
    let mut n = 0;
    // SAFETY: the caller's stream and room for that many bytes; the buffer holds `length`.
    unsafe {
        let mut file = hold(stream);
        while n < wanted {
            let ready = file.length.saturating_sub(file.at);
            if !file.writing && file.pushed_count == 0 && ready != 0 {
                let part = ready.min(wanted - n);
                core::ptr::copy_nonoverlapping(place(&file, file.at).cast(), to.add(n), part);
                file.at += part;
                n += part;
            } else {
                let Some(byte) = file.get() else { break };
                *to.add(n) = byte;
                n += 1;
            }
        }
    }
    n / size
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getdelim(
    line: *mut *mut c_char,
    room: *mut usize,
    delimiter: c_int,
    stream: *mut FILE,
) -> isize {
    if line.is_null() || room.is_null() {
        errno::set(Errno::EINVAL);
        return -1;
    }
    let mut n = 0;
    // SAFETY: the caller's stream and its malloc'd line of `room` bytes.
    unsafe {
        let mut file = hold(stream);
        if (*line).is_null() {
            *room = 0;
        }
        while let Some(byte) = file.get() {
            if n + 2 > *room {
                let grown = (*room * 2).max(128);
                let fresh = malloc::realloc((*line).cast(), grown).cast::<c_char>();
                if fresh.is_null() {
                    return -1;
                }
                *line = fresh;
                *room = grown;
            }
            *(*line).add(n) = byte as c_char;
            n += 1;
            if c_int::from(byte) == delimiter {
                break;
            }
        }
        if n == 0 {
            return -1;
        }
        *(*line).add(n) = 0;
    }
    n as isize
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getline(
    line: *mut *mut c_char,
    room: *mut usize,
    stream: *mut FILE,
) -> isize {
    // SAFETY: as `getdelim`.
    unsafe { getdelim(line, room, c_int::from(b'\n'), stream) }
}
