//! New inodes and new names.
//!
//! Owns: `create` and `link`. Does not own: who may (the layer above checks permissions).

use crate::attributes::{Attributes, DeviceNumber, InodeNumber, Kind};
use crate::block_map::Purpose;
use crate::cache;
use crate::directory::check_name;
use crate::error::{Error, Result};
use crate::inode::Inode;
use crate::record;
use crate::volume::Volume;
use abi::stat::Timespec;

/// The most names of an inode, and so, with `..`, the most directories in one.
pub(crate) const MOST_LINKS: u16 = 32000;
/// The most inodes that are remembered for having got a name since the last flush.
pub(crate) const MOST_LINKED: usize = 64;

/// What a new inode is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Node<'a> {
    /// An empty file.
    File,
    /// An empty directory.
    Directory,
    /// A symbolic link with this text: not empty, without NUL, shorter than a block.
    Symlink(&'a [u8]),
    /// A character device.
    Character(DeviceNumber),
    /// A block device.
    Block(DeviceNumber),
    /// A pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Node<'_> {
    fn kind(&self) -> Kind {
        match self {
            Node::File => Kind::File,
            Node::Directory => Kind::Directory,
            Node::Symlink(_) => Kind::Symlink,
            Node::Character(_) => Kind::Character,
            Node::Block(_) => Kind::Block,
            Node::Fifo => Kind::Fifo,
            Node::Socket => Kind::Socket,
        }
    }
}

/// A new inode's properties.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct New<'a> {
    /// What it is.
    pub node: Node<'a>,
    /// 12 bits.
    pub permissions: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Volume<'_> {
    /// A directory that may get a name.
    pub fn living_directory(&mut self, number: InodeNumber) -> Result<Inode> {
        let directory = self.directory(number)?;
        if directory.links == 0 {
            Err(Error::NotFound)
        } else {
            Ok(directory)
        }
    }

    /// Makes an inode with a name.
    pub fn create(
        &mut self,
        parent: InodeNumber,
        name: &[u8],
        new: &New<'_>,
        now: Timespec,
    ) -> Result<Attributes> {
        self.begin()?;
        check_name(name)?;
        let mut directory = self.living_directory(parent)?;
        let search = self.search(&directory, name)?;
        if search.named.is_some() {
            return Err(Error::Exists);
        }
        let kind = new.node.kind();
        if kind == Kind::Directory && directory.links >= MOST_LINKS {
            return Err(Error::TooManyLinks);
        }
        let spot = self.room_for(&mut directory, search.spot)?;
        // What moves into a new directory relies on its name, which must not wait for the last step of a flush.
        if kind == Kind::Directory && self.is_late(spot.block) {
            self.flush()?;
        }
        let number = self.allocate_inode(parent, kind)?;
        let mut inode = Inode::new(number, kind.mode() | new.permissions & 0o7777, now);
        (inode.uid, inode.gid, inode.links) = (new.uid, new.gid, 1);
        let made = self
            .raw_inode(number)
            .and_then(|_| self.fill(&mut inode, parent, new.node))
            .and_then(|()| self.put_new_inode(&mut inode))
            .and_then(|()| self.add_name(&mut directory, spot, name, number, kind));
        if let Err(error) = made {
            self.abandon(inode, kind);
            return Err(error);
        }
        if kind == Kind::Directory {
            directory.links = directory.links.saturating_add(1);
        }
        (directory.mtime, directory.ctime) = (now, now);
        self.put_inode(&directory)?;
        Ok(inode.attributes(kind))
    }

    /// What a new inode has at its start.
    fn fill(&mut self, inode: &mut Inode, parent: InodeNumber, node: Node<'_>) -> Result<()> {
        match node {
            Node::File | Node::Fifo | Node::Socket => {}
            Node::Character(device) | Node::Block(device) => inode.set_device(device),
            Node::Symlink(text) => self.write_link(inode, text)?,
            Node::Directory => {
                let goal = self.goal(inode, 0)?;
                let purpose = Purpose::Own(cache::Kind::Directory);
                let block = self.ensure_block(inode, 0, purpose, goal)?;
                let bytes = self.edit(block, cache::Kind::Directory)?;
                record::first_block(bytes, inode.number, parent);
                inode.size = self.state.geometry.block_size as u64;
                inode.links = 2;
            }
        }
        Ok(())
    }

    /// Gives back a new inode that could not be finished.
    fn abandon(&mut self, mut inode: Inode, kind: Kind) {
        let [first, ..] = inode.map;
        if inode.blocks != 0 && first != 0 {
            self.unallocate_block(first);
        }
        (inode.links, inode.blocks, inode.size) = (0, 0, 0);
        inode.map.fill(0);
        inode.dtime = self.deletion_time(inode.ctime);
        let _free_on_the_disk = self.put_inode(&inode);
        self.unallocate_inode(inode.number, kind);
    }

    /// Gives an inode one more name.
    pub fn link(
        &mut self,
        number: InodeNumber,
        parent: InodeNumber,
        name: &[u8],
        now: Timespec,
    ) -> Result<()> {
        self.begin()?;
        check_name(name)?;
        let mut directory = self.living_directory(parent)?;
        let (mut inode, kind) = self.inode(number)?;
        if kind == Kind::Directory {
            return Err(Error::IsDirectory);
        }
        if inode.links == 0 {
            return Err(Error::NotFound);
        }
        if inode.links >= MOST_LINKS {
            return Err(Error::TooManyLinks);
        }
        let search = self.search(&directory, name)?;
        if search.named.is_some() {
            return Err(Error::Exists);
        }
        if self.state.linked.len() >= MOST_LINKED {
            self.flush()?;
        }
        let spot = self.room_for(&mut directory, search.spot)?;
        self.raw_inode(number)?;
        self.add_name(&mut directory, spot, name, number, kind)?;
        inode.links += 1;
        inode.ctime = now;
        (directory.mtime, directory.ctime) = (now, now);
        self.put_inode(&inode)?;
        self.put_inode(&directory)?;
        if !self.state.linked.contains(&number) {
            // Room was taken at the mount.
            self.state.linked.push(number);
        }
        Ok(())
    }
}
