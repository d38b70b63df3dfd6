//! `task_info`: flavors and records, laid out as Darwin's headers have them (packed to 4 bytes).

use crate::proc::TimeValue;

/// [`TaskEventsInfo`].
pub const TASK_EVENTS_INFO: u32 = 2;
/// [`TaskThreadTimesInfo`].
pub const TASK_THREAD_TIMES_INFO: u32 = 3;
/// [`TaskBasicInfo32`].
pub const TASK_BASIC_INFO_32: u32 = 4;
/// [`TaskBasicInfo64`]; what programs for x86_64 call `TASK_BASIC_INFO`.
pub const TASK_BASIC_INFO_64: u32 = 5;
/// [`TaskBasicInfo32`], with the most ever resident instead of what is resident now.
pub const TASK_BASIC2_INFO_32: u32 = 6;
/// [`TaskBasicInfo64`]; what programs for arm64 call `TASK_BASIC_INFO`.
pub const TASK_BASIC_INFO_64_2: u32 = 18;
/// [`MachTaskBasicInfo`].
pub const MACH_TASK_BASIC_INFO: u32 = 20;
/// [`TaskVmInfo`], as much of it as the caller has room for.
pub const TASK_VM_INFO: u32 = 22;

/// The same, with the volatile memory that is looked for.
pub const TASK_VM_INFO_PURGEABLE: u32 = 23;
/// What tests of a development kernel ask for.
pub const TASK_VM_INFO_PURGEABLE_ACCOUNT: u32 = 27;

/// Words of each revision of [`TaskVmInfo`], the first one first.
pub const TASK_VM_INFO_REVISIONS: [u32; 8] = [36, 38, 42, 84, 86, 87, 89, 93];

/// `struct task_events_info`.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct TaskEventsInfo {
    /// Faults.
    pub faults: i32,
    /// Pageins.
    pub pageins: i32,
    /// Copies on write.
    pub cow_faults: i32,
    /// Messages sent.
    pub messages_sent: i32,
    /// Messages received.
    pub messages_received: i32,
    /// Mach traps.
    pub syscalls_mach: i32,
    /// BSD calls.
    pub syscalls_unix: i32,
    /// Context switches.
    pub csw: i32,
}

/// `struct task_thread_times_info`: of the threads that live.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct TaskThreadTimesInfo {
    /// User time.
    pub user_time: TimeValue,
    /// System time.
    pub system_time: TimeValue,
}

/// `struct mach_task_basic_info` (48 bytes, count 12).
#[derive(Clone, Copy, Default, Debug)]
#[repr(C, packed(4))]
pub struct MachTaskBasicInfo {
    /// Bytes mapped.
    pub virtual_size: u64,
    /// Bytes resident.
    pub resident_size: u64,
    /// The most bytes ever resident.
    pub resident_size_max: u64,
    /// User time of ended threads.
    pub user_time: TimeValue,
    /// System time of ended threads.
    pub system_time: TimeValue,
    /// Scheduling policy.
    pub policy: i32,
    /// Suspensions.
    pub suspend_count: i32,
}

/// `struct task_basic_info_32` (count 8).
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct TaskBasicInfo32 {
    /// Suspensions.
    pub suspend_count: i32,
    /// Bytes mapped, the low 32 bits.
    pub virtual_size: u32,
    /// Bytes resident, the low 32 bits.
    pub resident_size: u32,
    /// User time of ended threads.
    pub user_time: TimeValue,
    /// System time of ended threads.
    pub system_time: TimeValue,
    /// Scheduling policy.
    pub policy: i32,
}

/// `struct task_basic_info_64` (count 10).
#[derive(Clone, Copy, Default, Debug)]
#[repr(C, packed(4))]
pub struct TaskBasicInfo64 {
    /// Suspensions.
    pub suspend_count: i32,
    /// Bytes mapped.
    pub virtual_size: u64,
    /// Bytes resident.
    pub resident_size: u64,
    /// User time of ended threads.
    pub user_time: TimeValue,
    /// System time of ended threads.
    pub system_time: TimeValue,
    /// Scheduling policy.
    pub policy: i32,
}

