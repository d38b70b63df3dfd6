//! Vnodes: files, directories, symbolic links and devices.
//!
//! Owns: what a file is apart from its names: type, permissions, times, bytes, entries. Does not
//! own: which changes of names go together (`tree`). Locks: see the table in `vfs`.

use super::store::Store;
use super::tree::ROOT_NUMBER;
use super::{DirectoryRank, FileRank, PlaceRank};
use crate::shared::{NoMemory, Shared, try_bytes, try_push};
use abi::Errno;
use abi::stat::mode::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use sync::{SleepRwLock, SpinLock};

/// A device that a special file stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Device {
    /// Empty to readers, swallows what is written.
    Null,
    /// Endless zeros.
    Zero,
    /// The console.
    Console,
    /// The caller's terminal; there is one terminal, so it is the console.
    Tty,
    /// Random bytes.
    Random,
    /// A block device, by the number that `block::special` gives it.
    Block(u8),
}

/// The largest file, in bytes.
pub const MAXIMUM_FILE: u64 = 1 << 40;

/// A file's contents and their length.
pub struct File<S: Store> {
    /// The bytes.
    pub object: S::Object,
    size: SleepRwLock<S::Platform, FileRank, u64>,
}

/// An entry of a directory.
pub struct DirectoryEntry<S: Store> {
    name: Vec<u8>,
    node: Shared<Vnode<S>>,
    /// Where `getdirentries` goes on; grows with every entry that is made.
    cookie: u64,
}

/// A directory's entries, in the order of their making.
pub struct Directory<S: Store> {
    entries: Vec<DirectoryEntry<S>>,
    next_cookie: u64,
    /// The directory was removed: nothing may be added any more.
    removed: bool,
}

/// What a vnode is.
pub enum Body<S: Store> {
    /// A regular file.
    File(File<S>),
    /// A directory.
    Directory(SleepRwLock<S::Platform, DirectoryRank, Directory<S>>),
    /// A symbolic link and its target.
    Link(Vec<u8>),
    /// A special file.
    Device(Device),
}

/// Where a vnode is in the tree: its parent and its name there.
type Place<S> = Option<(Shared<Vnode<S>>, Vec<u8>)>;

/// A file of any type.
pub struct Vnode<S: Store> {
    /// File number.
    pub number: u64,
    /// What it is.
    pub body: Body<S>,
    permissions: AtomicU32,
    links: AtomicU32,
    modified: AtomicI64,
    place: SpinLock<S::Platform, PlaceRank, Place<S>>,
}

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(ROOT_NUMBER + 1);

impl<S: Store> Vnode<S> {
    fn make(body: Body<S>, permissions: u16, now: i64) -> Result<Shared<Self>, NoMemory> {
        Self::numbered(NEXT_NUMBER.fetch_add(1, Relaxed), body, permissions, now)
    }

    fn numbered(
        number: u64,
        body: Body<S>,
        permissions: u16,
        now: i64,
    ) -> Result<Shared<Self>, NoMemory> {
        S::keep(Self {
            number,
            body,
            permissions: AtomicU32::new(u32::from(permissions & 0o7777)),
            links: AtomicU32::new(0),
            modified: AtomicI64::new(now),
            place: SpinLock::new(None),
        })
    }

    /// An empty file. `now` is in seconds since 1970 here and below.
    pub fn file(permissions: u16, now: i64) -> Result<Shared<Self>, Errno> {
        let file = File {
            object: S::create()?,
            size: SleepRwLock::new(0),
        };
        Ok(Self::make(Body::File(file), permissions, now)?)
    }

    /// An empty directory.
    pub fn directory(permissions: u16, now: i64) -> Result<Shared<Self>, Errno> {
        Ok(Self::make(Self::no_entries(), permissions, now)?)
    }

    /// The root of a tree.
    pub(super) fn root(now: i64) -> Result<Shared<Self>, Errno> {
        Ok(Self::numbered(ROOT_NUMBER, Self::no_entries(), 0o755, now)?)
    }

    fn no_entries() -> Body<S> {
        Body::Directory(SleepRwLock::new(Directory {
            entries: Vec::new(),
            next_cookie: 2,
            removed: false,
        }))
    }

    /// A symbolic link.
    pub fn link(target: &[u8], now: i64) -> Result<Shared<Self>, Errno> {
        Ok(Self::make(Body::Link(try_bytes(target)?), 0o755, now)?)
    }

    /// A special file.
    pub fn device(device: Device, now: i64) -> Result<Shared<Self>, Errno> {
        Ok(Self::make(Body::Device(device), 0o666, now)?)
    }

