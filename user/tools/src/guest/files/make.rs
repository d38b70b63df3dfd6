//! `mkdir` and `sync`.

use super::super::options::{parse, program};
use super::super::out::complain;
use super::super::sys::Answer;
use super::{call, each};
use crate::mode::change;
use abi::Errno;
use alloc::string::String;
use alloc::vec::Vec;

program!(mkdir_main, mkdir);
program!(sync_main, sync);

fn mkdir(args: &[Vec<u8>]) -> i32 {
    let usage = "usage: mkdir [-p] [-m mode] directory_name ...";
    let options = match parse(args, b"pm:") {
        Ok(options) if !options.operands.is_empty() => options,
        _ => {
            complain(usage);
            return 64;
        }
    };
    const DEFAULT: u16 = 0o777;
    let mode = match options.value(b'm') {
        None => None,
        Some(text) => {
            let text = String::from_utf8_lossy(text);
            let Some(mode) = change(&text, DEFAULT, true, call::mask()) else {
                complain(&alloc::format!("mkdir: invalid file mode: {text}"));
                return 64;
            };
            Some(mode)
        }
    };
    each("mkdir", &options.operands, |path| {
        let made = if options.has(b'p') {
            with_parents(path)
        } else {
            call::mkdir(path, DEFAULT)
        };
        made?;
        mode.map_or(Ok(()), |mode| call::chmod(path, mode))
    })
}

/// Makes a folder, and those it is in; those that are there already are left alone.
fn with_parents(path: &[u8]) -> Answer<()> {
    let ends = path
        .iter()
        .enumerate()
        .filter(|&(at, &byte)| byte == b'/' && at > 0)
        .map(|(at, _)| at);
    for end in ends.chain([path.len()]) {
        match call::mkdir(&path[..end], 0o777) {
            Err(Errno::EEXIST | Errno::EISDIR) if call::is_folder(&path[..end]) => {}
            made => made?,
        }
    }
    Ok(())
}

fn sync(_: &[Vec<u8>]) -> i32 {
    call::sync();
    0
}
