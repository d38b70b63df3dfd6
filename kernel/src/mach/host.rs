//! The host: statistics, zones, time, the audit.

use super::{SUCCESS, Trap, check_host, fault};
use crate::memory::vm;
use crate::sched::queues::{Interruptible, WaitResult};
use crate::sched::{run, stack, turn};
use crate::syscall::Call;
use crate::user_memory::{Plain, get, put, put_bytes};
use abi::KernReturn;
use abi::host_info::*;
use abi::region::{HOST_VM_INFO64, HOST_VM_INFO64_COUNT, VmStatistics64, ZONE_NAME_LEN, ZoneInfo};

/// How often an audit is made before a difference is believed.
const AUDITS: u32 = 4;
/// Words of the first revision of `vm_statistics64`.
const REVISION_0_WORDS: u32 = 24;
/// The most bytes of memory that the 32-bit field tells.
const MOST_MEMORY_SIZE: u32 = 1 << 31;
const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
/// Bytes of a zone's record.
const ZONE_BYTES: u64 = size_of::<ZoneInfo>() as u64;

/// `swtch_pri`, `thread_switch`: the others run first.
pub fn yield_now(_: &mut Call<'_>) -> Trap {
    run::yield_now();
    SUCCESS
}

/// Which CPU runs the caller. It may be another one by the time the caller hears of it.
pub fn cpu_number(_: &mut Call<'_>) -> Trap {
    Ok(sync::NoPreempt::<crate::platform::Machine>::new().cpu() as u32)
}

/// `mach_timebase_info(*{numerator, denominator})`.
pub fn timebase_info(call: &mut Call<'_>) -> Trap {
    let (numerator, denominator) = arch::timer::timebase();
    put(call.args[0], &[numerator, denominator]).map_err(fault)?;
    SUCCESS
}

/// `mach_wait_until(deadline)`, in units of the counter that programs read.
pub fn wait_until(call: &mut Call<'_>) -> Trap {
    let (numerator, denominator) = arch::timer::timebase();
    let left = call.args[0].saturating_sub(arch::cpu::cycle_count());
    let left = u128::from(left) * u128::from(numerator) / u128::from(denominator.max(1));
    let left = u64::try_from(left).unwrap_or(u64::MAX);
    let deadline = arch::timer::now().saturating_add(left);
    let event = core::ptr::from_ref(call.thread) as usize + 2;
    match run::wait(event, (), Some(deadline), Interruptible::Yes) {
        WaitResult::Interrupted => Err(KernReturn::ABORTED),
        WaitResult::TimedOut | WaitResult::Woken => SUCCESS,
    }
}

/// `host_statistics64(host, flavor, *info, *count)`. Never rate-limited.
pub fn statistics(call: &mut Call<'_>) -> Trap {
    let [host, flavor, info_at, count_at, ..] = call.args;
    check_host(host)?;
    let room: u32 = get(count_at).map_err(fault)?;
    let statistics = vm().statistics();
    match flavor as i32 {
        HOST_VM_INFO64 => {
            let lengths = [REVISION_0_WORDS, HOST_VM_INFO64_COUNT];
            give(&statistics, &lengths, info_at, count_at, room)
        }
        HOST_VM_INFO => {
            let older = in_words(&statistics);
            give(&older, &HOST_VM_INFO_REVISIONS, info_at, count_at, room)
        }
        _ => Err(KernReturn::INVALID_ARGUMENT),
    }
}

fn in_words(statistics: &VmStatistics64) -> VmStatistics {
    VmStatistics {
        free_count: statistics.free_count,
        active_count: statistics.active_count,
        inactive_count: statistics.inactive_count,
        wire_count: statistics.wire_count,
        zero_fill_count: statistics.zero_fill_count as u32,
        reactivations: statistics.reactivations as u32,
        pageins: statistics.pageins as u32,
        pageouts: statistics.pageouts as u32,
        faults: statistics.faults as u32,
        cow_faults: statistics.cow_faults as u32,
        lookups: statistics.lookups as u32,
        hits: statistics.hits as u32,
        purgeable_count: statistics.purgeable_count,
        purges: statistics.purges as u32,
        speculative_count: statistics.speculative_count,
    }
}

