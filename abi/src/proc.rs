//! Records about processes and tasks: `proc_info`, `kinfo_proc`, `task_info`, `rusage`, `posix_spawn`.

/// `proc_info` call: lists process numbers (`pid` argument: `PROC_ALL_PIDS`; answers bytes written).
pub const PROC_INFO_CALL_LISTPIDS: i32 = 1;
/// `proc_info` call: one process.
pub const PROC_INFO_CALL_PIDINFO: i32 = 2;
/// `LISTPIDS` type: all processes.
pub const PROC_ALL_PIDS: i32 = 1;
/// `PIDINFO` flavor: [`ProcBsdInfo`].
pub const PROC_PIDTBSDINFO: i32 = 3;
/// `PIDINFO` flavor: [`ProcTaskInfo`].
pub const PROC_PIDTASKINFO: i32 = 4;
/// `PIDINFO` flavor: [`ProcRegionInfo`]; `arg` is the address, the region is the one at or after it.
pub const PROC_PIDREGIONINFO: i32 = 7;
/// `PIDINFO` flavor: [`ProcRegionWithPathInfo`].
pub const PROC_PIDREGIONPATHINFO: i32 = 8;
/// `PIDINFO` flavor: the executable's path with its NUL (at most [`MAXPATHLEN`] bytes).
pub const PROC_PIDPATHINFO: i32 = 11;

/// The longest path with its NUL, in bytes.
pub const MAXPATHLEN: usize = 1024;
/// The longest command name without NUL, in bytes.
pub const MAXCOMLEN: usize = 16;

/// `pbi_status`, `p_stat`: being made.
pub const SIDL: u8 = 1;
/// `pbi_status`, `p_stat`: runnable.
pub const SRUN: u8 = 2;
/// `pbi_status`, `p_stat`: asleep.
pub const SSLEEP: u8 = 3;
/// `pbi_status`, `p_stat`: stopped.
pub const SSTOP: u8 = 4;
/// `pbi_status`, `p_stat`: waits for its parent.
pub const SZOMB: u8 = 5;

/// `struct proc_bsdinfo` (136 bytes).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ProcBsdInfo {
    /// `P_*` flags.
    pub flags: u32,
    /// `S*` status.
    pub status: u32,
    /// Exit status.
    pub xstatus: u32,
    /// Process.
    pub pid: u32,
    /// Parent.
    pub ppid: u32,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Real user.
    pub ruid: u32,
    /// Real group.
    pub rgid: u32,
    /// Saved user.
    pub svuid: u32,
    /// Saved group.
    pub svgid: u32,
    /// Zero.
    pub rfu_1: u32,
    /// Command, NUL-padded.
    pub comm: [u8; 16],
    /// Name, NUL-padded.
    pub name: [u8; 32],
    /// Open files.
    pub nfiles: u32,
    /// Process group.
    pub pgid: u32,
    /// Job control counter.
    pub pjobc: u32,
    /// Controlling terminal's device, or all ones.
    pub e_tdev: u32,
    /// The terminal's foreground group.
    pub e_tpgid: u32,
    /// Niceness.
    pub nice: i32,
    /// Start, seconds since 1970.
    pub start_tvsec: u64,
    /// Start, microseconds.
    pub start_tvusec: u64,
}

/// `struct proc_taskinfo` (96 bytes). Times in mach absolute time units.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ProcTaskInfo {
    /// Bytes mapped.
    pub virtual_size: u64,
    /// Bytes resident.
    pub resident_size: u64,
    /// User time.
    pub total_user: u64,
    /// System time.
    pub total_system: u64,
    /// User time of living threads.
    pub threads_user: u64,
    /// System time of living threads.
    pub threads_system: u64,
    /// Scheduling policy.
    pub policy: i32,
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
    /// Threads.
    pub threadnum: i32,
    /// Threads that run.
    pub numrunning: i32,
    /// Priority.
    pub priority: i32,
}

