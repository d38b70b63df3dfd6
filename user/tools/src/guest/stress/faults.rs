//! `stress --faults`: every CPU faults, copies and changes maps at once.
//!
//! Owns: the processes and threads of the storm, their memory, the table at the end. Does not own: what comes
//! next and how it is judged (`crate::stress::storm`).
//!
//! All workers of all processes count on a board of shared memory. A word that is not what was written is an
//! error at once; what the machine has too much at the end is a leak.

use super::{audit, exit, fork, leaks, map, page_size, wait_any};
use crate::guest::out::complain;
use crate::guest::{c, sys};
use crate::stress::Random;
use crate::stress::storm::{Step, idlers, next, word};
use abi::stat::Timespec;
use abi::trap;
use abi::vm_flags::MADV_DONTNEED;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

const PROT_READ: i32 = 1;
const PROT_RW: i32 = 3;
const MAP_PRIVATE_ANON: i32 = 0x1002;
const MAP_FIXED: i32 = 0x10;
const MAP_SHARED_ANON: i32 = 0x1001;
/// CPUs that the board has room for.
const CPUS: usize = 8;
/// Words that all add to.
const WORDS: usize = 16;
/// The most workers of a process.
pub const THREADS_MAX: u64 = 16;

/// What was asked for.
#[derive(Clone, Copy)]
pub struct Storm {
    /// How long, in seconds.
    pub seconds: u64,
    /// Drives every choice.
    pub seed: u64,
    /// Processes.
    pub processes: u64,
    /// Threads of each; 0: as many as there are CPUs.
    pub threads: u64,
}

/// What all processes share.
#[repr(C)]
struct Board {
    stop: AtomicU32,
    wrong: AtomicU64,
    /// Operations that failed for want of memory.
    short: AtomicU64,
    operations: [AtomicU64; CPUS],
    /// Additions to `words`, counted by who made them.
    added: AtomicU64,
    words: [AtomicU64; WORDS],
}

/// One thread of the storm.
struct Worker {
    board: &'static Board,
    storm: Storm,
    number: u64,
    page: u64,
}

/// Runs the storm; whether all was well.
pub fn run(storm: Storm) -> Result<bool, &'static str> {
    let cpus = sys::sysctl_number("hw.ncpu").ok_or("no hw.ncpu")? as usize;
    let threads = match storm.threads {
        0 => cpus as u64,
        asked => asked,
    };
    let storm = Storm { threads, ..storm };
    let memory = map(0, size_of::<Board>() as u64, MAP_SHARED_ANON)?;
    // SAFETY: fresh memory, all zero, which stays mapped to the end of this process.
    let board: &'static Board = unsafe { &*memory.cast() };
    let faults = faults()?;
    // Once for no time: what the kernel and this process keep of it is there already.
    let idle = Storm {
        seconds: 0,
        ..storm
    };
    direct_in_child(board, idle)?;
    board.stop.store(0, SeqCst);
    let before = audit().ok_or("the audit found a difference before the storm")?;
    let well = direct_in_child(board, storm)?;
    let leak = leaks(before);
    let faults: Vec<u64> = self::faults()?
        .iter()
        .zip(&faults)
        .map(|(after, before)| after.wrapping_sub(*before))
        .collect();
    let operations: Vec<u64> = board.operations[..cpus.min(CPUS)]
        .iter()
        .map(|count| count.load(SeqCst))
        .collect();
    let mut text = String::from("cpu   operations       faults\n");
    for (cpu, (done, faults)) in operations.iter().zip(&faults).enumerate() {
        text.push_str(&format!("{cpu:3} {done:12} {faults:12}\n"));
    }
    let wrong = board.wrong.load(SeqCst);
    let total: u64 = operations.iter().sum();
    text.push_str(&format!(
        "stress: {total} operations in {} s of {} threads in each of {} processes (seed {}); {} wrong words, {}\n",
        storm.seconds,
        storm.threads,
        storm.processes,
        storm.seed,
        if wrong == 0 { "no" } else { "many" },
        leak.unwrap_or("nothing leaked"),
    ));
    sys::write(1, text.as_bytes()).map_err(|_| "cannot write")?;
    let mut lazy = false;
    for cpu in idlers(&operations) {
        lazy = true;
        complain(&format!(
            "stress: CPU {cpu} did {} operations, less than a tenth of its share of {}",
            operations[cpu],
            total / operations.len() as u64
        ));
    }
    let short = board.short.load(SeqCst);
    if short != 0 {
        complain(&format!("stress: memory was short {short} times"));
    }
    Ok(well && wrong == 0 && leak.is_none() && !lazy)
}

