//! `vmmap`.
//!
//! Owns: walking a task's map and naming the executable's segments. Does not own: the report (`crate::vmmap`).

use super::objects::Asked;
use super::options::{number, program};
use super::out::{complain, print};
use super::processes::{name, path, records, task, task_info};
use super::{c, sys};
use crate::vmmap::objects::{Graph, dot};
use crate::vmmap::{Options, Process, Region, json, report};
use abi::proc::{KinfoProc, PROC_PIDREGIONPATHINFO, ProcRegionWithPathInfo};
use abi::region::RegionSubmapInfo64;
use abi::task_info::{TASK_VM_INFO, TaskVmInfo};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem::MaybeUninit;

program!(vmmap_main, vmmap);

/// Exit code of all failures but usage.
const FAILED: i32 = 255;

/// A segment of the executable: name, unslid address, bytes, bytes from the file's start.
struct Segment {
    name: String,
    address: u64,
    size: u64,
    offset: u64,
}

/// `LC_SEGMENT_64`.
const LC_SEGMENT_64: u32 = 0x19;
/// The most bytes of load commands that are read.
const MOST_COMMANDS: usize = 1 << 20;

/// The segments of a Mach-O file.
fn segments(path: &str) -> Vec<Segment> {
    let read = || -> Option<Vec<Segment>> {
        let fd = sys::open(path.as_bytes(), 0, 0).ok()?;
        let mut head = [0u8; 32];
        let got = sys::read_at(fd, &mut head, 0).ok()?;
        let word = |bytes: &[u8], at: usize| {
            Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
        };
        let long = |bytes: &[u8], at: usize| {
            Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
        };
        let (count, size) = (word(&head, 16)?, word(&head, 20)? as usize);
        let mut commands = alloc::vec![0u8; size.min(MOST_COMMANDS)];
        let answer = sys::read_at(fd, &mut commands, 32);
        sys::close(fd);
        if got != head.len() || answer.ok()? != commands.len() {
            return None;
        }
        let mut segments = Vec::new();
        let mut rest = &commands[..];
        for _ in 0..count {
            let (command, length) = (word(rest, 0)?, word(rest, 4)? as usize);
            if command == LC_SEGMENT_64 {
                let segment = Segment {
                    name: name(rest.get(8..24)?),
                    address: long(rest, 24)?,
                    size: long(rest, 32)?,
                    offset: long(rest, 40)?,
                };
                segments.push(segment);
            }
            rest = rest.get(length.max(8)..)?;
        }
        Some(segments)
    };
    read().unwrap_or_default()
}

/// The file behind the region at `address`.
fn region_path(pid: i32, address: u64) -> Option<(u64, String)> {
    let mut info = MaybeUninit::<ProcRegionWithPathInfo>::zeroed();
    let size = size_of::<ProcRegionWithPathInfo>() as i32;
    // SAFETY: the record is ours; zeros are a value of it.
    unsafe {
        if c::proc_pidinfo(
            pid,
            PROC_PIDREGIONPATHINFO,
            address,
            info.as_mut_ptr().cast(),
            size,
        ) != size
        {
            return None;
        }
        let info = info.assume_init_ref();
        let path = name(&info.path);
        (info.region.address == address && !path.is_empty()).then_some((info.region.offset, path))
    }
}

/// The regions of a task, in order.
fn regions(task: u32, pid: i32) -> Result<Vec<(Region, u64)>, i32> {
    let mut all = Vec::new();
    let mut at = 0u64;
    loop {
        let mut info = RegionSubmapInfo64::default();
        let (mut size, mut depth) = (0u64, 1u32);
        let mut count = (size_of::<RegionSubmapInfo64>() / 4) as u32;
        // SAFETY: the record has `count` words.
        let code = unsafe {
            c::mach_vm_region_recurse(
                task,
                &mut at,
                &mut size,
                &mut depth,
                (&raw mut info).cast(),
                &mut count,
            )
        };
        match code {
            0 => {}
            // The end of the map.
            1 => return Ok(all),
            code => return Err(code),
        }
        let file = if info.external_pager != 0 || info.user_tag == 0 {
            region_path(pid, at)
        } else {
            None
        };
        let offset = file.as_ref().map_or(info.offset, |file| file.0);
        let region = Region {
            start: at,
            size,
            protection: info.protection as u32,
            max_protection: info.max_protection as u32,
            tag: info.user_tag,
            share_mode: info.share_mode,
            external: info.external_pager != 0,
            resident: u64::from(info.pages_resident),
            dirty: u64::from(info.pages_dirtied),
            swapped: u64::from(info.pages_swapped_out),
            references: info.ref_count,
            shadow_depth: u32::from(info.shadow_depth),
            segment: None,
            path: file.map(|file| file.1),
        };
        all.push((region, offset));
        match at.checked_add(size.max(1)) {
            Some(next) => at = next,
            None => return Ok(all),
        }
    }
}

