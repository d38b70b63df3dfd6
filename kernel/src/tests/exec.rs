//! Programs that are none: damaged Mach-O files, scripts without an interpreter, wrong processors.
//!
//! Owns: files made of a real program with something broken in it. Whatever comes of them, it is an errno
//! or the end of that program, and nothing is left behind.

use super::programs::start;
use super::rig::{Rig, sleep};
use super::{Outcome, check, same, tests};
use crate::files::pipe::pipe;
use crate::files::{self, tree};
use crate::task::life::{self, Patience, Waited, Whom};
use crate::task::table::{Pid, Stops};
use crate::vfs::{New, What};
use abi::Errno;
use abi::syscall::signal::SIGKILL;
use alloc::vec;
use alloc::vec::Vec;

tests!("exec":
    what_is_no_program_has_its_errno,
    a_truncated_program_is_refused,
    damaged_load_commands_are_refused_or_die,
    a_missing_interpreter_is_an_error,
);

/// How long a damaged program may run, in nanoseconds: some loop for ever.
const PATIENCE: u64 = 300_000_000;

/// The bytes of a program that works.
fn good() -> Result<Vec<u8>, Errno> {
    let file = tree().at(b"/bin/true")?;
    let mut bytes = vec![0; file.size() as usize];
    file.read(0, &mut bytes)?;
    Ok(bytes)
}

/// Starts a file with these bytes. Answers how it ended, or why it did not begin.
fn try_file(rig: &Rig<'_>, bytes: &[u8]) -> Outcome<Result<u32, Errno>> {
    let path: &[u8] = b"/tmp/damaged";
    let file = files::create(path, &New::of_root(What::File, 0o755))?;
    file.write(Some(0), bytes)?;
    let (read, write) = pipe()?;
    let started = start(rig, path, &[path], write);
    drop(read);
    let ended = started.map(|pid| end(rig, pid));
    tree().unlink(&files::parent(path)?)?;
    Ok(ended)
}

/// Waits for a process; kills it when it takes too long.
fn end(rig: &Rig<'_>, pid: Pid) -> u32 {
    let until = arch::timer::now() + PATIENCE;
    loop {
        match life::wait(rig.task, Whom::One(pid), Patience::Hurry, Stops::Ignore) {
            Ok(Some(Waited::Dead { status, .. })) => return status,
            Ok(_) if arch::timer::now() > until => {
                if let Some(task) = life::find(pid) {
                    task.request_exit(SIGKILL);
                }
                sleep(1_000_000);
            }
            Ok(_) => sleep(200_000),
            Err(_) => return SIGKILL,
        }
    }
}

fn what_is_no_program_has_its_errno(rig: &mut Rig<'_>) -> Outcome {
    let program = good()?;
    same!(try_file(rig, &program)?, Ok(0));
    same!(try_file(rig, b"")?, Err(Errno::ENOEXEC));
    same!(
        try_file(rig, b"no program at all, but long enough to be one")?,
        Err(Errno::ENOEXEC)
    );
    same!(try_file(rig, &[0; 4096])?, Err(Errno::ENOEXEC));
    let with = |at: usize, word: u32| {
        let mut bytes = program.clone();
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        bytes
    };
    // The magic of 32 bits, another processor, a library, more commands than there is file.
    same!(try_file(rig, &with(0, 0xfeed_face))?, Err(Errno::EBADARCH));
    same!(try_file(rig, &with(4, 0x0100_0012))?, Err(Errno::EBADARCH));
    check!(try_file(rig, &with(12, 6))?.is_err());
    check!(try_file(rig, &with(20, u32::MAX))?.is_err());
    check!(try_file(rig, &with(16, u32::MAX))?.is_err());
    // A folder, and a file that nobody may execute.
    let (_read, write) = pipe()?;
    check!(start(rig, b"/bin", &[b"bin"], write).is_err());
    let (_read, write) = pipe()?;
    same!(
        start(rig, b"/bin/no-such-program", &[b"no"], write),
        Err(Errno::ENOENT)
    );
    Ok(())
}

fn a_truncated_program_is_refused(rig: &mut Rig<'_>) -> Outcome {
    let program = good()?;
    let commands =
        32 + u32::from_le_bytes([program[20], program[21], program[22], program[23]]) as usize;
    for length in [4, 31, 32, 33, commands / 2, commands - 1, commands] {
        let got = try_file(rig, &program[..length])?;
        check!(got.is_err(), "{length} bytes end with {got:?}");
    }
    for _ in 0..20 {
        let length = commands + rig.below((program.len() - commands) as u64) as usize;
        let got = try_file(rig, &program[..length])?;
        check!(
            got.is_err(),
            "{length} bytes of {} end with {got:?}",
            program.len()
        );
    }
    Ok(())
}

fn damaged_load_commands_are_refused_or_die(rig: &mut Rig<'_>) -> Outcome {
    let program = good()?;
    let commands =
        32 + u32::from_le_bytes([program[20], program[21], program[22], program[23]]) as usize;
    check!(commands < program.len());
    let (mut refused, mut ran) = (0, 0);
    for _ in 0..150 {
        let mut bytes = program.clone();
        for _ in 0..1 + rig.below(3) {
            let at = rig.below(commands as u64 / 4) as usize * 4;
            let word = match rig.below(5) {
                0 => u32::MAX,
                1 => 0,
                2 => 0x8000_0000,
                3 => rig.below(1 << 32) as u32,
                _ => {
                    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
                        ^ 1 << rig.below(32)
                }
            };
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        match try_file(rig, &bytes)? {
            Ok(_) => ran += 1,
            Err(error) => {
                refused += 1;
                let known = [
                    Errno::ENOEXEC,
                    Errno::EBADARCH,
                    Errno::EBADMACHO,
                    Errno::EBADEXEC,
                    Errno::ENOMEM,
                ];
                check!(known.contains(&error), "refused with {error:?}");
            }
        }
        rig.settle()?;
    }
    check!(refused > 10 && ran > 0, "{refused} refused, {ran} ran");
    Ok(())
}

fn a_missing_interpreter_is_an_error(rig: &mut Rig<'_>) -> Outcome {
    same!(try_file(rig, b"#!/bin/nothing\n")?, Err(Errno::ENOENT));
    same!(try_file(rig, b"#!/bin/true\n")?, Ok(0));
    check!(try_file(rig, b"#!/tmp/damaged\n")?.is_err());
    check!(try_file(rig, b"#!")?.is_err());
    let mut long = vec![b'x'; 5000];
    long[..3].copy_from_slice(b"#!/");
    check!(try_file(rig, &long)?.is_err());
    Ok(())
}
