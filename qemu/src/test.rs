//! `test`: the in-kernel and user-mode tests on every machine, and with `--all` the host's tests before them.
//!
//! Owns: which machines, the totals, the exit code.
//! Does not own: boots (`session`), judgement (`judge`), formats (`report`), cargo's tests (`host`), `vm` in
//! another kernel (`embed`), what a second CPU gains (`scaling`).

mod disk;
pub mod embed;
pub mod host;
pub mod judge;
pub mod report;
mod scaling;
pub mod session;
mod step;

use crate::build::{self, kernel};
use crate::cli::TestOptions;
use crate::failure::{Failure, MACHINE_FAILED};
use crate::machine::{Arch, Clock, Granule, Machine};
use crate::{progress, project, run};
use indicatif::ProgressBar;
use report::{Counts, Format, Suite};
use session::{Boots, Choice, Limits, Listener, Session, TestResult};
use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Runs the command; the result is its exit code.
pub fn run(options: &TestOptions) -> Result<u8, Failure> {
    if let Some(filter) = options
        .filter
        .as_deref()
        .filter(|text| text.contains(char::is_whitespace))
    {
        return Err(Failure::not_started(format_args!(
            "`{filter}`: a filter has no spaces; names of tests have none"
        )));
    }
    let choice = Choice {
        filter: options.filter.clone(),
        seed: options.seed.unwrap_or_else(new_seed),
        boots: if options.isolate {
            Boots::Isolated
        } else {
            Boots::Shared
        },
        jitter: options.jitter,
    };
    if options.list {
        return list(options, &choice);
    }
    let mut total = Counts::default();
    let mut suites = Vec::new();
    let mut machine_failed = false;
    if options.all {
        total = total.plus(host::run()?).plus(embed::run()?);
    }
    if options.scaling {
        total = total.plus(scaling::run()?);
    }
    for (machine, choice) in runs(options, &choice)? {
        match suite(&machine, &choice, options.format) {
            Ok(suite) => {
                total = total.plus(Counts::of(&suite.results));
                suites.push(suite);
            }
            // The other machine may still do; Ctrl-C and a failed build end everything.
            Err(failure) if failure.code() == MACHINE_FAILED => {
                eprintln!("vellum: {}: {failure}", label(&machine));
                total.failed += 1;
                machine_failed = true;
            }
            Err(failure) => {
                total.failed += 1;
                if options.format == Format::Pretty {
                    println!("\n{}", total.line());
                }
                return Err(failure);
            }
        }
    }
    match options.format {
        Format::Pretty => println!("\n{}", total.line()),
        Format::Ktap => print!("{}", report::ktap(&suites)),
        Format::Junit => print!("{}", report::junit(&suites)),
        Format::Json => print!("{}", report::json(&suites)),
    }
    Ok(match total.failed {
        0 => 0,
        _ if machine_failed => MACHINE_FAILED,
        _ => 1,
    })
}

/// CPUs of the machines with several.
const SEVERAL: u32 = 4;
/// The longest random turn of the runs that count instructions, in microseconds.
const JITTER: u64 = 300;
/// What the names of the tests of several CPUs have in common.
const SMP_TESTS: &str = "smp";

/// The machines that are meant: one or both.
fn machines(options: &TestOptions) -> Result<Vec<Machine>, Failure> {
    let clock = if options.icount {
        Clock::Instructions
    } else {
        Clock::Host
    };
    // `--granule 4k` alone means both: x86_64 has nothing else.
    Arch::ALL
        .into_iter()
        .filter(|&arch| options.arch.is_none_or(|asked| asked == arch))
        .map(|arch| options.machine.machine(arch, clock))
        .collect()
}

