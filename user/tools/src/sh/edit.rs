//! The line editor: keys to a line.
//!
//! Owns: the line, the cursor, the history, what to draw. Does not own: the terminal (`guest::sh`).

use alloc::vec::Vec;

/// What the terminal's owner does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Nothing.
    None,
    /// Draw the line again.
    Draw,
    /// Clear the screen and draw the line again.
    Clear,
    /// Ring.
    Bell,
    /// The line is done.
    Submit,
    /// The line is dropped (^C).
    Interrupt,
    /// The input ends (^D on an empty line).
    End,
}

/// Where the reader is in an escape sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Escape {
    #[default]
    None,
    Started,
    Bracket,
    Number(u8),
}

/// The most lines remembered.
const REMEMBERED: usize = 200;

/// A line being edited.
#[derive(Default)]
pub struct Editor {
    line: Vec<u8>,
    cursor: usize,
    history: Vec<Vec<u8>>,
    /// Which line of the history is shown; its length for the new line.
    shown: usize,
    /// The new line while the history is shown.
    fresh: Vec<u8>,
    escape: Escape,
}

impl Editor {
    /// An editor without history.
    pub fn new() -> Self {
        Self::default()
    }

    /// The line.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The lines entered before, oldest first.
    pub fn history(&self) -> &[Vec<u8>] {
        &self.history
    }

    /// Starts an empty line.
    pub fn begin(&mut self) {
        self.line.clear();
        self.cursor = 0;
        self.shown = self.history.len();
        self.escape = Escape::None;
    }

    /// Remembers a line unless it is blank or the last one again.
    pub fn remember(&mut self, line: &[u8]) {
        let blank = line.iter().all(u8::is_ascii_whitespace);
        if blank || self.history.last().is_some_and(|last| last == line) {
            return;
        }
        if self.history.len() == REMEMBERED {
            self.history.remove(0);
        }
        self.history.push(line.to_vec());
    }

    /// The bytes that draw prompt and line and put the cursor in its place.
    pub fn draw(&self, prompt: &[u8]) -> Vec<u8> {
        let mut out = Vec::from(*b"\r");
        out.extend(prompt);
        out.extend(&self.line);
        out.extend(b"\x1b[K");
        let columns = |bytes: &[u8]| bytes.iter().filter(|byte| *byte & 0xc0 != 0x80).count();
        let back = columns(&self.line[self.cursor..]);
        if back != 0 {
            out.extend(alloc::format!("\x1b[{back}D").bytes());
        }
        out
    }

    /// Takes the next byte from the terminal.
    pub fn feed(&mut self, byte: u8) -> Action {
        match core::mem::take(&mut self.escape) {
            Escape::None => self.key(byte),
            Escape::Started => {
                if matches!(byte, b'[' | b'O') {
                    self.escape = Escape::Bracket;
                }
                Action::None
            }
            Escape::Bracket if byte.is_ascii_digit() => {
                self.escape = Escape::Number(byte);
                Action::None
            }
            Escape::Bracket => self.arrow(byte),
            Escape::Number(number) => match (number, byte) {
                (_, b'0'..=b'9' | b';') => {
                    self.escape = Escape::Number(number);
                    Action::None
                }
                (b'3', b'~') => self.delete(),
                (b'1' | b'7', b'~') => self.arrow(b'H'),
                (b'4' | b'8', b'~') => self.arrow(b'F'),
                (_, b'A'..=b'H') => self.arrow(byte),
                _ => Action::None,
            },
        }
    }

    fn arrow(&mut self, byte: u8) -> Action {
        match byte {
            b'A' => self.older(),
            b'B' => self.newer(),
            b'C' => self.right(),
            b'D' => self.left(),
            b'H' => self.go(0),
            b'F' => self.go(self.line.len()),
            _ => Action::None,
        }
    }

    fn key(&mut self, byte: u8) -> Action {
        match byte {
            b'\r' | b'\n' => Action::Submit,
            0x1b => {
                self.escape = Escape::Started;
                Action::None
            }
            1 => self.go(0),
            2 => self.left(),
            3 => Action::Interrupt,
            4 if self.line.is_empty() => Action::End,
            4 => self.delete(),
            5 => self.go(self.line.len()),
            6 => self.right(),
            8 | 0x7f => {
                if self.cursor == 0 {
                    return Action::Bell;
                }
                self.left();
                self.delete()
            }
            11 => {
                self.line.truncate(self.cursor);
                Action::Draw
            }
            12 => Action::Clear,
            14 => self.newer(),
            16 => self.older(),
            21 => {
                self.line.drain(..self.cursor);
                self.go(0)
            }
            23 => self.erase_word(),
            b'\t' | 0..=31 => Action::Bell,
            _ => {
                self.line.insert(self.cursor, byte);
                self.cursor += 1;
                Action::Draw
            }
        }
    }

