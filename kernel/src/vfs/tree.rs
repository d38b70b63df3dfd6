//! The tree, and every change of names in it.
//!
//! Owns: what is mounted where; create, link, unlink, rmdir, rename. Does not own: how a file system
//! keeps names (`file_system`). Locks: all changes in a mount hold its lock of changes, so they happen
//! one after the other, and the directories alone; lookups hold their directory shared.

use super::MountsRank;
use super::attributes::{New, check_name};
use super::file::retire;
use super::file_system::{At, Entry};
use super::mount::{Access, Mount, Placement, System};
use super::names::Names;
use super::path::{MustBeDirectory, Parent, Path, Walk};
use super::store::Store;
use super::vnode::{Life, Vnode};
use crate::shared::{Shared, try_bytes, try_push};
use abi::Errno;
use abi::proc::MAXPATHLEN;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use sync::SleepRwLock;

type Node<S> = Shared<Vnode<S>>;

/// The file tree: a root file system, and what is mounted on it.
pub struct Tree<S: Store> {
    root: Node<S>,
    mounts: SleepRwLock<S::Platform, MountsRank, Vec<Shared<Mount<S>>>>,
    names: Names<S>,
    next_number: AtomicU32,
}

impl<S: Store> Tree<S> {
    /// A tree of one file system. `source` names what it is on.
    pub fn new(system: System<S>, source: &[u8], access: Access) -> Result<Self, Errno> {
        const FIRST: u32 = 1;
        let placement = Placement {
            number: FIRST,
            source,
            target: b"/",
            covers: None,
            access,
        };
        let mount = Mount::new(system, placement)?;
        let mut mounts = Vec::new();
        try_push(&mut mounts, mount.clone())?;
        Ok(Self {
            root: Mount::root(&mount)?,
            mounts: SleepRwLock::new(mounts),
            names: Names::new()?,
            next_number: AtomicU32::new(FIRST + 1),
        })
    }

    /// The root.
    pub fn root(&self) -> &Node<S> {
        &self.root
    }

    /// The mount at a place of the list, the root's first.
    pub fn mount_at(&self, index: usize) -> Option<Shared<Mount<S>>> {
        self.mounts.read().get(index).cloned()
    }

    /// Calls `visit` with every mount, the root's first; none goes meanwhile.
    pub fn each(&self, mut visit: impl FnMut(&Mount<S>)) {
        self.mounts.read().iter().for_each(|mount| visit(mount));
    }

    /// Mounts a file system on a directory. `EBUSY` if that is a mount's root.
    pub fn mount(
        &self,
        on: &Node<S>,
        system: System<S>,
        source: &[u8],
        access: Access,
    ) -> Result<(), Errno> {
        on.as_directory()?;
        let mut target = [0; MAXPATHLEN];
        let target = Vnode::path(on, &mut target).ok_or(Errno::ENOENT)?;
        let mut mounts = self.mounts.write();
        if on.is_root() || on.cover().is_some() {
            return Err(Errno::EBUSY);
        }
        let placement = Placement {
            number: self.next_number.fetch_add(1, Ordering::Relaxed),
            source,
            target,
            covers: Some(on.clone()),
            access,
        };
        let mount = Mount::new(system, placement)?;
        if !Mount::root(&mount)?.is_directory() {
            return Err(Errno::EIO);
        }
        try_push(&mut mounts, mount.clone())?;
        on.set_cover(Some(mount));
        Ok(())
    }

    /// Takes away what is mounted at `root`, of which the caller has one reference. `EINVAL` if that is
    /// no mount's root, `EBUSY` if somebody uses it. An error of the medium at the end is answered; the
    /// mount is gone nevertheless.
    pub fn unmount(&self, root: Node<S>) -> Result<(), Errno> {
        const MINE: usize = 1;
        if !root.is_root() {
            return Err(Errno::EINVAL);
        }
        let mut mounts = self.mounts.write();
        let at = mounts
            .iter()
            .position(|mount| mount.same(root.mount()))
            .ok_or(Errno::EINVAL)?;
        let below = root.mount().covers().ok_or(Errno::EBUSY)?;
        self.names.remove_all(root.mount().number);
        if root.mount().is_busy(&root, MINE) {
            return Err(Errno::EBUSY);
        }
        // Nobody comes in any more; somebody may just have.
        let mount = mounts[at].clone();
        below.set_cover(None);
        if mount.is_busy(&root, MINE) {
            below.set_cover(Some(mount));
            return Err(Errno::EBUSY);
        }
        let ended = mount.end(&root, MINE);
        self.names.remove_all(mount.number);
        mounts.remove(at);
        ended
    }

    /// Writes everything to where it belongs. Goes on after an error, and answers the first.
    pub fn sync(&self) -> Result<(), Errno> {
        let mut result = Ok(());
        self.each(|mount| result = result.and(mount.sync()));
        result
    }

