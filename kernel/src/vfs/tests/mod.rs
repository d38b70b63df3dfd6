//! The tree over a store of vectors, with a second file system that can be watched and can fail.

mod changes;
mod mounts;
mod walks;

use super::attributes::{Attributes, Change, New, Space, Timespec, What};
use super::file_system::{At, Entry, FileSystem};
use super::memory::MemoryFs;
use super::mount::{Access, System};
use super::path::{Path, Walk};
use super::store::{Ahead, ProgramBytes, Store};
use super::vnode::{Body, Inode, Vnode};
use super::{Mount, Tree};
use crate::shared::{NoMemory, Shared};
use abi::Errno;
use std::string::String;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::Relaxed};
use std::vec;
use std::vec::Vec;

struct Memory;

const PAGE: u64 = 16;
static CLOCK: AtomicI64 = AtomicI64::new(1000);

impl Store for Memory {
    type Platform = sync::host::Host;
    type Object = Mutex<Vec<u8>>;
    type Disk = Watched;
    fn keep(node: Vnode<Self>) -> Result<Shared<Vnode<Self>>, NoMemory> {
        Shared::try_new(node)
    }
    fn now() -> Timespec {
        Timespec {
            sec: CLOCK.fetch_add(1, Relaxed),
            nsec: 7,
        }
    }
    fn page_size() -> u64 {
        PAGE
    }
    fn create() -> Result<Self::Object, Errno> {
        Ok(Mutex::default())
    }
    /// Whole pages, as VM objects have them.
    fn resize(object: &Self::Object, size: u64) -> Result<(), Errno> {
        let mut bytes = object.lock().unwrap();
        bytes.resize(size.next_multiple_of(PAGE) as usize, 0);
        Ok(())
    }
    fn read(object: &Self::Object, offset: u64, into: &mut [u8], _: Ahead) -> Result<(), Errno> {
        let offset = offset as usize;
        into.copy_from_slice(&object.lock().unwrap()[offset..offset + into.len()]);
        Ok(())
    }
    fn write(object: &Self::Object, offset: u64, from: &[u8]) -> Result<(), Errno> {
        let offset = offset as usize;
        object.lock().unwrap()[offset..offset + from.len()].copy_from_slice(from);
        Ok(())
    }
    /// A program whose memory ends at byte 20 of every call, and whose bytes are all 9.
    fn read_to(
        object: &Self::Object,
        offset: u64,
        to: ProgramBytes,
        _: Ahead,
    ) -> Result<u64, Errno> {
        let there = object.lock().unwrap().len() as u64 - offset;
        Ok(to.length.min(20).min(there))
    }
    fn write_from(object: &Self::Object, offset: u64, from: ProgramBytes) -> Result<u64, Errno> {
        let (offset, count) = (offset as usize, from.length.min(20));
        object.lock().unwrap()[offset..offset + count as usize].fill(9);
        Ok(count)
    }
    fn sync(_: &Self::Object) -> Result<(), Errno> {
        Ok(())
    }
    fn forget(_: &Self::Object, _: u64, _: u64) -> Result<(), Errno> {
        Ok(())
    }
    fn is_alone(_: &Self::Object) -> bool {
        true
    }
    fn resident(object: &Self::Object) -> u64 {
        object.lock().unwrap().len() as u64
    }
    fn free_pages() -> u64 {
        1000
    }
}

/// A file system that counts what it is asked, and fails when it shall.
struct Watched {
    inner: MemoryFs<Memory>,
    lookups: AtomicU32,
    syncs: AtomicU32,
    releases: AtomicU32,
    is_broken: AtomicBool,
    is_unmounted: Shared<AtomicBool>,
}

impl Watched {
    fn new() -> (Self, Shared<AtomicBool>) {
        let is_unmounted = Shared::try_new(AtomicBool::new(false)).unwrap();
        let this = Self {
            inner: MemoryFs::new("watched", 0o755).unwrap(),
            lookups: AtomicU32::new(0),
            syncs: AtomicU32::new(0),
            releases: AtomicU32::new(0),
            is_broken: AtomicBool::new(false),
            is_unmounted: is_unmounted.clone(),
        };
        (this, is_unmounted)
    }

    fn check(&self) -> Result<(), Errno> {
        if self.is_broken.load(Relaxed) {
            Err(Errno::EIO)
        } else {
            Ok(())
        }
    }
}

