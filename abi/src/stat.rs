//! Records of the file calls: `struct stat` (64-bit inodes), `struct dirent`, `struct timespec`.

/// Seconds and nanoseconds.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Timespec {
    /// Seconds.
    pub sec: i64,
    /// Nanoseconds.
    pub nsec: i64,
}

/// `struct stat` with 64-bit inodes (144 bytes).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Stat64 {
    /// Device.
    pub dev: i32,
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
    /// Device number of a special file.
    pub rdev: i32,
    /// Padding of the C record.
    pub pad: i32,
    /// Last access.
    pub atime: Timespec,
    /// Last write.
    pub mtime: Timespec,
    /// Last change of status.
    pub ctime: Timespec,
    /// Birth.
    pub birthtime: Timespec,
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
    /// Spare.
    pub lspare: i32,
    /// Spare.
    pub qspare: [i64; 2],
}

/// File types in `Stat64::mode`.
pub mod mode {
    /// The type's mask.
    pub const S_IFMT: u16 = 0o170000;
    /// Pipe.
    pub const S_IFIFO: u16 = 0o010000;
    /// Character device.
    pub const S_IFCHR: u16 = 0o020000;
    /// Directory.
    pub const S_IFDIR: u16 = 0o040000;
    /// Block device.
    pub const S_IFBLK: u16 = 0o060000;
    /// Regular file.
    pub const S_IFREG: u16 = 0o100000;
    /// Symbolic link.
    pub const S_IFLNK: u16 = 0o120000;
    /// Socket.
    pub const S_IFSOCK: u16 = 0o140000;
}

/// The head of a `struct dirent` (64-bit inodes); the name and its NUL follow, padded so that the
/// record is a multiple of 4 bytes.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct DirentHead {
    /// File number.
    pub ino: u64,
    /// Where to seek for the next one.
    pub seekoff: u64,
    /// Bytes of this record.
    pub reclen: u16,
    /// Bytes of the name.
    pub namlen: u16,
    /// `DT_*`.
    pub kind: u8,
}

/// Bytes before the name in a `struct dirent`.
pub const DIRENT_NAME_OFFSET: usize = 21;
