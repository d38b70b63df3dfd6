//! What leaves by the serial line: data of programs, and records or log lines of the kernel.
//!
//! Owns: framing (`abi::record`) and the lock around one line. Does not own: what is said.
//! Locks: the console's, last of all; interrupts are off while a line goes out. The panic path does
//! not take it.

use crate::platform::{ConsoleRank, SpinLock};
use abi::record::ESC;
use boot::Console;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static LINE: SpinLock<ConsoleRank, ()> = SpinLock::new(());
static RECORDS: AtomicBool = AtomicBool::new(false);
static LOGGED: AtomicU64 = AtomicU64::new(0);

/// Chooses the framing.
pub fn init(console: Console) {
    RECORDS.store(console == Console::Record, Ordering::Relaxed);
}

/// Whether the host reads records.
pub fn is_record() -> bool {
    RECORDS.load(Ordering::Relaxed)
}

/// Sends what a program wrote. For a person, a line feed gets its carriage return where the
/// terminal `translates`; for the host, the escape byte is doubled and nothing else is changed.
pub fn data(bytes: &[u8], translates: bool) {
    let special = if is_record() { ESC } else { b'\n' };
    let _line = LINE.lock();
    if !is_record() && !translates {
        arch::serial::write(bytes);
        return;
    }
    for piece in bytes.split_inclusive(|&byte| byte == special) {
        match piece.split_last() {
            Some((&last, before)) if last == special => {
                arch::serial::write(before);
                arch::serial::write(if is_record() { &[ESC, ESC] } else { b"\r\n" });
            }
            _ => arch::serial::write(piece),
        }
    }
}

/// A line of the kernel's log.
pub fn log(text: fmt::Arguments<'_>) {
    LOGGED.fetch_add(1, Ordering::Relaxed);
    let _line = LINE.lock();
    message(abi::record::ev::LOG, text);
}

/// Lines of the kernel's log that belong together: nobody else's come between.
pub fn log_lines(text: &str) {
    let _line = LINE.lock();
    for line in text.lines() {
        LOGGED.fetch_add(1, Ordering::Relaxed);
        message(abi::record::ev::LOG, format_args!("{line}"));
    }
}

/// How many lines the log has.
pub fn logged() -> u64 {
    LOGGED.load(Ordering::Relaxed)
}

/// A record for the host: `fields` is what follows `{"ev":"EVENT"`, beginning with a comma. Without
/// records it is a log line.
pub fn record(event: &str, fields: fmt::Arguments<'_>) {
    let _line = LINE.lock();
    if is_record() {
        let mut out = Raw;
        // `Raw` never fails.
        let _ = writeln!(out, "\u{1}{{\"ev\":\"{event}\"{fields}}}");
    } else {
        message(event, format_args!("{event}{fields}"));
    }
}

/// The last line of a kernel that cannot go on. Takes no lock.
pub fn last_words(text: fmt::Arguments<'_>) {
    if is_record() {
        message(abi::record::ev::PANIC, text);
    } else {
        message(abi::record::ev::PANIC, format_args!("panic: {text}"));
    }
}

fn message(event: &str, text: fmt::Arguments<'_>) {
    let mut out = Raw;
    let _ = if is_record() {
        writeln!(
            out,
            "\u{1}{{\"ev\":\"{event}\",\"msg\":\"{}\"}}",
            Escaped(text)
        )
    } else {
        write!(out, "{text}\r\n")
    };
}

struct Raw;

impl Write for Raw {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        arch::serial::write(text.as_bytes());
        Ok(())
    }
}

/// Text as the inside of a JSON string.
pub struct Escaped<'a>(pub fmt::Arguments<'a>);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escape<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl Write for Escape<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for character in text.chars() {
                    match character {
                        '"' => self.0.write_str("\\\"")?,
                        '\\' => self.0.write_str("\\\\")?,
                        '\n' => self.0.write_str("\\n")?,
                        '\0'..' ' | '\x7f' => write!(self.0, "\\u{:04x}", character as u32)?,
                        _ => self.0.write_char(character)?,
                    }
                }
                Ok(())
            }
        }
        Escape(f).write_fmt(self.0)
    }
}

/// A line of the kernel's log.
#[macro_export]
macro_rules! log {
    ($($text:tt)*) => { $crate::console::output::log(format_args!($($text)*)) };
}
