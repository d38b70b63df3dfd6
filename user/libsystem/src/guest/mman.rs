//! sys/mman.h.

use abi::Errno;
use abi::vm_flags::{MAP_PRIVATE, MAP_SHARED, MAP_UNIX03};
use core::ffi::{c_char, c_int, c_void};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    if length == 0 || flags as u32 & (MAP_PRIVATE | MAP_SHARED) == 0 {
        crate::errno::set(Errno::EINVAL);
        return -1isize as *mut c_void;
    }
    unix!(
        SYS_MMAP,
        address,
        length,
        protection,
        flags as u32 | MAP_UNIX03,
        fd,
        offset
    ) as *mut c_void
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(address: *mut c_void, length: usize) -> c_int {
    unix!(SYS_MUNMAP, address, length) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mprotect(address: *mut c_void, length: usize, protection: c_int) -> c_int {
    unix!(SYS_MPROTECT, address, length, protection) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn msync(address: *mut c_void, length: usize, flags: c_int) -> c_int {
    unix!(SYS_MSYNC, address, length, flags) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int {
    unix!(SYS_MADVISE, address, length, advice) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_madvise(
    address: *mut c_void,
    length: usize,
    advice: c_int,
) -> c_int {
    // SAFETY: the caller's range.
    if unsafe { madvise(address, length, advice) } == 0 {
        0
    } else {
        crate::errno::get().0
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mincore(
    address: *const c_void,
    length: usize,
    vector: *mut c_char,
) -> c_int {
    unix!(SYS_MINCORE, address, length, vector) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn minherit(
    address: *mut c_void,
    length: usize,
    inheritance: c_int,
) -> c_int {
    unix!(SYS_MINHERIT, address, length, inheritance) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mlock(address: *const c_void, length: usize) -> c_int {
    unix!(SYS_MLOCK, address, length) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn munlock(address: *const c_void, length: usize) -> c_int {
    unix!(SYS_MUNLOCK, address, length) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn mlockall(flags: c_int) -> c_int {
    unix!(SYS_MLOCKALL, flags) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mremap_encrypted(
    address: *mut c_void,
    length: usize,
    cryptid: u32,
    cputype: u32,
    cpusubtype: u32,
) -> c_int {
    unix!(
        SYS_MREMAP_ENCRYPTED,
        address,
        length,
        cryptid,
        cputype,
        cpusubtype
    ) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn munlockall() -> c_int {
    unix!(SYS_MUNLOCKALL) as c_int
}

/// `shm_open` after its entry stub, which finds the optional argument.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libsystem_shm_open(
    name: *const c_char,
    flags: c_int,
    mode: c_int,
) -> c_int {
    unix!(SYS_SHM_OPEN, name, flags, mode) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_unlink(name: *const c_char) -> c_int {
    unix!(SYS_SHM_UNLINK, name) as c_int
}
