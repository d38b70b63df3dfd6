//! The tree of `sysctl`: numbers, names, kinds and formats.
//!
//! Owns: which leaves exist, so that kernel and tools agree. Does not own: their values, which the
//! kernel finds by [`Id`].
//!
//! `SYS_SYSCTL(*name i32, namelen u32, *old, *oldlen, *new, newlen)`,
//! `SYS_SYSCTLBYNAME(*name, namelen, *old, *oldlen, *new, newlen)`. Meta calls start with 0:
//! `{0, 2, oid…}` answers the next leaf's oid (i32 words), `{0, 3}` with the name in `new` answers the oid of a leaf or node,
//! `{0, 1, oid…}` the name, `{0, 4, oid…}` a u32 kind and the format string, `{0, 5, oid…}` the description.
//! `{1, 14, flavor, arg}` answers `KinfoProc` records, `{1, 49, pid}` the arguments of a process
//! (i32 argc, path, NULs to a multiple of 8, argv strings, envp strings).

/// Numbers under nothing: the meta calls.
pub const CTL_META: i32 = 0;
/// `kern`.
pub const CTL_KERN: i32 = 1;
/// `vm`.
pub const CTL_VM: i32 = 2;
/// `debug`.
pub const CTL_DEBUG: i32 = 5;
/// `hw`.
pub const CTL_HW: i32 = 6;
/// `machdep`.
pub const CTL_MACHDEP: i32 = 7;

/// Meta: oid to name.
pub const META_NAME: i32 = 1;
/// Meta: the next leaf.
pub const META_NEXT: i32 = 2;
/// Meta: name to oid.
pub const META_NAME2OID: i32 = 3;
/// Meta: kind and format.
pub const META_OIDFMT: i32 = 4;
/// Meta: description.
pub const META_OIDDESCR: i32 = 5;

/// `kern.proc`.
pub const KERN_PROC: i32 = 14;
/// `kern.proc`: all.
pub const KERN_PROC_ALL: i32 = 0;
/// `kern.proc`: by process.
pub const KERN_PROC_PID: i32 = 1;
/// `kern.procargs2`.
pub const KERN_PROCARGS2: i32 = 49;

/// The most words of an oid.
pub const CTL_MAXNAME: usize = 12;

/// Kind: a node.
pub const CTLTYPE_NODE: u32 = 1;
/// Kind: i32.
pub const CTLTYPE_INT: u32 = 2;
/// Kind: text with its NUL.
pub const CTLTYPE_STRING: u32 = 3;
/// Kind: i64 or u64.
pub const CTLTYPE_QUAD: u32 = 4;
/// Kind: a record.
pub const CTLTYPE_OPAQUE: u32 = 5;
/// May be read.
pub const CTLFLAG_RD: u32 = 0x8000_0000;
/// May be written.
pub const CTLFLAG_WR: u32 = 0x4000_0000;

/// Kind: text that may be written.
const WRITABLE_STRING: u32 = CTLTYPE_STRING | CTLFLAG_WR;
/// Kind: records that may be written.
#[cfg(feature = "lock-statistics")]
const WRITABLE_RECORDS: u32 = CTLTYPE_OPAQUE | CTLFLAG_WR;

/// `struct xsw_usage`: bytes of swap.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct XswUsage {
    /// In all.
    pub total: u64,
    /// Free.
    pub avail: u64,
    /// Used.
    pub used: u64,
    /// Page size.
    pub pagesize: u32,
    /// Boolean.
    pub encrypted: u32,
}

/// `struct loadavg`: averages in units of `1 / fscale`.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct LoadAvg {
    /// Over 1, 5 and 15 minutes.
    pub ldavg: [u32; 3],
    /// Padding of the C record.
    pub pad: u32,
    /// The scale.
    pub fscale: i64,
}

/// `struct timeval` as the calls pass it (16 bytes).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Timeval {
    /// Seconds.
    pub sec: i64,
    /// Microseconds.
    pub usec: i32,
    /// Padding of the C record.
    pub pad: i32,
}

/// A leaf of the tree.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    /// Which one.
    pub id: Id,
    /// Dotted name.
    pub name: &'static str,
    /// Numbers.
    pub oid: &'static [i32],
    /// `CTLTYPE_*` and `CTLFLAG_*`.
    pub kind: u32,
    /// `I`, `IU`, `Q`, `QU`, `A` or `S,record`.
    pub format: &'static str,
    /// One sentence.
    pub description: &'static str,
}

