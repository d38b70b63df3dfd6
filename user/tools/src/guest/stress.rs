//! `stress`.
//!
//! Owns: the processes that call, the memory that they attack, the memory of others that must not
//! change. Does not own: which calls (`crate::stress`).
//!
//! Victims sleep with memory full of a pattern: inherited from this process, their own, shared between
//! them. Attackers inherit the same memory copy-on-write and call with it and with all else; each has a
//! child, the subject, whose map its Mach calls attack as well. Attackers count in a page that each
//! shares with this process, so that one that dies is replaced where it stopped.

mod attack;
mod faults;
mod files;

use super::options::program;
use super::out::complain;
use super::{c, options, sys};
use crate::stress::outcome::Counts;
use abi::stat::Timespec;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::c_void;
use core::ptr::null_mut;

program!(stress_main, stress);

/// Addresses of the memory that is attacked and guarded: far from everything else.
const CANARY: u64 = 0x3000_0000_0000;
/// The same of memory that is made after the fork.
const PRIVATE: u64 = 0x3100_0000_0000;
/// Pages of each.
const PAGES: u64 = 16;
/// The longest storm, in seconds.
const MOST_SECONDS: u64 = 86_400;
/// The most processes that call.
const PROCESSES_MAX: u64 = 16;
const PROT_RW: i32 = 3;
const MAP_SHARED_ANON: i32 = 0x1001;
const MAP_PRIVATE_FIXED: i32 = 0x1012;
/// Victims: the second inherits shared memory from the first.
const VICTIMS: u64 = 2;

/// What an attacker and this process share.
#[repr(C)]
struct Progress {
    /// The next call.
    next: u64,
    counts: Counts,
}

/// What was asked for.
#[derive(Clone, Copy)]
struct Task {
    calls: u64,
    seed: u64,
    processes: u64,
    page: u64,
}

const USAGE: &str = "usage: stress --syscalls N --seed S [--processes P]
       stress --faults --seconds N [--seed S] [--processes P] [--threads T]
       stress --files N --path FILE [--seed S] [--processes P] [--bytes B]
       stress --marks N --path FOLDER [--seed S]

The first calls the memory calls N times with hostile arguments from P processes (default 4), and
checks that no byte of other processes changed and that nothing leaked. The same S makes
the same calls. The second faults, copies and changes maps for N seconds from T threads
(default: as many as there are CPUs) in each of P processes (default 2), checks every word,
and prints what each CPU did; a CPU that did less than a tenth of its share is an error.
The third reads, writes, cuts, maps and syncs FILE, of B bytes at most (default 262144), N times from
P processes (default 1) in turn, and compares it with a model. The fourth makes N files in FOLDER, each
synced before its line is printed: what a power cut may not lose.
Exit 1 if anything was different.
";

fn stress(args: &[Vec<u8>]) -> i32 {
    let ran = match args.first().map(Vec::as_slice) {
        Some(b"--faults") => storm_arguments(&args[1..]).map(faults::run),
        Some(b"--files") => exercise_arguments(args).map(files::run),
        Some(b"--marks") => exercise_arguments(args).map(|marks| files::marks(&marks)),
        _ => arguments(args).map(run),
    };
    let Some(ran) = ran else {
        complain(USAGE.trim_end());
        return 64;
    };
    match ran {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(what) => {
            complain(&format!("stress: {what}"));
            1
        }
    }
}

/// Long options, which are all that there are, each with its number.
fn arguments(args: &[Vec<u8>]) -> Option<Task> {
    let page = page_size();
    let mut task = Task {
        calls: 0,
        seed: 0,
        processes: 4,
        page,
    };
    let (mut calls, mut seed) = (false, false);
    if !args.len().is_multiple_of(2) {
        return None;
    }
    for pair in args.chunks(2) {
        let number = options::number(&pair[1]).and_then(|number| u64::try_from(number).ok())?;
        match &pair[0][..] {
            b"--syscalls" => (task.calls, calls) = (number, true),
            b"--seed" => (task.seed, seed) = (number, true),
            b"--processes" if (1..=PROCESSES_MAX).contains(&number) => task.processes = number,
            _ => return None,
        }
    }
    (calls && seed).then_some(task)
}

