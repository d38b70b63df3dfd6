//! libSystem for Rust: owned texts, results, no raw pointers.
//!
//! Owns: the translation. Does not own: what calls do (`libsystem`, the kernel).

use super::c;
use abi::Errno;
use abi::stat::{DIRENT_NAME_OFFSET, Stat64};
use alloc::ffi::CString;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::{CStr, c_char, c_int};

/// What a call answers.
pub type Answer<T> = Result<T, Errno>;

/// Why the last call failed.
pub fn errno() -> Errno {
    // SAFETY: the place lives as long as the program.
    Errno(unsafe { *c::__error() })
}

/// The sentence of an error.
pub fn message(error: Errno) -> String {
    // SAFETY: a C string that lives until the next call.
    unsafe { CStr::from_ptr(c::strerror(error.0)) }
        .to_string_lossy()
        .into_owned()
}

/// The sentence of a Mach code.
pub fn mach_message(code: i32) -> String {
    // SAFETY: a C string that lives for ever.
    unsafe { CStr::from_ptr(c::mach_error_string(code)) }
        .to_string_lossy()
        .into_owned()
}

fn check(value: isize) -> Answer<usize> {
    usize::try_from(value).map_err(|_| errno())
}

/// A C string of `text` up to its first NUL.
pub fn c_string(text: &[u8]) -> CString {
    let end = text
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

/// The arguments of a program.
///
/// # Safety
/// `argc` and `argv` are what the program was started with.
pub unsafe fn arguments(argc: c_int, argv: *const *const c_char) -> Vec<Vec<u8>> {
    // SAFETY: `argc` C strings.
    (0..argc.max(0) as usize)
        .map(|i| unsafe { CStr::from_ptr(*argv.add(i)) }.to_bytes().to_vec())
        .collect()
}

/// Reads up to `to.len()` bytes; 0 at the end. Interrupted reads start again.
pub fn read(fd: i32, to: &mut [u8]) -> Answer<usize> {
    loop {
        // SAFETY: the buffer is ours.
        match check(unsafe { c::read(fd, to.as_mut_ptr().cast(), to.len()) }) {
            Err(Errno::EINTR) => {}
            answer => return answer,
        }
    }
}

/// Reads up to `to.len()` bytes at `offset`.
pub fn read_at(fd: i32, to: &mut [u8], offset: u64) -> Answer<usize> {
    // SAFETY: the buffer is ours.
    check(unsafe { c::pread(fd, to.as_mut_ptr().cast(), to.len(), offset as i64) })
}

/// Reads all that is left.
pub fn read_all(fd: i32) -> Answer<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = alloc::vec![0; 16384];
    loop {
        match read(fd, &mut buffer)? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buffer[..n]),
        }
    }
}

/// Writes all of `bytes`.
pub fn write(fd: i32, bytes: &[u8]) -> Answer<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: the buffer is ours.
        match check(unsafe { c::write(fd, rest.as_ptr().cast(), rest.len()) }) {
            Ok(n) => rest = &rest[n.min(rest.len())..],
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens a file.
pub fn open(path: &[u8], flags: u32, mode: u32) -> Answer<i32> {
    // SAFETY: a C string.
    check(unsafe { c::open(c_string(path).as_ptr(), flags as c_int, mode) } as isize)
        .map(|fd| fd as i32)
}

/// Closes a descriptor.
pub fn close(fd: i32) {
    // SAFETY: no memory is involved.
    unsafe { c::close(fd) };
}

/// Makes `to` a duplicate of `fd`.
pub fn dup2(fd: i32, to: i32) -> Answer<()> {
    // SAFETY: no memory is involved.
    check(unsafe { c::dup2(fd, to) } as isize).map(drop)
}

/// `fcntl`: duplicates to the lowest free number from an argument on, closed on exec.
const F_DUPFD_CLOEXEC: c_int = 67;

/// A duplicate of `fd` with a number of at least `least`, closed on exec.
pub fn duplicate_above(fd: i32, least: i32) -> Answer<i32> {
    // SAFETY: no memory is involved.
    check(unsafe { c::fcntl(fd, F_DUPFD_CLOEXEC, i64::from(least)) } as isize).map(|fd| fd as i32)
}

/// A pipe: the end to read, the end to write.
pub fn pipe() -> Answer<(i32, i32)> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    check(unsafe { c::pipe(ends.as_mut_ptr()) } as isize).map(|_| (ends[0], ends[1]))
}

/// Whether `fd` is a terminal.
pub fn is_terminal(fd: i32) -> bool {
    // SAFETY: no memory is involved.
    unsafe { c::isatty(fd) != 0 }
}

