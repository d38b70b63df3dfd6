//! The `scanf` family.
//!
//! Owns: the directives and what they match. Does not own: number grammars (`number`).

use super::hold::hold;
use super::stream::{EOF, FILE, stdin};
use crate::arch::{self, VaList};
use crate::{ctype, number};
use core::ffi::{CStr, c_char, c_int};

/// The longest field that a number may have.
const FIELD: usize = 400;

/// Where text comes from; one byte may be put back.
trait Source {
    fn get(&mut self) -> Option<u8>;
    fn unget(&mut self, byte: u8);
}

struct Text(*const u8);

impl Source for Text {
    fn get(&mut self) -> Option<u8> {
        // SAFETY: the caller's C string; the reader stays on its NUL.
        unsafe {
            let byte = *self.0;
            if byte == 0 {
                return None;
            }
            self.0 = self.0.add(1);
            Some(byte)
        }
    }
    fn unget(&mut self, _byte: u8) {
        // SAFETY: one byte was read before.
        self.0 = unsafe { self.0.sub(1) };
    }
}

impl Source for FILE {
    fn get(&mut self) -> Option<u8> {
        FILE::get(self)
    }
    fn unget(&mut self, byte: u8) {
        FILE::unget(self, byte);
    }
}

struct Scanner<'a> {
    source: &'a mut dyn Source,
    read: usize,
}

impl Scanner<'_> {
    fn get(&mut self) -> Option<u8> {
        let byte = self.source.get();
        self.read += usize::from(byte.is_some());
        byte
    }

    fn unget(&mut self, byte: u8) {
        self.source.unget(byte);
        self.read -= 1;
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.get() {
            if ctype::isspace(c_int::from(byte)) == 0 {
                self.unget(byte);
                return;
            }
        }
    }

    /// Reads at most `width` bytes that `wanted` accepts; the first one refused is put back.
    fn take(
        &mut self,
        width: usize,
        mut wanted: impl FnMut(usize, u8) -> bool,
        mut keep: impl FnMut(u8),
    ) -> usize {
        let mut n = 0;
        while n < width {
            let Some(byte) = self.get() else { break };
            if !wanted(n, byte) {
                self.unget(byte);
                break;
            }
            keep(byte);
            n += 1;
        }
        n
    }
}

/// Stores an integer of `bytes` bytes.
unsafe fn store(to: u64, value: u64, bytes: usize) {
    // SAFETY: the caller's place has that size.
    unsafe {
        core::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), to as *mut u8, bytes)
    };
}

/// A set of bytes, `[a-z]` or `[^a-z]`, at the start of `template`; the length of its text.
fn set(template: &[u8]) -> ([bool; 256], usize) {
    let mut at = 0;
    let inverted = template.first() == Some(&b'^');
    at += usize::from(inverted);
    let mut map = [inverted; 256];
    let first = at;
    while at < template.len() && (template[at] != b']' || at == first) {
        let low = template[at];
        let mut high = low;
        if template.get(at + 1) == Some(&b'-')
            && template.get(at + 2).is_some_and(|&end| end != b']')
        {
            high = template[at + 2];
            at += 2;
        }
        (low..=high).for_each(|byte| map[usize::from(byte)] = !inverted);
        at += 1;
    }
    (map, (at + 1).min(template.len()))
}