    fn go(&mut self, to: usize) -> Action {
        self.cursor = to;
        Action::Draw
    }

    fn is_inside_character(&self) -> bool {
        self.line
            .get(self.cursor)
            .is_some_and(|byte| byte & 0xc0 == 0x80)
    }

    fn left(&mut self) -> Action {
        if self.cursor == 0 {
            return Action::Bell;
        }
        self.cursor -= 1;
        while self.cursor != 0 && self.is_inside_character() {
            self.cursor -= 1;
        }
        Action::Draw
    }

    fn right(&mut self) -> Action {
        if self.cursor == self.line.len() {
            return Action::Bell;
        }
        self.cursor += 1;
        while self.is_inside_character() {
            self.cursor += 1;
        }
        Action::Draw
    }

    fn delete(&mut self) -> Action {
        if self.cursor == self.line.len() {
            return Action::Bell;
        }
        self.line.remove(self.cursor);
        while self.is_inside_character() {
            self.line.remove(self.cursor);
        }
        Action::Draw
    }

    fn erase_word(&mut self) -> Action {
        let before = &self.line[..self.cursor];
        let end = before
            .iter()
            .rposition(|byte| *byte != b' ')
            .map_or(0, |at| at + 1);
        let start = before[..end]
            .iter()
            .rposition(|byte| *byte == b' ')
            .map_or(0, |at| at + 1);
        self.line.drain(start..self.cursor);
        self.go(start)
    }

    fn older(&mut self) -> Action {
        if self.shown == 0 {
            return Action::Bell;
        }
        if self.shown == self.history.len() {
            self.fresh = self.line.clone();
        }
        self.shown -= 1;
        self.line = self.history[self.shown].clone();
        self.go(self.line.len())
    }

    fn newer(&mut self) -> Action {
        if self.shown >= self.history.len() {
            return Action::Bell;
        }
        self.shown += 1;
        self.line = match self.history.get(self.shown) {
            Some(line) => line.clone(),
            None => core::mem::take(&mut self.fresh),
        };
        self.go(self.line.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in(editor: &mut Editor, keys: &[u8]) -> Action {
        let mut last = Action::None;
        for &key in keys {
            last = editor.feed(key);
        }
        last
    }

    #[test]
    fn keys_move_and_change() {
        let mut editor = Editor::new();
        editor.begin();
        type_in(&mut editor, b"helo\x1b[Dl\x05!");
        assert_eq!(editor.line(), b"hello!");
        type_in(&mut editor, b"\x01\x1b[3~H\x1b[C\x7f");
        assert_eq!(editor.line(), b"Hllo!");
        type_in(&mut editor, b"\x0b");
        assert_eq!(editor.line(), b"H");
        type_in(&mut editor, b" one two\x17\x17x\x15");
        assert_eq!(editor.line(), b"");
        assert_eq!(type_in(&mut editor, b"\x04"), Action::End);
    }

    #[test]
    fn characters_of_several_bytes_move_as_one() {
        let mut editor = Editor::new();
        editor.begin();
        type_in(&mut editor, "aé".as_bytes());
        type_in(&mut editor, b"\x1b[D");
        assert_eq!(editor.draw(b"$ "), b"\r$ a\xc3\xa9\x1b[K\x1b[1D");
        type_in(&mut editor, b"\x1b[C\x7f");
        assert_eq!(editor.line(), b"a");
    }

    #[test]
    fn history_goes_back_and_returns_to_the_new_line() {
        let mut editor = Editor::new();
        editor.remember(b"one");
        editor.remember(b"two");
        editor.remember(b"two");
        editor.remember(b"  ");
        assert_eq!(editor.history().len(), 2);
        editor.begin();
        type_in(&mut editor, b"new\x1b[A");
        assert_eq!(editor.line(), b"two");
        type_in(&mut editor, b"\x10");
        assert_eq!(editor.line(), b"one");
        assert_eq!(type_in(&mut editor, b"\x1b[A"), Action::Bell);
        type_in(&mut editor, b"\x1b[B\x1b[B");
        assert_eq!(editor.line(), b"new");
        assert_eq!(type_in(&mut editor, b"\x1b[B"), Action::Bell);
    }

    #[test]
    fn control_c_drops_the_line() {
        let mut editor = Editor::new();
        editor.begin();
        assert_eq!(type_in(&mut editor, b"abc\x03"), Action::Interrupt);
        editor.begin();
        assert_eq!(editor.line(), b"");
    }
}
