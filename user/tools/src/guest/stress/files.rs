//! `stress --files` and `stress --marks`: one file in every way at once, and files that must survive a power cut.
//!
//! Owns: the processes, their descriptors and mappings, the table of marks. Does not own: what comes next and what
//! the file should hold (`crate::stress::file`).
//!
//! All processes share the model and take turns: who has the turn does the next step, through its own descriptor
//! or its own mapping.

use super::{exit, fork, map, page_size, wait_any};
use crate::guest::out::complain;
use crate::guest::{c, sys};
use crate::stress::Random;
use crate::stress::file::{Model, PART_MAX, Part, Step, byte, next, sum};
use abi::Errno;
use abi::syscall::{O_CREAT, O_RDWR, O_TRUNC};
use abi::vm_flags::{MS_INVALIDATE, MS_SYNC};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

const PROT_RW: i32 = 3;
const MAP_SHARED: i32 = 1;
const MAP_PRIVATE: i32 = 2;
const MAP_SHARED_ANON: i32 = 0x1001;
/// Steps after which the whole file is looked at.
const WHOLE: u64 = 500;
/// Marks that are kept; older ones are removed.
const KEPT: u64 = 24;
/// The most bytes of a mark.
const MARK_MAX: u64 = 100_000;
/// The longest file, in bytes.
pub const BYTES_MAX: u64 = 64 << 20;
/// The most processes.
pub const PROCESSES_MAX: u64 = 8;

/// What was asked for.
#[derive(Clone)]
pub struct Exercise {
    /// How many steps, or marks.
    pub steps: u64,
    /// Drives every choice.
    pub seed: u64,
    /// Processes that take turns.
    pub processes: u64,
    /// The most bytes of the file.
    pub bytes: u64,
    /// The file; of marks, the folder.
    pub path: Vec<u8>,
}

/// What all processes share, in front of the model's bytes.
#[repr(C)]
struct Board {
    /// The next step.
    turn: AtomicU64,
    /// A difference was found: all end.
    failed: AtomicU64,
    size: u64,
}

/// One process at the file.
struct Hand {
    fd: i32,
    view: *mut u8,
    buffer: Vec<u8>,
}

/// Why a step failed.
enum Wrong {
    Call(&'static str, Errno),
    /// This byte differs: its place, what it should be, what it is.
    Byte(u64, u8, u8),
    /// A read ended elsewhere: what was wanted, what came.
    Length(u64, u64),
}

/// Does the steps; whether the file was right throughout.
pub fn run(exercise: Exercise) -> Result<bool, &'static str> {
    let page = page_size();
    let room = page + exercise.bytes.next_multiple_of(page);
    let board = map(0, room, MAP_SHARED_ANON)?;
    let flags = O_RDWR | O_CREAT | O_TRUNC;
    let fd = sys::open(&exercise.path, flags, 0o644).map_err(|_| "cannot make the file")?;
    sys::close(fd);
    for process in 1..exercise.processes {
        if fork()? == 0 {
            exit(i32::from(!take_turns(&exercise, board, page, process)));
        }
    }
    let mut well = take_turns(&exercise, board, page, 0);
    for _ in 1..exercise.processes {
        well &= wait_any().1 == 0;
    }
    // SAFETY: the others have ended.
    let model = unsafe { model_of(board, page, exercise.bytes) };
    let (size, sum) = (
        *model.size,
        sum(model.bytes[..*model.size as usize].iter().copied()),
    );
    let verdict = if well {
        "no difference"
    } else {
        "the file differs"
    };
    let line = format!(
        "stress: {} steps of {} processes (seed {}); {verdict}; size {size} sum {sum:016x}\n",
        exercise.steps, exercise.processes, exercise.seed
    );
    sys::write(1, line.as_bytes()).map_err(|_| "cannot write")?;
    Ok(well)
}

/// The model behind the board.
///
/// # Safety
/// The memory has a page for the board and `bytes` after it, and nobody else uses it meanwhile.
unsafe fn model_of<'a>(board: *mut u8, page: u64, bytes: u64) -> Model<'a> {
    // SAFETY: as the caller says.
    unsafe {
        Model {
            bytes: core::slice::from_raw_parts_mut(board.add(page as usize), bytes as usize),
            size: &mut (*board.cast::<Board>()).size,
        }
    }
}

