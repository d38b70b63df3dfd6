//! User programs as tests: every file of `/tests`.
//!
//! Owns: finding them, running one, its output, what its end means: 0 passed, 77 could not be tried (its
//! last line says why), anything else failed. Does not own: what the programs do (`user/tests`).

use super::rig::Rig;
use super::unmet::{Outcome, Text, Unmet};
use crate::console::output;
use crate::exec::{Request, spawn};
use crate::files::pipe::{Blocks, End, pipe};
use crate::files::{self, Files, OnExec, OpenFile, What, tree};
use crate::init;
use crate::signals::Signals;
use crate::syscall::Failure;
use crate::task::table::Pid;
use crate::task::task::Registration;
use crate::task::{Heritage, Identity, ROOT};
use crate::vfs::{Kind, Path, Walk};
use abi::Errno;
use abi::syscall::{O_RDWR, O_WRONLY};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// Where they are.
const FOLDER: &[u8] = b"/tests";
const ENVIRONMENT: [&[u8]; 2] = [b"PATH=/bin:/tmp", b"HOME=/"];
/// The exit status of a program that lacks something.
const SKIPPED: u32 = 77;

/// A program that is a test.
pub struct Program {
    path: String,
}

/// All of them; none without the folder.
pub fn list() -> Result<Vec<Program>, Errno> {
    let mut programs = Vec::new();
    let folder = match tree().resolve(tree().root(), Path::new(FOLDER)?, Walk::Follow) {
        Ok(folder) => folder,
        Err(Errno::ENOENT) => return Ok(programs),
        Err(error) => return Err(error),
    };
    tree().list(&folder, 0, |entry| {
        if let (Kind::File, Ok(name)) = (entry.kind, core::str::from_utf8(entry.name)) {
            programs.push(Program {
                path: ["/tests/", name].concat(),
            });
        }
        true
    })?;
    Ok(programs)
}

impl Program {
    /// Its name, without the folder.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Runs it to its end.
    pub fn run(&self, rig: &mut Rig<'_>) -> Outcome {
        let path = self.path.as_bytes();
        let (status, last) = run_program(rig, path, &[path])?;
        let last = last.as_str();
        match (status & 0x7f, status >> 8 & 0xff) {
            (0, 0) => Ok(()),
            (0, SKIPPED) => Err(Unmet::skipped(last)),
            (0, status) => Err(Unmet::failed(format_args!("exit status {status}: {last}"))),
            (signal, _) => Err(Unmet::failed(format_args!(
                "killed by signal {signal}: {last}"
            ))),
        }
    }
}

/// Runs a program with nothing to read; its output goes to the serial line as it comes. Answers its wait
/// status and the last line that it wrote.
pub fn run_program(rig: &Rig<'_>, path: &[u8], arguments: &[&[u8]]) -> Outcome<(u32, Text)> {
    let (read, write) = pipe()?;
    let pid = start(rig, path, arguments, write)?;
    let last = copy_output(&read)?;
    Ok((init::wait_for(rig.task, pid), last))
}

/// Starts a program whose output goes into a pipe.
pub fn start(rig: &Rig<'_>, path: &[u8], arguments: &[&[u8]], output: End) -> Result<Pid, Errno> {
    let request = Request::new(path, arguments, &ENVIRONMENT)?;
    let files = Files::new();
    files.add(files::open(b"/dev/null", O_RDWR)?, 0, OnExec::Keep)?;
    let output = OpenFile::new(What::Pipe(output), O_WRONLY)?;
    files.add(output.clone(), 1, OnExec::Keep)?;
    files.add(output, 2, OnExec::Keep)?;
    let heritage = Heritage {
        parent: rig.task.pid,
        group: 0,
        session: rig.task.session(),
        files,
        directory: Some(tree().root().clone()),
        signals: Signals::new(),
        registration: Registration::default(),
        identity: crate::shared::Shared::try_new(Identity::default())?,
        file_mask: 0o022,
        user: ROOT,
    };
    spawn::launch(heritage, request)
}

/// Copies what comes out of a pipe until all writers are gone; answers the last line that has anything.
fn copy_output(from: &End) -> Outcome<Text> {
    let mut bytes = [0; 512];
    let mut lines = Lines::default();
    loop {
        match from.read(&mut bytes, Blocks::Yes) {
            Ok(0) => return Ok(lines.finish()),
            Ok(count) => {
                output::data(&bytes[..count], false);
                lines.add(&bytes[..count]);
            }
            Err(Failure::Interrupted) => crate::sched::run::yield_now(),
            Err(failure) => return Err(failure.into()),
        }
    }
}

/// Remembers the last line that has anything.
#[derive(Default)]
struct Lines {
    last: Text,
    now: Text,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) {
        for chunk in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ends) = match chunk.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (chunk, false),
            };
            for piece in text.utf8_chunks() {
                // Writing into a `Text` never fails.
                let _ = self.now.write_str(piece.valid());
            }
            if ends {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = core::mem::take(&mut self.now);
        if !line.as_str().is_empty() {
            self.last = line;
        }
    }

    fn finish(mut self) -> Text {
        self.end_line();
        self.last
    }
}
