//! `bench`: the benchmarks in guest instructions, beside the best of Linux's columns.
//!
//! Owns: the machine, the table, the JSON file.
//! Does not own: the benchmarks (`qemu/peers/bench`), Linux's figures (`qemu/peers/linux`), the boot (`boot`), what
//! several CPUs gain (`smp`).

pub mod boot;
mod disk;
mod first_light;
mod locks;
pub mod rounds;
pub mod smp;

use crate::build::kernel::Flavor;
use crate::cli::{BenchOptions, Peer};
use crate::failure::{Context, Failure};
use crate::machine::{Arch, Clock, Machine};
use crate::project;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Linux was measured with this much RAM.
const MEMORY: &str = "512M";
/// All benchmarks of one machine, on a slow host.
const LIMIT: Duration = Duration::from_secs(3600);

/// What the peer's script does: its kernels, its program, the counted runs, `figures.json` anew.
const LINUX_STEPS: [&str; 6] = ["fetch", "build", "main", "disk", "bootcount", "figures"];

/// One measured figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    name: String,
    value: f64,
    unit: String,
}

impl Figure {
    /// Whether less is better: a cost per something, not a count or a property of the machine.
    fn is_cost(&self) -> bool {
        self.unit.contains('/') && !self.name.starts_with("calib_")
    }
}

/// Linux's best column for one benchmark.
#[derive(Clone, Debug, PartialEq)]
struct Best {
    value: f64,
    column: String,
}

/// Runs the command; the result is its exit code.
pub fn run(options: &BenchOptions) -> Result<u8, Failure> {
    if options.peer == Some(Peer::Linux) {
        return linux(options);
    }
    if options.name.as_deref() == Some(smp::NAME) {
        return smp::run(options);
    }
    if options.locks {
        return Err(Failure::not_started(
            "--locks counts what several CPUs do; say `cargo vellum bench smp --locks`",
        ));
    }
    let mut all = Vec::new();
    for arch in Arch::ALL {
        if options.arch.is_some_and(|asked| asked != arch) {
            continue;
        }
        let mut best = linux_best(arch)?;
        let figures = measure(arch, options.name.as_deref().unwrap_or_default())?;
        best.retain(|name, _| {
            figures
                .iter()
                .any(|figure| figure.name == *name && figure.is_cost())
        });
        print_table(arch, &figures, &best);
        all.extend(figures.iter().map(|figure| {
            let peer = best.get(&figure.name);
            json!({
                "machine": arch.name(), "name": figure.name, "value": figure.value, "unit": figure.unit,
                "linux": peer.map(|peer| peer.value), "linux_column": peer.map(|peer| peer.column.clone()),
                "ratio": peer.map(|peer| figure.value / peer.value),
            })
        }));
    }
    if let Some(path) = &options.json {
        write_json(path, &all)?;
    }
    Ok(0)
}

fn write_json(path: &Path, figures: &[serde_json::Value]) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(figures).context("cannot write the figures as JSON")?;
    std::fs::write(path, text + "\n").context(format_args!("cannot write {}", path.display()))
}

