//! `run`: boots to the shell, through the tour, or through the commands of `--exec`.
//!
//! Owns: which of the three it is, what goes to stdout and stderr, the exit code.
//! Does not own: the machine (`machine`), the process (`guest`), the judgement (`outcome`).

use crate::archive::Archive;
use crate::build::{self, kernel};
use crate::cli::RunOptions;
use crate::failure::{Failure, NOT_STARTED, TIMED_OUT};
use crate::guest::{self, Event, Guest};
use crate::machine::{Clock, Console};
use crate::outcome::{Heard, LastWord, Outcome};
use crate::record::{Item, Record};
use crate::{disk, gdb, image, project};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The shell of the guest reads the commands of `--exec` from here.
const COMMANDS: &str = "/etc/exec";
/// Seconds that `--exec` may take where nothing is said.
const DEFAULT_TIMEOUT: u64 = 300;
/// Seconds without the first command's start until the boot counts as hung.
const BOOT_LIMIT: u64 = 120;

/// What the guest does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Shell,
    Tour,
    Exec,
}

/// Runs the command; the result is its exit code.
pub fn run(options: &RunOptions) -> Result<u8, Failure> {
    let mode = match options.exec {
        Some(_) => Mode::Exec,
        None if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() => Mode::Shell,
        None => Mode::Tour,
    };
    let clock = if options.icount {
        Clock::Instructions
    } else {
        Clock::Host
    };
    let mut machine = options.machine.machine(options.arch, clock)?;
    disk::check(&options.disk)?;
    machine.disks.clone_from(&options.disk);
    // A mistake in an --add is said before anything is built.
    let mut trial = Archive::new();
    options
        .add
        .iter()
        .try_for_each(|argument| trial.add(argument))?;

    let folder = project::run_folder()?;
    let (image, mut archive) =
        build::everything(options.arch, machine.granule, kernel::Flavor::Release)?;
    if let Some(commands) = &options.exec {
        archive.file(COMMANDS, 0o644, format!("{commands}\n"))?;
    }
    for argument in &options.add {
        archive.add(argument)?;
    }
    let archive = write_image(&archive, folder.path())?;

    let console = if mode == Mode::Shell {
        Console::Terminal
    } else {
        Console::Records
    };
    let arguments = boot_arguments(mode, options);
    let mut command = machine.command(&image, &archive, &arguments, console, folder.path());
    if options.gdb {
        gdb::prepare(
            &mut command,
            options.arch,
            &kernel::symbols(&image),
            folder.path(),
        )?;
    }
    match mode {
        Mode::Shell => shell(command, folder.path()),
        Mode::Tour | Mode::Exec => {
            let limit = options
                .timeout
                .or((mode == Mode::Exec).then_some(DEFAULT_TIMEOUT));
            let show_boot = if options.quiet {
                BootText::Hidden
            } else {
                BootText::Shown
            };
            // Under gdb the person decides how long a boot takes.
            let boot_limit = if options.gdb {
                None
            } else {
                Some(Duration::from_secs(BOOT_LIMIT))
            };
            let guest = Guest::start(command, folder.path())?;
            let exec = Exec::new(guest, limit, boot_limit, show_boot);
            exec.run(&mut std::io::stdout(), &mut std::io::stderr())
        }
    }
}

/// Writes the root image into the run's folder.
pub fn write_image(archive: &Archive, folder: &Path) -> Result<PathBuf, Failure> {
    let path = folder.join("root.ext2");
    image::write(archive, &path)?;
    Ok(path)
}

fn boot_arguments(mode: Mode, options: &RunOptions) -> String {
    let mut arguments = vec![match mode {
        Mode::Shell => "console=plain mode=shell".to_string(),
        Mode::Tour => "console=record mode=tour".to_string(),
        Mode::Exec => "console=record mode=exec".to_string(),
    }];
    let exact = options.icount && !options.disk.is_empty();
    arguments.extend(exact.then(|| disk::STILL.to_string()));
    arguments.extend(options.seed.map(|seed| format!("seed={seed}")));
    arguments
        .extend((!options.append.trim().is_empty()).then(|| options.append.trim().to_string()));
    arguments.join(" ")
}

