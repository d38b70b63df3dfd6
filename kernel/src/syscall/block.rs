//! `kern.block_devices` and `debug.block_fail`: what block devices did, and which requests shall fail.
//!
//! Owns: the two leaves. Does not own: the counts (`block::disk`), the rules' grammar (`block::rule`).

use super::sysctl::{New, Out};
use super::{Answer, DONE};
use crate::block::rule::Rules;
use crate::block::{self, inject};
use crate::shared::NoMemory;
use abi::Errno;
use alloc::string::String;
use core::fmt::{self, Write};

/// Bytes of a list of rules, at most.
const RULES: usize = 256;

/// Text whose growth may fail.
struct Answering(String);

impl Write for Answering {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.try_reserve(text.len() + 1).map_err(|_| fmt::Error)?;
        self.0.push_str(text);
        Ok(())
    }
}

impl Answering {
    /// Hands it out, with a NUL.
    fn give(mut self, out: &Out) -> Answer {
        self.write_str("\0").map_err(|_| NoMemory)?;
        out.give(self.0.as_bytes())
    }
}

/// A line for each device: its size, then what it did since the boot.
pub fn devices(out: &Out) -> Answer {
    let mut answer = Answering(String::new());
    for (index, device) in block::all().enumerate() {
        let counts = device.statistics();
        let line = format_args!(
            "{}{} bytes={} reads={} bytes_read={} writes={} bytes_written={} flushes={} errors={}",
            if index > 0 { "\n" } else { "" },
            device.name(),
            device.bytes(),
            counts.reads,
            counts.bytes_read,
            counts.writes,
            counts.bytes_written,
            counts.flushes,
            counts.errors,
        );
        answer.write_fmt(line).map_err(|_| NoMemory)?;
    }
    answer.give(out)
}

/// Answers the rules in force, then puts others in force if any are written. `EINVAL`: that is no list of rules.
pub fn fail(out: &Out, new: New) -> Answer {
    let mut answer = Answering(String::new());
    write!(answer, "{}", inject::rules()).map_err(|_| NoMemory)?;
    let mut room = [0; RULES];
    let rules = match new.text(&mut room)? {
        Some(text) => Some(Rules::parse(text).ok_or(Errno::EINVAL)?),
        None => None,
    };
    answer.give(out)?;
    if let Some(rules) = rules {
        inject::set(rules);
    }
    DONE
}
