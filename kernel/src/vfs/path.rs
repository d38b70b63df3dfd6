//! Paths and how they are walked.
//!
//! Owns: splitting a path, following links. Does not own: changes (`tree`).

use super::Tree;
use super::attributes::check_name;
use super::file_system::At;
use super::store::Store;
use super::vnode::{Body, Vnode};
use crate::shared::Shared;
use abi::Errno;
use abi::proc::MAXPATHLEN;

/// Links that one walk follows before it gives up.
const MAXIMUM_LINKS: u32 = 32;

/// A path as a program gave it, without its NUL: not empty, shorter than `MAXPATHLEN`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path<'a>(&'a [u8]);

impl<'a> Path<'a> {
    /// Checks the length.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Errno> {
        match bytes.len() {
            0 => Err(Errno::ENOENT),
            length if length >= MAXPATHLEN => Err(Errno::ENAMETOOLONG),
            _ => Ok(Self(bytes)),
        }
    }

    /// The bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    fn is_absolute(self) -> bool {
        self.0[0] == b'/'
    }

    /// The part before the last name, the last name, and whether a `/` follows it.
    fn split(self) -> (&'a [u8], &'a [u8], bool) {
        let end = self
            .0
            .iter()
            .rposition(|&byte| byte != b'/')
            .map_or(0, |at| at + 1);
        let trailing = end < self.0.len();
        let start = self.0[..end]
            .iter()
            .rposition(|&byte| byte == b'/')
            .map_or(0, |at| at + 1);
        (&self.0[..start], &self.0[start..end], trailing)
    }
}

/// What a walk does with a symbolic link at its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Walk {
    /// Goes on to its target.
    Follow,
    /// Stops at the link.
    NoFollow,
}

/// Where a new name would go.
pub struct Parent<'a, S: Store> {
    /// The directory.
    pub directory: Shared<Vnode<S>>,
    /// The name in it: neither empty nor `.` nor `..`.
    pub name: &'a [u8],
    /// The path ends in `/`: only a directory will do.
    pub must_be_directory: MustBeDirectory,
}

impl<S: Store> Parent<'_, S> {
    /// The name, as the directory's file system knows it.
    pub(super) fn at(&self) -> At<'_> {
        At {
            directory: self.directory.number,
            name: self.name,
        }
    }
}

/// Whether a path asks for a directory by ending in `/`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MustBeDirectory {
    /// It does.
    Yes,
    /// It does not.
    No,
}

impl<S: Store> Tree<S> {
    /// The vnode at a path, from `from` if the path is relative.
    pub fn resolve(
        &self,
        from: &Shared<Vnode<S>>,
        path: Path<'_>,
        walk: Walk,
    ) -> Result<Shared<Vnode<S>>, Errno> {
        self.walk(from, path.bytes(), walk, &mut 0)
    }

    /// The directory that the path's last name is in, and that name.
    pub fn resolve_parent<'a>(
        &self,
        from: &Shared<Vnode<S>>,
        path: Path<'a>,
    ) -> Result<Parent<'a, S>, Errno> {
        let (before, name, trailing) = path.split();
        check_name(name)?;
        if name.is_empty() {
            return Err(Errno::EEXIST); // the root
        }
        let directory = if before.is_empty() {
            from.clone()
        } else {
            self.walk(from, before, Walk::Follow, &mut 0)?
        };
        directory.as_directory()?;
        if name == b"." || name == b".." {
            return Err(Errno::EINVAL);
        }
        let must_be_directory = if trailing {
            MustBeDirectory::Yes
        } else {
            MustBeDirectory::No
        };
        Ok(Parent {
            directory,
            name,
            must_be_directory,
        })
    }

    fn walk(
        &self,
        from: &Shared<Vnode<S>>,
        path: &[u8],
        walk: Walk,
        links: &mut u32,
    ) -> Result<Shared<Vnode<S>>, Errno> {
        let path = Path::new(path)?;
        let mut at = if path.is_absolute() {
            self.root().clone()
        } else {
            from.clone()
        };
        let (_, last, trailing) = path.split();
        let last_at = last.as_ptr();
        for name in path.bytes().split(|&byte| byte == b'/') {
            if name.is_empty() || name == b"." {
                continue;
            }
            at.as_directory()?;
            if name == b".." {
                at = self.above(&at);
                continue;
            }
            let next = self.lookup(&at, name)?;
            let is_last = core::ptr::eq(name.as_ptr(), last_at);
            at = match &next.body {
                Body::Link(target) if !is_last || trailing || walk == Walk::Follow => {
                    *links += 1;
                    if *links > MAXIMUM_LINKS {
                        return Err(Errno::ELOOP);
                    }
                    self.walk(&at, target, Walk::Follow, links)?
                }
                _ => next,
            };
        }
        if trailing {
            at.as_directory()?;
        }
        Ok(at)
    }
}
