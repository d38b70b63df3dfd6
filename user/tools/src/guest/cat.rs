//! `cat`.

use super::options::{parse, program};
use super::out::{Out, complain, fail};
use super::sys;
use alloc::format;
use alloc::vec::Vec;

program!(cat_main, cat);

fn cat(args: &[Vec<u8>]) -> i32 {
    let Ok(options) = parse(args, b"n") else {
        complain("usage: cat [-n] [file ...]");
        return 1;
    };
    let mut status = 0;
    let mut line = 1;
    let stdin = [b"-".to_vec()];
    let files = if options.operands.is_empty() {
        &stdin[..]
    } else {
        &options.operands[..]
    };
    for file in files {
        let fd = if file == b"-" {
            0
        } else {
            match sys::open(file, 0, 0) {
                Ok(fd) => fd,
                Err(error) => {
                    fail("cat", file, error);
                    status = 1;
                    continue;
                }
            }
        };
        if let Err(error) = copy(fd, options.has(b'n').then_some(&mut line)) {
            fail("cat", file, error);
            status = 1;
        }
        if fd != 0 {
            sys::close(fd);
        }
    }
    status
}

/// Copies `fd` to standard output, with line numbers if there is a counter.
fn copy(fd: i32, line: Option<&mut u32>) -> sys::Answer<()> {
    let Some(line) = line else {
        let mut buffer = alloc::vec![0; 16384];
        loop {
            match sys::read(fd, &mut buffer)? {
                0 => return Ok(()),
                n => sys::write(1, &buffer[..n])?,
            }
        }
    };
    let all = sys::read_all(fd)?;
    let mut out = Out::new();
    for text in all.split_inclusive(|&byte| byte == b'\n') {
        out.bytes(format!("{line:>6}\t").as_bytes());
        out.bytes(text);
        *line += 1;
    }
    Ok(())
}
