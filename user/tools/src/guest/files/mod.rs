//! The tools that make, move and describe files and file systems.
//!
//! Owns: what they understand and print. Does not own: the calls (`call`), the grammar of modes (`crate::mode`).

mod call;
mod chmod;
mod copy;
mod dd;
mod df;
mod link;
mod make;
mod mount;
mod remove;
mod stat;
mod touch;

use super::out::fail;
use super::sys::Answer;
use alloc::vec::Vec;

/// Does something with every operand, and complains where it fails. Answers the exit code.
fn each(tool: &str, operands: &[Vec<u8>], mut work: impl FnMut(&[u8]) -> Answer<()>) -> i32 {
    let mut status = 0;
    for path in operands {
        if let Err(error) = work(path) {
            fail(tool, path, error);
            status = 1;
        }
    }
    status
}

/// A path's last name.
fn last_name(path: &[u8]) -> &[u8] {
    let end = path
        .iter()
        .rposition(|&byte| byte != b'/')
        .map_or(0, |at| at + 1);
    let start = path[..end].iter().rposition(|&byte| byte == b'/');
    &path[start.map_or(0, |at| at + 1)..end]
}

/// `folder/name`.
fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if folder.ends_with(b"/") { b"" } else { b"/" };
    [folder, slash, name].concat()
}
