//! mach/mach_vm.h, and the calls of mach/vm_map.h that are the same with words for sizes.
//!
//! Owns: the C names; each `vm_*` name is the same function here, where words have 64 bits. Does not own:
//! the checks (the kernel's), `vm_map.h`'s own calls (`vm_map`).

use crate::mach::{Port, mach_task_self};
use abi::trap::{VmMapArgs, VmRemapArgs};
use core::ffi::{c_int, c_uint};

/// A C function for a trap, with the same arguments in the same order.
macro_rules! trap {
    ($($name:ident => $trap:ident($($argument:ident: $type:ty),* $(,)?);)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> c_int {
            mach!($trap, $($argument),*)
        }
    )*};
}
pub(super) use trap;

/// The same function by two names.
macro_rules! both {
    ($($name:ident, $short:ident => $trap:ident $arguments:tt;)*) => {
        trap! { $($name => $trap $arguments; $short => $trap $arguments;)* }
    };
}

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

both! {
    mach_vm_allocate, vm_allocate => VM_ALLOCATE(task: Port, address: *mut u64, size: u64, flags: c_int);
    mach_vm_deallocate, vm_deallocate => VM_DEALLOCATE(task: Port, address: u64, size: u64);
    mach_vm_protect, vm_protect => VM_PROTECT(
        task: Port, address: u64, size: u64, set_max: c_int, protection: c_int,
    );
    mach_vm_inherit, vm_inherit => MACH_VM_INHERIT(task: Port, address: u64, size: u64, inheritance: c_uint);
    mach_vm_read, vm_read => MACH_VM_READ(
        task: Port, address: u64, size: u64, data: *mut u64, count: *mut c_uint,
    );
    mach_vm_read_list, vm_read_list => MACH_VM_READ_LIST(task: Port, list: *mut [u64; 2], count: c_uint);
    mach_vm_write, vm_write => MACH_VM_WRITE(task: Port, address: u64, data: u64, count: c_uint);
    mach_vm_copy, vm_copy => MACH_VM_COPY(task: Port, source: u64, size: u64, destination: u64);
    mach_vm_read_overwrite, vm_read_overwrite => MACH_VM_READ_OVERWRITE(
        task: Port, address: u64, size: u64, data: u64, out_size: *mut u64,
    );
    mach_vm_msync, vm_msync => MACH_VM_MSYNC(task: Port, address: u64, size: u64, flags: c_uint);
    mach_vm_behavior_set, vm_behavior_set => MACH_VM_BEHAVIOR_SET(
        task: Port, address: u64, size: u64, behavior: c_int,
    );
    mach_vm_machine_attribute, vm_machine_attribute => MACH_VM_MACHINE_ATTRIBUTE(
        task: Port, address: u64, size: u64, attribute: c_uint, value: *mut c_int,
    );
    mach_vm_page_query, vm_map_page_query => MACH_VM_PAGE_QUERY(
        task: Port, address: u64, disposition: *mut c_int, references: *mut c_int,
    );
    mach_vm_region_recurse, vm_region_recurse_64 => MACH_VM_REGION_RECURSE(
        task: Port, address: *mut u64, size: *mut u64, depth: *mut c_uint, info: *mut c_int, count: *mut c_uint,
    );
    mach_vm_purgable_control, vm_purgable_control => VM_PURGABLE_CONTROL(
        task: Port, address: u64, control: c_int, state: *mut c_int,
    );
    mach_vm_wire, vm_wire => MACH_VM_WIRE(
        host: Port, task: Port, address: u64, size: u64, protection: c_int,
    );
}

trap! {
    mach_vm_page_info => MACH_VM_PAGE_INFO(
        task: Port, address: u64, flavor: c_int, info: *mut c_int, count: *mut c_uint,
    );
    mach_vm_page_range_query => MACH_VM_PAGE_RANGE_QUERY(
        task: Port, address: u64, size: u64, dispositions: u64, count: *mut u64,
    );
    mach_vm_deferred_reclamation_buffer_allocate => MACH_VM_RECLAIM_ALLOCATE(
        task: Port, address: *mut u64, sampling_period: *mut u64, length: c_uint, max_length: c_uint,
    );
    mach_vm_deferred_reclamation_buffer_flush => MACH_VM_RECLAIM_FLUSH(
        task: Port, count: c_uint, reclaimed: *mut u64,
    );
    mach_vm_deferred_reclamation_buffer_update_reclaimable_bytes => MACH_VM_RECLAIM_UPDATE(
        task: Port, reclaimable: u64,
    );
    mach_vm_deferred_reclamation_buffer_resize => MACH_VM_RECLAIM_RESIZE(
        task: Port, length: c_uint, reclaimed: *mut u64,
    );
    mach_vm_range_create => MACH_VM_RANGE_CREATE(
        task: Port, flavor: c_uint, recipes: *mut u8, count: c_uint,
    );
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

/// What `remap` and `remap_new` are called with, as one record.
#[expect(clippy::too_many_arguments, reason = "C's function has them")]
fn remap_args(
    target: Port,
    address: *mut u64,
    size: u64,
    mask: u64,
    flags: c_int,
    source: Port,
    source_address: u64,
    copy: c_int,
    cur_protection: *mut c_int,
    max_protection: *mut c_int,
    inheritance: c_uint,
) -> VmRemapArgs {
    VmRemapArgs {
        target,
        flags: flags as u32,
        address: address as u64,
        size,
        mask,
        source,
        copy: copy as u32,
        source_address,
        cur_protection: cur_protection as u64,
        max_protection: max_protection as u64,
        inheritance,
        reserved: 0,
    }
}

macro_rules! remap {
    ($($name:ident => $trap:ident;)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            target: Port,
            address: *mut u64,
            size: u64,
            mask: u64,
            flags: c_int,
            source: Port,
            source_address: u64,
            copy: c_int,
            cur_protection: *mut c_int,
            max_protection: *mut c_int,
            inheritance: c_uint,
        ) -> c_int {
            let args = remap_args(
                target, address, size, mask, flags, source, source_address, copy, cur_protection,
                max_protection, inheritance,
            );
            mach!($trap, &raw const args)
        }
    )*};
}

remap! {
    mach_vm_remap => MACH_VM_REMAP;
    vm_remap => MACH_VM_REMAP;
    mach_vm_remap_new => MACH_VM_REMAP_NEW;
    vm_remap_new => MACH_VM_REMAP_NEW;
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
    let code = mach!(MACH_VM_REGION, task, address, size, flavor, info, count);
    if code == 0 && !object.is_null() {
        // SAFETY: the caller's place for a port; there are no object ports.
        unsafe { *object = 0 };
    }
    code
}
