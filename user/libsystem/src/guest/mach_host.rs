//! mach/mach_host.h: figures of the host.
//!
//! Owns: the C names, and the new memory that the calls with lists of variable length answer in.
//! Does not own: the figures (the kernel's).

use crate::mach::{Port, mach_host_self, mach_task_self};
use crate::mach_vm::{mach_vm_allocate, mach_vm_deallocate, trap};
use abi::KernReturn;
use abi::host_info::MemoryInfo;
use abi::region::{HOST_VM_INFO64, VmStatistics64, ZONE_NAME_LEN, ZoneInfo};
use abi::vm_flags::VM_FLAGS_ANYWHERE;
use core::ffi::{c_char, c_int, c_uint};

/// Zones and records asked for at first; the kernel says if there are more.
const FIRST: c_uint = 128;

trap! {
    host_page_size => HOST_PAGE_SIZE(host: Port, size: *mut usize);
    host_info => HOST_INFO(host: Port, flavor: c_int, info: *mut c_int, count: *mut c_uint);
    host_statistics => HOST_STATISTICS64(host: Port, flavor: c_int, info: *mut c_int, count: *mut c_uint);
    host_statistics64 => HOST_STATISTICS64(host: Port, flavor: c_int, info: *mut c_int, count: *mut c_uint);
    host_priv_statistics => HOST_STATISTICS64(host: Port, flavor: c_int, info: *mut c_int, count: *mut c_uint);
    mach_zone_force_gc => MACH_ZONE_FORCE_GC(host: Port);
    // Fills `count` names of 80 bytes and records; answers in `count` how many there are.
    vellum_zone_info => MACH_ZONE_INFO(
        host: Port, names: *mut c_char, info: *mut ZoneInfo, count: *mut c_uint,
    );
    // An entry, the objects of its chain and their pages; `size` is the room and the answer's bytes.
    vellum_vm_objects => VM_OBJECTS(
        task: Port, address: *mut u64, depth: *mut c_uint, bytes: *mut u8, size: *mut u64,
    );
    // Recounts every page and reference of the system; root only.
    vellum_audit => AUDIT(report: *mut u64);
}

/// The system's memory figures.
pub fn vm_statistics() -> Result<VmStatistics64, KernReturn> {
    let mut statistics = VmStatistics64::default();
    let mut count = abi::region::HOST_VM_INFO64_COUNT;
    let record = (&raw mut statistics).cast();
    // SAFETY: the record has `count` words.
    let code = unsafe { host_statistics64(mach_host_self(), HOST_VM_INFO64, record, &mut count) };
    KernReturn(code).ok().map(|()| statistics)
}

/// New memory that becomes the caller's with the answer.
struct List {
    address: u64,
    bytes: u64,
}

impl List {
    /// Room for `count` records of `bytes` bytes.
    fn new(count: c_uint, bytes: usize) -> Result<Self, KernReturn> {
        let bytes = u64::from(count) * bytes as u64;
        let mut address = 0;
        let flags = VM_FLAGS_ANYWHERE as c_int;
        // SAFETY: memory is only added.
        let code = unsafe { mach_vm_allocate(mach_task_self(), &mut address, bytes, flags) };
        KernReturn(code).ok().map(|()| Self { address, bytes })
    }

    /// Hands it over.
    fn give(self) -> u64 {
        let address = self.address;
        core::mem::forget(self);
        address
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the memory is this value's alone.
        unsafe { mach_vm_deallocate(mach_task_self(), self.address, self.bytes) };
    }
}

/// Calls `ask` with room for more and more until the answer fits. `counts`: room on entry, how many
/// there are on return.
fn ask<const N: usize>(
    sizes: [usize; N],
    kinds: [usize; N],
    counts: &mut [c_uint; 2],
    ask: impl Fn(&[u64; N], &mut [c_uint; 2]) -> KernReturn,
) -> Result<[u64; N], KernReturn> {
    *counts = [FIRST; 2];
    loop {
        let mut lists: [Option<List>; N] = [const { None }; N];
        for ((list, size), kind) in lists.iter_mut().zip(sizes).zip(kinds) {
            *list = Some(List::new(counts[kind], size)?);
        }
        let mut addresses = [0; N];
        for (address, list) in addresses.iter_mut().zip(&lists) {
            *address = list.as_ref().map_or(0, |list| list.address);
        }
        match ask(&addresses, counts) {
            KernReturn::SUCCESS => {
                for list in lists.into_iter().flatten() {
                    list.give();
                }
                return Ok(addresses);
            }
            KernReturn::NO_SPACE => counts
                .iter_mut()
                .for_each(|count| *count = count.saturating_add(16)),
            code => return Err(code),
        }
    }
}

/// Bytes of a name, a zone, a record of memory.
const NAME: usize = ZONE_NAME_LEN;
const ZONE: usize = size_of::<ZoneInfo>();
const MEMORY: usize = size_of::<MemoryInfo>();

