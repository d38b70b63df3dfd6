//! mach/vm_map.h and mach/memory_entry.h: the calls that `mach_vm.h` has not, or has otherwise.
//!
//! Owns: the C names and the prototypes of the word-size calls. Does not own: the checks (the kernel's).

use crate::mach::Port;
use crate::mach_vm::{mach_vm_map, mach_vm_region, mach_vm_region_recurse, trap};
use abi::KernReturn;
use abi::region::RegionSubmapInfo64;
use core::ffi::{c_int, c_uint};

/// `VM_REGION_BASIC_INFO_64`, and the older flavor with a 32-bit offset.
const BASIC_INFO: c_int = 10;

trap! {
    mach_make_memory_entry_64 => MACH_MAKE_MEMORY_ENTRY(
        task: Port, size: *mut u64, offset: u64, permission: c_int, handle: *mut Port, parent: Port,
    );
    mach_make_memory_entry => MACH_MAKE_MEMORY_ENTRY(
        task: Port, size: *mut u64, offset: u64, permission: c_int, handle: *mut Port, parent: Port,
    );
    _mach_make_memory_entry => MACH_MAKE_MEMORY_ENTRY(
        task: Port, size: *mut u64, offset: u64, permission: c_int, handle: *mut Port, parent: Port,
    );
    mach_memory_entry_purgable_control => MEMORY_ENTRY_PURGABLE_CONTROL(
        entry: Port, control: c_int, state: *mut c_int,
    );
    mach_memory_entry_access_tracking => MEMORY_ENTRY_ACCESS_TRACKING(
        entry: Port, tracking: *mut c_int, reads: *mut c_uint, writes: *mut c_uint,
    );
    mach_memory_entry_ownership => MEMORY_ENTRY_OWNERSHIP(
        entry: Port, owner: Port, ledger_tag: c_int, ledger_flags: c_int,
    );
    mach_memory_entry_map_size => MEMORY_ENTRY_MAP_SIZE(
        entry: Port, task: Port, offset: u64, size: u64, map_size: *mut u64,
    );
    mach_memory_object_memory_entry => MEMORY_OBJECT_MEMORY_ENTRY(
        host: Port, internal: c_int, size: u64, permission: c_int, pager: Port, entry: *mut Port,
    );
    mach_memory_object_memory_entry_64 => MEMORY_OBJECT_MEMORY_ENTRY(
        host: Port, internal: c_int, size: u64, permission: c_int, pager: Port, entry: *mut Port,
    );
    task_wire => TASK_WIRE(task: Port, must_wire: c_int);
    vm_map_exec_lockdown => VM_MAP_EXEC_LOCKDOWN(task: Port);
}

macro_rules! map {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
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
                    task, address, size, mask, flags, object, offset, copy, cur_protection,
                    max_protection, inheritance,
                )
            }
        }
    )*};
}

map! { vm_map vm_map_64 }

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

/// The oldest form: what asks for basic information gets it with a 32-bit offset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vm_region(
    task: Port,
    address: *mut u64,
    size: *mut u64,
    flavor: c_int,
    info: *mut c_int,
    count: *mut c_uint,
    object: *mut Port,
) -> c_int {
    const BASIC_INFO_64: c_int = 9;
    let flavor = if flavor == BASIC_INFO_64 {
        BASIC_INFO
    } else {
        flavor
    };
    // SAFETY: as `mach_vm_region`.
    unsafe { mach_vm_region(task, address, size, flavor, info, count, object) }
}

/// Bytes of `vm_region_submap_info_64` before its offset, and behind it.
const BEFORE_OFFSET: usize = 12;
const BEHIND_OFFSET: usize = 20;

/// As `vm_region_recurse_64`, with a record whose offset has 32 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vm_region_recurse(
    task: Port,
    address: *mut u64,
    size: *mut u64,
    depth: *mut c_uint,
    info: *mut c_int,
    count: *mut c_uint,
) -> c_int {
    const SHORT: usize = size_of::<RegionSubmapInfo>();
    // SAFETY: the caller's count.
    if unsafe { *count } < (SHORT / 4) as c_uint {
        return KernReturn::INVALID_ARGUMENT.0;
    }
    let mut record = RegionSubmapInfo64::default();
    let mut words = (size_of::<RegionSubmapInfo64>() / 4) as c_uint;
    let record_at = (&raw mut record).cast::<u8>();
    // SAFETY: the record has `words` words; the other places are the caller's.
    let code =
        unsafe { mach_vm_region_recurse(task, address, size, depth, record_at.cast(), &mut words) };
    if code == 0 {
        // SAFETY: the caller has room for `SHORT` bytes, and the record is longer than what is copied.
        unsafe {
            let to = info.cast::<u8>();
            to.copy_from(record_at, BEFORE_OFFSET + 4);
            to.add(BEFORE_OFFSET + 4)
                .copy_from(record_at.add(BEHIND_OFFSET), SHORT - BEFORE_OFFSET - 4);
            *count = (SHORT / 4) as c_uint;
        }
    }
    code
}

/// `vm_region_submap_info`, as words.
type RegionSubmapInfo = [u32; 15];
