//! `ps`: columns by keyword.
//!
//! Owns: keywords, heads, widths. Does not own: where the figures come from.

use crate::json::Json;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

/// A process as `ps` knows it.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Number.
    pub pid: i32,
    /// Parent.
    pub ppid: i32,
    /// Process group.
    pub pgid: i32,
    /// User.
    pub uid: u32,
    /// Resident bytes.
    pub resident: u64,
    /// Mapped bytes.
    pub virtual_size: u64,
    /// Bytes of footprint.
    pub footprint: u64,
    /// Processor time in nanoseconds.
    pub time: u64,
    /// The state's letters.
    pub state: String,
    /// The executable's path.
    pub path: String,
    /// The argument vector joined by blanks.
    pub command: String,
    /// The short name.
    pub name: String,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// Faults, copies on write, pageins.
    pub faults: u64,
    /// Copies on write.
    pub cow_faults: u64,
    /// Priority.
    pub priority: i32,
}

/// A column: keyword, head, width, left-justified.
type Column = (&'static str, &'static str, usize, bool);

const COLUMNS: [Column; 24] = [
    ("pid", "PID", 5, false),
    ("ppid", "PPID", 5, false),
    ("pgid", "PGID", 5, false),
    ("uid", "UID", 5, false),
    ("user", "USER", 16, true),
    ("rss", "RSS", 6, false),
    ("vsz", "VSZ", 8, false),
    ("vsize", "VSZ", 8, false),
    ("footprint", "FOOTPRINT", 9, false),
    ("%mem", "%MEM", 4, false),
    ("pmem", "%MEM", 4, false),
    ("tt", "TT ", 5, false),
    ("tty", "TTY", 8, true),
    ("stat", "STAT", 4, true),
    ("state", "STAT", 4, true),
    ("time", "TIME", 9, false),
    ("comm", "COMM", 16, true),
    ("ucomm", "UCOMM", 16, true),
    ("command", "COMMAND", 16, true),
    ("args", "ARGS", 16, true),
    ("cmd", "CMD", 16, true),
    ("majflt", "FAULTS", 7, false),
    ("cow", "COW", 6, false),
    ("pri", "PRI", 3, false),
];

/// A chosen column with its head.
#[derive(Clone, Debug)]
pub struct Chosen {
    column: Column,
    head: String,
}

/// The default columns.
pub const DEFAULT: &str = "pid,tty,time,command=CMD";

/// Reads `kw,kw=HEAD …`; answers the columns and the keywords that do not exist.
pub fn choose(text: &str) -> (Vec<Chosen>, Vec<String>) {
    let (mut chosen, mut unknown) = (Vec::new(), Vec::new());
    for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
        let (keyword, head) = word
            .split_once('=')
            .map_or((word, None), |(keyword, head)| (keyword, Some(head)));
        match COLUMNS.iter().find(|column| column.0 == keyword) {
            Some(column) => chosen.push(Chosen {
                column: *column,
                head: head.unwrap_or(column.1).to_string(),
            }),
            None => unknown.push(keyword.to_string()),
        }
    }
    (chosen, unknown)
}