/// What a file is; `follow` looks behind symbolic links.
pub fn stat(path: &[u8], follow: bool) -> Answer<Stat64> {
    let mut stat = Stat64::default();
    let path = c_string(path);
    // SAFETY: a C string and a record of ours.
    let answer = unsafe {
        if follow {
            c::stat(path.as_ptr(), &mut stat)
        } else {
            c::lstat(path.as_ptr(), &mut stat)
        }
    };
    check(answer as isize).map(|_| stat)
}

/// Where a symbolic link leads.
pub fn read_link(path: &[u8]) -> Answer<Vec<u8>> {
    let mut buffer = alloc::vec![0u8; 1024];
    // SAFETY: a C string and a buffer of ours.
    let n = check(unsafe {
        c::readlink(
            c_string(path).as_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        )
    })?;
    buffer.truncate(n);
    Ok(buffer)
}

/// The names in a folder, `.` and `..` among them.
pub fn names(path: &[u8]) -> Answer<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    // SAFETY: records live until the next call; a name of `namlen` bytes follows the head.
    unsafe {
        let dir = c::opendir(c_string(path).as_ptr());
        if dir.is_null() {
            return Err(errno());
        }
        loop {
            let head = c::readdir(dir);
            if head.is_null() {
                break;
            }
            let name = head.cast::<u8>().add(DIRENT_NAME_OFFSET);
            names.push(core::slice::from_raw_parts(name, usize::from((*head).namlen)).to_vec());
        }
        c::closedir(dir);
    }
    Ok(names)
}

/// A variable of the environment.
pub fn variable(name: &str) -> Option<Vec<u8>> {
    // SAFETY: C strings; the value is copied at once.
    unsafe {
        let value = c::getenv(c_string(name.as_bytes()).as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes().to_vec())
    }
}

/// The environment as `NAME=VALUE`.
pub fn environment() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    // SAFETY: C strings up to a null pointer.
    unsafe {
        let mut at = c::environ;
        while !at.is_null() && !(*at).is_null() {
            all.push(CStr::from_ptr(*at).to_bytes().to_vec());
            at = at.add(1);
        }
    }
    all
}

/// Sets a variable of the environment.
pub fn set_variable(name: &str, value: &[u8]) {
    // SAFETY: C strings, copied by the call.
    unsafe {
        c::setenv(
            c_string(name.as_bytes()).as_ptr(),
            c_string(value).as_ptr(),
            1,
        )
    };
}

/// Removes a variable of the environment.
pub fn unset_variable(name: &str) {
    // SAFETY: a C string.
    unsafe { c::unsetenv(c_string(name.as_bytes()).as_ptr()) };
}

/// The current folder.
pub fn current_folder() -> Answer<Vec<u8>> {
    let mut buffer = alloc::vec![0u8; 1024];
    // SAFETY: a buffer of ours.
    unsafe {
        if c::getcwd(buffer.as_mut_ptr().cast(), buffer.len()).is_null() {
            return Err(errno());
        }
    }
    buffer.truncate(buffer.iter().position(|&byte| byte == 0).unwrap_or(0));
    Ok(buffer)
}

/// This process's number.
pub fn pid() -> i32 {
    // SAFETY: no memory is involved.
    unsafe { c::getpid() }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    // SAFETY: a null pointer is allowed.
    unsafe { c::time(core::ptr::null_mut()) }
}

/// A value by its numbers; `new` is passed to the kernel.
pub fn sysctl(name: &[i32], new: &[u8]) -> Answer<Vec<u8>> {
    let mut size = 0usize;
    let input = if new.is_empty() {
        core::ptr::null()
    } else {
        new.as_ptr()
    };
    // SAFETY: the buffers are ours; the first call only asks for the size.
    unsafe {
        let count = name.len() as u32;
        let answer = c::sysctl(
            name.as_ptr(),
            count,
            core::ptr::null_mut(),
            &mut size,
            input.cast(),
            new.len(),
        );
        check(answer as isize)?;
        // The value may grow between the calls.
        let mut buffer = alloc::vec![0u8; size + size / 4 + 64];
        size = buffer.len();
        let answer = c::sysctl(
            name.as_ptr(),
            count,
            buffer.as_mut_ptr().cast(),
            &mut size,
            input.cast(),
            new.len(),
        );
        check(answer as isize)?;
        buffer.truncate(size);
        Ok(buffer)
    }
}

/// An integer leaf's value by its name in `abi`'s tree.
pub fn sysctl_number(name: &str) -> Option<u64> {
    let bytes = sysctl(abi::sysctl::by_name(name)?.oid, &[]).ok()?;
    match bytes.len() {
        4 => Some(u64::from(u32::from_le_bytes(bytes.try_into().ok()?))),
        8 => Some(u64::from_le_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// A text leaf's value.
pub fn sysctl_text(name: &str) -> Option<String> {
    let bytes = sysctl(abi::sysctl::by_name(name)?.oid, &[]).ok()?;
    crate::sysctl::text("A", &bytes)
}
