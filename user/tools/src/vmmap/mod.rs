//! `vmmap`: regions of a process as text and JSON.
//!
//! Owns: a region's type, the rows, the sums. Does not own: reading them from the kernel (`guest::vmmap`).

mod kind;
pub mod objects;
mod summary;

pub use summary::summary;

use crate::json::Json;
use crate::size::cell;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

/// One region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// Current protection, `VM_PROT_*`.
    pub protection: u32,
    /// Maximum protection.
    pub max_protection: u32,
    /// `VM_MEMORY_*`.
    pub tag: u32,
    /// `SM_*`.
    pub share_mode: u8,
    /// A file is behind it.
    pub external: bool,
    /// Pages resident, written, swapped.
    pub resident: u64,
    /// Pages written.
    pub dirty: u64,
    /// Pages in compressor or swap.
    pub swapped: u64,
    /// References of its object.
    pub references: u32,
    /// Length of the shadow chain.
    pub shadow_depth: u32,
    /// Segment of the executable that it belongs to.
    pub segment: Option<String>,
    /// The mapped file.
    pub path: Option<String>,
}

/// What is known of the process besides its regions.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Number.
    pub pid: i32,
    /// Short name.
    pub name: String,
    /// Executable.
    pub path: String,
    /// Where the executable is loaded.
    pub load_address: u64,
    /// `ARM64`, `X86-64`.
    pub code_type: String,
    /// Parent's name and number.
    pub parent: (String, i32),
    /// Now, and when it started, as text.
    pub date: String,
    /// Start, as text.
    pub launch: String,
    /// The system's name and version.
    pub system: String,
    /// Bytes of footprint.
    pub footprint: u64,
    /// Bytes of a page.
    pub page_size: u64,
}

/// What to show.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// `-pages`: sizes in pages.
    pub pages: bool,
    /// `-interleaved`: one list.
    pub interleaved: bool,
    /// `-noCoalesce`: one row per region.
    pub no_coalesce: bool,
    /// `-summary`: sums only.
    pub summary: bool,
}

impl Region {
    /// Its REGION TYPE.
    pub fn kind(&self) -> String {
        kind::of(self)
    }

    /// Its REGION DETAIL.
    pub fn detail(&self) -> String {
        kind::detail(self)
    }

    /// One past its last address.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }

    /// Whether it is listed among the writable ones.
    pub fn is_writable(&self) -> bool {
        self.protection & 2 != 0
    }

    fn share(&self) -> &'static str {
        match self.share_mode {
            1 => "COW",
            2 => "PRV",
            3 => "NUL",
            4 => "ALI",
            5 => "SHM",
            6 => "ZER",
            7 => "S/A",
            8 => "LPG",
            _ => "???",
        }
    }
}

/// `rwx` letters of a protection.
pub fn letters(protection: u32) -> String {
    [(1, 'r'), (2, 'w'), (4, 'x')]
        .iter()
        .map(|&(bit, letter)| if protection & bit != 0 { letter } else { '-' })
        .collect()
}

/// A size as the options want it.
fn amount(bytes: u64, page_size: u64, options: Options) -> String {
    if options.pages {
        (bytes / page_size.max(1)).to_string()
    } else {
        cell(bytes)
    }
}

const HEAD: &str = "REGION TYPE                    START - END         [ VSIZE  RSDNT  DIRTY   SWAP] PRT/MAX SHRMOD PURGE    REGION DETAIL\n";

fn row(text: &mut String, region: &Region, page_size: u64, options: Options) {
    let size = |bytes: u64| amount(bytes, page_size, options);
    let line_start = text.len();
    let _ = write!(
        text,
        "{:<23.23} {:>13x}-{:<12x} [{:>6} {:>6} {:>6} {:>6}] {}/{} SM={:<3} {:<9}{}",
        region.kind(),
        region.start,
        region.end(),
        size(region.size),
        size(region.resident * page_size),
        size(region.dirty * page_size),
        size(region.swapped * page_size),
        letters(region.protection),
        letters(region.max_protection),
        region.share(),
        "",
        region.detail(),
    );
    let kept = text[line_start..].trim_end().len();
    text.truncate(line_start + kept);
    text.push('\n');
}

