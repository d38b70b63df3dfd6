//! Virtio disks (`vd0` …): requests that the device answers by interrupt.
//!
//! Owns: who waits for which answer, and what happens if none comes. Does not own: the ring and its slots (`ring`),
//! registers and interrupt lines (`arch::virtio`), the division of requests (`gather`).
//!
//! Locks: the ring's, which the interrupt handler takes too. A thread waits with no lock held, for one of two events: a
//! free slot, or the answer in its slot. Source: Virtio 1.2, §5.2.
//!
//! A request without an answer is reported after a while; after a longer one the device is reset, which ends its hold on
//! the frames, and whatever it had not answered fails: until then no frame may be used for anything else.

mod ring;

use super::disk::Driver;
use super::gather::{Gather, Pieces};
use super::request::{Access, BLOCK, Operation, Part, Why};
use crate::log;
use crate::memory::vm;
use crate::platform::{BlockRank, Machine, SpinLock};
use crate::sched::queues::Interruptible;
use crate::sched::run;
use arch::interrupts;
use arch::virtio::Unusable;
use boot::DiskWait;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use ring::{Progress, Ring};
use zalloc::ChunkSource;

/// Bytes that the device and the driver share, a power of two: a ring's two halves, and the slots' headers.
const SHARED: usize = 4 * arch::dma::UNIT;

/// Nanoseconds without an answer until that is said.
const REPORT: u64 = 5_000_000_000;
/// Nanoseconds without an answer until the device is reset.
const GIVE_UP: u64 = 30_000_000_000;
static PATIENCE: AtomicU64 = AtomicU64::new(GIVE_UP);

/// Who waits keeps the CPU ([`boot::DiskWait`]).
static STILL: AtomicBool = AtomicBool::new(false);

/// Chooses what a thread does until a disk has answered.
pub(super) fn set_wait(wait: DiskWait) {
    if wait == DiskWait::Still {
        arch::timer::quiet_others();
        STILL.store(true, Relaxed);
    }
}

/// From here on a device is reset if it has not answered for so many nanoseconds.
#[cfg(feature = "ktest")]
pub fn set_patience(nanoseconds: Option<u64>) {
    PATIENCE.store(nanoseconds.unwrap_or(GIVE_UP), Relaxed);
}

type RingGuard<'a> = sync::SpinGuard<'a, Machine, BlockRank, Ring>;

/// A virtio disk.
pub(super) struct VirtioDisk {
    name: &'static str,
    interrupt: u32,
    bytes: u64,
    access: Access,
    flushes: bool,
    most_pieces: usize,
    ring: SpinLock<BlockRank, Ring>,
}

impl VirtioDisk {
    /// Starts a device that was found.
    pub fn new(name: &'static str, found: arch::virtio::Disk) -> Result<Self, Unusable> {
        let pages = (SHARED as u64).div_ceil(vm().page_size()) as usize;
        let memory = vm().frames().alloc_chunk(pages).ok_or(Unusable("no memory for its ring"))?;
        if let Err(memory) = arch::dma::give(memory) {
            vm().frames().free_chunk(memory);
            return Err(Unusable("too many devices"));
        }
        let interrupt = found.interrupt();
        let (ring, limits) = Ring::new(found)?;
        Ok(Self {
            name,
            interrupt,
            bytes: limits.blocks.saturating_mul(BLOCK),
            access: limits.access,
            flushes: limits.flushes,
            most_pieces: limits.pieces,
            ring: SpinLock::new(ring),
        })
    }

    /// The device's interrupt, if it is this one's.
    pub fn interrupted(&self, number: u32) {
        if number == self.interrupt {
            self.ring.lock().collect(|slot| {
                run::wakeup(self.answer(slot));
            });
        }
    }

    /// Whoever waits for a free slot waits for this.
    fn free(&self) -> usize {
        core::ptr::from_ref(self) as usize
    }

    /// Whoever waits for the answer in a slot waits for this: an address within this value, which is larger than there are
    /// slots.
    fn answer(&self, slot: usize) -> usize {
        self.free() + 1 + slot
    }

