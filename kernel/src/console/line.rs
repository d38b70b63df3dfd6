//! The terminal's line discipline.
//!
//! Owns: what happens to a byte between the keyboard and a reader: lines and their editing, echo,
//! signals. Does not own: the serial line, who waits (`console::tty`). A line is at most [`LINE`]
//! bytes; what does not fit is dropped, with a bell.

use abi::syscall::signal::{SIGINT, SIGQUIT, SIGTSTP};
use abi::termios::{
    ECHO, ECHOE, ICANON, ICRNL, ISIG, ONLCR, OPOST, Termios, VEOF, VEOL, VERASE, VINTR, VKILL,
    VQUIT, VSUSP,
};

/// Bytes of the line being edited.
pub const LINE: usize = 1024;
/// Bytes (and ends of file) that wait for a reader.
const READY: usize = 4096;
/// In `ready`: the reader gets an end of file here.
const END_OF_FILE: u16 = 256;
/// A control character that is switched off.
const DISABLED: u8 = 0xff;

/// What the terminal shows in answer to a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Echo {
    bytes: [u8; 8],
    length: usize,
    /// How often `bytes` are shown.
    times: usize,
}

impl Echo {
    fn once(bytes: &[u8]) -> Self {
        Self::repeated(bytes, 1)
    }

    fn repeated(text: &[u8], times: usize) -> Self {
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text);
        Self {
            bytes,
            length: text.len(),
            times,
        }
    }

    /// The pieces to show, one after the other.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        core::iter::repeat_n(&self.bytes[..self.length], self.times)
    }
}

/// What a byte caused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effect {
    /// What to show.
    pub echo: Echo,
    /// The signal for the foreground group.
    pub signal: Option<u32>,
    /// Readers have something to look at.
    pub wake: Wake,
}

/// Whether readers are to be woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wake {
    /// They are.
    Yes,
    /// They are not.
    #[default]
    No,
}

/// What a read got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// So many bytes, 0 at an end of file.
    Bytes(usize),
    /// Nothing yet: wait.
    Empty,
}

/// The state of one terminal.
pub struct Discipline {
    /// Its modes.
    pub termios: Termios,
    line: [u8; LINE],
    length: usize,
    ready: [u16; READY],
    first: usize,
    count: usize,
    /// Line ends and ends of file among `ready`.
    ends: usize,
}

impl Discipline {
    /// A new terminal's.
    pub const fn new() -> Self {
        Self {
            termios: Termios::DEFAULT,
            line: [0; LINE],
            length: 0,
            ready: [0; READY],
            first: 0,
            count: 0,
            ends: 0,
        }
    }

    /// Takes a byte from the keyboard.
    pub fn input(&mut self, byte: u8) -> Effect {
        let byte = match byte {
            b'\r' if self.has_input(ICRNL) => b'\n',
            other => other,
        };
        if self.has_local(ISIG) {
            for (index, signal) in [(VINTR, SIGINT), (VQUIT, SIGQUIT), (VSUSP, SIGTSTP)] {
                if self.is_control(index, byte) {
                    self.length = 0;
                    return Effect {
                        echo: self.echo_byte(byte),
                        signal: Some(signal),
                        wake: Wake::No,
                    };
                }
            }
        }
        if !self.has_local(ICANON) {
            self.push(u16::from(byte));
            return Effect {
                echo: self.echo_byte(byte),
                signal: None,
                wake: Wake::Yes,
            };
        }
        if self.is_control(VERASE, byte) || byte == 8 {
            return self.erase(1);
        }
        if self.is_control(VKILL, byte) {
            return self.erase(self.length);
        }
        if self.is_control(VEOF, byte) {
            return self.end_line(END_OF_FILE, Echo::default());
        }
        if byte == b'\n' || self.is_control(VEOL, byte) {
            let echo = self.echo_byte(byte);
            return self.end_line(u16::from(byte), echo);
        }
        if self.length == LINE {
            return Effect {
                echo: Echo::once(b"\x07"),
                ..Effect::default()
            };
        }
        self.line[self.length] = byte;
        self.length += 1;
        Effect {
            echo: self.echo_byte(byte),
            ..Effect::default()
        }
    }

