//! Unpacking the root archive into the tree.
//!
//! Owns: directories made on the way, files filled. Does not own: the archive's format (`cpio`).

use super::attributes::{Change, New, Timespec, What};
use super::path::Path;
use super::store::Store;
use super::tree::Tree;
use crate::cpio;
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
    let name = entry.name.strip_prefix(b"./").unwrap_or(entry.name);
    let trimmed = name
        .iter()
        .position(|&byte| byte != b'/')
        .unwrap_or(name.len());
    let name = &name[trimmed..];
    if name.is_empty() || name == b"." {
        return tree.root().set_permissions(entry.mode);
    }
    make_parents(tree, name)?;
    let parent = tree.resolve_parent(tree.root(), Path::new(name)?)?;
    let what = match entry.mode & S_IFMT {
        S_IFDIR => What::Directory,
        S_IFREG => What::File,
        S_IFLNK => What::Link(entry.data),
        _ => return Ok(()), // devices and pipes are the kernel's own to make
    };
    let new = New::of_root(what, entry.mode);
    let node = match tree.make(&parent, &new) {
        Err(Errno::EEXIST) => match tree.lookup(&parent.directory, parent.name)? {
            there if there.is_directory() && what == What::Directory => {
                return there.set_permissions(entry.mode);
            }
            _ => {
                tree.unlink(&parent)?;
                tree.make(&parent, &new)?
            }
        },
        made => made?,
    };
    if what == What::File {
        node.write(Some(0), entry.data)?;
    }
    let time = Timespec {
        sec: i64::from(entry.modified),
        nsec: 0,
    };
    node.change(&Change {
        accessed: Some(time),
        modified: Some(time),
        changed: Some(time),
        ..Change::default()
    })
}

/// Makes the directories before the path's last name.
fn make_parents<S: Store>(tree: &Tree<S>, name: &[u8]) -> Result<(), Errno> {
    let end = name.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    let slashes = name[..end].iter().chain(b"/").enumerate();
    for (at, _) in slashes.filter(|&(at, &byte)| byte == b'/' && at > 0) {
        match tree.at(&name[..at]) {
            Ok(_) => {}
            Err(Errno::ENOENT) => {
                let parent = tree.resolve_parent(tree.root(), Path::new(&name[..at])?)?;
                tree.make(&parent, &New::of_root(What::Directory, 0o755))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
