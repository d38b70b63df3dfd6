//! One attacker: a process that calls, and its subject.
//!
//! Owns: what such a process has, and the loop of its calls. While memory is under attack nothing is
//! allocated and nothing is used that calls may take away: the context says what is the process's own.

use super::{
    CANARY, MAP_PRIVATE_FIXED, PAGES, PRIVATE, Progress, Task, exit, fork, map, progress_of,
};
use crate::guest::{c, sys};
use crate::stress::calls::{CALLS, Call, Class};
use crate::stress::value::{NAMES, prepare};
use crate::stress::{ADDRESS_WORD, Context, KEPT, NAME_WORD, OWN_MAX, Own, Random, SCRATCH_WORDS};
use abi::syscall::{O_RDONLY, O_RDWR};

/// Calls name descriptors below this one.
const DESCRIPTORS_END: i32 = 64;
/// How often others run before a subject is attacked.
const YIELDS: u32 = 64;
/// Calls after which a process is replaced by a fresh one.
const BATCH: u64 = 2000;
/// Memory that only the attacker has.
const ARENA: u64 = 0x3200_0000_0000;
/// Scratch memory ends where this page ends; the next one is nobody's.
const SCRATCH: u64 = 0x3300_0000_0000;
/// Children do not get it.
const VM_INHERIT_NONE: i32 = 2;
/// The signal that ends a subject.
const SIGKILL: i32 = 9;
/// How many of the calls are this process's.
pub fn share(task: Task, process: u64) -> u64 {
    task.calls / task.processes + u64::from(process < task.calls % task.processes)
}

/// Starts a process that goes on with the calls.
pub fn start(task: Task, process: u64, shared: *mut u8) -> Result<i32, &'static str> {
    let pid = fork()?;
    if pid == 0 {
        let done = attack(task, process, shared);
        exit(i32::from(done.is_err()));
    }
    Ok(pid)
}

/// The letter of a process in the names that it makes.
fn letter(process: u64) -> u8 {
    b'A' + process as u8
}

/// Takes the names away that a process has made.
pub fn forget_names(process: u64) {
    for name in 0..NAMES {
        let name = [
            b'/',
            b's',
            b't',
            b'r',
            b'e',
            b's',
            letter(process),
            b'a' + name as u8,
            0,
        ];
        // SAFETY: a C string.
        unsafe { c::shm_unlink(name.as_ptr().cast()) };
    }
}

fn attack(task: Task, process: u64, shared: *mut u8) -> Result<(), &'static str> {
    let zero = sys::open(b"/dev/zero", O_RDWR, 0).map_err(|_| "no /dev/zero")?;
    for number in 0..3 {
        sys::dup2(zero, number).map_err(|_| "no descriptor")?;
    }
    for number in 3..DESCRIPTORS_END {
        sys::close(number);
    }
    // Descriptor 3.
    sys::open(b"/etc/motd", O_RDONLY, 0).map_err(|_| "no file")?;
    let scratch = map(SCRATCH, 2 * task.page, MAP_PRIVATE_FIXED)?;
    // SAFETY: the second page was just mapped; it keeps all other memory away from the first one's end.
    if unsafe {
        c::mprotect(
            scratch.add(task.page as usize).cast(),
            task.page as usize,
            0,
        )
    } != 0
    {
        return Err("no guard");
    }
    // SAFETY: the end of a page that was just mapped.
    let scratch = unsafe { scratch.add(task.page as usize - 8 * SCRATCH_WORDS) }.cast::<u64>();
    let mut context = Context {
        process: letter(process),
        page: task.page,
        hot: [CANARY, PRIVATE, ARENA, ARENA + PAGES / 2 * task.page],
        answered: [ARENA; KEPT],
        me: 0,
        subject: 0,
        host: 0,
        names: [0; KEPT],
        scratch: scratch as u64,
        own: [Own::default(); OWN_MAX],
        own_count: 0,
    };
    for at in [PRIVATE, ARENA] {
        map(at, PAGES * task.page, MAP_PRIVATE_FIXED)?;
    }
    // The subject must not have what is shared with others.
    let bytes = task.page * task.processes;
    // SAFETY: only what a child gets changes.
    if unsafe { c::minherit(shared.cast(), bytes as usize, VM_INHERIT_NONE) } != 0 {
        return Err("no inheritance");
    }
    // The subject ends when nobody holds the pipe any more, whatever ended this process.
    let (wait, hold) = sys::pipe().map_err(|_| "no pipe")?;
    let above = |fd| sys::duplicate_above(fd, DESCRIPTORS_END).map_err(|_| "no descriptor");
    let (wait, hold) = (above(wait)?, above(hold)?);
    for number in 4..DESCRIPTORS_END {
        sys::close(number);
    }
    let subject = fork()?;
    if subject == 0 {
        sys::close(hold);
        exit(i32::from(sys::read(wait, &mut [0]).is_err()));
    }
    // It sleeps before its memory is attacked.
    for _ in 0..YIELDS {
        // SAFETY: no memory is involved.
        unsafe { c::sched_yield() };
    }
    let mut port = 0;
    // SAFETY: a place for the port.
    unsafe {
        context.me = u64::from(c::mach_task_self());
        context.host = u64::from(c::mach_host_self());
        if c::task_for_pid(c::mach_task_self(), subject, &mut port) != 0 {
            return Err("no port of the subject");
        }
    }
    context.subject = u64::from(port);
    protect(&mut context);
    // SAFETY: a page that only this process writes while it lives.
    let progress = unsafe { &mut *progress_of(task, shared, process) };
    let end = share(task, process).min(progress.next + BATCH);
    while progress.next < end {
        one(task, process, progress, &mut context, scratch);
        progress.next += 1;
    }
    // SAFETY: our own child.
    unsafe {
        c::kill(subject, SIGKILL);
        c::wait4(subject, core::ptr::null_mut(), 0, core::ptr::null_mut());
    }
    Ok(())
}

