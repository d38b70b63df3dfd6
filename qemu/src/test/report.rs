//! The results as text: libtest's, KTAP, JUnit, JSON.
//!
//! Owns: the four formats. Does not own: the judgement (`judge`).

use super::judge::Fate;
use super::session::TestResult;
use serde_json::json;
use std::fmt::Write;
use std::time::Duration;

/// A format of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// As Rust's own test runner prints.
    Pretty,
    /// The kernel test anything protocol, version 1.
    Ktap,
    /// JUnit's XML.
    Junit,
    /// One JSON object a line.
    Json,
}

/// The results of one machine.
pub struct Suite {
    /// Which machine: `x86_64`, `aarch64 --granule 4k` …
    pub machine: String,
    /// The seed.
    pub seed: u64,
    /// The tests in the order in which they ended.
    pub results: Vec<TestResult>,
    /// How long all of it took.
    pub took: Duration,
}

/// How many tests met which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: usize,
    /// Failed, crashes included.
    pub failed: usize,
    /// Skipped.
    pub skipped: usize,
}

impl Counts {
    /// The counts of some results.
    pub fn of(results: &[TestResult]) -> Self {
        let mut counts = Self::default();
        for result in results {
            match result.case.fate {
                Fate::Passed => counts.passed += 1,
                Fate::Skipped(_) => counts.skipped += 1,
                Fate::Failed(_) | Fate::Crashed(_) => counts.failed += 1,
            }
        }
        counts
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }

    /// `N passed, N failed`, and the skipped ones where there are any.
    pub fn line(self) -> String {
        match self.skipped {
            0 => format!("{} passed, {} failed", self.passed, self.failed),
            skipped => format!(
                "{} passed, {} failed, {skipped} skipped",
                self.passed, self.failed
            ),
        }
    }
}

/// Why a test did not pass, empty if it did.
pub fn reason(fate: &Fate) -> String {
    match fate {
        Fate::Passed => String::new(),
        Fate::Failed(why) | Fate::Skipped(why) => why.clone(),
        Fate::Crashed(outcome) => outcome.to_string(),
    }
}

/// The one-word result of a test in machine-readable formats.
pub fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Passed => "passed",
        Fate::Failed(_) => "failed",
        Fate::Skipped(_) => "skipped",
        Fate::Crashed(outcome) => outcome.name(),
    }
}

/// libtest's line for one test.
pub fn pretty_line(result: &TestResult) -> String {
    let what = match &result.case.fate {
        Fate::Passed => "ok".to_string(),
        Fate::Failed(_) => "FAILED".to_string(),
        Fate::Skipped(why) => format!("ignored, {why}"),
        Fate::Crashed(outcome) => format!("FAILED ({})", outcome.name()),
    };
    format!("test {} ... {what}", result.case.name)
}

/// libtest's end of a suite: the failures with their output, then the counts.
pub fn pretty_end(suite: &Suite) -> String {
    let mut text = String::new();
    let failed: Vec<&TestResult> = suite
        .results
        .iter()
        .filter(|r| matches!(r.case.fate, Fate::Failed(_) | Fate::Crashed(_)))
        .collect();
    if !failed.is_empty() {
        text.push_str("\nfailures:\n");
        for result in &failed {
            let case = &result.case;
            let _ = write!(text, "\n---- {} on {} ----\n", case.name, suite.machine);
            let output = String::from_utf8_lossy(&case.output);
            text.push_str(&output);
            if !output.is_empty() && !output.ends_with('\n') {
                text.push('\n');
            }
            let _ = writeln!(text, "{}", reason(&case.fate));
            if (case.pages, case.elems) != (0, 0) {
                let _ = writeln!(
                    text,
                    "pages {:+}, zone elements {:+} over the test",
                    case.pages, case.elems
                );
            }
            let _ = writeln!(text, "seed {}; to repeat: {}", suite.seed, result.repeat);
        }
        text.push_str("\nfailures:\n");
        for result in &failed {
            let _ = writeln!(text, "    {}", result.case.name);
        }
    }
    let counts = Counts::of(&suite.results);
    let _ = write!(
        text,
        "\ntest result: {}. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
        if counts.failed == 0 { "ok" } else { "FAILED" },
        counts.passed,
        counts.failed,
        counts.skipped,
        suite.took.as_secs_f64()
    );
    text
}

