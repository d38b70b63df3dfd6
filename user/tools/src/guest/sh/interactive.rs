//! The shell at a terminal.
//!
//! Owns: the terminal's modes, prompts. Does not own: what keys do (`crate::sh::edit`).

use super::super::{c, sys};
use super::Shell;
use crate::sh::edit::Action;
use crate::sh::{SyntaxError, parse};
use abi::termios::{ECHO, ICANON, ICRNL, ISIG, IXON, Termios, VMIN, VTIME};
use alloc::vec::Vec;

/// What a line of input ended with.
enum Line {
    Text(Vec<u8>),
    Interrupted,
    End,
}

const PROMPT: &[u8] = b"vellum# ";
const MORE: &[u8] = b"> ";

impl Shell {
    /// Reads and runs lines until the input ends or `exit`.
    pub fn interact(&mut self) {
        self.interactive = true;
        self.shield();
        // SAFETY: no memory is involved.
        unsafe {
            let pid = c::getpid();
            c::setpgid(pid, pid);
        }
        self.take_terminal();
        if let Ok(fd) = sys::open(b"/etc/motd", 0, 0) {
            let _ = sys::write(1, &sys::read_all(fd).unwrap_or_default());
            sys::close(fd);
        }
        let mut text = Vec::new();
        while !self.exiting {
            self.reap();
            match self.line(if text.is_empty() { PROMPT } else { MORE }) {
                Line::Text(line) => {
                    self.editor.remember(&line);
                    text.extend(line);
                    text.push(b'\n');
                }
                Line::Interrupted => {
                    text.clear();
                    self.status = 130;
                    continue;
                }
                Line::End => return,
            }
            if parse(&text, 0) == Err(SyntaxError::Incomplete) {
                continue;
            }
            let whole = core::mem::take(&mut text);
            self.run_text(&whole);
            self.leaving = None;
        }
    }

    /// Reads one line with the editor.
    fn line(&mut self, prompt: &[u8]) -> Line {
        let mut cooked = Termios::default();
        // SAFETY: the record is ours.
        let known = unsafe { c::tcgetattr(0, &mut cooked) } == 0;
        let mut raw = cooked;
        raw.lflag &= !(ECHO | ICANON | ISIG);
        raw.iflag &= !(ICRNL | IXON);
        raw.cc[VMIN] = 1;
        raw.cc[VTIME] = 0;
        // SAFETY: the record is ours.
        unsafe { c::tcsetattr(0, 0, &raw) };
        self.editor.begin();
        let _ = sys::write(1, &self.editor.draw(prompt));
        let line = self.keys(prompt);
        let _ = sys::write(1, b"\n");
        if known {
            // SAFETY: the record is ours.
            unsafe { c::tcsetattr(0, 0, &cooked) };
        }
        line
    }

    fn keys(&mut self, prompt: &[u8]) -> Line {
        let mut byte = [0];
        loop {
            match sys::read(0, &mut byte) {
                Ok(1) => {}
                _ => return Line::End,
            }
            let out = match self.editor.feed(byte[0]) {
                Action::None => continue,
                Action::Draw => self.editor.draw(prompt),
                Action::Clear => [b"\x1b[H\x1b[2J", &self.editor.draw(prompt)[..]].concat(),
                Action::Bell => b"\x07".to_vec(),
                Action::Submit => return Line::Text(self.editor.line().to_vec()),
                Action::Interrupt => {
                    let _ = sys::write(1, b"^C");
                    return Line::Interrupted;
                }
                Action::End => return Line::End,
            };
            let _ = sys::write(1, &out);
        }
    }
}
