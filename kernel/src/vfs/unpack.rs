//! Unpacking the root archive into the tree.
//!
//! Owns: directories made on the way, files filled. Does not own: the archive's format (`cpio`).

use super::path::Path;
use super::store::Store;
use super::tree::Tree;
use super::vnode::{Body, Vnode};
use crate::cpio;
use crate::shared::Shared;
use abi::Errno;
use abi::stat::mode::{S_IFDIR, S_IFLNK, S_IFMT, S_IFREG};

/// Why an archive could not be unpacked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnpackError {
    /// The archive is damaged at this byte.
    Malformed(usize),
    /// An entry could not be made.
    Failed(Errno),
}

impl From<Errno> for UnpackError {
    fn from(error: Errno) -> Self {
        Self::Failed(error)
    }
}

/// Makes the archive's files; one that exists is replaced. Answers how many entries there were.
pub fn unpack<S: Store>(tree: &Tree<S>, archive: &[u8]) -> Result<usize, UnpackError> {
    let mut count = 0;
    for entry in cpio::entries(archive) {
        let entry = entry.map_err(|malformed| UnpackError::Malformed(malformed.at))?;
        place(tree, &entry)?;
        count += 1;
    }
    Ok(count)
}

fn place<S: Store>(tree: &Tree<S>, entry: &cpio::Entry<'_>) -> Result<(), Errno> {
    let now = i64::from(entry.modified);
    let name = entry.name.strip_prefix(b"./").unwrap_or(entry.name);
    let trimmed = name
        .iter()
        .position(|&byte| byte != b'/')
        .unwrap_or(name.len());
    let name = &name[trimmed..];
    if name.is_empty() || name == b"." {
        tree.root().set_permissions(entry.mode);
        return Ok(());
    }
    let directory = make_parents(tree, name, now)?;
    let path = Path::new(name)?;
    let parent = tree.resolve_parent(tree.root(), path)?;
    debug_assert!(directory.same(&parent.directory));
    let node = match entry.mode & S_IFMT {
        S_IFDIR => match parent.directory.lookup(parent.name) {
            Ok(there) if matches!(there.body, Body::Directory(_)) => {
                there.set_permissions(entry.mode);
                return Ok(());
            }
            _ => Vnode::directory(entry.mode, now)?,
        },
        S_IFREG => {
            let file = Vnode::file(entry.mode, now)?;
            file.write(Some(0), entry.data, now)?;
            file
        }
        S_IFLNK => Vnode::link(entry.data, now)?,
        _ => return Ok(()), // devices and pipes are the kernel's own to make
    };
    match tree.create(&parent, &node, now) {
        Err(Errno::EEXIST) => {
            tree.unlink(&parent, now)?;
            tree.create(&parent, &node, now)
        }
        result => result,
    }
}

/// Makes the directories before the path's last name.
fn make_parents<S: Store>(
    tree: &Tree<S>,
    name: &[u8],
    now: i64,
) -> Result<Shared<Vnode<S>>, Errno> {
    let mut directory = tree.root().clone();
    let end = name.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    for (at, _) in name[..end]
        .iter()
        .chain(b"/")
        .enumerate()
        .filter(|&(_, &byte)| byte == b'/')
    {
        if at == 0 {
            continue;
        }
        directory = match tree.at(&name[..at]) {
            Ok(there) => there,
            Err(Errno::ENOENT) => {
                let parent = tree.resolve_parent(tree.root(), Path::new(&name[..at])?)?;
                let made = Vnode::directory(0o755, now)?;
                tree.create(&parent, &made, now)?;
                made
            }
            Err(error) => return Err(error),
        };
    }
    Ok(directory)
}
