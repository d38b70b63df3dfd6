//! Text to tokens.
//!
//! Owns: quotes, escapes, comments, `$`. Does not own: which words are reserved (`parser`).

use super::ast::{Part, Word};
use super::parser::SyntaxError;
use alloc::string::String;
use alloc::vec::Vec;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word.
    Word(Word),
    /// `;`, `&`, `&&`, `||`, `|`, `(`, `)`
    Operator(&'static str),
    /// `<`, `>`, `>>`, `<&`, `>&` with the descriptor before it.
    Redirect(i32, &'static str),
    /// The end of a line.
    Newline,
    /// The end of the text.
    End,
}

/// A text and where the reader is.
#[derive(Clone)]
pub struct Lexer<'a> {
    text: &'a [u8],
    /// The next byte.
    pub at: usize,
}

const OPERATORS: [&str; 7] = ["&&", "||", ";", "&", "|", "(", ")"];
const REDIRECTS: [&str; 5] = [">>", ">&", "<&", ">", "<"];

impl<'a> Lexer<'a> {
    /// Reads `text` from byte `at` on.
    pub fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn starts_with(&self, token: &str) -> bool {
        self.text[self.at..].starts_with(token.as_bytes())
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.text.get(self.at + 1) == Some(&b'\n') => self.at += 2,
                Some(b'#') => {
                    while !matches!(self.peek(), None | Some(b'\n')) {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// The next token.
    pub fn token(&mut self) -> Result<Token, SyntaxError> {
        self.skip_blanks();
        let Some(byte) = self.peek() else {
            return Ok(Token::End);
        };
        if byte == b'\n' {
            self.at += 1;
            return Ok(Token::Newline);
        }
        if let Some(operator) = OPERATORS
            .into_iter()
            .find(|operator| self.starts_with(operator))
        {
            self.at += operator.len();
            return Ok(Token::Operator(operator));
        }
        let start = self.at;
        let mut fd = None;
        if byte.is_ascii_digit() && matches!(self.text.get(self.at + 1), Some(b'<' | b'>')) {
            fd = Some(i32::from(byte - b'0'));
            self.at += 1;
        }
        if let Some(redirect) = REDIRECTS
            .into_iter()
            .find(|redirect| self.starts_with(redirect))
        {
            self.at += redirect.len();
            let default = i32::from(redirect.starts_with('>'));
            return Ok(Token::Redirect(fd.unwrap_or(default), redirect));
        }
        self.at = start;
        self.word().map(Token::Word)
    }

    fn word(&mut self) -> Result<Word, SyntaxError> {
        let mut parts = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => {
                    break;
                }
                b'\\' => {
                    let escaped = *self.text.get(self.at + 1).ok_or(SyntaxError::Incomplete)?;
                    self.at += 2;
                    if escaped != b'\n' {
                        push(&mut parts, &[escaped], true);
                    }
                }
                b'\'' => {
                    let rest = &self.text[self.at + 1..];
                    let end = rest
                        .iter()
                        .position(|&c| c == b'\'')
                        .ok_or(SyntaxError::Incomplete)?;
                    push(&mut parts, &rest[..end], true);
                    self.at += end + 2;
                }
                b'"' => {
                    self.at += 1;
                    self.double_quoted(&mut parts)?;
                }
                b'$' | b'`' => self.dollar(&mut parts, false)?,
                _ => {
                    push(&mut parts, &[byte], false);
                    self.at += 1;
                }
            }
        }
        Ok(Word(parts))
    }

    fn double_quoted(&mut self, parts: &mut Vec<Part>) -> Result<(), SyntaxError> {
        push(parts, b"", true);
        loop {
            match self.peek().ok_or(SyntaxError::Incomplete)? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => {
                    let escaped = *self.text.get(self.at + 1).ok_or(SyntaxError::Incomplete)?;
                    self.at += 2;
                    match escaped {
                        b'\n' => {}
                        b'"' | b'\\' | b'$' | b'`' => push(parts, &[escaped], true),
                        other => push(parts, &[b'\\', other], true),
                    }
                }
                b'$' | b'`' => self.dollar(parts, true)?,
                byte => {
                    push(parts, &[byte], true);
                    self.at += 1;
                }
            }
        }
    }

    /// Reads `$NAME`, `${NAME}`, `$(…)` or `` `…` ``; a `$` before anything else is itself.
    fn dollar(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Result<(), SyntaxError> {
        if self.peek() == Some(b'`') {
            let rest = &self.text[self.at + 1..];
            let end = rest
                .iter()
                .position(|&c| c == b'`')
                .ok_or(SyntaxError::Incomplete)?;
            parts.push(Part::Output {
                command: rest[..end].to_vec(),
                quoted,
            });
            self.at += end + 2;
            return Ok(());
        }
        self.at += 1;
        match self.peek() {
            Some(b'(') => {
                let command = self.parenthesized()?;
                parts.push(Part::Output { command, quoted });
            }
            Some(b'{') => {
                let rest = &self.text[self.at + 1..];
                let end = rest
                    .iter()
                    .position(|&c| c == b'}')
                    .ok_or(SyntaxError::Incomplete)?;
                let name = String::from_utf8_lossy(&rest[..end]).into_owned();
                if !is_name(name.as_bytes()) && !is_special(&name) {
                    return Err(SyntaxError::Unexpected(name));
                }
                parts.push(Part::Variable { name, quoted });
                self.at += end + 2;
            }
            Some(c) if c.is_ascii_alphabetic() || c == b'_' => {
                let start = self.at;
                while self
                    .peek()
                    .is_some_and(|c| c.is_ascii_alphanumeric() || c == b'_')
                {
                    self.at += 1;
                }
                let name = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
                parts.push(Part::Variable { name, quoted });
            }
            Some(c @ (b'?' | b'$' | b'!' | b'#' | b'@' | b'*' | b'0'..=b'9')) => {
                self.at += 1;
                parts.push(Part::Variable {
                    name: String::from(char::from(c)),
                    quoted,
                });
            }
            _ => push(parts, b"$", quoted),
        }
        Ok(())
    }

    /// Reads `(…)` with what is nested in it; answers the text between.
    fn parenthesized(&mut self) -> Result<Vec<u8>, SyntaxError> {
        let start = self.at + 1;
        let mut depth = 0usize;
        let mut quote = 0u8;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' if quote != b'\'' => self.at += 1,
                b'\'' | b'"' if quote == 0 => quote = byte,
                _ if byte == quote => quote = 0,
                b'(' if quote == 0 => depth += 1,
                b')' if quote == 0 => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(self.text[start..self.at - 1].to_vec());
                    }
                }
                _ => {}
            }
        }
        Err(SyntaxError::Incomplete)
    }
}

/// Appends characters to a word, to its last part if that is of the same sort.
fn push(parts: &mut Vec<Part>, more: &[u8], quotes: bool) {
    match parts.last_mut() {
        Some(Part::Text { text, quoted }) if *quoted == quotes => text.extend_from_slice(more),
        _ => parts.push(Part::Text {
            text: more.to_vec(),
            quoted: quotes,
        }),
    }
}

/// Whether `text` can name a variable.
pub fn is_name(text: &[u8]) -> bool {
    text.first()
        .is_some_and(|c| c.is_ascii_alphabetic() || *c == b'_')
        && text.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'_')
}

fn is_special(name: &str) -> bool {
    matches!(name, "?" | "$" | "!" | "#" | "@" | "*")
        || (!name.is_empty() && name.bytes().all(|c| c.is_ascii_digit()))
}
