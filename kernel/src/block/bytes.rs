//! Bytes of a block device, from anywhere to anywhere: what a special file reads and writes.
//!
//! Owns: the few frames between a device and a buffer of the kernel, taken at boot so that no request fails for
//! want of one, and the reading back of blocks that are written in part. Does not own: the device's blocks.
//! Locks: who writes part of a block keeps other such writers away; nobody holds a spin lock.

use super::disk::BlockDevice;
use super::request::{BLOCK, BlockError, Part};
use crate::memory::vm;
use crate::platform::{BlockBytesRank, BlockRank, Machine, SpinLock};
use crate::sched::queues::Interruptible;
use crate::sched::run;
use crate::shared::NoMemory;
use sync::SleepRwLock;
use vm::{Guard, Machine as _, PageId};

/// Frames: so many requests at once.
const FRAMES: usize = 4;

/// The frames that nobody uses.
static FREE: SpinLock<BlockRank, [Option<PageId>; FRAMES]> = SpinLock::new([None; FRAMES]);
/// Held while part of a block changes.
static PARTIAL: SleepRwLock<Machine, BlockBytesRank, ()> = SleepRwLock::new(());

/// Takes the frames.
pub(super) fn init() -> Result<(), NoMemory> {
    for slot in 0..FRAMES {
        let at = vm().kmem_alloc(vm().page_size(), Guard::None, 0).map_err(|_| NoMemory)?;
        let machine = vm().machine();
        let mapped = machine.pmap_extract(machine.kernel_pmap(), at);
        FREE.lock()[slot] = mapped.map(|(page, _)| page);
    }
    Ok(())
}

fn event() -> usize {
    (&raw const FREE) as usize
}

/// A frame for one request.
struct Frame(PageId);

impl Frame {
    /// Waits for one.
    fn take() -> Self {
        loop {
            let mut free = FREE.lock();
            if let Some(page) = free.iter_mut().find_map(Option::take) {
                return Self(page);
            }
            run::wait(event(), free, None, Interruptible::No);
        }
    }

    /// The whole blocks from its start that hold `length` bytes.
    fn blocks(&self, length: u64) -> [Part; 1] {
        [Part {
            page: self.0,
            offset: 0,
            length: length.next_multiple_of(BLOCK) as u32,
        }]
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(slot) = FREE.lock().iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(self.0);
        }
        run::wakeup(event());
    }
}

/// How many bytes of `length` from byte `at` go by way of one frame, and where in it they begin.
fn piece(at: u64, length: usize) -> (u64, usize) {
    let skipped = at % BLOCK;
    (skipped, (vm().page_size() - skipped).min(length as u64) as usize)
}

/// Reads the bytes from byte `at` on; they are all on the device.
pub fn read(device: &dyn BlockDevice, mut at: u64, mut into: &mut [u8]) -> Result<(), BlockError> {
    let frame = Frame::take();
    while !into.is_empty() {
        let (skipped, count) = piece(at, into.len());
        let (now, rest) = into.split_at_mut(count);
        device.read(at - skipped, &frame.blocks(skipped + count as u64))?;
        vm().machine().read_page(frame.0, skipped as usize, now);
        (at, into) = (at + count as u64, rest);
    }
    Ok(())
}

/// Writes the bytes from byte `at` on; there is room for all of them on the device.
pub fn write(device: &dyn BlockDevice, mut at: u64, mut from: &[u8]) -> Result<(), BlockError> {
    let frame = Frame::take();
    while !from.is_empty() {
        let (skipped, count) = piece(at, from.len());
        let (now, rest) = from.split_at(count);
        let blocks = frame.blocks(skipped + count as u64);
        let whole = skipped == 0 && (count as u64).is_multiple_of(BLOCK);
        let partial = if whole { None } else { Some(PARTIAL.write()) };
        if partial.is_some() {
            device.read(at - skipped, &blocks)?;
        }
        vm().machine().write_page(frame.0, skipped as usize, now);
        device.write(at - skipped, &blocks)?;
        drop(partial);
        (at, from) = (at + count as u64, rest);
    }
    Ok(())
}