macro_rules! leaves {
    ($($(#[$gate:meta])* $id:ident = $name:literal, [$($oid:literal),*], $type:ident, $format:literal, $text:literal;)*) => {
        /// The leaves by name.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Id { $($(#[$gate])* #[doc = $text] $id,)* }
        /// All leaves, sorted by oid: the one after an oid is the first that is greater word by word.
        pub const LEAVES: &[Leaf] = &[$($(#[$gate])* Leaf {
            id: Id::$id,
            name: $name,
            oid: &[$($oid),*],
            kind: $type | CTLFLAG_RD,
            format: $format,
            description: $text,
        },)*];
    };
}

leaves! {
    OsType = "kern.ostype", [1, 1], CTLTYPE_STRING, "A", "The kernel's name";
    OsRelease = "kern.osrelease", [1, 2], CTLTYPE_STRING, "A", "The kernel's release";
    OsRevision = "kern.osrevision", [1, 3], CTLTYPE_INT, "I", "The kernel's revision";
    Version = "kern.version", [1, 4], CTLTYPE_STRING, "A", "The kernel's version line";
    MaxProc = "kern.maxproc", [1, 6], CTLTYPE_INT, "I", "The most processes";
    MaxFiles = "kern.maxfiles", [1, 7], CTLTYPE_INT, "I", "The most open files";
    ArgMax = "kern.argmax", [1, 8], CTLTYPE_INT, "I", "The most bytes of arguments and environment";
    HostName = "kern.hostname", [1, 10], CTLTYPE_STRING, "A", "The machine's name";
    BootTime = "kern.boottime", [1, 21], CTLTYPE_OPAQUE, "S,timeval", "When the machine started";
    OsVersion = "kern.osversion", [1, 65], CTLTYPE_STRING, "A", "The build";
    MemoryStatusLevel = "kern.memorystatus_level", [1, 101], CTLTYPE_INT, "I", "Percent of memory that is available";
    MemoryPressureLevel = "kern.memorystatus_vm_pressure_level", [1, 102], CTLTYPE_INT, "I", "Pressure: 1 normal, 2 warning, 4 critical";
    LogLines = "kern.log_lines", [1, 103], CTLTYPE_QUAD, "QU", "Lines that the kernel has logged since it started";
    BlockDevices = "kern.block_devices", [1, 104], CTLTYPE_STRING, "A", "Block devices: size, completed requests and bytes, failed requests";
    LoadAverage = "vm.loadavg", [2, 2], CTLTYPE_OPAQUE, "S,loadavg", "Load averages";
    SwapUsage = "vm.swapusage", [2, 5], CTLTYPE_OPAQUE, "S,xsw_usage", "Swap in use";
    Pages = "vm.pages", [2, 101], CTLTYPE_INT, "I", "Pages that the VM manages, the kernel's own included";
    PageSize = "vm.pagesize", [2, 102], CTLTYPE_INT, "I", "Bytes of a page";
    PageFreeCount = "vm.page_free_count", [2, 103], CTLTYPE_INT, "I", "Free pages";
    PageFreeTarget = "vm.vm_page_free_target", [2, 104], CTLTYPE_INT, "I", "Free pages that pageout works towards";
    PageSpeculativeCount = "vm.page_speculative_count", [2, 105], CTLTYPE_INT, "I", "Pages read ahead and not yet used";
    PagePurgeableCount = "vm.page_purgeable_count", [2, 106], CTLTYPE_INT, "I", "Purgeable pages";
    PageInternalCount = "vm.page_pageable_internal_count", [2, 107], CTLTYPE_INT, "I", "Pageable anonymous pages";
    PageExternalCount = "vm.page_pageable_external_count", [2, 108], CTLTYPE_INT, "I", "Pageable pages of files";
    PageWireCount = "vm.page_wire_count", [2, 109], CTLTYPE_INT, "I", "Wired pages";
    PageActiveCount = "vm.page_active_count", [2, 110], CTLTYPE_INT, "I", "Active pages";
    PageInactiveCount = "vm.page_inactive_count", [2, 111], CTLTYPE_INT, "I", "Inactive pages";
    UserWireLimit = "vm.user_wire_limit", [2, 112], CTLTYPE_QUAD, "QU", "The most bytes that one task may wire";
    GlobalUserWireLimit = "vm.global_user_wire_limit", [2, 113], CTLTYPE_QUAD, "QU", "The most bytes that all tasks may wire";
    GlobalNoUserWireAmount = "vm.global_no_user_wire_amount", [2, 114], CTLTYPE_QUAD, "QU", "The bytes that are kept from wiring by tasks";
    OverGlobalLimit = "vm.add_wire_count_over_global_limit", [2, 115], CTLTYPE_INT, "I", "Wirings refused because of the machine's limit";
    OverUserLimit = "vm.add_wire_count_over_user_limit", [2, 116], CTLTYPE_INT, "I", "Wirings refused because of a task's limit";
    CpuFaults = "vm.cpu_faults", [2, 117], CTLTYPE_QUAD, "QU", "Faults on each processor that runs";
    #[cfg(feature = "lock-statistics")]
    LockStatistics = "debug.lock_statistics", [5, 101], WRITABLE_RECORDS, "S,lock_statistics", "Locks: how often taken, found held, held longest; written, all begin anew";
    BlockFail = "debug.block_fail", [5, 102], WRITABLE_STRING, "A", "Which requests of block devices fail: DEVICE:OPERATION:FIRST-END or :K, a comma between";
    Panic = "debug.panic", [5, 103], WRITABLE_STRING, "A", "Written, it ends the kernel with a panic that says this";
    Machine = "hw.machine", [6, 1], CTLTYPE_STRING, "A", "The machine's architecture";
    Model = "hw.model", [6, 2], CTLTYPE_STRING, "A", "The machine's model";
    Ncpu = "hw.ncpu", [6, 3], CTLTYPE_INT, "I", "Processors";
    ByteOrder = "hw.byteorder", [6, 4], CTLTYPE_INT, "I", "Byte order";
    HwPageSize = "hw.pagesize", [6, 7], CTLTYPE_QUAD, "Q", "Bytes of a page";
    CacheLineSize = "hw.cachelinesize", [6, 16], CTLTYPE_QUAD, "Q", "Bytes of a cache line";
    MemSize = "hw.memsize", [6, 24], CTLTYPE_QUAD, "QU", "Bytes of memory";
    PhysicalCpu = "hw.physicalcpu", [6, 101], CTLTYPE_INT, "I", "Processor cores that run";
    LogicalCpu = "hw.logicalcpu", [6, 103], CTLTYPE_INT, "I", "Processors that run";
    CpuBrand = "machdep.cpu.brand_string", [7, 102, 1], CTLTYPE_STRING, "A", "The processor's name";
}

/// A node of the tree: its name and numbers.
pub const NODES: &[(&str, &[i32])] = &[
    ("kern", &[CTL_KERN]),
    ("kern.proc", &[CTL_KERN, KERN_PROC]),
    ("vm", &[CTL_VM]),
    ("debug", &[CTL_DEBUG]),
    ("hw", &[CTL_HW]),
    ("machdep", &[CTL_MACHDEP]),
    ("machdep.cpu", &[CTL_MACHDEP, 102]),
];

/// The leaf with this dotted name.
pub fn by_name(name: &str) -> Option<&'static Leaf> {
    LEAVES.iter().find(|leaf| leaf.name == name)
}

/// The leaf with these numbers.
pub fn by_oid(oid: &[i32]) -> Option<&'static Leaf> {
    LEAVES.iter().find(|leaf| leaf.oid == oid)
}

