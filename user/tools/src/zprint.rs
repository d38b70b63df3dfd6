//! `zprint`'s table.
//!
//! Owns: columns, sums, the order by waste. Does not own: the zones (the kernel's).

use crate::json::Json;
use crate::size::waste;
use abi::region::ZoneInfo;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// A zone with its name.
#[derive(Clone, Debug)]
pub struct Row {
    /// As the kernel names it.
    pub name: String,
    /// Its figures.
    pub info: ZoneInfo,
}

/// What to show.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// `-w`: waste columns and totals.
    pub waste: bool,
    /// `-s`: most waste first.
    pub sort: bool,
    /// `-H`: no header.
    pub no_header: bool,
    /// `-t`: lifetime allocations.
    pub total: bool,
}

/// Bytes of a zone that are neither in use nor collectable.
fn fragmented(zone: &ZoneInfo) -> u64 {
    zone.cur_size
        .saturating_sub(zone.elem_size.saturating_mul(zone.count))
        .saturating_sub(collectable(zone))
}

fn collectable(zone: &ZoneInfo) -> u64 {
    zone.collectable >> 1
}

fn wasted(zone: &ZoneInfo) -> u64 {
    zone.cur_size
        .saturating_sub(zone.elem_size.saturating_mul(zone.count))
}

fn elements(bytes: u64, zone: &ZoneInfo) -> u64 {
    bytes.checked_div(zone.elem_size).unwrap_or(0)
}

/// The most that the size columns show.
const MOST: u64 = 99999 * 1024;

/// The name as a column: blanks as points, 24 characters and `$` when longer.
fn name(row: &Row) -> String {
    let mut name = row.name.replace(' ', ".");
    if name.len() > 25 {
        name = name.chars().take(24).collect();
        name.push('$');
    }
    name
}

fn columns(options: Options) -> Vec<(&'static str, &'static str, usize)> {
    let mut columns = alloc::vec![
        ("elem", "size", 6),
        ("cur", "size", 11),
        ("max", "size", 11),
        ("cur", "#elts", 10),
        ("max", "#elts", 11),
        ("cur", "inuse", 11),
        ("alloc", "size", 6),
        ("alloc", "count", 6),
        ("", "", 2),
    ];
    if options.waste {
        columns.extend([("frag", "size", 9), ("free", "size", 9)]);
    }
    if options.total {
        columns.push(("total", "allocs", 17));
    }
    columns
}

/// The table with its header and totals. Sorts `rows` if asked to.
pub fn table(rows: &mut [Row], options: Options) -> String {
    if options.sort {
        rows.sort_by_key(|row| core::cmp::Reverse(wasted(&row.info)));
    }
    let mut text = String::new();
    if !options.no_header {
        let columns = columns(options);
        let _ = write!(text, "{:25} ", "");
        for (head, _, width) in &columns {
            let _ = write!(text, "{head:>width$} ");
        }
        let _ = write!(text, "\n{:<25} ", "zone name");
        for (_, head, width) in &columns {
            let _ = write!(text, "{head:>width$} ");
        }
        let rule = 26 + columns.iter().map(|column| column.2 + 1).sum::<usize>();
        let _ = writeln!(text, "\n{:-<rule$}", "");
    }
    for row in rows.iter() {
        line(&mut text, row, options);
    }
    if !options.no_header && (options.waste || options.total) {
        totals(&mut text, rows, options);
    }
    text
}

fn line(text: &mut String, row: &Row, options: Options) {
    let zone = &row.info;
    let (max_size, max_elements) = if zone.max_size > MOST * 100 {
        ("-------".into(), "-------".into())
    } else {
        (
            format!("{}K", zone.max_size / 1024),
            format!("{}", elements(zone.max_size, zone)),
        )
    };
    let _ = write!(
        text,
        "{:<25} {:>6} {:>11} {max_size:>11} {:>10} {max_elements:>11} {:>11} {:>6} {:>6} {}{}",
        name(row),
        zone.elem_size,
        format!("{}K", zone.cur_size / 1024),
        elements(zone.cur_size, zone),
        zone.count,
        format!("{}K", zone.alloc_size / 1024),
        elements(zone.alloc_size, zone),
        if zone.exhaustible != 0 { 'X' } else { ' ' },
        if zone.collectable & 1 != 0 { 'C' } else { ' ' },
    );
    if options.waste {
        let _ = write!(
            text,
            " {:>9} {:>9}",
            waste(fragmented(zone)),
            waste(collectable(zone))
        );
    }
    if options.total {
        let _ = write!(text, " {:>17}", waste(zone.sum_size));
    }
    text.push('\n');
}

