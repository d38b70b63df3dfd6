//! The files of a memory file system, by number.
//!
//! Owns: files, directories' entries, the numbers. Does not own: locks (the file system's).

use crate::shared::{NoMemory, Shared, try_bytes, try_push, try_shrink};
use crate::vfs::attributes::Attributes;
use crate::vfs::store::Store;
use abi::Errno;
use alloc::vec::Vec;

/// The root's number.
pub const ROOT: u64 = 2;
/// Files of one chunk.
const CHUNK: usize = 32;

/// An entry of a directory.
pub struct Named {
    /// Its name.
    pub name: Vec<u8>,
    /// Whose name it is.
    pub number: u64,
    /// Where a listing finds it; grows with every entry that is made.
    pub cookie: u64,
}

/// A directory.
pub struct Folder {
    /// The directory it is in.
    pub parent: u64,
    /// Names, in the order of their making.
    pub entries: Vec<Named>,
    next_cookie: u64,
}

/// The first cookie after `.` and `..`.
pub const FIRST_COOKIE: u64 = 2;

impl Folder {
    /// Without entries.
    pub fn new(parent: u64) -> Self {
        Self {
            parent,
            entries: Vec::new(),
            next_cookie: FIRST_COOKIE,
        }
    }

    /// Whose name it is.
    pub fn find(&self, name: &[u8]) -> Result<u64, Errno> {
        Ok(self.entries[self.position(name)?].number)
    }

    /// Where the entry of that name is.
    pub fn position(&self, name: &[u8]) -> Result<usize, Errno> {
        let at = self.entries.iter().position(|entry| entry.name == name);
        at.ok_or(Errno::ENOENT)
    }

    /// Adds an entry.
    pub fn add(&mut self, name: &[u8], number: u64) -> Result<(), NoMemory> {
        let entry = Named {
            name: try_bytes(name)?,
            number,
            cookie: self.next_cookie,
        };
        try_push(&mut self.entries, entry)?;
        self.next_cookie += 1;
        Ok(())
    }

    /// Takes an entry out.
    pub fn take(&mut self, at: usize) {
        self.entries.remove(at);
        if self.entries.is_empty() {
            // The only moment when the list can be made smaller without memory for a new one.
            self.entries = Vec::new();
        }
    }
}

/// What a file holds.
pub enum Content<S: Store> {
    /// Bytes.
    Bytes(Shared<S::Object>),
    /// Names.
    Folder(Folder),
    /// The path that a link leads to.
    Target(Vec<u8>),
    /// Nothing: a device.
    Nothing,
}

/// A file.
pub struct MemoryNode<S: Store> {
    /// What is known of it.
    pub attributes: Attributes,
    /// What it holds.
    pub content: Content<S>,
}

/// Files by their numbers, in chunks that come and go with them.
pub struct Nodes<S: Store> {
    chunks: Vec<Vec<Option<MemoryNode<S>>>>,
    /// Chunks before this one are full.
    first: usize,
}

impl<S: Store> Nodes<S> {
    /// None.
    pub const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            first: 0,
        }
    }

    /// The file of that number.
    pub fn get(&self, number: u64) -> Result<&MemoryNode<S>, Errno> {
        let (chunk, slot) = place(number);
        let found = self.chunks.get(chunk).and_then(|chunk| chunk.get(slot));
        found.and_then(Option::as_ref).ok_or(Errno::ENOENT)
    }

    /// The file of that number, to be changed.
    pub fn get_mut(&mut self, number: u64) -> Result<&mut MemoryNode<S>, Errno> {
        let (chunk, slot) = place(number);
        let chunk = self.chunks.get_mut(chunk);
        let found = chunk.and_then(|chunk| chunk.get_mut(slot));
        found.and_then(Option::as_mut).ok_or(Errno::ENOENT)
    }

    /// The directory of that number.
    pub fn folder(&self, number: u64) -> Result<&Folder, Errno> {
        match &self.get(number)?.content {
            Content::Folder(folder) => Ok(folder),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// The directory of that number, to be changed, and its count of links.
    pub fn folder_mut(&mut self, number: u64) -> Result<(&mut Folder, &mut u32), Errno> {
        let node = self.get_mut(number)?;
        match &mut node.content {
            Content::Folder(folder) => Ok((folder, &mut node.attributes.links)),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Gives a file the lowest free number.
    pub fn add(&mut self, node: MemoryNode<S>) -> Result<u64, NoMemory> {
        let has_room =
            |chunk: &Vec<Option<_>>| chunk.is_empty() || chunk.iter().any(Option::is_none);
        while self
            .chunks
            .get(self.first)
            .is_some_and(|chunk| !has_room(chunk))
        {
            self.first += 1;
        }
        let chunk = self.first;
        if chunk == self.chunks.len() {
            try_push(&mut self.chunks, Vec::new())?;
        }
        let slots = &mut self.chunks[chunk];
        if slots.is_empty() {
            slots.try_reserve_exact(CHUNK).map_err(|_| NoMemory)?;
            slots.resize_with(CHUNK, || None);
        }
        let slot = slots.iter().position(Option::is_none).ok_or(NoMemory)?;
        slots[slot] = Some(node);
        Ok((chunk * CHUNK + slot) as u64 + ROOT)
    }

    /// Takes a file out.
    pub fn take(&mut self, number: u64) -> Option<MemoryNode<S>> {
        let (at, slot) = place(number);
        let chunk = self.chunks.get_mut(at)?;
        let gone = chunk.get_mut(slot)?.take();
        self.first = self.first.min(at);
        if chunk.iter().all(Option::is_none) {
            *chunk = Vec::new();
            while self.chunks.last().is_some_and(Vec::is_empty) {
                self.chunks.pop();
            }
            try_shrink(&mut self.chunks);
        }
        gone
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.iter().count() as u64
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &MemoryNode<S>> {
        self.chunks.iter().flatten().flatten()
    }
}

/// A number's chunk and its place there.
fn place(number: u64) -> (usize, usize) {
    let index = usize::try_from(number.wrapping_sub(ROOT)).unwrap_or(usize::MAX);
    (index / CHUNK, index % CHUNK)
}
