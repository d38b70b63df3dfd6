//! `zprint`.

use super::options::program;
use super::out::{complain, print};
use super::{c, sys};
use crate::zprint::{Options, Row, json, table};
use abi::region::{ZONE_NAME_LEN, ZoneInfo};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(zprint_main, zprint);

/// Zones asked for at first; more if there are more.
const FIRST: usize = 128;

/// The kernel's zones, or the Mach code of the failure.
fn zones() -> Result<Vec<Row>, i32> {
    let mut room = FIRST;
    loop {
        let mut names = alloc::vec![0u8; room * ZONE_NAME_LEN];
        let mut infos = alloc::vec![ZoneInfo::default(); room];
        let mut count = room as u32;
        // SAFETY: room for `count` names and records.
        let code = unsafe {
            c::vellum_zone_info(
                c::mach_host_self(),
                names.as_mut_ptr().cast(),
                infos.as_mut_ptr(),
                &mut count,
            )
        };
        if code != 0 {
            return Err(code);
        }
        let count = count as usize;
        if count > room {
            room = count + 16;
            continue;
        }
        let name = |at: usize| {
            let bytes = &names[at * ZONE_NAME_LEN..(at + 1) * ZONE_NAME_LEN];
            let end = bytes
                .iter()
                .position(|&byte| byte == 0)
                .unwrap_or(bytes.len());
            String::from_utf8_lossy(&bytes[..end]).into_owned()
        };
        return Ok((0..count)
            .map(|at| Row {
                name: name(at),
                info: infos[at],
            })
            .collect());
    }
}

fn zprint(args: &[Vec<u8>]) -> i32 {
    let mut options = Options::default();
    let mut as_json = false;
    let mut filter = None;
    for arg in args {
        match &arg[..] {
            b"-w" => options.waste = true,
            b"-W" => options.waste = false,
            b"-s" => options.sort = true,
            b"-S" => options.sort = false,
            b"-H" => options.no_header = true,
            b"-t" => options.total = true,
            b"-T" => options.total = false,
            // There is no wired section to leave out, and columns are the only form.
            b"-L" | b"-c" => {}
            b"--json" => as_json = true,
            b"-h" => return print(USAGE),
            name if name.first() != Some(&b'-') && filter.is_none() => {
                filter = Some(String::from_utf8_lossy(name).into_owned());
            }
            _ => {
                complain(USAGE.trim_end());
                return 1;
            }
        }
    }
    let mut rows = match zones() {
        Ok(rows) => rows,
        Err(code) => {
            let hint = if code == abi::KernReturn::NO_ACCESS.0 {
                " (try running as root)"
            } else {
                ""
            };
            complain(&format!(
                "zprint: mach_memory_info: {}{hint}",
                sys::mach_message(code)
            ));
            return 1;
        }
    };
    if let Some(filter) = filter {
        rows.retain(|row| {
            row.name.contains(&filter) || row.name.replace(' ', ".").contains(&filter)
        });
    }
    print(&if as_json {
        json(&rows)
    } else {
        table(&mut rows, options)
    })
}

const USAGE: &str = "usage: zprint [-w] [-s] [-c] [-h] [-H] [-t] [-L] [--json] [name]

\t-w\tadd columns and totals of waste
\t-s\tsort by waste
\t-c\tshow columns (always)
\t-h\tshow this text
\t-H\thide the header
\t-t\tadd lifetime allocations
\t-L\tno wired section (there is none)
\t--json\tprint JSON, sizes in bytes

An upper-case W, S or T takes the option back.
";