    /// Type and permissions, as `st_mode`.
    pub fn mode(&self) -> u16 {
        let kind = match self.body {
            Body::File(_) => S_IFREG,
            Body::Directory(_) => S_IFDIR,
            Body::Link(_) => S_IFLNK,
            Body::Device(Device::Block(_)) => S_IFBLK,
            Body::Device(_) => S_IFCHR,
        };
        kind | (self.permissions.load(Relaxed) as u16 & 0o7777)
    }

    /// Sets the permissions.
    pub fn set_permissions(&self, permissions: u16) {
        self.permissions
            .store(u32::from(permissions & 0o7777), Relaxed);
    }

    /// Names that lead here (a directory: 2 and its subdirectories).
    pub fn links(&self) -> u32 {
        match &self.body {
            Body::Directory(directory) => {
                let is_directory =
                    |entry: &&DirectoryEntry<S>| matches!(entry.node.body, Body::Directory(_));
                2 + directory.read().entries.iter().filter(is_directory).count() as u32
            }
            _ => self.links.load(Relaxed),
        }
    }

    /// Last write, in seconds since 1970.
    pub fn modified(&self) -> i64 {
        self.modified.load(Relaxed)
    }

    /// Notes a write.
    pub fn touch(&self, now: i64) {
        self.modified.store(now, Relaxed);
    }

    /// Bytes (a directory: entries; a link: of its target).
    pub fn size(&self) -> u64 {
        match &self.body {
            Body::File(file) => *file.size.read(),
            Body::Directory(directory) => (directory.read().entries.len() as u64 + 2) * 32,
            Body::Link(target) => target.len() as u64,
            Body::Device(_) => 0,
        }
    }

    /// The entry of that name.
    pub fn lookup(&self, name: &[u8]) -> Result<Shared<Self>, Errno> {
        let Body::Directory(directory) = &self.body else {
            return Err(Errno::ENOTDIR);
        };
        let directory = directory.read();
        let entry = directory.entries.iter().find(|entry| entry.name == name);
        entry.map(|entry| entry.node.clone()).ok_or(Errno::ENOENT)
    }

    /// The directory that this vnode is in, if it is in the tree and not its root.
    pub fn parent(&self) -> Option<Shared<Self>> {
        self.place.lock().as_ref().map(|(parent, _)| parent.clone())
    }

    /// Calls `visit` with entries from `cookie` on (0: from the first), with the cookie of what
    /// follows each; it stops when `visit` answers `false`. `.` and `..` come first. No lock is
    /// held while `visit` runs.
    pub fn list(
        this: &Shared<Self>,
        mut cookie: u64,
        mut visit: impl FnMut(&Self, &[u8], u64) -> bool,
    ) -> Result<(), Errno> {
        let Body::Directory(directory) = &this.body else {
            return Err(Errno::ENOTDIR);
        };
        if cookie == 0 {
            if !visit(this, b".", 1) {
                return Ok(());
            }
            cookie = 1;
        }
        if cookie == 1 {
            let parent = this.parent();
            if !visit(parent.as_ref().unwrap_or(this), b"..", 2) {
                return Ok(());
            }
            cookie = 2;
        }
        loop {
            let mut name = [0; super::MAXIMUM_NAME];
            let (node, length) = {
                let directory = directory.read();
                let at = directory
                    .entries
                    .partition_point(|entry| entry.cookie < cookie);
                let Some(entry) = directory.entries.get(at) else {
                    return Ok(());
                };
                cookie = entry.cookie + 1;
                name[..entry.name.len()].copy_from_slice(&entry.name);
                (entry.node.clone(), entry.name.len())
            };
            if !visit(&node, &name[..length], cookie) {
                return Ok(());
            }
        }
    }

