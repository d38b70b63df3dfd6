use super::*;
use alloc::format;
use alloc::vec;

const PAGE: u64 = 16384;

fn run(first: u64, pages: u32, state: u32) -> VmPageRun {
    VmPageRun {
        first,
        pages,
        state: state | VM_PAGE_RUN_RESIDENT,
    }
}

/// An object of so many pages whose first `resident` are there.
fn object(number: u64, pages: u64, resident: u32) -> VmObjectRecord {
    VmObjectRecord {
        number,
        size: pages * PAGE,
        ref_count: 1,
        resident,
        copy_strategy: MEMORY_OBJECT_COPY_SYMMETRIC,
        purgable: 3,
        flags: VM_OBJECT_INTERNAL,
        runs: u32::from(resident != 0),
        ..VmObjectRecord::default()
    }
}

fn entry(map: u64, start: u64, flags: u32) -> VmEntryRecord {
    VmEntryRecord {
        map,
        start,
        end: start + 4 * PAGE,
        protection: 3,
        max_protection: 7,
        flags,
        ..VmEntryRecord::default()
    }
}

/// A map whose entry has a written copy of what another one still shows.
fn forked() -> Graph {
    let mut graph = Graph::new(PAGE);
    let below = VmObjectRecord {
        ref_count: 2,
        ..object(7, 4, 3)
    };
    let front = VmObjectRecord {
        shadow: 7,
        shadow_offset: PAGE,
        ..object(9, 3, 1)
    };
    let written = Answer {
        entry: entry(5, 0x10_0000, 0),
        objects: vec![front, below],
        runs: vec![run(1, 1, 0), run(0, 3, 0)],
        kind: "VM_ALLOCATE".into(),
        detail: String::new(),
    };
    graph.add(40, "par\"ent\\N", written);
    let shared = Answer {
        entry: VmEntryRecord {
            offset: PAGE,
            ..entry(6, 0x10_0000, VM_ENTRY_NEEDS_COPY)
        },
        objects: vec![below],
        runs: vec![run(0, 3, 0)],
        kind: "VM_ALLOCATE".into(),
        detail: String::new(),
    };
    graph.add(41, "child", shared);
    graph
}

#[test]
fn the_pages_of_an_object_are_a_line() {
    let line = |pages, runs: &[VmPageRun]| picture(&object(1, pages, 0), runs, PAGE);
    assert_eq!(line(4, &[]), "....");
    assert_eq!(line(4, &[run(0, 1, 0), run(3, 1, 0)]), "R..R");
    let all = [
        run(1, 1, VM_PAGE_RUN_OWED),
        run(2, 2, VM_PAGE_RUN_WIRED),
        run(5, 1, VM_PAGE_RUN_BUSY | VM_PAGE_RUN_OWED),
    ];
    assert_eq!(line(6, &all), ".OWW.B");
    assert_eq!(
        line(100, &[run(0, 1, 0), run(4, 20, 0), run(30, 1, 0)]),
        "R... R*20 ......R .*69"
    );
    assert_eq!(line(1000, &[]), ".*1000");
    let holes: Vec<_> = (0..40).map(|n| run(2 * n, 1, 0)).collect();
    assert_eq!(line(80, &holes), "R.".repeat(12) + " and 56 more runs");
    // A page beyond the object's end, which a file that was cut may have for a moment.
    assert_eq!(line(1, &[run(2, 1, 0)]), "..R");
}

#[test]
fn a_fork_is_drawn_with_its_links() {
    let want = r#"digraph objects {
	rankdir=LR;
	node [shape=box, fontname="monospace"];
	edge [fontname="monospace"];
	map5 [label="par\"ent\\N [40]\nmap 5", shape=oval];
	entry5_100000 [label="VM_ALLOCATE\n100000-110000\nrw-/rwx"];
	map5 -> entry5_100000;
	entry5_100000 -> object9;
	map6 [label="child [41]\nmap 6", shape=oval];
	entry6_100000 [label="VM_ALLOCATE\n100000-110000\nrw-/rwx needs_copy"];
	map6 -> entry6_100000;
	entry6_100000 -> object7 [label="+0x4000"];
	object7 [label="object 7\npages 4, resident 3\nrefs 2, copied symmetric\nRRR.", style=rounded];
	object9 [label="object 9\npages 3, resident 1\nrefs 1, copied symmetric\n.R.", style=rounded];
	object9 -> object7 [label="shadow +0x4000"];
}
"#;
    assert_eq!(dot(&forked()), want);
}