    /// The entry of that name, and what is mounted there.
    pub fn lookup(&self, directory: &Node<S>, name: &[u8]) -> Result<Node<S>, Errno> {
        let mut node = self.below(directory, name)?;
        while let Some(mount) = node.cover() {
            node = Mount::root(&mount)?;
        }
        Ok(node)
    }

    /// The entry of that name, whatever is mounted there.
    fn below(&self, directory: &Node<S>, name: &[u8]) -> Result<Node<S>, Errno> {
        check_name(name)?;
        let _entries = directory.as_directory()?.read();
        let node = Mount::get(directory.mount(), self.number(directory, name)?)?;
        node.found_at(directory, name)?;
        Ok(node)
    }

    /// The number of the file with that name. The directory is locked.
    fn number(&self, directory: &Node<S>, name: &[u8]) -> Result<u64, Errno> {
        if let Some(number) = self.names.find(directory, name) {
            return Ok(number);
        }
        let at = At {
            directory: directory.number,
            name,
        };
        let number = directory.system().lookup(at)?;
        self.names.enter(directory, name, number);
        Ok(number)
    }

    /// The directory above, across mounts; the root is above itself.
    pub fn above(&self, node: &Node<S>) -> Node<S> {
        let mut node = node.clone();
        while node.is_root() {
            match node.mount().covers() {
                Some(below) => node = below,
                None => return node,
            }
        }
        node.parent().unwrap_or(node)
    }

