//! `sh`.
//!
//! Owns: variables, jobs, the order of running. Does not own: the language (`crate::sh`).

mod builtin;
mod interactive;
mod job;
mod redirect;
mod run;

use super::options::program;
use super::out::complain;
use super::sys;
use crate::sh::expand::World;
use crate::sh::{SyntaxError, parse};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

program!(sh_main, sh);

/// A running shell.
pub struct Shell {
    /// `$?`
    status: i32,
    /// What the last `$(…)` of an assignment ended with.
    substituted: Option<i32>,
    /// `$!`
    last_background: Option<i32>,
    /// `$$`: a subshell keeps its parent's.
    pid: i32,
    /// `$0`
    name: Vec<u8>,
    /// `$1`, `$2`, …
    arguments: Vec<Vec<u8>>,
    /// Variables that are not exported.
    variables: Vec<(String, Vec<u8>)>,
    /// Children that run without being waited for.
    jobs: Vec<job::Job>,
    /// A person types; jobs have groups of their own and the terminal moves between them.
    interactive: bool,
    /// `exit` ran: unwind to the end.
    exiting: bool,
    /// `break` or `continue` ran: loops to leave, and whether the last one goes on.
    leaving: Option<(u32, bool)>,
    /// Lines typed so far.
    editor: crate::sh::edit::Editor,
}

impl Shell {
    fn new(name: Vec<u8>, arguments: Vec<Vec<u8>>) -> Self {
        Self {
            status: 0,
            substituted: None,
            last_background: None,
            pid: sys::pid(),
            name,
            arguments,
            variables: Vec::new(),
            jobs: Vec::new(),
            interactive: false,
            exiting: false,
            leaving: None,
            editor: crate::sh::edit::Editor::new(),
        }
    }

    /// Sets a variable: where it is exported there, otherwise the shell's own.
    fn set(&mut self, name: &str, value: Vec<u8>) {
        if sys::variable(name).is_some() {
            return sys::set_variable(name, &value);
        }
        match self.variables.iter_mut().find(|pair| pair.0 == name) {
            Some(pair) => pair.1 = value,
            None => self.variables.push((name.to_string(), value)),
        }
    }

    fn unset(&mut self, name: &str) {
        self.variables.retain(|pair| pair.0 != name);
        sys::unset_variable(name);
    }

    /// Runs a text line by line; stops at a syntax error.
    fn run_text(&mut self, text: &[u8]) {
        let mut at = 0;
        while !self.exiting {
            match parse(text, at) {
                Ok(Some((list, next))) => {
                    self.run_list(&list);
                    at = next;
                }
                Ok(None) => return,
                Err(error) => {
                    self.syntax_error(&error);
                    return;
                }
            }
        }
    }

    fn syntax_error(&mut self, error: &SyntaxError) {
        let what = match error {
            SyntaxError::Incomplete => "syntax error: unexpected end of file".to_string(),
            SyntaxError::Unexpected(token) => {
                format!("syntax error near unexpected token `{token}'")
            }
        };
        self.complain(&what);
        self.status = 2;
    }

    fn complain(&self, what: &str) {
        complain(&format!("sh: {what}"));
    }

    /// Runs lines from standard input, which is no terminal, reading no more than it has run.
    fn run_input(&mut self) {
        let mut text = Vec::new();
        while !self.exiting {
            let ended = !read_line(&mut text);
            match parse(&text, 0) {
                Ok(None) => text.clear(),
                Ok(Some(_)) => {
                    let whole = core::mem::take(&mut text);
                    self.run_text(&whole);
                }
                Err(SyntaxError::Incomplete) if !ended => {}
                Err(error) => {
                    self.syntax_error(&error);
                    return;
                }
            }
            if ended {
                return;
            }
        }
    }
}

/// Appends standard input up to and with a newline; false at its end.
fn read_line(text: &mut Vec<u8>) -> bool {
    let mut byte = [0];
    loop {
        match sys::read(0, &mut byte) {
            Ok(1) => text.push(byte[0]),
            _ => return false,
        }
        if byte[0] == b'\n' {
            return true;
        }
    }
}

impl World for Shell {
    fn variable(&mut self, name: &str) -> Option<Vec<u8>> {
        let decimal = |value: i64| Some(value.to_string().into_bytes());
        match name {
            "?" => decimal(i64::from(self.status)),
            "$" => decimal(i64::from(self.pid)),
            "!" => decimal(i64::from(self.last_background?)),
            "#" => decimal(self.arguments.len() as i64),
            "0" => Some(self.name.clone()),
            _ if name.starts_with(|c: char| c.is_ascii_digit()) => {
                let index = name.parse::<usize>().ok()?.checked_sub(1)?;
                self.arguments.get(index).cloned()
            }
            _ => sys::variable(name).or_else(|| {
                self.variables
                    .iter()
                    .find(|pair| pair.0 == name)
                    .map(|pair| pair.1.clone())
            }),
        }
    }

    fn arguments(&mut self) -> Vec<Vec<u8>> {
        self.arguments.clone()
    }

    fn output(&mut self, command: &[u8]) -> Vec<u8> {
        self.capture(command)
    }

    fn names(&mut self, folder: &[u8]) -> Vec<Vec<u8>> {
        let folder = if folder.is_empty() { b"." } else { folder };
        let mut names = sys::names(folder).unwrap_or_default();
        names.retain(|name| name != b"." && name != b"..");
        names
    }
}

fn sh(args: &[Vec<u8>]) -> i32 {
    let mut args = args.to_vec();
    if args.first().is_some_and(|first| first == b"-c") {
        if args.len() < 2 {
            complain("sh: -c: option requires an argument");
            return 2;
        }
        let text = args[1].clone();
        let name = args.get(2).cloned().unwrap_or_else(|| b"sh".to_vec());
        let mut shell = Shell::new(name, args.get(3..).unwrap_or_default().to_vec());
        shell.run_text(&text);
        return shell.status;
    }
    if args
        .first()
        .is_some_and(|first| first.starts_with(b"-") && first.len() > 1)
    {
        complain(&format!(
            "sh: {}: invalid option\nusage: sh [-c command | file] [argument ...]",
            String::from_utf8_lossy(&args[0])
        ));
        return 2;
    }
    if args.is_empty() {
        let mut shell = Shell::new(b"sh".to_vec(), Vec::new());
        if sys::is_terminal(0) {
            shell.interact();
        } else {
            shell.run_input();
        }
        return shell.status;
    }
    let file = args.remove(0);
    let text = sys::open(&file, 0, 0).and_then(|fd| {
        let text = sys::read_all(fd);
        sys::close(fd);
        text
    });
    match text {
        Ok(text) => {
            let mut shell = Shell::new(file, args);
            shell.run_text(&text);
            shell.status
        }
        Err(error) => {
            complain(&format!(
                "sh: {}: {}",
                String::from_utf8_lossy(&file),
                sys::message(error)
            ));
            127
        }
    }
}
