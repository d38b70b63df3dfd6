//! Why the command itself failed, and with which exit code.
//!
//! Owns: the exit codes of the contract and the form of an error on stderr.
//! Does not own: the status of commands that ran in the guest.

use std::fmt;
use std::process::ExitCode;

/// `--timeout` ran out.
pub const TIMED_OUT: u8 = 124;
/// The machine failed: panic, triple fault, hang.
pub const MACHINE_FAILED: u8 = 125;
/// The guest never started: usage, build, QEMU, `--add`.
pub const NOT_STARTED: u8 = 126;
/// The person pressed Ctrl-C (128 + SIGINT).
pub const INTERRUPTED: u8 = 130;

/// An error that ends the command: its exit code and one message that says what failed, where and what to do.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The guest could not be started (exit code 126).
    pub fn not_started(message: impl fmt::Display) -> Self {
        Self {
            code: NOT_STARTED,
            message: message.to_string(),
        }
    }

    /// The machine failed while it ran (exit code 125).
    pub fn machine(message: impl fmt::Display) -> Self {
        Self {
            code: MACHINE_FAILED,
            message: message.to_string(),
        }
    }

    /// The time given by `--timeout` is over (exit code 124).
    pub fn timed_out(message: impl fmt::Display) -> Self {
        Self {
            code: TIMED_OUT,
            message: message.to_string(),
        }
    }

    /// Ctrl-C or a termination signal (exit code 130).
    pub fn interrupted() -> Self {
        Self {
            code: INTERRUPTED,
            message: "interrupted".into(),
        }
    }

    /// Whoever read our output has gone (exit code 141, 128 + SIGPIPE, as a program that is piped has).
    pub fn reader_gone() -> Self {
        Self {
            code: 141,
            message: "nobody reads the output any more".into(),
        }
    }

    /// Something other than a guest failed: a check, a peer, a file to write (exit code 1).
    pub fn plain(message: impl fmt::Display) -> Self {
        Self {
            code: 1,
            message: message.to_string(),
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Prints the message to stderr and gives the exit code.
    pub fn report(&self) -> ExitCode {
        eprintln!("vellum: {}", self.message);
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Adds what was being done to an error of the operating system.
pub trait Context<T> {
    /// Turns the error into "WHAT: error", with exit code 126.
    fn context(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::not_started(format_args!("{what}: {error}")))
    }
}