    /// Reads a file from `offset`; answers how many bytes there were.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let file = self.as_file()?;
        let size = file.size.read();
        let count = size.saturating_sub(offset).min(into.len() as u64) as usize;
        if count > 0 {
            S::read(&file.object, offset, &mut into[..count])?;
        }
        Ok(count)
    }

    /// Writes all of `from` at `offset` (`None`: at the end); answers where it began.
    pub fn write(&self, offset: Option<u64>, from: &[u8], now: i64) -> Result<u64, Errno> {
        let file = self.as_file()?;
        let mut size = file.size.write();
        let offset = offset.unwrap_or(*size);
        let end = offset.checked_add(from.len() as u64).ok_or(Errno::EFBIG)?;
        if end > MAXIMUM_FILE {
            return Err(Errno::EFBIG);
        }
        if end > *size && !from.is_empty() {
            S::resize(&file.object, end)?;
            *size = end;
        }
        S::write(&file.object, offset, from)?;
        self.touch(now);
        Ok(offset)
    }

    /// Sets a file's size.
    pub fn truncate(&self, length: u64, now: i64) -> Result<(), Errno> {
        let file = self.as_file()?;
        if length > MAXIMUM_FILE {
            return Err(Errno::EFBIG);
        }
        let mut size = file.size.write();
        S::resize(&file.object, length)?;
        *size = length;
        self.touch(now);
        Ok(())
    }

    /// The regular file that this is.
    pub fn as_file(&self) -> Result<&File<S>, Errno> {
        match &self.body {
            Body::File(file) => Ok(file),
            Body::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Writes the path from the root, without NUL; `None` if it does not fit or is not in the tree.
    pub fn path<'a>(this: &Shared<Self>, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let mut at = buffer.len();
        let mut node = this.clone();
        loop {
            let parent = {
                let place = node.place.lock();
                let Some((parent, name)) = place.as_ref() else {
                    break;
                };
                let start = at.checked_sub(name.len() + 1)?;
                buffer[start] = b'/';
                buffer[start + 1..at].copy_from_slice(name);
                at = start;
                parent.clone()
            };
            node = parent;
        }
        if node.number != ROOT_NUMBER {
            return None;
        }
        if at == buffer.len() {
            at = at.checked_sub(1)?;
            buffer[at] = b'/';
        }
        Some(&buffer[at..])
    }

    /// Adds an entry. The tree's lock is held.
    pub(super) fn insert(
        this: &Shared<Self>,
        name: &[u8],
        node: &Shared<Self>,
    ) -> Result<(), Errno> {
        let Body::Directory(directory) = &this.body else {
            return Err(Errno::ENOTDIR);
        };
        let place = Some((this.clone(), try_bytes(name)?));
        let entry_name = try_bytes(name)?;
        let mut directory = directory.write();
        if directory.removed {
            return Err(Errno::ENOENT);
        }
        if directory.entries.iter().any(|entry| entry.name == name) {
            return Err(Errno::EEXIST);
        }
        let cookie = directory.next_cookie;
        let entry = DirectoryEntry {
            name: entry_name,
            node: node.clone(),
            cookie,
        };
        try_push(&mut directory.entries, entry)?;
        directory.next_cookie += 1;
        drop(directory);
        node.links.fetch_add(1, Relaxed);
        let before = core::mem::replace(&mut *node.place.lock(), place);
        drop(before);
        Ok(())
    }

    /// Takes an entry out. The tree's lock is held.
    pub(super) fn take(this: &Shared<Self>, name: &[u8]) -> Result<Shared<Self>, Errno> {
        let Body::Directory(directory) = &this.body else {
            return Err(Errno::ENOTDIR);
        };
        let mut directory = directory.write();
        let at = directory
            .entries
            .iter()
            .position(|entry| entry.name == name);
        let entry = directory.entries.remove(at.ok_or(Errno::ENOENT)?);
        if directory.entries.is_empty() {
            // The only moment when the list can be made smaller without memory for a new one.
            directory.entries = Vec::new();
        }
        drop(directory);
        let node = entry.node;
        node.links.fetch_sub(1, Relaxed);
        let mut place = node.place.lock();
        let here = place
            .as_ref()
            .is_some_and(|(parent, at)| parent.same(this) && at == name);
        let before = if here { place.take() } else { None };
        drop(place);
        drop(before);
        Ok(node)
    }

    /// Puts `node` where an entry of that name is; answers what was there. The tree's lock is held.
    pub(super) fn replace(
        this: &Shared<Self>,
        name: &[u8],
        node: &Shared<Self>,
    ) -> Result<Shared<Self>, Errno> {
        let Body::Directory(directory) = &this.body else {
            return Err(Errno::ENOTDIR);
        };
        let place = Some((this.clone(), try_bytes(name)?));
        let mut directory = directory.write();
        let entry = directory
            .entries
            .iter_mut()
            .find(|entry| entry.name == name);
        let entry = entry.ok_or(Errno::ENOENT)?;
        let old = core::mem::replace(&mut entry.node, node.clone());
        drop(directory);
        node.links.fetch_add(1, Relaxed);
        old.links.fetch_sub(1, Relaxed);
        let old_place = old.place.lock().take();
        let before = core::mem::replace(&mut *node.place.lock(), place);
        drop((old_place, before));
        Ok(old)
    }

    /// Marks an empty directory as removed; `ENOTEMPTY` otherwise. The tree's lock is held.
    pub(super) fn close_directory(&self) -> Result<(), Errno> {
        let Body::Directory(directory) = &self.body else {
            return Err(Errno::ENOTDIR);
        };
        let mut directory = directory.write();
        if !directory.entries.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        directory.removed = true;
        Ok(())
    }
}
