//! All boots that one machine needs to run the chosen tests.
//!
//! Owns: the watchdog, the resume after a crash, `--isolate`, the command that repeats a failure.
//! Does not own: the judgement of a boot (`judge`), reports (`report`).

use super::disk;
use super::judge::{Boot, Case, Fate, Judgement, Step};
use crate::disk::STILL;
use crate::failure::Failure;
use crate::guest::{Event, Guest};
use crate::machine::{Arch, Clock, Console, Granule, Machine};
use crate::outcome::{Heard, Outcome};
use crate::project;
use abi::test_disk::WRITER;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What a boot to the plan takes on an idle host.
const NOMINAL_BOOT: Duration = Duration::from_millis(500);

/// The size of the RAM disk that the tests of block devices write on.
const RAM_DISK: &str = "1M";

/// How long nothing may be heard.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until the plan arrives.
    pub boot: Duration,
    /// One test, on a host that boots the kernel in half a second; slower hosts get more.
    pub test: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(120),
            test: Duration::from_secs(40),
        }
    }
}

/// How tests are chosen and ordered.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Only names that contain this.
    pub filter: Option<String>,
    /// Drives the order and the guest's random numbers.
    pub seed: u64,
    /// One boot per test, or as few boots as possible.
    pub boots: Boots,
    /// The longest random turn of a thread, in microseconds; without it turns are not random.
    pub jitter: Option<u64>,
}

/// How tests share boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boots {
    /// All in one, and one more after each crash.
    Shared,
    /// One each.
    Isolated,
}

/// What a session tells while it runs.
pub trait Listener {
    /// The plan is known: so many tests.
    fn planned(&mut self, tests: usize);
    /// A test has begun.
    fn started(&mut self, name: &str);
    /// A test is judged.
    fn judged(&mut self, result: &TestResult);
}

/// A judged test with how to repeat it.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The test.
    pub case: Case,
    /// How long it took on the host.
    pub took: Duration,
    /// The command that repeats it.
    pub repeat: String,
}

/// A machine with a built kernel and archive, ready to boot as often as needed.
pub struct Session {
    /// The machine.
    pub machine: Machine,
    /// What QEMU loads.
    pub image: PathBuf,
    /// The root archive, in a folder that outlives the session.
    pub archive: PathBuf,
    /// Which tests.
    pub choice: Choice,
    /// The watchdog's patience.
    pub limits: Limits,
}

impl Session {
    /// Runs the tests; `Err` means that the machine could not even plan them.
    pub fn run(&self, listener: &mut dyn Listener) -> Result<Vec<TestResult>, Failure> {
        match self.choice.boots {
            Boots::Shared => self.run_shared(listener),
            Boots::Isolated => self.run_isolated(listener),
        }
    }

    /// The names of the tests, in the seed's order, without running them.
    pub fn plan(&self) -> Result<Vec<String>, Failure> {
        let folder = project::run_folder()?;
        let mut guest = self.start(&self.arguments(0, None), &folder)?;
        let mut boot = Boot::default();
        let deadline = Instant::now() + self.limits.boot;
        loop {
            match guest.next(Some(deadline))? {
                Event::Item(item) => {
                    if boot.take(item) == Step::Planned {
                        return Ok(boot.plan().unwrap_or_default().to_vec());
                    }
                }
                Event::Ended(exit) => {
                    return Err(no_plan(
                        &Outcome::of(&exit, boot.last_word(), heard(&boot)),
                        &boot,
                    ));
                }
                Event::Deadline => return Err(no_plan(&hang("the boot", self.limits.boot), &boot)),
            }
        }
    }