/// Gives the latest revision that there is room for, and its length in words; `FAILURE` if there is
/// not even room for the first.
fn give<T: Plain>(record: &T, lengths: &[u32], info_at: u64, count_at: u64, room: u32) -> Trap {
    let fits = lengths.iter().rev().find(|&&words| words <= room);
    let words = *fits.ok_or(KernReturn::FAILURE)?;
    put_bytes(info_at, &record.bytes()[..words as usize * 4]).map_err(fault)?;
    put(count_at, &words).map_err(fault)?;
    SUCCESS
}

/// `host_info(host, flavor, *info, *count)`.
pub fn info(call: &mut Call<'_>) -> Trap {
    let [host, flavor, info_at, count_at, ..] = call.args;
    check_host(host)?;
    let room: u32 = get(count_at).map_err(fault)?;
    match flavor as i32 {
        HOST_BASIC_INFO => {
            let lengths = [HOST_BASIC_INFO_OLD_COUNT, (size_of::<HostBasicInfo>() / 4) as u32];
            give(&basic(), &lengths, info_at, count_at, room)
        }
        HOST_SCHED_INFO => {
            let milliseconds = (turn::TURN / NANOSECONDS_PER_MILLISECOND) as u32;
            give(&[milliseconds; 2], &[2], info_at, count_at, room)
        }
        HOST_RESOURCE_SIZES => give(&[0u32; 5], &[5], info_at, count_at, room),
        HOST_PREFERRED_USER_ARCH => {
            let (kind, subtype) = (arch::cpu::MACHO_CPU_TYPE, arch::cpu::MACHO_CPU_SUBTYPE);
            give(&[kind, subtype], &[2], info_at, count_at, room)
        }
        // The host has these traps or has them not; it is the code that says so.
        HOST_SEMAPHORE_TRAPS | HOST_MACH_MSG_TRAP => {
            put(count_at, &0u32).map_err(fault)?;
            SUCCESS
        }
        _ => Err(KernReturn::INVALID_ARGUMENT),
    }
}

fn basic() -> HostBasicInfo {
    let memory = crate::memory::ram_bytes();
    let cpus = run::cpu_count() as i32;
    HostBasicInfo {
        max_cpus: cpus,
        avail_cpus: cpus,
        memory_size: u32::try_from(memory).unwrap_or(u32::MAX).min(MOST_MEMORY_SIZE),
        cpu_type: arch::cpu::MACHO_CPU_TYPE,
        cpu_subtype: arch::cpu::MACHO_CPU_SUBTYPE,
        cpu_threadtype: 0,
        physical_cpu: cpus,
        physical_cpu_max: cpus,
        logical_cpu: cpus,
        logical_cpu_max: cpus,
        max_mem: memory,
    }
}

/// `host_page_size(host, *size)`.
pub fn page_size(call: &mut Call<'_>) -> Trap {
    check_host(call.args[0])?;
    put(call.args[1], &vm().page_size()).map_err(fault)?;
    SUCCESS
}

/// `mach_zone_info(host, *names, *info, *count)`: at most `count` zones; answers how many there are.
pub fn zone_info(call: &mut Call<'_>) -> Trap {
    let [host, names_at, info_at, count_at, ..] = call.args;
    check_host(host)?;
    let room: u32 = get(count_at).map_err(fault)?;
    let count = give_zones(names_at, info_at, room)?;
    put(count_at, &count).map_err(fault)?;
    if count > room { Err(KernReturn::NO_SPACE) } else { SUCCESS }
}

/// Writes at most `room` zones; answers how many there are.
fn give_zones(names_at: u64, info_at: u64, room: u32) -> Result<u32, KernReturn> {
    let mut count = 0u32;
    for (name, info) in vm().zones() {
        if count < room {
            let mut text = [0; ZONE_NAME_LEN];
            let length = name.len().min(ZONE_NAME_LEN - 1);
            text[..length].copy_from_slice(&name.as_bytes()[..length]);
            let (name_at, record_at) = (u64::from(count) * ZONE_NAME_LEN as u64, u64::from(count) * ZONE_BYTES);
            put_bytes(names_at.wrapping_add(name_at), &text).map_err(fault)?;
            put(info_at.wrapping_add(record_at), &info).map_err(fault)?;
        }
        count += 1;
    }
    Ok(count)
}

