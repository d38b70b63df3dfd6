//! `rm` and `rmdir`.

use super::super::options::{parse, program};
use super::super::out::{complain, fail};
use super::super::sys;
use super::{call, each, join, last_name};
use abi::Errno;
use abi::stat::mode::{S_IFDIR, S_IFMT};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(rm_main, rm);
program!(rmdir_main, rmdir);

fn rm(args: &[Vec<u8>]) -> i32 {
    let usage = "usage: rm [-f] [-dRrv] file ...";
    let Ok(options) = parse(args, b"fdRrv") else {
        complain(usage);
        return 64;
    };
    let (force, deep) = (options.has(b'f'), options.has(b'R') || options.has(b'r'));
    if options.operands.is_empty() && !force {
        complain(usage);
        return 64;
    }
    let mut status = 0;
    for path in &options.operands {
        let name = last_name(path);
        if name == b"." || name == b".." {
            complain("rm: \".\" and \"..\" may not be removed");
            status = 1;
            continue;
        }
        if name.is_empty() && !path.is_empty() {
            complain("rm: \"/\" may not be removed");
            status = 1;
            continue;
        }
        let removed = match sys::stat(path, false) {
            Err(Errno::ENOENT) if force => continue,
            Err(error) => {
                fail("rm", path, error);
                1
            }
            Ok(stat) if stat.mode & S_IFMT == S_IFDIR => {
                if deep {
                    tree("rm", path)
                } else if options.has(b'd') {
                    each("rm", core::slice::from_ref(path), call::rmdir)
                } else {
                    complain(&format!(
                        "rm: {}: is a directory",
                        String::from_utf8_lossy(path)
                    ));
                    1
                }
            }
            Ok(_) => each("rm", core::slice::from_ref(path), call::unlink),
        };
        if removed == 0 && options.has(b'v') {
            status |= super::super::out::print(&format!("{}\n", String::from_utf8_lossy(path)));
        }
        status |= removed;
    }
    status
}

/// Removes a file or a folder with all that is in it; says what failed.
pub fn tree(tool: &str, path: &[u8]) -> i32 {
    let said = |error| {
        fail(tool, path, error);
        1
    };
    let is_folder = match sys::stat(path, false) {
        Ok(stat) => stat.mode & S_IFMT == S_IFDIR,
        Err(error) => return said(error),
    };
    if !is_folder {
        return call::unlink(path).map_or_else(said, |()| 0);
    }
    let names = match sys::names(path) {
        Ok(names) => names,
        Err(error) => return said(error),
    };
    let mut status = 0;
    for name in names.iter().filter(|name| *name != b"." && *name != b"..") {
        status |= tree(tool, &join(path, name));
    }
    if status == 0 {
        call::rmdir(path).map_or_else(said, |()| 0)
    } else {
        status
    }
}

fn rmdir(args: &[Vec<u8>]) -> i32 {
    match parse(args, b"") {
        Ok(options) if !options.operands.is_empty() => {
            each("rmdir", &options.operands, call::rmdir)
        }
        _ => {
            complain("usage: rmdir directory ...");
            64
        }
    }
}
