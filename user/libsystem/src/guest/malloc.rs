//! malloc.h and stdlib.h's memory: the default zone.
//!
//! Owns: the default zone, errno and the reports of misuse. Does not own: the allocator (`heap`).

use crate::heap::{Misuse, Pages, Statistics, Tag, Zone};
use crate::lock::Lock;
use crate::{environment, errno, format, mach, mach_vm, process, pthread, unistd};
use abi::Errno;
use abi::vm_flags::{
    VM_FLAGS_ANYWHERE, VM_FLAGS_FIXED, VM_MEMORY_MALLOC, VM_MEMORY_MALLOC_LARGE,
    VM_MEMORY_MALLOC_SMALL, VM_MEMORY_MALLOC_TINY, vm_make_tag,
};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

/// Pages of this task, by Mach calls.
struct Task;

fn tag(tag: Tag) -> u32 {
    vm_make_tag(match tag {
        Tag::Metadata => VM_MEMORY_MALLOC,
        Tag::Tiny => VM_MEMORY_MALLOC_TINY,
        Tag::Small => VM_MEMORY_MALLOC_SMALL,
        Tag::Large => VM_MEMORY_MALLOC_LARGE,
    })
}

// SAFETY: the kernel gives zeroed memory of that size and alignment that nothing else uses.
unsafe impl Pages for Task {
    fn page_size(&self) -> usize {
        mach::page_size()
    }
    fn map(&mut self, size: usize, align: usize, kind: Tag) -> Option<usize> {
        let mut address = 0u64;
        let flags = VM_FLAGS_ANYWHERE | tag(kind);
        // SAFETY: `address` is written by the call.
        let code =
            unsafe { mach_vm::map_anonymous(&mut address, size as u64, align as u64 - 1, flags) };
        (code == 0).then_some(address as usize)
    }
    fn extend(&mut self, address: usize, size: usize, kind: Tag) -> bool {
        let mut address = address as u64;
        let flags = VM_FLAGS_FIXED | tag(kind);
        // SAFETY: without the overwrite flag nothing that is mapped is touched.
        unsafe {
            mach_vm::mach_vm_allocate(
                mach::mach_task_self(),
                &mut address,
                size as u64,
                flags as c_int,
            ) == 0
        }
    }
    fn unmap(&mut self, address: usize, size: usize) {
        // SAFETY: the heap's own memory, which nothing refers to any more.
        unsafe { mach_vm::mach_vm_deallocate(mach::mach_task_self(), address as u64, size as u64) };
    }
}

/// The default zone.
static mut DEFAULT: Zone = Zone::new();
/// Held while somebody uses it.
pub(crate) static HEAP: Lock = Lock::new();

/// Lets `use_` have the default zone. It must not come back here.
#[inline]
fn with_zone<O>(use_: impl FnOnce(&mut Zone) -> O) -> O {
    let _held = HEAP.hold();
    let zone = &raw mut DEFAULT;
    // SAFETY: the lock is held, and no caller comes back here while it is.
    use_(unsafe { &mut *zone })
}

/// Called where the heap found an error: a place for a debugger to stop.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn malloc_error_break() {}

/// Reports `what` as Darwin does, and aborts.
fn report(parts: &[&[u8]]) -> ! {
    let mut head = format::Fixed::<256>::new();
    // SAFETY: the program's name is a C string.
    head.push(unsafe { core::ffi::CStr::from_ptr(environment::getprogname()) }.to_bytes());
    head.push(b"(");
    head.push_decimal(i64::from(process::getpid()));
    head.push(b",");
    head.push(hexadecimal(pthread::current() as usize).bytes());
    head.push(b") malloc: ");
    let mut text = format::Fixed::<1024>::new();
    text.push(head.bytes());
    parts.iter().for_each(|part| text.push(part));
    text.push(b"\n");
    text.push(head.bytes());
    text.push(b"*** set a breakpoint in malloc_error_break to debug\n");
    unistd::write_all(2, text.bytes());
    malloc_error_break();
    process::abort()
}

