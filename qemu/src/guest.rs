//! One run of QEMU: started, read, bounded in time, ended by its process id.
//!
//! Owns: the child process, the threads that read its pipes, the moment it is killed.
//! Does not own: what the records mean (`run`, `test`), how its end is judged (`outcome`).

use crate::failure::{Context, Failure};
use crate::record::{Item, Parser};
use std::collections::VecDeque;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a wait looks whether Ctrl-C was pressed.
const GLANCE: Duration = Duration::from_millis(100);
/// How long QEMU may take to end after it closed its output.
const LAST_BREATH: Duration = Duration::from_secs(5);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From here on Ctrl-C, SIGTERM and SIGHUP end a run in order: QEMU killed, the folder removed.
pub fn catch_interrupts() -> Result<(), Failure> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst)).context("cannot catch Ctrl-C")
}

/// Whether Ctrl-C or a termination signal has come.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// What a wait for the guest brought.
#[derive(Debug)]
pub enum Event {
    /// A piece of the serial line.
    Item(Item),
    /// QEMU has ended; nothing follows.
    Ended(Exit),
    /// The deadline has passed and the guest still runs.
    Deadline,
}

/// How QEMU ended.
#[derive(Debug)]
pub struct Exit {
    /// Its status, or the signal that killed it.
    pub status: ExitStatus,
    /// What QEMU itself said on stderr.
    pub complaint: String,
    /// Whether QEMU's log names a triple fault.
    pub triple_fault: bool,
}

/// A QEMU that runs; dropping the value kills it.
pub struct Guest {
    child: Child,
    output: Receiver<Vec<u8>>,
    complaint: Option<JoinHandle<String>>,
    parser: Parser,
    waiting: VecDeque<Item>,
    log: PathBuf,
}

impl Guest {
    /// Starts the command with its serial line on pipes and an empty input.
    pub fn start(mut command: Command, folder: &Path) -> Result<Self, Failure> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for this program, which ends QEMU itself.
            .process_group(0);
        let mut child = spawn(&mut command)?;
        let (sender, output) = sync_channel(64);
        if let Some(mut line) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut buffer = [0u8; 16384];
                while let Ok(length @ 1..) = line.read(&mut buffer) {
                    if sender.send(buffer[..length].to_vec()).is_err() {
                        break;
                    }
                }
            });
        }
        let complaint = child.stderr.take().map(|mut pipe| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = pipe.read_to_end(&mut text);
                String::from_utf8_lossy(&text).trim().to_string()
            })
        });
        Ok(Self {
            child,
            output,
            complaint,
            parser: Parser::new(),
            waiting: VecDeque::new(),
            log: folder.join("qemu.log"),
        })
    }

    /// Waits for the next event until `deadline` (for ever without one).
    ///
    /// Ctrl-C is an error: the guest is dead when it is returned.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Event, Failure> {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return Ok(Event::Item(item));
            }
            if interrupted() {
                self.kill();
                return Err(Failure::interrupted());
            }
            let left = match deadline {
                Some(at) => at.saturating_duration_since(Instant::now()),
                None => GLANCE,
            };
            match self.output.recv_timeout(left.min(GLANCE)) {
                Ok(bytes) => self.waiting.extend(self.parser.feed(&bytes)),
                Err(RecvTimeoutError::Timeout)
                    if deadline.is_some_and(|at| Instant::now() >= at) =>
                {
                    return Ok(Event::Deadline);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some(item) = self.parser.finish() {
                        return Ok(Event::Item(item));
                    }
                    return Ok(Event::Ended(self.end()?));
                }
            }
        }
    }

    /// Kills QEMU and waits for it.
    pub fn kill(&mut self) {
        // Errors mean that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn end(&mut self) -> Result<Exit, Failure> {
        let limit = Instant::now() + LAST_BREATH;
        let status = loop {
            match self.child.try_wait().context("cannot wait for QEMU")? {
                Some(status) => break status,
                None if Instant::now() >= limit => {
                    self.kill();
                    return Err(Failure::machine("QEMU closed its output and did not end"));
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let complaint = self
            .complaint
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default();
        Ok(Exit {
            status,
            complaint,
            triple_fault: names_triple_fault(&self.log),
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs the command on the person's terminal until it ends.
pub fn on_terminal(mut command: Command, folder: &Path) -> Result<Exit, Failure> {
    let mut child = spawn(&mut command)?;
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for QEMU")? {
            break status;
        }
        if interrupted() {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Failure::interrupted());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    Ok(Exit {
        status,
        complaint: String::new(),
        triple_fault: names_triple_fault(&folder.join("qemu.log")),
    })
}

fn spawn(command: &mut Command) -> Result<Child, Failure> {
    // SAFETY: between fork and exec only `prctl` is called, which is async-signal-safe and allocates nothing.
    unsafe {
        command.pre_exec(|| {
            // When this program is killed, QEMU goes with it.
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            Ok(())
        });
    }
    command.spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        Failure::not_started(format_args!(
            "cannot start {program}: {error}; `cargo vellum doctor` says what is missing"
        ))
    })
}

fn names_triple_fault(log: &Path) -> bool {
    std::fs::read(log).is_ok_and(|text| text.windows(12).any(|window| window == b"Triple fault"))
}

impl Exit {
    /// The signal that killed QEMU, if one did.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }
}