/// The same for a storm.
fn storm_arguments(args: &[Vec<u8>]) -> Option<faults::Storm> {
    let mut storm = faults::Storm {
        seconds: 0,
        seed: 1,
        processes: 2,
        threads: 0,
    };
    for pair in args.chunks(2) {
        let number = options::number(pair.get(1)?).and_then(|number| u64::try_from(number).ok())?;
        match &pair[0][..] {
            b"--seconds" if (1..=MOST_SECONDS).contains(&number) => storm.seconds = number,
            b"--seed" => storm.seed = number,
            b"--processes" if (1..=PROCESSES_MAX).contains(&number) => storm.processes = number,
            b"--threads" if (1..=faults::THREADS_MAX).contains(&number) => storm.threads = number,
            _ => return None,
        }
    }
    (storm.seconds != 0).then_some(storm)
}

/// The same for a file.
fn exercise_arguments(args: &[Vec<u8>]) -> Option<files::Exercise> {
    let mut exercise = files::Exercise {
        steps: 0,
        seed: 1,
        processes: 1,
        bytes: 256 << 10,
        path: Vec::new(),
    };
    for pair in args.chunks(2) {
        let value = pair.get(1)?;
        if pair[0] == b"--path" {
            exercise.path = value.clone();
            continue;
        }
        let number = options::number(value).and_then(|number| u64::try_from(number).ok())?;
        match &pair[0][..] {
            b"--files" | b"--marks" => exercise.steps = number,
            b"--seed" => exercise.seed = number,
            b"--processes" if (1..=files::PROCESSES_MAX).contains(&number) => {
                exercise.processes = number;
            }
            b"--bytes" if (1..=files::BYTES_MAX).contains(&number) => exercise.bytes = number,
            _ => return None,
        }
    }
    (exercise.steps != 0 && !exercise.path.is_empty()).then_some(exercise)
}

fn page_size() -> u64 {
    let mut size = 0usize;
    // SAFETY: a place for the size.
    unsafe { c::host_page_size(c::mach_host_self(), &mut size) };
    size as u64
}

fn pattern(seed: u64, at: u64) -> u8 {
    (at.wrapping_mul(31) ^ at >> 8 ^ seed ^ 0x5a) as u8
}

/// Memory at an address of our choice, or anywhere.
fn map(at: u64, bytes: u64, flags: i32) -> Result<*mut u8, &'static str> {
    // SAFETY: the addresses are far from everything else.
    let got = unsafe { c::mmap(at as *mut c_void, bytes as usize, PROT_RW, flags, -1, 0) };
    if got as isize == -1 {
        Err("no memory")
    } else {
        Ok(got.cast())
    }
}

/// Fills memory with a pattern of its own.
fn fill(memory: *mut u8, bytes: u64, seed: u64) {
    for at in 0..bytes {
        // SAFETY: the memory has so many bytes, and nobody refers to them.
        unsafe { memory.add(at as usize).write_volatile(pattern(seed, at)) };
    }
}

/// How many bytes are not what they were.
fn differences(memory: *const u8, bytes: u64, seed: u64) -> u64 {
    // SAFETY: the memory has so many bytes.
    let read = |at: u64| unsafe { memory.add(at as usize).read_volatile() };
    (0..bytes)
        .filter(|&at| read(at) != pattern(seed, at))
        .count() as u64
}

fn fork() -> Result<i32, &'static str> {
    // SAFETY: programs have one thread.
    match unsafe { c::fork() } {
        -1 => Err("cannot fork"),
        pid => Ok(pid),
    }
}

/// The wait status of any child, and which.
fn wait_any() -> (i32, i32) {
    let mut status = 0;
    // SAFETY: a place for the status; no usage is asked for.
    let pid = unsafe { c::wait4(-1, &mut status, 0, null_mut()) };
    (pid, status)
}

