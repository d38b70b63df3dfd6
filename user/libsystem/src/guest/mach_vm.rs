//! mach/mach_vm.h and the `vm_*` calls of mach/vm_map.h.
//!
//! Owns: the C names. Does not own: the checks (the kernel's). The word-size calls are the same here.

use crate::mach::{Port, mach_task_self};
use abi::trap::VmMapArgs;
use core::ffi::{c_int, c_uint};

/// Maps zero-filled memory into this task at an address without the bits of `mask`.
///
/// # Safety
/// With a fixed address and the overwrite flag, what lies there is lost.
pub unsafe fn map_anonymous(address: &mut u64, size: u64, mask: u64, flags: u32) -> c_int {
    // SAFETY: as the caller vouches; no object, so no offset.
    unsafe {
        mach_vm_map(
            mach_task_self(),
            address,
            size,
            mask,
            flags as c_int,
            0,
            0,
            0,
            3,
            7,
            1,
        )
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_vm_allocate(
    task: Port,
    address: *mut u64,
    size: u64,
    flags: c_int,
) -> c_int {
    mach!(VM_ALLOCATE, task, address, size, flags)
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_vm_deallocate(task: Port, address: u64, size: u64) -> c_int {
    mach!(VM_DEALLOCATE, task, address, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_vm_protect(
    task: Port,
    address: u64,
    size: u64,
    set_max: c_int,
    protection: c_int,
) -> c_int {
    mach!(VM_PROTECT, task, address, size, set_max, protection)
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_vm_inherit(
    task: Port,
    address: u64,
    size: u64,
    inheritance: c_uint,
) -> c_int {
    mach!(MACH_VM_INHERIT, task, address, size, inheritance)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_vm_map(
    target: Port,
    address: *mut u64,
    size: u64,
    mask: u64,
    flags: c_int,
    object: Port,
    offset: u64,
    copy: c_int,
    cur_protection: c_int,
    max_protection: c_int,
    inheritance: c_uint,
) -> c_int {
    let args = VmMapArgs {
        target,
        flags: flags as u32,
        address: address as u64,
        size,
        mask,
        object,
        copy: copy as u32,
        offset,
        cur_protection: cur_protection as u32,
        max_protection: max_protection as u32,
        inheritance,
        reserved: 0,
    };
    mach!(MACH_VM_MAP, &raw const args)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_vm_region(
    task: Port,
    address: *mut u64,
    size: *mut u64,
    flavor: c_int,
    info: *mut c_int,
    count: *mut c_uint,
    object: *mut Port,
) -> c_int {
    if !object.is_null() {
        // SAFETY: the caller's place for a port; there are no object ports.
        unsafe { *object = 0 };
    }
    mach!(MACH_VM_REGION, task, address, size, flavor, info, count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_vm_region_recurse(
    task: Port,
    address: *mut u64,
    size: *mut u64,
    depth: *mut c_uint,
    info: *mut c_int,
    count: *mut c_uint,
) -> c_int {
    mach!(
        MACH_VM_REGION_RECURSE,
        task,
        address,
        size,
        depth,
        info,
        count
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_vm_page_query(
    task: Port,
    address: u64,
    disposition: *mut c_int,
    references: *mut c_int,
) -> c_int {
    mach!(MACH_VM_PAGE_QUERY, task, address, disposition, references)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_vm_page_range_query(
    task: Port,
    address: u64,
    size: u64,
    dispositions: u64,
    count: *mut u64,
) -> c_int {
    mach!(
        MACH_VM_PAGE_RANGE_QUERY,
        task,
        address,
        size,
        dispositions,
        count
    )
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_vm_behavior_set(
    task: Port,
    address: u64,
    size: u64,
    behavior: c_int,
) -> c_int {
    mach!(MACH_VM_BEHAVIOR_SET, task, address, size, behavior)
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_vm_msync(task: Port, address: u64, size: u64, flags: c_uint) -> c_int {
    mach!(MACH_VM_MSYNC, task, address, size, flags)
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_vm_wire(
    host: Port,
    task: Port,
    address: u64,
    size: u64,
    protection: c_int,
) -> c_int {
    mach!(MACH_VM_WIRE, host, task, address, size, protection)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vm_allocate(
    task: Port,
    address: *mut u64,
    size: u64,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's place for an address.
    unsafe { mach_vm_allocate(task, address, size, flags) }
}

#[unsafe(no_mangle)]
pub extern "C" fn vm_deallocate(task: Port, address: u64, size: u64) -> c_int {
    mach_vm_deallocate(task, address, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn vm_protect(
    task: Port,
    address: u64,
    size: u64,
    set_max: c_int,
    protection: c_int,
) -> c_int {
    mach_vm_protect(task, address, size, set_max, protection)
}

#[unsafe(no_mangle)]
pub extern "C" fn vm_inherit(task: Port, address: u64, size: u64, inheritance: c_uint) -> c_int {
    mach_vm_inherit(task, address, size, inheritance)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vm_map(
    task: Port,
    address: *mut u64,
    size: u64,
    mask: u64,
    flags: c_int,
    object: Port,
    offset: u64,
    copy: c_int,
    cur_protection: c_int,
    max_protection: c_int,
    inheritance: c_uint,
) -> c_int {
    // SAFETY: as `mach_vm_map`.
    unsafe {
        mach_vm_map(
            task,
            address,
            size,
            mask,
            flags,
            object,
            offset,
            copy,
            cur_protection,
            max_protection,
            inheritance,
        )
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vm_region_64(
    task: Port,
    address: *mut u64,
    size: *mut u64,
    flavor: c_int,
    info: *mut c_int,
    count: *mut c_uint,
    object: *mut Port,
) -> c_int {
    // SAFETY: as `mach_vm_region`.
    unsafe { mach_vm_region(task, address, size, flavor, info, count, object) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vm_region_recurse_64(
    task: Port,
    address: *mut u64,
    size: *mut u64,
    depth: *mut c_uint,
    info: *mut c_int,
    count: *mut c_uint,
) -> c_int {
    // SAFETY: as `mach_vm_region_recurse`.
    unsafe { mach_vm_region_recurse(task, address, size, depth, info, count) }
}
