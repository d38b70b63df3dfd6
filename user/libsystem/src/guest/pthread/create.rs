//! How threads come and go.
//!
//! The kernel frees a stack whose thread has ended, because nobody can free what he stands on. The record of
//! a thread that can be joined stays until that; who joins waits on its gate, which the kernel opens.

use super::attr::{Attributes, DETACHED};
use super::{
    ALIVE, COUNT, Mapping, SIGNATURE, TSD_OFFSET, Thread, current, key, prepare, slot, state,
    thread, tlv,
};
use crate::lock::{self, Lock};
use crate::{arch, errno, mach, mach_vm, process};
use abi::Errno;
use abi::thread::{
    MAX_PTHREAD_SIZE, PTHREAD_START_CUSTOM, PthreadRegistration, UL_COMPARE_AND_WAIT,
};
use abi::vm_flags::{VM_FLAGS_ANYWHERE, VM_MEMORY_STACK, vm_make_tag};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, Ordering};

/// `function` of a thread.
type Function = extern "C" fn(*mut c_void) -> *mut c_void;

const _: () = assert!(size_of::<Thread>() <= MAX_PTHREAD_SIZE as usize);

unsafe extern "C" {
    fn libsystem_thread_start();
}

/// Held while the kernel is told where threads begin.
static REGISTERING: Lock = Lock::new();
/// Boolean: it was told.
static REGISTERED: AtomicU32 = AtomicU32::new(0);

/// Tells the kernel where threads begin, once.
fn register() -> Result<(), Errno> {
    if REGISTERED.load(Ordering::Acquire) != 0 {
        return Ok(());
    }
    let _held = REGISTERING.hold();
    if REGISTERED.load(Ordering::Acquire) != 0 {
        return Ok(());
    }
    let mut data = PthreadRegistration {
        version: size_of::<PthreadRegistration>() as u64,
        tsd_offset: TSD_OFFSET as u32,
        mach_thread_self_offset: (slot::PORT * size_of::<usize>()) as u32,
        ..PthreadRegistration::default()
    };
    let start = libsystem_thread_start as *const ();
    let size = size_of::<PthreadRegistration>();
    let answer = unix!(
        SYS_BSDTHREAD_REGISTER,
        start,
        0,
        size_of::<Thread>(),
        &raw mut data,
        size,
        0
    );
    if answer < 0 {
        return Err(errno::get());
    }
    REGISTERED.store(1, Ordering::Release);
    Ok(())
}

/// Maps guard, stack and record of a thread.
fn map(attributes: &Attributes) -> Result<Mapping, Errno> {
    let page = mach::page_size();
    let up = |size: usize| size.checked_next_multiple_of(page);
    let own = attributes.stack_address != 0;
    let guard = if own {
        0
    } else {
        up(attributes.guard_size).unwrap_or(0)
    };
    let stack = if own {
        Some(0)
    } else {
        up(attributes.stack_size)
    };
    let stack = stack
        .and_then(|stack| stack.checked_add(guard))
        .ok_or(Errno::EAGAIN)?;
    let record = up(size_of::<Thread>() + tlv::room()).ok_or(Errno::EAGAIN)?;
    let size = stack.checked_add(record).ok_or(Errno::EAGAIN)?;
    let mut start = 0u64;
    let flags = VM_FLAGS_ANYWHERE | vm_make_tag(VM_MEMORY_STACK);
    // SAFETY: new memory, of which the lowest part is made untouchable before anybody uses it.
    unsafe {
        if mach_vm::map_anonymous(&mut start, size as u64, 0, flags) != 0 {
            return Err(Errno::EAGAIN);
        }
        if guard != 0 {
            mach_vm::mach_vm_protect(mach::mach_task_self(), start, guard as u64, 0, 0);
        }
    }
    Ok(Mapping {
        start: start as usize,
        size,
        stack,
    })
}

fn unmap(start: usize, size: usize) {
    // SAFETY: memory of a thread that is gone or was never there.
    unsafe { mach_vm::mach_vm_deallocate(mach::mach_task_self(), start as u64, size as u64) };
}

