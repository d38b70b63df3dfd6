//! The file system in memory: `/tmp`, `/dev`, and a root without a disk.
//!
//! Owns: names and attributes of files that nothing survives. Does not own: their bytes, which are
//! objects that nobody pages out to a file ([`Store::create`]). Locks: one, for everything; no
//! operation sleeps in it but for memory.

mod nodes;

use super::attributes::{Attributes, Change, New, Space, What};
use super::file_system::{At, Entry, FileSystem};
use super::store::Store;
use super::vnode::Inode;
use super::{LeafRank, MAXIMUM_NAME};
use crate::shared::{Shared, try_bytes};
use abi::Errno;
use nodes::{Content, FIRST_COOKIE, Folder, MemoryNode, Nodes, ROOT};
use sync::SleepRwLock;

/// A file system in memory.
pub struct MemoryFs<S: Store> {
    kind: &'static str,
    nodes: SleepRwLock<S::Platform, LeafRank, Nodes<S>>,
}

impl<S: Store> MemoryFs<S> {
    /// An empty one, which `mount` calls `kind`.
    pub fn new(kind: &'static str, permissions: u16) -> Result<Self, Errno> {
        let mut nodes = Nodes::new();
        let new = New::of_root(What::Directory, permissions);
        let root = nodes.add(MemoryNode {
            attributes: new.attributes(S::now()),
            content: Content::Folder(Folder::new(ROOT)),
        })?;
        debug_assert_eq!(root, ROOT);
        Ok(Self {
            kind,
            nodes: SleepRwLock::new(nodes),
        })
    }
}

fn content<S: Store>(new: &New<'_>, parent: u64) -> Result<Content<S>, Errno> {
    Ok(match new.what {
        What::File => Content::Bytes(Shared::try_new(S::create()?)?),
        What::Directory => Content::Folder(Folder::new(parent)),
        What::Link(target) => Content::Target(try_bytes(target)?),
        What::Device(..) => Content::Nothing,
    })
}

impl<S: Store> FileSystem<S> for MemoryFs<S> {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn root(&self) -> u64 {
        ROOT
    }

    fn attributes(&self, number: u64) -> Result<Attributes, Errno> {
        let nodes = self.nodes.read();
        let node = nodes.get(number)?;
        let mut attributes = node.attributes;
        match &node.content {
            Content::Bytes(object) => attributes.blocks = S::resident(object).div_ceil(512),
            Content::Folder(folder) => attributes.size = (folder.entries.len() as u64 + 2) * 32,
            _ => {}
        }
        Ok(attributes)
    }

    fn change(&self, number: u64, change: &Change) -> Result<(), Errno> {
        change.apply(&mut self.nodes.write().get_mut(number)?.attributes);
        Ok(())
    }

    fn lookup(&self, at: At<'_>) -> Result<u64, Errno> {
        self.nodes.read().folder(at.directory)?.find(at.name)
    }

    fn make(&self, at: At<'_>, new: &New<'_>) -> Result<u64, Errno> {
        let node = MemoryNode {
            attributes: new.attributes(S::now()),
            content: content(new, at.directory)?,
        };
        let mut nodes = self.nodes.write();
        nodes.folder(at.directory)?;
        let number = nodes.add(node)?;
        let (folder, links) = nodes.folder_mut(at.directory)?;
        let added = folder.add(at.name, number);
        if added.is_ok() && new.what == What::Directory {
            *links += 1;
        }
        if added.is_err() {
            nodes.take(number);
        }
        added?;
        Ok(number)
    }

    fn link(&self, number: u64, at: At<'_>) -> Result<(), Errno> {
        let mut nodes = self.nodes.write();
        nodes.get(number)?;
        nodes.folder_mut(at.directory)?.0.add(at.name, number)?;
        nodes.get_mut(number)?.attributes.links += 1;
        Ok(())
    }

    fn unlink(&self, at: At<'_>) -> Result<(), Errno> {
        let mut nodes = self.nodes.write();
        let (folder, _) = nodes.folder_mut(at.directory)?;
        let place = folder.position(at.name)?;
        let number = folder.entries[place].number;
        folder.take(place);
        nodes.get_mut(number)?.attributes.links -= 1;
        Ok(())
    }

    fn remove_directory(&self, at: At<'_>) -> Result<(), Errno> {
        let mut nodes = self.nodes.write();
        let number = nodes.folder(at.directory)?.find(at.name)?;
        if !nodes.folder(number)?.entries.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        nodes.get_mut(number)?.attributes.links = 0;
        let (parent, links) = nodes.folder_mut(at.directory)?;
        let place = parent.position(at.name)?;
        parent.take(place);
        *links -= 1;
        Ok(())
    }