impl FileSystem<Memory> for Watched {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    fn root(&self) -> u64 {
        self.inner.root()
    }
    fn attributes(&self, number: u64) -> Result<Attributes, Errno> {
        self.check()?;
        self.inner.attributes(number)
    }
    fn change(&self, number: u64, change: &Change) -> Result<(), Errno> {
        self.check()?;
        self.inner.change(number, change)
    }
    fn lookup(&self, at: At<'_>) -> Result<u64, Errno> {
        self.lookups.fetch_add(1, Relaxed);
        self.check()?;
        self.inner.lookup(at)
    }
    fn make(&self, at: At<'_>, new: &New<'_>) -> Result<u64, Errno> {
        self.check()?;
        self.inner.make(at, new)
    }
    fn link(&self, number: u64, at: At<'_>) -> Result<(), Errno> {
        self.inner.link(number, at)
    }
    fn unlink(&self, at: At<'_>) -> Result<(), Errno> {
        self.inner.unlink(at)
    }
    fn remove_directory(&self, at: At<'_>) -> Result<(), Errno> {
        self.inner.remove_directory(at)
    }
    fn rename(&self, from: At<'_>, to: At<'_>) -> Result<(), Errno> {
        self.check()?;
        self.inner.rename(from, to)
    }
    fn list(
        &self,
        directory: u64,
        cookie: u64,
        visit: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<(), Errno> {
        self.inner.list(directory, cookie, visit)
    }
    fn read_link(&self, number: u64, into: &mut [u8]) -> Result<usize, Errno> {
        self.inner.read_link(number, into)
    }
    fn bytes(
        &self,
        inode: &Shared<Inode<Memory>>,
        size: u64,
    ) -> Result<Shared<Mutex<Vec<u8>>>, Errno> {
        self.inner.bytes(inode, size)
    }
    fn resize(&self, number: u64, size: u64) -> Result<(), Errno> {
        self.inner.resize(number, size)
    }
    fn reserve(&self, _: u64, _: u64, _: u64) -> Result<(), Errno> {
        self.check()
    }
    fn release(&self, number: u64) {
        self.releases.fetch_add(1, Relaxed);
        self.inner.release(number);
    }
    fn sync(&self, number: u64) -> Result<(), Errno> {
        self.syncs.fetch_add(1, Relaxed);
        self.inner.sync(number)
    }
    fn sync_all(&self) -> Result<(), Errno> {
        self.check()?;
        self.inner.sync_all()
    }
    fn space(&self) -> Result<Space, Errno> {
        self.inner.space()
    }
    fn unmount(&self) -> Result<(), Errno> {
        self.is_unmounted.store(true, Relaxed);
        self.check()
    }
}

type TestTree = Tree<Memory>;
type Node = Shared<Vnode<Memory>>;

fn empty() -> TestTree {
    let memory = MemoryFs::new("tmpfs", 0o755).unwrap();
    TestTree::new(System::Memory(memory), b"root", Access::ReadWrite).unwrap()
}

/// A tree with some files.
fn tree() -> TestTree {
    let tree = empty();
    for (path, what, permissions) in [
        ("/bin", What::Directory, 0o755),
        ("/bin/sh", What::File, 0o755),
        ("/etc", What::Directory, 0o700),
        ("/etc/deep", What::Directory, 0o755),
        ("/etc/deep/er", What::Directory, 0o755),
        ("/etc/deep/er/file", What::File, 0o644),
        ("/lib", What::Link(b"/etc/deep"), 0o755),
        ("/self", What::Link(b"self"), 0o755),
    ] {
        make(&tree, path, what)
            .unwrap()
            .set_permissions(permissions)
            .unwrap();
    }
    tree.at(b"/bin/sh").unwrap().write(None, b"shell").unwrap();
    tree.at(b"/etc/deep/er/file")
        .unwrap()
        .write(None, b"x")
        .unwrap();
    tree
}

fn make(tree: &TestTree, path: &str, what: What<'_>) -> Result<Node, Errno> {
    let parent = tree.resolve_parent(tree.root(), Path::new(path.as_bytes())?)?;
    tree.make(&parent, &New::of_root(what, 0o640))
}

fn link(tree: &TestTree, old: &str, new: &str) -> Result<(), Errno> {
    let parent = tree.resolve_parent(tree.root(), Path::new(new.as_bytes())?)?;
    tree.link(&tree.at(old.as_bytes())?, &parent)
}

fn rename(tree: &TestTree, from: &str, to: &str) -> Result<(), Errno> {
    let from = tree.resolve_parent(tree.root(), Path::new(from.as_bytes())?)?;
    let to = tree.resolve_parent(tree.root(), Path::new(to.as_bytes())?)?;
    tree.rename(&from, &to)
}

fn unlink(tree: &TestTree, path: &str) -> Result<(), Errno> {
    tree.unlink(&tree.resolve_parent(tree.root(), Path::new(path.as_bytes())?)?)
}

fn rmdir(tree: &TestTree, path: &str) -> Result<(), Errno> {
    tree.remove_directory(&tree.resolve_parent(tree.root(), Path::new(path.as_bytes())?)?)
}

fn path_of(node: &Node) -> Option<String> {
    let mut buffer = [0; 64];
    Vnode::path(node, &mut buffer).map(|path| String::from_utf8(path.to_vec()).unwrap())
}

fn contents(node: &Vnode<Memory>) -> Vec<u8> {
    let mut bytes = vec![0; 100];
    let count = node.read(0, &mut bytes).unwrap();
    bytes.truncate(count);
    bytes
}

/// Names of a directory, from a cookie on.
fn names(tree: &TestTree, path: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let directory = tree.at(path.as_bytes()).unwrap();
    tree.list(&directory, 0, |entry| {
        seen.push(String::from_utf8(entry.name.to_vec()).unwrap());
        true
    })
    .unwrap();
    seen
}
