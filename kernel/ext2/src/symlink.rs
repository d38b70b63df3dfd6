//! Symbolic links: up to 59 bytes in the inode, more in one block.
//!
//! Owns: where the text is. Does not own: what it means.

use crate::attributes::{InodeNumber, Kind};
use crate::block_map::{Found, Purpose};
use crate::bytes::put;
use crate::cache;
use crate::error::{Error, Result};
use crate::inode::{Inode, SHORT_LINK};
use crate::volume::Volume;

impl Inode {
    /// Whether the pointer words are pointers: in a file, a directory and a long symbolic link. `units` are the
    /// 512-byte units of a block.
    pub fn has_blocks(&self, units: u32) -> bool {
        let attributes = if self.attribute_block == 0 { 0 } else { units };
        match self.kind() {
            Some(Kind::File | Kind::Directory) => true,
            Some(Kind::Symlink) => self.blocks > attributes,
            _ => false,
        }
    }
}

impl Volume<'_> {
    /// Reads a link's text into `into`; the answer is how many bytes.
    pub fn read_link(&mut self, number: InodeNumber, into: &mut [u8]) -> Result<usize> {
        let (inode, kind) = self.inode(number)?;
        if kind != Kind::Symlink {
            return Err(Error::Invalid);
        }
        let block_size = self.state.geometry.block_size;
        let length = usize::try_from(inode.size).unwrap_or(usize::MAX);
        let mut short = [0u8; SHORT_LINK];
        let text = if inode.has_blocks((block_size / 512) as u32) {
            let Found::Block(block) = self.find_block(&inode, 0)? else {
                return Err(self.damaged(Error::inode(number, "a symbolic link has no text")));
            };
            self.look(block, cache::Kind::Other)?
        } else {
            for (bytes, pointer) in short.chunks_exact_mut(4).zip(inode.map) {
                bytes.copy_from_slice(&pointer.to_le_bytes());
            }
            &short[..]
        };
        let Some(text) = text.get(..length).filter(|text| !text.is_empty()) else {
            return Err(self.damaged(Error::inode(number, "a symbolic link's length is wrong")));
        };
        let length = length.min(into.len());
        put(into, 0, text.get(..length).unwrap_or(&[]));
        Ok(length)
    }

    /// Gives a new inode its text.
    pub fn write_link(&mut self, inode: &mut Inode, text: &[u8]) -> Result<()> {
        if text.is_empty() || text.contains(&0) {
            return Err(Error::Invalid);
        }
        if text.len() >= self.state.geometry.block_size {
            return Err(Error::NameTooLong);
        }
        if text.len() < SHORT_LINK {
            let mut short = [0u8; SHORT_LINK];
            put(&mut short, 0, text);
            for (bytes, pointer) in short.as_chunks().0.iter().zip(&mut inode.map) {
                *pointer = u32::from_le_bytes(*bytes);
            }
        } else {
            let goal = self.goal(inode, 0)?;
            let block = self.ensure_block(inode, 0, Purpose::Own(cache::Kind::Other), goal)?;
            put(self.edit(block, cache::Kind::Other)?, 0, text);
        }
        inode.size = text.len() as u64;
        Ok(())
    }
}