/// One process's part; whether all it saw was right.
fn take_turns(exercise: &Exercise, memory: *mut u8, page: u64, process: u64) -> bool {
    // SAFETY: shared memory that stays mapped; what all touch at once is atomic.
    let (turn, failed) = unsafe {
        let board = memory.cast::<Board>();
        (&(*board).turn, &(*board).failed)
    };
    let hand = Hand::new(exercise);
    let Ok(mut hand) = hand.map_err(|error| complain(&format!("stress: {}", said(error)))) else {
        failed.store(1, SeqCst);
        return false;
    };
    loop {
        let step = turn.load(SeqCst);
        if failed.load(SeqCst) != 0 {
            return false;
        }
        if step > exercise.steps {
            return true;
        }
        // The last turn of each is a look at the whole file.
        let last = step == exercise.steps;
        let owner = match last {
            true => exercise.processes - 1,
            false => Random::of(exercise.seed, 1, step).below(exercise.processes),
        };
        if owner != process {
            // SAFETY: lets others run.
            unsafe { c::sched_yield() };
            continue;
        }
        // SAFETY: it is this process's turn.
        let mut model = unsafe { model_of(memory, page, exercise.bytes) };
        let mut random = Random::of(exercise.seed, 0, step);
        let what = match last {
            true => Step::Flush,
            false => next(&mut random, *model.size, exercise.bytes, page),
        };
        let mut done = hand.step(exercise, &mut model, (step, what), page);
        if done.is_ok() && (last || step % WHOLE == WHOLE - 1) {
            done = hand.look_at_all(&model);
        }
        if let Err(wrong) = done {
            failed.store(1, SeqCst);
            let size = *model.size;
            let (seed, wrong) = (exercise.seed, said(wrong));
            complain(&format!(
                "stress: step {step} of seed {seed}, {what:?} by process {process}, size {size}: {wrong}"
            ));
            return false;
        }
        turn.store(step + 1, SeqCst);
    }
}

fn said(wrong: Wrong) -> alloc::string::String {
    match wrong {
        Wrong::Call(call, error) => format!("{call}: {}", sys::message(error)),
        Wrong::Byte(at, wanted, got) => format!("byte {at} is {got:#04x}, not {wanted:#04x}"),
        Wrong::Length(wanted, got) => format!("{got} bytes, not {wanted}"),
    }
}

fn same(at: u64, wanted: &[u8], got: &[u8]) -> Result<(), Wrong> {
    if wanted == got {
        return Ok(());
    }
    let mut pairs = wanted.iter().zip(got).enumerate();
    match pairs.find(|(_, (wanted, got))| wanted != got) {
        Some((index, (&wanted, &got))) => Err(Wrong::Byte(at + index as u64, wanted, got)),
        None => Err(Wrong::Length(wanted.len() as u64, got.len() as u64)),
    }
}

/// Checks what a C call answered.
fn call(name: &'static str, answer: i64) -> Result<u64, Wrong> {
    u64::try_from(answer).map_err(|_| Wrong::Call(name, sys::errno()))
}

fn map_file(fd: i32, bytes: u64, flags: i32) -> Result<*mut u8, Wrong> {
    let none = core::ptr::null_mut();
    // SAFETY: the kernel chooses the place.
    let got = unsafe { c::mmap(none, bytes as usize, PROT_RW, flags, fd, 0) };
    match got as isize {
        -1 => Err(Wrong::Call("mmap", sys::errno())),
        _ => Ok(got.cast()),
    }
}

/// Takes a mapping of [`map_file`] away.
fn unmap(view: *mut u8, bytes: u64) -> Result<(), Wrong> {
    // SAFETY: whoever made the mapping does not use it any more.
    let done = unsafe { c::munmap(view.cast(), bytes as usize) };
    call("munmap", done.into()).map(drop)
}

impl Hand {
    fn new(exercise: &Exercise) -> Result<Self, Wrong> {
        let fd = sys::open(&exercise.path, O_RDWR, 0);
        let fd = fd.map_err(|error| Wrong::Call("open", error))?;
        Ok(Self {
            fd,
            view: map_file(fd, exercise.bytes, MAP_SHARED)?,
            buffer: vec![0; PART_MAX as usize],
        })
    }

    /// Copies out of a mapping, byte by byte: others may write it between two turns, not within one.
    fn look(&mut self, view: *const u8, part: Part) -> &[u8] {
        let buffer = &mut self.buffer[..part.bytes as usize];
        for (index, byte) in buffer.iter_mut().enumerate() {
            // SAFETY: within the mapping, and within the file.
            *byte = unsafe { view.add(part.at as usize + index).read_volatile() };
        }
        buffer
    }

    fn store(&mut self, view: *mut u8, part: Part) {
        for (index, byte) in self.buffer[..part.bytes as usize].iter().enumerate() {
            // SAFETY: within the mapping, and within the file.
            unsafe { view.add(part.at as usize + index).write_volatile(*byte) };
        }
    }

    /// The bytes of this step.
    fn fill(&mut self, seed: u64, step: u64, part: Part) {
        for (at, place) in (part.at..).zip(&mut self.buffer[..part.bytes as usize]) {
            *place = byte(seed, step, at);
        }
    }

