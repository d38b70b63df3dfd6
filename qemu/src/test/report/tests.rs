//! The four formats of one small suite.

use super::*;
use crate::outcome::Outcome;
use crate::test::judge::Case;

fn suite() -> Suite {
    let result = |name: &str, fate: Fate| TestResult {
        case: Case {
            name: name.into(),
            fate,
            insns: 5,
            pages: 0,
            elems: -1,
            output: b"<a & b>\x01\n".to_vec(),
        },
        took: Duration::from_millis(250),
        repeat: format!("cargo vellum test {name} --arch x86_64 --seed 7"),
    };
    Suite {
        machine: "x86_64".into(),
        seed: 7,
        results: vec![
            result("good", Fate::Passed),
            result("bad", Fate::Failed("1 \"is\" not 2\nreally".into())),
            result("absent", Fate::Skipped("one CPU".into())),
            result("dead", Fate::Crashed(Outcome::TripleFault)),
        ],
        took: Duration::from_secs(1),
    }
}

#[test]
fn pretty_names_reason_output_seed_and_command() {
    let suite = suite();
    assert_eq!(pretty_line(&suite.results[0]), "test good ... ok");
    assert_eq!(
        pretty_line(&suite.results[2]),
        "test absent ... ignored, one CPU"
    );
    assert_eq!(
        pretty_line(&suite.results[3]),
        "test dead ... FAILED (triple fault)"
    );
    let end = pretty_end(&suite);
    for wanted in [
        "---- bad on x86_64 ----\n<a & b>",
        "1 \"is\" not 2",
        "zone elements -1",
        "seed 7; to repeat: cargo vellum test bad --arch x86_64 --seed 7",
        "test result: FAILED. 1 passed; 2 failed; 1 ignored;",
    ] {
        assert!(end.contains(wanted), "{wanted} in {end}");
    }
    assert!(!end.contains("---- good"));
}

#[test]
fn ktap_has_one_line_a_test() {
    let text = ktap(&[suite()]);
    for wanted in [
        "KTAP version 1\n1..1\n  KTAP version 1\n",
        "  1..4\n",
        "  ok 1 good\n",
        "  not ok 2 bad # 1 \"is\" not 2 really\n",
        "  ok 3 absent # SKIP one CPU\n",
        "  not ok 4 dead # triple fault",
        "\nnot ok 1 x86_64\n",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
}

#[test]
fn junit_escapes_what_xml_cannot_hold() {
    let text = junit(&[suite()]);
    assert!(text.contains("tests=\"4\" failures=\"2\" errors=\"0\" skipped=\"1\""));
    assert!(
        text.contains("message=\"1 &quot;is&quot; not 2\nreally\">&lt;a &amp; b&gt;\u{fffd}\n")
    );
    assert!(text.contains("<failure type=\"triple fault\""));
    assert!(!text.contains('\x01'));
}

#[test]
fn json_is_one_object_a_line() {
    let text = json(&[suite()]);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[3]["result"], "triple fault");
    assert_eq!(lines[1]["why"], "1 \"is\" not 2\nreally");
    assert_eq!(lines[4]["failed"], 2);
}

#[test]
fn the_last_line_counts_skips_only_where_there_are_any() {
    assert_eq!(
        Counts {
            passed: 3,
            failed: 0,
            skipped: 0
        }
        .line(),
        "3 passed, 0 failed"
    );
    assert_eq!(
        Counts {
            passed: 3,
            failed: 1,
            skipped: 2
        }
        .line(),
        "3 passed, 1 failed, 2 skipped"
    );
}
