//! Files as programs hold them: descriptors, open files, pipes, devices.
//!
//! Owns: the one file tree of the kernel, and everything between a descriptor and a vnode. Does not
//! own: names (`vfs`), bytes (`vm` objects), the terminal (`console::tty`).

mod descriptors;
pub mod open;
pub mod pipe;
pub mod shm;
pub mod store;

pub use descriptors::{Files, MAXIMUM as MAXIMUM_FILES, OnExec};
pub use open::{OpenFile, What};
pub use store::ObjectStore;

use crate::block::special;
use crate::shared::{Shared, try_bytes};
use crate::vfs::path::Path;
use crate::vfs::{Device, Tree, Vnode};
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

pub use crate::clock::seconds as now;

/// Makes an empty tree.
pub fn init() -> Result<(), Errno> {
    let tree = Tree::new(now())?;
    TREE.call_once(|| tree);
    Ok(())
}

/// Makes what every tree has: `/dev` with its devices, `/tmp`.
pub fn furnish() -> Result<(), Errno> {
    let now = now();
    for (path, mode) in [(&b"/dev"[..], 0o755), (b"/tmp", 0o1777)] {
        make(path, Vnode::directory(mode, now)?)?;
    }
    for (path, device) in [
        (&b"/dev/null"[..], Device::Null),
        (b"/dev/zero", Device::Zero),
        (b"/dev/console", Device::Console),
        (b"/dev/tty", Device::Tty),
        (b"/dev/random", Device::Random),
        (b"/dev/urandom", Device::Random),
    ] {
        make(path, Vnode::device(device, now)?)?;
    }
    for (number, name) in special::numbers() {
        let mut path = try_bytes(b"/dev/")?;
        path.try_reserve(name.len()).map_err(|_| Errno::ENOMEM)?;
        path.extend_from_slice(name.as_bytes());
        make(&path, Vnode::device(Device::Block(number), now)?)?;
    }
    Ok(())
}

/// Makes it unless it exists.
fn make(path: &[u8], node: Node) -> Result<(), Errno> {
    let parent = tree().resolve_parent(tree().root(), Path::new(path)?)?;
    match tree().create(&parent, &node, now()) {
        Err(Errno::EEXIST) => Ok(()),
        result => result,
    }
}

/// Opens a path of the kernel's own.
pub fn open(path: &[u8], flags: u32) -> Result<Shared<OpenFile>, Errno> {
    Ok(OpenFile::new(What::Node(tree().at(path)?), flags)?)
}