/// The lists are the caller's to deallocate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_zone_info(
    host: Port,
    names: *mut *mut c_char,
    names_count: *mut c_uint,
    info: *mut *mut ZoneInfo,
    info_count: *mut c_uint,
) -> c_int {
    let mut counts = [0; 2];
    let lists = ask([NAME, ZONE], [0, 0], &mut counts, |to, counts| {
        KernReturn(mach!(
            MACH_ZONE_INFO,
            host,
            to[0],
            to[1],
            &raw mut counts[0]
        ))
    });
    match lists {
        // SAFETY: the caller's places.
        Ok(lists) => unsafe {
            (*names, *info) = (lists[0] as *mut c_char, lists[1] as *mut ZoneInfo);
            (*names_count, *info_count) = (counts[0], counts[0]);
            KernReturn::SUCCESS.0
        },
        Err(code) => code.0,
    }
}

/// The lists are the caller's to deallocate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_memory_info(
    host: Port,
    names: *mut *mut c_char,
    names_count: *mut c_uint,
    info: *mut *mut ZoneInfo,
    info_count: *mut c_uint,
    memory: *mut *mut MemoryInfo,
    memory_count: *mut c_uint,
) -> c_int {
    let mut counts = [0; 2];
    let lists = ask(
        [NAME, ZONE, MEMORY],
        [0, 0, 1],
        &mut counts,
        |to, counts| {
            let [zones, records] = counts;
            KernReturn(mach!(
                MACH_MEMORY_INFO,
                host,
                to[0],
                to[1],
                &raw mut *zones,
                to[2],
                &raw mut *records
            ))
        },
    );
    match lists {
        // SAFETY: the caller's places.
        Ok(lists) => unsafe {
            (*names, *info) = (lists[0] as *mut c_char, lists[1] as *mut ZoneInfo);
            *memory = lists[2] as *mut MemoryInfo;
            (*names_count, *info_count, *memory_count) = (counts[0], counts[0], counts[1]);
            KernReturn::SUCCESS.0
        },
        Err(code) => code.0,
    }
}

/// `mach_zone_name_t`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ZoneName([c_char; NAME]);

impl ZoneName {
    /// The name up to its NUL.
    fn text(&self) -> &[c_char] {
        let end = self.0.iter().position(|letter| *letter == 0);
        self.0.get(..end.unwrap_or(NAME)).unwrap_or(&self.0)
    }
}

/// Calls `look` with the zones' names and records.
fn with_zones<R>(
    host: Port,
    look: impl FnOnce(&[ZoneName], &[ZoneInfo]) -> R,
) -> Result<R, KernReturn> {
    let (mut names, mut info) = (core::ptr::null_mut(), core::ptr::null_mut());
    let (mut count, mut same) = (0, 0);
    // SAFETY: places of our own; the lists are ours with the answer.
    let code = unsafe { mach_zone_info(host, &mut names, &mut count, &mut info, &mut same) };
    KernReturn(code).ok()?;
    let length = count as usize;
    // SAFETY: that many names and records were written there.
    let (all, records) = unsafe {
        let all = core::slice::from_raw_parts(names.cast::<ZoneName>(), length);
        (all, core::slice::from_raw_parts(info, length))
    };
    let answer = look(all, records);
    for (address, bytes) in [(names.addr(), NAME), (info.addr(), ZONE)] {
        let size = FIRST.max(count) as usize * bytes;
        // SAFETY: the lists are ours, and nobody looks at them any more.
        unsafe { mach_vm_deallocate(mach_task_self(), address as u64, size as u64) };
    }
    Ok(answer)
}

/// One zone by its name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_zone_info_for_zone(
    host: Port,
    name: ZoneName,
    info: *mut ZoneInfo,
) -> c_int {
    let found = with_zones(host, |names, records| {
        let mut zones = names.iter().zip(records);
        let found = zones.find(|(other, _)| other.text() == name.text());
        found.map(|(_, record)| *record)
    });
    match found {
        Ok(Some(record)) => {
            // SAFETY: the caller's place.
            unsafe { *info = record };
            KernReturn::SUCCESS.0
        }
        Ok(None) => KernReturn::INVALID_ARGUMENT.0,
        Err(code) => code.0,
    }
}

/// The zone that has the most memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_zone_info_for_largest_zone(
    host: Port,
    name: *mut ZoneName,
    info: *mut ZoneInfo,
) -> c_int {
    let found = with_zones(host, |names, records| {
        let zones = names.iter().zip(records);
        let largest = zones.max_by_key(|(_, record)| record.cur_size);
        largest.map(|(name, record)| (*name, *record))
    });
    match found {
        Ok(Some(found)) => {
            // SAFETY: the caller's places.
            unsafe { (*name, *info) = found };
            KernReturn::SUCCESS.0
        }
        Ok(None) => KernReturn::FAILURE.0,
        Err(code) => code.0,
    }
}

/// No zone keeps a log of its elements.
fn no_log(host: Port) -> c_int {
    if host == mach_host_self() {
        KernReturn::NOT_SUPPORTED.0
    } else {
        KernReturn::INVALID_HOST.0
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_zone_get_zlog_zones(
    host: Port,
    _names: *mut *mut ZoneName,
    _count: *mut c_uint,
) -> c_int {
    no_log(host)
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_zone_get_btlog_records(
    host: Port,
    _name: ZoneName,
    _records: *mut *mut u8,
    _count: *mut c_uint,
) -> c_int {
    no_log(host)
}
