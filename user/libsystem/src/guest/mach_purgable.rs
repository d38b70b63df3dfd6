//! mach/mach_vm.h: purgeable memory, caches, single pages.
//!
//! Owns: the C names. Does not own: the checks (the kernel's). The word-size calls are the same here.

use crate::mach::Port;
use core::ffi::{c_int, c_uint};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_vm_purgable_control(
    task: Port,
    address: u64,
    control: c_int,
    state: *mut c_int,
) -> c_int {
    mach!(VM_PURGABLE_CONTROL, task, address, control, state)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vm_purgable_control(
    task: Port,
    address: u64,
    control: c_int,
    state: *mut c_int,
) -> c_int {
    mach!(VM_PURGABLE_CONTROL, task, address, control, state)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_vm_machine_attribute(
    task: Port,
    address: u64,
    size: u64,
    attribute: c_uint,
    value: *mut c_int,
) -> c_int {
    mach!(
        MACH_VM_MACHINE_ATTRIBUTE,
        task,
        address,
        size,
        attribute,
        value
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vm_machine_attribute(
    task: Port,
    address: u64,
    size: u64,
    attribute: c_uint,
    value: *mut c_int,
) -> c_int {
    mach!(
        MACH_VM_MACHINE_ATTRIBUTE,
        task,
        address,
        size,
        attribute,
        value
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_vm_page_info(
    task: Port,
    address: u64,
    flavor: c_int,
    info: *mut c_int,
    count: *mut c_uint,
) -> c_int {
    mach!(MACH_VM_PAGE_INFO, task, address, flavor, info, count)
}

#[unsafe(no_mangle)]
pub extern "C" fn vm_map_exec_lockdown(task: Port) -> c_int {
    mach!(VM_MAP_EXEC_LOCKDOWN, task)
}