    fn step(
        &mut self,
        exercise: &Exercise,
        model: &mut Model<'_>,
        (number, step): (u64, Step),
        page: u64,
    ) -> Result<(), Wrong> {
        match step {
            Step::Read(part) => self.read(model, part),
            Step::Write(part) => {
                self.fill(exercise.seed, number, part);
                let from = self.buffer.as_ptr().cast();
                // SAFETY: the buffer is as long as a part may be.
                let wrote =
                    unsafe { c::pwrite(self.fd, from, part.bytes as usize, part.at as i64) };
                let wrote = call("pwrite", wrote as i64)?;
                if wrote != part.bytes {
                    return Err(Wrong::Length(part.bytes, wrote));
                }
                model.write(part, &self.buffer[..part.bytes as usize]);
                Ok(())
            }
            Step::Truncate(size) => {
                // SAFETY: a call without memory.
                let done = unsafe { c::ftruncate(self.fd, size as i64) };
                call("ftruncate", done.into())?;
                model.truncate(size);
                Ok(())
            }
            Step::Look(part) => same(part.at, model.part(part), self.look(self.view, part)),
            Step::Store(part) => {
                self.fill(exercise.seed, number, part);
                self.store(self.view, part);
                model.write(part, &self.buffer[..part.bytes as usize]);
                Ok(())
            }
            Step::Private(part) => self.private(exercise, model, (number, part)),
            Step::Sync(part) => self.msync(part, MS_SYNC, page),
            Step::Invalidate(part) => self.msync(part, MS_SYNC | MS_INVALIDATE, page),
            // SAFETY: a call without memory.
            Step::Flush => call("fsync", unsafe { c::fsync(self.fd) }.into()).map(drop),
            Step::Reopen => {
                self.close(exercise.bytes)?;
                let again = Self::new(exercise)?;
                (self.fd, self.view) = (again.fd, again.view);
                Ok(())
            }
        }
    }

    fn close(&mut self, bytes: u64) -> Result<(), Wrong> {
        unmap(self.view, bytes)?;
        sys::close(self.fd);
        Ok(())
    }

    fn read(&mut self, model: &Model<'_>, part: Part) -> Result<(), Wrong> {
        let buffer = &mut self.buffer[..part.bytes as usize];
        let got = sys::read_at(self.fd, buffer, part.at);
        let got = got.map_err(|error| Wrong::Call("pread", error))?;
        same(part.at, model.part(part), &self.buffer[..got])
    }

    fn private(
        &mut self,
        exercise: &Exercise,
        model: &Model<'_>,
        (number, part): (u64, Part),
    ) -> Result<(), Wrong> {
        let view = map_file(self.fd, exercise.bytes, MAP_PRIVATE)?;
        same(part.at, model.part(part), self.look(view, part))?;
        self.fill(exercise.seed, number, part);
        self.store(view, part);
        let wanted = self.buffer[..part.bytes as usize].to_vec();
        same(part.at, &wanted, self.look(view, part))?;
        unmap(view, exercise.bytes)?;
        self.read(model, part)
    }

    fn msync(&mut self, part: Part, flags: u32, page: u64) -> Result<(), Wrong> {
        let from = part.at - part.at % page;
        let length = part.at + part.bytes - from;
        // SAFETY: within the mapping.
        let at: *mut c_void = unsafe { self.view.add(from as usize) }.cast();
        // SAFETY: the mapping stays.
        let done = unsafe { c::msync(at, length as usize, flags as i32) };
        call("msync", done.into()).map(drop)
    }

    /// Reads the whole file, and looks at all of it through the mapping.
    fn look_at_all(&mut self, model: &Model<'_>) -> Result<(), Wrong> {
        let size = *model.size;
        let mut at = 0;
        while at < size {
            let part = Part {
                at,
                bytes: PART_MAX.min(size - at),
            };
            self.read(model, part)?;
            same(at, model.part(part), self.look(self.view, part))?;
            at += part.bytes;
        }
        self.read(model, Part { at: size, bytes: 1 })
    }
}

/// Makes files whose bytes survive a power cut once their line is printed: `mark NUMBER SIZE`. Before one is
/// removed the line is `gone NUMBER`.
pub fn marks(exercise: &Exercise) -> Result<bool, &'static str> {
    let name = |number: u64| [&exercise.path[..], format!("/mark-{number}").as_bytes()].concat();
    let print = |line: &str| sys::write(1, line.as_bytes()).map_err(|_| "cannot write");
    for number in 0..exercise.steps {
        let mut random = Random::of(exercise.seed, 0, number);
        let size = random.below(MARK_MAX);
        let bytes: Vec<u8> = (0..size)
            .map(|at| byte(exercise.seed, number, at))
            .collect();
        let fd = sys::open(&name(number), O_RDWR | O_CREAT | O_TRUNC, 0o644);
        let fd = fd.map_err(|_| "cannot make a mark")?;
        sys::write(fd, &bytes).map_err(|_| "cannot write a mark")?;
        // SAFETY: a call without memory.
        if unsafe { c::fsync(fd) } != 0 {
            return Err("cannot sync a mark");
        }
        sys::close(fd);
        print(&format!("mark {number} {size}\n"))?;
        if let Some(old) = number.checked_sub(KEPT) {
            print(&format!("gone {old}\n"))?;
            // SAFETY: a C string.
            unsafe { c::unlink(sys::c_string(&name(old)).as_ptr()) };
        }
    }
    Ok(true)
}
