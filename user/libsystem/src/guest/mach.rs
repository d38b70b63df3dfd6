//! mach/mach.h: ports of this task, error texts.
//!
//! Owns: the port names and page size that are asked for once. Does not own: memory calls (`mach_vm`),
//! the host's figures (`mach_host`).

use abi::KernReturn;
use core::ffi::{c_char, c_int, c_uint};

/// `mach_port_t`.
pub type Port = c_uint;

/// The macro `mach_task_self()` reads this.
#[unsafe(no_mangle)]
pub static mut mach_task_self_: Port = 0;
/// Bytes of a page; C declares it as `vm_size_t`.
#[unsafe(no_mangle)]
pub static mut vm_page_size: usize = 0;
#[unsafe(no_mangle)]
pub static mut vm_page_mask: usize = 0;
#[unsafe(no_mangle)]
pub static mut vm_page_shift: c_int = 0;
#[unsafe(no_mangle)]
pub static mut vm_kernel_page_size: usize = 0;
#[unsafe(no_mangle)]
pub static mut vm_kernel_page_mask: usize = 0;
#[unsafe(no_mangle)]
pub static mut vm_kernel_page_shift: c_int = 0;

/// Asks the kernel for what the variables above hold. Called once, before `main`.
pub fn init() {
    let mut size = 0u64;
    mach!(HOST_PAGE_SIZE, mach_host_self(), &raw mut size);
    // SAFETY: one thread.
    unsafe {
        mach_task_self_ = mach!(TASK_SELF) as Port;
        vm_page_size = size as usize;
        vm_page_mask = (size as usize).wrapping_sub(1);
        vm_page_shift = size.trailing_zeros() as c_int;
        vm_kernel_page_size = vm_page_size;
        vm_kernel_page_mask = vm_page_mask;
        vm_kernel_page_shift = vm_page_shift;
    }
}

/// Bytes of a page.
pub fn page_size() -> usize {
    // SAFETY: one thread; set before `main`.
    unsafe { vm_page_size }
}

/// This task's port.
#[unsafe(no_mangle)]
pub extern "C" fn mach_task_self() -> Port {
    // SAFETY: one thread; set before `main`.
    unsafe { mach_task_self_ }
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_host_self() -> Port {
    mach!(HOST_SELF) as Port
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_thread_self() -> Port {
    mach!(THREAD_SELF) as Port
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_port_deallocate(task: Port, name: Port) -> c_int {
    mach!(PORT_DEALLOCATE, task, name)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn task_for_pid(task: Port, pid: c_int, name: *mut Port) -> c_int {
    mach!(TASK_FOR_PID, task, pid, name)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn task_info(
    task: Port,
    flavor: c_uint,
    info: *mut c_int,
    count: *mut c_uint,
) -> c_int {
    mach!(TASK_INFO, task, flavor, info, count)
}

/// Texts of the codes from 0 on.
const TEXTS: [&core::ffi::CStr; 57] = [
    c"(os/kern) successful",
    c"(os/kern) invalid address",
    c"(os/kern) protection failure",
    c"(os/kern) no space available",
    c"(os/kern) invalid argument",
    c"(os/kern) failure",
    c"(os/kern) resource shortage",
    c"(os/kern) not receiver",
    c"(os/kern) no access",
    c"(os/kern) memory failure",
    c"(os/kern) memory error",
    c"(os/kern) already in set",
    c"(os/kern) not in set",
    c"(os/kern) name exists",
    c"(os/kern) aborted",
    c"(os/kern) invalid name",
    c"(os/kern) invalid task",
    c"(os/kern) invalid right",
    c"(os/kern) invalid value",
    c"(os/kern) urefs overflow",
    c"(os/kern) invalid capability",
    c"(os/kern) right exists",
    c"(os/kern) invalid host",
    c"(os/kern) memory present",
    c"(os/kern) memory data moved",
    c"(os/kern) memory restart copy",
    c"(os/kern) invalid processor set",
    c"(os/kern) policy limit",
    c"(os/kern) invalid policy",
    c"(os/kern) invalid object",
    c"(os/kern) already waiting",
    c"(os/kern) default set",
    c"(os/kern) exception protected",
    c"(os/kern) invalid ledger",
    c"(os/kern) invalid memory control",
    c"(os/kern) invalid security",
    c"(os/kern) not depressed",
    c"(os/kern) object terminated",
    c"(os/kern) lock set destroyed",
    c"(os/kern) lock unstable",
    c"(os/kern) lock owned by another",
    c"(os/kern) lock owned by self",
    c"(os/kern) semaphore destroyed",
    c"(os/kern) RPC terminated",
    c"unknown error code",
    c"unknown error code",
    c"(os/kern) not supported",
    c"(os/kern) node down",
    c"(os/kern) thread not waiting",
    c"(os/kern) operation timed out",
    c"(os/kern) code signing error",
    c"(os/kern) policy static",
    c"(os/kern) insufficient buffer size",
    c"(os/kern) denied",
    c"(os/kern) missing KC",
    c"(os/kern) invalid KC",
    c"(os/kern) not found",
];

#[unsafe(no_mangle)]
pub extern "C" fn mach_error_string(code: c_int) -> *mut c_char {
    let text = match usize::try_from(code)
        .ok()
        .and_then(|index| TEXTS.get(index))
    {
        Some(text) => text,
        None if code == KernReturn::SEND_INVALID_MEMORY.0 => c"(ipc/send) invalid memory",
        None if code == KernReturn::SEND_INVALID_DEST.0 => c"(ipc/send) invalid destination port",
        None => c"unknown error code",
    };
    text.as_ptr().cast_mut()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_error(prefix: *const c_char, code: c_int) {
    let number = crate::number_text(i64::from(code));
    for part in [prefix, c": ".as_ptr(), mach_error_string(code).cast_const()] {
        // SAFETY: C strings.
        crate::unistd::write_all(2, unsafe { core::ffi::CStr::from_ptr(part) }.to_bytes());
    }
    crate::unistd::write_all(2, b" (");
    crate::unistd::write_all(2, number.bytes());
    crate::unistd::write_all(2, b")\n");
}
