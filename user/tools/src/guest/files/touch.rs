//! `touch`.

use super::super::options::{parse, program};
use super::super::out::complain;
use super::super::sys;
use super::{call, each};
use abi::Errno;
use abi::syscall::{O_CREAT, O_WRONLY};
use abi::sysctl::Timeval;
use alloc::vec::Vec;

program!(touch_main, touch);

fn touch(args: &[Vec<u8>]) -> i32 {
    let options = match parse(args, b"cr:") {
        Ok(options) if !options.operands.is_empty() => options,
        _ => {
            complain("usage: touch [-c] [-r file] file ...");
            return 1;
        }
    };
    let times = match options.value(b'r').map(|path| sys::stat(path, true)) {
        None => None,
        Some(Ok(stat)) => Some([stat.atime, stat.mtime].map(|time| Timeval {
            sec: time.sec,
            usec: (time.nsec / 1000) as i32,
            pad: 0,
        })),
        Some(Err(error)) => {
            super::super::out::fail("touch", options.value(b'r').unwrap_or_default(), error);
            return 1;
        }
    };
    each("touch", &options.operands, |path| {
        match call::set_times(path, times) {
            Err(Errno::ENOENT) if options.has(b'c') => Ok(()),
            Err(Errno::ENOENT) => {
                sys::close(sys::open(path, O_WRONLY | O_CREAT, 0o666)?);
                call::set_times(path, times)
            }
            done => done,
        }
    })
}