    /// Calls `visit` with a directory's entries from a cookie on (0: from the first, which is `.`) until it
    /// answers `false`. No lock is held while it runs.
    pub fn list(
        &self,
        directory: &Node<S>,
        cookie: u64,
        mut visit: impl FnMut(Entry<'_>) -> bool,
    ) -> Result<(), Errno> {
        directory.as_directory()?;
        directory
            .system()
            .list(directory.number, cookie, &mut |entry| {
                if entry.name != b".." || !directory.is_root() {
                    return visit(entry);
                }
                let number = self.above(directory).number;
                visit(Entry { number, ..entry })
            })
    }

    /// Makes a file. `EEXIST` if the name is taken.
    pub fn make(&self, parent: &Parent<'_, S>, new: &New<'_>) -> Result<Node<S>, Errno> {
        let directory = &parent.directory;
        let is_directory = new.what == super::attributes::What::Directory;
        if parent.must_be_directory == MustBeDirectory::Yes && !is_directory {
            return Err(Errno::ENOENT);
        }
        directory.mount().check_writable()?;
        let place = (directory.clone(), try_bytes(parent.name)?);
        let _changes = directory.mount().changes.write();
        let entries = directory.as_directory()?.write();
        self.check_free(directory, *entries, parent.name)?;
        let number = directory.system().make(parent.at(), new)?;
        let node = match Mount::get(directory.mount(), number) {
            Ok(node) => node,
            Err(error) => {
                self.unmake(parent, number, is_directory);
                return Err(error);
            }
        };
        node.moved_to(place);
        self.names.enter(directory, parent.name, number);
        if is_directory {
            directory.count_link(true);
        }
        directory.touch();
        Ok(node)
    }

    /// Takes back what was just made and cannot be used. It worked a moment ago in the other direction;
    /// if it fails now the file stays, and can be removed by its name.
    fn unmake(&self, parent: &Parent<'_, S>, number: u64, is_directory: bool) {
        let system = parent.directory.system();
        let undone = if is_directory {
            system.remove_directory(parent.at())
        } else {
            system.unlink(parent.at())
        };
        if undone.is_ok() {
            system.release(number);
        }
    }

    /// The directory can have entries and none of that name. It is locked alone.
    fn check_free(&self, directory: &Node<S>, life: Life, name: &[u8]) -> Result<(), Errno> {
        check_name(name)?;
        if life == Life::Removed {
            return Err(Errno::ENOENT);
        }
        match self.number(directory, name) {
            Ok(_) => Err(Errno::EEXIST),
            Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Gives a file one more name. `EXDEV` if that is in another file system.
    pub fn link(&self, node: &Node<S>, parent: &Parent<'_, S>) -> Result<(), Errno> {
        let directory = &parent.directory;
        if node.is_directory() {
            return Err(Errno::EPERM);
        }
        if parent.must_be_directory == MustBeDirectory::Yes {
            return Err(Errno::ENOENT);
        }
        if !node.mount().same(directory.mount()) {
            return Err(Errno::EXDEV);
        }
        directory.mount().check_writable()?;
        let place = (directory.clone(), try_bytes(parent.name)?);
        let _changes = directory.mount().changes.write();
        let entries = directory.as_directory()?.write();
        self.check_free(directory, *entries, parent.name)?;
        if node.links() == 0 {
            return Err(Errno::ENOENT);
        }
        node.system().link(node.number, parent.at())?;
        node.count_link(true);
        node.moved_to(place);
        self.names.enter(directory, parent.name, node.number);
        directory.touch();
        Ok(())
    }

    /// Takes a name away from what is no directory.
    pub fn unlink(&self, parent: &Parent<'_, S>) -> Result<(), Errno> {
        let directory = &parent.directory;
        let changes = directory.mount().changes.write();
        let node = self.below(directory, parent.name)?;
        if node.is_directory() {
            return Err(Errno::EPERM);
        }
        if parent.must_be_directory == MustBeDirectory::Yes {
            return Err(Errno::ENOTDIR);
        }
        directory.mount().check_writable()?;
        let entries = directory.as_directory()?.write();
        directory.system().unlink(parent.at())?;
        self.names.remove(directory, parent.name);
        drop(entries);
        node.count_link(false);
        node.left(directory, parent.name);
        directory.touch();
        drop(changes);
        retire(&node, 1);
        Ok(())
    }

    /// Removes an empty directory. `EBUSY` if something is mounted there.
    pub fn remove_directory(&self, parent: &Parent<'_, S>) -> Result<(), Errno> {
        let directory = &parent.directory;
        let changes = directory.mount().changes.write();
        let node = self.below(directory, parent.name)?;
        node.as_directory()?;
        directory.mount().check_writable()?;
        if node.cover().is_some() {
            return Err(Errno::EBUSY);
        }
        {
            let _entries = directory.as_directory()?.write();
            let mut life = node.as_directory()?.write();
            directory.system().remove_directory(parent.at())?;
            self.names.remove(directory, parent.name);
            *life = Life::Removed;
        }
        node.count_removed();
        node.left(directory, parent.name);
        directory.count_link(false);
        directory.touch();
        drop(changes);
        retire(&node, 1);
        Ok(())
    }

    /// Moves a name; what has the new name already is replaced at one stroke.
    pub fn rename(&self, from: &Parent<'_, S>, to: &Parent<'_, S>) -> Result<(), Errno> {
        if !from.directory.mount().same(to.directory.mount()) {
            return Err(Errno::EXDEV);
        }
        let place = (to.directory.clone(), try_bytes(to.name)?);
        let changes = from.directory.mount().changes.write();
        let node = self.below(&from.directory, from.name)?;
        let is_directory = node.is_directory();
        let asks = |parent: &Parent<'_, S>| parent.must_be_directory == MustBeDirectory::Yes;
        if !is_directory && (asks(from) || asks(to)) {
            return Err(Errno::ENOTDIR);
        }
        let mut above = Some(to.directory.clone());
        while let Some(directory) = above {
            if directory.same(&node) {
                return Err(Errno::EINVAL); // into itself
            }
            above = directory.parent();
        }
        let old = match self.below(&to.directory, to.name) {
            Ok(old) if old.same(&node) => return Ok(()),
            Ok(old) => Some(old),
            Err(Errno::ENOENT) => None,
            Err(error) => return Err(error),
        };
        if let Some(old) = &old {
            match (is_directory, old.is_directory()) {
                (true, false) => return Err(Errno::ENOTDIR),
                (false, true) => return Err(Errno::EISDIR),
                _ if old.cover().is_some() => return Err(Errno::EBUSY),
                _ => {}
            }
        }
        if node.cover().is_some() {
            return Err(Errno::EBUSY);
        }
        node.mount().check_writable()?;
        self.exchange(from, to, old.as_ref())?;
        node.left(&from.directory, from.name);
        node.moved_to(place);
        if let Some(old) = &old {
            old.left(&to.directory, to.name);
            if is_directory {
                old.count_removed();
            } else {
                old.count_link(false);
            }
        }
        if is_directory {
            from.directory.count_link(false);
            if old.is_none() {
                to.directory.count_link(true);
            }
        }
        from.directory.touch();
        to.directory.touch();
        drop(changes);
        if let Some(old) = &old {
            retire(old, 1);
        }
        Ok(())
    }

    /// The moment of a rename: both directories, and one that is replaced, are locked alone. Only who has
    /// the mount's lock of changes takes more than one.
    fn exchange(
        &self,
        from: &Parent<'_, S>,
        to: &Parent<'_, S>,
        old: Option<&Node<S>>,
    ) -> Result<(), Errno> {
        let target = to.directory.as_directory()?.write();
        let _source = if from.directory.same(&to.directory) {
            None
        } else {
            Some(from.directory.as_directory()?.write())
        };
        if *target == Life::Removed {
            return Err(Errno::ENOENT);
        }
        let replaced = old
            .and_then(|old| old.as_directory().ok())
            .map(SleepRwLock::write);
        from.directory.system().rename(from.at(), to.at())?;
        if let Some(mut life) = replaced {
            *life = Life::Removed;
        }
        self.names.remove(&from.directory, from.name);
        self.names.remove(&to.directory, to.name);
        Ok(())
    }

    /// The vnode at a path from the root, following links.
    pub fn at(&self, path: &[u8]) -> Result<Node<S>, Errno> {
        self.resolve(&self.root, Path::new(path)?, Walk::Follow)
    }
}