/// Remembers every region that is there and not to be attacked.
fn protect(context: &mut Context) {
    let (mut address, mut size, mut depth) = (0u64, 0u64, 0u32);
    let mut record = [0i32; 19];
    while context.own_count < OWN_MAX {
        let mut count = record.len() as u32;
        // SAFETY: places for the answers.
        let code = unsafe {
            c::mach_vm_region_recurse(
                context.me as u32,
                &mut address,
                &mut size,
                &mut depth,
                record.as_mut_ptr(),
                &mut count,
            )
        };
        if code != 0 {
            return;
        }
        if ![CANARY, PRIVATE, ARENA]
            .iter()
            .any(|&hot| (hot..hot + PAGES * context.page).contains(&address))
        {
            context.own[context.own_count] = Own {
                start: address,
                end: address + size,
            };
            context.own_count += 1;
        }
        address += size;
    }
}

/// The call that a process makes at an index.
pub fn call_of(task: Task, process: u64, index: u64) -> &'static Call {
    which(&mut Random::of(task.seed, process, index))
}

fn which(random: &mut Random) -> &'static Call {
    &CALLS[random.below(CALLS.len() as u64) as usize]
}

/// One call, counted.
fn one(
    task: Task,
    process: u64,
    progress: &mut Progress,
    context: &mut Context,
    scratch: *mut u64,
) {
    let mut random = Random::of(task.seed, process, progress.next);
    let call = which(&mut random);
    let Some(made) = prepare(call, &mut random, context) else {
        progress.counts.left_out += 1;
        return;
    };
    // SAFETY: scratch memory is this process's own, and has so many words; what the call does to other
    // memory of the process is what it is made for.
    let (code, address, name) = unsafe {
        scratch.copy_from_nonoverlapping(made.words.as_ptr(), SCRATCH_WORDS);
        let mut result = 0;
        let code = match call.class {
            Class::Unix => c::vellum_unix(call.number, &made.args, &mut result),
            Class::Mach => c::vellum_mach(call.number, &made.args),
        };
        let address = if result == 0 {
            scratch.add(ADDRESS_WORD).read_volatile()
        } else {
            result
        };
        (code, address, scratch.add(NAME_WORD).read_volatile())
    };
    progress.counts.count(call.class, code);
    if code == 0 && address > context.page {
        context.keep_address(&mut random, address);
        context.keep_name(&mut random, name & 0xffff_ffff);
    }
}