/// Gives regions of the executable their segment's name; answers where the image begins.
fn name_segments(regions: &mut [(Region, u64)], executable: &str) -> u64 {
    let segments = segments(executable);
    let Some(text) = segments.iter().find(|segment| segment.name == "__TEXT") else {
        return 0;
    };
    let image = regions.iter().find(|(region, offset)| {
        region.path.as_deref() == Some(executable) && *offset == text.offset
    });
    let Some(load) = image.map(|(region, _)| region.start) else {
        return 0;
    };
    let slide = load.wrapping_sub(text.address);
    for (region, _) in regions {
        let inside = |segment: &&Segment| {
            let start = segment.address.wrapping_add(slide);
            segment.name != "__PAGEZERO" && region.start.wrapping_sub(start) < segment.size.max(1)
        };
        if let Some(segment) = segments.iter().find(inside) {
            region.segment = Some(segment.name.clone());
            region.path = Some(executable.into());
        }
    }
    load
}

fn time_text(seconds: i64) -> String {
    let date = crate::ls::date(seconds, seconds);
    format!("{date} UTC")
}

fn find(records: &[KinfoProc], wanted: &[u8]) -> Option<KinfoProc> {
    if let Some(pid) = number(wanted) {
        return records
            .iter()
            .find(|record| i64::from(record.pid) == pid)
            .copied();
    }
    let wanted = String::from_utf8_lossy(wanted).into_owned();
    records
        .iter()
        .find(|record| name(&record.comm).contains(&wanted))
        .copied()
}

const USAGE: &str = "usage: vmmap [-s] [-w] [-v] [-pages] [-interleaved] [-noCoalesce] [-summary] [--json] pid | partial-process-name [address]
       vmmap --objects [--json] pid | partial-process-name ... [0xaddress ...]";

/// The command line.
#[derive(Default)]
struct Command {
    options: Options,
    json: bool,
    by_size: bool,
    objects: bool,
    operands: Vec<Vec<u8>>,
}

impl Command {
    /// `None` if it is not one.
    fn parse(args: &[Vec<u8>]) -> Option<Self> {
        let mut command = Self::default();
        let options = &mut command.options;
        for arg in args {
            match &arg[..] {
                b"-w" | b"-wide" | b"--wide" => {}
                b"-v" | b"-verbose" | b"-noCoalesce" => options.no_coalesce = true,
                b"-pages" | b"--pages" => options.pages = true,
                b"-interleaved" => options.interleaved = true,
                b"-summary" | b"--summary" => options.summary = true,
                b"-s" | b"-sortBySize" => command.by_size = true,
                b"--objects" => command.objects = true,
                b"--json" => command.json = true,
                operand if operand.first() != Some(&b'-') => command.operands.push(arg.clone()),
                _ => return None,
            }
        }
        let most = if command.objects { usize::MAX } else { 2 };
        (1..=most)
            .contains(&command.operands.len())
            .then_some(command)
    }
}

/// What is known of a process that may be examined.
struct Examined {
    record: KinfoProc,
    task: u32,
    regions: Vec<Region>,
    executable: String,
    load_address: u64,
}

fn failed(what: &str, why: &str) -> i32 {
    let me = sys::pid();
    complain(&format!(
        "vmmap[{me}]: vmmap cannot examine process {what} {why}"
    ));
    FAILED
}

const UNKNOWN: &str =
    "for unknown reasons, even though it appears to exist; try running with `sudo`.";

