//! `chmod`.

use super::super::options::program;
use super::super::out::{complain, fail};
use super::super::sys::{self, Answer};
use super::{call, join};
use crate::mode::change;
use abi::stat::mode::{S_IFDIR, S_IFLNK, S_IFMT};
use alloc::string::String;
use alloc::vec::Vec;

program!(chmod_main, chmod);

fn chmod(args: &[Vec<u8>]) -> i32 {
    // A mode may begin with `-`, so the options are looked for by hand.
    let (deep, args) = match args.split_first() {
        Some((first, rest)) if first == b"-R" => (true, rest),
        _ => (false, args),
    };
    let Some((mode, files)) = args.split_first().filter(|(_, files)| !files.is_empty()) else {
        complain("usage: chmod [-R] mode file ...");
        return 1;
    };
    let mode = String::from_utf8_lossy(mode).into_owned();
    if change(&mode, 0, false, 0).is_none() {
        complain(&alloc::format!("chmod: Invalid file mode: {mode}"));
        return 1;
    }
    let mut status = 0;
    for path in files {
        status |= set(path, &mode, deep);
    }
    status
}

fn set(path: &[u8], mode: &str, deep: bool) -> i32 {
    let is_folder = match one(path, mode, deep) {
        Ok(is_folder) => is_folder,
        Err(error) => {
            fail("chmod", path, error);
            return 1;
        }
    };
    if !deep || !is_folder {
        return 0;
    }
    match sys::names(path) {
        Ok(names) => names
            .iter()
            .filter(|name| *name != b"." && *name != b"..")
            .fold(0, |status, name| {
                status | set(&join(path, name), mode, deep)
            }),
        Err(error) => {
            fail("chmod", path, error);
            1
        }
    }
}

/// Answers whether it is a folder.
fn one(path: &[u8], mode: &str, deep: bool) -> Answer<bool> {
    let stat = sys::stat(path, !deep)?;
    let kind = stat.mode & S_IFMT;
    if kind != S_IFLNK
        && let Some(new) = change(mode, stat.mode, kind == S_IFDIR, call::mask())
    {
        call::chmod(path, new)?;
    }
    Ok(kind == S_IFDIR)
}
