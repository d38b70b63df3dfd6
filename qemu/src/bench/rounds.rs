//! The rounds of `smpbench`: what its lines say, medians and speed-ups.
//!
//! Owns: the reading of the lines, the arithmetic. Does not own: the benchmarks (`user/bench`), tables, verdicts.

use std::collections::BTreeMap;

/// How often the guest measures each benchmark.
pub const ROUNDS: usize = 5;
/// The benchmark that never faults: what the host's processors give.
pub const LOOP: &str = "loop";
/// Zero-fill faults on disjoint memory of one task.
pub const FAULTS: &str = "fault_threads";

/// What one benchmark did in each round, in operations a second.
#[derive(Clone, Debug, PartialEq)]
pub struct Rounds {
    /// The benchmark.
    pub name: String,
    /// With one worker.
    pub one: Vec<f64>,
    /// In the same round with a worker for each CPU; empty where there is one CPU.
    pub all: Vec<f64>,
}

/// The middle of some values, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// As many are greater as are less.
    pub median: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of at least one value.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            min: *sorted.first()?,
            median: *sorted.get(sorted.len() / 2)?,
            max: *sorted.last()?,
        })
    }
}

impl Rounds {
    /// By what the work of all exceeds the work of one, round by round; `None` where there is one CPU.
    pub fn speedup(&self) -> Option<Spread> {
        Spread::of(&self.speedups())
    }

    /// Which share of another benchmark's speed-up this one has in the same round; `None` where there is one CPU.
    pub fn share_of(&self, other: &Self) -> Option<Spread> {
        let both = self.speedups().into_iter().zip(other.speedups());
        Spread::of(&both.map(|(own, other)| own / other).collect::<Vec<_>>())
    }

    fn speedups(&self) -> Vec<f64> {
        let both = self.all.iter().zip(&self.one);
        both.map(|(all, one)| all / one).collect()
    }
}

/// Reads the lines `smp NAME WORKERS OPERATIONS_PER_SECOND` of a machine with so many CPUs; other lines are passed
/// over. An error names what is missing or too much.
pub fn read(text: &str, cpus: u32) -> Result<Vec<Rounds>, String> {
    let mut order: Vec<&str> = Vec::new();
    let mut found: BTreeMap<(&str, u32), Vec<f64>> = BTreeMap::new();
    for line in text.lines() {
        let Some(words) = line.strip_prefix("smp ") else {
            continue;
        };
        let (name, workers, rate) = row(words, cpus).ok_or(format!("`{line}` is no figure"))?;
        if !order.contains(&name) {
            order.push(name);
        }
        found.entry((name, workers)).or_default().push(rate);
    }
    let mut rates = |name, workers| {
        let rates = found.remove(&(name, workers)).unwrap_or_default();
        match rates.len() {
            ROUNDS => Ok(rates),
            other => Err(format!("{name} with {workers}: {other} rounds of {ROUNDS}")),
        }
    };
    if order.is_empty() {
        return Err("no figures".into());
    }
    let each = order.into_iter().map(|name| -> Result<Rounds, String> {
        let one = rates(name, 1)?;
        let all = if cpus > 1 {
            rates(name, cpus)?
        } else {
            Vec::new()
        };
        let name = name.into();
        Ok(Rounds { name, one, all })
    });
    each.collect()
}

/// The words of one line after the first.
fn row(words: &str, cpus: u32) -> Option<(&str, u32, f64)> {
    let mut words = words.split(' ');
    let (name, workers, rate) = (words.next()?, words.next()?, words.next()?);
    let workers = workers.parse().ok().filter(|n| [1, cpus].contains(n))?;
    let rate = rate
        .parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)?;
    words.next().is_none().then_some((name, workers, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(name: &str, workers: u32, rates: &[f64]) -> String {
        let line = |rate| format!("smp {name} {workers} {rate}\n");
        rates.iter().map(line).collect()
    }

    #[test]
    fn a_speed_up_is_the_median_of_the_rounds_own() {
        let text = lines("loop", 1, &[100.0, 50.0, 100.0, 100.0, 10.0])
            + "lock 1 2 3 free list\n"
            + &lines("loop", 2, &[150.0, 100.0, 120.0, 190.0, 11.0]);
        let rounds = read(&text, 2).unwrap();
        assert_eq!(rounds.len(), 1);
        let speedup = rounds[0].speedup().unwrap();
        assert_eq!((speedup.min, speedup.median, speedup.max), (1.1, 1.5, 2.0));
        assert_eq!(Spread::of(&rounds[0].one).unwrap().median, 100.0);
    }

    #[test]
    fn a_share_is_the_median_of_the_rounds_own() {
        let text = lines("loop", 1, &[1.0; 5])
            + &lines("loop", 2, &[2.0, 1.0, 2.0, 1.5, 2.0])
            + &lines("fault_threads", 1, &[1.0; 5])
            + &lines("fault_threads", 2, &[1.8, 0.8, 1.0, 1.5, 1.9]);
        let rounds = read(&text, 2).unwrap();
        // 0.9, 0.8, 0.5, 1.0, 0.95: what slowed the host in the second round slowed both.
        let share = rounds[1].share_of(&rounds[0]).unwrap();
        assert_eq!((share.min, share.median, share.max), (0.5, 0.9, 1.0));
    }

    #[test]
    fn one_cpu_has_no_speed_up() {
        let rounds = read(&lines("loop", 1, &[1.0; 5]), 1).unwrap();
        assert_eq!(rounds[0].speedup(), None);
        assert_eq!(rounds[0].share_of(&rounds[0]), None);
    }

    #[test]
    fn a_round_too_few_or_too_many_is_an_error() {
        let five = lines("loop", 1, &[1.0; 5]);
        for text in [
            String::new(),
            five.clone(),
            five.clone() + &lines("loop", 2, &[1.0; 4]),
            five.clone() + &lines("loop", 2, &[1.0; 6]),
            five.clone() + &lines("loop", 3, &[1.0; 5]),
            five.clone() + &lines("loop", 2, &[0.0; 5]),
            five.clone() + "smp loop 2\n",
            five + &lines("loop", 2, &[f64::NAN; 5]),
        ] {
            assert!(read(&text, 2).is_err(), "{text}");
        }
    }
}
