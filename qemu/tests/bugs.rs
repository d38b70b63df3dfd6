//! `docs/bugs.md` is true: each test that it names stands in the file that it names.

use std::path::Path;

/// A row: the bug, its test, and where that is.
struct Row<'a> {
    bug: &'a str,
    test: &'a str,
    place: &'a str,
}

fn rows(text: &str) -> Vec<Row<'_>> {
    let cells = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let row = Row {
            bug: cells.next()?,
            test: cells.next()?,
            place: cells.next()?,
        };
        (row.bug != "row" && row.bug != "---").then_some(row)
    });
    cells.collect()
}

/// What stands between backquotes at the beginning of a cell.
fn quoted(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?
        .split_once('`')
        .map(|(text, _)| text)
}

/// What is wrong with a row, if anything is.
fn wrong(root: &Path, row: &Row<'_>) -> Option<String> {
    if ["not yet: ", "not here: "]
        .iter()
        .any(|why| row.place.starts_with(why))
    {
        return None;
    }
    let (Some(test), Some(place)) = (quoted(row.test), quoted(row.place)) else {
        return Some(format!("{}: no test and no reason", row.bug));
    };
    let Ok(source) = std::fs::read_to_string(root.join(place)) else {
        return Some(format!("{}: there is no {place}", row.bug));
    };
    if place.ends_with(".c") {
        return None;
    }
    let name = test.rsplit("::").next().unwrap_or(test);
    // With its bracket: a name that begins like it is another one.
    (!source.contains(&format!("fn {name}(")))
        .then(|| format!("{}: {place} has no {name}", row.bug))
}

#[test]
fn every_bug_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("docs/bugs.md")).unwrap();
    let rows = rows(&text);
    let wrong: Vec<String> = rows.iter().filter_map(|row| wrong(root, row)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for bug in (1..=33)
        .map(|n| n.to_string())
        .chain((1..=12).map(|n| format!("M{n}")))
    {
        assert!(
            rows.iter().any(|row| row.bug == bug),
            "{bug} is not in the list"
        );
    }
}

#[test]
fn what_is_missing_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = "| row | test | where |\n|---|---|---|\n\
        | 1 | `bugs::what_is_missing_is_found` | `qemu/tests/bugs.rs` |\n\
        | 2 | `bugs::what_is_missing` | `qemu/tests/bugs.rs` |\n\
        | 3 | `bugs::gone` | `qemu/tests/gone.rs` |\n\
        | 4 | nothing | here |\n\
        | 5 | nothing | not yet: needs time |\n";
    let rows = rows(text);
    let wrong: Vec<&str> = rows
        .iter()
        .filter(|row| wrong(root, row).is_some())
        .map(|row| row.bug)
        .collect();
    assert_eq!(wrong, ["2", "3", "4"]);
}
