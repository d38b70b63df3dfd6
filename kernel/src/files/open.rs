//! Open files: what a descriptor refers to.
//!
//! Owns: the offset, the flags, and how bytes go between a program and whatever is open. Does not
//! own: descriptors (`descriptors`), the file tree (`vfs`).
//!
//! No lock is held while a fault on a program's memory is resolved. A file's bytes go straight between its pages and
//! the program's as long as those are there; all others, and those at a page that is not, through a buffer.

use super::pipe::{Blocks, End, Side};
use super::shm::Segment;
use super::{Device, Node};
use crate::shared::{NoMemory, Shared, try_zeroed};
use crate::syscall::Failure;
use crate::user_memory::{get_bytes, put_bytes};
use crate::vfs::store::{Ahead, ProgramBytes};
use crate::vfs::{Body, Vnode, retire};
use abi::Errno;
use abi::syscall::{O_ACCMODE, O_APPEND, O_DSYNC, O_NONBLOCK, O_RDONLY, O_SYNC, O_WRONLY};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Bytes of the buffer on the stack.
const CHUNK: usize = 2048;
/// Fewer bytes of a file go through the buffer: to hold its pages costs more than to copy them twice.
const STRAIGHT: u64 = 256;
/// Bytes of the buffer on the heap.
const LARGE: usize = 16384;
/// Requests up to so many bytes use a small buffer, which is cheaper to clear.
const SMALL: usize = 16;

/// Whether an advice holds from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not any more.
    No,
}

/// What is open.
pub enum What {
    /// A file, directory or device of the tree.
    Node(Node),
    /// An end of a pipe.
    Pipe(End),
    /// Shared memory: to be mapped, not to be read.
    Shared(Shared<Segment>),
}

/// An open file, shared by all descriptors that were duplicated from one.
pub struct OpenFile {
    /// What is open.
    pub what: What,
    flags: AtomicU32,
    advice: AtomicU32,
    offset: AtomicU64,
}

bitflags::bitflags! {
    /// What `fcntl` was told of the reads and writes to come.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Advice: u32 {
        /// What is read and written will not be needed again (`F_NOCACHE`).
        const NO_CACHE = 1;
        /// Nothing is to be read but what is asked for (`F_RDAHEAD` 0).
        const NO_AHEAD = 2;
    }
}

impl OpenFile {
    /// Opens something with `O_*` flags.
    pub fn new(what: What, flags: u32) -> Result<Shared<Self>, NoMemory> {
        Shared::try_new(Self {
            what,
            flags: AtomicU32::new(flags),
            advice: AtomicU32::new(0),
            offset: AtomicU64::new(0),
        })
    }

    /// The `O_*` flags.
    pub fn flags(&self) -> u32 {
        self.flags.load(Relaxed)
    }

    /// Changes the flags that `fcntl` may change.
    pub fn set_flags(&self, flags: u32) {
        let changeable = O_APPEND | O_NONBLOCK;
        let kept = self.flags() & !changeable;
        self.flags.store(kept | flags & changeable, Relaxed);
    }

    fn advice(&self) -> Advice {
        Advice::from_bits_truncate(self.advice.load(Relaxed))
    }

    /// Takes an advice, or takes it back.
    pub fn set_advice(&self, advice: Advice, holds: Holds) {
        match holds {
            Holds::Yes => self.advice.fetch_or(advice.bits(), Relaxed),
            Holds::No => self.advice.fetch_and(!advice.bits(), Relaxed),
        };
    }

    /// Whether reading is allowed.
    pub fn is_readable(&self) -> bool {
        self.flags() & O_ACCMODE != O_WRONLY
    }

    /// Whether writing is allowed.
    pub fn is_writable(&self) -> bool {
        self.flags() & O_ACCMODE != O_RDONLY
    }

    fn blocks(&self) -> Blocks {
        if self.flags() & O_NONBLOCK != 0 { Blocks::No } else { Blocks::Yes }
    }

    /// The file of the tree, if it is one.
    pub fn node(&self) -> Option<&Node> {
        match &self.what {
            What::Node(node) => Some(node),
            What::Pipe(_) | What::Shared(_) => None,
        }
    }

