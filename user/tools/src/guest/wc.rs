//! `wc`.

use super::options::{parse, program};
use super::out::{Out, complain, fail};
use super::sys;
use alloc::format;
use alloc::vec::Vec;

program!(wc_main, wc);

/// Lines, words and bytes.
fn count(bytes: &[u8]) -> [usize; 3] {
    let words = bytes
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .count();
    [
        bytes.iter().filter(|byte| **byte == b'\n').count(),
        words,
        bytes.len(),
    ]
}

fn wc(args: &[Vec<u8>]) -> i32 {
    let Ok(options) = parse(args, b"lwc") else {
        complain("usage: wc [-clw] [file ...]");
        return 1;
    };
    let all = !(options.has(b'l') || options.has(b'w') || options.has(b'c'));
    let shown = [b'l', b'w', b'c'].map(|letter| all || options.has(letter));
    let mut out = Out::new();
    let mut line = |counts: [usize; 3], name: &[u8]| {
        for (count, _) in counts.iter().zip(shown).filter(|pair| pair.1) {
            out.bytes(format!(" {count:>7}").as_bytes());
        }
        if !name.is_empty() {
            out.bytes(b" ");
            out.bytes(name);
        }
        out.bytes(b"\n");
    };
    let mut status = 0;
    let mut total = [0; 3];
    if options.operands.is_empty() {
        match sys::read_all(0) {
            Ok(bytes) => line(count(&bytes), b""),
            Err(error) => {
                fail("wc", b"stdin", error);
                status = 1;
            }
        }
    }
    for file in &options.operands {
        let bytes = sys::open(file, 0, 0).and_then(|fd| {
            let bytes = sys::read_all(fd);
            sys::close(fd);
            bytes
        });
        match bytes {
            Ok(bytes) => {
                let counts = count(&bytes);
                for (sum, count) in total.iter_mut().zip(counts) {
                    *sum += count;
                }
                line(counts, file);
            }
            Err(error) => {
                fail("wc", file, error);
                status = 1;
            }
        }
    }
    if options.operands.len() > 1 {
        line(total, b"total");
    }
    status
}