/// Joins neighbours that look the same.
pub fn coalesce(regions: &[Region]) -> Vec<Region> {
    let mut joined: Vec<Region> = Vec::new();
    for region in regions {
        if let Some(last) = joined.last_mut() {
            let same = last.end() == region.start
                && (last.protection, last.max_protection, last.share_mode)
                    == (region.protection, region.max_protection, region.share_mode)
                && last.kind() == region.kind()
                && last.detail() == region.detail();
            if same {
                last.size += region.size;
                last.resident += region.resident;
                last.dirty += region.dirty;
                last.swapped += region.swapped;
                continue;
            }
        }
        joined.push(region.clone());
    }
    joined
}

fn list(
    text: &mut String,
    title: &str,
    regions: &mut dyn Iterator<Item = &Region>,
    process: &Process,
    options: Options,
) {
    let _ = write!(text, "==== {title}\n{HEAD}");
    regions.for_each(|region| row(text, region, process.page_size, options));
    text.push('\n');
}

/// The report; `tool` is the tool's path.
pub fn report(process: &Process, regions: &[Region], options: Options, tool: &str) -> String {
    let mut text = String::new();
    header(&mut text, process, tool);
    let pid = process.pid;
    if !options.summary {
        let rows = if options.no_coalesce {
            regions.to_vec()
        } else {
            coalesce(regions)
        };
        if options.interleaved {
            let title = alloc::format!(
                "regions for process {pid}  (non-writable and writable regions are interleaved)"
            );
            list(&mut text, &title, &mut rows.iter(), process, options);
        } else {
            let title = alloc::format!("Non-writable regions for process {pid}");
            list(
                &mut text,
                &title,
                &mut rows.iter().filter(|region| !region.is_writable()),
                process,
                options,
            );
            let title = alloc::format!("Writable regions for process {pid}");
            list(
                &mut text,
                &title,
                &mut rows.iter().filter(|region| region.is_writable()),
                process,
                options,
            );
        }
        text.push_str("==== Legend\n");
        text.push_str("SM=sharing mode:\n\tCOW=copy_on_write PRV=private NUL=empty ALI=aliased\n");
        text.push_str("\tSHM=shared ZER=zero_filled S/A=shared_alias\n");
        text.push_str(
            "PURGE=purgeable mode: V=volatile N=nonvolatile E=empty, blank otherwise\n\n",
        );
        let _ = writeln!(text, "==== Summary for process {pid}");
    }
    summary(&mut text, process, regions, options);
    text
}

fn header(text: &mut String, process: &Process, tool: &str) {
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{label:<16} {value}");
    };
    let Process { pid, name, .. } = process;
    line("Process:", &alloc::format!("{name} [{pid}]"));
    line("Path:", &process.path);
    line(
        "Load Address:",
        &alloc::format!("{:#x}", process.load_address),
    );
    line("Identifier:", name);
    line("Version:", "???");
    line("Code Type:", &process.code_type);
    line(
        "Parent Process:",
        &alloc::format!("{} [{}]", process.parent.0, process.parent.1),
    );
    text.push('\n');
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{label:<16} {value}");
    };
    line("Date/Time:", &process.date);
    line("Launch Time:", &process.launch);
    line("OS Version:", &process.system);
    line("Report Version:", "7");
    line("Analysis Tool:", tool);
    let _ = writeln!(
        text,
        "\nPhysical footprint:         {}\n----\n",
        cell(process.footprint)
    );
    let _ = writeln!(text, "Virtual Memory Map of process {pid} ({name})");
    let _ = writeln!(text, "Output report format:  2.4  -- 64-bit process");
    let _ = writeln!(text, "VM page size:  {} bytes\n", process.page_size);
}

/// The regions as JSON; sizes in bytes.
pub fn json(process: &Process, regions: &[Region]) -> String {
    let page = process.page_size;
    let mut json = Json::new();
    json.object()
        .number("pid", process.pid)
        .text("name", &process.name)
        .text("path", &process.path);
    json.number("load_address", process.load_address)
        .number("page_size", page);
    json.number("footprint", process.footprint)
        .list_member("regions");
    for region in regions {
        json.object()
            .text("type", &region.kind())
            .number("start", region.start)
            .number("end", region.end());
        json.number("size", region.size)
            .number("resident", region.resident * page);
        json.number("dirty", region.dirty * page)
            .number("swapped", region.swapped * page);
        json.text("protection", &letters(region.protection))
            .text("max_protection", &letters(region.max_protection));
        json.text("share_mode", region.share())
            .number("tag", region.tag)
            .number("references", region.references);
        json.number("shadow_depth", region.shadow_depth)
            .text("detail", &region.detail())
            .end_object();
    }
    json.end_list().end_object();
    json.finish()
}

#[cfg(test)]
mod tests;
