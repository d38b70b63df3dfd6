//! Mach trap numbers: XNU's where XNU has a trap, this project's private ones for what XNU reaches
//! by message (MIG). Private traps are called by libSystem only and return the message interface's codes.

macro_rules! traps {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        $(#[doc = $text] pub const $name: u32 = $value;)*
        /// The trap's name for reports, or `"?"`.
        pub const fn name(number: u32) -> &'static str {
            match number { $($value => stringify!($name),)* _ => "?" }
        }
    };
}

traps! {
    VM_ALLOCATE = 10, "(target, *addr, size, flags)";
    VM_PURGABLE_CONTROL = 11, "(target, addr, control, *state)";
    VM_DEALLOCATE = 12, "(target, addr, size)";
    VM_PROTECT = 14, "(target, addr, size, set_max, prot)";
    VM_MAP = 15, "(target, *addr, size, mask, flags, cur_prot): anonymous memory";
    PORT_DEALLOCATE = 18, "(task, name)";
    THREAD_SELF = 27, "() -> port name";
    TASK_SELF = 28, "() -> port name";
    HOST_SELF = 29, "() -> port name";
    TASK_FOR_PID = 45, "(target, pid, *name)";
    MACX_SWAPON = 48, "(name, flags, size, priority): ENOTSUP";
    MACX_SWAPOFF = 49, "(name, flags): ENOTSUP";
    MACX_TRIGGERS = 51, "(high, low, flags, alert port): ENOTSUP";
    MACX_BACKING_STORE_SUSPEND = 52, "(suspend): ENOTSUP";
    MACX_BACKING_STORE_RECOVERY = 53, "(pid): ENOTSUP";
    SWTCH_PRI = 59, "(priority): yields";
    THREAD_SWITCH = 61, "(thread, option, time): yields";
    TIMEBASE_INFO = 89, "(*{numer u32, denom u32})";
    WAIT_UNTIL = 90, "(deadline in mach_absolute_time units)";
    // Private: 512 + the MIG routine's distance from mach_vm_allocate (4800).
    MACH_VM_INHERIT = 515, "(target, addr, size, inherit)";
    MACH_VM_READ = 516, "(target, addr, size, *data u64, *count u32): the copy is new memory of the caller";
    MACH_VM_READ_LIST = 517, "(target, *list of 256 {addr u64, size u64}, count)";
    MACH_VM_WRITE = 518, "(target, addr, data, count)";
    MACH_VM_COPY = 519, "(target, source, size, destination)";
    MACH_VM_READ_OVERWRITE = 520, "(target, addr, size, data, *out_size u64)";
    MACH_VM_MAP = 523, "(*VmMapArgs): all arguments in one record";
    MACH_VM_MACHINE_ATTRIBUTE = 524, "(target, addr, size, attribute, *value)";
    MACH_VM_REMAP = 525, "(*VmRemapArgs): all arguments in one record";
    MACH_VM_PAGE_QUERY = 526, "(target, addr, *disposition, *ref_count)";
    MACH_VM_REGION_RECURSE = 527, "(target, *addr, *size, *depth, *info, *count)";
    MACH_VM_REGION = 528, "(target, *addr, *size, flavor, *info, *count)";
    MACH_MAKE_MEMORY_ENTRY = 529, "(target, *size u64, offset, permission, *handle, parent)";
    MACH_VM_PAGE_INFO = 531, "(target, addr, flavor, *info, *count)";
    MACH_VM_REMAP_NEW = 533, "(*VmRemapArgs): the protections are in and out";
    MACH_VM_RECLAIM_ALLOCATE = 534, "(target, *addr, *sampling_period, len u32, max_len u32)";
    MACH_VM_RECLAIM_FLUSH = 535, "(target, count u32, *reclaimed u64): NOT_SUPPORTED";
    MACH_VM_RECLAIM_UPDATE = 536, "(target, reclaimable u64): NOT_SUPPORTED";
    MACH_VM_RECLAIM_RESIZE = 537, "(target, length u32, *reclaimed u64): NOT_SUPPORTED";
    MACH_VM_RANGE_CREATE = 540, "(target, flags, *recipes, count)";
    MACH_VM_PAGE_RANGE_QUERY = 532, "(target, addr, size, dispositions, *count)";
    MACH_VM_BEHAVIOR_SET = 522, "(target, addr, size, behavior)";
    MACH_VM_MSYNC = 521, "(target, addr, size, flags)";
    MACH_VM_WIRE = 560, "(host, target, addr, size, prot): prot 0 unwires";
    HOST_STATISTICS64 = 561, "(host, flavor, *info, *count)";
    HOST_INFO = 562, "(host, flavor, *info, *count)";
    HOST_PAGE_SIZE = 563, "(host, *size)";
    MACH_ZONE_INFO = 564, "(host, *names of 80 bytes, *info, *count in/out)";
    TASK_INFO = 565, "(task, flavor, *info, *count)";
    MEMORY_ENTRY_PURGABLE_CONTROL = 567, "(entry, control, *state)";
    MEMORY_ENTRY_OWNERSHIP = 568, "(entry, owner, ledger_tag, ledger_flags)";
    MEMORY_ENTRY_MAP_SIZE = 569, "(entry, target, offset, size, *map_size u64)";
    MEMORY_OBJECT_MEMORY_ENTRY = 570, "(host, internal, size, permission, pager, *entry)";
    MACH_MEMORY_INFO = 571, "(host, *names, *zone_info, *zone_count, *memory_info, *memory_count)";
    VM_OBJECTS = 572, "(target, *addr, *depth, *bytes, *size u64): an entry, its chain of objects, their pages";
    TASK_WIRE = 573, "(target, must_wire): NOT_SUPPORTED";
    MACH_ZONE_FORCE_GC = 576, "(host): empty chunks of zones go back";
    MEMORY_ENTRY_ACCESS_TRACKING = 575, "(entry, *tracking, *reads, *writes): NOT_SUPPORTED";
    VM_MAP_EXEC_LOCKDOWN = 574, "(target): no executable memory any more";
    CPU_NUMBER = 577, "() -> the index of the CPU that runs the caller at this moment";
    AUDIT = 566, "(*report): recounts every page and reference; root only";
}