fn shell(command: Command, folder: &Path) -> Result<u8, Failure> {
    eprintln!("vellum: Ctrl-A X leaves; Ctrl-C goes to the guest");
    let exit = guest::on_terminal(command, folder)?;
    // On a terminal QEMU's own status 0 is Ctrl-A X; QEMU has said itself what else went wrong.
    match Outcome::of(&exit, None, Heard::Yes) {
        Outcome::Orderly | Outcome::Reset => Ok(0),
        outcome @ Outcome::Qemu(_) if exit.status.code() == Some(1) => {
            Err(Failure::not_started(outcome))
        }
        outcome => Err(Failure::machine(outcome)),
    }
}

/// What becomes of the text of the boot and of the kernel's log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BootText {
    Shown,
    Hidden,
}

/// A run whose commands' output is this command's output.
struct Exec {
    guest: Guest,
    started: Instant,
    timeout: Option<u64>,
    boot_limit: Option<Duration>,
    boot_text: BootText,
    heard: Heard,
    running: bool,
    status: Option<u8>,
    last_word: Option<LastWord>,
}

impl Exec {
    fn new(
        guest: Guest,
        timeout: Option<u64>,
        boot_limit: Option<Duration>,
        boot_text: BootText,
    ) -> Self {
        Self {
            guest,
            started: Instant::now(),
            timeout,
            boot_limit,
            boot_text,
            heard: Heard::No,
            running: false,
            status: None,
            last_word: None,
        }
    }

    fn run(mut self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        loop {
            match self.guest.next(self.deadline())? {
                Event::Item(item) => self.item(item, out, err)?,
                Event::Ended(exit) => {
                    let outcome = Outcome::of(&exit, self.last_word.take(), self.heard);
                    return self.verdict(outcome, err);
                }
                Event::Deadline => {
                    self.guest.kill();
                    return Err(self.too_late());
                }
            }
        }
    }

    /// The earlier of the timeout and, until the commands run, the limit of the boot.
    fn deadline(&self) -> Option<Instant> {
        let timeout = self.timeout.map(Duration::from_secs);
        let boot = if self.running { None } else { self.boot_limit };
        let after = match (timeout, boot) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        after.and_then(|after| self.started.checked_add(after))
    }

    fn too_late(&self) -> Failure {
        match self.timeout {
            Some(seconds) if self.started.elapsed() >= Duration::from_secs(seconds) => {
                let place = if self.running {
                    "the commands had not ended"
                } else {
                    "the commands had not begun"
                };
                Failure::timed_out(format_args!("timeout: after {seconds} s {place}"))
            }
            _ => Failure::machine(Outcome::Hang("the boot".into(), BOOT_LIMIT)),
        }
    }

    fn item(
        &mut self,
        item: Item,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<(), Failure> {
        self.heard = Heard::Yes;
        match item {
            Item::Data(bytes) if self.running && self.status.is_none() => {
                if out.write_all(&bytes).and_then(|()| out.flush()).is_err() {
                    self.guest.kill();
                    return Err(Failure::reader_gone());
                }
            }
            Item::Data(bytes) => self.aside(&bytes, err),
            Item::Record(Record::Exec) => self.running = true,
            Item::Record(Record::Exit { status }) => self.status = Some(status),
            Item::Record(Record::Log { msg }) => self.aside(format!("{msg}\n").as_bytes(), err),
            Item::Record(Record::Panic { msg }) => self.last_word = Some(LastWord::Panic(msg)),
            Item::Record(Record::Fail { msg }) => self.last_word = Some(LastWord::Unfit(msg)),
            Item::Record(_) => {}
            Item::Broken(text) => {
                self.aside(format!("vellum: broken record: {text}\n").as_bytes(), err)
            }
        }
        Ok(())
    }

    fn aside(&self, bytes: &[u8], err: &mut dyn Write) {
        if self.boot_text == BootText::Shown {
            let _ = err.write_all(bytes);
        }
    }

    fn verdict(&self, outcome: Outcome, err: &mut dyn Write) -> Result<u8, Failure> {
        match (outcome, self.status) {
            (Outcome::Orderly, Some(status)) => {
                if (TIMED_OUT..=NOT_STARTED).contains(&status) {
                    let _ = writeln!(
                        err,
                        "vellum: the commands themselves ended with status {status}"
                    );
                }
                Ok(status)
            }
            (Outcome::Orderly, None) => Err(Failure::machine(
                "the machine ended in order, but the commands gave no status",
            )),
            (outcome @ Outcome::Qemu(_), None) if !self.running && self.heard == Heard::No => {
                Err(Failure::not_started(outcome))
            }
            (outcome, _) => Err(Failure::machine(outcome)),
        }
    }
}

#[cfg(test)]
mod tests;