/// `struct proc_regioninfo` (96 bytes).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ProcRegionInfo {
    /// Current protection.
    pub protection: u32,
    /// Maximum protection.
    pub max_protection: u32,
    /// `vm_inherit_t`.
    pub inheritance: u32,
    /// Bit 0: is a submap; bit 1: shared.
    pub flags: u32,
    /// Bytes into the object.
    pub offset: u64,
    /// `vm_behavior_t`.
    pub behavior: u32,
    /// User wirings.
    pub user_wired_count: u32,
    /// `VM_MEMORY_*`.
    pub user_tag: u32,
    /// Pages resident.
    pub pages_resident: u32,
    /// Pages shared that are now private.
    pub pages_shared_now_private: u32,
    /// Pages in compressor or swap.
    pub pages_swapped_out: u32,
    /// Pages written.
    pub pages_dirtied: u32,
    /// References of the object.
    pub ref_count: u32,
    /// Length of the shadow chain.
    pub shadow_depth: u32,
    /// `share_mode`.
    pub share_mode: u32,
    /// Resident pages that are the task's own.
    pub private_pages_resident: u32,
    /// Resident pages that others share.
    pub shared_pages_resident: u32,
    /// A number that names the object.
    pub obj_id: u32,
    /// Submap depth.
    pub depth: u32,
    /// Start.
    pub address: u64,
    /// Bytes.
    pub size: u64,
}

/// `struct vinfo_stat` (136 bytes).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct VinfoStat {
    /// Device.
    pub dev: u32,
    /// Type and permissions.
    pub mode: u16,
    /// Links.
    pub nlink: u16,
    /// File number.
    pub ino: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Access, write, change and birth: seconds and nanoseconds of each.
    pub times: [i64; 8],
    /// Bytes.
    pub size: i64,
    /// Blocks of 512 bytes.
    pub blocks: i64,
    /// The best transfer size.
    pub blksize: i32,
    /// Flags.
    pub flags: u32,
    /// Generation.
    pub gen_: u32,
    /// Device number of a special file.
    pub rdev: u32,
    /// Spare.
    pub qspare: [i64; 2],
}

/// `struct proc_regionwithpathinfo` (1272 bytes): the region and the file it maps.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ProcRegionWithPathInfo {
    /// The region.
    pub region: ProcRegionInfo,
    /// The file; zero where none is mapped.
    pub stat: VinfoStat,
    /// `vtype`.
    pub vnode_type: i32,
    /// Zero.
    pub pad: i32,
    /// File system.
    pub fsid: [i32; 2],
    /// The file's path with its NUL; empty where none is mapped.
    pub path: [u8; MAXPATHLEN],
}

/// `struct kinfo_proc` (648 bytes), as `sysctl {CTL_KERN, KERN_PROC, …}` answers an array of.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KinfoProc {
    /// Start, seconds since 1970.
    pub start_sec: i64,
    /// Start, microseconds.
    pub start_usec: i64,
    /// Zero.
    pub reserved_16: [u64; 2],
    /// `P_*` flags.
    pub flag: i32,
    /// `S*` status.
    pub stat: u8,
    /// Padding.
    pub pad_37: [u8; 3],
    /// Process.
    pub pid: i32,
    /// Zero.
    pub reserved_44: [u32; 9],
    /// Processor use.
    pub estcpu: u32,
    /// Zero.
    pub cpticks: i32,
    /// Processor use, fixed point of 11 bits.
    pub pctcpu: u32,
    /// Zero.
    pub reserved_92: u32,
    /// What it waits for, or 0.
    pub wchan: u64,
    /// Zero.
    pub reserved_104: u64,
    /// Seconds of life.
    pub swtime: u32,
    /// Seconds asleep.
    pub slptime: u32,
    /// Zero.
    pub reserved_120: [u64; 4],
    /// Processor time, seconds.
    pub rtime_sec: i64,
    /// Processor time, microseconds.
    pub rtime_usec: i64,
    /// Zero.
    pub reserved_168: [u64; 9],
    /// Priority.
    pub priority: u8,
    /// User priority.
    pub usrpri: u8,
    /// Niceness.
    pub nice: i8,
    /// Command, NUL-padded.
    pub comm: [u8; MAXCOMLEN + 1],
    /// Zero.
    pub reserved_260: [u32; 5],
    /// Exit status.
    pub xstat: u16,
    /// Accounting flags.
    pub acflag: u16,
    /// Zero.
    pub reserved_284: [u32; 27],
    /// Real user.
    pub ruid: u32,
    /// Saved user.
    pub svuid: u32,
    /// Real group.
    pub rgid: u32,
    /// Saved group.
    pub svgid: u32,
    /// Zero.
    pub reserved_408: [u32; 3],
    /// Effective user.
    pub uid: u32,
    /// Number of groups.
    pub ngroups: i16,
    /// Zero.
    pub reserved_426: u16,
    /// Groups.
    pub groups: [u32; 16],
    /// Zero.
    pub reserved_492: [u32; 17],
    /// Parent.
    pub ppid: i32,
    /// Process group.
    pub pgid: i32,
    /// Job control counter.
    pub jobc: i16,
    /// Padding.
    pub reserved_570: u16,
    /// Controlling terminal's device, or -1.
    pub tdev: i32,
    /// The terminal's foreground group.
    pub tpgid: i32,
    /// Zero.
    pub reserved_580: [u32; 8],
    /// `EPROC_*` flags.
    pub eflag: i32,
    /// Login name.
    pub login: [u8; 12],
    /// Zero.
    pub reserved_628: [u32; 5],
}

