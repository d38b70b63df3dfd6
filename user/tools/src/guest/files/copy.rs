//! `cp` and `mv`.

use super::super::options::{Options, parse, program};
use super::super::out::{complain, fail};
use super::super::sys::{self, Answer};
use super::{call, join, last_name, remove};
use abi::Errno;
use abi::stat::Stat64;
use abi::stat::mode::{S_IFDIR, S_IFLNK, S_IFMT};
use abi::syscall::{O_CREAT, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY};
use abi::sysctl::Timeval;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(cp_main, cp);
program!(mv_main, mv);

/// Bytes that are read at once.
const PIECE: usize = 65536;

/// How a copy is made.
#[derive(Clone, Copy)]
struct How {
    tool: &'static str,
    /// Folders too, and links as links.
    deep: bool,
    /// With times and modes.
    exact: bool,
    /// What cannot be opened for writing is replaced.
    force: bool,
}

fn cp(args: &[Vec<u8>]) -> i32 {
    let Some((options, to)) = operands(args, b"Rrfpa") else {
        complain(
            "usage: cp [-R] [-fpa] source_file target_file\n       cp [-R] [-fpa] source_file ... target_directory",
        );
        return 64;
    };
    let how = How {
        tool: "cp",
        deep: options.has(b'R') || options.has(b'r') || options.has(b'a'),
        exact: options.has(b'p') || options.has(b'a'),
        force: options.has(b'f'),
    };
    to_each(&options, &to, how.tool, |from, to| copy(from, to, how))
}

fn mv(args: &[Vec<u8>]) -> i32 {
    let Some((options, to)) = operands(args, b"f") else {
        complain("usage: mv [-f] source target\n       mv [-f] source ... directory");
        return 64;
    };
    to_each(&options, &to, "mv", |from, to| {
        match call::rename(from, to) {
            Ok(()) => 0,
            Err(Errno::EXDEV) => {
                let how = How {
                    tool: "mv",
                    deep: true,
                    exact: true,
                    force: true,
                };
                match copy(from, to, how) {
                    0 => remove::tree("mv", from),
                    status => status,
                }
            }
            Err(error) => {
                let (from, to) = (String::from_utf8_lossy(from), String::from_utf8_lossy(to));
                complain(&format!(
                    "mv: rename {from} to {to}: {}",
                    sys::message(error)
                ));
                1
            }
        }
    })
}

/// The options with all operands but the last, and that one.
fn operands(args: &[Vec<u8>], letters: &[u8]) -> Option<(Options, Vec<u8>)> {
    let mut options = parse(args, letters).ok()?;
    let to = options.operands.pop()?;
    (!options.operands.is_empty()).then_some((options, to))
}

/// Calls `work` with every source and where it goes: into the target if that is a folder.
fn to_each(
    options: &Options,
    to: &[u8],
    tool: &str,
    mut work: impl FnMut(&[u8], &[u8]) -> i32,
) -> i32 {
    let into = call::is_folder(to);
    if !into && options.operands.len() > 1 {
        complain(&format!(
            "{tool}: {} is not a directory",
            String::from_utf8_lossy(to)
        ));
        return 1;
    }
    let mut status = 0;
    for from in &options.operands {
        let target = if into {
            join(to, last_name(from))
        } else {
            to.to_vec()
        };
        status |= work(from, &target);
    }
    status
}

/// Copies one file or tree; says what failed.
fn copy(from: &[u8], to: &[u8], how: How) -> i32 {
    let said = |path: &[u8], error| {
        fail(how.tool, path, error);
        1
    };
    let stat = match sys::stat(from, !how.deep) {
        Ok(stat) => stat,
        Err(error) => return said(from, error),
    };
    if let Ok(there) = sys::stat(to, true)
        && (there.dev, there.ino) == (stat.dev, stat.ino)
    {
        let (from, to) = (String::from_utf8_lossy(from), String::from_utf8_lossy(to));
        complain(&format!(
            "{}: {to} and {from} are identical (not copied).",
            how.tool
        ));
        return 1;
    }
    match stat.mode & S_IFMT {
        S_IFDIR if how.deep => return copy_folder(from, to, &stat, how),
        S_IFDIR => {
            complain(&format!(
                "{}: {} is a directory (not copied).",
                how.tool,
                String::from_utf8_lossy(from)
            ));
            return 1;
        }
        S_IFLNK => {
            let done = sys::read_link(from).and_then(|target| {
                if how.force {
                    let _ = call::unlink(to);
                }
                call::symlink(&target, to)
            });
            return done.map_or_else(|error| said(to, error), |()| 0);
        }
        _ => {}
    }
    let source = match sys::open(from, O_RDONLY, 0) {
        Ok(source) => source,
        Err(error) => return said(from, error),
    };
    let done = copy_file(source, to, &stat, how);
    sys::close(source);
    match done {
        Ok(()) => 0,
        Err((Side::Source, error)) => said(from, error),
        Err((Side::Target, error)) => said(to, error),
    }
}

/// Which of the two files failed.
enum Side {
    Source,
    Target,
}

fn copy_file(source: i32, to: &[u8], stat: &Stat64, how: How) -> Result<(), (Side, Errno)> {
    let target = |error| (Side::Target, error);
    let mode = u32::from(stat.mode & 0o777);
    let fd = match sys::open(to, O_WRONLY | O_CREAT | O_TRUNC, mode) {
        Err(_) if how.force && call::unlink(to).is_ok() => {
            sys::open(to, O_WRONLY | O_CREAT | O_EXCL, mode)
        }
        opened => opened,
    }
    .map_err(target)?;
    let done = pour(source, fd);
    sys::close(fd);
    done?;
    if how.exact {
        keep(to, stat).map_err(target)
    } else {
        Ok(())
    }
}

fn pour(source: i32, fd: i32) -> Result<(), (Side, Errno)> {
    let mut buffer = alloc::vec![0; PIECE];
    loop {
        match sys::read(source, &mut buffer).map_err(|error| (Side::Source, error))? {
            0 => return Ok(()),
            n => sys::write(fd, &buffer[..n]).map_err(|error| (Side::Target, error))?,
        }
    }
}

/// Gives a copy its original's mode and times.
fn keep(to: &[u8], stat: &Stat64) -> Answer<()> {
    let time = |time: abi::stat::Timespec| Timeval {
        sec: time.sec,
        usec: (time.nsec / 1000) as i32,
        pad: 0,
    };
    call::set_times(to, Some([time(stat.atime), time(stat.mtime)]))?;
    call::chmod(to, stat.mode & 0o7777)
}

fn copy_folder(from: &[u8], to: &[u8], stat: &Stat64, how: How) -> i32 {
    const USABLE: u16 = 0o700;
    match call::mkdir(to, stat.mode & 0o777 | USABLE) {
        Err(Errno::EEXIST) if call::is_folder(to) => {}
        Err(error) => {
            fail(how.tool, to, error);
            return 1;
        }
        Ok(()) => {}
    }
    let names = match sys::names(from) {
        Ok(names) => names,
        Err(error) => {
            fail(how.tool, from, error);
            return 1;
        }
    };
    let mut status = 0;
    for name in names.iter().filter(|name| *name != b"." && *name != b"..") {
        status |= copy(&join(from, name), &join(to, name), how);
    }
    let done = if how.exact {
        keep(to, stat)
    } else {
        call::chmod(to, stat.mode & 0o777 & !call::mask())
    };
    if let Err(error) = done {
        fail(how.tool, to, error);
        status = 1;
    }
    status
}