    fn run_shared(&self, listener: &mut dyn Listener) -> Result<Vec<TestResult>, Failure> {
        let mut order: Option<Vec<String>> = None;
        let mut results = Vec::new();
        let mut consumed = 0;
        loop {
            let judgement = self.boot(consumed, None, &mut order, listener, &mut results)?;
            let total = order.as_ref().map_or(0, Vec::len);
            match judgement {
                Judgement::Complete => return Ok(results),
                Judgement::Interrupted { case, ran } => {
                    consumed += ran + 1;
                    self.judged(case, Duration::ZERO, listener, &mut results);
                }
                Judgement::Stopped { why, ran, outcome } => {
                    consumed += ran;
                    let after = order
                        .as_ref()
                        .and_then(|order| order.get(consumed.checked_sub(1)?))
                        .cloned();
                    let place = after.map_or("machine: before the first test".into(), |test| {
                        format!("machine: after {test}")
                    });
                    let fate = outcome.map_or(Fate::Failed(why), Fate::Crashed);
                    let case = Case {
                        name: place,
                        fate,
                        insns: 0,
                        pages: 0,
                        elems: 0,
                        output: Vec::new(),
                    };
                    self.judged(case, Duration::ZERO, listener, &mut results);
                    // A boot that ran nothing would do so again.
                    if ran == 0 {
                        return Ok(results);
                    }
                }
            }
            if consumed >= total {
                return Ok(results);
            }
        }
    }

    fn run_isolated(&self, listener: &mut dyn Listener) -> Result<Vec<TestResult>, Failure> {
        let names = self.plan()?;
        listener.planned(names.len());
        let mut results = Vec::new();
        for name in names {
            let mut order = Some(vec![name.clone()]);
            match self.boot(0, Some(&name), &mut order, listener, &mut results)? {
                Judgement::Complete => {}
                Judgement::Interrupted { case, .. } => {
                    self.judged(case, Duration::ZERO, listener, &mut results)
                }
                Judgement::Stopped { why, outcome, .. } => {
                    let fate = outcome.map_or(Fate::Failed(why), Fate::Crashed);
                    let case = Case {
                        name,
                        fate,
                        insns: 0,
                        pages: 0,
                        elems: 0,
                        output: Vec::new(),
                    };
                    self.judged(case, Duration::ZERO, listener, &mut results);
                }
            }
        }
        Ok(results)
    }

    /// One boot that leaves out the first `skip` tests of the order, or runs only `isolate`.
    fn boot(
        &self,
        skip: usize,
        isolate: Option<&str>,
        order: &mut Option<Vec<String>>,
        listener: &mut dyn Listener,
        results: &mut Vec<TestResult>,
    ) -> Result<Judgement, Failure> {
        let folder = project::run_folder()?;
        let mut guest = self.start(&self.arguments(skip, isolate), &folder)?;
        let booted_at = Instant::now();
        let mut boot = Boot::default();
        let mut limit = self.limits.test;
        let mut began = booted_at;
        let mut wrote_the_disk = false;
        let mut deadline = booted_at + self.limits.boot;
        let outcome = loop {
            match guest.next(Some(deadline))? {
                Event::Item(item) => match boot.take(item) {
                    Step::Nothing => {}
                    Step::Planned => {
                        limit = scaled(self.limits.test, booted_at.elapsed());
                        deadline = Instant::now() + limit;
                        if order.is_none() {
                            let plan = boot.plan().unwrap_or_default().to_vec();
                            listener.planned(plan.len());
                            *order = Some(plan);
                        }
                    }
                    Step::Started(name) => {
                        began = Instant::now();
                        deadline = began + limit;
                        listener.started(&name);
                    }
                    Step::Ended(case) => {
                        deadline = Instant::now() + limit;
                        wrote_the_disk |= case.name == WRITER && case.fate == Fate::Passed;
                        self.judged(case, began.elapsed(), listener, results);
                    }
                },
                Event::Ended(exit) => break Outcome::of(&exit, boot.last_word(), heard(&boot)),
                Event::Deadline => {
                    guest.kill();
                    break match boot.current() {
                        Some(name) => hang(name, limit),
                        None if boot.plan().is_some() => hang("the end of the tests", limit),
                        None => hang("the boot", self.limits.boot),
                    };
                }
            }
        };
        let Some(order) = order.as_ref().filter(|_| boot.plan().is_some()) else {
            return Err(no_plan(&outcome, &boot));
        };
        let expected = order.get(skip..).unwrap_or_default();
        let judgement = boot.judge(outcome, expected);
        if wrote_the_disk && let Err(why) = disk::verify(folder.path()) {
            let case = Case::new(
                "machine: the disk after the tests".into(),
                Fate::Failed(why),
            );
            self.judged(case, Duration::ZERO, listener, results);
        }
        Ok(judgement)
    }

