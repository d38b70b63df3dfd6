//! The vnode pager: a file's pages come from the blocks that its file system says, and go back there.
//!
//! Owns: the way of one run of pages between frames and a block device. Does not own: which blocks those are
//! (`ext2`), what is in memory and when it moves (`vm`), a file's size (`vfs`). Locks: a leaf, to look which inode
//! it is; none while the device works.

use super::ObjectStore;
use crate::block::Part;
use crate::log;
use crate::memory::vm;
use crate::platform::{Machine, SpinLock};
use crate::shared::{NoMemory, Shared};
use crate::vfs::{Inode, LeafRank, System, Vnode};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use ext2::{Allocate, InodeNumber, Place, Run};
use spin::Once;
use vm::{Guard, Machine as _, PageId, PageIn, PageOut, PagerError};

/// Runs of blocks that are asked for at once.
const RUNS: usize = 16;
/// Parts of one request to a device.
const PARTS: usize = 32;

/// What is behind an object.
pub struct Backing {
    /// The file; none any more when the object has ended. It keeps a file without names as long as
    /// something maps it.
    inode: SpinLock<LeafRank, Option<Shared<Inode<ObjectStore>>>>,
    is_mapped: AtomicBool,
    /// It was mapped since the bytes were last written: a program may have changed them.
    was_mapped: AtomicBool,
}

impl Backing {
    /// A file's.
    pub fn new(inode: &Shared<Inode<ObjectStore>>) -> Result<Shared<Self>, NoMemory> {
        Shared::try_new(Self {
            inode: SpinLock::new(Some(inode.clone())),
            is_mapped: AtomicBool::new(false),
            was_mapped: AtomicBool::new(false),
        })
    }

    /// The bytes are about to be written: from here on mappings count again.
    pub fn begin_sync(&self) {
        self.was_mapped.store(self.is_mapped.load(Ordering::Acquire), Ordering::Release);
    }

    /// Whether nothing maps it, and nothing did since the bytes were last written.
    pub fn is_alone(&self) -> bool {
        !self.is_mapped.load(Ordering::Acquire) && !self.was_mapped.load(Ordering::Acquire)
    }

    fn with<T>(&self, work: impl FnOnce(&File<'_>) -> Result<T, PagerError>) -> Result<T, PagerError> {
        let inode = self.inode.lock().clone().ok_or(PagerError::Gone)?;
        let System::Disk(disk) = inode.mount.sort() else { return Err(PagerError::Gone) };
        let number = InodeNumber(u32::try_from(inode.number).map_err(|_| PagerError::Gone)?);
        work(&File {
            inode: &inode,
            disk,
            number,
        })
    }
}

/// The handle that `vm` has.
pub struct FilePager(pub Shared<Backing>);

impl vm::Pager<Machine> for FilePager {
    fn data_request(&self, pages: &mut PageIn<'_, Machine>) -> Result<(), PagerError> {
        self.0.with(|file| file.read(pages.at(), pages.pages()))
    }

    fn data_return(&self, pages: &mut PageOut<'_, Machine>) -> Result<(), PagerError> {
        self.0.with(|file| file.write(pages.at(), pages.pages()))
    }

    fn map(&self) {
        self.0.was_mapped.store(true, Ordering::Release);
        self.0.is_mapped.store(true, Ordering::Release);
    }

    fn last_unmap(&self) {
        self.0.is_mapped.store(false, Ordering::Release);
    }

    fn terminate(&self) {
        // A file without names ends here, on its file system.
        let inode = self.0.inode.lock().take();
        drop(inode);
    }
}

/// A file, while a run of its pages moves.
struct File<'a> {
    inode: &'a Shared<Inode<ObjectStore>>,
    disk: &'a super::DiskFs,
    number: InodeNumber,
}

impl File<'_> {
    fn size(&self) -> Result<u64, PagerError> {
        let attributes = self.disk.ext2.attributes(self.number);
        Ok(attributes.map_err(|error| self.failed(0, error))?.size)
    }

    /// Fills frames with the file's bytes from `at` on, and with zeros where it has none.
    fn read(&self, at: u64, pages: &[PageId]) -> Result<(), PagerError> {
        let frames = Frames { at, pages };
        let end = frames.end().min(self.size()?);
        let mut place = at;
        while place < end {
            let mut runs = [Run::EMPTY; RUNS];
            let found = self.disk.ext2.map(self.number, place, end - place, Allocate::No, &mut runs);
            let found = found.map_err(|error| self.failed(place, error))?;
            let Some(last) = found.last() else { break };
            let next = last.at.saturating_add(last.bytes);
            for run in found {
                // A run begins at a block, which may be before the frames.
                let from = run.at.max(at);
                let to = run.at.saturating_add(run.bytes).min(frames.end());
                match run.place {
                    Place::Hole => frames.clear(from, to),
                    Place::Disk(disk) => self.transfer(&frames, (from, to), disk + (from - run.at), Way::In)?,
                }
            }
            place = next;
        }
        frames.clear(end, frames.end());
        Ok(())
    }

    /// Writes frames to the file's blocks, which it gets where it has none.
    fn write(&self, at: u64, pages: &[PageId]) -> Result<(), PagerError> {
        let frames = Frames { at, pages };
        let end = frames.end().min(self.size()?);
        let mut place = at;
        while place < end {
            let mut runs = [Run::EMPTY; RUNS];
            let found = self.disk.ext2.map(self.number, place, end - place, Allocate::Yes, &mut runs);
            let found = found.map_err(|error| self.failed(place, error))?;
            // The file was cut off meanwhile: there is nothing to write.
            let Some(last) = found.last() else { break };
            let next = last.at.saturating_add(last.bytes);
            for run in found {
                let Place::Disk(disk) = run.place else { continue };
                let from = run.at.max(at);
                let to = run.at.saturating_add(run.bytes);
                self.transfer(&frames, (from, to), disk + (from - run.at), Way::Out { end })?;
                self.disk.ext2.written(self.number, from, to - from);
            }
            place = next;
        }
        Ok(())
    }

    /// Moves the file's bytes from `from` to before `to`, which lie on the device from byte `disk` on.
    fn transfer(
        &self,
        frames: &Frames<'_>,
        (from, to): (u64, u64),
        disk: u64,
        way: Way,
    ) -> Result<(), PagerError> {
        let device = self.disk.device;
        let mut at = from;
        while at < to {
            let mut parts = [Part {
                page: PageId(0),
                offset: 0,
                length: 0,
            }; PARTS];
            let (count, next) = frames.parts((at, to), way, &mut parts);
            let parts = &parts[..count];
            let where_ = disk + (at - from);
            let done = match way {
                Way::In => device.read(where_, parts),
                Way::Out { .. } => device.write(where_, parts),
            };
            if let Err(error) = done {
                log!("{}: {error}", Name::of(self.inode));
                return Err(PagerError::Io);
            }
            at = next;
        }
        Ok(())
    }

    fn failed(&self, at: u64, error: ext2::Error) -> PagerError {
        match error {
            ext2::Error::NoSpace => {
                log!("{}: no space for the bytes from {at} on", Name::of(self.inode));
                PagerError::NoSpace
            }
            ext2::Error::NoMemory => PagerError::NoMemory,
            error => {
                log!("{}: {error}", Name::of(self.inode));
                PagerError::Io
            }
        }
    }
}

