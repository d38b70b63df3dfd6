//! Another name for an inode.
//!
//! Owns: `rename`. Does not own: who may (the layer above).
//!
//! The new name must be on the disk before the old one goes. In one block they change together. In two blocks the
//! one with the new name `gives` and the other one is `late` (`order`); a block that is one of these cannot become
//! the other before the next flush, which is then made at once; nor does a new directory get its name in a `late` one.

use crate::attributes::{InodeNumber, Kind};
use crate::cache;
use crate::create::MOST_LINKS;
use crate::directory::{Named, Spot, check_name};
use crate::error::{Error, Result};
use crate::inode::Inode;
use crate::remove::Unlinked;
use crate::volume::Volume;
use abi::stat::Timespec;

/// A name in a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name<'a> {
    /// The directory.
    pub directory: InodeNumber,
    /// The name in it.
    pub name: &'a [u8],
}

/// How deep a directory may lie: a longer way up is a loop.
const DEEPEST: u32 = 1 << 16;

impl Volume<'_> {
    /// Gives `from` the name `to`; what had that name loses it and is the answer.
    pub fn rename(
        &mut self,
        from: Name<'_>,
        to: Name<'_>,
        now: Timespec,
    ) -> Result<Option<Unlinked>> {
        self.begin()?;
        check_name(from.name)?;
        check_name(to.name)?;
        let source = self.directory(from.directory)?;
        let old = self.find(&source, from.name)?;
        let (mut inode, kind) = self.inode(old.inode)?;
        let mut target = self.living_directory(to.directory)?;
        let search = self.search(&target, to.name)?;
        let replaced = match search.named {
            Some(named) if named.inode == old.inode => return Ok(None),
            Some(named) => Some((named, self.replaceable(named, kind)?)),
            None => None,
        };
        let moves = kind == Kind::Directory && from.directory != to.directory;
        if moves {
            self.check_not_below(old.inode, to.directory)?;
            self.find(&inode, b"..")?;
            if target.links >= MOST_LINKS {
                return Err(Error::TooManyLinks);
            }
        }
        self.before_name_goes(&inode)?;
        let spot = match &replaced {
            Some((named, gone)) => {
                self.before_name_goes(gone)?;
                Spot {
                    block: named.block,
                    record: named.record,
                }
            }
            None => self.room_for(&mut target, search.spot)?,
        };
        self.order_names(spot.block, old.block)?;

        if replaced.is_some() {
            let bytes = self.edit(spot.block, cache::Kind::Directory)?;
            spot.record.retarget(bytes, old.inode, kind);
        } else {
            self.add_name(&mut target, spot, to.name, old.inode, kind)?;
        }
        if kind == Kind::Directory && replaced.is_some() {
            target.links = target.links.saturating_sub(1);
        }
        if moves {
            target.links = target.links.saturating_add(1);
            let parent = self.find(&inode, b"..")?;
            let bytes = self.edit(parent.block, cache::Kind::Directory)?;
            parent.record.retarget(bytes, to.directory, Kind::Directory);
        }
        (target.mtime, target.ctime) = (now, now);
        self.put_inode(&target)?;

        // The new name may have been put into the old one's record, and the directories may be one: look again.
        let mut source = self.directory(from.directory)?;
        let old = self.find(&source, from.name)?;
        self.note_order(spot.block, old.block);
        self.remove_name(&mut source, old)?;
        if moves {
            source.links = source.links.saturating_sub(1);
        }
        (source.mtime, source.ctime) = (now, now);
        self.put_inode(&source)?;
        inode.ctime = now;
        self.put_inode(&inode)?;
        match replaced {
            Some((_, gone)) => Ok(Some(self.one_name_less(gone, now)?)),
            None => Ok(None),
        }
    }

    /// What a name is of that is to become the name of a `kind`.
    fn replaceable(&mut self, named: Named, kind: Kind) -> Result<Inode> {
        let (inode, old_kind) = self.inode(named.inode)?;
        match (kind == Kind::Directory, old_kind == Kind::Directory) {
            (true, false) => Err(Error::NotDirectory),
            (false, true) => Err(Error::IsDirectory),
            (true, true) => {
                self.check_empty(named.inode)?;
                Ok(inode)
            }
            (false, false) => Ok(inode),
        }
    }

    /// Fails if `moved` is `directory` or lies above it.
    fn check_not_below(&mut self, moved: InodeNumber, directory: InodeNumber) -> Result<()> {
        let mut at = directory;
        for _ in 0..DEEPEST {
            if at == moved {
                return Err(Error::Invalid);
            }
            if at == InodeNumber::ROOT {
                return Ok(());
            }
            let inode = self.directory(at)?;
            at = self.find(&inode, b"..")?.inode;
        }
        Err(self.damaged(Error::inode(
            directory,
            "a directory's way to the root is a loop",
        )))
    }

    /// Whether a block has lost a name that another block has got, and is not on the disk yet.
    pub fn is_late(&mut self, block: u32) -> bool {
        self.state.cache.of(block).is_some_and(|slot| slot.late)
    }

    /// Sees that the block of a new name may be written before that of the old one.
    fn order_names(&mut self, new: u32, old: u32) -> Result<()> {
        let new_is_late = self.is_late(new);
        let old_gives = self.state.cache.of(old).is_some_and(|slot| slot.gives);
        if new != old && (new_is_late || old_gives) {
            self.flush()?;
        }
        Ok(())
    }

    fn note_order(&mut self, new: u32, old: u32) {
        if new == old {
            return;
        }
        if let Some(slot) = self.state.cache.of(new) {
            slot.gives = true;
        }
        if let Some(slot) = self.state.cache.of(old) {
            slot.late = true;
        }
    }
}
