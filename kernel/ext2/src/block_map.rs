//! Which block of the disk holds which block of a file.
//!
//! Owns: the tree of twelve direct pointers and one, two and three levels of indirect blocks; growing it. Does not
//! own: which blocks are free (`bitmap`), shrinking it (`truncate`), a file's bytes (whoever moves pages).
//!
//! A new block of data is noted as unwritten before anything names it, so that its name stays off the disk until the
//! caller has written its bytes (`order`).

use crate::bytes::{put_u32, u32_at};
use crate::cache;
use crate::error::{Error, Result};
use crate::inode::{DIRECT, Inode};
use crate::volume::Volume;

/// The way from an inode to one block: a pointer word, then an index per indirect block.
pub(crate) struct Path {
    pub root: usize,
    pub indexes: [usize; 3],
    pub depth: usize,
}

/// What is at a block of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// This block of the disk.
    Block(u32),
    /// Nothing.
    Hole,
}

/// What a new block is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// Bytes that the caller will write.
    Data,
    /// The file system's own: it starts as zeros in the cache.
    Own(cache::Kind),
}

/// Where a pointer stands.
#[derive(Clone, Copy)]
enum Holder {
    Inode(usize),
    Indirect(u32, usize),
}

/// The first pointer, and how many, at most `most`, go on from it: to the next block of the disk each, or to none.
fn count_run(mut pointers: impl Iterator<Item = u32>, most: u64) -> (u32, u64) {
    let first = pointers.next().unwrap_or(0);
    let mut count = 1u32;
    while u64::from(count) < most {
        let next = if first == 0 {
            Some(0)
        } else {
            first.checked_add(count)
        };
        if pointers.next() != next || next.is_none() {
            break;
        }
        count += 1;
    }
    (first, u64::from(count))
}