/// The first leaf after these numbers.
pub fn next(oid: &[i32]) -> Option<&'static Leaf> {
    LEAVES.iter().find(|leaf| leaf.oid > oid)
}

/// The numbers of a leaf or node with this dotted name.
pub fn oid_of(name: &str) -> Option<&'static [i32]> {
    let node = NODES.iter().find(|node| node.0 == name).map(|node| node.1);
    by_name(name).map(|leaf| leaf.oid).or(node)
}

const _: () = assert!(size_of::<XswUsage>() == 32 && size_of::<LoadAvg>() == 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_sorted_so_that_next_visits_each_once() {
        let mut oid: &[i32] = &[];
        let mut seen = 0;
        while let Some(leaf) = next(oid) {
            assert!(leaf.oid > oid, "{}", leaf.name);
            oid = leaf.oid;
            seen += 1;
        }
        assert_eq!(seen, LEAVES.len());
    }

    #[test]
    fn names_lead_to_numbers_and_nodes_have_children() {
        assert_eq!(oid_of("hw.memsize"), Some(&[6, 24][..]));
        assert_eq!(oid_of("vm"), Some(&[2][..]));
        assert_eq!(oid_of("vm.nothing"), None);
        assert!(next(&[CTL_VM]).is_some_and(|leaf| leaf.name.starts_with("vm.")));
    }
}
