//! A block device as everybody sees it, over a driver.
//!
//! Owns: the trait [`BlockDevice`], the checks of requests, counts, injected errors, the line in the log when a request
//! fails. Does not own: how bytes move ([`Driver`]s: `ram`, `virtio`).

use super::request::{self, Access, BLOCK, BlockError, Operation, Part, Why};
use super::rule::Fate;
use super::inject;
use crate::log;
use crate::memory::vm;
use crate::platform::Machine;
use boot::PhysRange;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vm::{CacheMode, ObjectRef, Pages, PhysAddr};

/// A device that keeps blocks.
pub trait BlockDevice: Send + Sync {
    /// Its name: `rd0`, `vd0`.
    fn name(&self) -> &'static str;
    /// Its size in bytes, a multiple of [`BLOCK`].
    fn bytes(&self) -> u64;
    /// What it allows.
    fn access(&self) -> Access;
    /// Reads from byte `at` (a multiple of [`BLOCK`]) into the parts, in their order; sleeps until it is done.
    fn read(&self, at: u64, parts: &[Part]) -> Result<(), BlockError>;
    /// Writes the parts, in their order, from byte `at` on; sleeps until the device has them.
    fn write(&self, at: u64, parts: &[Part]) -> Result<(), BlockError>;
    /// Makes durable what was written before; sleeps until it is.
    fn flush(&self) -> Result<(), BlockError>;
    /// What it has done since the boot.
    fn statistics(&self) -> Statistics;
    /// Its bytes, if they are memory: the whole pages from its first byte on, which programs map. `None` if
    /// they are not, or do not begin with a page.
    fn memory(&self) -> Option<&ObjectRef<Machine>>;
}

/// What moves the bytes of one device.
pub(super) trait Driver: Send + Sync {
    /// Bytes, a multiple of [`BLOCK`].
    fn bytes(&self) -> u64;
    /// What it allows.
    fn access(&self) -> Access;
    /// Moves checked parts. Never called with [`Operation::Flush`].
    fn transfer(&self, operation: Operation, at: u64, parts: &[Part]) -> Result<(), Why>;
    /// Makes writes durable.
    fn flush(&self) -> Result<(), Why>;
    /// Its bytes, if they are memory.
    fn memory(&self) -> Option<PhysRange> {
        None
    }
    /// Makes a request to which no answer comes; returns when the driver has given up.
    fn lose(&self, operation: Operation, at: u64) -> Result<(), Why>;
}

/// Requests of a device that have ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Reads that succeeded.
    pub reads: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// Writes that succeeded.
    pub writes: u64,
    /// Their bytes.
    pub bytes_written: u64,
    /// Flushes that succeeded.
    pub flushes: u64,
    /// Requests that failed.
    pub errors: u64,
}

#[derive(Default)]
struct Counts {
    reads: AtomicU64,
    bytes_read: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
    flushes: AtomicU64,
    errors: AtomicU64,
}

/// A device: a driver with a name.
pub(super) struct Disk<D> {
    name: &'static str,
    pub(super) driver: D,
    counts: Counts,
    /// What programs map of it.
    memory: Option<ObjectRef<Machine>>,
}

impl<D: Driver> Disk<D> {
    /// Gives a driver its name.
    pub fn new(name: &'static str, driver: D) -> Self {
        let memory = driver.memory().and_then(|range| {
            let pages = Pages((range.end - range.start) / vm().page_size());
            vm().object_create_device(PhysAddr(range.start), pages, CacheMode::WriteBack).ok()
        });
        Self {
            name,
            driver,
            counts: Counts::default(),
            memory,
        }
    }

    fn transfer(&self, operation: Operation, at: u64, parts: &[Part]) -> Result<(), BlockError> {
        self.checked(operation, at, parts).map_err(|why| self.failed(operation, at, why)).map(|length| {
            let (requests, bytes) = match operation {
                Operation::Write => (&self.counts.writes, &self.counts.bytes_written),
                _ => (&self.counts.reads, &self.counts.bytes_read),
            };
            requests.fetch_add(1, Relaxed);
            bytes.fetch_add(length, Relaxed);
        })
    }

    fn checked(&self, operation: Operation, at: u64, parts: &[Part]) -> Result<u64, Why> {
        let length = request::total(parts, vm().page_size())?;
        request::within(at, length, self.driver.bytes())?;
        if operation == Operation::Write && self.driver.access() == Access::ReadOnly {
            return Err(Why::ReadOnly);
        }
        match inject::strike(self.name, operation, at, length) {
            Some(Fate::Fails) => return Err(Why::Injected),
            Some(Fate::Lost) => self.driver.lose(operation, at)?,
            None if length == 0 => {}
            None => self.driver.transfer(operation, at, parts)?,
        }
        Ok(length)
    }

    fn failed(&self, operation: Operation, at: u64, why: Why) -> BlockError {
        self.counts.errors.fetch_add(1, Relaxed);
        let error = BlockError {
            device: self.name,
            operation,
            block: at / BLOCK,
            why,
        };
        log!("{error}");
        error
    }
}

impl<D: Driver> BlockDevice for Disk<D> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn bytes(&self) -> u64 {
        self.driver.bytes()
    }

    fn access(&self) -> Access {
        self.driver.access()
    }

    fn read(&self, at: u64, parts: &[Part]) -> Result<(), BlockError> {
        self.transfer(Operation::Read, at, parts)
    }

    fn write(&self, at: u64, parts: &[Part]) -> Result<(), BlockError> {
        self.transfer(Operation::Write, at, parts)
    }

    fn flush(&self) -> Result<(), BlockError> {
        let done = match inject::strike(self.name, Operation::Flush, 0, 0) {
            Some(Fate::Fails) => Err(Why::Injected),
            Some(Fate::Lost) => self.driver.lose(Operation::Flush, 0),
            None => self.driver.flush(),
        };
        done.map_err(|why| self.failed(Operation::Flush, 0, why))?;
        self.counts.flushes.fetch_add(1, Relaxed);
        Ok(())
    }

    fn memory(&self) -> Option<&ObjectRef<Machine>> {
        self.memory.as_ref()
    }

    fn statistics(&self) -> Statistics {
        let counts = &self.counts;
        Statistics {
            reads: counts.reads.load(Relaxed),
            bytes_read: counts.bytes_read.load(Relaxed),
            writes: counts.writes.load(Relaxed),
            bytes_written: counts.bytes_written.load(Relaxed),
            flushes: counts.flushes.load(Relaxed),
            errors: counts.errors.load(Relaxed),
        }
    }
}
