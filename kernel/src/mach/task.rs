//! `task_info` and the small calls about a task.
//!
//! Owns: the records of `task_info` and their revisions. Does not own: the figures (`task`, `vm`).

use super::{SUCCESS, Trap, fault, with_map};
use crate::memory::vm;
use crate::shared::Shared;
use crate::syscall::Call;
use crate::task::Task;
use crate::task::task::Weight;
use crate::task::ports::Port;
use crate::user_memory::{Plain, get, put, put_bytes};
use abi::KernReturn;
use abi::proc::TimeValue;
use abi::task_info::*;
use vm::{Account, Charged, LEDGER_TAGS, LedgerTag, Pages, VolatileMemory};

/// `POLICY_TIMESHARE`.
const TIMESHARE: i32 = 1;

/// `task_info(task, flavor, *info, *count)`.
pub fn task_info(call: &mut Call<'_>) -> Trap {
    let [name, flavor, info_at, count_at, ..] = call.args;
    let port = call.task.ports.lock().lookup(name as u32);
    let task = match port {
        Some(Port::OwnTask) => call.task.clone(),
        Some(Port::Task(task)) => task,
        _ => return Err(KernReturn::INVALID_ARGUMENT),
    };
    let room: u32 = get(count_at).map_err(fault)?;
    let given = match flavor as u32 {
        TASK_EVENTS_INFO => give(&events(&task), info_at, room)?,
        TASK_THREAD_TIMES_INFO => give(&times(&task), info_at, room)?,
        TASK_BASIC_INFO_32 => give(&basic_32(&basic(&task), Resident::Now), info_at, room)?,
        TASK_BASIC2_INFO_32 => give(&basic_32(&basic(&task), Resident::Most), info_at, room)?,
        TASK_BASIC_INFO_64 | TASK_BASIC_INFO_64_2 => give(&basic_64(&basic(&task)), info_at, room)?,
        MACH_TASK_BASIC_INFO => give(&basic(&task), info_at, room)?,
        TASK_VM_INFO => give_revision(&memory(&task), &TASK_VM_INFO_REVISIONS, info_at, room)?,
        TASK_VM_INFO_PURGEABLE => {
            let info = with_volatile(memory(&task), task.volatile_memory(vm()));
            give_revision(&info, &TASK_VM_INFO_REVISIONS, info_at, room)?
        }
        TASK_VM_INFO_PURGEABLE_ACCOUNT => return Err(KernReturn::NOT_SUPPORTED),
        _ => return Err(KernReturn::INVALID_ARGUMENT),
    };
    put(count_at, &given).map_err(fault)?;
    SUCCESS
}

fn give<T: Plain>(record: &T, to: u64, room: u32) -> Result<u32, KernReturn> {
    let words = (size_of::<T>() / 4) as u32;
    give_revision(record, &[words], to, room)
}

/// Gives the latest revision that there is room for: `revisions` are their lengths in words, the
/// shortest first.
fn give_revision<T: Plain>(record: &T, revisions: &[u32], to: u64, room: u32) -> Result<u32, KernReturn> {
    let fits = revisions.iter().rev().find(|&&words| words <= room);
    let words = *fits.ok_or(KernReturn::INVALID_ARGUMENT)?;
    put_bytes(to, &record.bytes()[..words as usize * 4]).map_err(fault)?;
    Ok(words)
}

fn small(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn events(task: &Shared<Task>) -> TaskEventsInfo {
    let usage = task.threads.usage();
    TaskEventsInfo {
        faults: small(usage.faults),
        cow_faults: small(task.copies(vm())),
        syscalls_mach: small(usage.mach_calls),
        syscalls_unix: small(usage.unix_calls),
        csw: small(usage.switches),
        ..TaskEventsInfo::default()
    }
}

fn user_time(task: &Shared<Task>) -> TimeValue {
    let time = task.threads.usage().time;
    TimeValue {
        seconds: small(time / crate::clock::SECOND),
        microseconds: small(time % crate::clock::SECOND / 1000),
    }
}

/// Processor time is not split: all of it counts as the program's.
fn times(task: &Shared<Task>) -> TaskThreadTimesInfo {
    TaskThreadTimesInfo {
        user_time: user_time(task),
        system_time: TimeValue::default(),
    }
}

fn basic(task: &Shared<Task>) -> MachTaskBasicInfo {
    let page = vm().page_size();
    let weight = task.weight(vm());
    MachTaskBasicInfo {
        virtual_size: task.size(vm()).0,
        resident_size: weight.residence.total().0 * page,
        resident_size_max: weight.peaks.resident.0 * page,
        user_time: user_time(task),
        policy: TIMESHARE,
        ..MachTaskBasicInfo::default()
    }
}

/// Which resident size a record shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resident {
    Now,
    Most,
}

