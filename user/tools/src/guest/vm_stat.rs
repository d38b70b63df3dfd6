//! `vm_stat`.

use super::options::{number, parse, program};
use super::out::{complain, print};
use super::{c, sys};
use crate::vm_stat::{ROWS, banner, row, snapshot, snapshot_json};
use abi::region::{HOST_VM_INFO64, HOST_VM_INFO64_COUNT, VmStatistics64};
use abi::stat::Timespec;
use alloc::format;
use alloc::vec::Vec;

program!(vm_stat_main, vm_stat);

fn usage() -> i32 {
    complain("usage: vm_stat [--json] [[-c count] interval]");
    1
}

/// The system's figures, or the Mach code of the failure.
pub fn statistics() -> Result<VmStatistics64, i32> {
    let mut statistics = VmStatistics64::default();
    let mut count = HOST_VM_INFO64_COUNT;
    // SAFETY: the record has `count` words.
    let code = unsafe {
        c::host_statistics64(
            c::mach_host_self(),
            HOST_VM_INFO64,
            (&raw mut statistics).cast(),
            &mut count,
        )
    };
    if code == 0 { Ok(statistics) } else { Err(code) }
}

/// Bytes of a page.
pub fn page_size() -> u64 {
    let mut size = 0;
    // SAFETY: the place is ours.
    unsafe { c::host_page_size(c::mach_host_self(), &mut size) };
    size as u64
}

/// Nanoseconds of an interval in seconds with a fraction; nothing for what is no number.
fn interval(text: &[u8]) -> Option<i128> {
    let text = core::str::from_utf8(text).ok()?;
    let seconds: f64 = text.parse().ok()?;
    Some((seconds * 1e9) as i128)
}

fn vm_stat(args: &[Vec<u8>]) -> i32 {
    let Ok(options) = parse(args, b"c:") else {
        return usage();
    };
    let mut limit = None;
    if let Some(text) = options.value(b'c') {
        match number(text) {
            Some(count @ 1..) => limit = Some(count),
            _ => {
                complain("vm_stat: count must be positive");
                return usage();
            }
        }
    }
    let wait = match &options.operands[..] {
        [] => 0,
        [text] => interval(text).unwrap_or(0),
        _ => return usage(),
    };
    if wait < 0 {
        return usage();
    }
    if wait == 0 {
        return show(|now| {
            if options.json {
                snapshot_json(now, page_size())
            } else {
                snapshot(now, page_size())
            }
        });
    }
    let mut last = VmStatistics64::default();
    let mut shown = 0usize;
    while limit.is_none_or(|limit| (shown as i64) < limit) {
        let mut status = 0;
        if shown != 0 {
            let pause = Timespec {
                sec: (wait / 1_000_000_000) as i64,
                nsec: (wait % 1_000_000_000) as i64,
            };
            // SAFETY: the record is ours.
            unsafe { c::nanosleep(&pause, core::ptr::null_mut()) };
        }
        if shown.is_multiple_of(ROWS) && !options.json {
            last = VmStatistics64::default();
            status = print(&banner(page_size()));
        }
        if status == 0 {
            status = show(|now| {
                let text = if options.json {
                    snapshot_json(now, page_size())
                } else {
                    row(now, &last)
                };
                last = *now;
                text
            });
        }
        if status != 0 {
            return status;
        }
        shown += 1;
    }
    0
}

fn show(text: impl FnOnce(&VmStatistics64) -> alloc::string::String) -> i32 {
    match statistics() {
        Ok(now) => print(&text(&now)),
        Err(code) => {
            complain(&format!(
                "vm_stat: failed to get statistics. error {code} ({})",
                sys::mach_message(code)
            ));
            1
        }
    }
}