/// KTAP: one subtest per machine.
pub fn ktap(suites: &[Suite]) -> String {
    let mut text = format!("KTAP version 1\n1..{}\n", suites.len());
    for (number, suite) in suites.iter().enumerate() {
        let _ = write!(
            text,
            "  KTAP version 1\n  # Subtest: {}\n  # seed {}\n  1..{}\n",
            suite.machine,
            suite.seed,
            suite.results.len()
        );
        for (number, result) in suite.results.iter().enumerate() {
            let (ok, note) = match &result.case.fate {
                Fate::Passed => ("ok", String::new()),
                Fate::Skipped(why) => ("ok", format!(" # SKIP {}", one_line(why))),
                fate => ("not ok", format!(" # {}", one_line(&reason(fate)))),
            };
            let _ = writeln!(text, "  {ok} {} {}{note}", number + 1, result.case.name);
            if ok == "not ok" {
                let _ = writeln!(text, "  # to repeat: {}", result.repeat);
            }
        }
        let ok = if Counts::of(&suite.results).failed == 0 {
            "ok"
        } else {
            "not ok"
        };
        let _ = writeln!(text, "{ok} {} {}", number + 1, suite.machine);
    }
    text
}

/// JUnit's XML: one suite per machine.
pub fn junit(suites: &[Suite]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in suites {
        let counts = Counts::of(&suite.results);
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.3}\">",
            xml(&suite.machine),
            suite.results.len(),
            counts.failed,
            counts.skipped,
            suite.took.as_secs_f64()
        );
        let _ = writeln!(
            text,
            "    <properties><property name=\"seed\" value=\"{}\"/></properties>",
            suite.seed
        );
        for result in &suite.results {
            let case = &result.case;
            let _ = write!(
                text,
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
                xml(&suite.machine),
                xml(&case.name),
                result.took.as_secs_f64()
            );
            match &case.fate {
                Fate::Passed => text.push_str("/>\n"),
                Fate::Skipped(why) => {
                    let _ = writeln!(text, "><skipped message=\"{}\"/></testcase>", xml(why));
                }
                fate => {
                    let _ = writeln!(
                        text,
                        "><failure type=\"{}\" message=\"{}\">{}\nto repeat: {}</failure></testcase>",
                        word(fate),
                        xml(&reason(fate)),
                        xml(&String::from_utf8_lossy(&case.output)),
                        xml(&result.repeat)
                    );
                }
            }
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// One JSON object a test, then one with the counts.
pub fn json(suites: &[Suite]) -> String {
    let mut text = String::new();
    let mut counts = Counts::default();
    for suite in suites {
        counts = counts.plus(Counts::of(&suite.results));
        for result in &suite.results {
            let case = &result.case;
            let line = json!({
                "machine": suite.machine, "test": case.name, "result": word(&case.fate), "why": reason(&case.fate),
                "insns": case.insns, "pages": case.pages, "elems": case.elems, "seconds": result.took.as_secs_f64(),
                "seed": suite.seed, "repeat": result.repeat,
            });
            let _ = writeln!(text, "{line}");
        }
    }
    let total =
        json!({"passed": counts.passed, "failed": counts.failed, "skipped": counts.skipped});
    let _ = writeln!(text, "{total}");
    text
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// Text in XML: the five characters escaped, control bytes that XML cannot carry replaced.
fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' | '\t' => safe.push(c),
            c if (c as u32) < 0x20 || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests;