impl KinfoProc {
    /// All zeros.
    pub const ZERO: Self = Self {
        start_sec: 0,
        start_usec: 0,
        reserved_16: [0; 2],
        flag: 0,
        stat: 0,
        pad_37: [0; 3],
        pid: 0,
        reserved_44: [0; 9],
        estcpu: 0,
        cpticks: 0,
        pctcpu: 0,
        reserved_92: 0,
        wchan: 0,
        reserved_104: 0,
        swtime: 0,
        slptime: 0,
        reserved_120: [0; 4],
        rtime_sec: 0,
        rtime_usec: 0,
        reserved_168: [0; 9],
        priority: 0,
        usrpri: 0,
        nice: 0,
        comm: [0; MAXCOMLEN + 1],
        reserved_260: [0; 5],
        xstat: 0,
        acflag: 0,
        reserved_284: [0; 27],
        ruid: 0,
        svuid: 0,
        rgid: 0,
        svgid: 0,
        reserved_408: [0; 3],
        uid: 0,
        ngroups: 0,
        reserved_426: 0,
        groups: [0; 16],
        reserved_492: [0; 17],
        ppid: 0,
        pgid: 0,
        jobc: 0,
        reserved_570: 0,
        tdev: 0,
        tpgid: 0,
        reserved_580: [0; 8],
        eflag: 0,
        login: [0; 12],
        reserved_628: [0; 5],
    };
}

/// `time_value_t`.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct TimeValue {
    /// Seconds.
    pub seconds: i32,
    /// Microseconds.
    pub microseconds: i32,
}

/// `struct rusage` (144 bytes).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Rusage {
    /// User time: seconds, microseconds.
    pub utime: [i64; 2],
    /// System time: seconds, microseconds.
    pub stime: [i64; 2],
    /// The most bytes ever resident.
    pub maxrss: i64,
    /// Zero.
    pub sizes: [i64; 3],
    /// Faults without I/O.
    pub minflt: i64,
    /// Faults with I/O.
    pub majflt: i64,
    /// Zero: swaps, blocks in and out, messages sent and received, signals.
    pub others: [i64; 6],
    /// Voluntary switches.
    pub nvcsw: i64,
    /// Involuntary switches.
    pub nivcsw: i64,
}

/// `wait4`: do not wait.
pub const WNOHANG: i32 = 1;
/// `wait4`: report stopped children too.
pub const WUNTRACED: i32 = 2;

const _: () = {
    assert!(size_of::<ProcBsdInfo>() == 136 && size_of::<ProcTaskInfo>() == 96);
    assert!(size_of::<ProcRegionInfo>() == 96 && size_of::<VinfoStat>() == 136);
    assert!(size_of::<ProcRegionWithPathInfo>() == 1272);
    assert!(size_of::<KinfoProc>() == 648);
    assert!(
        core::mem::offset_of!(KinfoProc, wchan) == 96
            && core::mem::offset_of!(KinfoProc, priority) == 240
    );
    assert!(
        core::mem::offset_of!(KinfoProc, xstat) == 280
            && core::mem::offset_of!(KinfoProc, ruid) == 392
    );
    assert!(
        core::mem::offset_of!(KinfoProc, uid) == 420
            && core::mem::offset_of!(KinfoProc, ppid) == 560
    );
    assert!(
        core::mem::offset_of!(KinfoProc, eflag) == 612
            && core::mem::offset_of!(KinfoProc, login) == 616
    );
    assert!(size_of::<Rusage>() == 144);
};