    /// Whether it is the terminal.
    pub fn is_terminal(&self) -> bool {
        let device = self.node().and_then(|node| match node.body {
            Body::Device(number) => Device::of(number).ok(),
            _ => None,
        });
        device.is_some_and(Device::is_terminal)
    }

    /// Where the next read or write happens, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset.load(Relaxed)
    }

    /// Moves there.
    pub fn seek(&self, offset: u64) {
        self.offset.store(offset, Relaxed);
    }

    /// Reads into a program's memory. `at`: from there, without moving the offset.
    pub fn read(&self, to: u64, length: u64, at: Option<u64>) -> Result<u64, Failure> {
        if !self.is_readable() {
            return Err(Errno::EBADF.into());
        }
        if let What::Pipe(end) = &self.what {
            return self.read_pipe(end, to, length, at);
        }
        let part = self.take(length, at, |node, begin, length| node.size().saturating_sub(begin).min(length));
        let read = match self.straight(&part) {
            Some(node) => self.read_straight(node, to, &part),
            None => self.read_part(to, part.length, part.at),
        };
        self.give_back(&part, read);
        if let Some(node) = self.node() {
            node.note_read();
            self.end_use(node, &part, read)?;
        }
        read
    }

    /// A pipe gives what it has, at once.
    fn read_pipe(&self, end: &End, to: u64, length: u64, at: Option<u64>) -> Result<u64, Failure> {
        if at.is_some() {
            return Err(Errno::ESPIPE.into());
        }
        if end.side() != Side::Read {
            return Err(Errno::EBADF.into());
        }
        if length > SMALL as u64 {
            return self.read_part(to, length, at);
        }
        let mut buffer = [0; SMALL];
        let got = match length {
            0 => 0,
            length => end.read(&mut buffer[..length as usize], self.blocks())?,
        };
        put_bytes(to, &buffer[..got])?;
        Ok(got as u64)
    }

    /// The file whose bytes go straight to or from the program.
    fn straight(&self, part: &Part) -> Option<&Node> {
        self.node().filter(|node| part.length >= STRAIGHT && matches!(node.body, Body::File(_)))
    }

    /// Reads a file straight into a program's memory, and by way of the buffer where the program's page is not there:
    /// that brings it in, or finds out what is wrong.
    fn read_straight(&self, node: &Node, to: u64, part: &Part) -> Result<u64, Failure> {
        let begin = part.at.unwrap_or_else(|| self.offset());
        let mut done = 0;
        while done < part.length {
            let left = part.length - done;
            let (at, to) = (begin.saturating_add(done), to.checked_add(done).ok_or(Errno::EFAULT)?);
            if let Ok(moved @ 1..) = node.read_to(at, ProgramBytes { at: to, length: left }, self.ahead()) {
                done += moved;
                continue;
            }
            match self.read_part(to, left.min(CHUNK as u64), Some(at)) {
                Ok(0) => break,
                Ok(got) => done += got,
                Err(failure) if done == 0 => return Err(failure),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    #[inline(never)]
    fn read_part(&self, to: u64, length: u64, at: Option<u64>) -> Result<u64, Failure> {
        with_buffer(length, |buffer| self.read_by(buffer, to, length, at))
    }

    /// The part of a file that a call is about. What has no place of its own takes the offset's, and moves it at
    /// once by what `count` says: two threads never get the same bytes.
    fn take(&self, length: u64, at: Option<u64>, count: impl Fn(&Node, u64, u64) -> u64) -> Part {
        let node = self.node().filter(|node| matches!(node.body, Body::File(_)));
        let (Some(node), None) = (node, at) else {
            return Part { at, length, taken: None };
        };
        loop {
            let begin = self.offset();
            let length = count(node, begin, length);
            let end = begin.saturating_add(length);
            if self.offset.compare_exchange_weak(begin, end, Relaxed, Relaxed).is_ok() {
                return Part {
                    at: Some(begin),
                    length,
                    taken: Some(end),
                };
            }
        }
    }

    /// What a call did not use of its part, unless somebody has gone on from there already.
    fn give_back(&self, part: &Part, done: Result<u64, Failure>) {
        let (Some(begin), Some(end)) = (part.at, part.taken) else { return };
        let here = begin.saturating_add(done.unwrap_or(0));
        if here != end {
            // If it fails somebody else has moved the offset, who is right.
            let _ = self.offset.compare_exchange(end, here, Relaxed, Relaxed);
        }
    }

    /// After a call: bytes that will not be needed again leave memory, and what is to be durable becomes so.
    fn end_use(&self, node: &Node, part: &Part, done: Result<u64, Failure>) -> Result<(), Failure> {
        let Ok(count @ 1..) = done else { return Ok(()) };
        if self.advice().contains(Advice::NO_CACHE)
            && let Some(at) = part.at
        {
            node.forget(at, count)?;
        }
        Ok(())
    }

    fn read_by(&self, buffer: &mut [u8], to: u64, length: u64, at: Option<u64>) -> Result<u64, Failure> {
        let mut done = 0;
        while done < length {
            let want = (length - done).min(buffer.len() as u64) as usize;
            let target = to.checked_add(done).ok_or(Errno::EFAULT)?;
            let got = match self.read_some(&mut buffer[..want], at.map(|at| at.saturating_add(done))) {
                Ok(got) => got,
                Err(failure) if done == 0 => return Err(failure),
                Err(_) => break,
            };
            if let Err(error) = put_bytes(target, &buffer[..got]) {
                return if done == 0 { Err(error.into()) } else { Ok(done) };
            }
            if at.is_none() && self.node().is_some() {
                self.offset.fetch_add(got as u64, Relaxed);
            }
            done += got as u64;
            // A pipe or a terminal gives what it has; only files and zeros go on.
            if got < want || !self.goes_on() {
                break;
            }
        }
        Ok(done)
    }

    fn ahead(&self) -> Ahead {
        if self.advice().contains(Advice::NO_AHEAD) { Ahead::No } else { Ahead::Default }
    }

    fn goes_on(&self) -> bool {
        match &self.what {
            What::Node(node) => !self.is_terminal() && !matches!(node.body, Body::Directory(_)),
            What::Pipe(_) | What::Shared(_) => false,
        }
    }

    fn read_some(&self, into: &mut [u8], at: Option<u64>) -> Result<usize, Failure> {
        match &self.what {
            What::Pipe(_) if at.is_some() => Err(Errno::ESPIPE.into()),
            What::Pipe(end) if end.side() == Side::Read => end.read(into, self.blocks()),
            What::Pipe(_) => Err(Errno::EBADF.into()),
            What::Shared(_) => Err(Errno::ENXIO.into()),
            What::Node(node) => match &node.body {
                Body::File(_) => Ok(node.read_ahead(at.unwrap_or_else(|| self.offset()), into, self.ahead())?),
                Body::Device(number) => {
                    Device::of(*number)?.read(at.unwrap_or_else(|| self.offset()), into, self.blocks())
                },
                Body::Directory(_) => Err(Errno::EISDIR.into()),
                Body::Link(_) | Body::Other => Err(Errno::EINVAL.into()),
            },
        }
    }

    /// Writes from a program's memory. `at`: there, without moving the offset.
    pub fn write(&self, from: u64, length: u64, at: Option<u64>) -> Result<u64, Failure> {
        if !self.is_writable() {
            return Err(Errno::EBADF.into());
        }
        if let What::Pipe(end) = &self.what {
            return self.write_pipe(end, from, length, at);
        }
        let appends = at.is_none() && self.flags() & O_APPEND != 0;
        let part = if appends {
            let taken = None;
            Part { at, length, taken }
        } else {
            self.take(length, at, |_, _, length| length)
        };
        let wrote = match self.straight(&part) {
            Some(node) => self.write_straight(node, from, &part),
            None => self.write_part(from, part.length, part.at),
        };
        self.give_back(&part, wrote);
        if let Some(node) = self.node() {
            self.end_use(node, &part, wrote)?;
            if wrote.is_ok() && self.flags() & (O_SYNC | O_DSYNC) != 0 {
                Vnode::sync(node)?;
            }
        }
        wrote
    }

    /// A few bytes go into a pipe at once.
    fn write_pipe(&self, end: &End, from: u64, length: u64, at: Option<u64>) -> Result<u64, Failure> {
        if at.is_some() {
            return Err(Errno::ESPIPE.into());
        }
        if end.side() != Side::Write {
            return Err(Errno::EBADF.into());
        }
        if length == 0 || length > SMALL as u64 {
            return self.write_part(from, length, at);
        }
        let mut buffer = [0; SMALL];
        let bytes = &mut buffer[..length as usize];
        get_bytes(bytes, from)?;
        Ok(end.write(bytes, self.blocks())? as u64)
    }

    /// Writes a file straight from a program's memory, as `read_straight`. What fails as a whole is tried in parts, for
    /// some may be written before there is no room.
    fn write_straight(&self, node: &Node, from: u64, part: &Part) -> Result<u64, Failure> {
        let (mut done, mut whole) = (0, true);
        while done < part.length {
            let left = part.length - done;
            let (at, from) = (part.at.map(|at| at.saturating_add(done)), from.checked_add(done).ok_or(Errno::EFAULT)?);
            if whole {
                match node.write_from(at, ProgramBytes { at: from, length: left }) {
                    Ok((begin, moved @ 1..)) => {
                        done += moved;
                        if at.is_none() {
                            self.seek(begin + moved);
                        }
                        continue;
                    }
                    Ok(_) => {}
                    Err(_) => whole = false,
                }
            }
            match self.write_part(from, left.min(CHUNK as u64), at) {
                Ok(0) => break,
                Ok(wrote) => done += wrote,
                Err(failure) if done == 0 => return Err(failure),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    #[inline(never)]
    fn write_part(&self, from: u64, length: u64, at: Option<u64>) -> Result<u64, Failure> {
        with_buffer(length, |buffer| self.write_by(buffer, from, length, at))
    }

    fn write_by(&self, buffer: &mut [u8], from: u64, length: u64, at: Option<u64>) -> Result<u64, Failure> {
        let mut done = 0;
        while done < length {
            let want = (length - done).min(buffer.len() as u64) as usize;
            let source = from.checked_add(done).ok_or(Errno::EFAULT)?;
            let wrote = get_bytes(&mut buffer[..want], source)
                .map_err(Failure::from)
                .and_then(|()| self.write_some(&buffer[..want], at.map(|at| at.saturating_add(done))));
            match wrote {
                Ok(wrote) => {
                    done += wrote as u64;
                    if wrote < want {
                        break;
                    }
                }
                Err(failure) if done == 0 => return Err(failure),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn write_some(&self, from: &[u8], at: Option<u64>) -> Result<usize, Failure> {
        match &self.what {
            What::Pipe(_) if at.is_some() => Err(Errno::ESPIPE.into()),
            What::Pipe(end) if end.side() == Side::Write => end.write(from, self.blocks()),
            What::Pipe(_) => Err(Errno::EBADF.into()),
            What::Shared(_) => Err(Errno::ENXIO.into()),
            What::Node(node) => match &node.body {
                Body::File(_) => {
                    let appends = at.is_none() && self.flags() & O_APPEND != 0;
                    let place = if appends { None } else { Some(at.unwrap_or_else(|| self.offset())) };
                    let begin = node.write(place, from)?;
                    if at.is_none() {
                        self.seek(begin + from.len() as u64);
                    }
                    Ok(from.len())
                }
                Body::Device(number) => {
                    let begin = at.unwrap_or_else(|| self.offset());
                    let count = Device::of(*number)?.write(begin, from)?;
                    if at.is_none() {
                        self.seek(begin + count as u64);
                    }
                    Ok(count)
                }
                Body::Directory(_) => Err(Errno::EISDIR.into()),
                Body::Link(_) | Body::Other => Err(Errno::EINVAL.into()),
            },
        }
    }
}

/// Calls `work` with a buffer for `length` bytes, or for a part of them: the larger the buffer, the fewer times a file
/// is asked, and the more memory is cleared first.
fn with_buffer<T>(length: u64, work: impl FnOnce(&mut [u8]) -> T) -> T {
    if length <= SMALL as u64 {
        return work(&mut [0; SMALL]);
    }
    if length >= LARGE as u64
        && let Ok(mut buffer) = try_zeroed(LARGE)
    {
        return work(&mut buffer);
    }
    work(&mut [0; CHUNK])
}

/// What one call reads or writes.
struct Part {
    /// Where, if it has a place.
    at: Option<u64>,
    /// Bytes.
    length: u64,
    /// The offset was moved there for it.
    taken: Option<u64>,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let What::Node(node) = &self.what {
            // A file without names goes with its last user, which this may be.
            retire(node, 1);
        }
    }
}
