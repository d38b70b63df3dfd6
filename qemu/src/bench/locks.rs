//! What a kernel that counts its locks says of them.
//!
//! Owns: the reading of `smpbench`'s lines `lock ACQUISITIONS CONTENDED LONGEST_NS NAME`, the table.
//! Does not own: the counts (`sync::statistics`).

use super::shown;
use serde_json::{Value, json};

/// The locks of one rank.
#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    name: String,
    acquisitions: u64,
    contended: u64,
    /// In nanoseconds.
    longest: u64,
}

impl Lock {
    /// How many of a hundred acquisitions found the lock held.
    fn percent(&self) -> f64 {
        self.contended as f64 * 100.0 / self.acquisitions.max(1) as f64
    }

    /// As a value of the JSON file.
    pub fn json(&self, machine: &str, cpus: u32) -> Value {
        json!({
            "machine": machine, "cpus": cpus, "lock": self.name, "acquisitions": self.acquisitions,
            "contended": self.contended, "longest_hold_ns": self.longest,
        })
    }
}

/// The locks that the lines name, in their order: that of the ranks.
pub fn read(text: &str) -> Vec<Lock> {
    text.lines().filter_map(lock).collect()
}

fn lock(line: &str) -> Option<Lock> {
    let mut words = line.strip_prefix("lock ")?.splitn(4, ' ');
    let mut number = || words.next()?.parse().ok();
    let (acquisitions, contended, longest) = (number()?, number()?, number()?);
    Some(Lock {
        name: words.next()?.into(),
        acquisitions,
        contended,
        longest,
    })
}

/// Prints them.
pub fn print(locks: &[Lock]) {
    println!(
        "{:<24} {:>14} {:>12} {:>8} {:>16}",
        "lock", "acquisitions", "contended", "%", "longest hold, µs"
    );
    for lock in locks {
        println!(
            "{:<24} {:>14} {:>12} {:>8.3} {:>16.1}",
            lock.name,
            shown(lock.acquisitions as f64),
            lock.contended,
            lock.percent(),
            lock.longest as f64 / 1000.0
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_spaces() {
        let text = "smp loop 1 5\nlock 200 3 4500 free list\nlock 1 x 3 map\n";
        let wanted = Lock {
            name: "free list".into(),
            acquisitions: 200,
            contended: 3,
            longest: 4500,
        };
        assert_eq!(wanted.percent(), 1.5);
        assert_eq!(read(text), [wanted]);
    }
}