/// What is run on which machine. With `--all` also aarch64 in both granules, everything with several CPUs, and the
/// tests of several CPUs where a failure repeats exactly.
fn runs(options: &TestOptions, choice: &Choice) -> Result<Vec<(Machine, Choice)>, Failure> {
    let machines = machines(options)?;
    let mut runs: Vec<_> = machines
        .iter()
        .map(|machine| (machine.clone(), choice.clone()))
        .collect();
    if options.all {
        let mut small = options.machine.machine(Arch::Aarch64, Clock::Host)?;
        small.granule = Granule::Small;
        runs.push((small, choice.clone()));
        for machine in &machines {
            let mut several = machine.clone();
            several.smp = SEVERAL;
            let mut exact = several.clone();
            exact.clock = Clock::Instructions;
            let tests = Choice {
                filter: Some(SMP_TESTS.into()),
                jitter: Some(JITTER),
                ..choice.clone()
            };
            runs.extend([(several, choice.clone()), (exact, tests)]);
        }
    }
    Ok(runs)
}

/// A machine's name in reports: what makes it differ from the default.
fn label(machine: &Machine) -> String {
    let mut text = machine.arch.to_string();
    if machine.arch == Arch::Aarch64 && machine.granule == Granule::Small {
        text.push_str(" --granule 4k");
    }
    if machine.smp > 1 {
        text.push_str(&format!(" --smp {}", machine.smp));
    }
    if machine.clock == Clock::Instructions {
        text.push_str(" --icount");
    }
    text
}

/// Builds one machine's test kernel; the folder holds its archive as long as it lives.
fn prepare(machine: &Machine, choice: &Choice) -> Result<(Session, tempfile::TempDir), Failure> {
    let (image, archive) = build::everything(machine.arch, machine.granule, kernel::Flavor::Tests)?;
    let folder = project::run_folder()?;
    let archive = run::write_image(&archive, folder.path())?;
    let session = Session {
        machine: machine.clone(),
        image,
        archive,
        choice: choice.clone(),
        limits: Limits::default(),
    };
    Ok((session, folder))
}

fn suite(machine: &Machine, choice: &Choice, format: Format) -> Result<Suite, Failure> {
    let (session, _folder) = prepare(machine, choice)?;
    let started = Instant::now();
    let mut display = Display {
        label: label(machine),
        format,
        bar: None,
        seed: choice.seed,
    };
    let results = session.run(&mut display)?;
    if let Some(bar) = display.bar.take() {
        bar.finish_and_clear();
    }
    let suite = Suite {
        machine: label(machine),
        seed: choice.seed,
        results,
        took: started.elapsed(),
    };
    if format == Format::Pretty {
        print!("{}", report::pretty_end(&suite));
    }
    Ok(suite)
}

fn list(options: &TestOptions, choice: &Choice) -> Result<u8, Failure> {
    let machines = machines(options)?;
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for machine in &machines {
        let (session, _folder) = prepare(machine, choice)?;
        for name in session.plan()? {
            names.entry(name).or_default().push(label(machine));
        }
    }
    match options.format {
        Format::Json => {
            for (name, on) in &names {
                println!("{}", serde_json::json!({"test": name, "machines": on}));
            }
        }
        _ => {
            for (name, on) in &names {
                let only = if on.len() < machines.len() {
                    format!(" ({} only)", on.join(", "))
                } else {
                    String::new()
                };
                println!("{name}{only}");
            }
        }
    }
    Ok(0)
}

/// What is shown while tests run: libtest's lines, and a bar on a terminal.
struct Display {
    label: String,
    format: Format,
    bar: Option<ProgressBar>,
    seed: u64,
}

impl Listener for Display {
    fn planned(&mut self, tests: usize) {
        if self.format == Format::Pretty {
            println!(
                "\nrunning {tests} tests on {} (seed {})",
                self.label, self.seed
            );
        }
        self.bar = Some(progress::bar(tests as u64));
    }

    fn started(&mut self, name: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(name.to_string());
        }
    }

    fn judged(&mut self, result: &TestResult) {
        let line = report::pretty_line(result);
        match &self.bar {
            Some(bar) => {
                bar.inc(1);
                if self.format == Format::Pretty {
                    bar.suspend(|| println!("{line}"));
                }
            }
            None if self.format == Format::Pretty => println!("{line}"),
            None => {}
        }
    }
}

/// A seed that differs from run to run and is short enough to type.
fn new_seed() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    (since.as_nanos() as u64 ^ u64::from(std::process::id()) << 20) % 1_000_000
}