/// Which way bytes go.
#[derive(Clone, Copy)]
enum Way {
    /// From the device.
    In,
    /// To the device; what lies beyond the file's `end` goes there as zeros.
    Out { end: u64 },
}

/// Frames that hold a file's bytes from `at` on.
struct Frames<'a> {
    at: u64,
    pages: &'a [PageId],
}

impl Frames<'_> {
    fn end(&self) -> u64 {
        self.at + self.pages.len() as u64 * vm().page_size()
    }

    /// The frame of a byte, and where in it the byte is.
    fn place(&self, at: u64) -> Option<(PageId, u64)> {
        let (inside, page) = (at.checked_sub(self.at)?, vm().page_size());
        let frame = self.pages.get((inside / page) as usize)?;
        Some((*frame, inside % page))
    }

    /// Zeros for the bytes from `from` to before `to`.
    fn clear(&self, from: u64, to: u64) {
        let (machine, page) = (vm().machine(), vm().page_size());
        let zeros = [0; 512];
        let mut at = from;
        while at < to
            && let Some((frame, offset)) = self.place(at)
        {
            let room = (page - offset).min(to - at);
            if room == page {
                machine.zero_page(frame);
                at += page;
                continue;
            }
            let count = room.min(zeros.len() as u64);
            machine.write_page(frame, offset as usize, &zeros[..count as usize]);
            at += count;
        }
    }

    /// The parts of frames that hold the bytes from `from` on, as many as there is room for; answers how many, and
    /// the first byte after them. Requests are whole blocks, whose rest beyond the file's end is zeros.
    fn parts(&self, (from, to): (u64, u64), way: Way, parts: &mut [Part; PARTS]) -> (usize, u64) {
        let page = vm().page_size();
        let data_end = match way {
            Way::In => to.min(self.end()),
            Way::Out { end } => to.min(end),
        };
        let (mut at, mut count) = (from, 0);
        // One part is kept for the zeros.
        while at < to && count < PARTS - 1 {
            let (frame, offset, length) = match self.place(at) {
                Some((frame, offset)) if at < data_end => (frame, offset, (page - offset).min(data_end - at)),
                _ => (zeros(), 0, page.min(to - at)),
            };
            parts[count] = Part {
                page: frame,
                offset: offset as u32,
                length: length as u32,
            };
            (at, count) = (at + length, count + 1);
        }
        (count, at)
    }
}

/// A frame of zeros, which nobody writes.
static ZEROS: Once<PageId> = Once::new();

fn zeros() -> PageId {
    ZEROS.get().copied().unwrap_or(PageId(0))
}

/// Takes the frame of zeros.
pub fn init() -> Result<(), NoMemory> {
    let at = vm().kmem_alloc(vm().page_size(), Guard::None, 0).map_err(|_| NoMemory)?;
    let machine = vm().machine();
    let (frame, _) = machine.pmap_extract(machine.kernel_pmap(), at).ok_or(NoMemory)?;
    machine.zero_page(frame);
    ZEROS.call_once(|| frame);
    Ok(())
}

/// A file's name for messages: found before anything is printed, which happens under a lock.
struct Name {
    bytes: [u8; NAME],
    start: usize,
    number: u64,
    mount: u32,
}

/// Bytes of a path in a message; a longer one is named by its numbers.
const NAME: usize = 256;

impl Name {
    fn of(inode: &Inode<ObjectStore>) -> Self {
        let mut name = Self {
            bytes: [0; NAME],
            start: NAME,
            number: inode.number,
            mount: inode.mount.number,
        };
        let node = inode.mount.find(inode.number);
        let path = node.as_ref().and_then(|node| Vnode::path(node, &mut name.bytes));
        name.start = NAME - path.map_or(0, <[u8]>::len);
        name
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::str::from_utf8(&self.bytes[self.start..]) {
            Ok(path) if !path.is_empty() => f.write_str(path),
            _ => write!(f, "file {} of mount {}", self.number, self.mount),
        }
    }
}