/// Runs the script that makes the peer's figures, with its output for the person.
fn linux(options: &BenchOptions) -> Result<u8, Failure> {
    if options.name.is_some() || options.json.is_some() || options.locks {
        return Err(Failure::not_started(
            "--peer linux makes all figures in its own files; leave NAME, --json and --locks out",
        ));
    }
    let script = project::root().join("qemu/peers/linux/run.sh");
    println!("fetching Debian's kernels and counting; this takes about an hour on two cores");
    let status = Command::new(&script)
        .args(LINUX_STEPS)
        .status()
        .context(format_args!("cannot start {}", script.display()))?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

/// Boots the benchmarks and collects their figures; `groups` are names with spaces between, or nothing for all.
fn measure(arch: Arch, groups: &str) -> Result<Vec<Figure>, Failure> {
    let folder = project::run_folder()?;
    let mut machine = machine(arch, MEMORY, 1, Clock::Instructions)?;
    machine.disks.push(disk::make(folder.path())?);
    let said = boot::run(&machine, Flavor::Release, &format!("bench {groups}"), LIMIT)?;
    let mut figures = said.figures;
    figures.extend(said.text.lines().filter_map(figure));
    if figures.is_empty() {
        return Err(Failure::plain(format_args!(
            "the benchmarks on {arch} gave no figures:\n{}",
            said.text
        )));
    }
    Ok(figures)
}

/// A machine that benchmarks run on, with every feature that QEMU has.
pub fn machine(arch: Arch, memory: &str, cpus: u32, clock: Clock) -> Result<Machine, Failure> {
    Ok(Machine {
        disks: Vec::new(),
        arch,
        memory: memory.parse().map_err(Failure::plain)?,
        smp: cpus,
        cpu: "max".into(),
        granule: Machine::granule(arch, None)?,
        clock,
        program: project::program("VELLUM_QEMU", arch.qemu()),
    })
}

/// The figure of a line `bench NAME VALUE UNIT`.
fn figure(line: &str) -> Option<Figure> {
    let mut words = line.split_whitespace();
    if words.next() != Some("bench") {
        return None;
    }
    let (name, value, unit) = (words.next()?, words.next()?, words.next()?);
    let value = value.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some(Figure {
        name: name.into(),
        value,
        unit: unit.into(),
    })
}

/// Linux's best column per benchmark, out of `figures.json`:
/// `{"x86_64": {"NAME": {"COLUMN": VALUE, …}, …}, "aarch64": …}`.
fn linux_best(arch: Arch) -> Result<BTreeMap<String, Best>, Failure> {
    let path = project::root().join("qemu/peers/linux/figures.json");
    let what = format!("cannot read {}", path.display());
    let text = std::fs::read_to_string(&path).context(&what)?;
    let table: BTreeMap<String, BTreeMap<String, BTreeMap<String, f64>>> =
        serde_json::from_str(&text).context(&what)?;
    let machine = table
        .get(arch.name())
        .ok_or_else(|| Failure::plain(format_args!("{}: no {arch}", path.display())))?;
    let best = machine.iter().filter_map(|(name, columns)| {
        // Like with like: on aarch64 we have pages of 16 KiB, and so has the peer; x86_64's columns name no page size.
        let same_pages = |column: &&String| arch == Arch::X86_64 || column.contains("16K");
        let (column, value) = columns
            .iter()
            .filter(|(column, _)| same_pages(column))
            .min_by(|a, b| a.1.total_cmp(b.1))?;
        Some((
            name.clone(),
            Best {
                value: *value,
                column: column.clone(),
            },
        ))
    });
    Ok(best.collect())
}

fn print_table(arch: Arch, figures: &[Figure], best: &BTreeMap<String, Best>) {
    println!("\n{arch}, {MEMORY}: guest instructions");
    println!(
        "{:<34} {:>14} {:<14} {:>14} {:>7}  Linux column",
        "operation", "Vellum", "unit", "Linux", "ratio"
    );
    for figure in figures {
        let ours = shown(figure.value);
        match best.get(&figure.name) {
            Some(peer) => println!(
                "{:<34} {ours:>14} {:<14} {:>14} {:>7.3}  {}",
                figure.name,
                figure.unit,
                shown(peer.value),
                figure.value / peer.value,
                peer.column
            ),
            None => println!(
                "{:<34} {ours:>14} {:<14} {:>14} {:>7}",
                figure.name, figure.unit, "-", "-"
            ),
        }
    }
}

/// A figure with thousands separated, and decimals only where they tell.
fn shown(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len() - place;
        if place > 0 && left % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_figures_are_read_and_nothing_else() {
        let wanted = Figure {
            name: "null_syscall".into(),
            value: 95.25,
            unit: "insn/op".into(),
        };
        assert_eq!(figure("bench null_syscall 95.25 insn/op"), Some(wanted));
        for line in [
            "info FAIL x",
            "bench x",
            "bench x nan y",
            "benchmark a 1 b",
            "",
        ] {
            assert_eq!(figure(line), None);
        }
    }

    #[test]
    fn figures_are_shown_with_separators() {
        assert_eq!(
            [0.768, 99.5, 100.4, 1234.0, 7_269_000.0, -1500.0].map(shown),
            ["0.77", "99.50", "100", "1,234", "7,269,000", "-1,500"]
        );
    }
}
