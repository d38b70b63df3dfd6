//! Streams: what a `FILE` is, opening and closing.

use super::hold::hold;
use crate::lock::{Lock, Recursive};
use crate::{errno, malloc, unistd};
use abi::Errno;
use abi::syscall::{O_APPEND, O_CLOEXEC, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr::null_mut;

/// `BUFSIZ`: bytes of a stream's buffer.
pub const BUFSIZ: usize = 8192;
/// `EOF`.
pub const EOF: c_int = -1;
/// `setvbuf`: full buffering.
pub const IOFBF: c_int = 0;
/// `setvbuf`: by lines.
pub const IOLBF: c_int = 1;
/// `setvbuf`: none.
pub const IONBF: c_int = 2;

/// A stream.
pub struct FILE {
    pub(super) lock: Recursive,
    pub(super) fd: c_int,
    /// `IOFBF`, `IOLBF`, `IONBF`, or -1: decided at the first use.
    pub(super) mode: c_int,
    pub(super) end_of_file: bool,
    pub(super) error: bool,
    /// The buffer holds bytes to write; otherwise bytes that were read.
    pub(super) writing: bool,
    readable: bool,
    writable: bool,
    /// The buffer came from malloc.
    owned: bool,
    pub(super) buffer: *mut u8,
    pub(super) capacity: usize,
    /// Reading: the next byte. Writing: 0.
    pub(super) at: usize,
    /// Bytes in the buffer.
    pub(super) length: usize,
    /// Bytes pushed back, the next one last.
    pub(super) pushed: [u8; 4],
    pub(super) pushed_count: usize,
    next: *mut FILE,
}

const fn standard(fd: c_int, mode: c_int, next: *mut FILE) -> FILE {
    FILE {
        lock: Recursive::new(),
        fd,
        mode,
        end_of_file: false,
        error: false,
        writing: false,
        readable: fd == 0,
        writable: fd != 0,
        owned: false,
        buffer: null_mut(),
        capacity: 0,
        at: 0,
        length: 0,
        pushed: [0; 4],
        pushed_count: 0,
        next,
    }
}

static mut STANDARD: [FILE; 3] = [
    standard(0, -1, null_mut()),
    standard(1, -1, null_mut()),
    standard(2, IONBF, null_mut()),
];
/// Streams that `fopen` made.
static mut OPENED: *mut FILE = null_mut();
/// Held while somebody uses `OPENED`.
pub(crate) static STREAMS: Lock = Lock::new();

/// A standard stream's pointer as a C variable.
#[repr(transparent)]
pub struct Standard(*mut FILE);

// SAFETY: the pointer never changes; what it leads to has its lock.
unsafe impl Sync for Standard {}

#[unsafe(no_mangle)]
pub static __stdinp: Standard = Standard(&raw mut STANDARD as *mut FILE);
#[unsafe(no_mangle)]
pub static __stdoutp: Standard = Standard((&raw mut STANDARD as *mut FILE).wrapping_add(1));
#[unsafe(no_mangle)]
pub static __stderrp: Standard = Standard((&raw mut STANDARD as *mut FILE).wrapping_add(2));

/// Standard output.
pub fn stdout() -> *mut FILE {
    __stdoutp.0
}

/// Standard error.
pub fn stderr() -> *mut FILE {
    __stderrp.0
}

/// Standard input.
pub fn stdin() -> *mut FILE {
    __stdinp.0
}

/// Calls `visit` for every stream.
pub(super) fn each(visit: impl FnMut(*mut FILE)) {
    let _held = STREAMS.hold();
    each_listed(visit);
}

/// The same where `STREAMS` is held.
pub(super) fn each_listed(mut visit: impl FnMut(*mut FILE)) {
    visit(stdin());
    visit(stdout());
    visit(stderr());
    // SAFETY: the list is held, and holds living streams.
    unsafe {
        let mut at = OPENED;
        while !at.is_null() {
            let next = (*at).next;
            visit(at);
            at = next;
        }
    }
}

impl FILE {
    /// Makes sure that the stream has its buffer and mode.
    pub(super) fn prepare(&mut self) {
        if self.mode == -1 {
            self.mode = if unistd::isatty(self.fd) != 0 {
                IOLBF
            } else {
                IOFBF
            };
        }
        if self.buffer.is_null() && self.mode != IONBF {
            self.buffer = malloc::malloc(BUFSIZ).cast();
            self.capacity = BUFSIZ;
            self.owned = true;
            if self.buffer.is_null() {
                self.mode = IONBF;
                self.capacity = 0;
                self.owned = false;
            }
        }
    }

    /// Readies the stream for writing; false if it is not open for that.
    pub(super) fn begin_writing(&mut self) -> bool {
        if !self.writable {
            errno::set(Errno::EBADF);
            self.error = true;
            return false;
        }
        if !self.writing {
            self.drop_input();
            self.prepare();
            self.writing = true;
        }
        true
    }

    /// Readies the stream for reading; false if it is not open for that.
    pub(super) fn begin_reading(&mut self) -> bool {
        if !self.readable {
            errno::set(Errno::EBADF);
            self.error = true;
            return false;
        }
        if self.writing {
            self.flush();
            self.writing = false;
        }
        self.prepare();
        true
    }

    /// Forgets what was read ahead and puts the file's position back to what the program saw.
    pub(super) fn drop_input(&mut self) {
        if !self.writing {
            let ahead = self.length - self.at + self.pushed_count;
            if ahead != 0 {
                unistd::lseek(self.fd, -(ahead as i64), 1);
            }
            self.at = 0;
            self.length = 0;
            self.pushed_count = 0;
        }
    }

    /// Writes the buffer out; false at an error.
    pub(super) fn flush(&mut self) -> bool {
        if !self.writing || self.length == 0 {
            return true;
        }
        // SAFETY: the buffer holds `length` bytes.
        let bytes = unsafe { core::slice::from_raw_parts(self.buffer, self.length) };
        self.length = 0;
        let ok = unistd::write_all(self.fd, bytes);
        self.error |= !ok;
        ok
    }
}

/// Descriptor flags of an `fopen` mode: flags, readable, writable.
unsafe fn parse_mode(mode: *const c_char) -> Option<(u32, bool, bool)> {
    // SAFETY: the caller's C string.
    let mode = unsafe { core::ffi::CStr::from_ptr(mode) }.to_bytes();
    let plus = mode.contains(&b'+');
    let base = match mode.first()? {
        b'r' => 0,
        b'w' => O_CREAT | O_TRUNC,
        b'a' => O_CREAT | O_APPEND,
        _ => return None,
    };
    let reads = mode[0] == b'r';
    let access = if plus {
        O_RDWR
    } else if reads {
        O_RDONLY
    } else {
        O_WRONLY
    };
    let exclusive = if mode.contains(&b'x') { O_EXCL } else { 0 };
    let close = if mode.contains(&b'e') { O_CLOEXEC } else { 0 };
    Some((
        base | access | exclusive | close,
        reads || plus,
        !reads || plus,
    ))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fopen(path: *const c_char, mode: *const c_char) -> *mut FILE {
    // SAFETY: the caller's C strings.
    unsafe {
        let Some((flags, ..)) = parse_mode(mode) else {
            errno::set(Errno::EINVAL);
            return null_mut();
        };
        let fd = unistd::libsystem_open(path, flags as c_int, 0o666);
        if fd < 0 {
            return null_mut();
        }
        let stream = fdopen(fd, mode);
        if stream.is_null() {
            unistd::close(fd);
        }
        stream
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdopen(fd: c_int, mode: *const c_char) -> *mut FILE {
    // SAFETY: the caller's C string; the block is filled before it is used; the list is held.
    unsafe {
        let Some((_, readable, writable)) = parse_mode(mode) else {
            errno::set(Errno::EINVAL);
            return null_mut();
        };
        let stream = malloc::malloc(size_of::<FILE>()).cast::<FILE>();
        if !stream.is_null() {
            let _held = STREAMS.hold();
            stream.write(FILE {
                readable,
                writable,
                ..standard(fd, -1, OPENED)
            });
            OPENED = stream;
        }
        stream
    }
}

/// Takes a stream out of the list of those that `fopen` made; answers whether it was there.
fn unlist(stream: *mut FILE) -> bool {
    let _held = STREAMS.hold();
    // SAFETY: the list is held, and holds living streams.
    unsafe {
        let mut link = &raw mut OPENED;
        while !(*link).is_null() {
            if *link == stream {
                *link = (*stream).next;
                return true;
            }
            link = &raw mut (**link).next;
        }
    }
    false
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fclose(stream: *mut FILE) -> c_int {
    let listed = unlist(stream);
    // SAFETY: the caller's stream, not used after this.
    unsafe {
        let mut file = hold(stream);
        let flushed = file.flush();
        file.drop_input();
        let closed = unistd::close(file.fd) == 0;
        if file.owned {
            malloc::free(file.buffer.cast());
        }
        if listed {
            core::mem::forget(file);
            malloc::free(stream.cast());
        } else {
            // A standard stream stays as a closed one.
            let lock = core::mem::replace(&mut file.lock, Recursive::new());
            *file = FILE {
                lock,
                ..standard(-1, IONBF, null_mut())
            };
        }
        if flushed && closed { 0 } else { EOF }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn freopen(
    path: *const c_char,
    mode: *const c_char,
    stream: *mut FILE,
) -> *mut FILE {
    // SAFETY: the caller's C strings and stream.
    unsafe {
        let Some((flags, readable, writable)) = parse_mode(mode) else {
            errno::set(Errno::EINVAL);
            return null_mut();
        };
        let mut file = hold(stream);
        file.flush();
        file.drop_input();
        let fd = unistd::libsystem_open(path, flags as c_int, 0o666);
        if fd < 0 || (fd != file.fd && unistd::dup2(fd, file.fd) < 0) {
            return null_mut();
        }
        if fd != file.fd {
            unistd::close(fd);
        }
        file.readable = readable;
        file.writable = writable;
        file.writing = false;
        file.end_of_file = false;
        file.error = false;
        stream
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn setvbuf(
    stream: *mut FILE,
    buffer: *mut c_char,
    mode: c_int,
    size: usize,
) -> c_int {
    if !(IOFBF..=IONBF).contains(&mode) {
        return EOF;
    }
    // SAFETY: the caller's stream and buffer.
    unsafe {
        let mut file = hold(stream);
        file.flush();
        file.drop_input();
        file.mode = mode;
        if !buffer.is_null() && size != 0 && mode != IONBF {
            if file.owned {
                malloc::free(file.buffer.cast());
            }
            file.buffer = buffer.cast();
            file.capacity = size;
            file.owned = false;
        }
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn setbuf(stream: *mut FILE, buffer: *mut c_char) {
    // SAFETY: the caller's stream and buffer of BUFSIZ bytes.
    unsafe {
        setvbuf(
            stream,
            buffer,
            if buffer.is_null() { IONBF } else { IOFBF },
            BUFSIZ,
        )
    };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn setlinebuf(stream: *mut FILE) -> c_int {
    // SAFETY: the caller's stream.
    unsafe { setvbuf(stream, null_mut(), IOLBF, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fileno(stream: *mut FILE) -> c_int {
    // SAFETY: the caller's stream.
    unsafe { hold(stream).fd }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn feof(stream: *mut FILE) -> c_int {
    // SAFETY: the caller's stream.
    c_int::from(unsafe { hold(stream).end_of_file })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferror(stream: *mut FILE) -> c_int {
    // SAFETY: the caller's stream.
    c_int::from(unsafe { hold(stream).error })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clearerr(stream: *mut FILE) {
    // SAFETY: the caller's stream.
    unsafe {
        let mut file = hold(stream);
        file.end_of_file = false;
        file.error = false;
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fseek(stream: *mut FILE, offset: c_long, whence: c_int) -> c_int {
    // SAFETY: the caller's stream.
    let mut file = unsafe { hold(stream) };
    file.flush();
    file.drop_input();
    file.writing = false;
    if unistd::lseek(file.fd, offset, whence) < 0 {
        return -1;
    }
    file.end_of_file = false;
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftell(stream: *mut FILE) -> c_long {
    // SAFETY: the caller's stream.
    let file = unsafe { hold(stream) };
    let position = unistd::lseek(file.fd, 0, 1);
    if position < 0 {
        return -1;
    }
    let pending = if file.writing {
        file.length as i64
    } else {
        -((file.length - file.at + file.pushed_count) as i64)
    };
    position + pending
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rewind(stream: *mut FILE) {
    // SAFETY: the caller's stream.
    unsafe {
        fseek(stream, 0, 0);
        clearerr(stream);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn remove(path: *const c_char) -> c_int {
    // SAFETY: the caller's C string.
    unsafe { unistd::unlink(path) }
}

/// The address of a byte in a stream's buffer.
pub(super) fn place(file: &FILE, at: usize) -> *mut c_void {
    file.buffer.wrapping_add(at).cast()
}