    /// Gives a reader what there is.
    pub fn read(&mut self, into: &mut [u8]) -> Read {
        if into.is_empty() {
            return Read::Bytes(0);
        }
        let canonical = self.has_local(ICANON);
        if self.count == 0 || (canonical && self.ends == 0) {
            return Read::Empty;
        }
        let mut length = 0;
        while length < into.len() && self.count > 0 {
            let next = self.ready[self.first];
            if next == END_OF_FILE && length > 0 && !canonical {
                break;
            }
            self.first = (self.first + 1) % READY;
            self.count -= 1;
            if ends_line(next) {
                self.ends -= 1;
            }
            if next == END_OF_FILE {
                break;
            }
            into[length] = next as u8;
            length += 1;
            if canonical && ends_line(next) {
                break;
            }
        }
        Read::Bytes(length)
    }

    /// Bytes that a read would give at once.
    pub fn available(&self) -> usize {
        if self.has_local(ICANON) && self.ends == 0 {
            0
        } else {
            self.count
        }
    }

    /// Sets the modes. What was typed of a line becomes readable when lines end.
    pub fn set_modes(&mut self, termios: Termios) {
        self.termios = termios;
        if !self.has_local(ICANON) {
            self.flush_line();
        }
    }

    /// Drops what nobody has read.
    pub fn drop_input(&mut self) {
        (self.length, self.count, self.ends) = (0, 0, 0);
    }

    /// Whether a line feed is shown as carriage return and line feed.
    pub fn translates_output(&self) -> bool {
        self.termios.oflag & (OPOST | ONLCR) == OPOST | ONLCR
    }

    fn erase(&mut self, count: usize) -> Effect {
        let count = count.min(self.length);
        self.length -= count;
        let shown = self.has_local(ECHO) && self.has_local(ECHOE);
        Effect {
            echo: if shown {
                Echo::repeated(b"\x08 \x08", count)
            } else {
                Echo::default()
            },
            ..Effect::default()
        }
    }

    fn end_line(&mut self, end: u16, echo: Echo) -> Effect {
        self.flush_line();
        self.push(end);
        Effect {
            echo,
            signal: None,
            wake: Wake::Yes,
        }
    }

    fn flush_line(&mut self) {
        for at in 0..self.length {
            self.push(u16::from(self.line[at]));
        }
        self.length = 0;
    }

    fn push(&mut self, entry: u16) {
        // The last place is for a line's end, so that a full buffer can still be read.
        let limit = if ends_line(entry) { READY } else { READY - 1 };
        if self.count >= limit {
            return;
        }
        self.ready[(self.first + self.count) % READY] = entry;
        self.count += 1;
        self.ends += usize::from(ends_line(entry));
    }

    fn echo_byte(&self, byte: u8) -> Echo {
        if !self.has_local(ECHO) {
            return Echo::default();
        }
        match byte {
            b'\n' if self.translates_output() => Echo::once(b"\r\n"),
            b'\n' | b'\t' => Echo::once(&[byte]),
            0..0x20 => Echo::once(&[b'^', byte + 0x40]),
            0x7f => Echo::once(b"^?"),
            _ => Echo::once(&[byte]),
        }
    }

    fn is_control(&self, index: usize, byte: u8) -> bool {
        let control = self.termios.cc[index];
        control != DISABLED && control == byte
    }

    fn has_local(&self, flag: u64) -> bool {
        self.termios.lflag & flag != 0
    }

    fn has_input(&self, flag: u64) -> bool {
        self.termios.iflag & flag != 0
    }
}

impl Default for Discipline {
    fn default() -> Self {
        Self::new()
    }
}

