//! How a run of the machine ended, by name.
//!
//! Owns: the reading of QEMU's exit status together with the records that came before it.
//! Rule: status 0 is never success; only the distinctive status says "ended in order".

use crate::guest::Exit;
use abi::record::{EXIT_ORDERLY, EXIT_PANIC};
use std::fmt;

/// What the kernel said about its own end, by record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastWord {
    /// It panicked.
    Panic(String),
    /// It found the machine or the boot arguments unfit.
    Unfit(String),
}

/// How the machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In order, with the distinctive status.
    Orderly,
    /// The kernel panicked, with its message where one arrived.
    Panic(String),
    /// The kernel refused the machine or the boot arguments.
    Unfit(String),
    /// The CPU reset itself after a fault in a fault in a fault.
    TripleFault,
    /// The machine was reset or switched off without an orderly end.
    Reset,
    /// Nothing was heard for longer than the limit; where it was, and the limit in seconds.
    Hang(String, u64),
    /// QEMU itself failed: what it said.
    Qemu(String),
}

impl Outcome {
    /// Judges an exit of QEMU by its status, the kernel's last word and whether the kernel was heard at all.
    pub fn of(exit: &Exit, last_word: Option<LastWord>, heard: Heard) -> Self {
        match last_word {
            Some(LastWord::Panic(message)) => return Outcome::Panic(message),
            Some(LastWord::Unfit(message)) => return Outcome::Unfit(message),
            None => {}
        }
        if let Some(signal) = exit.signal() {
            return Outcome::Qemu(format!("killed by signal {signal}"));
        }
        match exit.status.code() {
            Some(code) if code == i32::from(EXIT_ORDERLY) => Outcome::Orderly,
            Some(code) if code == i32::from(EXIT_PANIC) => {
                Outcome::Panic("no message arrived".into())
            }
            _ if exit.triple_fault => Outcome::TripleFault,
            Some(0) => Outcome::Reset,
            Some(code) if exit.complaint.is_empty() && heard == Heard::Yes => {
                Outcome::Qemu(format!("exit status {code}, which no kernel of ours gives"))
            }
            Some(code) => Outcome::Qemu(match exit.complaint.as_str() {
                "" => format!("exit status {code} before the kernel said anything"),
                complaint => complaint.to_string(),
            }),
            None => Outcome::Qemu("no exit status".into()),
        }
    }

    /// Its one-word name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Orderly => "orderly",
            Outcome::Panic(_) => "panic",
            Outcome::Unfit(_) => "refused",
            Outcome::TripleFault => "triple fault",
            Outcome::Reset => "reset",
            Outcome::Hang(..) => "hang",
            Outcome::Qemu(_) => "QEMU error",
        }
    }
}

/// Whether anything came over the serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Some bytes did.
    Yes,
    /// Not one.
    No,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Orderly => write!(f, "ended in order"),
            Outcome::Panic(message) => write!(f, "panic: {message}"),
            Outcome::Unfit(message) => write!(f, "the kernel refused to run: {message}"),
            Outcome::TripleFault => write!(f, "triple fault: the CPU reset itself"),
            Outcome::Reset => write!(
                f,
                "the machine was reset or switched off without an orderly end"
            ),
            Outcome::Hang(place, seconds) => {
                write!(f, "hang in {place}: nothing heard for {seconds} s")
            }
            Outcome::Qemu(message) => write!(f, "QEMU error: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn exit(wait_status: i32, complaint: &str, triple_fault: bool) -> Exit {
        Exit {
            status: ExitStatus::from_raw(wait_status),
            complaint: complaint.into(),
            triple_fault,
        }
    }

    fn of(code: i32, complaint: &str, triple_fault: bool) -> Outcome {
        Outcome::of(&exit(code << 8, complaint, triple_fault), None, Heard::Yes)
    }

    #[test]
    fn only_the_distinctive_status_is_orderly() {
        for code in 0..=255 {
            assert_eq!(
                of(code, "", false) == Outcome::Orderly,
                code == 33,
                "{code}"
            );
        }
    }

    #[test]
    fn status_zero_is_a_reset_or_a_triple_fault() {
        assert_eq!(of(0, "", false), Outcome::Reset);
        assert_eq!(of(0, "", true), Outcome::TripleFault);
    }

    #[test]
    fn a_last_word_counts_more_than_the_status() {
        let word = Some(LastWord::Panic("I-MAP-1".into()));
        assert_eq!(
            Outcome::of(&exit(33 << 8, "", false), word, Heard::Yes),
            Outcome::Panic("I-MAP-1".into())
        );
        assert_eq!(of(35, "", false).name(), "panic");
    }

    #[test]
    fn qemu_s_own_errors_are_named() {
        assert_eq!(
            of(1, "no such file", false),
            Outcome::Qemu("no such file".into())
        );
        assert_eq!(
            Outcome::of(&exit(9, "", false), None, Heard::Yes),
            Outcome::Qemu("killed by signal 9".into())
        );
    }
}
