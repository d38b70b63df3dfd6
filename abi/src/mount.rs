//! Records of the calls on mounts: `struct statfs` (64-bit inodes), flags.

/// Bytes of a mount's names.
pub const MAXPATHLEN: usize = 1024;
/// Bytes of a file system's type.
pub const MFSTYPENAMELEN: usize = 16;

/// `struct statfs` with 64-bit inodes (2168 bytes).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Statfs64 {
    /// Bytes of a block.
    pub bsize: u32,
    /// The best transfer size.
    pub iosize: i32,
    /// Blocks.
    pub blocks: u64,
    /// Free blocks.
    pub bfree: u64,
    /// Free blocks that everybody may take.
    pub bavail: u64,
    /// Files that there can be.
    pub files: u64,
    /// Files that can still be made.
    pub ffree: u64,
    /// Device, and the type's number.
    pub fsid: [i32; 2],
    /// Who mounted it.
    pub owner: u32,
    /// The type's number.
    pub kind: u32,
    /// `MNT_*`.
    pub flags: u32,
    /// The type's variant.
    pub subtype: u32,
    /// The type's name.
    pub typename: [u8; MFSTYPENAMELEN],
    /// The directory.
    pub mntonname: [u8; MAXPATHLEN],
    /// What is mounted.
    pub mntfromname: [u8; MAXPATHLEN],
    /// More flags.
    pub flags_ext: u32,
    /// Spare.
    pub reserved: [u32; 7],
}

/// Nothing can be changed.
pub const MNT_RDONLY: u32 = 0x1;
/// Not on another machine.
pub const MNT_LOCAL: u32 = 0x1000;
/// The root.
pub const MNT_ROOTFS: u32 = 0x4000;
/// `unmount`: although it is used.
pub const MNT_FORCE: u32 = 0x8_0000;
