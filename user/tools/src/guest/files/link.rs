//! `ln`.

use super::super::options::{parse, program};
use super::super::out::{complain, fail};
use super::{call, join, last_name};
use alloc::vec::Vec;

program!(ln_main, ln);

fn ln(args: &[Vec<u8>]) -> i32 {
    let usage = "usage: ln [-s] [-f] source_file [target_file]\n       ln [-s] [-f] source_file ... target_dir";
    let Ok(options) = parse(args, b"sfh") else {
        complain(usage);
        return 64;
    };
    let (sources, target) = match &options.operands[..] {
        [] => {
            complain(usage);
            return 64;
        }
        [source] => (core::slice::from_ref(source), b".".to_vec()),
        [sources @ .., target] => (sources, target.clone()),
    };
    let into = call::is_folder(&target) && !options.has(b'h');
    if !into && sources.len() > 1 {
        complain(usage);
        return 64;
    }
    let mut status = 0;
    for source in sources {
        let path = if into {
            join(&target, last_name(source))
        } else {
            target.clone()
        };
        if options.has(b'f') {
            let _ = call::unlink(&path);
        }
        let done = if options.has(b's') {
            call::symlink(source, &path)
        } else {
            call::link(source, &path)
        };
        if let Err(error) = done {
            let at = if options.has(b's') { &path } else { source };
            fail("ln", at, error);
            status = 1;
        }
    }
    status
}
