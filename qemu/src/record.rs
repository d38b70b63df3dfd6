//! The serial line, taken apart: data bytes and records (`abi::record`).
//!
//! Owns: the incremental parser, a pure state machine over the bytes as they arrive.
//! Does not own: what a record means for a run (`run`, `test`, `bench`).

use abi::record::ESC;
use serde::Deserialize;

/// A record longer than this is no record: the guest has gone wild.
const LONGEST: usize = 1 << 20;

/// One record of the guest; the fields are those that `abi::record::ev` lists.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "ev", rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Record {
    Log {
        msg: String,
    },
    Exec,
    Exit {
        status: u8,
    },
    Panic {
        msg: String,
    },
    Fail {
        msg: String,
    },
    Plan {
        count: usize,
        seed: u64,
        tests: Vec<String>,
    },
    Start {
        test: String,
    },
    End {
        test: String,
        result: Verdict,
        #[serde(default)]
        why: String,
        #[serde(default)]
        insns: u64,
        #[serde(default)]
        pages: i64,
        #[serde(default)]
        elems: i64,
    },
    Done {
        ran: usize,
        passed: usize,
        failed: usize,
        skipped: usize,
    },
    Bench {
        name: String,
        value: f64,
        unit: String,
    },
    #[serde(other)]
    Unknown,
}

/// What the guest says about one test.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It passed.
    Ok,
    /// It failed; `why` says how.
    Fail,
    /// It could not run; `why` names what is missing.
    Skip,
}

/// What the parser found, in the order of the line.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Bytes that programs or the plain console wrote, unescaped.
    Data(Vec<u8>),
    /// A whole record.
    Record(Record),
    /// Bytes that began like a record and are none: cut off, interleaved or not JSON.
    Broken(String),
}

enum State {
    Data,
    Escape,
    Record,
}

/// The parser: bytes in, items out; it may be fed in pieces of any size.
pub struct Parser {
    state: State,
    data: Vec<u8>,
    line: Vec<u8>,
}

impl Parser {
    /// A parser at the start of the line.
    pub fn new() -> Self {
        Self {
            state: State::Data,
            data: Vec::new(),
            line: Vec::new(),
        }
    }

    /// Takes the next bytes and gives what is complete. Data is never held back.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        for &byte in bytes {
            match self.state {
                State::Data if byte == ESC => self.state = State::Escape,
                State::Data => self.data.push(byte),
                State::Escape => self.after_escape(byte, &mut items),
                State::Record => self.in_record(byte, &mut items),
            }
        }
        self.flush_data(&mut items);
        items
    }

    /// Says what the line ended in the middle of, if it did.
    pub fn finish(&mut self) -> Option<Item> {
        let state = std::mem::replace(&mut self.state, State::Data);
        match state {
            State::Data => None,
            State::Escape => Some(Item::Broken("the line ends after an escape byte".into())),
            State::Record => Some(self.broken("the line ends inside a record")),
        }
    }

    fn after_escape(&mut self, byte: u8, items: &mut Vec<Item>) {
        self.state = State::Data;
        match byte {
            ESC => self.data.push(ESC),
            b'{' => {
                self.flush_data(items);
                self.line.push(byte);
                self.state = State::Record;
            }
            other => {
                self.flush_data(items);
                items.push(Item::Broken(format!("an escape byte before {other:#04x}")));
                self.data.push(other);
            }
        }
    }

    fn in_record(&mut self, byte: u8, items: &mut Vec<Item>) {
        match byte {
            b'\n' => {
                self.state = State::Data;
                match serde_json::from_slice(&self.line) {
                    Ok(record) => {
                        self.line.clear();
                        items.push(Item::Record(record));
                    }
                    Err(error) => {
                        let item = self.broken(&error.to_string());
                        items.push(item);
                    }
                }
            }
            // JSON has no raw control bytes: another writer cut in (the panic path takes no lock).
            ESC => {
                let item = self.broken("a record begins inside a record");
                items.push(item);
                self.state = State::Escape;
            }
            _ if self.line.len() >= LONGEST => {
                let item = self.broken("a record without an end");
                items.push(item);
                self.state = State::Data;
            }
            _ => self.line.push(byte),
        }
    }

    fn broken(&mut self, why: &str) -> Item {
        let line = std::mem::take(&mut self.line);
        let shown = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
        Item::Broken(format!("{why}: {shown}"))
    }

    fn flush_data(&mut self, items: &mut Vec<Item>) {
        if !self.data.is_empty() {
            items.push(Item::Data(std::mem::take(&mut self.data)));
        }
    }
}

#[cfg(test)]
mod tests;