#[test]
fn what_is_not_shown_has_a_node_of_its_own() {
    let mut graph = Graph::new(PAGE);
    let original = VmObjectRecord {
        copy: 12,
        wired: 1,
        copy_strategy: MEMORY_OBJECT_COPY_DELAY,
        purgable: VM_PURGABLE_VOLATILE as u32,
        flags: VM_OBJECT_INTERNAL | VM_OBJECT_TRUE_SHARE,
        ..object(11, 1, 1)
    };
    let answer = |entry, objects: Vec<_>, runs| Answer {
        entry,
        objects,
        runs,
        kind: "a\nb\t".into(),
        detail: "/x \"y\"".into(),
    };
    let shown = entry(5, 0x1000, VM_ENTRY_SHARED | VM_ENTRY_PERMANENT);
    graph.add(1, "p", answer(shown, vec![original], vec![run(0, 1, 2)]));
    let naming = |start, submap| VmEntryRecord {
        submap,
        ..entry(5, start, 0)
    };
    graph.add(1, "p", answer(naming(0x20_0000, 8), vec![], vec![]));
    graph.add(1, "p", answer(naming(0x30_0000, 9), vec![], vec![]));
    graph.add(1, "p", answer(naming(0x40_0000, 0), vec![], vec![]));
    graph.add_inside(answer(
        entry(8, 0x20_0000, 0),
        vec![object(13, 1, 0)],
        vec![],
    ));
    let text = dot(&graph);
    for line in [
        "\tentry5_1000 [label=\"a?b? /x \\\"y\\\"\\n1000-11000\\nrw-/rwx shared permanent\"];\n",
        "\tobject11 [label=\"object 11\\npages 1, resident 1, wired 1\\nrefs 1, copied delay, true share, volatile\\nW\", style=rounded];\n",
        "\tobject11 -> object12 [label=\"copy\", style=dashed, constraint=false];\n",
        "\tobject12 [label=\"object 12\\nnot shown here\", style=dashed];\n",
        "\tentry5_200000 -> map8;\n",
        "\tmap8 [label=\"submap 8\", shape=oval];\n",
        "\tentry8_200000 -> object13;\n",
        "\tentry5_300000 -> map9;\n",
        "\tmap9 [label=\"submap 9\\nempty\", shape=oval];\n",
        "rw-/rwx\\nno object\"];\n",
    ] {
        assert!(text.contains(line), "no {line} in {text}");
    }
    assert!(!text.contains("entry5_400000 ->"));
    check_grammar(&text);
    check_grammar(&dot(&forked()));
}

/// Every line is a node or an edge of the language, and every edge is between nodes.
fn check_grammar(text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.first(), Some(&"digraph objects {"));
    assert_eq!(lines.last(), Some(&"}"));
    let body = &lines[4..lines.len() - 1];
    let name = |text: &str| {
        let word = text.split([' ', ';']).next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(!word.is_empty() && word.chars().all(plain), "{text}");
        String::from(word)
    };
    let is_edge = |line: &&&str| {
        line.split('[')
            .next()
            .is_some_and(|head| head.contains("->"))
    };
    let nodes: Vec<String> = body
        .iter()
        .filter(|line| !is_edge(line))
        .map(|line| name(line.trim()))
        .collect();
    for line in body {
        assert!(line.starts_with('\t') && line.ends_with(';'), "{line}");
        // Quotes that are not escaped come in pairs.
        let mut quotes = 0;
        let mut escaped = false;
        for c in line.chars() {
            quotes += usize::from(c == '"' && !escaped);
            escaped = c == '\\' && !escaped;
        }
        assert!(quotes % 2 == 0, "{line}");
    }
    for line in body.iter().filter(is_edge) {
        let (from, to) = line.trim().split_once(" -> ").expect("an edge");
        for end in [name(from), name(to)] {
            assert!(nodes.contains(&end), "{end} is no node in {text}");
        }
    }
}

#[test]
fn the_graph_is_json() {
    let text = json(&forked());
    let object = "{\"object\":9,\"size\":49152,\"shadow\":7,\"shadow_offset\":16384,\"copy\":0,\"ref_count\":1,\"handles\":0,\"resident\":1,\"wired\":0,\"copy_strategy\":\"symmetric\",\"purgeable\":\"no\",\"internal\":true,\"true_share\":false,\"uncached\":false,\"picture\":\".R.\",\"pages\":[{\"first\":1,\"count\":1,\"wired\":false,\"busy\":false,\"owed\":false}]}";
    assert!(text.contains(object), "{text}");
    let map = "{\"map\":6,\"pid\":41,\"name\":\"child\",\"entries\":[{\"type\":\"VM_ALLOCATE\",\"detail\":\"\",\"start\":1048576,\"end\":1114112,\"offset\":16384,\"protection\":\"rw-\",\"max_protection\":\"rwx\",\"inheritance\":0,\"tag\":0,\"needs_copy\":true,\"shared\":false,\"permanent\":false,\"wired_count\":0,\"user_wired_count\":0,\"object\":7,\"submap\":0}]}";
    assert!(text.contains(map), "{text}");
    assert!(text.starts_with(
        "{\"page_size\":16384,\"maps\":[{\"map\":5,\"pid\":40,\"name\":\"par\\\"ent\\\\N\","
    ));
    assert_eq!(
        text.matches("\"object\":7,\"size\"").count(),
        1,
        "what two maps show is told once"
    );
    let count = |c: char| text.chars().filter(|&d| d == c).count();
    assert_eq!((count('{'), count('[')), (count('}'), count(']')));
    assert!(format!("{text}").ends_with("]}\n"));
}
