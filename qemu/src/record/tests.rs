//! The parser over recorded, truncated and interleaved transcripts.

use super::*;

/// What a small test boot sends: a plain first line, then records, with program output in between.
const TRANSCRIPT: &[u8] = b"Vellum 0.1.0 x86_64\n\
\x01{\"ev\":\"log\",\"msg\":\"memory: 256 MiB\"}\n\
\x01{\"ev\":\"plan\",\"count\":2,\"seed\":7,\"tests\":[\"a\",\"b\"]}\n\
\x01{\"ev\":\"start\",\"test\":\"a\"}\n\
written by \x01\x01{a program\n\
\x01{\"ev\":\"end\",\"test\":\"a\",\"result\":\"ok\",\"why\":\"\",\"insns\":120,\"pages\":0,\"elems\":0}\n\
\x01{\"ev\":\"start\",\"test\":\"b\"}\n\
\x01{\"ev\":\"end\",\"test\":\"b\",\"result\":\"skip\",\"why\":\"one CPU\",\"insns\":5,\"pages\":0,\"elems\":0}\n\
\x01{\"ev\":\"done\",\"ran\":2,\"passed\":1,\"failed\":0,\"skipped\":1}\n";

/// Joins neighbouring data, so that results do not depend on how the bytes were cut.
fn joined(items: impl IntoIterator<Item = Item>) -> Vec<Item> {
    let mut all: Vec<Item> = Vec::new();
    for item in items {
        match (all.last_mut(), item) {
            (Some(Item::Data(before)), Item::Data(more)) => before.extend(more),
            (_, item) => all.push(item),
        }
    }
    all
}

fn parse(bytes: &[u8]) -> Vec<Item> {
    let mut parser = Parser::new();
    let mut items = parser.feed(bytes);
    items.extend(parser.finish());
    joined(items)
}

fn records(items: &[Item]) -> Vec<&Record> {
    items
        .iter()
        .filter_map(|item| {
            if let Item::Record(record) = item {
                Some(record)
            } else {
                None
            }
        })
        .collect()
}

#[test]
fn recorded_transcript_gives_its_records_and_data() {
    let items = parse(TRANSCRIPT);
    assert_eq!(items[0], Item::Data(b"Vellum 0.1.0 x86_64\n".to_vec()));
    assert_eq!(
        items[1],
        Item::Record(Record::Log {
            msg: "memory: 256 MiB".into()
        })
    );
    assert_eq!(
        items[4],
        Item::Data(b"written by \x01{a program\n".to_vec())
    );
    let records = records(&items);
    assert_eq!(
        *records[1],
        Record::Plan {
            count: 2,
            seed: 7,
            tests: vec!["a".into(), "b".into()]
        }
    );
    assert_eq!(
        *records[7 - 1],
        Record::Done {
            ran: 2,
            passed: 1,
            failed: 0,
            skipped: 1
        }
    );
    assert_eq!(records.len(), 7);
    assert_eq!(items.len(), 9);
}

#[test]
fn the_pieces_in_which_bytes_arrive_do_not_matter() {
    let whole = parse(TRANSCRIPT);
    for size in 1..40 {
        let mut parser = Parser::new();
        let mut items = Vec::new();
        for piece in TRANSCRIPT.chunks(size) {
            items.extend(parser.feed(piece));
        }
        items.extend(parser.finish());
        assert_eq!(joined(items), whole, "pieces of {size}");
    }
}

#[test]
fn truncated_transcripts_never_gain_a_record() {
    let whole = parse(TRANSCRIPT);
    let whole = records(&whole);
    for length in 0..TRANSCRIPT.len() {
        let cut = parse(&TRANSCRIPT[..length]);
        let found = records(&cut);
        assert_eq!(found[..], whole[..found.len()], "cut at {length}");
        assert!(found.len() < whole.len());
    }
}

#[test]
fn a_line_cut_inside_a_record_says_so() {
    let items = parse(b"\x01{\"ev\":\"start\",\"te");
    assert!(matches!(&items[..], [Item::Broken(text)] if text.contains("ends inside a record")));
    let items = parse(b"data\x01");
    assert!(
        matches!(&items[..], [Item::Data(_), Item::Broken(text)] if text.contains("after an escape"))
    );
}

#[test]
fn a_panic_record_inside_another_record_is_read() {
    let items = parse(
        b"\x01{\"ev\":\"log\",\"msg\":\"hal\x01{\"ev\":\"panic\",\"msg\":\"I-PG-1\"}\nf\"}\n",
    );
    assert!(matches!(&items[0], Item::Broken(text) if text.contains("inside a record")));
    assert_eq!(
        items[1],
        Item::Record(Record::Panic {
            msg: "I-PG-1".into()
        })
    );
    assert_eq!(items[2], Item::Data(b"f\"}\n".to_vec()));
}

#[test]
fn data_cannot_forge_a_record() {
    let program_wrote =
        b"\x01{\"ev\":\"done\",\"ran\":0,\"passed\":0,\"failed\":0,\"skipped\":0}\n";
    let escaped: Vec<u8> = program_wrote
        .iter()
        .flat_map(|&b| if b == ESC { vec![b, b] } else { vec![b] })
        .collect();
    assert_eq!(parse(&escaped), vec![Item::Data(program_wrote.to_vec())]);
}

#[test]
fn three_escapes_are_one_byte_of_data_and_a_record() {
    let items = parse(b"\x01\x01\x01{\"ev\":\"exec\"}\n");
    assert_eq!(items, vec![Item::Data(vec![1]), Item::Record(Record::Exec)]);
}

#[test]
fn a_record_that_is_not_json_is_broken_and_the_next_is_read() {
    let items = parse(b"\x01{nonsense}\n\x01{\"ev\":\"exit\",\"status\":7}\n");
    assert!(matches!(&items[0], Item::Broken(_)));
    assert_eq!(items[1], Item::Record(Record::Exit { status: 7 }));
}

#[test]
fn an_event_of_a_newer_kernel_is_unknown_not_broken() {
    assert_eq!(
        parse(b"\x01{\"ev\":\"trace\",\"n\":1}\n"),
        vec![Item::Record(Record::Unknown)]
    );
}

#[test]
fn a_record_without_an_end_stops_growing() {
    let mut line = b"\x01{".to_vec();
    line.resize(LONGEST + 2, b'x');
    line.extend(b"after");
    let items = parse(&line);
    assert!(matches!(&items[0], Item::Broken(text) if text.contains("without an end")));
    assert_eq!(items.len(), 2);
}
