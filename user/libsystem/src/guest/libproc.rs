//! libproc.h.

use crate::errno;
use abi::Errno;
use abi::proc::{
    PROC_ALL_PIDS, PROC_INFO_CALL_LISTPIDS, PROC_INFO_CALL_PIDINFO, PROC_PIDPATHINFO,
    PROC_PIDREGIONPATHINFO, PROC_PIDTBSDINFO, ProcBsdInfo, ProcRegionWithPathInfo,
};
use core::ffi::{c_int, c_uint, c_void};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn proc_listpids(
    kind: c_uint,
    argument: c_uint,
    buffer: *mut c_void,
    size: c_int,
) -> c_int {
    unix!(
        SYS_PROC_INFO,
        PROC_INFO_CALL_LISTPIDS,
        kind,
        argument,
        0,
        buffer,
        size
    ) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn proc_listallpids(buffer: *mut c_void, size: c_int) -> c_int {
    // SAFETY: the caller's buffer.
    let bytes = unsafe { proc_listpids(PROC_ALL_PIDS as c_uint, 0, buffer, size) };
    if bytes < 0 {
        bytes
    } else {
        bytes / size_of::<c_int>() as c_int
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn proc_pidinfo(
    pid: c_int,
    flavor: c_int,
    argument: u64,
    buffer: *mut c_void,
    size: c_int,
) -> c_int {
    let bytes = unix!(
        SYS_PROC_INFO,
        PROC_INFO_CALL_PIDINFO,
        pid,
        flavor,
        argument,
        buffer,
        size
    );
    bytes.max(0) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn proc_pidpath(pid: c_int, buffer: *mut c_void, size: c_uint) -> c_int {
    if size == 0 {
        errno::set(Errno::ENOMEM);
        return 0;
    }
    let bytes = unix!(
        SYS_PROC_INFO,
        PROC_INFO_CALL_PIDINFO,
        pid,
        PROC_PIDPATHINFO,
        0,
        buffer,
        size
    );
    if bytes < 0 {
        return 0;
    }
    // SAFETY: the kernel wrote the path with its NUL.
    unsafe { crate::string::strnlen(buffer.cast(), size as usize) as c_int }
}

/// A process's record.
pub fn bsd_info(pid: c_int) -> Option<ProcBsdInfo> {
    let mut info = ProcBsdInfo::default();
    let size = size_of::<ProcBsdInfo>() as c_int;
    // SAFETY: the record is ours.
    let got = unsafe { proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, (&raw mut info).cast(), size) };
    (got == size).then_some(info)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn proc_name(pid: c_int, buffer: *mut c_void, size: c_uint) -> c_int {
    let Some(info) = bsd_info(pid) else {
        return 0;
    };
    let name = if info.name[0] != 0 {
        &info.name[..]
    } else {
        &info.comm[..]
    };
    let length = name
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(name.len());
    let n = length.min((size as usize).saturating_sub(1));
    if size != 0 {
        // SAFETY: the caller's buffer holds `size` bytes.
        unsafe {
            core::ptr::copy_nonoverlapping(name.as_ptr(), buffer.cast(), n);
            *buffer.cast::<u8>().add(n) = 0;
        }
    }
    n as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn proc_regionfilename(
    pid: c_int,
    address: u64,
    buffer: *mut c_void,
    size: c_uint,
) -> c_int {
    let mut info = core::mem::MaybeUninit::<ProcRegionWithPathInfo>::zeroed();
    let bytes = size_of::<ProcRegionWithPathInfo>() as c_int;
    // SAFETY: the record is ours; zeros are a value of it.
    unsafe {
        if proc_pidinfo(
            pid,
            PROC_PIDREGIONPATHINFO,
            address,
            info.as_mut_ptr().cast(),
            bytes,
        ) <= 0
        {
            return 0;
        }
        let path = &info.assume_init_ref().path;
        let length = path
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(path.len());
        let n = length.min((size as usize).saturating_sub(1));
        if size != 0 {
            core::ptr::copy_nonoverlapping(path.as_ptr(), buffer.cast(), n);
            *buffer.cast::<u8>().add(n) = 0;
        }
        n as c_int
    }
}