/// Runs everything in a child, so that this process stays as it is and counts before and after.
fn run(task: Task) -> Result<bool, &'static str> {
    // Once without calls: what the kernel and this process keep of it is there already.
    let nothing = Task { calls: 0, ..task };
    let (from, _) = direct_in_child(nothing)?;
    sys::close(from);
    let before = audit().ok_or("the audit found a difference before the first call")?;
    let (from, well) = direct_in_child(task)?;
    let leak = leaks(before);
    let mut line = sys::read_all(from).map_err(|_| "cannot read")?;
    line.extend_from_slice(leak.unwrap_or("nothing leaked").as_bytes());
    line.push(b'\n');
    sys::write(1, &line).map_err(|_| "cannot write")?;
    Ok(well && leak.is_none())
}

/// A pipe with what `direct` said, and whether all was well. The line is shorter than a pipe is long, so
/// that it need not be read, which takes memory, before this process is counted.
fn direct_in_child(task: Task) -> Result<(i32, bool), &'static str> {
    let (from, to) = sys::pipe().map_err(|_| "no pipe")?;
    let child = fork()?;
    if child == 0 {
        sys::close(from);
        let (line, well) = direct(task).unwrap_or_else(|what| (format!("stress: {what}; "), false));
        exit(i32::from(sys::write(to, line.as_bytes()).is_err() || !well));
    }
    sys::close(to);
    Ok((from, wait_any() == (child, 0)))
}

/// Starts victims and attackers, and sees them end. Answers a line, and whether all was well.
fn direct(task: Task) -> Result<(String, bool), &'static str> {
    let bytes = PAGES * task.page;
    let canary = map(CANARY, bytes, MAP_PRIVATE_FIXED)?;
    fill(canary, bytes, task.seed);
    let shared = map(0, task.page * task.processes, MAP_SHARED_ANON)?;
    let (hold, release) = sys::pipe().map_err(|_| "no pipe")?;
    // The shared memory of the victims is made by the first, which makes the second.
    let victim = fork()?;
    if victim == 0 {
        sys::close(release);
        exit(i32::from(!is_untouched(task, hold, 0)));
    }
    let mut callers = Vec::with_capacity(task.processes as usize);
    for process in 0..task.processes {
        callers.push(attack::start(task, process, shared)?);
    }
    let mut healthy = true;
    while let Some(done) = next_done(&mut callers, victim, &mut healthy) {
        let process = done.0;
        let at = progress_of(task, shared, process);
        // SAFETY: a page that is shared with the attacker, which has ended.
        let now = unsafe { &mut *at };
        if done.1 != 0 {
            // What it died of is the call that it was about to count.
            let (next, call) = (now.next, attack::call_of(task, process, now.next));
            complain(&format!(
                "stress: process {process} ended with wait status {} in its call {next}, {}",
                done.1, call.name
            ));
            now.counts.died += 1;
            now.next += 1;
        }
        if now.next < attack::share(task, process) {
            callers[process as usize] = attack::start(task, process, shared)?;
        }
    }
    sys::close(release);
    sys::close(hold);
    let changed = differences(canary, bytes, task.seed);
    if healthy {
        let (pid, status) = wait_any();
        healthy = pid == victim && status == 0;
    }
    let mut counts = Counts::NONE;
    for process in 0..task.processes {
        attack::forget_names(process);
        // SAFETY: as above.
        counts.add(unsafe { &(*progress_of(task, shared, process)).counts });
    }
    let whole = counts.total() == task.calls;
    if !whole {
        for process in 0..task.processes {
            // SAFETY: as above.
            let at = unsafe { &*progress_of(task, shared, process) };
            let (next, total) = (at.next, at.counts.total());
            complain(&format!(
                "stress: process {process} is at call {next} and has counted {total}"
            ));
        }
    }
    let verdict = match (healthy, changed, whole) {
        (false, ..) => "a victim's memory changed",
        (_, 1.., _) => "memory of this process changed",
        (_, _, false) => "calls were not counted",
        _ => "no byte changed",
    };
    let (seed, processes) = (task.seed, task.processes);
    let line = format!(
        "stress: {} (seed {seed}, {processes} processes); {verdict}, ",
        counts.line()
    );
    Ok((line, healthy && changed == 0 && whole))
}

