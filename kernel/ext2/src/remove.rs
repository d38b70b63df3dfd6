//! Names that go.
//!
//! Owns: `unlink` and `rmdir`. Does not own: the inode's end (`truncate`: `release`).
//!
//! An inode without a name is kept, with 0 links on the disk and its blocks, until it is released. After a power cut
//! `e2fsck` frees it.

use crate::attributes::{InodeNumber, Kind};
use crate::block_map::Found;
use crate::directory::check_name;
use crate::error::{Error, Result};
use crate::inode::Inode;
use crate::volume::Volume;
use abi::stat::Timespec;

/// What a name that went had named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "an inode without links must be released when its last user is gone"]
pub struct Unlinked {
    /// The inode.
    pub inode: InodeNumber,
    /// Its names now. With 0 it stays readable and writable until `release`.
    pub links: u16,
}

impl Volume<'_> {
    /// Takes a name away from what is not a directory.
    pub fn unlink(&mut self, parent: InodeNumber, name: &[u8], now: Timespec) -> Result<Unlinked> {
        self.begin()?;
        check_name(name)?;
        let mut directory = self.directory(parent)?;
        let named = self.find(&directory, name)?;
        let (inode, kind) = self.inode(named.inode)?;
        if kind == Kind::Directory {
            return Err(Error::IsDirectory);
        }
        self.before_name_goes(&inode)?;
        self.remove_name(&mut directory, named)?;
        (directory.mtime, directory.ctime) = (now, now);
        self.put_inode(&directory)?;
        self.one_name_less(inode, now)
    }

    /// Takes an empty directory's name away.
    pub fn rmdir(&mut self, parent: InodeNumber, name: &[u8], now: Timespec) -> Result<Unlinked> {
        self.begin()?;
        check_name(name)?;
        let mut directory = self.directory(parent)?;
        let named = self.find(&directory, name)?;
        let (inode, kind) = self.inode(named.inode)?;
        if kind != Kind::Directory {
            return Err(Error::NotDirectory);
        }
        if named.inode == InodeNumber::ROOT || named.inode == parent {
            let what = "a directory has a name that it cannot have";
            return Err(self.damaged(Error::inode(named.inode, what)));
        }
        self.check_empty(named.inode)?;
        self.before_name_goes(&inode)?;
        self.remove_name(&mut directory, named)?;
        directory.links = directory.links.saturating_sub(1).max(1);
        (directory.mtime, directory.ctime) = (now, now);
        self.put_inode(&directory)?;
        self.one_name_less(inode, now)
    }

    /// What must be done before a name of `inode` goes: memory for an inode without name; the other names that it
    /// got since the last flush, and those that a directory gave away, must be on the disk first.
    pub fn before_name_goes(&mut self, inode: &Inode) -> Result<()> {
        let orphans = &mut self.state.orphans;
        orphans.try_reserve(1).map_err(|_| Error::NoMemory)?;
        let linked = inode.links > 1 && self.state.linked.contains(&inode.number);
        if linked || self.gave_names_away(inode)? {
            self.flush()?;
        }
        Ok(())
    }

    fn gave_names_away(&mut self, inode: &Inode) -> Result<bool> {
        if inode.kind() != Some(Kind::Directory) {
            return Ok(false);
        }
        for at in 0..inode.size / self.state.geometry.block_size as u64 {
            if let Found::Block(block) = self.find_block(inode, at)?
                && self.is_late(block)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts one name less; a directory that lost its name has none left, not even its own.
    pub fn one_name_less(&mut self, mut inode: Inode, now: Timespec) -> Result<Unlinked> {
        inode.links = match inode.kind() {
            Some(Kind::Directory) => 0,
            _ => inode.links.saturating_sub(1),
        };
        inode.ctime = now;
        self.put_inode(&inode)?;
        if inode.links == 0 {
            self.state.orphans.push(inode.number);
        }
        Ok(Unlinked {
            inode: inode.number,
            links: inode.links,
        })
    }
}
