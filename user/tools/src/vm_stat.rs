//! `vm_stat`'s two layouts.
//!
//! Owns: labels, columns, what is absolute and what a difference. Does not own: the figures (the kernel's).

use crate::json::Json;
use crate::size::squeeze;
use abi::region::VmStatistics64;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;

/// One figure: its label in the snapshot, its name in JSON, its value.
type Figure = (&'static str, &'static str, u64);

fn figures(s: &VmStatistics64) -> [Figure; 22] {
    let free = u64::from(s.free_count.saturating_sub(s.speculative_count));
    [
        ("Pages free:", "free", free),
        ("Pages active:", "active", u64::from(s.active_count)),
        ("Pages inactive:", "inactive", u64::from(s.inactive_count)),
        (
            "Pages speculative:",
            "speculative",
            u64::from(s.speculative_count),
        ),
        (
            "Pages throttled:",
            "throttled",
            u64::from(s.throttled_count),
        ),
        ("Pages wired down:", "wired", u64::from(s.wire_count)),
        (
            "Pages purgeable:",
            "purgeable",
            u64::from(s.purgeable_count),
        ),
        ("\"Translation faults\":", "faults", s.faults),
        ("Pages copy-on-write:", "copy_on_write", s.cow_faults),
        ("Pages zero filled:", "zero_filled", s.zero_fill_count),
        ("Pages reactivated:", "reactivated", s.reactivations),
        ("Pages purged:", "purged", s.purges),
        (
            "File-backed pages:",
            "file_backed",
            u64::from(s.external_page_count),
        ),
        (
            "Anonymous pages:",
            "anonymous",
            u64::from(s.internal_page_count),
        ),
        (
            "Pages stored in compressor:",
            "stored_in_compressor",
            s.total_uncompressed_pages_in_compressor,
        ),
        (
            "Pages occupied by compressor:",
            "occupied_by_compressor",
            u64::from(s.compressor_page_count),
        ),
        ("Decompressions:", "decompressions", s.decompressions),
        ("Compressions:", "compressions", s.compressions),
        ("Pageins:", "pageins", s.pageins),
        ("Pageouts:", "pageouts", s.pageouts),
        ("Swapins:", "swapins", s.swapins),
        ("Swapouts:", "swapouts", s.swapouts),
    ]
}

fn header(page_size: u64) -> String {
    format!("Mach Virtual Memory Statistics: (page size of {page_size} bytes)\n")
}

/// The snapshot: one line per figure.
pub fn snapshot(s: &VmStatistics64, page_size: u64) -> String {
    let mut text = header(page_size);
    for (label, _, value) in figures(s) {
        let _ = writeln!(text, "{label:<30} {value:>16}.");
    }
    text
}

/// The snapshot as JSON; counts in pages.
pub fn snapshot_json(s: &VmStatistics64, page_size: u64) -> String {
    let mut json = Json::new();
    json.object().number("page_size", page_size);
    for (_, name, value) in figures(s) {
        json.number(name, value);
    }
    json.end_object();
    json.finish()
}

/// Columns of the interval table: head, width, whether rows after the first show the difference.
const COLUMNS: [(&str, usize, bool); 22] = [
    ("free", 8, false),
    ("active", 8, false),
    ("specul", 8, false),
    ("inactive", 8, false),
    ("throttle", 8, false),
    ("wired", 8, false),
    ("prgable", 8, false),
    ("faults", 8, true),
    ("copy", 8, true),
    ("0fill", 8, true),
    ("reactive", 8, true),
    ("purged", 8, true),
    ("file-backed", 11, false),
    ("anonymous", 9, false),
    ("cmprssed", 8, false),
    ("cmprssor", 8, false),
    ("dcomprs", 8, true),
    ("comprs", 8, true),
    ("pageins", 8, true),
    ("pageout", 8, true),
    ("swapins", 8, true),
    ("swapouts", 8, true),
];

/// Rows between two banners.
pub const ROWS: usize = 21;

/// The banner above the interval rows.
pub fn banner(page_size: u64) -> String {
    let mut text = header(page_size);
    for (index, (head, width, _)) in COLUMNS.iter().enumerate() {
        let _ = write!(text, "{}{head:>width$}", if index == 0 { "" } else { " " });
    }
    text.push('\n');
    text
}

/// One interval row; `last` is all zeros in the first row after a banner.
pub fn row(now: &VmStatistics64, last: &VmStatistics64) -> String {
    let (mut now, mut last) = (figures(now), figures(last));
    // The table has speculative before inactive.
    now.swap(2, 3);
    last.swap(2, 3);
    let mut text = String::new();
    for ((_, width, difference), (now, last)) in COLUMNS.iter().zip(now.iter().zip(&last)) {
        let value = if *difference {
            now.2.saturating_sub(last.2)
        } else {
            now.2
        };
        let _ = write!(text, "{:>width$} ", squeeze(value, *width));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> VmStatistics64 {
        VmStatistics64 {
            free_count: 131_080,
            speculative_count: 8,
            active_count: 262_144,
            inactive_count: 77,
            faults: 123_456_789,
            cow_faults: 5,
            ..VmStatistics64::default()
        }
    }

    #[test]
    fn snapshot_has_22_lines_of_darwins_columns() {
        let text = snapshot(&sample(), 16384);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 23);
        assert_eq!(
            lines[0],
            "Mach Virtual Memory Statistics: (page size of 16384 bytes)"
        );
        assert_eq!(lines[1], "Pages free:                              131072.");
        assert_eq!(
            lines[8],
            "\"Translation faults\":                 123456789."
        );
        assert!(
            lines
                .iter()
                .skip(1)
                .all(|line| line.len() == 48 && line.ends_with('.'))
        );
    }

    #[test]
    fn rows_have_differences_of_counters_only() {
        let head = banner(4096);
        let columns = head.lines().nth(1).expect("heads");
        assert!(columns.starts_with("    free   active   specul inactive throttle"));
        assert_eq!(columns.len(), 7 * 8 + 5 * 8 + 11 + 9 + 8 * 8 + 21);
        let first = row(&sample(), &VmStatistics64::default());
        assert!(first.starts_with(
            "  131072   262144        8       77        0        0        0  123456K        5"
        ));
        let mut later = sample();
        later.faults += 10;
        let second = row(&later, &sample());
        assert!(second.starts_with(
            "  131072   262144        8       77        0        0        0       10        0"
        ));
        assert_eq!(second.len(), columns.len() + 2);
    }

    #[test]
    fn json_counts_pages() {
        let text = snapshot_json(&sample(), 4096);
        assert!(text.starts_with("{\"page_size\":4096,\"free\":131072,\"active\":262144"));
    }
}
