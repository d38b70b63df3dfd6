//! What is known of a file apart from its bytes and its names.
//!
//! Owns: types of files, attributes, what changes them, what a new file is made from. Does not own:
//! where they are kept (`file_system`), the record that programs see (`abi::stat`).

use abi::Errno;
pub use abi::stat::Timespec;
use abi::stat::mode::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK};

/// The bits of a mode that are no type.
pub const PERMISSIONS: u16 = 0o7777;

/// A type of file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A pipe with a name.
    Pipe,
    /// A socket.
    Socket,
}

impl Kind {
    /// The type that a mode names.
    pub fn of_mode(mode: u16) -> Option<Self> {
        match mode & S_IFMT {
            S_IFREG => Some(Self::File),
            S_IFDIR => Some(Self::Directory),
            S_IFLNK => Some(Self::Link),
            S_IFCHR => Some(Self::Character),
            S_IFBLK => Some(Self::Block),
            S_IFIFO => Some(Self::Pipe),
            S_IFSOCK => Some(Self::Socket),
            _ => None,
        }
    }

    /// Its bits in a mode.
    pub fn mode(self) -> u16 {
        match self {
            Self::File => S_IFREG,
            Self::Directory => S_IFDIR,
            Self::Link => S_IFLNK,
            Self::Character => S_IFCHR,
            Self::Block => S_IFBLK,
            Self::Pipe => S_IFIFO,
            Self::Socket => S_IFSOCK,
        }
    }

    /// What a directory record says of it (`DT_*`).
    pub fn entry(self) -> u8 {
        (self.mode() >> 12) as u8
    }
}

/// A device's number, as Darwin packs it: major in the high 8 bits, minor in the low 24.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeviceNumber(pub u32);

impl DeviceNumber {
    /// Packs both parts.
    pub const fn new(major: u8, minor: u32) -> Self {
        Self((major as u32) << 24 | minor & 0xff_ffff)
    }

    /// The driver.
    pub fn major(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// Which of its devices.
    pub fn minor(self) -> u32 {
        self.0 & 0xff_ffff
    }
}

/// All that is known of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    /// Its type.
    pub kind: Kind,
    /// `07777` of its mode.
    pub permissions: u16,
    /// Whose it is.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// Names that lead to it (a directory: 2 and its subdirectories).
    pub links: u32,
    /// Bytes.
    pub size: u64,
    /// Blocks of 512 bytes that it occupies.
    pub blocks: u64,
    /// Which device, if it is one.
    pub device: DeviceNumber,
    /// Last read.
    pub accessed: Timespec,
    /// Last write.
    pub modified: Timespec,
    /// Last change of these attributes.
    pub changed: Timespec,
    /// When it was made, as far as the file system keeps that.
    pub born: Timespec,
}

/// Attributes to be set; what is `None` stays.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Change {
    /// `07777` of the mode.
    pub permissions: Option<u16>,
    /// Owner.
    pub user: Option<u32>,
    /// Group.
    pub group: Option<u32>,
    /// Bytes: never fewer than the file system knows already, and what lies below is written.
    pub size: Option<u64>,
    /// Last read.
    pub accessed: Option<Timespec>,
    /// Last write.
    pub modified: Option<Timespec>,
    /// Last change of attributes.
    pub changed: Option<Timespec>,
}

impl Change {
    /// Everything that can be set, as `attributes` has it.
    pub fn all(attributes: &Attributes) -> Self {
        Self {
            permissions: Some(attributes.permissions),
            user: Some(attributes.user),
            group: Some(attributes.group),
            size: (attributes.kind == Kind::File).then_some(attributes.size),
            accessed: Some(attributes.accessed),
            modified: Some(attributes.modified),
            changed: Some(attributes.changed),
        }
    }

    /// Makes the change in a record.
    pub fn apply(&self, to: &mut Attributes) {
        to.permissions = self.permissions.unwrap_or(to.permissions) & PERMISSIONS;
        to.user = self.user.unwrap_or(to.user);
        to.group = self.group.unwrap_or(to.group);
        to.size = self.size.unwrap_or(to.size);
        to.accessed = self.accessed.unwrap_or(to.accessed);
        to.modified = self.modified.unwrap_or(to.modified);
        to.changed = self.changed.unwrap_or(to.changed);
    }
}

/// What a new file shall be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What<'a> {
    /// An empty file.
    File,
    /// An empty directory.
    Directory,
    /// A symbolic link to this path.
    Link(&'a [u8]),
    /// A character or block device.
    Device(Kind, DeviceNumber),
}

/// A file to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct New<'a> {
    /// What it shall be.
    pub what: What<'a>,
    /// `07777` of its mode.
    pub permissions: u16,
    /// Whose it shall be.
    pub user: u32,
}

impl<'a> New<'a> {
    /// The superuser's.
    pub fn of_root(what: What<'a>, permissions: u16) -> Self {
        Self {
            what,
            permissions,
            user: 0,
        }
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        match self.what {
            What::File => Kind::File,
            What::Directory => Kind::Directory,
            What::Link(_) => Kind::Link,
            What::Device(kind, _) => kind,
        }
    }

    /// The attributes with which it begins.
    pub fn attributes(&self, now: Timespec) -> Attributes {
        let (size, device) = match self.what {
            What::Link(target) => (target.len() as u64, DeviceNumber::default()),
            What::Device(_, number) => (0, number),
            What::File | What::Directory => (0, DeviceNumber::default()),
        };
        Attributes {
            kind: self.kind(),
            permissions: self.permissions & PERMISSIONS,
            user: self.user,
            group: 0,
            links: if self.kind() == Kind::Directory { 2 } else { 1 },
            size,
            blocks: 0,
            device,
            accessed: now,
            modified: now,
            changed: now,
            born: now,
        }
    }
}

/// What a file system has and has left (`statfs`).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Space {
    /// Bytes of a block.
    pub block_size: u32,
    /// Blocks.
    pub blocks: u64,
    /// Blocks that nothing occupies.
    pub free: u64,
    /// Those of them that everybody may take.
    pub available: u64,
    /// Files that there can be.
    pub files: u64,
    /// Files that can still be made.
    pub free_files: u64,
}

/// The mode that `mkdir`, `open` and `mknod` were given, without what the mask takes away.
pub fn masked(mode: u16, mask: u16) -> u16 {
    mode & PERMISSIONS & !mask
}

/// Refuses a name that no directory can hold.
pub fn check_name(name: &[u8]) -> Result<(), Errno> {
    if name.len() > super::MAXIMUM_NAME {
        Err(Errno::ENAMETOOLONG)
    } else {
        Ok(())
    }
}