/// Faults of each CPU so far.
fn faults() -> Result<Vec<u64>, &'static str> {
    let leaf = abi::sysctl::by_name("vm.cpu_faults").ok_or("no vm.cpu_faults")?;
    let bytes = sys::sysctl(leaf.oid, &[]).map_err(|_| "no vm.cpu_faults")?;
    let (words, _) = bytes.as_chunks::<8>();
    Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
}

/// Everything happens in a child, so that this process stays as it is and counts before and after. Answers whether
/// the child ended well.
fn direct_in_child(board: &'static Board, storm: Storm) -> Result<bool, &'static str> {
    let child = fork()?;
    if child == 0 {
        exit(i32::from(direct(board, storm).is_err()));
    }
    Ok(wait_any() == (child, 0))
}

/// Starts the processes and sees them end.
fn direct(board: &'static Board, storm: Storm) -> Result<(), &'static str> {
    let mut children = Vec::new();
    for process in 0..storm.processes {
        match fork()? {
            0 => exit(i32::from(!process_main(board, storm, process))),
            pid => children.push(pid),
        }
    }
    let time = Timespec {
        sec: storm.seconds as i64,
        nsec: 0,
    };
    // SAFETY: a time to read.
    unsafe { c::nanosleep(&time, null_mut()) };
    board.stop.store(1, SeqCst);
    for _ in &children {
        let (pid, status) = wait_any();
        if status != 0 {
            complain(&format!(
                "stress: process {pid} ended with wait status {status}"
            ));
            board.wrong.fetch_add(1, SeqCst);
        }
    }
    let sum: u64 = board.words.iter().map(|word| word.load(SeqCst)).sum();
    let added = board.added.load(SeqCst);
    if sum != added {
        complain(&format!(
            "stress: shared words hold {sum}, {added} was added"
        ));
        board.wrong.fetch_add(1, SeqCst);
    }
    Ok(())
}

/// A process of the storm: its threads, and whether all of them could be made and joined.
fn process_main(board: &'static Board, storm: Storm, process: u64) -> bool {
    let page = page_size();
    let workers: Vec<Worker> = (0..storm.threads)
        .map(|thread| Worker {
            board,
            storm,
            number: process * THREADS_MAX + thread,
            page,
        })
        .collect();
    let mut threads = Vec::with_capacity(workers.len());
    let mut well = true;
    for worker in workers.iter().skip(1) {
        let mut thread = null_mut();
        let argument = core::ptr::from_ref(worker).cast_mut().cast();
        // SAFETY: the worker lives until the thread has been joined.
        if unsafe { c::pthread_create(&mut thread, core::ptr::null(), begin, argument) } == 0 {
            threads.push(thread);
        } else {
            complain("stress: a thread could not be made");
            well = false;
        }
    }
    workers.iter().take(1).for_each(Worker::work);
    for thread in threads {
        // SAFETY: a thread that nobody else joins.
        well &= unsafe { c::pthread_join(thread, null_mut()) } == 0;
    }
    well
}

extern "C" fn begin(worker: *mut c_void) -> *mut c_void {
    // SAFETY: `process_main` passed a worker that outlives this thread.
    unsafe { &*worker.cast::<Worker>() }.work();
    null_mut()
}

impl Worker {
    fn work(&self) {
        let mut index = 0;
        while self.board.stop.load(SeqCst) == 0 {
            let mut random = Random::of(self.storm.seed, self.number, index);
            let (step, pages) = next(&mut random);
            let salt = random.number();
            let done = match step {
                Step::Share => Some(self.share(&mut random)),
                _ => self.on_region(step, pages, salt),
            };
            match done {
                Some(true) => {}
                Some(false) => {
                    self.board.wrong.fetch_add(1, SeqCst);
                    complain(&format!(
                        "stress: worker {} saw a wrong word in {step:?} {index}",
                        self.number
                    ));
                }
                None => {
                    self.board.short.fetch_add(1, SeqCst);
                }
            }
            // SAFETY: no memory is involved.
            let cpu = unsafe { c::vellum_mach(trap::CPU_NUMBER, &[0; 6]) } as usize;
            self.board.operations[cpu % CPUS].fetch_add(1, SeqCst);
            index += 1;
        }
    }

    /// A step in a region of its own. `None`: memory was short.
    fn on_region(&self, step: Step, pages: u64, salt: u64) -> Option<bool> {
        let bytes = pages * self.page;
        let region = Region {
            at: map(0, bytes, MAP_PRIVATE_ANON).ok()?,
            bytes,
            page: self.page,
        };
        let zero = (0..bytes)
            .step_by(self.page as usize)
            .all(|at| region.read(at) == 0);
        region.fill(0, bytes, salt);
        let right = zero
            && match step {
                Step::Protect => self.protect(&region, salt),
                Step::Replace => self.replace(&region, salt),
                Step::Fork => return self.fork(&region, salt),
                Step::Discard => self.discard(&region, salt),
                Step::Share => true,
            };
        Some(right)
    }

    fn protect(&self, region: &Region, salt: u64) -> bool {
        // SAFETY: the region is this worker's own.
        let change = |to| unsafe { c::mprotect(region.at.cast(), region.bytes as usize, to) } == 0;
        let read_only = change(PROT_READ) && region.holds(0, region.bytes, salt);
        let writable = change(PROT_RW);
        region.fill(0, region.bytes, salt + 1);
        read_only && writable && region.holds(0, region.bytes, salt + 1)
    }

    fn replace(&self, region: &Region, salt: u64) -> bool {
        let middle = region.bytes / self.page / 2 * self.page;
        let at = region.at as u64 + middle;
        let fresh = map(at, self.page, MAP_PRIVATE_ANON | MAP_FIXED).is_ok();
        let zero = region.read(middle) == 0 && region.read(middle + self.page - 8) == 0;
        region.fill(middle, self.page, salt + 2);
        fresh
            && zero
            && region.holds(0, middle, salt)
            && region.holds(middle, self.page, salt + 2)
            && region.holds(middle + self.page, region.bytes - middle - self.page, salt)
    }

    /// `None`: there is no memory for a child.
    fn fork(&self, region: &Region, salt: u64) -> Option<bool> {
        let half = region.bytes / self.page / 2 * self.page;
        let rest = region.bytes - half;
        let child = fork().ok()?;
        if child == 0 {
            // Nothing here allocates: another thread may have had the heap's lock when this process was copied.
            let before = region.holds(0, region.bytes, salt);
            region.fill(0, half, salt + 3);
            let after = region.holds(0, half, salt + 3) && region.holds(half, rest, salt);
            exit(i32::from(!(before && after)));
        }
        region.fill(half, rest, salt + 4);
        let mut status = 0;
        // SAFETY: a place for the status; the child is this thread's own.
        let waited = unsafe { c::wait4(child, &mut status, 0, null_mut()) } == child;
        Some(
            waited
                && status == 0
                && region.holds(0, half, salt)
                && region.holds(half, rest, salt + 4),
        )
    }

    fn discard(&self, region: &Region, salt: u64) -> bool {
        // SAFETY: the region is this worker's own.
        let advised =
            unsafe { c::madvise(region.at.cast(), region.bytes as usize, MADV_DONTNEED) } == 0;
        // It may be deactivated, but what was written stays.
        let kept = region.holds(0, region.bytes, salt);
        region.fill(0, region.bytes, salt + 5);
        advised && kept && region.holds(0, region.bytes, salt + 5)
    }

    fn share(&self, random: &mut Random) -> bool {
        for _ in 0..64 {
            let amount = random.below(1000);
            let word = &self.board.words[random.below(WORDS as u64) as usize];
            let before = word.fetch_add(amount, SeqCst);
            self.board.added.fetch_add(amount, SeqCst);
            if word.load(SeqCst) < before {
                return false;
            }
        }
        true
    }
}

/// Memory of one worker; dropping it unmaps it.
struct Region {
    at: *mut u8,
    bytes: u64,
    page: u64,
}

impl Region {
    fn read(&self, at: u64) -> u64 {
        // SAFETY: `at` is a multiple of 8 below `bytes`.
        unsafe { self.at.add(at as usize).cast::<u64>().read_volatile() }
    }

    /// The offsets that are written and looked at: both ends of each page and some between.
    fn places(&self, from: u64, bytes: u64) -> impl Iterator<Item = u64> {
        let page = self.page;
        (from..from + bytes)
            .step_by(page as usize)
            .flat_map(move |start| [start, start + page / 2 - 8, start + page - 8])
    }

    fn fill(&self, from: u64, bytes: u64, salt: u64) {
        for at in self.places(from, bytes) {
            let place = self.at.wrapping_add(at as usize).cast::<u64>();
            // SAFETY: the place is in the region.
            unsafe { place.write_volatile(word(place as u64, salt)) };
        }
    }

    fn holds(&self, from: u64, bytes: u64, salt: u64) -> bool {
        let base = self.at as u64;
        self.places(from, bytes)
            .all(|at| self.read(at) == word(base + at, salt))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the region is this worker's own, and nobody refers to it any more.
        unsafe { c::munmap(self.at.cast(), self.bytes as usize) };
    }
}
