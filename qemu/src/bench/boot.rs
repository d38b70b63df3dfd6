//! One boot that runs one command in the guest and keeps what it prints.
//!
//! Owns: the archive with the command, the judgement of the end. Does not own: what the lines mean.

use super::Figure;
use crate::build::{self, kernel::Flavor};
use crate::disk::STILL;
use crate::failure::Failure;
use crate::guest::{Event, Guest};
use crate::machine::{Clock, Console, Machine};
use crate::outcome::{Heard, LastWord, Outcome};
use crate::progress::Spinner;
use crate::record::{Item, Record};
use crate::{project, run};
use std::time::{Duration, Instant};

/// What a guest said until it ended well.
pub struct Said {
    /// What the command printed.
    pub text: String,
    /// What came as records.
    pub figures: Vec<Figure>,
}

/// Builds and boots; an error unless the command ended with status 0 and the machine in order, within `limit`.
pub fn run(
    machine: &Machine,
    flavor: Flavor,
    command: &str,
    limit: Duration,
) -> Result<Said, Failure> {
    let (image, mut archive) = build::everything(machine.arch, machine.granule, flavor)?;
    archive.file("/etc/exec", 0o644, format!("{command}\n"))?;
    let folder = project::run_folder()?;
    let archive = run::write_image(&archive, folder.path())?;
    let what = format!("`{}` on {}", command.trim_end(), machine.arch);
    let _spinner = Spinner::start(&what);
    let mut arguments = "console=record mode=exec seed=1".to_string();
    if machine.clock == Clock::Instructions {
        arguments = format!("{arguments} {STILL}");
    }
    let qemu = machine.command(
        &image,
        &archive,
        &arguments,
        Console::Records,
        folder.path(),
    );
    let mut guest = Guest::start(qemu, folder.path())?;
    let deadline = Instant::now() + limit;
    let mut output = Vec::new();
    let (mut heard, mut status, mut last_word) = (Heard::No, None, None);
    let mut figures = Vec::new();
    let outcome = loop {
        match guest.next(Some(deadline))? {
            Event::Item(item) => {
                heard = Heard::Yes;
                match item {
                    Item::Data(bytes) => output.extend(bytes),
                    Item::Record(Record::Exit { status: ended }) => status = Some(ended),
                    Item::Record(Record::Panic { msg }) => last_word = Some(LastWord::Panic(msg)),
                    Item::Record(Record::Fail { msg }) => last_word = Some(LastWord::Unfit(msg)),
                    Item::Record(Record::Bench { name, value, unit }) => {
                        figures.push(Figure { name, value, unit })
                    }
                    Item::Record(_) | Item::Broken(_) => {}
                }
            }
            Event::Ended(exit) => break Outcome::of(&exit, last_word, heard),
            Event::Deadline => break Outcome::Hang(what.clone(), limit.as_secs()),
        }
    };
    let text = String::from_utf8_lossy(&output).into_owned();
    match (outcome, status) {
        (Outcome::Orderly, Some(0)) => Ok(Said { text, figures }),
        (Outcome::Orderly, status) => {
            let status = status.map_or("no status".into(), |status| format!("status {status}"));
            Err(Failure::plain(format_args!(
                "{what} ended with {status}:\n{text}"
            )))
        }
        (outcome, _) => Err(Failure::machine(format_args!("{what}: {outcome}\n{text}"))),
    }
}