/// `struct task_vm_info`, revision 7 (372 bytes, count 93). All sizes in bytes.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C, packed(4))]
pub struct TaskVmInfo {
    /// Mapped.
    pub virtual_size: u64,
    /// Entries of the map.
    pub region_count: i32,
    /// Page size.
    pub page_size: i32,
    /// Resident.
    pub resident_size: u64,
    /// The most ever resident.
    pub resident_size_peak: u64,
    /// Device memory.
    pub device: u64,
    /// The most ever.
    pub device_peak: u64,
    /// Anonymous.
    pub internal: u64,
    /// The most ever.
    pub internal_peak: u64,
    /// Of files.
    pub external: u64,
    /// The most ever.
    pub external_peak: u64,
    /// Reusable.
    pub reusable: u64,
    /// The most ever.
    pub reusable_peak: u64,
    /// Volatile by page tables.
    pub purgeable_volatile_pmap: u64,
    /// Volatile and resident.
    pub purgeable_volatile_resident: u64,
    /// Volatile and mapped.
    pub purgeable_volatile_virtual: u64,
    /// Compressed.
    pub compressed: u64,
    /// The most ever.
    pub compressed_peak: u64,
    /// Ever compressed.
    pub compressed_lifetime: u64,
    /// The footprint (revision 1).
    pub phys_footprint: u64,
    /// The lowest address of the map (revision 2).
    pub min_address: u64,
    /// Where the map ends.
    pub max_address: u64,
    /// The largest footprint ever (revision 3).
    pub ledger_phys_footprint_peak: i64,
    /// The other ledgers in the order of the header: purgeable, network, media, graphics, neural.
    pub ledgers: [i64; 20],
    /// Bytes left to a limit of the footprint; 0 without one (revision 4).
    pub limit_bytes_remaining: u64,
    /// Pages decompressed (revision 5).
    pub decompressions: i32,
    /// Bytes swapped in (revision 6).
    pub ledger_swapins: i64,
    /// Neural memory without footprint: now, and the most ever (revision 7).
    pub ledger_tag_neural: [i64; 2],
}

const _: () = {
    assert!(size_of::<TaskBasicInfo32>() == 32 && size_of::<TaskBasicInfo64>() == 40);
    assert!(size_of::<MachTaskBasicInfo>() == 48 && size_of::<TaskEventsInfo>() == 32);
    assert!(size_of::<TaskVmInfo>() == 4 * TASK_VM_INFO_REVISIONS[7] as usize);
    assert!(
        core::mem::offset_of!(TaskVmInfo, phys_footprint) == 4 * TASK_VM_INFO_REVISIONS[0] as usize
    );
    assert!(
        core::mem::offset_of!(TaskVmInfo, min_address) == 4 * TASK_VM_INFO_REVISIONS[1] as usize
    );
    assert!(
        core::mem::offset_of!(TaskVmInfo, ledger_phys_footprint_peak)
            == 4 * TASK_VM_INFO_REVISIONS[2] as usize
    );
    assert!(
        core::mem::offset_of!(TaskVmInfo, limit_bytes_remaining)
            == 4 * TASK_VM_INFO_REVISIONS[3] as usize
    );
    assert!(
        core::mem::offset_of!(TaskVmInfo, decompressions) == 4 * TASK_VM_INFO_REVISIONS[4] as usize
    );
    assert!(
        core::mem::offset_of!(TaskVmInfo, ledger_swapins) == 4 * TASK_VM_INFO_REVISIONS[5] as usize
    );
    assert!(
        core::mem::offset_of!(TaskVmInfo, ledger_tag_neural)
            == 4 * TASK_VM_INFO_REVISIONS[6] as usize
    );
};
