//! `host_info`, `host_statistics`, `mach_memory_info`: flavors and records, laid out as Darwin's headers
//! have them.

/// `host_info` flavor: [`HostBasicInfo`].
pub const HOST_BASIC_INFO: i32 = 1;
/// `host_info` flavor: milliseconds of the shortest timeout and of the quantum.
pub const HOST_SCHED_INFO: i32 = 3;
/// `host_info` flavor: bytes of kernel resources, five words that are all 0.
pub const HOST_RESOURCE_SIZES: i32 = 4;
/// `host_info` flavor: whether the host has semaphore traps; a record without words.
pub const HOST_SEMAPHORE_TRAPS: i32 = 7;
/// `host_info` flavor: whether the host has the message trap; a record without words.
pub const HOST_MACH_MSG_TRAP: i32 = 8;
/// `host_info` flavor: processor type and subtype of programs.
pub const HOST_PREFERRED_USER_ARCH: i32 = 12;
/// `host_statistics` flavor: [`VmStatistics`].
pub const HOST_VM_INFO: i32 = 2;

/// Words of [`HostBasicInfo`] that its first revision has.
pub const HOST_BASIC_INFO_OLD_COUNT: u32 = 5;
/// Words of each revision of [`VmStatistics`], the first one first.
pub const HOST_VM_INFO_REVISIONS: [u32; 3] = [12, 14, 15];

/// `host_basic_info` (packed to 4 bytes, count 12).
#[derive(Clone, Copy, Default, Debug)]
#[repr(C, packed(4))]
pub struct HostBasicInfo {
    /// Processors that can be started.
    pub max_cpus: i32,
    /// Processors that run.
    pub avail_cpus: i32,
    /// Bytes of memory, at most 2 GiB.
    pub memory_size: u32,
    /// `cpu_type_t`.
    pub cpu_type: u32,
    /// `cpu_subtype_t`.
    pub cpu_subtype: u32,
    /// `cpu_threadtype_t`.
    pub cpu_threadtype: u32,
    /// Physical processors that run.
    pub physical_cpu: i32,
    /// Physical processors.
    pub physical_cpu_max: i32,
    /// Logical processors that run.
    pub logical_cpu: i32,
    /// Logical processors.
    pub logical_cpu_max: i32,
    /// Bytes of memory.
    pub max_mem: u64,
}

/// `vm_statistics`: the older form, in words. Gauges in pages, counters modulo 2³².
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct VmStatistics {
    /// Free pages, the speculative ones included.
    pub free_count: u32,
    /// Active pages.
    pub active_count: u32,
    /// Inactive pages.
    pub inactive_count: u32,
    /// Wired pages.
    pub wire_count: u32,
    /// Pages filled with zeros.
    pub zero_fill_count: u32,
    /// Inactive pages that became active.
    pub reactivations: u32,
    /// Pages read from files.
    pub pageins: u32,
    /// Pages written to files.
    pub pageouts: u32,
    /// Faults.
    pub faults: u32,
    /// Faults that copied.
    pub cow_faults: u32,
    /// Object lookups.
    pub lookups: u32,
    /// Lookups that hit.
    pub hits: u32,
    /// Purgeable pages (revision 1).
    pub purgeable_count: u32,
    /// Purgeable pages thrown away.
    pub purges: u32,
    /// Pages read ahead and not yet used (revision 2).
    pub speculative_count: u32,
}

/// `mach_memory_info_t` (176 bytes): what one part of the kernel has, in bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MemoryInfo {
    /// `VM_KERN_SITE_*`.
    pub flags: u64,
    /// `VM_KERN_COUNT_*` of a counter, `VM_KERN_MEMORY_*` of a tag.
    pub site: u64,
    /// Now.
    pub size: u64,
    /// Free within it.
    pub free: u64,
    /// The largest free piece.
    pub largest: u64,
    /// Collectable.
    pub collectable_bytes: u64,
    /// Mapped.
    pub mapped: u64,
    /// The most ever.
    pub peak: u64,
    /// `VM_KERN_MEMORY_*`.
    pub tag: u16,
    /// Number of the zone.
    pub zone: u16,
    /// Zero.
    pub reserved: [u16; 2],
    /// Zero.
    pub reserved_more: [u64; 3],
    /// A name, if the flags say so.
    pub name: [u8; 80],
}

impl Default for MemoryInfo {
    fn default() -> Self {
        Self {
            flags: 0,
            site: 0,
            size: 0,
            free: 0,
            largest: 0,
            collectable_bytes: 0,
            mapped: 0,
            peak: 0,
            tag: 0,
            zone: 0,
            reserved: [0; 2],
            reserved_more: [0; 3],
            name: [0; 80],
        }
    }
}

/// `MemoryInfo::site` is a `VM_KERN_MEMORY_*` tag.
pub const VM_KERN_SITE_TAG: u64 = 0;
/// `MemoryInfo::site` is a `VM_KERN_COUNT_*` counter.
pub const VM_KERN_SITE_COUNTER: u64 = 3;
/// The memory is wired.
pub const VM_KERN_SITE_WIRED: u64 = 0x100;
/// Counter: all frames that are managed.
pub const VM_KERN_COUNT_MANAGED: u64 = 0;
/// Counter: wired frames.
pub const VM_KERN_COUNT_WIRED: u64 = 2;
/// Counter: memory that was never managed.
pub const VM_KERN_COUNT_STOLEN: u64 = 4;
/// Counter: what is mapped in the kernel map.
pub const VM_KERN_COUNT_MAP_KERNEL: u64 = 6;
/// Counter: what zones have.
pub const VM_KERN_COUNT_MAP_ZONE: u64 = 7;
/// Tag: zones.
pub const VM_KERN_MEMORY_ZONE: u16 = 12;

const _: () = {
    assert!(size_of::<HostBasicInfo>() == 48 && size_of::<MemoryInfo>() == 176);
    assert!(size_of::<VmStatistics>() == 4 * HOST_VM_INFO_REVISIONS[2] as usize);
};
