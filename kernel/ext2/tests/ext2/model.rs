//! Random programs, and what must be true of the files afterwards.
//!
//! Owns: the model (names, bytes, attributes of every file), the page cache that the layer above would have, and the
//! history by which a power cut is judged. Does not own: the judging (`programs`, `power`).

mod operations;

use crate::disk::{Failing, SimulatedDisk};
use crate::files::Fs;
use crate::random::Random;
use ext2::*;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Paths from the root and which file each names.
pub type Names = BTreeMap<String, usize>;

/// A file as it should be.
pub struct Modelled {
    pub inode: InodeNumber,
    pub kind: Kind,
    pub text: Vec<u8>,
    pub content: Vec<u8>,
    pub permissions: u16,
    pub uid: u32,
    pub mtime: i64,
    /// Blocks of `content` that the disk does not have.
    dirty: BTreeSet<u64>,
    /// Blocks that the disk has, and the file system was not told.
    unreported: Vec<u64>,
    /// It is kept without a name.
    open: bool,
    pub gone: bool,
    /// Its contents in time, each with the disk's position when it began; only the latest one if nothing is recorded.
    pub versions: Vec<(usize, Vec<u8>)>,
    /// Its permissions and owners in time.
    pub owners: Vec<(usize, u16, u32)>,
    /// Its latest sync marks.
    pub syncs: Vec<Sync>,
}

/// A sync that returned.
#[derive(Clone, Copy, Debug)]
pub struct Sync {
    /// The disk's position.
    pub position: usize,
    /// The version, the names and the owner of that moment, by their places in the histories.
    pub version: usize,
    pub names: usize,
    pub owner: usize,
}

/// The file system, the model and what happened.
pub struct World<'a> {
    pub fs: Fs<'a>,
    disk: &'a SimulatedDisk,
    pub random: Random,
    pub files: Vec<Modelled>,
    pub names: Names,
    pub history: Vec<(usize, Names)>,
    block: u64,
    clock: i64,
    largest: u64,
    pub full: u64,
    /// Whether transfers fail now and then, and how many operations said so.
    pub failing: bool,
    pub failed: Cell<u64>,
}

impl Modelled {
    /// The content has changed, by an operation that began at `position`.
    fn version(&mut self, position: usize) {
        // Without a recording disk the position is always 0, and there is no past to ask for.
        if position == 0 {
            self.versions.clear();
        }
        self.versions.push((position, self.content.clone()));
    }
}

fn parent(path: &str) -> &str {
    &path[..path.rfind('/').unwrap()]
}

fn last(path: &str) -> &[u8] {
    &path.as_bytes()[path.rfind('/').unwrap() + 1..]
}

impl<'a> World<'a> {
    /// An empty tree, but for `lost+found`.
    pub fn new(fs: Fs<'a>, disk: &'a SimulatedDisk, seed: u64, largest: u64) -> Self {
        let block = u64::from(fs.statistics().block_size);
        World {
            fs,
            disk,
            random: Random(seed),
            files: Vec::new(),
            names: Names::new(),
            history: vec![(0, Names::new())],
            block,
            clock: 0,
            largest,
            full: 0,
            failing: false,
            failed: Cell::new(0),
        }
    }

    fn some(&mut self, wanted: impl Fn(&Modelled) -> bool) -> Option<(String, usize)> {
        let fitting: Vec<_> = self
            .names
            .iter()
            .filter(|(_, file)| wanted(&self.files[**file]))
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let (path, file) = self.random.pick(&fitting);
        Some(((*path).clone(), **file))
    }

    fn some_file(&mut self) -> Option<usize> {
        if self.random.once_in(8) {
            let open: Vec<usize> = (0..self.files.len())
                .filter(|&file| self.files[file].open && self.files[file].kind == Kind::File)
                .collect();
            if !open.is_empty() {
                return Some(*self.random.pick(&open));
            }
        }
        self.some(|file| file.kind == Kind::File)
            .map(|(_, file)| file)
    }

    fn some_directory(&mut self) -> (String, InodeNumber) {
        if !self.random.once_in(3)
            && let Some((path, file)) = self.some(|file| file.kind == Kind::Directory)
        {
            return (path, self.files[file].inode);
        }
        (String::new(), InodeNumber::ROOT)
    }

    /// A path that may be there already.
    fn some_path(&mut self) -> (String, InodeNumber) {
        let (path, directory) = self.some_directory();
        let name = match self.random.below(20) {
            0 => format!("{}{}", "long-".repeat(50), self.random.below(4)),
            _ => format!("n{}", self.random.below(14)),
        };
        (format!("{path}/{name}"), directory)
    }

    fn directory_of(&self, path: &str) -> InodeNumber {
        match parent(path) {
            "" => InodeNumber::ROOT,
            above => self.files[self.names[above]].inode,
        }
    }

    fn now(&mut self) -> i64 {
        self.clock += 1;
        self.clock
    }

    fn links(&self, file: usize) -> usize {
        self.names.values().filter(|&&named| named == file).count()
    }

    /// The names have changed, by an operation that began at `position`.
    fn named(&mut self, position: usize) {
        self.history.push((position, self.names.clone()));
    }

    /// Does it, and again if the disk failed: the first time has left no trace.
    pub fn op<T>(&self, work: impl Fn(&Fs<'a>) -> Result<T>) -> Result<T> {
        loop {
            match work(&self.fs) {
                Err(Error::Device { .. }) if self.failing => self.failed.set(self.failed.get() + 1),
                other => return other,
            }
        }
    }

    /// From now on one transfer of the next few fails.
    pub fn may_fail(&mut self) {
        if self.failing && self.random.once_in(3) {
            let at = self.random.below(12);
            self.disk.fail(Failing::One(at));
        }
    }
}
