//! What `boot` says: the first line, and the one line with which a machine that cannot run ends.
//!
//! Owns: the framing of these lines before the kernel's console exists. Does not own: the serial
//! line's driver (`arch::serial`), the kernel's log.

use crate::arguments::Console;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

/// Whether lines are framed as records; set as soon as the command line is known.
static RECORDS: AtomicBool = AtomicBool::new(false);

/// Chooses the framing of the lines to come.
pub fn set_console(console: Console) {
    RECORDS.store(console == Console::Record, Ordering::Relaxed);
}

/// Prints the line `Vellum <version> <machine>`: the first that anyone sees.
pub fn first_line(machine: fmt::Arguments<'_>) {
    line(
        abi::record::ev::LOG,
        format_args!("Vellum {} {}", crate::VERSION, machine),
    );
}

/// Says in one line why the machine cannot run, and ends it.
pub fn fail(why: fmt::Arguments<'_>) -> ! {
    line(abi::record::ev::FAIL, why);
    arch::power::exit(abi::record::EXIT_PANIC)
}

fn line(event: &str, text: fmt::Arguments<'_>) {
    let escape = RECORDS.load(Ordering::Relaxed);
    let mut out = Line { escape };
    // `Line` never fails.
    if escape {
        arch::serial::write(&[abi::record::ESC]);
        arch::serial::write(b"{\"ev\":\"");
        arch::serial::write(event.as_bytes());
        arch::serial::write(b"\",\"msg\":\"");
        let _ = out.write_fmt(text);
        arch::serial::write(b"\"}\n");
    } else {
        let _ = out.write_fmt(text);
        arch::serial::write(b"\n");
    }
}

/// Text on its way out; as a JSON string where `escape` says so.
struct Line {
    escape: bool,
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' if self.escape => arch::serial::write(&[b'\\', byte]),
                0..0x20 | 0x7f => arch::serial::write(b"?"),
                _ => arch::serial::write(&[byte]),
            }
        }
        Ok(())
    }
}
