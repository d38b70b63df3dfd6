//! Vnodes: files of any file system, as long as somebody looks at them.
//!
//! Owns: what a file is apart from its names: attributes, the size of its bytes, its place in the tree
//! and what is mounted on it. Does not own: which changes of names go together (`tree`), where all of
//! that is kept (`file_system`), which vnodes there are (`mount`). Locks: see the table in `vfs`.

use super::attributes::{Attributes, Change, DeviceNumber, Kind, PERMISSIONS};
use super::file_system::FileSystem;
use super::mount::Mount;
use super::store::Store;
use super::{DirectoryRank, LeafRank, MAXIMUM_LINK};
use crate::shared::{Shared, try_bytes, try_zeroed};
use crate::vfs::file::File;
use abi::Errno;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use sync::{SleepRwLock, SpinLock};

/// A file as its file system has it. It lives as long as its vnode or its bytes do; with it goes the
/// file, if it has no name left.
pub struct Inode<S: Store> {
    /// Where it is.
    pub mount: Shared<Mount<S>>,
    /// Its number there.
    pub number: u64,
    /// Names that lead to it.
    links: AtomicU32,
}

impl<S: Store> Inode<S> {
    fn new(mount: &Shared<Mount<S>>, number: u64, links: u32) -> Result<Shared<Self>, Errno> {
        let inode = Self {
            mount: mount.clone(),
            number,
            links: AtomicU32::new(links),
        };
        mount.enter_inode();
        Ok(Shared::try_new(inode)?)
    }

    /// Names that lead to it.
    pub fn links(&self) -> u32 {
        self.links.load(Ordering::Relaxed)
    }
}

impl<S: Store> Drop for Inode<S> {
    fn drop(&mut self) {
        if self.links() == 0 {
            self.mount.system().release(self.number);
        }
        self.mount.leave_inode();
    }
}

/// Whether a directory can get entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// It can.
    Alive,
    /// It was removed.
    Removed,
}

/// What a vnode is.
pub enum Body<S: Store> {
    /// A regular file.
    File(File<S>),
    /// A directory: the lock of its entries.
    Directory(SleepRwLock<S::Platform, DirectoryRank, Life>),
    /// A symbolic link and its target.
    Link(Vec<u8>),
    /// A special file.
    Device(DeviceNumber),
    /// A pipe or socket by name: it can be looked at, not opened.
    Other,
}

/// Where a vnode is in its file system: its parent and its name there.
type Place<S> = Option<(Shared<Vnode<S>>, Vec<u8>)>;

/// What changes of a vnode.
struct State<S: Store> {
    attributes: Attributes,
    /// The file system does not know these attributes yet.
    is_changed: bool,
    place: Place<S>,
    /// What is mounted here.
    cover: Option<Shared<Mount<S>>>,
}

/// A file of any type.
pub struct Vnode<S: Store> {
    /// File number.
    pub number: u64,
    /// What it is.
    pub body: Body<S>,
    inode: Shared<Inode<S>>,
    state: SpinLock<S::Platform, LeafRank, State<S>>,
    is_covered: AtomicBool,
    /// Looked up since the last sweep.
    pub(super) is_recent: AtomicBool,
}

impl<S: Store> Vnode<S> {
    /// The vnode of a file that has none. `ENOENT` if the file has no name.
    pub(super) fn load(mount: &Shared<Mount<S>>, number: u64) -> Result<Shared<Self>, Errno> {
        let system = mount.system();
        let attributes = system.attributes(number)?;
        if attributes.links == 0 {
            return Err(Errno::ENOENT);
        }
        let inode = Inode::new(mount, number, attributes.links)?;
        let body = match attributes.kind {
            Kind::File => Body::File(File::new(
                system.bytes(&inode, attributes.size)?,
                attributes.size,
            )),
            Kind::Directory => Body::Directory(SleepRwLock::new(Life::Alive)),
            Kind::Link => {
                let length = usize::try_from(attributes.size).unwrap_or(usize::MAX);
                let mut target = try_zeroed(length.min(MAXIMUM_LINK))?;
                let length = system.read_link(number, &mut target)?;
                target.truncate(length);
                Body::Link(target)
            }
            Kind::Character | Kind::Block => Body::Device(attributes.device),
            Kind::Pipe | Kind::Socket => Body::Other,
        };
        Ok(S::keep(Self {
            number,
            body,
            inode,
            state: SpinLock::new(State {
                attributes,
                is_changed: false,
                place: None,
                cover: None,
            }),
            is_covered: AtomicBool::new(false),
            is_recent: AtomicBool::new(true),
        })?)
    }

