//! `grep` for fixed texts and the common patterns `. * ^ $ [ ]`.

use super::options::{parse, program};
use super::out::{Out, complain, fail};
use super::sys;
use crate::pattern::Pattern;
use alloc::format;
use alloc::vec::Vec;

program!(grep_main, grep);

fn grep(args: &[Vec<u8>]) -> i32 {
    let Ok(options) = parse(args, b"cEFinqvhlx") else {
        complain("usage: grep [-ceFhilnqvx] pattern [file ...]");
        return 2;
    };
    let Some((pattern, files)) = options.operands.split_first() else {
        complain("usage: grep [-cFhilnqvx] pattern [file ...]");
        return 2;
    };
    let pattern = Pattern::new(
        pattern,
        options.has(b'F'),
        options.has(b'i'),
        options.has(b'x'),
    );
    let stdin = [b"-".to_vec()];
    let named = files.len() > 1 && !options.has(b'h');
    let files = if files.is_empty() { &stdin[..] } else { files };
    let mut out = Out::new();
    let (mut found, mut failed) = (false, false);
    for file in files {
        let bytes = if file == b"-" {
            sys::read_all(0)
        } else {
            sys::open(file, 0, 0).and_then(|fd| {
                let bytes = sys::read_all(fd);
                sys::close(fd);
                bytes
            })
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                fail("grep", file, error);
                failed = true;
                continue;
            }
        };
        let prefix = |out: &mut Out| {
            if named {
                out.bytes(file);
                out.bytes(b":");
            }
        };
        let mut count = 0;
        for (number, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            if pattern.matches(line) == options.has(b'v') {
                continue;
            }
            found = true;
            count += 1;
            if options.has(b'q') {
                return 0;
            }
            if options.has(b'c') || options.has(b'l') {
                continue;
            }
            prefix(&mut out);
            if options.has(b'n') {
                out.bytes(format!("{}:", number + 1).as_bytes());
            }
            out.bytes(line);
            out.bytes(b"\n");
        }
        if options.has(b'l') && count != 0 {
            out.bytes(file);
            out.bytes(b"\n");
        } else if options.has(b'c') && !options.has(b'l') {
            prefix(&mut out);
            out.bytes(format!("{count}\n").as_bytes());
        }
    }
    out.flush();
    if failed { 2 } else { i32::from(!found) }
}