impl Volume<'_> {
    /// Blocks that a file may have.
    pub fn most_blocks(&self) -> u64 {
        let n = self.state.geometry.pointers();
        // An inode counts its blocks, indirect ones too, in 32 bits of 512 bytes; a 64th is kept for those.
        let counted =
            (u64::from(u32::MAX) / (self.state.geometry.block_size as u64 / 512)) / 64 * 63;
        // n is at most 1024.
        (DIRECT as u64 + n + n * n + n * n * n).min(counted)
    }

    /// Bytes that a file may have.
    pub fn largest_file(&self) -> u64 {
        self.state.geometry.bytes(self.most_blocks())
    }

    /// The way to block `at` of a file, or `None` beyond the largest one.
    pub fn path(&self, at: u64) -> Option<Path> {
        let n = self.state.geometry.pointers();
        if at >= self.most_blocks() {
            return None;
        }
        if at < DIRECT as u64 {
            return Some(Path {
                root: at as usize,
                indexes: [0; 3],
                depth: 0,
            });
        }
        let mut rest = at - DIRECT as u64;
        let mut span = n;
        let mut depth = 1;
        while rest >= span {
            rest -= span;
            span = span.checked_mul(n)?;
            depth += 1;
        }
        let mut indexes = [0; 3];
        for index in indexes.get_mut(..depth)?.iter_mut() {
            span /= n;
            *index = (rest / span) as usize;
            rest %= span;
        }
        Some(Path {
            root: DIRECT + depth - 1,
            indexes,
            depth,
        })
    }

    /// A pointer to a block of a file, checked.
    pub fn checked(&mut self, inode: &Inode, block: u32) -> Result<u32> {
        if self.is_file_block(block) {
            return Ok(block);
        }
        Err(self.damaged(Error::Corrupt {
            what: "an inode names a block that no file can have",
            inode: inode.number.0,
            block,
        }))
    }

    /// What is at block `at` of a file.
    pub fn find_block(&mut self, inode: &Inode, at: u64) -> Result<Found> {
        let (found, _) = self.find_run(inode, at, 1)?;
        Ok(found)
    }

    /// What is at block `at` of a file, and for how many blocks, at most `most`, it goes on: they follow each other
    /// on the disk, or are a hole. It may stop early.
    pub fn find_run(&mut self, inode: &Inode, at: u64, most: u64) -> Result<(Found, u64)> {
        let path = self.path(at).ok_or(Error::TooLarge)?;
        let mut pointer = inode.map.get(path.root).copied().unwrap_or(0);
        let n = self.state.geometry.pointers();
        let Some(last) = path.depth.checked_sub(1) else {
            let pointers = inode.map.get(path.root..DIRECT).unwrap_or(&[]);
            let run = count_run(pointers.iter().copied(), most);
            return self.checked_run(inode, run);
        };
        for level in 0..path.depth {
            if pointer == 0 {
                // What lies below this pointer is missing: the rest of it.
                let below = path.indexes.get(level..path.depth).unwrap_or(&[]);
                let (mut position, mut span) = (0u64, 1u64);
                for &index in below {
                    position = position.saturating_mul(n).saturating_add(index as u64);
                    span = span.saturating_mul(n);
                }
                let rest = span.saturating_sub(position).max(1);
                return Ok((Found::Hole, rest.min(most)));
            }
            let block = self.checked(inode, pointer)?;
            let index = path.indexes.get(level).copied().unwrap_or(0);
            let bytes = self.look(block, cache::Kind::Indirect)?;
            let bytes = bytes.get(index.saturating_mul(4)..).unwrap_or(&[]);
            if level == last {
                let pointers = bytes.chunks_exact(4).map(|bytes| u32_at(bytes, 0));
                let run = count_run(pointers, most);
                return self.checked_run(inode, run);
            }
            pointer = u32_at(bytes, 0);
        }
        Err(Error::TooLarge)
    }

    /// A run of pointers as it may be used: up to the first one that no file can have, which is an error at its
    /// own place.
    fn checked_run(&mut self, inode: &Inode, (first, count): (u32, u64)) -> Result<(Found, u64)> {
        if first == 0 {
            return Ok((Found::Hole, count));
        }
        let first = self.checked(inode, first)?;
        let most = u32::try_from(count).unwrap_or(u32::MAX);
        let good = self.file_blocks(first, most).max(1);
        Ok((Found::Block(first), u64::from(good)))
    }

    /// The block at `at` of a file, allocated near `goal` if it is missing, with the indirect blocks on the way.
    /// The caller puts the inode back.
    ///
    /// Fails without a trace.
    pub fn ensure_block(
        &mut self,
        inode: &mut Inode,
        at: u64,
        purpose: Purpose,
        goal: u32,
    ) -> Result<u32> {
        let path = self.path(at).ok_or(Error::TooLarge)?;
        let mut holder = Holder::Inode(path.root);
        let mut pointer = inode.map.get(path.root).copied().unwrap_or(0);
        let mut level = 0;
        while pointer != 0 && level < path.depth {
            let block = self.checked(inode, pointer)?;
            let index = path.indexes.get(level).copied().unwrap_or(0);
            pointer = u32_at(
                self.look(block, cache::Kind::Indirect)?,
                index.saturating_mul(4),
            );
            holder = Holder::Indirect(block, index);
            level += 1;
        }
        if pointer != 0 {
            return self.checked(inode, pointer);
        }
        let mut new = [0u32; 4];
        let count = path.depth - level + 1;
        let new = new.get_mut(..count).unwrap_or(&mut []);
        let indexes = path.indexes.get(level..path.depth).unwrap_or(&[]);
        match self.grow(inode, at, purpose, goal, holder, new, indexes) {
            Ok(block) => Ok(block),
            Err(error) => {
                for &block in new.iter().filter(|&&block| block != 0) {
                    self.state.unwritten.forget(block);
                    self.unallocate_block(block);
                }
                Err(error)
            }
        }
    }

    /// Takes the blocks, fills them in from the data up, and last of all names the first one in `holder`.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one step, split off for its undoing"
    )]
    fn grow(
        &mut self,
        inode: &mut Inode,
        at: u64,
        purpose: Purpose,
        goal: u32,
        holder: Holder,
        new: &mut [u32],
        indexes: &[usize],
    ) -> Result<u32> {
        let units = (self.state.geometry.block_size / 512) as u32;
        let units = units.saturating_mul(new.len() as u32);
        let blocks = inode.blocks.checked_add(units).ok_or(Error::TooLarge)?;
        let mut goal = goal;
        for place in new.iter_mut() {
            *place = self.allocate_block(goal)?;
            goal = place.saturating_add(1);
        }
        let (Some(&first), Some(&last)) = (new.first(), new.last()) else {
            return Err(Error::NoSpace);
        };
        match purpose {
            Purpose::Data => self.state.unwritten.add(inode.number, at, last)?,
            Purpose::Own(kind) => {
                self.fresh(last, kind)?;
            }
        }
        for (pair, &index) in new.windows(2).zip(indexes) {
            if let [indirect, next] = *pair {
                let bytes = self.fresh(indirect, cache::Kind::Indirect)?;
                put_u32(bytes, index.saturating_mul(4), next);
            }
        }
        match holder {
            Holder::Inode(root) => {
                if let Some(pointer) = inode.map.get_mut(root) {
                    *pointer = first;
                }
            }
            Holder::Indirect(block, index) => {
                let bytes = self.edit(block, cache::Kind::Indirect)?;
                put_u32(bytes, index.saturating_mul(4), first);
            }
        }
        inode.blocks = blocks;
        Ok(last)
    }
}
