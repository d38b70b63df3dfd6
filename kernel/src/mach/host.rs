//! The host: statistics, zones, time, the audit.

use super::{SUCCESS, Trap, check_host, fault};
use crate::memory::vm;
use crate::sched::queues::{Interruptible, WaitResult};
use crate::sched::run;
use crate::syscall::Call;
use crate::user_memory::{Plain, get, put, put_bytes};
use abi::KernReturn;
use abi::region::{HOST_VM_INFO64, HOST_VM_INFO64_COUNT, ZONE_NAME_LEN, ZoneInfo};

/// How often an audit is made before a difference is believed.
const AUDITS: u32 = 4;
/// Words of the first revision of `vm_statistics64`.
const REVISION_0_WORDS: u32 = 24;
/// `HOST_BASIC_INFO`.
const HOST_BASIC_INFO: i32 = 1;
/// Words of `host_basic_info`.
const BASIC_WORDS: u32 = 12;

/// `swtch_pri`, `thread_switch`: the others run first.
pub fn yield_now(_: &mut Call<'_>) -> Trap {
    run::yield_now();
    SUCCESS
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
    if flavor as i32 != HOST_VM_INFO64 {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let room: u32 = get(count_at).map_err(fault)?;
    if room < REVISION_0_WORDS {
        return Err(KernReturn::FAILURE);
    }
    let given = if room < HOST_VM_INFO64_COUNT { REVISION_0_WORDS } else { HOST_VM_INFO64_COUNT };
    let statistics = vm().statistics();
    put_bytes(info_at, &statistics.bytes()[..given as usize * 4]).map_err(fault)?;
    put(count_at, &given).map_err(fault)?;
    SUCCESS
}

/// `host_info(host, HOST_BASIC_INFO, *info, *count)`.
pub fn info(call: &mut Call<'_>) -> Trap {
    let [host, flavor, info_at, count_at, ..] = call.args;
    check_host(host)?;
    let room: u32 = get(count_at).map_err(fault)?;
    if flavor as i32 != HOST_BASIC_INFO || room < BASIC_WORDS {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let memory = crate::memory::ram_bytes();
    let small = u32::try_from(memory).unwrap_or(u32::MAX);
    let cpu = arch::cpu::MACHO_CPU_TYPE;
    // max_cpus, avail_cpus, memory_size, cpu_type, cpu_subtype, cpu_threadtype, physical and logical
    // counts and their maxima, max_mem.
    let words: [u32; 10] = [1, 1, small, cpu, 3, 0, 1, 1, 1, 1];
    for (index, word) in words.iter().enumerate() {
        put(info_at + index as u64 * 4, word).map_err(fault)?;
    }
    put(info_at + 40, &memory).map_err(fault)?;
    put(count_at, &BASIC_WORDS).map_err(fault)?;
    SUCCESS
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
    let mut count = 0u32;
    for (name, info) in vm().zones() {
        if count < room {
            let mut text = [0; ZONE_NAME_LEN];
            let length = name.len().min(ZONE_NAME_LEN - 1);
            text[..length].copy_from_slice(&name.as_bytes()[..length]);
            put_bytes(names_at + u64::from(count) * ZONE_NAME_LEN as u64, &text).map_err(fault)?;
            put(info_at + u64::from(count) * size_of::<ZoneInfo>() as u64, &info).map_err(fault)?;
        }
        count += 1;
    }
    put(count_at, &count).map_err(fault)?;
    if count > room { Err(KernReturn::NO_SPACE) } else { SUCCESS }
}

/// `audit(*report)`: five words: maps, entries, objects, pages, mappings. `FAILURE` and a line in the
/// log if something does not add up.
pub fn audit(call: &mut Call<'_>) -> Trap {
    // Others may run in the middle of it; what they were doing is over the next time.
    let mut report = vm().audit();
    for _ in 1..AUDITS {
        if report.is_ok() {
            break;
        }
        run::yield_now();
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
