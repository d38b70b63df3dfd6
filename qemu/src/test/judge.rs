//! One boot of the test kernel, judged by its records.
//!
//! Owns: the state machine over plan, start, end and done, and the rule that nothing passes unless the plan,
//! the ends, the done record and the exit status agree.
//! Does not own: time (`session` has the watchdog) and the text of reports (`report`).

use crate::outcome::{LastWord, Outcome};
use crate::record::{Item, Record, Verdict};

/// More output of one test than this is cut in reports (bytes).
const KEPT_OUTPUT: usize = 64 * 1024;

/// What became of one test.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It passed.
    Passed,
    /// It failed, with the reason.
    Failed(String),
    /// It did not run, with what was missing.
    Skipped(String),
    /// The machine ended while it ran.
    Crashed(Outcome),
}

/// One judged test.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub fate: Fate,
    /// Guest instructions or counter ticks it took.
    pub insns: u64,
    /// Pages gained (positive) or lost over the test.
    pub pages: i64,
    /// Zone elements gained or lost over the test.
    pub elems: i64,
    /// What was written to the serial line while it ran.
    pub output: Vec<u8>,
}

impl Case {
    /// A case of which nothing else is known.
    pub fn new(name: String, fate: Fate) -> Self {
        Self {
            name,
            fate,
            insns: 0,
            pages: 0,
            elems: 0,
            output: Vec::new(),
        }
    }

    /// A test that the machine took down with it.
    fn crashed(name: String, outcome: Outcome, output: Vec<u8>) -> Self {
        Self {
            output,
            ..Self::new(name, Fate::Crashed(outcome))
        }
    }
}

/// What an item changed, as far as the watchdog and the progress bar care.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Nothing that starts or ends a test.
    Nothing,
    /// The plan has arrived.
    Planned,
    /// A test has begun.
    Started(String),
    /// A test has ended.
    Ended(Case),
}

/// The counts of a `done` record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Done {
    ran: usize,
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// One boot as far as it has come.
#[derive(Default)]
pub struct Boot {
    plan: Option<Vec<String>>,
    ended: Vec<(String, Verdict)>,
    current: Option<String>,
    output: Vec<u8>,
    done: Option<Done>,
    last_word: Option<LastWord>,
    breaches: Vec<String>,
    heard: bool,
}

impl Boot {
    /// The names that this boot said it would run.
    pub fn plan(&self) -> Option<&[String]> {
        self.plan.as_deref()
    }

    /// The test that runs.
    pub fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// Whether anything came over the line.
    pub fn heard(&self) -> bool {
        self.heard
    }

    /// The kernel's last word, if it had one.
    pub fn last_word(&self) -> Option<LastWord> {
        self.last_word.clone()
    }

