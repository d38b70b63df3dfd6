//! The `printf` family: `format` with C's arguments and destinations. The entry stubs of the variadic
//! forms are in `arch`.

use super::hold::hold;
use super::stream::{FILE, IONBF, stdout};
use crate::arch::{self, VaList};
use crate::format::{self, Arguments, Sink};
use crate::{malloc, unistd};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::null_mut;

/// Arguments from a C `va_list`.
struct List(VaList);

// SAFETY: the C caller's arguments, as the template says.
unsafe impl Arguments for List {
    fn integer(&mut self) -> u64 {
        // SAFETY: the template asks for an integer here.
        unsafe { arch::va_integer(&mut self.0) }
    }
    fn double(&mut self) -> f64 {
        // SAFETY: the template asks for a double here.
        unsafe { arch::va_double(&mut self.0) }
    }
    fn long_double(&mut self) -> f64 {
        // SAFETY: the template asks for a long double here.
        unsafe { arch::va_long_double(&mut self.0) }
    }
}

unsafe fn run(sink: &mut dyn Sink, template: *const c_char, args: VaList) -> c_int {
    // SAFETY: the caller's template and its arguments.
    let count =
        unsafe { format::format(sink, CStr::from_ptr(template).to_bytes(), &mut List(args)) };
    c_int::try_from(count).unwrap_or(-1)
}

/// A stream as a destination.
struct Stream<'a> {
    file: &'a mut FILE,
    failed: bool,
}

impl Sink for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.failed |= !self.file.put(bytes);
    }
}

/// Bytes that an unbuffered stream or descriptor collects before it writes.
struct Gather {
    fd: c_int,
    failed: bool,
    length: usize,
    bytes: [u8; 512],
}

impl Gather {
    fn new(fd: c_int) -> Self {
        Self {
            fd,
            failed: false,
            length: 0,
            bytes: [0; 512],
        }
    }
    fn flush(&mut self) {
        self.failed |= !unistd::write_all(self.fd, &self.bytes[..self.length]);
        self.length = 0;
    }
}

impl Sink for Gather {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.length == self.bytes.len() {
                self.flush();
            }
            self.bytes[self.length] = byte;
            self.length += 1;
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vdprintf(fd: c_int, template: *const c_char, args: VaList) -> c_int {
    let mut gather = Gather::new(fd);
    // SAFETY: the caller's template and arguments.
    let count = unsafe { run(&mut gather, template, args) };
    gather.flush();
    if gather.failed { -1 } else { count }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vfprintf(
    stream: *mut FILE,
    template: *const c_char,
    args: VaList,
) -> c_int {
    // SAFETY: the caller's stream, template and arguments.
    unsafe {
        let mut file = hold(stream);
        if !file.begin_writing() {
            return -1;
        }
        if file.mode == IONBF {
            return vdprintf(file.fd, template, args);
        }
        let mut sink = Stream {
            file: &mut file,
            failed: false,
        };
        let count = run(&mut sink, template, args);
        if sink.failed { -1 } else { count }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vprintf(template: *const c_char, args: VaList) -> c_int {
    // SAFETY: the caller's template and arguments.
    unsafe { vfprintf(stdout(), template, args) }
}

/// Memory of a known size as a destination.
struct Memory {
    to: *mut u8,
    room: usize,
    length: usize,
}

impl Sink for Memory {
    fn write(&mut self, bytes: &[u8]) {
        let n = bytes.len().min(self.room - self.length);
        // SAFETY: the caller's memory has room for `room` bytes.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.to.add(self.length), n) };
        self.length += n;
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsnprintf(
    to: *mut c_char,
    size: usize,
    template: *const c_char,
    args: VaList,
) -> c_int {
    let mut memory = Memory {
        to: to.cast(),
        room: size.saturating_sub(1),
        length: 0,
    };
    // SAFETY: the caller's memory, template and arguments.
    unsafe {
        let count = run(&mut memory, template, args);
        if size != 0 {
            *to.add(memory.length) = 0;
        }
        count
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsprintf(to: *mut c_char, template: *const c_char, args: VaList) -> c_int {
    // SAFETY: the caller's memory has room for whatever comes.
    unsafe { vsnprintf(to, isize::MAX as usize, template, args) }
}

/// Memory that grows as a destination.
struct Growing {
    block: *mut u8,
    room: usize,
    length: usize,
    failed: bool,
}

impl Sink for Growing {
    fn write(&mut self, bytes: &[u8]) {
        if self.length + bytes.len() + 1 > self.room {
            let room = (self.length + bytes.len() + 1).max(self.room * 2).max(64);
            // SAFETY: a malloc block or null.
            let fresh = unsafe { malloc::realloc(self.block.cast(), room) }.cast::<u8>();
            if fresh.is_null() {
                self.failed = true;
                return;
            }
            self.block = fresh;
            self.room = room;
        }
        // SAFETY: the block has room for these bytes and a NUL.
        unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.block.add(self.length), bytes.len())
        };
        self.length += bytes.len();
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vasprintf(
    to: *mut *mut c_char,
    template: *const c_char,
    args: VaList,
) -> c_int {
    let mut growing = Growing {
        block: null_mut(),
        room: 0,
        length: 0,
        failed: false,
    };
    growing.write(b"");
    // SAFETY: the caller's template, arguments and place for the text.
    unsafe {
        let count = run(&mut growing, template, args);
        if growing.failed {
            malloc::free(growing.block.cast::<c_void>());
            *to = null_mut();
            return -1;
        }
        *growing.block.add(growing.length) = 0;
        *to = growing.block.cast();
        count
    }
}