/// All keywords, for the error message.
pub fn keywords() -> String {
    COLUMNS
        .iter()
        .map(|column| column.0)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Tenths of a percent.
fn memory_share(process: &Process, memory: u64) -> String {
    let tenths = if memory == 0 {
        0
    } else {
        u128::from(process.resident) * 1000 / u128::from(memory)
    };
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn value(process: &Process, keyword: &str, memory: u64) -> String {
    match keyword {
        "pid" => process.pid.to_string(),
        "ppid" => process.ppid.to_string(),
        "pgid" => process.pgid.to_string(),
        "uid" => process.uid.to_string(),
        "user" => {
            if process.uid == 0 {
                "root".into()
            } else {
                process.uid.to_string()
            }
        }
        "rss" => (process.resident / 1024).to_string(),
        "vsz" | "vsize" => (process.virtual_size / 1024).to_string(),
        "footprint" => (process.footprint / 1024).to_string(),
        "%mem" | "pmem" => memory_share(process, memory),
        "tt" => {
            if process.terminal {
                "con  ".into()
            } else {
                "??  ".into()
            }
        }
        "tty" => {
            if process.terminal {
                "console".into()
            } else {
                "??".into()
            }
        }
        "stat" | "state" => process.state.clone(),
        "time" => {
            let hundredths = process.time / 10_000_000;
            format!(
                "{}:{:02}.{:02}",
                hundredths / 6000,
                hundredths / 100 % 60,
                hundredths % 100
            )
        }
        "comm" => process.path.clone(),
        "ucomm" => process.name.clone(),
        "majflt" => process.faults.to_string(),
        "cow" => process.cow_faults.to_string(),
        "pri" => process.priority.to_string(),
        _ => process.command.clone(),
    }
}

/// The table; `memory` is the machine's bytes.
pub fn table(processes: &[Process], columns: &[Chosen], memory: u64) -> String {
    let widths: Vec<usize> = columns
        .iter()
        .map(|chosen| {
            let longest = processes
                .iter()
                .map(|process| value(process, chosen.column.0, memory).len())
                .max()
                .unwrap_or(0);
            let least = chosen.column.2.max(chosen.head.len());
            if chosen.column.3 {
                least.max(longest)
            } else {
                least
            }
        })
        .collect();
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        for (index, cell) in cells.enumerate() {
            let width = widths[index];
            let last = index + 1 == columns.len();
            if index != 0 {
                text.push(' ');
            }
            let _ = match (columns[index].column.3, last) {
                (true, true) => write!(text, "{cell}"),
                (true, false) => write!(text, "{cell:<width$}"),
                (false, _) => write!(text, "{cell:>width$}"),
            };
        }
        text.push('\n');
    };
    if columns.iter().any(|chosen| !chosen.head.is_empty()) {
        line(&mut columns.iter().map(|chosen| chosen.head.clone()));
    }
    for process in processes {
        line(
            &mut columns
                .iter()
                .map(|chosen| value(process, chosen.column.0, memory)),
        );
    }
    text
}

/// The processes as JSON; sizes in bytes, time in nanoseconds.
pub fn json(processes: &[Process]) -> String {
    let mut json = Json::new();
    json.object().list_member("processes");
    for process in processes {
        json.object()
            .number("pid", process.pid)
            .number("ppid", process.ppid)
            .number("pgid", process.pgid);
        json.number("uid", process.uid)
            .text("state", &process.state)
            .number("resident", process.resident);
        json.number("virtual", process.virtual_size)
            .number("footprint", process.footprint);
        json.number("time_ns", process.time)
            .number("faults", process.faults)
            .number("cow_faults", process.cow_faults);
        json.text("name", &process.name)
            .text("path", &process.path)
            .text("command", &process.command)
            .end_object();
    }
    json.end_list().end_object();
    json.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Process {
        Process {
            pid: 1234,
            resident: 45312 * 1024,
            virtual_size: 123_456 * 1024,
            path: "MyApplication".into(),
            ..Process::default()
        }
    }

    #[test]
    fn seed_columns() {
        let (columns, unknown) = choose("pid,rss,vsz,pmem,comm");
        assert!(unknown.is_empty());
        let text = table(&[sample()], &columns, 45312 * 1024 * 1000 / 28);
        assert_eq!(
            text,
            "  PID    RSS      VSZ %MEM COMM\n 1234  45312   123456  2.8 MyApplication\n"
        );
    }

    #[test]
    fn heads_can_be_renamed_or_left_out() {
        let (columns, unknown) = choose("pid=,nonsense,comm=");
        assert_eq!(unknown, ["nonsense"]);
        assert_eq!(table(&[sample()], &columns, 1), " 1234 MyApplication\n");
        let (columns, _) = choose("time,command=CMD");
        let process = Process {
            time: 61_230_000_000,
            command: "sh -c x".into(),
            ..sample()
        };
        assert_eq!(
            table(&[process], &columns, 1),
            "     TIME CMD\n  1:01.23 sh -c x\n"
        );
    }
}
