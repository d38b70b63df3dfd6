//! The tree, and every change of names in it.
//!
//! Owns: create, link, unlink, rmdir, rename. Does not own: what the files hold. Locks: all changes
//! hold the tree's lock, so they happen one after the other; lookups do not take it.

use super::TreeRank;
use super::path::{MustBeDirectory, Parent, Path};
use super::store::Store;
use super::vnode::{Body, Vnode};
use crate::shared::Shared;
use abi::Errno;
use sync::SleepRwLock;

/// The file number of every tree's root.
pub(super) const ROOT_NUMBER: u64 = 2;

/// A file tree.
pub struct Tree<S: Store> {
    root: Shared<Vnode<S>>,
    changes: SleepRwLock<S::Platform, TreeRank, ()>,
}

type Node<S> = Shared<Vnode<S>>;

impl<S: Store> Tree<S> {
    /// A tree with an empty root.
    pub fn new(now: i64) -> Result<Self, Errno> {
        Ok(Self {
            root: Vnode::root(now)?,
            changes: SleepRwLock::new(()),
        })
    }

    /// The root.
    pub fn root(&self) -> &Node<S> {
        &self.root
    }

    /// Gives `node` its first name. `EEXIST` if the name is taken.
    pub fn create(&self, parent: &Parent<'_, S>, node: &Node<S>, now: i64) -> Result<(), Errno> {
        let is_directory = matches!(node.body, Body::Directory(_));
        if parent.must_be_directory == MustBeDirectory::Yes && !is_directory {
            return Err(Errno::ENOENT);
        }
        let _changes = self.changes.write();
        Vnode::insert(&parent.directory, parent.name, node)?;
        parent.directory.touch(now);
        Ok(())
    }

    /// Gives a file one more name.
    pub fn link(&self, node: &Node<S>, parent: &Parent<'_, S>, now: i64) -> Result<(), Errno> {
        if matches!(node.body, Body::Directory(_)) {
            return Err(Errno::EPERM);
        }
        self.create(parent, node, now)
    }

    /// Takes a name away from what is no directory.
    pub fn unlink(&self, parent: &Parent<'_, S>, now: i64) -> Result<(), Errno> {
        let _changes = self.changes.write();
        let node = parent.directory.lookup(parent.name)?;
        if matches!(node.body, Body::Directory(_)) {
            return Err(Errno::EPERM);
        }
        if parent.must_be_directory == MustBeDirectory::Yes {
            return Err(Errno::ENOTDIR);
        }
        Vnode::take(&parent.directory, parent.name)?;
        parent.directory.touch(now);
        Ok(())
    }

    /// Removes an empty directory.
    pub fn remove_directory(&self, parent: &Parent<'_, S>, now: i64) -> Result<(), Errno> {
        let _changes = self.changes.write();
        let node = parent.directory.lookup(parent.name)?;
        node.close_directory()?;
        Vnode::take(&parent.directory, parent.name)?;
        parent.directory.touch(now);
        Ok(())
    }

    /// Moves a name; what has the new name already is replaced at one stroke.
    pub fn rename(&self, from: &Parent<'_, S>, to: &Parent<'_, S>, now: i64) -> Result<(), Errno> {
        let _changes = self.changes.write();
        let node = from.directory.lookup(from.name)?;
        let is_directory = matches!(node.body, Body::Directory(_));
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
        match to.directory.lookup(to.name) {
            Ok(old) if old.same(&node) => return Ok(()),
            Ok(old) => {
                match (is_directory, matches!(old.body, Body::Directory(_))) {
                    (true, false) => return Err(Errno::ENOTDIR),
                    (false, true) => return Err(Errno::EISDIR),
                    (true, true) => old.close_directory()?,
                    (false, false) => {}
                }
                Vnode::replace(&to.directory, to.name, &node)?;
            }
            Err(Errno::ENOENT) => Vnode::insert(&to.directory, to.name, &node)?,
            Err(error) => return Err(error),
        }
        Vnode::take(&from.directory, from.name)?;
        from.directory.touch(now);
        to.directory.touch(now);
        Ok(())
    }

    /// The vnode at a path from the root, following links.
    pub fn at(&self, path: &[u8]) -> Result<Node<S>, Errno> {
        self.resolve(&self.root, Path::new(path)?, super::Walk::Follow)
    }
}
