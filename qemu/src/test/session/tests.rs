//! Sessions against shell scripts that stand in for QEMU.

use super::*;
use std::os::unix::fs::PermissionsExt;

/// What every script begins with: `record JSON`, `skip` and `only` from the boot arguments.
const PRELUDE: &str = r#"#!/bin/sh
args="$*"
skip=0; only=
for word in $args; do
  case $word in skip=*) skip=${word#skip=};; isolate=*) only=${word#isolate=};; esac
done
record() { printf '\001%s\n' "$1"; }
start() { record "{\"ev\":\"start\",\"test\":\"$1\"}"; }
end() { record "{\"ev\":\"end\",\"test\":\"$1\",\"result\":\"$2\",\"why\":\"$3\"}"; }
plan() { names=; n=0; for t in "$@"; do names="$names${names:+,}\"$t\""; n=$((n+1)); done
  record "{\"ev\":\"plan\",\"count\":$n,\"seed\":1,\"tests\":[$names]}"; }
done_() { record "{\"ev\":\"done\",\"ran\":$1,\"passed\":$2,\"failed\":$3,\"skipped\":$4}"; exit 33; }
"#;

/// A guest with four tests: a passes, b fails, c ends the machine as `crash` says, d is skipped.
fn four_tests(crash: &str) -> String {
    format!(
        r#"
if [ -n "$only" ]; then plan "$only"; else
  all="a b c d"; rest=; i=0; for t in $all; do [ $i -ge $skip ] && rest="$rest $t"; i=$((i+1)); done
  plan $rest
fi
ran=0; ok=0; bad=0; skipped=0
for t in ${{only:-$rest}}; do
  start $t; ran=$((ran+1))
  case $t in
    a) echo "said by a"; end a ok; ok=$((ok+1));;
    b) end b fail "2 is not 3"; bad=$((bad+1));;
    c) echo "last words"; {crash};;
    d) end d skip "no second CPU"; skipped=$((skipped+1));;
  esac
done
done_ $ran $ok $bad $skipped
"#
    )
}

#[derive(Default)]
struct Quiet {
    planned: usize,
}

impl Listener for Quiet {
    fn planned(&mut self, tests: usize) {
        self.planned = tests;
    }
    fn started(&mut self, _name: &str) {}
    fn judged(&mut self, _result: &TestResult) {}
}

fn session(script: &str, boots: Boots) -> (Session, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("qemu");
    std::fs::write(&program, format!("{PRELUDE}{script}")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let machine = Machine {
        disks: Vec::new(),
        arch: Arch::Aarch64,
        memory: "256M".parse().unwrap(),
        smp: 2,
        cpu: "max".into(),
        granule: Granule::Small,
        clock: crate::machine::Clock::Host,
        program: program.into(),
    };
    let limits = Limits {
        boot: Duration::from_secs(20),
        test: Duration::from_secs(1),
    };
    let choice = Choice {
        filter: None,
        seed: 9,
        boots,
        jitter: None,
    };
    (
        Session {
            machine,
            image: "image".into(),
            archive: "archive".into(),
            choice,
            limits,
        },
        folder,
    )
}

fn fates(results: &[TestResult]) -> Vec<(&str, &Fate)> {
    results
        .iter()
        .map(|result| (result.case.name.as_str(), &result.case.fate))
        .collect()
}

#[test]
fn one_crash_costs_one_test() {
    for boots in [Boots::Shared, Boots::Isolated] {
        let (session, _folder) = session(&four_tests("exit 0"), boots);
        let mut listener = Quiet::default();
        let results = session.run(&mut listener).unwrap();
        assert_eq!(
            fates(&results),
            [
                ("a", &Fate::Passed),
                ("b", &Fate::Failed("2 is not 3".into())),
                ("c", &Fate::Crashed(Outcome::Reset)),
                ("d", &Fate::Skipped("no second CPU".into())),
            ]
        );
        assert_eq!(listener.planned, 4);
        assert_eq!(results[0].case.output, b"said by a\n");
        assert_eq!(results[2].case.output, b"last words\n");
    }
}

#[test]
fn a_panic_keeps_its_message() {
    let crash = r#"record '{"ev":"panic","msg":"I-OBJ-2"}'; exit 35"#;
    let (session, _folder) = session(&four_tests(crash), Boots::Shared);
    let results = session.run(&mut Quiet::default()).unwrap();
    assert_eq!(
        results[2].case.fate,
        Fate::Crashed(Outcome::Panic("I-OBJ-2".into()))
    );
    assert_eq!(results.len(), 4);
}

#[test]
fn a_hang_is_named_and_the_rest_runs() {
    let (session, _folder) = session(&four_tests("exec sleep 100"), Boots::Shared);
    let results = session.run(&mut Quiet::default()).unwrap();
    assert!(
        matches!(&results[2].case.fate, Fate::Crashed(Outcome::Hang(place, _)) if place == "c")
    );
    assert_eq!(results[3].case.name, "d");
}

#[test]
fn endless_output_does_not_feed_the_watchdog() {
    let (session, _folder) = session(
        &four_tests("while :; do echo x; sleep 0.05; done"),
        Boots::Shared,
    );
    let results = session.run(&mut Quiet::default()).unwrap();
    assert!(
        matches!(&results[2].case.fate, Fate::Crashed(Outcome::Hang(place, _)) if place == "c")
    );
}

#[test]
fn a_machine_that_plans_nothing_is_a_machine_failure() {
    let (session, _folder) = session(
        r#"echo booting; record '{"ev":"fail","msg":"no 16 KiB granule"}'; exit 35"#,
        Boots::Shared,
    );
    let failure = session.run(&mut Quiet::default()).unwrap_err();
    assert_eq!(failure.code(), crate::failure::MACHINE_FAILED);
    assert!(
        failure.to_string().contains("no 16 KiB granule")
            && failure.to_string().contains("booting")
    );
}

#[test]
fn a_qemu_that_fails_is_named_as_such() {
    let (session, _folder) = session("echo 'no such device' >&2; exit 1", Boots::Shared);
    let failure = session.plan().unwrap_err();
    assert_eq!(failure.code(), crate::failure::NOT_STARTED);
    assert!(failure.to_string().contains("QEMU error: no such device"));
}

#[test]
fn a_boot_that_lies_about_its_counts_fails() {
    let (session, _folder) = session("plan a b\nstart a\nend a ok\ndone_ 2 2 0 0", Boots::Shared);
    let results = session.run(&mut Quiet::default()).unwrap();
    assert!(
        matches!(&results[1].case.fate, Fate::Failed(why) if why.contains("done record") && why.contains("first is b"))
    );
}

#[test]
fn listing_runs_nothing() {
    let (session, _folder) = session("plan a b\nexec sleep 100", Boots::Shared);
    assert_eq!(session.plan().unwrap(), ["a", "b"]);
}

#[test]
fn the_repeating_command_names_the_machine_and_the_seed() {
    let (session, _folder) = session(
        "plan a\nstart a\nend a fail because\ndone_ 1 0 1 0",
        Boots::Shared,
    );
    let results = session.run(&mut Quiet::default()).unwrap();
    assert_eq!(
        results[0].repeat,
        "cargo vellum test a --arch aarch64 --granule 4k --smp 2 --seed 9"
    );
}

#[test]
fn limits_grow_with_a_slow_host_and_never_shrink() {
    let limit = Duration::from_secs(40);
    assert_eq!(scaled(limit, Duration::from_millis(50)), limit);
    assert_eq!(scaled(limit, Duration::from_secs(2)), limit * 4);
    assert_eq!(scaled(limit, Duration::from_secs(100)), limit * 20);
}
