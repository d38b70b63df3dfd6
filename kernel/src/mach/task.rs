//! `task_info`.

use super::{SUCCESS, Trap, fault};
use crate::memory::vm;
use crate::shared::Shared;
use crate::syscall::Call;
use crate::task::Task;
use crate::task::ports::Port;
use crate::user_memory::{Plain, get, put, put_bytes};
use abi::KernReturn;
use abi::proc::{
    MACH_TASK_BASIC_INFO, MachTaskBasicInfo, TASK_EVENTS_INFO, TASK_VM_INFO, TaskEventsInfo,
    TaskVmInfo, TimeValue,
};
use core::sync::atomic::Ordering::Relaxed;

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
        MACH_TASK_BASIC_INFO => give(&basic(&task), info_at, room)?,
        TASK_VM_INFO => give(&memory(&task), info_at, room)?,
        _ => return Err(KernReturn::INVALID_ARGUMENT),
    };
    put(count_at, &given).map_err(fault)?;
    SUCCESS
}

fn give<T: Plain>(record: &T, to: u64, room: u32) -> Result<u32, KernReturn> {
    let words = (size_of::<T>() / 4) as u32;
    if room < words {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    put_bytes(to, record.bytes()).map_err(fault)?;
    Ok(words)
}

fn small(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn events(task: &Shared<Task>) -> TaskEventsInfo {
    let counters = &task.counters;
    TaskEventsInfo {
        faults: small(counters.faults.load(Relaxed)),
        cow_faults: small(task.copies(vm())),
        syscalls_mach: small(counters.mach_calls.load(Relaxed)),
        syscalls_unix: small(counters.unix_calls.load(Relaxed)),
        csw: small(task.thread().map_or(0, |thread| thread.switches())),
        ..TaskEventsInfo::default()
    }
}

fn basic(task: &Shared<Task>) -> MachTaskBasicInfo {
    let page = vm().page_size();
    let time = task.thread().map_or(0, |thread| thread.time());
    MachTaskBasicInfo {
        virtual_size: task.size(vm()).0,
        resident_size: task.resident(vm()) * page,
        resident_size_max: task.counters.peak.load(Relaxed) * page,
        user_time: TimeValue {
            seconds: small(time / crate::clock::SECOND),
            microseconds: small(time % crate::clock::SECOND / 1000),
        },
        policy: 1,
        ..MachTaskBasicInfo::default()
    }
}

fn memory(task: &Shared<Task>) -> TaskVmInfo {
    let page = vm().page_size();
    let (size, entries) = task.size(vm());
    let resident = task.resident(vm()) * page;
    let peak = task.counters.peak.load(Relaxed) * page;
    TaskVmInfo {
        virtual_size: size,
        region_count: small(entries as u64),
        page_size: small(page),
        resident_size: resident,
        resident_size_peak: peak,
        internal: resident,
        internal_peak: peak,
        phys_footprint: resident,
        ..TaskVmInfo::default()
    }
}