    /// The file system that it is in.
    pub fn mount(&self) -> &Shared<Mount<S>> {
        &self.inode.mount
    }

    pub(super) fn system(&self) -> &dyn FileSystem<S> {
        self.inode.mount.system()
    }

    /// What is known of it, as `stat` says.
    pub fn attributes(&self) -> Result<Attributes, Errno> {
        let kept = self.system().attributes(self.number)?;
        let mut attributes = self.state.lock().attributes;
        attributes.links = self.links();
        attributes.blocks = kept.blocks;
        attributes.size = match &self.body {
            Body::File(file) => file.size(),
            _ => kept.size,
        };
        Ok(attributes)
    }

    /// Type and permissions, as `st_mode`.
    pub fn mode(&self) -> u16 {
        let attributes = &self.state.lock().attributes;
        attributes.kind.mode() | attributes.permissions
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        self.state.lock().attributes.kind
    }

    /// Whose it is.
    pub fn user(&self) -> u32 {
        self.state.lock().attributes.user
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory(_))
    }

    /// Changes attributes, except the size. `EROFS`.
    pub fn change(&self, change: &Change) -> Result<(), Errno> {
        self.mount().check_writable()?;
        let change = Change {
            size: None,
            changed: Some(change.changed.unwrap_or_else(S::now)),
            ..*change
        };
        self.note(&change);
        Ok(())
    }

    /// Sets the permissions.
    pub fn set_permissions(&self, permissions: u16) -> Result<(), Errno> {
        self.change(&Change {
            permissions: Some(permissions & PERMISSIONS),
            ..Change::default()
        })
    }

    pub(super) fn note(&self, change: &Change) {
        let mut state = self.state.lock();
        change.apply(&mut state.attributes);
        state.is_changed = true;
    }

    /// Notes a write.
    pub fn touch(&self) {
        let now = S::now();
        self.note(&Change {
            modified: Some(now),
            changed: Some(now),
            ..Change::default()
        });
    }

    /// Notes a read, if the last one that was noted is older than the last write: whoever wants to
    /// know whether a file was read since learns it, and reading costs no writing.
    pub fn note_read(&self) {
        let mut state = self.state.lock();
        let attributes = &state.attributes;
        let (read, wrote) = (attributes.accessed, attributes.modified);
        if (read.sec, read.nsec) <= (wrote.sec, wrote.nsec) && !self.mount().is_read_only() {
            drop(state);
            let now = S::now();
            state = self.state.lock();
            state.attributes.accessed = now;
            state.is_changed = true;
        }
    }

    /// Names that lead here (a directory: 2 and its subdirectories).
    pub fn links(&self) -> u32 {
        self.inode.links()
    }

    /// One name more or fewer. The mount's lock of changes is held.
    pub(super) fn count_link(&self, gained: bool) {
        let links = &self.inode.links;
        let now = if gained {
            links.load(Ordering::Relaxed).saturating_add(1)
        } else {
            links.load(Ordering::Relaxed).saturating_sub(1)
        };
        links.store(now, Ordering::Relaxed);
        self.note(&Change {
            changed: Some(S::now()),
            ..Change::default()
        });
    }

    /// A directory has lost its only name. The mount's lock of changes is held.
    pub(super) fn count_removed(&self) {
        self.inode.links.store(0, Ordering::Relaxed);
    }

    /// Bytes (a directory: as its file system counts them; a link: of its target).
    pub fn size(&self) -> u64 {
        match &self.body {
            Body::File(file) => file.size(),
            Body::Link(target) => target.len() as u64,
            _ => self
                .system()
                .attributes(self.number)
                .map_or(0, |attributes| attributes.size),
        }
    }

    /// The directory that it was found in, if it is not a file system's root.
    pub fn parent(&self) -> Option<Shared<Self>> {
        let state = self.state.lock();
        state.place.as_ref().map(|(parent, _)| parent.clone())
    }

    /// Remembers where it was found, unless a place is known.
    pub(super) fn found_at(&self, parent: &Shared<Self>, name: &[u8]) -> Result<(), Errno> {
        if self.state.lock().place.is_some() {
            return Ok(());
        }
        let place = Some((parent.clone(), try_bytes(name)?));
        let mut state = self.state.lock();
        let left = if state.place.is_none() {
            core::mem::replace(&mut state.place, place)
        } else {
            place
        };
        drop(state);
        drop(left);
        Ok(())
    }

    /// It is there from now on.
    pub(super) fn moved_to(&self, place: (Shared<Self>, Vec<u8>)) {
        let before = self.state.lock().place.replace(place);
        drop(before);
    }

    /// That name leads here no longer.
    pub(super) fn left(&self, parent: &Shared<Self>, name: &[u8]) {
        let mut state = self.state.lock();
        let here = state
            .place
            .as_ref()
            .is_some_and(|(directory, at)| directory.same(parent) && at == name);
        let before = if here { state.place.take() } else { None };
        drop(state);
        drop(before);
    }

    /// What is mounted here.
    pub fn cover(&self) -> Option<Shared<Mount<S>>> {
        if self.is_covered.load(Ordering::Acquire) {
            self.state.lock().cover.clone()
        } else {
            None
        }
    }

    pub(super) fn set_cover(&self, mount: Option<Shared<Mount<S>>>) {
        self.is_covered.store(mount.is_some(), Ordering::Release);
        let before = core::mem::replace(&mut self.state.lock().cover, mount);
        drop(before);
    }

    /// Whether it is its file system's root.
    pub fn is_root(&self) -> bool {
        self.number == self.mount().root_number()
    }

    /// The lock of a directory's entries.
    pub(super) fn as_directory(
        &self,
    ) -> Result<&SleepRwLock<S::Platform, DirectoryRank, Life>, Errno> {
        match &self.body {
            Body::Directory(lock) => Ok(lock),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// The regular file that this is.
    pub fn as_file(&self) -> Result<&File<S>, Errno> {
        match &self.body {
            Body::File(file) => Ok(file),
            Body::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Tells the file system what it does not know yet of the attributes, and that a file has `size`
    /// bytes, which are written.
    pub(super) fn write_attributes(&self, size: u64) -> Result<(), Errno> {
        let change = {
            let mut state = self.state.lock();
            if !state.is_changed {
                return Ok(());
            }
            // What was added meanwhile is told the next time.
            state.is_changed = matches!(&self.body, Body::File(file) if file.size() != size);
            state.attributes.size = size;
            Change::all(&state.attributes)
        };
        let done = self.system().change(self.number, &change);
        if done.is_err() {
            self.state.lock().is_changed = true;
        }
        done
    }

    /// Whether the file system knows all attributes.
    pub(super) fn is_settled(&self) -> bool {
        !self.state.lock().is_changed
    }

    /// Writes the path from the root, without NUL; `None` if it does not fit or is not in the tree.
    pub fn path<'a>(this: &Shared<Self>, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let mut at = buffer.len();
        let mut node = this.clone();
        loop {
            if node.is_root() {
                match node.mount().covers() {
                    Some(below) => {
                        node = below;
                        continue;
                    }
                    None => break,
                }
            }
            let parent = {
                let state = node.state.lock();
                let (parent, name) = state.place.as_ref()?;
                let start = at.checked_sub(name.len() + 1)?;
                buffer[start] = b'/';
                buffer[start + 1..at].copy_from_slice(name);
                at = start;
                parent.clone()
            };
            node = parent;
        }
        if at == buffer.len() {
            at = at.checked_sub(1)?;
            buffer[at] = b'/';
        }
        Some(&buffer[at..])
    }
}
