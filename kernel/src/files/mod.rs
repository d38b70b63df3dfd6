//! Files as programs hold them: descriptors, open files, pipes, devices.
//!
//! Owns: the one file tree of the kernel, and everything between a descriptor and a vnode. Does not
//! own: names (`vfs`), bytes (`vm` objects), the terminal (`console::tty`).

mod descriptors;
pub mod device;
pub mod open;
pub mod pipe;
pub mod shm;
pub mod store;

pub use descriptors::{Files, MAXIMUM as MAXIMUM_FILES, OnExec};
pub use device::Device;
pub use open::{OpenFile, What};
pub use store::ObjectStore;

use crate::block::special;
use crate::shared::{Shared, try_bytes};
use crate::vfs::path::{Parent, Path};
use crate::vfs::{Access, MemoryFs, New, System, Tree, Vnode, attributes};
use abi::Errno;
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

/// Makes an empty tree in memory.
pub fn init() -> Result<(), Errno> {
    let root = MemoryFs::new("tmpfs", 0o755)?;
    let tree = Tree::new(System::Memory(root), b"root", Access::ReadWrite)?;
    TREE.call_once(|| tree);
    Ok(())
}

/// Mounts what every tree has in memory: `/dev` with its devices, `/tmp`.
pub fn furnish() -> Result<(), Errno> {
    for (path, kind, permissions) in [(&b"/dev"[..], "devfs", 0o755), (b"/tmp", "tmpfs", 0o1777)] {
        make(path, attributes::What::Directory, permissions)?;
        let memory = MemoryFs::new(kind, permissions)?;
        tree().mount(&tree().at(path)?, System::Memory(memory), kind.as_bytes(), Access::ReadWrite)?;
    }
    for (path, device) in device::ALL {
        make(path, attributes::What::Device(device.kind(), device.number()), 0o666)?;
    }
    for (number, name) in special::numbers() {
        let mut path = try_bytes(b"/dev/")?;
        path.try_reserve(name.len()).map_err(|_| Errno::ENOMEM)?;
        path.extend_from_slice(name.as_bytes());
        let device = Device::Block(number);
        make(&path, attributes::What::Device(device.kind(), device.number()), 0o640)?;
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
    let mut index = 0;
    while let Some(mount) = tree().mount_at(index) {
        mount.drain();
        index += 1;
    }
}
