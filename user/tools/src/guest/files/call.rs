//! libSystem's file calls for Rust.

use super::super::c;
use super::super::sys::{Answer, c_string, errno, stat};
use abi::mount::Statfs64;
use abi::stat::mode::{S_IFDIR, S_IFMT};
use abi::sysctl::Timeval;
use alloc::vec::Vec;
use core::ffi::c_int;

fn check(answer: c_int) -> Answer<()> {
    if answer < 0 { Err(errno()) } else { Ok(()) }
}

/// Calls with C strings of paths.
macro_rules! path_calls {
    ($($(#[$doc:meta])* $name:ident($($path:ident),* $(; $argument:ident: $type:ty)?);)*) => {
        $($(#[$doc])*
        pub fn $name($($path: &[u8]),* $(, $argument: $type)?) -> Answer<()> {
            $(let $path = c_string($path);)*
            // SAFETY: C strings of ours.
            check(unsafe { c::$name($($path.as_ptr()),* $(, $argument)?) })
        })*
    };
}

path_calls! {
    /// Makes a folder.
    mkdir(path; mode: u16);
    /// Removes an empty folder.
    rmdir(path);
    /// Takes a name away.
    unlink(path);
    /// Moves a name.
    rename(from, to);
    /// Gives a file one more name.
    link(from, to);
    /// Makes a symbolic link.
    symlink(target, path);
    /// Sets permissions.
    chmod(path; mode: u16);
    /// Takes away what is mounted.
    unmount(path; flags: c_int);
}

/// Sets the times of the last read and write; `None`: now.
pub fn set_times(path: &[u8], times: Option<[Timeval; 2]>) -> Answer<()> {
    let pointer = times
        .as_ref()
        .map_or(core::ptr::null(), |times| times.as_ptr());
    // SAFETY: a C string and records of ours, or a null pointer, which is allowed.
    check(unsafe { c::utimes(c_string(path).as_ptr(), pointer) })
}

/// What the mask of new files is.
pub fn mask() -> u16 {
    // SAFETY: no memory is involved; the second call takes the first one back.
    unsafe {
        let mask = c::umask(0);
        c::umask(mask);
        mask
    }
}

/// Writes everything to the disks.
pub fn sync() {
    // SAFETY: no memory is involved.
    unsafe { c::sync() };
}

/// Makes a file's bytes durable.
pub fn fsync(fd: c_int) -> Answer<()> {
    // SAFETY: no memory is involved.
    check(unsafe { c::fsync(fd) })
}

/// Sets a file's size.
pub fn truncate(fd: c_int, length: u64) -> Answer<()> {
    // SAFETY: no memory is involved.
    check(unsafe { c::ftruncate(fd, length as i64) })
}

/// Moves a file's position to a byte from its start.
pub fn seek(fd: c_int, to: u64) -> Answer<()> {
    // SAFETY: no memory is involved.
    if unsafe { c::lseek(fd, to as i64, 0) } < 0 {
        Err(errno())
    } else {
        Ok(())
    }
}

/// The file system that a file is in.
pub fn file_system(path: &[u8]) -> Answer<Statfs64> {
    // SAFETY: every byte pattern is a record; a C string and a record of ours.
    unsafe {
        let mut record = core::mem::zeroed();
        check(c::statfs(c_string(path).as_ptr(), &mut record))?;
        Ok(record)
    }
}

/// All file systems.
pub fn file_systems() -> Answer<Vec<Statfs64>> {
    // SAFETY: without a buffer it only counts; every byte pattern is a record; the buffer is ours.
    unsafe {
        let count = c::getfsstat(core::ptr::null_mut(), 0, 0);
        check(count)?;
        let mut records: Vec<Statfs64> = (0..count).map(|_| core::mem::zeroed()).collect();
        let bytes = size_of::<Statfs64>() * records.len();
        let count = c::getfsstat(records.as_mut_ptr(), bytes as c_int, 0);
        check(count)?;
        records.truncate(count as usize);
        Ok(records)
    }
}

/// Mounts the device at a path.
pub fn mount(kind: &[u8], device: &[u8], directory: &[u8], flags: u32) -> Answer<()> {
    let device = c_string(device);
    let mut data = device.as_ptr();
    // SAFETY: C strings; the data is a pointer to one.
    check(unsafe {
        c::mount(
            c_string(kind).as_ptr(),
            c_string(directory).as_ptr(),
            flags as c_int,
            (&raw mut data).cast(),
        )
    })
}

/// Whether a folder is there.
pub fn is_folder(path: &[u8]) -> bool {
    stat(path, true).is_ok_and(|stat| stat.mode & S_IFMT == S_IFDIR)
}

/// Text up to its NUL.
pub fn text(bytes: &[u8]) -> alloc::string::String {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    alloc::string::String::from_utf8_lossy(&bytes[..end]).into_owned()
}