    fn rename(&self, from: At<'_>, to: At<'_>) -> Result<(), Errno> {
        let mut nodes = self.nodes.write();
        let number = nodes.folder(from.directory)?.find(from.name)?;
        let is_folder = nodes.folder(number).is_ok();
        let old = nodes.folder(to.directory)?.position(to.name).ok();
        if let Ok(old) = nodes.folder(to.directory)?.find(to.name)
            && nodes
                .folder(old)
                .is_ok_and(|folder| !folder.entries.is_empty())
        {
            return Err(Errno::ENOTEMPTY);
        }
        let (target, links) = nodes.folder_mut(to.directory)?;
        let replaced = match old {
            Some(place) => Some(core::mem::replace(
                &mut target.entries[place].number,
                number,
            )),
            None => {
                target.add(to.name, number)?;
                None
            }
        };
        // From here on nothing can fail: all these files exist.
        if is_folder && replaced.is_none() {
            *links += 1;
        }
        if let Some(replaced) = replaced {
            let links = &mut nodes.get_mut(replaced)?.attributes.links;
            *links = if is_folder { 0 } else { *links - 1 };
        }
        let (source, links) = nodes.folder_mut(from.directory)?;
        let place = source.position(from.name)?;
        source.take(place);
        if is_folder {
            *links -= 1;
            nodes.folder_mut(number)?.0.parent = to.directory;
        }
        Ok(())
    }

    fn list(
        &self,
        directory: u64,
        mut cookie: u64,
        visit: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<(), Errno> {
        loop {
            let mut name = [0; MAXIMUM_NAME];
            let (number, kind, length, next) = {
                let nodes = self.nodes.read();
                let folder = nodes.folder(directory)?;
                let (number, text, next): (u64, &[u8], u64) = match cookie {
                    0 => (directory, b".", 1),
                    1 => (folder.parent, b"..", FIRST_COOKIE),
                    _ => {
                        let at = folder
                            .entries
                            .partition_point(|entry| entry.cookie < cookie);
                        let Some(entry) = folder.entries.get(at) else {
                            return Ok(());
                        };
                        (entry.number, &entry.name, entry.cookie + 1)
                    }
                };
                name[..text.len()].copy_from_slice(text);
                let kind = nodes.get(number)?.attributes.kind;
                (number, kind, text.len(), next)
            };
            let entry = Entry {
                number,
                kind,
                name: &name[..length],
                next,
            };
            if !visit(entry) {
                return Ok(());
            }
            cookie = next;
        }
    }

    fn read_link(&self, number: u64, into: &mut [u8]) -> Result<usize, Errno> {
        match &self.nodes.read().get(number)?.content {
            Content::Target(target) => {
                let into = into.get_mut(..target.len()).ok_or(Errno::ENAMETOOLONG)?;
                into.copy_from_slice(target);
                Ok(target.len())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn bytes(&self, inode: &Shared<Inode<S>>, _: u64) -> Result<Shared<S::Object>, Errno> {
        match &self.nodes.read().get(inode.number)?.content {
            Content::Bytes(object) => Ok(object.clone()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn resize(&self, number: u64, size: u64) -> Result<(), Errno> {
        self.nodes.write().get_mut(number)?.attributes.size = size;
        Ok(())
    }

    fn reserve(&self, _: u64, _: u64, _: u64) -> Result<(), Errno> {
        Ok(())
    }

    fn release(&self, number: u64) {
        let gone = self.nodes.write().take(number);
        // Its bytes end here, without the lock.
        drop(gone);
    }

    fn sync(&self, _: u64) -> Result<(), Errno> {
        Ok(())
    }

    fn sync_all(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn space(&self) -> Result<Space, Errno> {
        let page = S::page_size();
        let nodes = self.nodes.read();
        let resident = nodes.iter().map(|node| match &node.content {
            Content::Bytes(object) => S::resident(object),
            _ => 0,
        });
        let used = resident.fold(0, u64::saturating_add) / page;
        let free = S::free_pages();
        let files = nodes.count();
        Ok(Space {
            block_size: page as u32,
            blocks: used + free,
            free,
            available: free,
            files: files + free,
            free_files: free,
        })
    }

    fn unmount(&self) -> Result<(), Errno> {
        Ok(())
    }
}