fn ends_line(entry: u16) -> bool {
    entry == END_OF_FILE || entry == u16::from(b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    struct Terminal {
        discipline: Discipline,
        shown: Vec<u8>,
        signals: Vec<u32>,
    }

    impl Terminal {
        fn new() -> Self {
            Self {
                discipline: Discipline::new(),
                shown: Vec::new(),
                signals: Vec::new(),
            }
        }
        fn kind(&mut self, text: &[u8]) {
            for &byte in text {
                let effect = self.discipline.input(byte);
                effect
                    .echo
                    .pieces()
                    .for_each(|piece| self.shown.extend(piece));
                self.signals.extend(effect.signal);
            }
        }
        fn read(&mut self, limit: usize) -> Option<String> {
            let mut buffer = std::vec![0; limit];
            match self.discipline.read(&mut buffer) {
                Read::Bytes(count) => Some(String::from_utf8(buffer[..count].to_vec()).unwrap()),
                Read::Empty => None,
            }
        }
    }

    #[test]
    fn a_line_comes_when_it_ends() {
        let mut terminal = Terminal::new();
        terminal.kind(b"ls");
        assert_eq!(terminal.read(9), None);
        terminal.kind(b"\rpwd\n");
        assert_eq!(terminal.discipline.available(), 7);
        assert_eq!(terminal.read(2).unwrap(), "ls");
        assert_eq!(terminal.read(9).unwrap(), "\n");
        assert_eq!(terminal.read(9).unwrap(), "pwd\n");
        assert_eq!(terminal.read(9), None);
        assert_eq!(terminal.shown, b"ls\r\npwd\r\n");
    }

    #[test]
    fn erase_and_kill_edit_the_line_and_stop_at_its_start() {
        let mut terminal = Terminal::new();
        terminal.kind(b"ab\x7f\x08\x7fxyz\x15ok\n");
        assert_eq!(terminal.read(9).unwrap(), "ok\n");
        assert_eq!(
            terminal.shown,
            b"ab\x08 \x08\x08 \x08xyz\x08 \x08\x08 \x08\x08 \x08ok\r\n"
        );
    }

    #[test]
    fn control_c_is_a_signal_and_forgets_the_line() {
        let mut terminal = Terminal::new();
        terminal.kind(b"sleep\x03\n");
        assert_eq!(terminal.signals, [SIGINT]);
        assert_eq!(terminal.read(9).unwrap(), "\n");
        terminal.discipline.termios.lflag &= !ISIG;
        terminal.kind(b"\x03\n");
        assert_eq!(terminal.read(9).unwrap(), "\x03\n");
    }

    #[test]
    fn end_of_file_ends_a_read() {
        let mut terminal = Terminal::new();
        terminal.kind(b"a\x04\x04");
        assert_eq!(terminal.read(9).unwrap(), "a");
        assert_eq!(terminal.read(9).unwrap(), "");
        assert_eq!(terminal.read(9), None);
    }

    #[test]
    fn raw_mode_gives_every_byte_without_echo() {
        let mut terminal = Terminal::new();
        terminal.kind(b"x");
        let mut raw = terminal.discipline.termios;
        raw.lflag &= !(ICANON | ECHO | ISIG);
        raw.iflag &= !ICRNL;
        terminal.discipline.set_modes(raw);
        terminal.kind(b"\x1b[A\x03\r");
        assert_eq!(terminal.read(9).unwrap(), "x\x1b[A\x03\r");
        assert_eq!(terminal.shown, b"x");
    }

    #[test]
    fn floods_are_dropped_and_a_full_buffer_can_be_read() {
        let mut terminal = Terminal::new();
        for _ in 0..20 {
            terminal.kind(&[b'a'; LINE + 5]);
            terminal.kind(b"\n");
        }
        let mut lines = 0;
        while let Some(line) = terminal.read(2 * READY) {
            assert!(line.len() <= READY);
            lines += 1;
        }
        assert!((3..=5).contains(&lines), "{lines}");
        terminal.kind(b"b\n");
        assert_eq!(terminal.read(9).unwrap(), "b\n");
    }
}