/// `mach_zone_force_gc(host)`: what zones keep and do not need goes back.
pub fn zone_force_gc(call: &mut Call<'_>) -> Trap {
    check_host(call.args[0])?;
    vm().zone_registry().gc(vm().frames());
    SUCCESS
}

/// `mach_memory_info(host, *names, *zones, *zone_count, *memory, *memory_count)`: zones as
/// `mach_zone_info`, and what the kernel has by counter and tag. Root only.
pub fn memory_info(call: &mut Call<'_>) -> Trap {
    let [host, names_at, info_at, count_at, memory_at, memory_count_at, ..] = call.args;
    check_host(host)?;
    if !call.task.is_root() {
        return Err(KernReturn::NO_ACCESS);
    }
    let zone_room: u32 = get(count_at).map_err(fault)?;
    let room: u32 = get(memory_count_at).map_err(fault)?;
    let zones = give_zones(names_at, info_at, zone_room)?;
    let records = memory_records();
    for (record, at) in records.iter().take(room as usize).zip(0u64..) {
        let to = memory_at.wrapping_add(at * size_of::<MemoryInfo>() as u64);
        put(to, record).map_err(fault)?;
    }
    let count = records.len() as u32;
    put(count_at, &zones).map_err(fault)?;
    put(memory_count_at, &count).map_err(fault)?;
    if zones > zone_room || count > room { Err(KernReturn::NO_SPACE) } else { SUCCESS }
}

fn memory_records() -> [MemoryInfo; 6] {
    let page = vm().page_size();
    let managed = vm().total_pages().0 * page;
    let wired = u64::from(vm().statistics().wire_count) * page;
    let (mut zones, mut zones_used, mut collectable) = (0, 0, 0);
    for (_, info) in vm().zones() {
        zones += info.cur_size;
        zones_used += info.count * info.elem_size;
        collectable += info.collectable >> 1;
    }
    let kernel = vm().kernel_map().map_or(0, |map| map.size());
    let counter = |site, size| MemoryInfo {
        flags: VM_KERN_SITE_COUNTER | VM_KERN_SITE_WIRED,
        site,
        size,
        ..MemoryInfo::default()
    };
    [
        counter(VM_KERN_COUNT_MANAGED, managed),
        counter(VM_KERN_COUNT_WIRED, wired),
        counter(VM_KERN_COUNT_STOLEN, crate::memory::ram_bytes().saturating_sub(managed)),
        counter(VM_KERN_COUNT_MAP_KERNEL, kernel),
        counter(VM_KERN_COUNT_MAP_ZONE, zones),
        MemoryInfo {
            flags: VM_KERN_SITE_TAG | VM_KERN_SITE_WIRED,
            site: u64::from(VM_KERN_MEMORY_ZONE),
            size: zones,
            free: zones.saturating_sub(zones_used),
            collectable_bytes: collectable,
            mapped: zones,
            tag: VM_KERN_MEMORY_ZONE,
            ..MemoryInfo::default()
        },
    ]
}

/// `audit(*report)`: five words: maps, entries, objects, pages, mappings. `FAILURE` and a line in the
/// log if something does not add up. Root only.
pub fn audit(call: &mut Call<'_>) -> Trap {
    if !call.task.is_root() {
        return Err(KernReturn::NO_ACCESS);
    }
    // How many stacks wait for their next thread says how many threads there were at once, no more.
    stack::drain();
    // Somebody may have been stopped in the middle of something; it is over the next time. To yield would
    // not do: who has sunk to a lower priority runs only while we sleep.
    let mut report = vm().audit();
    for _ in 1..AUDITS {
        if report.is_ok() {
            break;
        }
        let event = core::ptr::from_ref(call.thread) as usize + 2;
        let until = arch::timer::now().saturating_add(turn::TURN);
        run::wait(event, (), Some(until), Interruptible::No);
        report = vm().audit();
    }
    match report {
        Ok(report) => {
            let words = [report.maps, report.entries, report.objects, report.pages, report.mappings];
            if call.args[0] != 0 {
                for (index, word) in words.iter().enumerate() {
                    put(call.args[0] + index as u64 * 8, word).map_err(fault)?;
                }
            }
            SUCCESS
        }
        Err(error) => {
            crate::log!("audit: {} (at {:#x})", error.what, error.place);
            Err(KernReturn::FAILURE)
        }
    }
}
