//! `kill`.

use super::options::{number, program};
use super::out::{complain, print};
use super::{c, sys};
use abi::syscall::signal;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(kill_main, kill);

/// The last signal.
const LAST: u32 = 31;

/// A signal by number or name, with or without `SIG`.
pub fn signal_of(text: &[u8]) -> Option<i32> {
    if let Some(number) = number(text) {
        return i32::try_from(number)
            .ok()
            .filter(|number| (0..=LAST as i32).contains(number));
    }
    let name = core::str::from_utf8(text).ok()?.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    (1..=LAST)
        .find(|&number| signal::name(number).strip_prefix("SIG") == Some(name))
        .map(|number| number as i32)
}

fn kill(args: &[Vec<u8>]) -> i32 {
    let mut wanted = signal::SIGTERM as i32;
    let mut pids = args;
    if let Some((first, rest)) = args.split_first() {
        if first == b"-l" {
            let names: Vec<&str> = (1..=LAST)
                .map(|number| signal::name(number).trim_start_matches("SIG"))
                .collect();
            return print(&format!("{}\n", names.join(" ")));
        }
        let (name, rest) = match first.strip_prefix(b"-") {
            Some(b"s") => (
                rest.first().cloned().unwrap_or_default(),
                rest.get(1..).unwrap_or_default(),
            ),
            Some(b"-") => (b"TERM".to_vec(), rest),
            Some(name) => (name.to_vec(), rest),
            None => (b"TERM".to_vec(), args),
        };
        let Some(number) = signal_of(&name) else {
            complain(&format!(
                "kill: {}: invalid signal specification",
                String::from_utf8_lossy(&name)
            ));
            return 1;
        };
        wanted = number;
        pids = rest;
    }
    if pids.is_empty() {
        complain(
            "usage: kill [-s signal_name] pid ...\n       kill -l\n       kill -signal_name pid ...\n       kill -signal_number pid ...",
        );
        return 1;
    }
    let mut status = 0;
    for text in pids {
        let Some(pid) = number(text).and_then(|pid| i32::try_from(pid).ok()) else {
            complain(&format!(
                "kill: illegal process id: {}",
                String::from_utf8_lossy(text)
            ));
            status = 1;
            continue;
        };
        // SAFETY: no memory is involved.
        if unsafe { c::kill(pid, wanted) } != 0 {
            complain(&format!("kill: {pid}: {}", sys::message(sys::errno())));
            status = 1;
        }
    }
    status
}
