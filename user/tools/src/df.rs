//! `df`: columns as the Mac prints them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

/// A mounted file system.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is mounted.
    pub from: String,
    /// Where.
    pub on: String,
    /// Bytes of a block.
    pub block: u64,
    /// Blocks, free blocks, and those of them that everybody may take.
    pub blocks: [u64; 3],
    /// Files that there can be, and that can still be made.
    pub files: [u64; 2],
}

/// How sizes are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Blocks of so many bytes.
    Blocks(u64),
    /// Three digits and a letter, by powers of 1024.
    Human,
}

/// `used` of `all` in hundredths.
fn percent(used: u64, all: u64) -> u64 {
    const ALL: u64 = 100;
    (used * ALL + all / 2).checked_div(all).unwrap_or(ALL)
}

/// At most three digits with a letter: `4.0Ki`, `256Mi`, `0Bi`.
fn human(bytes: u64) -> String {
    let (mut whole, mut rest, mut unit) = (bytes, 0, 0);
    while whole >= 1000 {
        (whole, rest, unit) = (whole >> 10, whole & 1023, unit + 1);
    }
    let letter = ["B", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][unit];
    let tenths = (rest * 10 + 512) / 1024;
    match (unit, whole, tenths) {
        (0, _, _) => format!("{whole}{letter}"),
        (_, 0..9, 10) => format!("{}.0{letter}", whole + 1),
        (_, 0..10, 0..10) => format!("{whole}.{tenths}{letter}"),
        (_, _, _) => format!("{}{letter}", whole + u64::from(rest >= 512)),
    }
}

impl Unit {
    fn title(self) -> String {
        match self {
            Self::Blocks(size) => format!("{size}-blocks"),
            Self::Human => "Size".into(),
        }
    }

    fn size(self, blocks: u64, block: u64) -> String {
        let bytes = blocks.saturating_mul(block);
        match self {
            Self::Blocks(size) => (bytes / size).to_string(),
            Self::Human => human(bytes),
        }
    }
}

/// The table.
pub fn table(rows: &[Row], unit: Unit) -> String {
    let avail = if unit == Unit::Human {
        "Avail"
    } else {
        "Available"
    };
    let mut cells: Vec<[String; 6]> = Vec::new();
    cells.push([
        "Filesystem".into(),
        unit.title(),
        "Used".into(),
        avail.into(),
        "iused".into(),
        "ifree".into(),
    ]);
    for row in rows {
        let [all, free, available] = row.blocks;
        cells.push([
            row.from.clone(),
            unit.size(all, row.block),
            unit.size(all.saturating_sub(free), row.block),
            unit.size(available, row.block),
            row.files[0].saturating_sub(row.files[1]).to_string(),
            row.files[1].to_string(),
        ]);
    }
    let width = |column: usize| {
        let lengths = cells.iter().map(|row| row[column].len());
        lengths.max().unwrap_or(0)
    };
    let widths: [usize; 6] = core::array::from_fn(width);
    let [from, all, used, available, iused, ifree] = widths;
    let mut text = String::new();
    for (index, cell) in cells.iter().enumerate() {
        let _ = write!(
            text,
            "{:<from$} {:>all$} {:>used$} {:>available$} ",
            cell[0], cell[1], cell[2], cell[3]
        );
        let row = index.checked_sub(1).and_then(|index| rows.get(index));
        let _ = match row {
            None => writeln!(
                text,
                "Capacity {:>iused$} {:>ifree$} %iused  Mounted on",
                cell[4], cell[5]
            ),
            Some(row) => {
                let used = row.blocks[0].saturating_sub(row.blocks[1]);
                let files = row.files[0].saturating_sub(row.files[1]);
                writeln!(
                    text,
                    "{:>6}%  {:>iused$} {:>ifree$} {:>5}%  {}",
                    percent(used, used + row.blocks[2]),
                    cell[4],
                    cell[5],
                    percent(files, row.files[0]),
                    row.on
                )
            }
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align() {
        let row = Row {
            from: "/dev/rd0".into(),
            on: "/".into(),
            block: 1024,
            blocks: [10000, 2500, 2000],
            files: [100, 25],
        };
        assert_eq!(
            table(&[row], Unit::Blocks(512)),
            "Filesystem 512-blocks  Used Available Capacity iused ifree %iused  Mounted on\n\
             /dev/rd0        20000 15000      4000     79%     75    25    75%  /\n"
        );
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1.0Ki"),
            (4096, "4.0Ki"),
            (10 << 10, "10Ki"),
            (256 << 20, "256Mi"),
            (3 << 29, "1.5Gi"),
        ] {
            assert_eq!(human(bytes), text, "{bytes}");
        }
    }
}
