//! `head` and `tail`.

use super::options::{Options, number, parse, program};
use super::out::{Out, complain, fail};
use super::sys;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(head_main, head);
program!(tail_main, tail);

/// Lines shown without `-n`.
const DEFAULT: usize = 10;

fn head(args: &[Vec<u8>]) -> i32 {
    run("head", args, |bytes, count| {
        let end = bytes
            .split_inclusive(|&byte| byte == b'\n')
            .take(count)
            .map(<[u8]>::len)
            .sum();
        &bytes[..end]
    })
}

fn tail(args: &[Vec<u8>]) -> i32 {
    run("tail", args, |bytes, count| {
        let lines = bytes.split_inclusive(|&byte| byte == b'\n');
        let all = lines.clone().count();
        let start: usize = lines.take(all.saturating_sub(count)).map(<[u8]>::len).sum();
        &bytes[start..]
    })
}

/// `-20` is `-n 20`.
fn short_form(args: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut args = args.to_vec();
    let is_count =
        |arg: &Vec<u8>| arg.len() > 1 && arg[0] == b'-' && arg[1..].iter().all(u8::is_ascii_digit);
    if args.first().is_some_and(is_count) {
        args[0].remove(0);
        args.insert(0, b"-n".to_vec());
    }
    args
}

fn count(options: &Options) -> Option<usize> {
    match options.value(b'n') {
        None => Some(DEFAULT),
        Some(text) => number(text).and_then(|count| usize::try_from(count).ok()),
    }
}

fn run(tool: &str, args: &[Vec<u8>], part: impl Fn(&[u8], usize) -> &[u8]) -> i32 {
    let parsed = parse(&short_form(args), b"n:");
    let Some((options, count)) = parsed
        .ok()
        .and_then(|options| count(&options).map(|count| (options, count)))
    else {
        complain(&format!("usage: {tool} [-n lines] [file ...]"));
        return 1;
    };
    let mut status = 0;
    let mut out = Out::new();
    if options.operands.is_empty() {
        match if tool == "head" {
            read_lines(count)
        } else {
            sys::read_all(0)
        } {
            Ok(bytes) => out.bytes(part(&bytes, count)),
            Err(error) => {
                fail(tool, b"stdin", error);
                status = 1;
            }
        }
    }
    for (index, file) in options.operands.iter().enumerate() {
        let bytes = sys::open(file, 0, 0).and_then(|fd| {
            let bytes = sys::read_all(fd);
            sys::close(fd);
            bytes
        });
        match bytes {
            Ok(bytes) => {
                if options.operands.len() > 1 {
                    let gap = if index == 0 { "" } else { "\n" };
                    out.bytes(
                        format!("{gap}==> {} <==\n", String::from_utf8_lossy(file)).as_bytes(),
                    );
                }
                out.bytes(part(&bytes, count));
            }
            Err(error) => {
                fail(tool, file, error);
                status = 1;
            }
        }
    }
    if out.flush() { status } else { 1 }
}

/// Reads standard input until it has `count` lines, so that an endless writer can be cut short.
fn read_lines(count: usize) -> sys::Answer<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    let mut lines = 0;
    while lines < count {
        let n = sys::read(0, &mut buffer)?;
        if n == 0 {
            break;
        }
        lines += buffer[..n].iter().filter(|byte| **byte == b'\n').count();
        all.extend_from_slice(&buffer[..n]);
    }
    Ok(all)
}