fn hexadecimal(address: usize) -> format::Fixed<24> {
    use core::fmt::Write;
    let mut text = format::Fixed::new();
    let _ = write!(text, "{address:#x}");
    text
}

fn misuse(what: Misuse, address: usize, verb: &str) -> ! {
    let number = hexadecimal(address);
    match what {
        Misuse::NotAllocated => report(&[
            b"*** error for object ",
            number.bytes(),
            b": pointer being ",
            verb.as_bytes(),
            b" was not allocated",
        ]),
        Misuse::DoubleFreeTiny => report(&[b"Double free of object ", number.bytes()]),
        Misuse::DoubleFreeSmall => report(&[b"double free for ptr ", number.bytes()]),
    }
}

fn allocate(size: usize, align: usize) -> Option<(usize, bool)> {
    let block = if size > usize::MAX - 2 * mach::page_size() {
        None
    } else {
        with_zone(|zone| zone.allocate(&mut Task, size, align))
    };
    if block.is_none() {
        errno::set(Errno::ENOMEM);
    }
    block
}

#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    allocate(size, 16).map_or(null_mut(), |block| block.0 as *mut c_void)
}

#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let Some(bytes) = count.checked_mul(size) else {
        errno::set(Errno::ENOMEM);
        return null_mut();
    };
    let Some((address, zeroed)) = allocate(bytes, 16) else {
        return null_mut();
    };
    let block = address as *mut c_void;
    if !zeroed {
        // SAFETY: the block has at least `bytes` bytes.
        unsafe { core::ptr::write_bytes(block.cast::<u8>(), 0, bytes) };
    }
    block
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(pointer: *mut c_void) {
    if pointer.is_null() {
        return;
    }
    let saved = errno::get();
    if let Err(what) = with_zone(|zone| zone.free(&mut Task, pointer as usize)) {
        misuse(what, pointer as usize, "freed");
    }
    errno::set(saved);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    if pointer.is_null() {
        return malloc(size);
    }
    let old = with_zone(|zone| zone.size(pointer as usize))
        .unwrap_or_else(|_| misuse(Misuse::NotAllocated, pointer as usize, "reallocated"));
    if size == 0 {
        // SAFETY: the pointer is a block, as just checked.
        unsafe { free(pointer) };
        return malloc(0);
    }
    match with_zone(|zone| zone.resize(&mut Task, pointer as usize, size)) {
        Ok(true) => pointer,
        Ok(false) => {
            let fresh = malloc(size);
            if !fresh.is_null() {
                // SAFETY: both blocks have at least this many bytes and are distinct.
                unsafe {
                    core::ptr::copy_nonoverlapping(
                        pointer.cast::<u8>(),
                        fresh.cast(),
                        old.min(size),
                    );
                    free(pointer);
                }
            }
            fresh
        }
        Err(what) => misuse(what, pointer as usize, "reallocated"),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocf(pointer: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's block.
    unsafe {
        let fresh = realloc(pointer, size);
        if fresh.is_null() {
            free(pointer);
        }
        fresh
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    allocate(size, mach::page_size()).map_or(null_mut(), |block| block.0 as *mut c_void)
}

#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    if !align.is_power_of_two() || !size.is_multiple_of(align) {
        errno::set(Errno::EINVAL);
        return null_mut();
    }
    allocate(size, align).map_or(null_mut(), |block| block.0 as *mut c_void)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(to: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || align < size_of::<usize>() {
        return Errno::EINVAL.0;
    }
    match allocate(size, align) {
        Some((address, _)) => {
            // SAFETY: the caller's place for a pointer.
            unsafe { *to = address as *mut c_void };
            0
        }
        None => Errno::ENOMEM.0,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn malloc_size(pointer: *const c_void) -> usize {
    with_zone(|zone| zone.size(pointer as usize)).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub extern "C" fn malloc_good_size(size: usize) -> usize {
    Zone::good_size(mach::page_size(), size)
}

/// The default zone's figures, for `mstats`-like callers in Rust.
pub fn statistics() -> Statistics {
    with_zone(|zone| zone.statistics())
}