/// The arguments of `mach_vm_map`, passed by address because they are more than registers hold.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct VmMapArgs {
    /// Port name of the task.
    pub target: u32,
    /// `VM_FLAGS_*` and the tag.
    pub flags: u32,
    /// User address of the address, in and out.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// Bits that the address must not have.
    pub mask: u64,
    /// Port name of a memory entry, or 0.
    pub object: u32,
    /// Boolean: a copy instead of sharing.
    pub copy: u32,
    /// Bytes into the object.
    pub offset: u64,
    /// `vm_prot_t`.
    pub cur_protection: u32,
    /// `vm_prot_t`.
    pub max_protection: u32,
    /// `vm_inherit_t`.
    pub inheritance: u32,
    /// Zero.
    pub reserved: u32,
}

/// The arguments of `mach_vm_remap` and `mach_vm_remap_new`.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct VmRemapArgs {
    /// Port name of the task that gets the memory.
    pub target: u32,
    /// `VM_FLAGS_*`.
    pub flags: u32,
    /// User address of the address, in and out.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// Bits that the address must not have.
    pub mask: u64,
    /// Port name of the task that has the memory.
    pub source: u32,
    /// Boolean: a copy instead of sharing.
    pub copy: u32,
    /// Where it is in the source.
    pub source_address: u64,
    /// User address of the current protection; `remap_new` reads it first.
    pub cur_protection: u64,
    /// User address of the maximum protection; `remap_new` reads it first.
    pub max_protection: u64,
    /// `vm_inherit_t`.
    pub inheritance: u32,
    /// Zero.
    pub reserved: u32,
}
