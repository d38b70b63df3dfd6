//! The graph in the language of `dot`: maps on the left, the ends of the chains on the right.

use super::{Entry, Graph, Map, Object, Owner, picture, purgeable, strategy};
use crate::vmmap::letters;
use abi::objects::*;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// A text between quotes in which nothing means anything but itself, with lines that end as they say.
fn quote(lines: &[String]) -> String {
    let mut text = String::from("\"");
    for (at, line) in lines.iter().enumerate() {
        if at != 0 {
            text.push_str("\\n");
        }
        for c in line.chars() {
            match c {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                c if c.is_control() => text.push('?'),
                c => text.push(c),
            }
        }
    }
    text.push('"');
    text
}

/// The graph.
pub fn dot(graph: &Graph) -> String {
    let mut text = String::from(
        "digraph objects {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"monospace\"];\n\tedge [fontname=\"monospace\"];\n",
    );
    for (&number, map) in &graph.maps {
        map_nodes(&mut text, number, map);
    }
    let mut elsewhere = BTreeSet::new();
    for object in graph.objects.values() {
        object_node(&mut text, object, graph.page_size);
        let links = [object.record.shadow, object.record.copy];
        elsewhere.extend(links.into_iter().filter(|&number| number != 0));
    }
    let known = |number: &u64| graph.objects.contains_key(number);
    for number in elsewhere.iter().filter(|number| !known(number)) {
        let label = quote(&[format!("object {number}"), "not shown here".into()]);
        let _ = writeln!(text, "\tobject{number} [label={label}, style=dashed];");
    }
    let named = graph.maps.values().flat_map(|map| map.entries.values());
    let submaps: BTreeSet<u64> = named.map(|entry| entry.record.submap).collect();
    let known = |number: &u64| graph.maps.contains_key(number);
    for number in submaps.iter().filter(|&&n| n != 0 && !known(&n)) {
        let label = quote(&[format!("submap {number}"), "empty".into()]);
        let _ = writeln!(text, "\tmap{number} [label={label}, shape=oval];");
    }
    text.push_str("}\n");
    text
}

fn map_nodes(text: &mut String, number: u64, map: &Map) {
    let title = match &map.owner {
        Owner::Process(pid, name) => quote(&[format!("{name} [{pid}]"), format!("map {number}")]),
        Owner::Submap => quote(&[format!("submap {number}")]),
    };
    let _ = writeln!(text, "\tmap{number} [label={title}, shape=oval];");
    for entry in map.entries.values() {
        let start = entry.record.start;
        let label = quote(&entry_lines(entry));
        let _ = writeln!(text, "\tentry{number}_{start:x} [label={label}];");
        let _ = writeln!(text, "\tmap{number} -> entry{number}_{start:x};");
        let to = match (entry.top, entry.record.submap) {
            (0, 0) => continue,
            (0, submap) => format!("map{submap}"),
            (top, _) => format!("object{top}"),
        };
        let label = offset_label("", entry.record.offset);
        let _ = writeln!(text, "\tentry{number}_{start:x} -> {to}{label};");
    }
}

/// `[label=…]` of a link, if there is something to say.
fn offset_label(what: &str, offset: u64) -> String {
    let words = match (what, offset) {
        ("", 0) => return String::new(),
        (what, 0) => what.into(),
        ("", offset) => format!("+{offset:#x}"),
        (what, offset) => format!("{what} +{offset:#x}"),
    };
    format!(" [label=\"{words}\"]")
}

fn entry_lines(entry: &Entry) -> Vec<String> {
    let record = &entry.record;
    let has = |flag| record.flags & flag != 0;
    let mut lines = Vec::new();
    let kind = format!("{} {}", entry.kind, entry.detail);
    lines.push(kind.trim_end().into());
    lines.push(format!("{:x}-{:x}", record.start, record.end));
    let mut words = format!(
        "{}/{}",
        letters(record.protection),
        letters(record.max_protection)
    );
    if has(VM_ENTRY_NEEDS_COPY) {
        words.push_str(" needs_copy");
    }
    if has(VM_ENTRY_SHARED) {
        words.push_str(" shared");
    }
    if has(VM_ENTRY_PERMANENT) {
        words.push_str(" permanent");
    }
    if record.wired_count != 0 {
        words.push_str(" wired");
    }
    lines.push(words);
    if entry.top == 0 && record.submap == 0 {
        lines.push("no object".into());
    }
    lines
}

fn object_node(text: &mut String, object: &Object, page_size: u64) {
    let record = &object.record;
    let number = record.number;
    let label = quote(&object_lines(object, page_size));
    let _ = writeln!(text, "\tobject{number} [label={label}, style=rounded];");
    if record.shadow != 0 {
        let label = offset_label("shadow", record.shadow_offset);
        let _ = writeln!(text, "\tobject{number} -> object{}{label};", record.shadow);
    }
    if record.copy != 0 {
        let _ = writeln!(
            text,
            "\tobject{number} -> object{} [label=\"copy\", style=dashed, constraint=false];",
            record.copy
        );
    }
}

fn object_lines(object: &Object, page_size: u64) -> Vec<String> {
    let record = &object.record;
    let has = |flag| record.flags & flag != 0;
    let pages = record.size.div_ceil(page_size);
    let kind = if !has(VM_OBJECT_INTERNAL) {
        " file"
    } else if has(VM_OBJECT_KERNEL) {
        " kernel"
    } else if has(VM_OBJECT_UNCACHED) {
        " uncached"
    } else if has(VM_OBJECT_CONTIGUOUS) {
        " superpage"
    } else {
        ""
    };
    let mut lines = Vec::new();
    lines.push(format!("object {}{kind}", record.number));
    let mut counts = format!("pages {pages}, resident {}", record.resident);
    if record.wired != 0 {
        let _ = write!(counts, ", wired {}", record.wired);
    }
    lines.push(counts);
    let mut words = format!("refs {}, copied {}", record.ref_count, strategy(record));
    if has(VM_OBJECT_TRUE_SHARE) {
        words.push_str(", true share");
    }
    if let Some(state) = purgeable(record) {
        let _ = write!(words, ", {state}");
    }
    lines.push(words);
    lines.push(picture(record, &object.runs, page_size));
    lines.retain(|line| !line.is_empty());
    lines
}