    /// Has the device do one thing, and waits for its answer.
    fn serve(&self, operation: Operation, at: u64, pieces: &Pieces) -> Result<(), Why> {
        let slot = loop {
            if STILL.load(Relaxed) && run::cpu_count() == 1 {
                match self.ask_and_rest(operation, at, pieces)? {
                    Some(slot) => break slot,
                    None => run::yield_now(),
                }
                continue;
            }
            let mut ring = self.ring.lock();
            if let Some(slot) = ring.ask(operation, at / BLOCK, pieces)? {
                break slot;
            }
            self.wait_for_slot(ring);
        };
        self.wait_for(slot, operation, at)
    }

    /// Asks and keeps the CPU until the answer is there. Interrupts are masked from before the device hears of it until
    /// the CPU rests, so that the answer finds it at the same instruction, however fast it is.
    fn ask_and_rest(&self, operation: Operation, at: u64, pieces: &Pieces) -> Result<Option<usize>, Why> {
        let saved = interrupts::disable();
        let asked = self.ring.lock().ask(operation, at / BLOCK, pieces);
        if let Ok(Some(slot)) = asked {
            run::stand_still(|| !matches!(self.ring.lock().progress(slot), Progress::Asked(_)));
        }
        interrupts::restore(saved);
        asked
    }

    /// Waits until a slot may be free.
    fn wait_for_slot(&self, mut ring: RingGuard<'_>) {
        ring.waiting += 1;
        run::wait(self.free(), ring, None, Interruptible::No);
        self.ring.lock().waiting -= 1;
    }

    /// Waits for the answer in a slot, and frees it. Patience ends twice: first that is said, then the device is reset.
    fn wait_for(&self, slot: usize, operation: Operation, at: u64) -> Result<(), Why> {
        let asked = arch::timer::now();
        let mut reported = false;
        loop {
            let mut ring = self.ring.lock();
            let progress = ring.progress(slot);
            if let Progress::Answered(answer) = progress {
                ring.release(slot);
                let waiting = ring.waiting > 0;
                drop(ring);
                if waiting {
                    run::wakeup(self.free());
                }
                return answer;
            }
            let patience = PATIENCE.load(Relaxed);
            let limit = if reported { patience } else { REPORT.min(patience / 2) };
            // Where the clock counts instructions it jumps to the next deadline while the host still reads.
            let endless = STILL.load(Relaxed) && progress != Progress::Lost;
            let waited = arch::timer::now().saturating_sub(asked);
            if endless || waited < limit {
                let deadline = (!endless).then_some(asked + limit);
                run::wait(self.answer(slot), ring, deadline, Interruptible::No);
            } else if reported {
                let failed = ring.restart(|slot| {
                    run::wakeup(self.answer(slot));
                });
                drop(ring);
                log!("{}: reset; {failed} requests without an answer fail", self.name);
            } else {
                reported = true;
                drop(ring);
                let (name, what, block) = (self.name, operation.name(), at / BLOCK);
                log!("{name}: {what} of block {block}: no answer for {} ms", waited / 1_000_000);
            }
        }
    }
}

impl Driver for VirtioDisk {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn access(&self) -> Access {
        self.access
    }

    fn transfer(&self, operation: Operation, mut at: u64, parts: &[Part]) -> Result<(), Why> {
        let mut gather = Gather::new(parts);
        let mut pieces = Pieces::NONE;
        loop {
            let bytes = gather.next(&mut pieces, self.most_pieces, |page| vm().machine().address_of(page).0)?;
            if bytes == 0 {
                return Ok(());
            }
            self.serve(operation, at, &pieces)?;
            at += bytes;
        }
    }

    fn flush(&self) -> Result<(), Why> {
        // A device that does not know the request has nothing to make durable.
        if self.flushes { self.serve(Operation::Flush, 0, &Pieces::NONE) } else { Ok(()) }
    }

    fn lose(&self, operation: Operation, at: u64) -> Result<(), Why> {
        let slot = loop {
            let mut ring = self.ring.lock();
            if let Some(slot) = ring.lose() {
                break slot;
            }
            self.wait_for_slot(ring);
        };
        self.wait_for(slot, operation, at)
    }
}
