//! Mounts: file systems in the tree, and the vnodes of each.
//!
//! Owns: what is mounted and how, the table of vnodes, who of them may go. Does not own: the tree
//! (`tree`), the files (`file_system`). Locks: the table's; a vnode that leaves the table is
//! dropped after it.
//!
//! A vnode stays in the table when nobody uses it, so that the next lookup finds it, and its bytes in
//! memory, again. It leaves when its file has no name any more, in a sweep when it was not looked up
//! since the sweep before, and at the end of the mount.

use super::attributes::Space;
use super::file_system::FileSystem;
use super::memory::MemoryFs;
use super::store::Store;
use super::vnode::Vnode;
use super::{TreeRank, VnodesRank};
use crate::shared::{Shared, try_bytes, try_push};
use abi::Errno;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use sync::{SleepRwLock, SpinLock};

/// Lists of the table, by the number's last bits.
const BUCKETS: usize = 64;
/// Vnodes that a sweep looks at in one go.
const BATCH: usize = 32;

/// A file system of either sort.
pub enum System<S: Store> {
    /// In memory.
    Memory(MemoryFs<S>),
    /// Elsewhere.
    Disk(S::Disk),
}

/// Whether files of a mount can be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// They can.
    ReadWrite,
    /// They cannot.
    ReadOnly,
}

/// A mounted file system.
pub struct Mount<S: Store> {
    /// `st_dev` of its files.
    pub number: u32,
    /// What is mounted: a device's name.
    pub source: Vec<u8>,
    /// Where, as a path from the root.
    pub target: Vec<u8>,
    root: u64,
    system: System<S>,
    access: Access,
    /// The directory below; `None` for the root of all.
    covers: Option<Shared<Vnode<S>>>,
    /// All changes of names happen one after the other.
    pub(super) changes: SleepRwLock<S::Platform, TreeRank, ()>,
    vnodes: SpinLock<S::Platform, VnodesRank, Vnodes<S>>,
    inodes: AtomicU32,
    is_ended: AtomicBool,
}

/// A vnode that left the table, and the list that it was the last of: to be dropped without the lock.
type Taken<S> = (Shared<Vnode<S>>, Vec<Shared<Vnode<S>>>);

/// The vnodes of a mount, by number.
struct Vnodes<S: Store> {
    buckets: [Vec<Shared<Vnode<S>>>; BUCKETS],
}

impl<S: Store> Vnodes<S> {
    fn bucket(&mut self, number: u64) -> &mut Vec<Shared<Vnode<S>>> {
        &mut self.buckets[number as usize % BUCKETS]
    }

    fn find(&mut self, number: u64) -> Option<&Shared<Vnode<S>>> {
        self.bucket(number)
            .iter()
            .find(|node| node.number == number)
    }

    /// Takes a vnode out that has no other reference than the table's and `mine`. A list that becomes
    /// empty gives its memory back.
    fn take(&mut self, node: &Shared<Vnode<S>>, mine: usize) -> Option<Taken<S>> {
        let bucket = self.bucket(node.number);
        let at = bucket.iter().position(|known| known.same(node))?;
        if bucket[at].references() > mine + 1 {
            return None;
        }
        let gone = bucket.swap_remove(at);
        let list = if bucket.is_empty() {
            core::mem::take(bucket)
        } else {
            Vec::new()
        };
        Some((gone, list))
    }
}

/// Where and how something is mounted.
pub struct Placement<'a, S: Store> {
    /// Its number.
    pub number: u32,
    /// The device's name.
    pub source: &'a [u8],
    /// The path.
    pub target: &'a [u8],
    /// The directory below.
    pub covers: Option<Shared<Vnode<S>>>,
    /// Whether it can be changed.
    pub access: Access,
}

impl<S: Store> Mount<S> {
    pub(super) fn new(
        system: System<S>,
        placement: Placement<'_, S>,
    ) -> Result<Shared<Self>, Errno> {
        let mut mount = Self {
            number: placement.number,
            source: try_bytes(placement.source)?,
            target: try_bytes(placement.target)?,
            root: 0,
            system,
            access: placement.access,
            covers: placement.covers,
            changes: SleepRwLock::new(()),
            vnodes: SpinLock::new(Vnodes {
                buckets: [const { Vec::new() }; BUCKETS],
            }),
            inodes: AtomicU32::new(0),
            is_ended: AtomicBool::new(false),
        };
        mount.root = mount.system().root();
        Ok(Shared::try_new(mount)?)
    }

    /// The file system.
    pub fn system(&self) -> &dyn FileSystem<S> {
        match &self.system {
            System::Memory(memory) => memory,
            System::Disk(disk) => disk,
        }
    }

    /// Which sort of file system it is.
    pub fn sort(&self) -> &System<S> {
        &self.system
    }

    /// The root directory's number.
    pub fn root_number(&self) -> u64 {
        self.root
    }

    /// The root directory.
    pub fn root(this: &Shared<Self>) -> Result<Shared<Vnode<S>>, Errno> {
        Self::get(this, this.root)
    }

    /// The directory below.
    pub fn covers(&self) -> Option<Shared<Vnode<S>>> {
        self.covers.clone()
    }

    /// Whether files cannot be changed.
    pub fn is_read_only(&self) -> bool {
        self.access == Access::ReadOnly
    }

