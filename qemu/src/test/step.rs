//! A test of the host command's own: its line and its place in the counts.

use super::report::Counts;

/// How it ended.
#[derive(Debug, PartialEq)]
pub enum Fate {
    /// As it should, and what was measured, if anything was.
    Passed(Option<String>),
    /// It could not be judged here: why.
    Skipped(String),
    /// Why, and what was printed.
    Failed(String, String),
}

impl Fate {
    /// Prints the line of the test `name` and counts it.
    pub fn report(self, name: &str, counts: &mut Counts) {
        match self {
            Fate::Passed(figure) => {
                let figure = figure.map_or(String::new(), |figure| format!(" ({figure})"));
                println!("{name} ... ok{figure}");
                counts.passed += 1;
            }
            Fate::Skipped(why) => {
                println!("{name} ... ignored, {why}");
                counts.skipped += 1;
            }
            Fate::Failed(why, printed) => {
                println!("{printed}\n{name} ... FAILED: {why}");
                counts.failed += 1;
            }
        }
    }
}
