//! `sleep`.

use super::c;
use super::options::program;
use super::out::complain;
use abi::stat::Timespec;
use alloc::vec::Vec;

program!(sleep_main, sleep);

/// Seconds with up to nine decimals.
fn duration(text: &[u8]) -> Option<Timespec> {
    let text = core::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 {
        return None;
    }
    let sec = if whole.is_empty() {
        0
    } else {
        whole.parse::<u32>().ok()?
    };
    let mut nsec = if fraction.is_empty() {
        0
    } else {
        fraction.parse::<u32>().ok()?
    };
    for _ in fraction.len()..9 {
        nsec *= 10;
    }
    Some(Timespec {
        sec: i64::from(sec),
        nsec: i64::from(nsec),
    })
}

fn sleep(args: &[Vec<u8>]) -> i32 {
    let [text] = args else {
        complain("usage: sleep seconds");
        return 1;
    };
    let Some(wanted) = duration(text) else {
        complain("usage: sleep seconds");
        return 1;
    };
    // SAFETY: the record is ours.
    unsafe { c::nanosleep(&wanted, core::ptr::null_mut()) };
    0
}