fn make(
    attributes: &Attributes,
    function: Function,
    argument: *mut c_void,
) -> Result<*mut Thread, Errno> {
    register()?;
    let mapping = map(attributes)?;
    let record = (mapping.start + mapping.stack) as *mut Thread;
    let top = match attributes.stack_address {
        0 => record as usize,
        own => own & !15,
    };
    let detached = attributes.detach_state == DETACHED;
    // SAFETY: the mapping is new, zero, aligned to pages and large enough for the record and the variables.
    unsafe {
        (*record).signature = SIGNATURE;
        (*record).gate = AtomicU32::new(ALIVE);
        (*record).state = AtomicU32::new(if detached {
            state::DETACHED
        } else {
            state::JOINABLE
        });
        (*record).function = Some(function);
        (*record).argument = argument;
        (*record).mapping = mapping;
        (*record).stack_top = top;
        (*record).stack_size = attributes.stack_size;
        prepare(record);
        (*record).specific[slot::TLV] = tlv::fill(record.add(1).cast());
    }
    COUNT.fetch_add(1, Ordering::Relaxed);
    let saved = errno::get();
    let flags = PTHREAD_START_CUSTOM;
    let entry = function as *const ();
    let answer = unix!(SYS_BSDTHREAD_CREATE, entry, argument, top, record, flags);
    if answer < 0 {
        errno::set(saved);
        COUNT.fetch_sub(1, Ordering::Relaxed);
        unmap(mapping.start, mapping.size);
        return Err(Errno::EAGAIN);
    }
    Ok(record)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    to: *mut *mut Thread,
    attributes: *const Attributes,
    function: Function,
    argument: *mut c_void,
) -> c_int {
    let made =
        Attributes::of(attributes).and_then(|attributes| make(&attributes, function, argument));
    match made {
        Ok(thread) => {
            // SAFETY: the caller's place.
            unsafe { *to = thread };
            0
        }
        Err(error) => error.0,
    }
}

/// Where a thread begins, after its entry instructions.
///
/// # Safety
/// Called by `libsystem_thread_start` alone, on the new thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libsystem_thread_begin(me: *mut Thread) -> ! {
    // SAFETY: `make` filled the record, which is this thread's now.
    let (function, argument) = unsafe { ((*me).function, (*me).argument) };
    let result = function.map_or(null_mut(), |function| function(argument));
    pthread_exit(result)
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_exit(result: *mut c_void) -> ! {
    let me = current();
    // SAFETY: the running thread's own record; handlers were pushed by frames that are still there.
    unsafe {
        while let Some(handler) = (*me).cleanup.as_mut() {
            (*me).cleanup = handler.next;
            (handler.routine)(handler.argument);
        }
        key::destroy(&mut (*me).specific);
        (*me).result = result;
    }
    if COUNT.fetch_sub(1, Ordering::AcqRel) == 1 {
        process::exit(0);
    }
    // SAFETY: as above; after the exchange the record belongs to who joins, if anybody may.
    unsafe {
        let Mapping { start, size, stack } = (*me).mapping;
        let port = (*me).port();
        let gate = &raw const (*me).gate;
        let (old, new) = (state::JOINABLE, state::ENDED);
        let _ = (*me)
            .state
            .compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire);
        let answer = if (*me).state.load(Ordering::Acquire) == state::DETACHED {
            arch::unix(
                abi::syscall::SYS_BSDTHREAD_TERMINATE,
                [start as u64, size as u64, u64::from(port), 0, 0, 0],
            )
        } else {
            arch::unix(
                abi::syscall::SYS_BSDTHREAD_TERMINATE,
                [
                    start as u64,
                    stack as u64,
                    u64::from(port),
                    gate as u64,
                    0,
                    0,
                ],
            )
        };
        let _ = answer;
    }
    arch::trap()
}

/// Waits until a thread has left the kernel for good, and frees its record.
fn bury(thread: &Thread) -> *mut c_void {
    loop {
        let gate = thread.gate.load(Ordering::Acquire);
        if gate & ALIVE == 0 {
            break;
        }
        lock::wait(UL_COMPARE_AND_WAIT, &thread.gate, gate, 0);
    }
    let (result, Mapping { start, size, stack }) = (thread.result, thread.mapping);
    if size != 0 {
        unmap(start + stack, size - stack);
    }
    result
}

/// Takes the right to bury a thread. `EINVAL` if it is detached, or somebody has it.
fn claim(thread: &Thread) -> Result<(), Errno> {
    let claim = |from| {
        thread
            .state
            .compare_exchange(from, state::JOINING, Ordering::AcqRel, Ordering::Acquire)
    };
    match claim(state::JOINABLE).or_else(|_| claim(state::ENDED)) {
        Ok(_) => Ok(()),
        Err(_) => Err(Errno::EINVAL),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_join(other: *mut Thread, to: *mut *mut c_void) -> c_int {
    let claimed = thread(other).and_then(|found| {
        if other == current() {
            return Err(Errno::EDEADLK);
        }
        claim(found).map(|()| found)
    });
    match claimed {
        Ok(found) => {
            let result = bury(found);
            if !to.is_null() {
                // SAFETY: the caller's place.
                unsafe { *to = result };
            }
            0
        }
        Err(error) => error.0,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_detach(other: *mut Thread) -> c_int {
    let found = match thread(other) {
        Ok(found) => found,
        Err(error) => return error.0,
    };
    let (old, new) = (state::JOINABLE, state::DETACHED);
    match found
        .state
        .compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire)
    {
        Ok(_) => 0,
        Err(state::ENDED) => match claim(found) {
            Ok(()) => {
                bury(found);
                0
            }
            Err(error) => error.0,
        },
        Err(_) => Errno::EINVAL.0,
    }
}