/// Looks at a process by its number or a part of its name; complains and answers the exit code if it
/// may not.
fn examine(wanted: &[u8], records: &[KinfoProc]) -> Result<Examined, i32> {
    let text = String::from_utf8_lossy(wanted);
    let record = find(records, wanted);
    let record =
        record.ok_or_else(|| failed(&text, "because it no longer appears to be running."))?;
    let what = format!("{} ({})", record.pid, name(&record.comm));
    let privileges =
        "because you do not have appropriate privileges to examine it; try running with `sudo`.";
    let task = task(record.pid).map_err(|_| failed(&what, privileges))?;
    let mut found = regions(task, record.pid).map_err(|_| failed(&what, UNKNOWN))?;
    let executable = path(record.pid);
    let load_address = name_segments(&mut found, &executable);
    Ok(Examined {
        record,
        task,
        regions: found.into_iter().map(|pair| pair.0).collect(),
        executable,
        load_address,
    })
}

fn hexadecimal(text: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(text).ok()?;
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

fn vmmap(args: &[Vec<u8>]) -> i32 {
    let Some(command) = Command::parse(args) else {
        complain(USAGE);
        return 1;
    };
    let done = if command.objects {
        draw(&command)
    } else {
        tell(command)
    };
    done.unwrap_or_else(|code| code)
}

/// `vmmap --objects`: the graph of some processes, or of what they have at some addresses.
fn draw(command: &Command) -> Result<i32, i32> {
    let (addresses, processes): (Vec<_>, Vec<_>) = command
        .operands
        .iter()
        .partition(|operand| operand.starts_with(b"0x"));
    let only: Option<Vec<u64>> = addresses
        .into_iter()
        .map(|text| hexadecimal(text))
        .collect();
    let Some(only) = only.filter(|_| !processes.is_empty()) else {
        complain(USAGE);
        return Err(1);
    };
    let records = records().unwrap_or_default();
    let mut graph = Graph::new(super::vm_stat::page_size());
    for wanted in processes {
        let examined = examine(wanted, &records)?;
        let (pid, name) = (examined.record.pid, name(&examined.record.comm));
        let asked = Asked {
            task: examined.task,
            pid,
            name: &name,
            regions: &examined.regions,
            only: &only,
        };
        let added = super::objects::add(&mut graph, &asked);
        added.map_err(|_| failed(&format!("{pid} ({name})"), UNKNOWN))?;
    }
    Ok(print(&if command.json {
        crate::vmmap::objects::json(&graph)
    } else {
        dot(&graph)
    }))
}

/// The report.
fn tell(command: Command) -> Result<i32, i32> {
    let records = records().unwrap_or_default();
    let mut examined = examine(&command.operands[0], &records)?;
    let (mut options, record) = (command.options, examined.record);
    if let Some(text) = command.operands.get(1) {
        let Some(address) = hexadecimal(text) else {
            complain(USAGE);
            return Err(1);
        };
        let contains = |region: &Region| (region.start..region.end()).contains(&address);
        examined.regions.retain(contains);
    }
    if command.by_size {
        let size = |region: &Region| core::cmp::Reverse(region.size);
        examined.regions.sort_by_key(size);
        options.no_coalesce = true;
    }
    let parent = records
        .iter()
        .find(|other| other.pid == record.ppid)
        .map_or("???".into(), |other| name(&other.comm));
    let footprint =
        task_info::<TaskVmInfo>(examined.task, TASK_VM_INFO).map_or(0, |info| info.phys_footprint);
    let process = Process {
        pid: record.pid,
        name: name(&record.comm),
        path: examined.executable,
        load_address: examined.load_address,
        code_type: sys::sysctl_text("hw.machine")
            .unwrap_or_default()
            .to_uppercase(),
        parent: (parent, record.ppid),
        date: time_text(sys::now()),
        launch: time_text(record.start_sec),
        system: format!(
            "{} {}",
            sys::sysctl_text("kern.ostype").unwrap_or_default(),
            sys::sysctl_text("kern.osrelease").unwrap_or_default()
        ),
        footprint,
        page_size: super::vm_stat::page_size(),
    };
    Ok(print(&if command.json {
        json(&process, &examined.regions)
    } else {
        report(&process, &examined.regions, options, "/bin/vmmap")
    }))
}