/// A page for each process.
fn progress_of(task: Task, shared: *mut u8, process: u64) -> *mut Progress {
    // SAFETY: there are as many pages as processes.
    unsafe { shared.add((process * task.page) as usize).cast() }
}

/// Waits for an attacker to end: its number and its wait status. `None` when all have.
fn next_done(callers: &mut [i32], victim: i32, healthy: &mut bool) -> Option<(u64, i32)> {
    while callers.iter().any(|&pid| pid != 0) {
        let (pid, status) = wait_any();
        if pid < 0 {
            return None;
        }
        if pid == victim {
            *healthy = false;
        }
        if let Some(at) = callers.iter().position(|&caller| caller == pid) {
            callers[at] = 0;
            return Some((at as u64, status));
        }
    }
    None
}

/// A victim: fills memory, sleeps until nobody holds the pipe, and looks again.
fn is_untouched(task: Task, hold: i32, number: u64) -> bool {
    let bytes = PAGES * task.page;
    let own = task.seed + 1 + number;
    let Ok(private) = map(PRIVATE, bytes, MAP_PRIVATE_FIXED) else {
        return false;
    };
    fill(private, bytes, own);
    let Ok(shared) = map(0, bytes, MAP_SHARED_ANON) else {
        return false;
    };
    fill(shared, bytes, own);
    let next = if number + 1 < VICTIMS { fork() } else { Ok(-1) };
    match next {
        Ok(0) => exit(i32::from(
            !sleeps_well(task, hold, own, shared) || !is_untouched(task, hold, number + 1),
        )),
        Ok(other) => {
            let well = sleeps_well(task, hold, own, shared);
            let others = other < 0 || wait_any() == (other, 0);
            well && others
        }
        Err(_) => false,
    }
}

fn sleeps_well(task: Task, hold: i32, own: u64, shared: *mut u8) -> bool {
    let bytes = PAGES * task.page;
    let slept = sys::read(hold, &mut [0]).is_ok();
    let changed = differences(CANARY as *const u8, bytes, task.seed)
        + differences(PRIVATE as *const u8, bytes, own)
        + differences(shared, bytes, own);
    if changed != 0 {
        complain(&format!(
            "stress: a victim has {changed} bytes that changed"
        ));
    }
    slept && changed == 0
}

fn exit(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { c::_exit(status) }
}

/// What the audit counts: maps, entries, objects, pages, mappings. `None` if it finds a difference.
fn audit() -> Option<[u64; 5]> {
    let mut report = [0; 5];
    // SAFETY: room for the report.
    let code = unsafe { c::vellum_audit(report.as_mut_ptr()) };
    (code == 0).then_some(report)
}

/// How often what is too much is counted again, and how long to wait before, in nanoseconds.
const LOOKS: u32 = 50;
const BETWEEN: i64 = 10_000_000;

/// What is there now and was not before, or what the audit has found. Maps and objects are looked at:
/// entries are in maps, and the kernel's own map has some for each stack that it keeps. With several CPUs a
/// process that has been waited for may have left a shadow that the next fault merges: what is too much is
/// counted again for half a second.
fn leaks(before: [u64; 5]) -> Option<&'static str> {
    const MAPS: usize = 0;
    const OBJECTS: usize = 2;
    let mut look = 0;
    let after = loop {
        let Some(after) = audit() else {
            return Some("the audit found a difference");
        };
        let more = [MAPS, OBJECTS].iter().any(|&at| after[at] > before[at]);
        look += 1;
        if !more || look == LOOKS {
            break after;
        }
        let time = Timespec {
            sec: 0,
            nsec: BETWEEN,
        };
        // SAFETY: a time to read.
        unsafe { c::nanosleep(&time, null_mut()) };
    };
    for (at, what) in [(MAPS, "maps"), (OBJECTS, "objects")] {
        if after[at] > before[at] {
            complain(&format!(
                "stress: {what}: {} before, {} after",
                before[at], after[at]
            ));
            return Some("something leaked");
        }
    }
    None
}