    fn judged(
        &self,
        case: Case,
        took: Duration,
        listener: &mut dyn Listener,
        results: &mut Vec<TestResult>,
    ) {
        let result = TestResult {
            repeat: self.repeat(&case.name),
            case,
            took,
        };
        listener.judged(&result);
        results.push(result);
    }

    fn start(&self, arguments: &str, folder: &tempfile::TempDir) -> Result<Guest, Failure> {
        let mut machine = self.machine.clone();
        machine.disks = disk::make(folder.path())?;
        let command = machine.command(
            &self.image,
            &self.archive,
            arguments,
            Console::Records,
            folder.path(),
        );
        Guest::start(command, folder.path())
    }

    fn arguments(&self, skip: usize, isolate: Option<&str>) -> String {
        let mut words = vec![
            "console=record".into(),
            "mode=test".into(),
            format!("seed={}", self.choice.seed),
            format!("ramdisk={RAM_DISK}"),
        ];
        words.extend((self.machine.clock == Clock::Instructions).then(|| STILL.into()));
        match isolate {
            Some(name) => words.push(format!("isolate={name}")),
            None => words.extend(
                self.choice
                    .filter
                    .as_ref()
                    .map(|filter| format!("filter={filter}")),
            ),
        }
        if skip > 0 {
            words.push(format!("skip={skip}"));
        }
        words.extend(
            self.choice
                .jitter
                .map(|longest| format!("jitter={longest}")),
        );
        words.join(" ")
    }

    /// The command that repeats one test on this machine with this seed.
    fn repeat(&self, name: &str) -> String {
        let machine = &self.machine;
        // What is no test (`machine: …`) is repeated by the whole run.
        let test = if name.contains(' ') {
            self.choice.filter.as_deref().unwrap_or("")
        } else {
            name
        };
        let mut words = vec!["cargo vellum test".to_string(), test.to_string()];
        words.push(format!("--arch {}", machine.arch));
        if machine.arch == Arch::Aarch64 && machine.granule == Granule::Small {
            words.push("--granule 4k".into());
        }
        let memory = machine.memory.to_string();
        words.extend((memory != "256M").then(|| format!("--memory {memory}")));
        words.extend((machine.smp != 1).then(|| format!("--smp {}", machine.smp)));
        words.extend((machine.cpu != "max").then(|| format!("--cpu {}", machine.cpu)));
        words.extend((machine.clock == Clock::Instructions).then(|| "--icount".into()));
        words.extend(
            self.choice
                .jitter
                .map(|longest| format!("--jitter {longest}")),
        );
        words.extend((self.choice.boots == Boots::Isolated).then(|| "--isolate".into()));
        words.push(format!("--seed {}", self.choice.seed));
        words.retain(|word| !word.is_empty());
        words.join(" ")
    }
}

fn heard(boot: &Boot) -> Heard {
    if boot.heard() { Heard::Yes } else { Heard::No }
}

fn hang(place: &str, limit: Duration) -> Outcome {
    Outcome::Hang(place.into(), limit.as_secs())
}

/// A limit for a host on which the calibration boot took `boot`; never shorter than on an idle host.
fn scaled(limit: Duration, boot: Duration) -> Duration {
    limit.mul_f64((boot.as_secs_f64() / NOMINAL_BOOT.as_secs_f64()).clamp(1.0, 20.0))
}

fn no_plan(outcome: &Outcome, boot: &Boot) -> Failure {
    let text = String::from_utf8_lossy(boot.output());
    let said: Vec<&str> = text.lines().rev().take(20).collect();
    let said: String = said
        .into_iter()
        .rev()
        .map(|line| format!("    {line}\n"))
        .collect();
    let message = format!("no test was planned: {outcome}\nlast lines of the guest:\n{said}");
    match outcome {
        Outcome::Qemu(_) if !boot.heard() => Failure::not_started(message),
        _ => Failure::machine(message),
    }
}

#[cfg(test)]
mod tests;
