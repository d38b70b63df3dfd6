//! ext2 on a block device, as `vfs` wants its file systems.
//!
//! Owns: the translation. Does not own: the format (`ext2`), the device (`block`), the bytes of files (`pager`).

use super::pager::{Backing, FilePager};
use super::{FileObject, ObjectStore};
use crate::block::{self, BlockDevice, bytes};
use crate::log;
use crate::memory::vm;
use crate::platform::Machine;
use crate::shared::Shared;
use crate::vfs::attributes::{Attributes, Change, DeviceNumber, Kind, New, Space, What};
use crate::vfs::file_system::{At, Entry};
use crate::vfs::{Access, FileSystem, Inode, Store};
use abi::Errno;
use core::fmt;
use core::ops::ControlFlow;
use ext2::{Allocate, Changes, Cookie, DiskError, Ext2, InodeNumber, Name, Node, Options, Run};

/// Blocks that are kept of names, inodes and maps.
const CACHE: u32 = 64;
/// Runs of blocks that are looked at in one go.
const RUNS: usize = 16;

/// A block device as ext2 uses it.
pub struct Device(&'static dyn BlockDevice);

impl ext2::Disk for Device {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), DiskError> {
        bytes::read(self.0, at, into).map_err(|_| DiskError)
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), DiskError> {
        bytes::write(self.0, at, from).map_err(|_| DiskError)
    }

    fn flush(&self) -> Result<(), DiskError> {
        self.0.flush().map_err(|_| DiskError)
    }
}

/// Why a device was not mounted.
#[derive(Clone, Copy, Debug)]
pub enum NotMounted {
    /// There is no device of that name.
    NoDevice,
    /// What is on it cannot be used.
    Ext2(ext2::Error),
}

impl NotMounted {
    /// For programs.
    pub fn errno(self) -> Errno {
        match self {
            Self::NoDevice => Errno::ENXIO,
            Self::Ext2(error) => error.errno(),
        }
    }
}

impl fmt::Display for NotMounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDevice => f.write_str("there is no such block device"),
            Self::Ext2(error) => error.fmt(f),
        }
    }
}

/// A mounted ext2.
pub struct DiskFs {
    /// The format.
    pub ext2: Ext2<Device, Machine>,
    /// What it is on.
    pub device: &'static dyn BlockDevice,
}

impl DiskFs {
    /// Mounts what is on a device. What can only be read is mounted so: see [`DiskFs::access`].
    pub fn mount(name: &str, access: Access) -> Result<Self, NotMounted> {
        let device = block::find(name).ok_or(NotMounted::NoDevice)?;
        let read_only = access == Access::ReadOnly || device.access() == block::Access::ReadOnly;
        let options = Options {
            access: if read_only { ext2::Access::ReadOnly } else { ext2::Access::ReadWrite },
            cache_blocks: CACHE,
            now: ObjectStore::now(),
        };
        let ext2 = Ext2::mount(Device(device), options).map_err(NotMounted::Ext2)?;
        if ext2.condition() == ext2::Condition::NeedsCheck {
            log!("{name}: was not unmounted; e2fsck should look at it");
        }
        Ok(Self { ext2, device })
    }

    /// Whether it can be changed.
    pub fn access(&self) -> Access {
        match self.ext2.access() {
            ext2::Access::ReadOnly => Access::ReadOnly,
            ext2::Access::ReadWrite => Access::ReadWrite,
        }
    }

    /// An error's number; one that a check of the disk should follow is said.
    fn said(&self, error: ext2::Error) -> Errno {
        if let ext2::Error::Corrupt { .. } = error {
            log!("{}: {error}", self.device.name());
        }
        error.errno()
    }
}

fn inode(number: u64) -> Result<InodeNumber, Errno> {
    u32::try_from(number).map(InodeNumber).map_err(|_| Errno::ENOENT)
}

fn name(at: At<'_>) -> Result<Name<'_>, Errno> {
    Ok(Name {
        directory: inode(at.directory)?,
        name: at.name,
    })
}

fn kind(kind: ext2::Kind) -> Kind {
    match kind {
        ext2::Kind::File => Kind::File,
        ext2::Kind::Directory => Kind::Directory,
        ext2::Kind::Symlink => Kind::Link,
        ext2::Kind::Character => Kind::Character,
        ext2::Kind::Block => Kind::Block,
        ext2::Kind::Fifo => Kind::Pipe,
        ext2::Kind::Socket => Kind::Socket,
    }
}

fn node<'a>(new: &New<'a>) -> Result<Node<'a>, Errno> {
    let device = |number: DeviceNumber| ext2::DeviceNumber {
        major: u32::from(number.major()),
        minor: number.minor(),
    };
    Ok(match new.what {
        What::File => Node::File,
        What::Directory => Node::Directory,
        What::Link(target) => Node::Symlink(target),
        What::Device(Kind::Block, number) => Node::Block(device(number)),
        What::Device(Kind::Character, number) => Node::Character(device(number)),
        What::Device(..) => return Err(Errno::EINVAL),
    })
}