    /// What the guest wrote since the last test began or ended.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Takes the next item of the line.
    pub fn take(&mut self, item: Item) -> Step {
        self.heard = true;
        match item {
            Item::Data(bytes) => self.keep(&bytes),
            Item::Broken(text) => {
                self.keep(format!("broken record: {text}\n").as_bytes());
                self.breaches.push(format!("broken record: {text}"));
            }
            Item::Record(record) => return self.record(record),
        }
        Step::Nothing
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT_OUTPUT.saturating_sub(self.output.len());
        self.output
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn record(&mut self, record: Record) -> Step {
        match record {
            Record::Log { msg } => self.keep(format!("{msg}\n").as_bytes()),
            Record::Panic { msg } => self.last_word = Some(LastWord::Panic(msg)),
            Record::Fail { msg } => self.last_word = Some(LastWord::Unfit(msg)),
            Record::Plan { count, tests, .. } => {
                if self.plan.is_some() {
                    self.breaches.push("a second plan".into());
                }
                if count != tests.len() {
                    self.breaches.push(format!(
                        "the plan counts {count} tests and names {}",
                        tests.len()
                    ));
                }
                self.plan = Some(tests);
                return Step::Planned;
            }
            Record::Start { test } => return self.start(test),
            Record::End {
                test,
                result,
                why,
                insns,
                pages,
                elems,
            } => {
                if self.current.as_deref() != Some(test.as_str()) {
                    self.breaches
                        .push(format!("{test} ended without having begun"));
                    return Step::Nothing;
                }
                self.current = None;
                self.ended.push((test.clone(), result));
                let fate = match result {
                    Verdict::Ok => Fate::Passed,
                    Verdict::Fail => Fate::Failed(why),
                    Verdict::Skip => Fate::Skipped(why),
                };
                let output = std::mem::take(&mut self.output);
                return Step::Ended(Case {
                    name: test,
                    fate,
                    insns,
                    pages,
                    elems,
                    output,
                });
            }
            Record::Done {
                ran,
                passed,
                failed,
                skipped,
            } => {
                self.done = Some(Done {
                    ran,
                    passed,
                    failed,
                    skipped,
                });
            }
            Record::Exec | Record::Exit { .. } | Record::Bench { .. } | Record::Unknown => {}
        }
        Step::Nothing
    }

    fn start(&mut self, test: String) -> Step {
        if let Some(unfinished) = self.current.take() {
            self.breaches
                .push(format!("{test} began before {unfinished} had ended"));
        }
        if !self.plan.as_ref().is_some_and(|plan| plan.contains(&test)) {
            self.breaches.push(format!("{test} is not in the plan"));
        }
        if self.ended.iter().any(|(name, _)| *name == test) {
            self.breaches.push(format!("{test} began twice"));
        }
        self.output.clear();
        self.current = Some(test.clone());
        Step::Started(test)
    }

    /// Judges the boot by how the machine ended. `expected` are the tests that it had to run.
    pub fn judge(mut self, outcome: Outcome, expected: &[String]) -> Judgement {
        let ran = self.ended.len();
        if let Some(name) = self.current.take() {
            let outcome = match outcome {
                Outcome::Orderly => {
                    Outcome::Panic("the machine was switched off in the middle of the test".into())
                }
                other => other,
            };
            return Judgement::Interrupted {
                case: Case::crashed(name, outcome, self.output),
                ran,
            };
        }
        if outcome != Outcome::Orderly {
            return Judgement::Stopped {
                why: outcome.to_string(),
                ran,
                outcome: Some(outcome),
            };
        }
        let tally = |wanted: Verdict| {
            self.ended
                .iter()
                .filter(|(_, verdict)| *verdict == wanted)
                .count()
        };
        let seen = Done {
            ran,
            passed: tally(Verdict::Ok),
            failed: tally(Verdict::Fail),
            skipped: tally(Verdict::Skip),
        };
        match self.done {
            None => self
                .breaches
                .push("the machine ended in order without a done record".into()),
            Some(done) if done != seen => self
                .breaches
                .push(format!("the done record says {done:?}, seen were {seen:?}")),
            Some(_) => {}
        }
        let missing: Vec<&String> = expected
            .iter()
            .filter(|name| !self.ended.iter().any(|(ended, _)| ended == *name))
            .collect();
        if let Some(first) = missing.first() {
            self.breaches.push(format!(
                "{} planned tests did not run, the first is {first}",
                missing.len()
            ));
        }
        if self.breaches.is_empty() {
            Judgement::Complete
        } else {
            Judgement::Stopped {
                why: self.breaches.join("; "),
                ran,
                outcome: None,
            }
        }
    }
}

/// How a boot ended.
#[derive(Debug, PartialEq)]
pub enum Judgement {
    /// Everything agrees.
    Complete,
    /// The machine ended inside a test, which is charged with it; so many tests had ended before.
    Interrupted {
        /// The test that was running.
        case: Case,
        /// Tests of this boot that had ended.
        ran: usize,
    },
    /// The machine ended outside a test, or the records do not agree.
    Stopped {
        /// What happened.
        why: String,
        /// Tests of this boot that had ended.
        ran: usize,
        /// The outcome, where it was not orderly.
        outcome: Option<Outcome>,
    },
}

#[cfg(test)]
mod tests;
