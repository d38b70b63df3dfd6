//! What is known about an inode, as the layer above sees it.
//!
//! Owns: the public types of numbers, kinds, attributes. Does not own: their place on the disk (`inode`).

use abi::stat::{Timespec, mode};

/// An inode's number, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InodeNumber(pub u32);

impl InodeNumber {
    /// The root directory.
    pub const ROOT: Self = InodeNumber(2);
}

/// What an inode is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A pipe with a name.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    /// The kind that `mode` says, or `None` if it says none.
    pub(crate) fn of_mode(bits: u16) -> Option<Self> {
        Some(match bits & mode::S_IFMT {
            mode::S_IFREG => Kind::File,
            mode::S_IFDIR => Kind::Directory,
            mode::S_IFLNK => Kind::Symlink,
            mode::S_IFCHR => Kind::Character,
            mode::S_IFBLK => Kind::Block,
            mode::S_IFIFO => Kind::Fifo,
            SOCKET => Kind::Socket,
            _ => return None,
        })
    }

    /// The type's bits in a mode.
    pub fn mode(self) -> u16 {
        match self {
            Kind::File => mode::S_IFREG,
            Kind::Directory => mode::S_IFDIR,
            Kind::Symlink => mode::S_IFLNK,
            Kind::Character => mode::S_IFCHR,
            Kind::Block => mode::S_IFBLK,
            Kind::Fifo => mode::S_IFIFO,
            Kind::Socket => SOCKET,
        }
    }

    /// The kind that a directory record says (feature `filetype`).
    pub(crate) fn of_record(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Kind::File,
            2 => Kind::Directory,
            3 => Kind::Character,
            4 => Kind::Block,
            5 => Kind::Fifo,
            6 => Kind::Socket,
            7 => Kind::Symlink,
            _ => return None,
        })
    }

    /// The byte in a directory record.
    pub(crate) fn record(self) -> u8 {
        match self {
            Kind::File => 1,
            Kind::Directory => 2,
            Kind::Character => 3,
            Kind::Block => 4,
            Kind::Fifo => 5,
            Kind::Socket => 6,
            Kind::Symlink => 7,
        }
    }
}

/// A socket's type bits.
const SOCKET: u16 = 0o140000;

/// A device's numbers, 12 bits of major and 20 of minor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceNumber {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

/// What an inode says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    /// Its number.
    pub inode: InodeNumber,
    /// What it is.
    pub kind: Kind,
    /// Permissions, set-user-id, set-group-id and sticky: 12 bits.
    pub permissions: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Names.
    pub links: u16,
    /// Blocks of 512 bytes that it has on the disk, those that name others included.
    pub blocks: u64,
    /// Last access.
    pub atime: Timespec,
    /// Last write.
    pub mtime: Timespec,
    /// Last change of these.
    pub ctime: Timespec,
    /// The device that a device node names.
    pub device: DeviceNumber,
    /// Distinguishes the inodes that had this number.
    pub generation: u32,
}

/// What to change; `None` stays as it is.
#[derive(Clone, Copy, Default, Debug)]
pub struct Changes {
    /// The 12 bits of permissions.
    pub permissions: Option<u16>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Last access.
    pub atime: Option<Timespec>,
    /// Last write.
    pub mtime: Option<Timespec>,
    /// Last change of attributes.
    pub ctime: Option<Timespec>,
}

/// The whole file system, counted in blocks of `block_size` bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statistics {
    /// Bytes of a block: 1024, 2048 or 4096.
    pub block_size: u32,
    /// Blocks for files and what belongs to them.
    pub blocks: u64,
    /// Blocks that are free. Those of deleted files count from the moment on that they were freed.
    pub free_blocks: u64,
    /// Blocks that its maker set aside for the super-user; they are among the free ones.
    pub reserved_blocks: u64,
    /// Inodes.
    pub inodes: u64,
    /// Inodes that are free.
    pub free_inodes: u64,
    /// The longest name.
    pub name_bytes: u32,
}
