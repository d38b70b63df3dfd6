//! `ls`: mode letters, dates, columns.

use abi::stat::{Stat64, mode};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

/// A file with its name as printed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// What it is.
    pub stat: Stat64,
    /// Where a symbolic link leads.
    pub target: Option<String>,
}

/// The ten letters of a mode.
pub fn letters(bits: u16) -> String {
    let kind = match bits & mode::S_IFMT {
        mode::S_IFDIR => 'd',
        mode::S_IFLNK => 'l',
        mode::S_IFCHR => 'c',
        mode::S_IFBLK => 'b',
        mode::S_IFIFO => 'p',
        _ => '-',
    };
    let mut text = String::from(kind);
    for (shift, special, with, without) in [
        (6, 0o4000, 's', 'S'),
        (3, 0o2000, 's', 'S'),
        (0, 0o1000, 't', 'T'),
    ] {
        let three = bits >> shift;
        text.push(if three & 4 != 0 { 'r' } else { '-' });
        text.push(if three & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & special != 0, three & 1 != 0) {
            (true, true) => with,
            (true, false) => without,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Year, month (0 to 11), day, hour and minute of a time in UTC.
fn calendar(time: i64) -> (i64, usize, i64, i64, i64) {
    let (days, seconds) = (time.div_euclid(86400), time.rem_euclid(86400));
    // The year begins in March here, so that the leap day is its last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let month = if shifted_month < 10 {
        shifted_month + 2
    } else {
        shifted_month - 10
    };
    let full = year + era * 400 + i64::from(month <= 1);
    (
        full,
        month as usize,
        of_year - (153 * shifted_month + 2) / 5 + 1,
        seconds / 3600,
        seconds / 60 % 60,
    )
}

/// Half a year in seconds: older files show their year.
const RECENT: i64 = 365 * 86400 / 2;

/// The date column: time of day if within half a year before `now`, the year otherwise.
pub fn date(time: i64, now: i64) -> String {
    let (year, month, day, hour, minute) = calendar(time);
    if time <= now && now - time < RECENT {
        format!("{} {day:>2} {hour:02}:{minute:02}", MONTHS[month])
    } else {
        format!("{} {day:>2}  {year}", MONTHS[month])
    }
}

/// Date and time in full: `Jan 15 10:30:00 2025`.
pub fn full_date(time: i64) -> String {
    let (year, month, day, hour, minute) = calendar(time);
    let second = time.rem_euclid(60);
    format!(
        "{} {day:>2} {hour:02}:{minute:02}:{second:02} {year}",
        MONTHS[month]
    )
}

/// The name of a user or group.
pub fn owner(id: u32, group: bool) -> String {
    match (id, group) {
        (0, false) => "root".into(),
        (0, true) => "wheel".into(),
        _ => id.to_string(),
    }
}

/// The long form of `entries`; with `total`, the line of blocks before it.
pub fn long(entries: &[Entry], now: i64, total: bool) -> String {
    let mut text = String::new();
    if total {
        let _ = writeln!(
            text,
            "total {}",
            entries.iter().map(|entry| entry.stat.blocks).sum::<i64>()
        );
    }
    let rows: Vec<[String; 4]> = entries
        .iter()
        .map(|entry| {
            let stat = &entry.stat;
            [
                stat.nlink.to_string(),
                owner(stat.uid, false),
                owner(stat.gid, true),
                stat.size.to_string(),
            ]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (links, users, groups, sizes) = (width(0), width(1), width(2), width(3));
    for (entry, row) in entries.iter().zip(&rows) {
        let _ = write!(
            text,
            "{}  {:>links$} {:<users$}  {:<groups$}  {:>sizes$} {} {}",
            letters(entry.stat.mode),
            row[0],
            row[1],
            row[2],
            row[3],
            date(entry.stat.mtime.sec, now),
            entry.name
        );
        if let Some(target) = &entry.target {
            let _ = write!(text, " -> {target}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_letters() {
        assert_eq!(letters(0o100_644), "-rw-r--r--");
        assert_eq!(letters(0o041_777), "drwxrwxrwt");
        assert_eq!(letters(0o101_600), "-rw------T");
        assert_eq!(letters(0o104_755), "-rwsr-xr-x");
    }

    #[test]
    fn dates_change_form_after_half_a_year() {
        let noon = 1_736_937_000; // 2025-01-15 10:30:00
        assert_eq!(date(noon, noon + 60), "Jan 15 10:30");
        assert_eq!(date(noon, noon + 200 * 86400), "Jan 15  2025");
        assert_eq!(date(noon + 60, noon), "Jan 15  2025");
        assert_eq!(date(951_782_400, 951_782_400), "Feb 29 00:00");
        assert_eq!(date(0, 0), "Jan  1 00:00");
        assert_eq!(full_date(noon + 9), "Jan 15 10:30:09 2025");
    }

    #[test]
    fn long_form_aligns() {
        let stat = |mode, size| Stat64 {
            mode,
            size,
            nlink: 1,
            blocks: 8,
            mtime: abi::stat::Timespec { sec: 0, nsec: 0 },
            ..Stat64::default()
        };
        let entries = [
            Entry {
                name: "a".into(),
                stat: stat(0o100_644, 5),
                target: None,
            },
            Entry {
                name: "b".into(),
                stat: stat(0o120_755, 1234),
                target: Some("a".into()),
            },
        ];
        assert_eq!(
            long(&entries, 100, true),
            "total 16\n-rw-r--r--  1 root  wheel     5 Jan  1 00:00 a\nlrwxr-xr-x  1 root  wheel  1234 Jan  1 00:00 b -> a\n"
        );
    }
}