fn totals(text: &mut String, rows: &[Row], options: Options) {
    let sum = |value: fn(&ZoneInfo) -> u64| rows.iter().map(|row| value(&row.info)).sum::<u64>();
    let _ = writeln!(text, "\nZONE TOTALS\n{:-<45}", "");
    let _ = writeln!(text, "TOTAL SIZE        = {}", sum(|zone| zone.cur_size));
    let _ = writeln!(
        text,
        "TOTAL USED        = {}",
        sum(|zone| zone.elem_size.saturating_mul(zone.count))
    );
    if options.waste {
        let _ = writeln!(text, "TOTAL WASTED      = {}", sum(wasted));
        let _ = writeln!(text, "TOTAL FRAGMENTED  = {}", sum(fragmented));
        let _ = writeln!(text, "TOTAL COLLECTABLE = {}", sum(collectable));
    }
    if options.total {
        let _ = writeln!(text, "TOTAL ALLOCS      = {}", sum(|zone| zone.sum_size));
    }
}

/// The zones as JSON; sizes in bytes.
pub fn json(rows: &[Row]) -> String {
    let mut json = Json::new();
    json.object().list_member("zones");
    for row in rows {
        let zone = &row.info;
        json.object()
            .text("name", &row.name)
            .number("elem_size", zone.elem_size)
            .number("cur_size", zone.cur_size);
        json.number("max_size", zone.max_size)
            .number("in_use", zone.count)
            .number("alloc_size", zone.alloc_size);
        json.number("sum_size", zone.sum_size)
            .truth("exhaustible", zone.exhaustible != 0);
        json.truth("collectable", zone.collectable & 1 != 0)
            .number("collectable_bytes", collectable(zone))
            .end_object();
    }
    json.end_list().end_object();
    json.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let objects = ZoneInfo {
            count: 512,
            cur_size: 96 * 1024,
            max_size: 192 * 1024,
            elem_size: 88,
            alloc_size: 16384,
            sum_size: 88 * 600,
            exhaustible: 0,
            collectable: 1,
        };
        let entries = ZoneInfo {
            count: 256,
            elem_size: 64,
            cur_size: 32768,
            max_size: 65536,
            exhaustible: 1,
            collectable: 1024 << 1,
            ..objects
        };
        vec![
            Row {
                name: "vm objects".into(),
                info: objects,
            },
            Row {
                name: "VM map entries".into(),
                info: entries,
            },
        ]
    }

    #[test]
    fn table_has_darwins_columns() {
        let text = table(
            &mut rows(),
            Options {
                waste: true,
                ..Options::default()
            },
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "                            elem         cur         max        cur         max         cur  alloc  alloc         frag      free "
        );
        assert_eq!(
            lines[1],
            "zone name                   size        size        size      #elts       #elts       inuse   size  count         size      size "
        );
        assert_eq!(lines[2].len(), 129);
        assert_eq!(
            lines[3],
            "vm.objects                    88         96K        192K       1117        2234         512    16K    186  C       52K        0B"
        );
        assert_eq!(
            lines[4],
            "VM.map.entries                64         32K         64K        512        1024         256    16K    256 X        15K        1K"
        );
        assert!(text.contains(
            "TOTAL SIZE        = 131072\nTOTAL USED        = 61440\nTOTAL WASTED      = 69632\n"
        ));
    }

    #[test]
    fn plain_table_has_no_totals() {
        let text = table(&mut rows(), Options::default());
        assert_eq!(text.lines().nth(2).map(str::len), Some(109));
        assert!(!text.contains("TOTAL"));
        assert_eq!(text.lines().count(), 5);
    }

    #[test]
    fn sort_puts_waste_first() {
        let mut all = rows();
        all.reverse();
        table(
            &mut all,
            Options {
                sort: true,
                ..Options::default()
            },
        );
        assert_eq!(all[0].name, "vm objects");
    }
}
