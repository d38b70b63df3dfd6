//! What the root has where something in memory is mounted on it: it shows there too.
//!
//! Owns: the copy at boot, of files, folders and links. Does not own: the mounts (`files`).

use super::{Node, tree};
use crate::shared::{try_bytes, try_push, try_zeroed};
use crate::vfs::attributes::What;
use crate::vfs::path::{MustBeDirectory, Parent};
use crate::vfs::{Body, Kind, New};
use abi::Errno;
use alloc::vec::Vec;

/// Folders below folders that are gone into.
const DEPTH: u32 = 64;
/// Bytes that are copied at once.
const PIECE: usize = 4096;

/// Copies what is in one folder to another.
pub fn copy(from: &Node, to: &Node) -> Result<(), Errno> {
    folder(from, to, &mut try_zeroed(PIECE)?, 0)
}

fn folder(from: &Node, to: &Node, buffer: &mut [u8], depth: u32) -> Result<(), Errno> {
    if depth > DEPTH {
        return Err(Errno::ELOOP);
    }
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut kept = Ok(());
    tree().list(from, 0, |entry| {
        if entry.name != b"." && entry.name != b".." {
            kept = try_bytes(entry.name).and_then(|name| try_push(&mut names, name));
        }
        kept.is_ok()
    })?;
    kept?;
    for name in names {
        let old = tree().lookup(from, &name)?;
        let what = match (&old.body, old.kind()) {
            (Body::Link(target), _) => What::Link(target),
            (_, Kind::Directory) => What::Directory,
            (_, Kind::File) => What::File,
            _ => continue,
        };
        let parent = Parent {
            directory: to.clone(),
            name: &name,
            must_be_directory: MustBeDirectory::No,
        };
        let new = New {
            user: old.user(),
            ..New::of_root(what, old.mode())
        };
        let new = tree().make(&parent, &new)?;
        match what {
            What::Directory => folder(&old, &new, buffer, depth + 1)?,
            What::File => bytes(&old, &new, buffer)?,
            _ => {}
        }
    }
    Ok(())
}

fn bytes(from: &Node, to: &Node, buffer: &mut [u8]) -> Result<(), Errno> {
    let mut at = 0;
    loop {
        let count = from.read(at, buffer)?;
        if count == 0 {
            return Ok(());
        }
        to.write(Some(at), &buffer[..count])?;
        at += count as u64;
    }
}