    /// `EROFS` if files cannot be changed.
    pub fn check_writable(&self) -> Result<(), Errno> {
        if self.is_read_only() {
            Err(Errno::EROFS)
        } else {
            Ok(())
        }
    }

    /// What there is and what is left.
    pub fn space(&self) -> Result<Space, Errno> {
        self.system().space()
    }

    /// The vnode of a file. Its number is looked up with the directory locked, or was just made.
    pub(super) fn get(this: &Shared<Self>, number: u64) -> Result<Shared<Vnode<S>>, Errno> {
        if let Some(found) = this.vnodes.lock().find(number) {
            found.is_recent.store(true, Ordering::Relaxed);
            return Ok(found.clone());
        }
        let fresh = Vnode::load(this, number)?;
        let mut vnodes = this.vnodes.lock();
        // Somebody may have been faster: then that one is the vnode.
        if let Some(found) = vnodes.find(number).cloned() {
            drop(vnodes);
            return Ok(found);
        }
        if this.is_ended.load(Ordering::Relaxed) {
            drop(vnodes);
            return Err(Errno::ENOENT);
        }
        let added = try_push(vnodes.bucket(number), fresh.clone());
        drop(vnodes);
        added?;
        Ok(fresh)
    }

    /// The vnode of a file, if it has one.
    pub fn find(&self, number: u64) -> Option<Shared<Vnode<S>>> {
        self.vnodes.lock().find(number).cloned()
    }

    pub(super) fn enter_inode(&self) {
        self.inodes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave_inode(&self) {
        self.inodes.fetch_sub(1, Ordering::Release);
    }

    /// Files that are known: with a vnode, or mapped after their last name went.
    pub fn files_in_use(&self) -> u32 {
        self.inodes.load(Ordering::Relaxed)
    }

    /// Takes a vnode out of the table if nobody has it but the table and the caller, who has `mine`
    /// references.
    pub(super) fn forget(node: &Shared<Vnode<S>>, mine: usize) {
        let gone = node.mount().vnodes.lock().take(node, mine);
        drop(gone);
    }

    /// Calls `visit` with every vnode there is, with no lock held.
    pub fn each(&self, mut visit: impl FnMut(&Shared<Vnode<S>>)) {
        for bucket in 0..BUCKETS {
            let mut from = 0;
            loop {
                let mut batch: [Option<Shared<Vnode<S>>>; BATCH] = [const { None }; BATCH];
                let vnodes = self.vnodes.lock();
                let rest = vnodes.buckets[bucket].get(from..).unwrap_or_default();
                for (slot, node) in batch.iter_mut().zip(rest) {
                    *slot = Some(node.clone());
                }
                drop(vnodes);
                batch.iter().flatten().for_each(&mut visit);
                from += BATCH;
                if batch.iter().any(Option::is_none) {
                    break;
                }
            }
        }
    }

    /// Writes every file and everything else to where it belongs. Goes on after an error, and answers
    /// the first.
    pub fn sync(&self) -> Result<(), Errno> {
        let mut result = Ok(());
        if !self.is_read_only() {
            self.each(|node| {
                if node.links() > 0 {
                    result = result.and(node.write_back());
                }
            });
            result = result.and(self.system().sync_all());
        }
        result
    }

    /// Lets vnodes go that nobody uses: those of files without names, and of the others those that were
    /// not looked up since the last sweep. Answers how many went.
    pub fn sweep(&self) -> usize {
        self.let_go(Rest::Recent)
    }

    /// Lets all vnodes go that nobody uses.
    pub fn drain(&self) {
        // A directory goes after what is in it.
        while self.let_go(Rest::Nothing) > 0 {}
    }

    fn let_go(&self, stays: Rest) -> usize {
        let mut count = 0;
        self.each(|node| {
            let recent = node.is_recent.swap(false, Ordering::Relaxed);
            if stays == Rest::Recent && recent && node.links() > 0 {
                return;
            }
            // The table's reference and this listing's.
            if node.references() > 2 || node.links() > 0 && node.write_back().is_err() {
                return;
            }
            let mut vnodes = self.vnodes.lock();
            // Only who has a reference or a mapping can change the file.
            let goes = node.links() == 0 || node.is_settled() && node.is_unmapped();
            let gone = if goes { vnodes.take(node, 1) } else { None };
            drop(vnodes);
            count += usize::from(gone.is_some());
        });
        count
    }

    /// Whether somebody uses a file of it, beyond `mine` references to its root.
    pub(super) fn is_busy(&self, root: &Shared<Vnode<S>>, mine: usize) -> bool {
        self.drain();
        self.inodes.load(Ordering::Acquire) > 1 || root.references() > mine + 1
    }

    /// Nobody uses it: everything goes.
    pub(super) fn end(&self, root: &Shared<Vnode<S>>, mine: usize) -> Result<(), Errno> {
        let written = if self.is_read_only() {
            Ok(())
        } else {
            root.write_back()
        };
        self.is_ended.store(true, Ordering::Relaxed);
        Self::forget(root, mine);
        written.and(self.system().unmount())
    }
}

/// What a sweep leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// What was looked up since the last one.
    Recent,
    /// What somebody uses.
    Nothing,
}
