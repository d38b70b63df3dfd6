//! Pipes.
//!
//! Owns: the bytes on their way and who waits for them. Does not own: descriptors. Locks: one per
//! pipe; a program's memory is never touched under it.

use crate::platform::{PipeRank, SpinLock};
use crate::sched::queues::{Interruptible, WaitResult};
use crate::sched::run;
use crate::shared::{Shared, try_zeroed};
use crate::syscall::Failure;
use abi::Errno;
use alloc::vec::Vec;

/// Bytes that a pipe holds.
pub const CAPACITY: usize = 4096;
/// Writes of up to so many bytes are not mixed with others.
pub const ATOMIC: usize = 512;

struct State {
    bytes: Vec<u8>,
    first: usize,
    count: usize,
    readers: usize,
    writers: usize,
}

/// A pipe.
pub struct Pipe {
    state: SpinLock<PipeRank, State>,
}

/// Which end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Bytes come out.
    Read,
    /// Bytes go in.
    Write,
}

/// One end of a pipe; dropping it closes it.
pub struct End {
    pipe: Shared<Pipe>,
    side: Side,
}

/// A new pipe: the end to read from and the end to write to.
pub fn pipe() -> Result<(End, End), Errno> {
    let state = State {
        bytes: try_zeroed(CAPACITY)?,
        first: 0,
        count: 0,
        readers: 1,
        writers: 1,
    };
    let pipe = Shared::try_new(Pipe {
        state: SpinLock::new(state),
    })?;
    let end = |side| End {
        pipe: pipe.clone(),
        side,
    };
    Ok((end(Side::Read), end(Side::Write)))
}

impl End {
    /// Which end it is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Bytes that a read would give at once.
    pub fn available(&self) -> usize {
        self.pipe.state.lock().count
    }

    fn event(&self, side: Side) -> usize {
        let base = core::ptr::from_ref::<Pipe>(&self.pipe) as usize;
        base + usize::from(side == Side::Write)
    }

    /// Takes up to `into.len()` bytes; waits for the first. 0 when all writers are gone.
    pub fn read(&self, into: &mut [u8], blocks: Blocks) -> Result<usize, Failure> {
        loop {
            let mut state = self.pipe.state.lock();
            if state.count > 0 {
                let was_full = state.count > CAPACITY - ATOMIC;
                let taken = state.take(into);
                drop(state);
                if was_full {
                    run::wakeup(self.event(Side::Write));
                }
                return Ok(taken);
            }
            if state.writers == 0 {
                return Ok(0);
            }
            if blocks == Blocks::No {
                return Err(Errno::EAGAIN.into());
            }
            if run::wait(self.event(Side::Read), state, None, Interruptible::Yes) == WaitResult::Interrupted {
                return Err(Failure::Interrupted);
            }
        }
    }

    /// Puts bytes in; waits for room. Answers how many went in: all, unless a signal came or the
    /// end does not block. `EPIPE` when all readers are gone.
    pub fn write(&self, from: &[u8], blocks: Blocks) -> Result<usize, Failure> {
        let mut done = 0;
        loop {
            let mut state = self.pipe.state.lock();
            if state.readers == 0 {
                return Err(Errno::EPIPE.into());
            }
            let left = &from[done..];
            let room = CAPACITY - state.count;
            if room >= left.len().min(ATOMIC) {
                let was_empty = state.count == 0;
                done += state.put(left);
                drop(state);
                if was_empty {
                    run::wakeup(self.event(Side::Read));
                }
                if done == from.len() {
                    return Ok(done);
                }
                continue;
            }
            if blocks == Blocks::No {
                return if done > 0 { Ok(done) } else { Err(Errno::EAGAIN.into()) };
            }
            if run::wait(self.event(Side::Write), state, None, Interruptible::Yes) == WaitResult::Interrupted {
                return if done > 0 { Ok(done) } else { Err(Failure::Interrupted) };
            }
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut state = self.pipe.state.lock();
        match self.side {
            Side::Read => state.readers -= 1,
            Side::Write => state.writers -= 1,
        }
        drop(state);
        run::wakeup(self.event(Side::Read));
        run::wakeup(self.event(Side::Write));
    }
}

/// Whether a call waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blocks {
    /// It does.
    Yes,
    /// It answers `EAGAIN` instead.
    No,
}

impl State {
    fn take(&mut self, into: &mut [u8]) -> usize {
        let count = self.count.min(into.len());
        let to_end = count.min(CAPACITY - self.first);
        into[..to_end].copy_from_slice(&self.bytes[self.first..self.first + to_end]);
        if to_end < count {
            into[to_end..count].copy_from_slice(&self.bytes[..count - to_end]);
        }
        self.first = (self.first + count) % CAPACITY;
        self.count -= count;
        count
    }

    fn put(&mut self, from: &[u8]) -> usize {
        let count = from.len().min(CAPACITY - self.count);
        let at = (self.first + self.count) % CAPACITY;
        let to_end = count.min(CAPACITY - at);
        self.bytes[at..at + to_end].copy_from_slice(&from[..to_end]);
        if to_end < count {
            self.bytes[..count - to_end].copy_from_slice(&from[to_end..count]);
        }
        self.count += count;
        count
    }
}
