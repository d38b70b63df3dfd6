//! What goes wrong, with the block or inode that it went wrong at.
//!
//! Owns: [`Error`], its sentence and its BSD number. Does not own: who prints it.

use crate::attributes::InodeNumber;
use abi::Errno;
use core::fmt;

/// What the disk was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transfer {
    /// A read of a block.
    Read,
    /// A write of a block.
    Write,
    /// A flush of the disk's cache.
    Flush,
}

/// Why an operation failed. It then changed nothing, but where the operation's own text says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The disk failed at this block (0 for a flush or the superblock).
    Device {
        /// What it was asked for.
        transfer: Transfer,
        /// The block's number.
        block: u32,
    },
    /// The structure on the disk is wrong.
    Corrupt {
        /// What is wrong.
        what: &'static str,
        /// The inode that it was found at, or 0.
        inode: u32,
        /// The block that it was found at, or 0.
        block: u32,
    },
    /// There is no ext2 file system of revision 1 on the disk.
    NotExt2(&'static str),
    /// The file system has incompatible features that this one does not know: the superblock's bits.
    Unsupported(u32),
    /// No such name.
    NotFound,
    /// The name is there already.
    Exists,
    /// A directory is needed.
    NotDirectory,
    /// A directory cannot be used so.
    IsDirectory,
    /// The directory has entries.
    NotEmpty,
    /// No free block, or no free inode.
    NoSpace,
    /// A name of more than 255 bytes, or a symbolic link longer than a block.
    NameTooLong,
    /// An empty name, a name with `/` or NUL, `.` or `..` where they mean nothing, another kind of inode.
    Invalid,
    /// The inode has all the links that the format can count.
    TooManyLinks,
    /// Larger than the format allows.
    TooLarge,
    /// The file system is mounted for reading only.
    ReadOnly,
    /// The kernel has no memory for it.
    NoMemory,
    /// The inode is free: its number is not in use any more.
    Stale(InodeNumber),
}

/// What the operations return.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// The BSD number.
    pub fn errno(self) -> Errno {
        match self {
            Error::Device { .. } | Error::Corrupt { .. } | Error::Stale(_) => Errno::EIO,
            Error::NotExt2(_) | Error::Invalid => Errno::EINVAL,
            Error::Unsupported(_) => Errno::ENOTSUP,
            Error::NotFound => Errno::ENOENT,
            Error::Exists => Errno::EEXIST,
            Error::NotDirectory => Errno::ENOTDIR,
            Error::IsDirectory => Errno::EISDIR,
            Error::NotEmpty => Errno::ENOTEMPTY,
            Error::NoSpace => Errno::ENOSPC,
            Error::NameTooLong => Errno::ENAMETOOLONG,
            Error::TooManyLinks => Errno::EMLINK,
            Error::TooLarge => Errno::EFBIG,
            Error::ReadOnly => Errno::EROFS,
            Error::NoMemory => Errno::ENOMEM,
        }
    }

    /// Corruption found at an inode.
    pub(crate) fn inode(inode: InodeNumber, what: &'static str) -> Self {
        Error::Corrupt {
            what,
            inode: inode.0,
            block: 0,
        }
    }

    /// Corruption found at a block.
    pub(crate) fn block(block: u32, what: &'static str) -> Self {
        Error::Corrupt {
            what,
            inode: 0,
            block,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::Device { transfer, block } => match transfer {
                Transfer::Read => write!(f, "the disk cannot read block {block}"),
                Transfer::Write => write!(f, "the disk cannot write block {block}"),
                Transfer::Flush => f.write_str("the disk cannot flush its cache"),
            },
            Error::Corrupt { what, inode, block } => {
                write!(f, "{what}")?;
                if inode != 0 {
                    write!(f, ", inode {inode}")?;
                }
                if block != 0 {
                    write!(f, ", block {block}")?;
                }
                Ok(())
            }
            Error::NotExt2(why) => write!(f, "not an ext2 file system: {why}"),
            Error::Unsupported(bits) => write!(f, "features that are not known: {bits:#x}"),
            Error::Stale(inode) => write!(f, "inode {} is not in use", inode.0),
            other => f.write_str(other.errno().text()),
        }
    }
}
