//! `pagesize`.

use super::options::{parse, program};
use super::out::{complain, print};
use super::sys;
use alloc::format;
use alloc::vec::Vec;

program!(pagesize_main, pagesize);

fn pagesize(args: &[Vec<u8>]) -> i32 {
    let json = match parse(args, b"") {
        Ok(options) if options.operands.is_empty() => options.json,
        _ => {
            complain("usage: pagesize [--json]");
            return 1;
        }
    };
    match sys::sysctl_number("hw.pagesize") {
        Some(size) if json => print(&format!("{{\"page_size\":{size}}}\n")),
        Some(size) => print(&format!("{size}\n")),
        None => {
            complain(&format!(
                "pagesize: hw.pagesize: {}",
                sys::message(sys::errno())
            ));
            1
        }
    }
}
