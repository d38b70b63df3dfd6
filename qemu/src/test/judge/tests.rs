//! The judge over transcripts: what must pass, and everything that must not.

use super::*;
use crate::record::Parser;

fn names() -> Vec<String> {
    vec!["a".into(), "b".into(), "c".into()]
}

/// A boot fed with records written without their escape byte, one a line.
fn boot(lines: &str) -> (Boot, Vec<Case>) {
    let mut boot = Boot::default();
    let mut parser = Parser::new();
    let mut cases = Vec::new();
    for line in lines.lines().map(str::trim) {
        let bytes = if line.starts_with('{') {
            format!("\x01{line}\n")
        } else {
            format!("{line}\n")
        };
        for item in parser.feed(bytes.as_bytes()) {
            if let Step::Ended(case) = boot.take(item) {
                cases.push(case);
            }
        }
    }
    if let Some(item) = parser.finish() {
        boot.take(item);
    }
    (boot, cases)
}

const PLAN: &str = r#"{"ev":"plan","count":3,"seed":1,"tests":["a","b","c"]}"#;

fn pass(name: &str) -> String {
    format!(
        "{{\"ev\":\"start\",\"test\":\"{name}\"}}\n{{\"ev\":\"end\",\"test\":\"{name}\",\"result\":\"ok\"}}\n"
    )
}

fn whole() -> String {
    format!(
        "{PLAN}\n{}{}{{\"ev\":\"start\",\"test\":\"c\"}}\nsaid by c\n{}\n{}\n",
        pass("a"),
        pass("b"),
        r#"{"ev":"end","test":"c","result":"skip","why":"one CPU","insns":9,"pages":-1,"elems":2}"#,
        r#"{"ev":"done","ran":3,"passed":2,"failed":0,"skipped":1}"#
    )
}

fn stopped_because(lines: &str, outcome: Outcome) -> String {
    match boot(lines).0.judge(outcome, &names()) {
        Judgement::Stopped { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_boot_is_complete() {
    let (boot, cases) = boot(&whole());
    assert_eq!(boot.judge(Outcome::Orderly, &names()), Judgement::Complete);
    assert_eq!(cases[0].fate, Fate::Passed);
    let skipped = Case {
        name: "c".into(),
        fate: Fate::Skipped("one CPU".into()),
        insns: 9,
        pages: -1,
        elems: 2,
        output: b"said by c\n".to_vec(),
    };
    assert_eq!(cases[2], skipped);
}

#[test]
fn no_line_of_a_whole_boot_can_be_missing() {
    let text = whole();
    let lines: Vec<&str> = text.lines().collect();
    for left_out in 0..lines.len() {
        if !lines[left_out].starts_with('{') {
            continue;
        }
        let rest: Vec<&str> = lines
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != left_out)
            .map(|(_, l)| *l)
            .collect();
        let judgement = boot(&rest.join("\n")).0.judge(Outcome::Orderly, &names());
        assert_ne!(
            judgement,
            Judgement::Complete,
            "without {}",
            lines[left_out]
        );
    }
}

#[test]
fn only_the_orderly_end_completes_a_boot() {
    for outcome in [
        Outcome::Reset,
        Outcome::TripleFault,
        Outcome::Panic("x".into()),
        Outcome::Qemu("y".into()),
    ] {
        let text = outcome.to_string();
        assert_eq!(stopped_because(&whole(), outcome), text);
    }
}

#[test]
fn a_crash_is_charged_to_the_running_test() {
    let lines = format!(
        "{PLAN}\n{}{{\"ev\":\"start\",\"test\":\"b\"}}\nlast words\n",
        pass("a")
    );
    let (boot, _) = boot(&lines);
    match boot.judge(Outcome::TripleFault, &names()) {
        Judgement::Interrupted { case, ran } => {
            assert_eq!((case.name.as_str(), ran), ("b", 1));
            assert_eq!(case.fate, Fate::Crashed(Outcome::TripleFault));
            assert_eq!(case.output, b"last words\n");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn wrong_counts_and_plans_are_breaches() {
    let miscounted = whole().replace("\"passed\":2", "\"passed\":3");
    assert!(stopped_because(&miscounted, Outcome::Orderly).contains("done record"));
    let short_plan = whole().replace("\"count\":3", "\"count\":4");
    assert!(stopped_because(&short_plan, Outcome::Orderly).contains("names 3"));
    let twice = whole()
        .replace(&pass("b"), &format!("{}{}", pass("b"), pass("b")))
        .replace("\"ran\":3,\"passed\":2", "\"ran\":4,\"passed\":3");
    assert!(stopped_because(&twice, Outcome::Orderly).contains("began twice"));
    let stranger = whole().replace("\"b\",\"c\"]", "\"d\",\"c\"]");
    assert!(stopped_because(&stranger, Outcome::Orderly).contains("not in the plan"));
}

#[test]
fn a_test_that_begins_inside_another_is_a_breach() {
    let lines = whole().replace(&pass("b"), "{\"ev\":\"start\",\"test\":\"b\"}\n");
    assert!(stopped_because(&lines, Outcome::Orderly).contains("began before b had ended"));
}

#[test]
fn broken_records_spoil_a_boot() {
    let lines = format!("{}{{nonsense}}\n", whole());
    assert!(stopped_because(&lines, Outcome::Orderly).contains("broken record"));
}
