//! What one CPU pays for all that came since first light.
//!
//! Owns: first light's figures, the comparison. First light is the last commit of the first issue, "arch: say why
//! the comparison's test may compare": a kernel that had locks and the shape for several CPUs, and ran one.
//! Its benchmarks were run at that commit; they repeat to the digit.

use super::{Figure, measure, shown};
use crate::failure::Failure;
use crate::machine::Arch;
use serde_json::{Value, json};

/// The machine they are of.
const ARCH: Arch = Arch::X86_64;
/// The groups of benchmarks that have them.
const GROUPS: &str = "null anon mmap fork ctx";
/// Guest instructions then.
const THEN: [(&str, f64); 5] = [
    ("null_syscall", 133.0),
    ("anon_write", 1134.0),
    ("fork_exit_wait_0MiB", 25372.0),
    ("mmap_munmap_1page", 2721.0),
    ("pipe_round_trip", 2602.0),
];

/// One operation, then and now, in guest instructions.
#[derive(Debug, PartialEq)]
struct Change {
    name: &'static str,
    then: f64,
    now: f64,
}

impl Change {
    fn percent(&self) -> f64 {
        (self.now / self.then - 1.0) * 100.0
    }
}

/// Measures and prints the operations; as values of the JSON file.
pub fn compare() -> Result<Vec<Value>, Failure> {
    let changes = changes(&measure(ARCH, GROUPS)?)?;
    println!("\n{ARCH}, 1 CPU: guest instructions now and at first light, before a second CPU ran");
    println!(
        "{:<24} {:>14} {:>14} {:>9}",
        "operation", "first light", "now", "change"
    );
    let mut values = Vec::new();
    for change in changes {
        println!(
            "{:<24} {:>14} {:>14} {:>+8.1}%",
            change.name,
            shown(change.then),
            shown(change.now),
            change.percent()
        );
        values.push(json!({
            "machine": ARCH.name(), "cpus": 1, "name": change.name, "unit": "instructions",
            "first_light": change.then, "now": change.now,
        }));
    }
    Ok(values)
}

fn changes(figures: &[Figure]) -> Result<Vec<Change>, Failure> {
    let change = |(name, then)| {
        let figure = figures.iter().find(|figure| figure.name == name);
        let now = figure.map(|figure| figure.value);
        let now = now.ok_or_else(|| Failure::plain(format_args!("no figure for {name}")))?;
        Ok(Change { name, then, now })
    };
    THEN.into_iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_must_have_a_figure() {
        let figure = |(name, value): (&str, f64)| Figure {
            name: name.into(),
            value: value * 1.5,
            unit: "insn/op".into(),
        };
        let mut figures: Vec<_> = THEN.into_iter().map(figure).collect();
        let all = changes(&figures).unwrap();
        assert!(all.iter().all(|change| change.percent() == 50.0));
        figures.pop();
        assert!(changes(&figures).is_err());
    }
}
