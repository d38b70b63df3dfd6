//! `vmmap --objects`.
//!
//! Owns: asking the kernel for each entry of a task and what it shows. Does not own: the graph
//! (`crate::vmmap::objects`).

use super::c;
use crate::vmmap::Region;
use crate::vmmap::objects::{Answer, Graph};
use abi::KernReturn;
use abi::objects::{VmEntryRecord, VmObjectRecord, VmPageRun};
use alloc::string::String;
use alloc::vec::Vec;

/// Bytes of the first try, enough for a short chain.
const ROOM: u64 = 4096;
/// How often a chain may grow while it is asked for.
const TRIES: u32 = 16;

/// A task whose entries are asked for.
pub struct Asked<'a> {
    /// Its port.
    pub task: u32,
    /// Its number.
    pub pid: i32,
    /// Its name.
    pub name: &'a str,
    /// Its regions, for the names of its entries.
    pub regions: &'a [Region],
    /// Entries that contain one of these; all, if there is none.
    pub only: &'a [u64],
}

/// Adds a task's map, and the submaps that it names, to the graph.
pub fn add(graph: &mut Graph, asked: &Asked<'_>) -> Result<(), i32> {
    for (answer, _) in entries(asked, 0, 0, u64::MAX)? {
        let (start, end, submap) = (answer.entry.start, answer.entry.end, answer.entry.submap);
        graph.add(asked.pid, asked.name, answer);
        if submap != 0 {
            let inside = entries(asked, 1, start, end)?;
            for (answer, _) in inside.into_iter().filter(|(_, depth)| *depth == 1) {
                graph.add_inside(answer);
            }
        }
    }
    Ok(())
}

/// The entries from `at` on that begin before `end`, with their depths.
fn entries(asked: &Asked<'_>, depth: u32, at: u64, end: u64) -> Result<Vec<(Answer, u32)>, i32> {
    let mut all = Vec::new();
    let mut at = at;
    while let Some((mut answer, found)) = entry(asked.task, at, depth)? {
        let (start, next) = (answer.entry.start, answer.entry.end);
        if start >= end {
            break;
        }
        let wanted = |address: &u64| (start..next).contains(address);
        if asked.only.is_empty() || asked.only.iter().any(wanted) {
            (answer.kind, answer.detail) = describe(asked.regions, &answer.entry);
            all.push((answer, found));
        }
        at = next;
    }
    Ok(all)
}

/// The type and the detail of an entry, as the report has them.
fn describe(regions: &[Region], entry: &VmEntryRecord) -> (String, String) {
    if entry.submap != 0 {
        return ("submap".into(), String::new());
    }
    let region = regions
        .iter()
        .find(|region| (region.start..region.end()).contains(&entry.start));
    region.map_or_else(Default::default, |region| (region.kind(), region.detail()))
}

/// The entry at `at` or behind it and its depth; `None` behind the last one.
fn entry(task: u32, at: u64, depth: u32) -> Result<Option<(Answer, u32)>, i32> {
    let mut room = ROOM;
    for _ in 0..TRIES {
        let mut bytes = alloc::vec![0u8; room as usize];
        let (mut at, mut depth, mut size) = (at, depth, room);
        // SAFETY: the buffer has `size` bytes, and the other places are ours.
        let code = unsafe {
            c::vellum_vm_objects(task, &mut at, &mut depth, bytes.as_mut_ptr(), &mut size)
        };
        match KernReturn(code) {
            KernReturn::SUCCESS => return Ok(Some((parse(&bytes), depth))),
            KernReturn::INVALID_ADDRESS => return Ok(None),
            // It may grow again before the next try.
            KernReturn::NO_SPACE => room = size.saturating_mul(2),
            KernReturn(code) => return Err(code),
        }
    }
    Err(KernReturn::NO_SPACE.0)
}

/// The records of an answer.
fn parse(bytes: &[u8]) -> Answer {
    let head = records::<VmEntryRecord>(bytes, 0, 1);
    let entry = head.first().copied().unwrap_or_default();
    let objects_at = size_of::<VmEntryRecord>();
    let objects = records::<VmObjectRecord>(bytes, objects_at, entry.objects);
    let runs_at = objects_at + objects.len() * size_of::<VmObjectRecord>();
    Answer {
        entry,
        objects,
        runs: records::<VmPageRun>(bytes, runs_at, entry.runs),
        ..Answer::default()
    }
}

/// A record that any bytes are.
trait Record: Copy {}
impl Record for VmEntryRecord {}
impl Record for VmObjectRecord {}
impl Record for VmPageRun {}

/// So many records from a place on, as far as there are bytes.
fn records<T: Record>(bytes: &[u8], at: usize, count: u32) -> Vec<T> {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.chunks_exact(size_of::<T>())
        .take(count as usize)
        // SAFETY: the chunk has the record's size, and any bytes are a record.
        .map(|chunk| unsafe { chunk.as_ptr().cast::<T>().read_unaligned() })
        .collect()
}