fn basic_32(info: &MachTaskBasicInfo, resident: Resident) -> TaskBasicInfo32 {
    let resident = match resident {
        Resident::Now => info.resident_size,
        Resident::Most => info.resident_size_max,
    };
    TaskBasicInfo32 {
        suspend_count: info.suspend_count,
        virtual_size: info.virtual_size as u32,
        resident_size: resident as u32,
        user_time: info.user_time,
        system_time: info.system_time,
        policy: info.policy,
    }
}

fn basic_64(info: &MachTaskBasicInfo) -> TaskBasicInfo64 {
    TaskBasicInfo64 {
        suspend_count: info.suspend_count,
        virtual_size: info.virtual_size,
        resident_size: info.resident_size,
        user_time: info.user_time,
        system_time: info.system_time,
        policy: info.policy,
    }
}

fn memory(task: &Shared<Task>) -> TaskVmInfo {
    let page = vm().page_size();
    let (size, entries) = task.size(vm());
    let limits = task.limits(vm());
    let Weight {
        residence,
        peaks,
        footprint,
        charged,
    } = task.weight(vm());
    let bytes = |pages: Pages| pages.0 * page;
    TaskVmInfo {
        virtual_size: size,
        region_count: small(entries as u64),
        page_size: small(page),
        resident_size: bytes(residence.total()),
        resident_size_peak: bytes(peaks.resident),
        internal: bytes(residence.internal()),
        internal_peak: bytes(peaks.internal),
        external: bytes(residence.of(Account::External)),
        external_peak: bytes(peaks.external),
        reusable: bytes(residence.of(Account::Reusable)),
        reusable_peak: bytes(peaks.reusable),
        phys_footprint: bytes(footprint),
        min_address: limits.start.0,
        max_address: limits.end.0,
        ledger_phys_footprint_peak: i64::try_from(bytes(peaks.footprint)).unwrap_or(i64::MAX),
        ledgers: ledgers(&charged),
        ..TaskVmInfo::default()
    }
}

fn with_volatile(info: TaskVmInfo, found: VolatileMemory) -> TaskVmInfo {
    let page = vm().page_size();
    TaskVmInfo {
        purgeable_volatile_pmap: found.mapped.0 * page,
        purgeable_volatile_resident: found.resident.0 * page,
        purgeable_volatile_virtual: found.virtual_size,
        ..info
    }
}

/// What a task is charged for purgeable memory: pairs of bytes and of bytes that are compressed, of which
/// there are none. Media, graphics and neural memory that is volatile counts as without footprint.
fn ledgers(charged: &[Charged; LEDGER_TAGS]) -> [i64; 20] {
    let page = vm().page_size();
    let mut ledgers = [0; 20];
    let kinds = [LedgerTag::None, LedgerTag::Network, LedgerTag::Media, LedgerTag::Graphics, LedgerTag::Neural];
    for (four, tag) in ledgers.chunks_mut(4).zip(kinds) {
        let Charged { nonvolatile, volatile } = charged[tag as usize];
        four[0] = i64::try_from(nonvolatile.0 * page).unwrap_or(i64::MAX);
        four[2] = i64::try_from(volatile.0 * page).unwrap_or(i64::MAX);
    }
    ledgers
}

/// `task_wire(target, must_wire)`: no map is wired as a whole.
pub fn wire(call: &mut Call<'_>) -> Trap {
    with_map(call, call.args[0], |_| Err(KernReturn::NOT_SUPPORTED))
}

/// `mach_vm_deferred_reclamation_buffer_allocate(target, *address, *period, length, most)`: there is no
/// deferred reclamation, and it is refused after the arguments that come first have been judged.
pub fn reclaim_allocate(call: &mut Call<'_>) -> Trap {
    let [target, _, _, length, most, ..] = call.args;
    let (length, most) = (length as u32, most as u32);
    with_map(call, target, |map| {
        if !call.task.own_map().is_some_and(|own| core::ptr::eq(own, map)) {
            return Err(KernReturn::INVALID_TASK);
        }
        if length == 0 || most == 0 || most < length {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        Err(KernReturn::VM_RECLAIM_NOT_SUPPORTED)
    })
}

/// `mach_vm_deferred_reclamation_buffer_flush`, `_update_reclaimable_bytes` and `_resize`: there is no such
/// buffer.
pub fn reclaim(call: &mut Call<'_>) -> Trap {
    with_map(call, call.args[0], |map| {
        if !call.task.own_map().is_some_and(|own| core::ptr::eq(own, map)) {
            return Err(KernReturn::INVALID_TASK);
        }
        Err(KernReturn::VM_RECLAIM_NOT_SUPPORTED)
    })
}

/// `mach_vm_range_create(target, flavor, *recipes, bytes)`: only for the caller itself, and no map here
/// keeps ranges apart for kinds of memory.
pub fn range_create(call: &mut Call<'_>) -> Trap {
    with_map(call, call.args[0], |map| {
        if !call.task.own_map().is_some_and(|own| core::ptr::eq(own, map)) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        Err(KernReturn::NOT_SUPPORTED)
    })
}
