//! Directories: names and what they name.
//!
//! Owns: the walk over a directory's blocks; finding, listing, adding and removing a name. Does not own: the format
//! inside a block (`record`), what a change of names does to inodes (`create`, `remove`, `rename`).

use crate::attributes::{InodeNumber, Kind};
use crate::block_map::{Found, Purpose};
use crate::cache;
use crate::error::{Error, Result};
use crate::inode::{INDEXED, Inode};
use crate::record::{self, Record};
use crate::volume::Volume;
use core::ops::ControlFlow;

/// The longest name, in bytes.
pub const MAXIMUM_NAME: u32 = 255;

/// A place in a directory's list; 0 is its start.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cookie(pub u64);

/// One name of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Whose name.
    pub inode: InodeNumber,
    /// What that is.
    pub kind: Kind,
    /// The name: not empty, without `/` and NUL.
    pub name: &'a [u8],
    /// Where the list goes on after it. It stays good while names are added and removed.
    pub next: Cookie,
}

/// A name that was found, in its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    pub block: u32,
    pub record: Record,
    /// The record before it in the block.
    pub before: Option<Record>,
    pub inode: InodeNumber,
}

/// A record with room for a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub block: u32,
    pub record: Record,
}

/// What a search found.
pub(crate) struct Search {
    pub named: Option<Named>,
    /// The first room for the name, among the blocks that were searched.
    pub spot: Option<Spot>,
}

/// Checks a name that is to be made: `.` and `..` cannot be.
pub(crate) fn check_name(name: &[u8]) -> Result<()> {
    if name.len() > MAXIMUM_NAME as usize {
        return Err(Error::NameTooLong);
    }
    let bad = |&byte: &u8| byte == b'/' || byte == 0;
    if name.is_empty() || name == b"." || name == b".." || name.iter().any(bad) {
        return Err(Error::Invalid);
    }
    Ok(())
}

impl Volume<'_> {
    /// The block of the disk that is block `at` of a directory. A directory has no holes.
    fn directory_block(&mut self, inode: &Inode, at: u64) -> Result<u32> {
        match self.find_block(inode, at)? {
            Found::Block(block) => Ok(block),
            Found::Hole => Err(self.damaged(Error::inode(inode.number, "a directory has a hole"))),
        }
    }

    fn directory_blocks(&self, inode: &Inode) -> u64 {
        inode.size / self.state.geometry.block_size as u64
    }

    fn bad_record(&mut self, inode: &Inode, block: u32) -> Error {
        self.damaged(Error::Corrupt {
            what: "a directory's record is wrong",
            inode: inode.number.0,
            block,
        })
    }

    /// Looks for a name, and for room for it on the way.
    pub fn search(&mut self, directory: &Inode, name: &[u8]) -> Result<Search> {
        let mut spot = None;
        for at in 0..self.directory_blocks(directory) {
            let block = self.directory_block(directory, at)?;
            let bytes = self.look(block, cache::Kind::Directory)?;
            let mut before = None;
            let mut next = 0;
            while next < bytes.len() {
                let Some(record) = Record::new(bytes, next) else {
                    return Err(self.bad_record(directory, block));
                };
                if let Some((inode, _)) = record.target()
                    && record.name(bytes) == name
                {
                    let named = Some(Named {
                        block,
                        record,
                        before,
                        inode,
                    });
                    return Ok(Search { named, spot });
                }
                if spot.is_none() && record.spare() >= record::needs(name.len()) {
                    spot = Some(Spot { block, record });
                }
                next = record.end();
                before = Some(record);
            }
        }
        Ok(Search { named: None, spot })
    }

    /// The name in a directory, which must be there.
    pub fn find(&mut self, directory: &Inode, name: &[u8]) -> Result<Named> {
        if name.len() > MAXIMUM_NAME as usize {
            return Err(Error::NameTooLong);
        }
        let search = self.search(directory, name)?;
        search.named.ok_or(Error::NotFound)
    }

    /// Calls `visit` for each name from `from` on, `.` and `..` too, until it breaks.
    pub fn list(
        &mut self,
        number: InodeNumber,
        from: Cookie,
        visit: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let directory = self.directory(number)?;
        let size = self.state.geometry.block_size as u64;
        for at in from.0 / size..self.directory_blocks(&directory) {
            let block = self.directory_block(&directory, at)?;
            let start = at.saturating_mul(size);
            let bytes = self.look(block, cache::Kind::Directory)?;
            let mut next = 0;
            while next < bytes.len() {
                let Some(record) = Record::new(bytes, next) else {
                    return Err(self.bad_record(&directory, block));
                };
                next = record.end();
                let place = start.saturating_add(record.at as u64);
                let (Some((inode, kind)), true) = (record.target(), place >= from.0) else {
                    continue;
                };
                let name = record.name(bytes);
                let Some(kind) =
                    kind.filter(|_| !name.iter().any(|&byte| byte == b'/' || byte == 0))
                else {
                    return Err(self.bad_record(&directory, block));
                };
                let entry = Entry {
                    inode,
                    kind,
                    name,
                    next: Cookie(start.saturating_add(next as u64)),
                };
                if visit(entry).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Room for a name: what the search found, or a new block at the directory's end. The directory's inode may
    /// change.
    pub fn room_for(&mut self, directory: &mut Inode, found: Option<Spot>) -> Result<Spot> {
        if let Some(spot) = found {
            return Ok(spot);
        }
        let at = self.directory_blocks(directory);
        let size = self.state.geometry.bytes(at.saturating_add(1));
        if u32::try_from(size).is_err() {
            return Err(Error::NoSpace);
        }
        let goal = self.goal(directory, at)?;
        let purpose = Purpose::Own(cache::Kind::Directory);
        let block = self.ensure_block(directory, at, purpose, goal)?;
        let bytes = self.edit(block, cache::Kind::Directory)?;
        record::clear(bytes);
        let record = Record::new(bytes, 0);
        let record = record.ok_or(Error::block(block, "a new directory block is wrong"))?;
        directory.size = size;
        self.put_inode(directory)?;
        Ok(Spot { block, record })
    }

    /// Writes a name into its room. What it needs was looked at just before.
    pub fn add_name(
        &mut self,
        directory: &mut Inode,
        spot: Spot,
        name: &[u8],
        inode: InodeNumber,
        kind: Kind,
    ) -> Result<()> {
        let bytes = self.edit(spot.block, cache::Kind::Directory)?;
        spot.record.insert(bytes, name, inode, kind);
        directory.flags &= !INDEXED;
        Ok(())
    }

    /// Takes a name out of its block. What it needs was looked at just before.
    pub fn remove_name(&mut self, directory: &mut Inode, named: Named) -> Result<()> {
        let bytes = self.edit(named.block, cache::Kind::Directory)?;
        named.record.remove(bytes, named.before);
        directory.flags &= !INDEXED;
        Ok(())
    }

    /// Fails unless a directory has no names but `.` and `..`.
    pub fn check_empty(&mut self, number: InodeNumber) -> Result<()> {
        let mut empty = Ok(());
        self.list(number, Cookie(0), &mut |entry| {
            if entry.name == b"." || entry.name == b".." {
                return ControlFlow::Continue(());
            }
            empty = Err(Error::NotEmpty);
            ControlFlow::Break(())
        })?;
        empty
    }
}
