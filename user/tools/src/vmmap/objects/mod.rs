//! `vmmap --objects`: maps, entries, objects and pages as a graph.
//!
//! Owns: the graph, put together from the answers about single entries, and its JSON. Its drawing is
//! `dot`, the line of letters for an object's pages `pages`. Does not own: asking the kernel
//! (`guest::objects`), the records (`abi::objects`).

mod dot;
mod pages;

pub use dot::dot;
pub use pages::picture;

use super::letters;
use crate::json::Json;
use abi::objects::*;
use abi::purgable::{VM_PURGABLE_EMPTY, VM_PURGABLE_NONVOLATILE, VM_PURGABLE_VOLATILE};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// The answer about one entry.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The entry.
    pub entry: VmEntryRecord,
    /// The objects of its chain, from the top one down.
    pub objects: Vec<VmObjectRecord>,
    /// Their pages, object after object.
    pub runs: Vec<VmPageRun>,
    /// Its REGION TYPE.
    pub kind: String,
    /// Its REGION DETAIL.
    pub detail: String,
}

/// An entry, and the number of the object on top of its chain or 0.
struct Entry {
    record: VmEntryRecord,
    top: u64,
    kind: String,
    detail: String,
}

/// Whose a map is.
enum Owner {
    Process(i32, String),
    /// Nobody's: entries name it.
    Submap,
}

struct Map {
    owner: Owner,
    /// By their first addresses.
    entries: BTreeMap<u64, Entry>,
}

struct Object {
    record: VmObjectRecord,
    runs: Vec<VmPageRun>,
}

/// Maps and objects by their numbers. What several entries lead to is in it once, as the last answer
/// had it.
#[derive(Default)]
pub struct Graph {
    page_size: u64,
    maps: BTreeMap<u64, Map>,
    objects: BTreeMap<u64, Object>,
}

impl Graph {
    /// An empty graph of memory in pages of so many bytes.
    pub fn new(page_size: u64) -> Self {
        Self {
            page_size: page_size.max(1),
            ..Self::default()
        }
    }

    /// Adds an entry of a process's own map and what it shows.
    pub fn add(&mut self, pid: i32, name: &str, answer: Answer) {
        self.insert(Owner::Process(pid, name.into()), answer);
    }

    /// Adds an entry of a submap.
    pub fn add_inside(&mut self, answer: Answer) {
        self.insert(Owner::Submap, answer);
    }

    fn insert(&mut self, owner: Owner, answer: Answer) {
        let entry = Entry {
            record: answer.entry,
            top: answer.objects.first().map_or(0, |object| object.number),
            kind: answer.kind,
            detail: answer.detail,
        };
        let map = self.maps.entry(answer.entry.map).or_insert_with(|| Map {
            owner,
            entries: BTreeMap::new(),
        });
        map.entries.insert(answer.entry.start, entry);
        let mut runs = answer.runs.into_iter();
        for record in answer.objects {
            let runs = runs.by_ref().take(record.runs as usize).collect();
            self.objects.insert(record.number, Object { record, runs });
        }
    }
}

/// The name of a copy strategy.
fn strategy(object: &VmObjectRecord) -> &'static str {
    match object.copy_strategy {
        MEMORY_OBJECT_COPY_NONE => "none",
        MEMORY_OBJECT_COPY_DELAY => "delay",
        MEMORY_OBJECT_COPY_SYMMETRIC => "symmetric",
        MEMORY_OBJECT_COPY_DELAY_FORK => "delay_fork",
        _ => "???",
    }
}

/// The state of purgeable memory; `None` if it is not purgeable.
fn purgeable(object: &VmObjectRecord) -> Option<&'static str> {
    match object.purgable as i32 {
        VM_PURGABLE_NONVOLATILE => Some("nonvolatile"),
        VM_PURGABLE_VOLATILE => Some("volatile"),
        VM_PURGABLE_EMPTY => Some("empty"),
        _ => None,
    }
}

/// The graph as JSON; sizes and offsets in bytes, pages by their index.
pub fn json(graph: &Graph) -> String {
    let mut json = Json::new();
    json.object().number("page_size", graph.page_size);
    json.list_member("maps");
    for (&number, map) in &graph.maps {
        json.object().number("map", number);
        match &map.owner {
            Owner::Process(pid, name) => json.number("pid", *pid).text("name", name),
            Owner::Submap => json.truth("submap", true),
        };
        json.list_member("entries");
        map.entries
            .values()
            .for_each(|entry| entry_json(&mut json, entry));
        json.end_list().end_object();
    }
    json.end_list().list_member("objects");
    for object in graph.objects.values() {
        object_json(&mut json, object, graph.page_size);
    }
    json.end_list().end_object();
    json.finish()
}

fn entry_json(json: &mut Json, entry: &Entry) {
    let record = &entry.record;
    let has = |flag| record.flags & flag != 0;
    json.object()
        .text("type", &entry.kind)
        .text("detail", &entry.detail);
    json.number("start", record.start)
        .number("end", record.end)
        .number("offset", record.offset);
    json.text("protection", &letters(record.protection))
        .text("max_protection", &letters(record.max_protection));
    json.number("inheritance", record.inheritance)
        .number("tag", record.user_tag);
    json.truth("needs_copy", has(VM_ENTRY_NEEDS_COPY))
        .truth("shared", has(VM_ENTRY_SHARED))
        .truth("permanent", has(VM_ENTRY_PERMANENT));
    json.number("wired_count", record.wired_count)
        .number("user_wired_count", record.user_wired_count);
    json.number("object", entry.top)
        .number("submap", record.submap)
        .end_object();
}

fn object_json(json: &mut Json, object: &Object, page_size: u64) {
    let record = &object.record;
    let has = |flag| record.flags & flag != 0;
    json.object()
        .number("object", record.number)
        .number("size", record.size);
    json.number("shadow", record.shadow)
        .number("shadow_offset", record.shadow_offset)
        .number("copy", record.copy);
    json.number("ref_count", record.ref_count)
        .number("handles", record.handles);
    json.number("resident", record.resident)
        .number("wired", record.wired);
    json.text("copy_strategy", strategy(record))
        .text("purgeable", purgeable(record).unwrap_or("no"));
    json.truth("internal", has(VM_OBJECT_INTERNAL))
        .truth("true_share", has(VM_OBJECT_TRUE_SHARE))
        .truth("uncached", has(VM_OBJECT_UNCACHED));
    json.text("picture", &picture(record, &object.runs, page_size))
        .list_member("pages");
    for run in &object.runs {
        json.object()
            .number("first", run.first)
            .number("count", run.pages);
        json.truth("wired", run.state & VM_PAGE_RUN_WIRED != 0)
            .truth("busy", run.state & VM_PAGE_RUN_BUSY != 0)
            .truth("owed", run.state & VM_PAGE_RUN_OWED != 0)
            .end_object();
    }
    json.end_list().end_object();
}

#[cfg(test)]
mod tests;