unsafe fn scan(source: &mut dyn Source, template: &[u8], mut args: VaList) -> c_int {
    let mut scanner = Scanner { source, read: 0 };
    let mut assigned = 0;
    let mut rest = template;
    let failed = |assigned: c_int, scanner: &mut Scanner<'_>| match scanner.get() {
        None if assigned == 0 => EOF,
        None => assigned,
        Some(byte) => {
            scanner.unget(byte);
            assigned
        }
    };
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if ctype::isspace(c_int::from(byte)) != 0 {
            scanner.skip_blanks();
            continue;
        }
        if byte != b'%' || rest.first() == Some(&b'%') {
            if byte == b'%' {
                rest = &rest[1..];
                scanner.skip_blanks();
            }
            if scanner.take(1, |_, got| got == byte, |_| {}) != 1 {
                return failed(assigned, &mut scanner);
            }
            continue;
        }
        let mut take = |wanted: &[u8]| match rest.split_first() {
            Some((first, after)) if wanted.contains(first) => {
                rest = after;
                Some(*first)
            }
            _ => None,
        };
        let suppress = take(b"*").is_some();
        let mut width = 0usize;
        while let Some(digit) = take(b"0123456789") {
            width = (width * 10 + usize::from(digit - b'0')).min(1 << 30);
        }
        let bytes = match (take(b"hljzqtL"), take(b"hl")) {
            (Some(b'h'), Some(b'h')) => 1,
            (Some(b'h'), _) => 2,
            (None, _) => 4,
            _ => 8,
        };
        let Some((&conversion, after)) = rest.split_first() else {
            return assigned;
        };
        rest = after;
        let mut place = || {
            if suppress {
                return 0;
            }
            // SAFETY: the template asks for a place here.
            unsafe { arch::va_integer(&mut args) }
        };
        match conversion {
            b'd' | b'i' | b'u' | b'o' | b'x' | b'X' | b'p' => {
                scanner.skip_blanks();
                let base = match conversion {
                    b'd' | b'u' => 10,
                    b'o' => 8,
                    b'i' => 0,
                    _ => 16,
                };
                let mut field = crate::format::Fixed::<FIELD>::new();
                let width = if width == 0 {
                    FIELD - 1
                } else {
                    width.min(FIELD - 1)
                };
                // A byte is kept as long as the field with "0" after it is still one number.
                let mut text = [0u8; FIELD + 2];
                scanner.take(
                    width,
                    |n, byte| {
                        text[n] = byte;
                        let sign = n == 0 && matches!(byte, b'+' | b'-');
                        let prefix = (base == 16 || base == 0)
                            && byte | 0x20 == b'x'
                            && n > 0
                            && text[n - 1] == b'0';
                        sign || prefix
                            || number::integer(|i| if i <= n { text[i] } else { 0 }, base).length
                                == n + 1
                    },
                    |byte| field.push(&[byte]),
                );
                let value = number::integer(|i| field.bytes().get(i).copied().unwrap_or(0), base);
                if value.length == 0 {
                    return failed(assigned, &mut scanner);
                }
                if !suppress {
                    let signed = if value.negative {
                        value.magnitude.wrapping_neg()
                    } else {
                        value.magnitude
                    };
                    let bytes = if conversion == b'p' { 8 } else { bytes };
                    // SAFETY: the caller's place has that size.
                    unsafe { store(place(), signed, bytes) };
                    assigned += 1;
                }
            }
            b'f' | b'e' | b'g' | b'a' | b'E' | b'F' | b'G' => {
                scanner.skip_blanks();
                let mut field = crate::format::Fixed::<FIELD>::new();
                let width = if width == 0 {
                    FIELD - 1
                } else {
                    width.min(FIELD - 1)
                };
                scanner.take(
                    width,
                    |_, byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'),
                    |byte| field.push(&[byte]),
                );
                let (value, length) = number::float(|i| field.bytes().get(i).copied().unwrap_or(0));
                if length == 0 {
                    return failed(assigned, &mut scanner);
                }
                if !suppress {
                    let (raw, size) = if bytes == 8 {
                        (value.to_bits(), 8)
                    } else {
                        (u64::from((value as f32).to_bits()), 4)
                    };
                    // SAFETY: the caller's place has that size.
                    unsafe { store(place(), raw, size) };
                    assigned += 1;
                }
            }
            b's' | b'[' | b'c' => {
                let mut map = [conversion == b'c'; 256];
                if conversion == b's' {
                    scanner.skip_blanks();
                    map = core::array::from_fn(|byte| ctype::isspace(byte as c_int) == 0);
                } else if conversion == b'[' {
                    let (wanted, length) = set(rest);
                    map = wanted;
                    rest = &rest[length..];
                }
                let limit = if width != 0 {
                    width
                } else if conversion == b'c' {
                    1
                } else {
                    usize::MAX
                };
                let mut at = place() as *mut u8;
                let n = scanner.take(
                    limit,
                    |_, byte| map[usize::from(byte)],
                    |byte| {
                        if !suppress {
                            // SAFETY: the caller's place has room for the field.
                            unsafe {
                                *at = byte;
                                at = at.add(1);
                            }
                        }
                    },
                );
                if n == 0 || (conversion == b'c' && n < limit) {
                    return failed(assigned, &mut scanner);
                }
                if !suppress {
                    if conversion != b'c' {
                        // SAFETY: the caller's place has room for the field and its NUL.
                        unsafe { *at = 0 };
                    }
                    assigned += 1;
                }
            }
            b'n' => {
                let read = scanner.read as u64;
                if !suppress {
                    // SAFETY: the caller's place has that size.
                    unsafe { store(place(), read, bytes) };
                }
            }
            _ => return assigned,
        }
    }
    assigned
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsscanf(
    text: *const c_char,
    template: *const c_char,
    args: VaList,
) -> c_int {
    // SAFETY: the caller's C strings and places.
    unsafe {
        scan(
            &mut Text(text.cast()),
            CStr::from_ptr(template).to_bytes(),
            args,
        )
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vfscanf(
    stream: *mut FILE,
    template: *const c_char,
    args: VaList,
) -> c_int {
    // SAFETY: the caller's stream, C string and places.
    unsafe {
        scan(
            &mut *hold(stream),
            CStr::from_ptr(template).to_bytes(),
            args,
        )
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vscanf(template: *const c_char, args: VaList) -> c_int {
    // SAFETY: the caller's C string and places.
    unsafe { vfscanf(stdin(), template, args) }
}
