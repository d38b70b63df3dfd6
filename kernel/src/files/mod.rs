//! Files as programs hold them: descriptors, open files, pipes, devices.
//!
//! Owns: the one file tree of the kernel, and everything between a descriptor and a vnode. Does not
//! own: names (`vfs`), bytes (`vm` objects), the terminal (`console::tty`).

mod cover;
mod descriptors;
pub mod device;
mod disk;
pub mod flusher;
pub mod open;
mod pager;
pub mod pipe;
pub mod shm;
pub mod store;

pub use descriptors::{Files, MAXIMUM as MAXIMUM_FILES, OnExec};
pub use device::Device;
pub use disk::{DiskFs, NotMounted};
pub use open::{OpenFile, What};
pub use pager::FilePager;
pub use store::{FileObject, ObjectStore};

use crate::block::special;
use crate::memory::vm;
use crate::shared::{NoMemory, Shared, try_bytes};
use crate::vfs::path::{Parent, Path};
use crate::vfs::{Access, Body, MemoryFs, Mount, New, System, Tree, Vnode, attributes};
use abi::Errno;
use alloc::vec::Vec;
use core::fmt;
use spin::Once;

/// A file of the tree.
pub type Node = Shared<Vnode<ObjectStore>>;

static TREE: Once<Tree<ObjectStore>> = Once::new();

/// The file tree. Only after [`init`].
pub fn tree() -> &'static Tree<ObjectStore> {
    match TREE.get() {
        Some(tree) => tree,
        None => panic!("I-VFS-1: the file tree is used before it is made"),
    }
}

/// Makes a tree of what is on the block device of that name.
pub fn init(root: &str) -> Result<(), NotMounted> {
    let no_memory = |_| NotMounted::Ext2(ext2::Error::NoMemory);
    pager::init().map_err(no_memory)?;
    let disk = DiskFs::mount(root, Access::ReadWrite)?;
    let access = disk.access();
    let source = device_path(root).map_err(|_| NotMounted::Ext2(ext2::Error::NoMemory))?;
    let tree = Tree::new(System::Disk(disk), &source, access);
    let tree = tree.map_err(|_| NotMounted::Ext2(ext2::Error::NoMemory))?;
    TREE.call_once(|| tree);
    Ok(())
}

/// `/dev/NAME`.
fn device_path(name: &str) -> Result<Vec<u8>, NoMemory> {
    let mut path = try_bytes(b"/dev/")?;
    path.try_reserve(name.len()).map_err(|_| NoMemory)?;
    path.extend_from_slice(name.as_bytes());
    Ok(path)
}

/// Mounts the block device at a path.
pub fn mount_device(on: &Node, device: &[u8], access: Access) -> Result<(), Errno> {
    let node = tree().at(device)?;
    let Body::Device(number) = node.body else { return Err(Errno::ENOTBLK) };
    let Device::Block(number) = Device::of(number)? else { return Err(Errno::ENOTBLK) };
    let (_, name) = special::numbers().find(|&(known, _)| known == number).ok_or(Errno::ENXIO)?;
    let source = device_path(name)?;
    let mut index = 0;
    while let Some(mount) = tree().mount_at(index) {
        if mount.source == source {
            return Err(Errno::EBUSY);
        }
        index += 1;
    }
    let disk = DiskFs::mount(name, access).map_err(|why| {
        crate::log!("{name}: {why}");
        why.errno()
    })?;
    let access = disk.access();
    tree().mount(on, System::Disk(disk), &source, access)
}

/// The machine is about to stop: everything goes to the disks, and they are marked clean.
pub fn shut_down() {
    let Some(tree) = TREE.get() else { return };
    tree.each(|mount| {
        let ended = if mount.is_read_only() { Ok(()) } else { mount.sync().and_then(|()| mount.system().unmount()) };
        if let Err(error) = ended {
            crate::log!("{}: {}", Text(&mount.source), error.text());
        }
    });
}

/// Bytes as text for messages.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.0).unwrap_or("?"))
    }
}

/// Mounts what every tree has in memory: `/dev` with its devices, `/tmp`.
pub fn furnish() -> Result<(), Errno> {
    for (path, kind, permissions) in [(&b"/dev"[..], "devfs", 0o755), (b"/tmp", "tmpfs", 0o1777)] {
        make(path, attributes::What::Directory, permissions)?;
        let memory = MemoryFs::new(kind, permissions)?;
        let below = tree().at(path)?;
        tree().mount(&below, System::Memory(memory), kind.as_bytes(), Access::ReadWrite)?;
        cover::copy(&below, &tree().at(path)?)?;
    }
    for (path, device) in device::ALL {
        make(path, attributes::What::Device(device.kind(), device.number()), 0o666)?;
    }
    for (number, name) in special::numbers() {
        let device = Device::Block(number);
        make(&device_path(name)?, attributes::What::Device(device.kind(), device.number()), 0o640)?;
    }
    Ok(())
}

/// Makes it unless it exists.
fn make(path: &[u8], what: attributes::What<'_>, permissions: u16) -> Result<(), Errno> {
    match create(path, &New::of_root(what, permissions)) {
        Err(Errno::EEXIST) => Ok(()),
        result => result.map(drop),
    }
}

/// The place of a path of the kernel's own.
pub fn parent(path: &[u8]) -> Result<Parent<'_, ObjectStore>, Errno> {
    tree().resolve_parent(tree().root(), Path::new(path)?)
}

/// Makes a file at a path of the kernel's own.
pub fn create(path: &[u8], new: &New<'_>) -> Result<Node, Errno> {
    tree().make(&parent(path)?, new)
}

/// Opens a path of the kernel's own.
pub fn open(path: &[u8], flags: u32) -> Result<Shared<OpenFile>, Errno> {
    Ok(OpenFile::new(What::Node(tree().at(path)?), flags)?)
}

/// Lets go of all vnodes that nobody uses.
pub fn drain() {
    // A vnode that goes ends its object, whose pager hears of it, perhaps by another CPU; the pager's handle may have
    // been the last reference to the next vnode.
    for _ in 0..2 {
        vm().settle_pagers();
        tree().each(Mount::drain);
    }
    vm().settle_pagers();
}