impl FileSystem<ObjectStore> for DiskFs {
    fn kind(&self) -> &'static str {
        "ext2"
    }

    fn root(&self) -> u64 {
        u64::from(InodeNumber::ROOT.0)
    }

    fn attributes(&self, number: u64) -> Result<Attributes, Errno> {
        let found = self.ext2.attributes(inode(number)?).map_err(|error| self.said(error))?;
        let born = if (found.mtime.sec, found.mtime.nsec) < (found.ctime.sec, found.ctime.nsec) {
            found.mtime
        } else {
            found.ctime
        };
        Ok(Attributes {
            kind: kind(found.kind),
            permissions: found.permissions,
            user: found.uid,
            group: found.gid,
            links: u32::from(found.links),
            size: found.size,
            blocks: found.blocks,
            device: DeviceNumber::new(found.device.major as u8, found.device.minor),
            accessed: found.atime,
            modified: found.mtime,
            changed: found.ctime,
            born,
        })
    }

    fn change(&self, number: u64, change: &Change) -> Result<(), Errno> {
        // The size is the file system's from the moment on that it changes: `resize`.
        let changes = Changes {
            permissions: change.permissions,
            uid: change.user,
            gid: change.group,
            atime: change.accessed,
            mtime: change.modified,
            ctime: change.changed,
        };
        let done = self.ext2.set_attributes(inode(number)?, &changes);
        done.map(drop).map_err(|error| self.said(error))
    }

    fn lookup(&self, at: At<'_>) -> Result<u64, Errno> {
        let found = self.ext2.lookup(inode(at.directory)?, at.name);
        Ok(u64::from(found.map_err(|error| self.said(error))?.inode.0))
    }

    fn make(&self, at: At<'_>, new: &New<'_>) -> Result<u64, Errno> {
        let made = ext2::New {
            node: node(new)?,
            permissions: new.permissions,
            uid: new.user,
            gid: 0,
        };
        let made = self.ext2.create(inode(at.directory)?, at.name, &made, ObjectStore::now());
        Ok(u64::from(made.map_err(|error| self.said(error))?.inode.0))
    }

    fn link(&self, number: u64, at: At<'_>) -> Result<(), Errno> {
        let done = self.ext2.link(inode(number)?, inode(at.directory)?, at.name, ObjectStore::now());
        done.map_err(|error| self.said(error))
    }

    fn unlink(&self, at: At<'_>) -> Result<(), Errno> {
        let done = self.ext2.unlink(inode(at.directory)?, at.name, ObjectStore::now());
        done.map(drop).map_err(|error| self.said(error))
    }

    fn remove_directory(&self, at: At<'_>) -> Result<(), Errno> {
        let done = self.ext2.rmdir(inode(at.directory)?, at.name, ObjectStore::now());
        done.map(drop).map_err(|error| self.said(error))
    }

    fn rename(&self, from: At<'_>, to: At<'_>) -> Result<(), Errno> {
        let done = self.ext2.rename(name(from)?, name(to)?, ObjectStore::now());
        done.map(drop).map_err(|error| self.said(error))
    }

    fn list(
        &self,
        directory: u64,
        cookie: u64,
        visit: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<(), Errno> {
        let directory = inode(directory)?;
        let mut cookie = Cookie(cookie);
        loop {
            // One by one: the format's lock is held while it lists.
            let mut name = [0; ext2::MAXIMUM_NAME as usize];
            let mut found = None;
            let listed = self.ext2.list(directory, cookie, |entry| {
                let length = entry.name.len().min(name.len());
                name[..length].copy_from_slice(&entry.name[..length]);
                found = Some((entry.inode, entry.kind, length, entry.next));
                ControlFlow::Break(())
            });
            listed.map_err(|error| self.said(error))?;
            let Some((number, of, length, next)) = found else { return Ok(()) };
            let entry = Entry {
                number: u64::from(number.0),
                kind: kind(of),
                name: &name[..length],
                next: next.0,
            };
            if !visit(entry) {
                return Ok(());
            }
            cookie = next;
        }
    }

    fn read_link(&self, number: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let target = self.ext2.readlink(inode(number)?, into);
        Ok(target.map_err(|error| self.said(error))?.len())
    }

    fn bytes(&self, of: &Shared<Inode<ObjectStore>>, size: u64) -> Result<Shared<FileObject>, Errno> {
        let backing = Backing::new(of)?;
        let made = vm().object_create_paged(FilePager(backing.clone()), size);
        let object = made.map_err(|_| Errno::ENOMEM)?;
        Ok(Shared::try_new(FileObject::paged(object, backing))?)
    }

    fn resize(&self, number: u64, size: u64) -> Result<(), Errno> {
        let done = self.ext2.truncate(inode(number)?, size, ObjectStore::now());
        done.map_err(|error| self.said(error))
    }

    fn reserve(&self, number: u64, at: u64, bytes: u64) -> Result<(), Errno> {
        let (number, end) = (inode(number)?, at.saturating_add(bytes));
        let mut at = at;
        while at < end {
            let mut runs = [Run::EMPTY; RUNS];
            let found = self.ext2.map(number, at, end - at, Allocate::Yes, &mut runs);
            let found = found.map_err(|error| self.said(error))?;
            let Some(last) = found.last() else { return Ok(()) };
            at = last.at.saturating_add(last.bytes);
        }
        Ok(())
    }

    fn release(&self, number: u64) {
        let Ok(number) = inode(number) else { return };
        if let Err(error) = self.ext2.release(number, ObjectStore::now()) {
            // It stays, without a name, until a check of the disk finds it.
            log!("{}: inode {}: {error}", self.device.name(), number.0);
        }
    }

    fn sync(&self, _: u64) -> Result<(), Errno> {
        self.sync_all()
    }

    fn sync_all(&self) -> Result<(), Errno> {
        self.ext2.sync_all().map_err(|error| self.said(error))
    }

    fn space(&self) -> Result<Space, Errno> {
        let found = self.ext2.statistics();
        Ok(Space {
            block_size: found.block_size,
            blocks: found.blocks,
            free: found.free_blocks,
            available: found.free_blocks.saturating_sub(found.reserved_blocks),
            files: found.inodes,
            free_files: found.free_inodes,
        })
    }

    fn unmount(&self) -> Result<(), Errno> {
        self.ext2.unmount(ObjectStore::now()).map_err(|error| self.said(error))
    }
}
