//! vmmap's sums.

use super::{Options, Process, Region, amount, kind};
use crate::size::{cell, percent};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write;

#[derive(Clone, Copy, Default)]
struct Sum {
    size: u64,
    resident: u64,
    dirty: u64,
    swapped: u64,
    count: u64,
}

impl Sum {
    fn add(&mut self, region: &Region, page: u64) {
        self.size += region.size;
        self.resident += region.resident * page;
        self.dirty += region.dirty * page;
        self.swapped += region.swapped * page;
        self.count += 1;
    }
}

const RULE: &str = "=========== ======= ======== ===== ======= ======== ====== ===== =======\n";

/// Appends the sums of `regions` by type.
pub fn summary(text: &mut String, process: &Process, regions: &[Region], options: Options) {
    let page = process.page_size;
    let sum = |wanted: &dyn Fn(&Region) -> bool| {
        let mut sum = Sum::default();
        regions
            .iter()
            .filter(|region| wanted(region))
            .for_each(|region| sum.add(region, page));
        sum
    };
    let part = |bytes: u64, total: u64| format!("{}({}%)", cell(bytes), percent(bytes, total));
    let read_only = sum(&|region| !region.is_writable() && region.segment.is_some());
    let absent = read_only.size.saturating_sub(read_only.resident);
    let _ = writeln!(
        text,
        "ReadOnly portion of Libraries: Total={} resident={} swapped_out_or_unallocated={}",
        cell(read_only.size),
        part(read_only.resident, read_only.size),
        part(absent, read_only.size),
    );
    let writable = sum(&Region::is_writable);
    let unallocated = writable
        .size
        .saturating_sub(writable.resident + writable.swapped);
    let _ = writeln!(
        text,
        "Writable regions: Total={} written={} resident={} swapped_out={} unallocated={}\n",
        cell(writable.size),
        part(writable.dirty, writable.size),
        part(writable.resident, writable.size),
        part(writable.swapped, writable.size),
        part(unallocated, writable.size),
    );
    let unit = if options.pages { "PAGES" } else { "SIZE" };
    let mut line = |name: &str, cells: [&str; 7], last: &str| {
        let _ = write!(text, "{name:<30}");
        for cell in cells {
            let _ = write!(text, " {cell:>8}");
        }
        let _ = writeln!(text, " {last:>8}");
    };
    line(
        "",
        [
            "VIRTUAL", "RESIDENT", "DIRTY", "SWAPPED", "VOLATILE", "NONVOL", "EMPTY",
        ],
        "REGION",
    );
    line("REGION TYPE", [unit; 7], "COUNT (non-coalesced)");
    let rule: alloc::vec::Vec<&str> = RULE.split_whitespace().collect();
    let cells = [
        rule[1], rule[2], rule[3], rule[4], rule[5], rule[6], rule[7],
    ];
    line(rule[0], cells, rule[8]);
    let mut kinds: BTreeMap<String, (Sum, bool)> = BTreeMap::new();
    for region in regions {
        let entry = kinds.entry(region.kind()).or_default();
        entry.0.add(region, page);
        entry.1 |= kind::is_malloc(region.tag);
    }
    let mut total = Sum::default();
    let amounts = |sum: &Sum| {
        [sum.size, sum.resident, sum.dirty, sum.swapped, 0, 0, 0]
            .map(|bytes| amount(bytes, page, options))
    };
    for (name, (sum, _)) in &kinds {
        let cells = amounts(sum);
        line(
            name,
            cells.each_ref().map(String::as_str),
            &sum.count.to_string(),
        );
        total.size += sum.size;
        total.resident += sum.resident;
        total.dirty += sum.dirty;
        total.swapped += sum.swapped;
        total.count += sum.count;
    }
    line(rule[0], cells, rule[8]);
    let cells = amounts(&total);
    line(
        "TOTAL",
        cells.each_ref().map(String::as_str),
        &total.count.to_string(),
    );
}
