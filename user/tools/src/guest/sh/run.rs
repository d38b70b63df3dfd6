//! Running commands.
//!
//! Owns: lists, pipelines, programs. Does not own: builtins, redirections, waiting.

use super::super::{c, sys};
use super::redirect::Saved;
use super::{Shell, builtin};
use crate::sh::expand::{arguments, text};
use crate::sh::{AndOr, Command, Compound, Connector, Item, Pipeline, Redirect, Word};
use abi::Errno;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Shell {
    /// Runs commands one after the other.
    pub fn run_list(&mut self, list: &[Item]) {
        for item in list {
            if self.exiting || self.leaving.is_some() {
                return;
            }
            if item.background {
                self.run_background(&item.what);
            } else {
                self.run_and_or(&item.what);
            }
        }
    }

    fn run_background(&mut self, what: &AndOr) {
        let mut group = 0;
        let from_terminal = self.interactive;
        match self.fork(&mut group, false) {
            Ok(Some(pid)) => {
                self.add_job(Vec::from([pid]), pid);
                self.status = 0;
            }
            Ok(None) => {
                // A job that nobody watches must not eat the script's input.
                if !from_terminal && let Ok(fd) = sys::open(b"/dev/null", 0, 0) {
                    let _ = sys::dup2(fd, 0);
                    sys::close(fd);
                }
                self.run_and_or(what);
                leave(self.status);
            }
            Err(error) => self.cannot_fork(error),
        }
    }

    fn cannot_fork(&mut self, error: Errno) {
        self.complain(&format!("fork: {}", sys::message(error)));
        self.status = 254;
    }

    fn run_and_or(&mut self, what: &AndOr) {
        self.run_pipeline(&what.first);
        for (connector, pipeline) in &what.rest {
            if self.exiting || self.leaving.is_some() {
                return;
            }
            if (self.status == 0) == (*connector == Connector::And) {
                self.run_pipeline(pipeline);
            }
        }
    }

    fn run_pipeline(&mut self, pipeline: &Pipeline) {
        match &pipeline.commands[..] {
            [one] => self.run_command(one),
            many => self.run_pipes(many),
        }
        if pipeline.negated {
            self.status = i32::from(self.status == 0);
        }
    }

    fn run_pipes(&mut self, commands: &[Command]) {
        let mut group = 0;
        let mut pids = Vec::new();
        let mut input = None;
        for (index, command) in commands.iter().enumerate() {
            let pipe = if index + 1 < commands.len() {
                match sys::pipe() {
                    Ok(ends) => Some(ends),
                    Err(error) => {
                        self.complain(&format!("pipe: {}", sys::message(error)));
                        break;
                    }
                }
            } else {
                None
            };
            match self.fork(&mut group, true) {
                Ok(Some(pid)) => pids.push(pid),
                Ok(None) => {
                    if let Some(fd) = input {
                        let _ = sys::dup2(fd, 0);
                        sys::close(fd);
                    }
                    if let Some((from, to)) = pipe {
                        let _ = sys::dup2(to, 1);
                        sys::close(from);
                        sys::close(to);
                    }
                    self.run_in_child(command);
                }
                Err(error) => {
                    self.cannot_fork(error);
                    break;
                }
            }
            input.into_iter().for_each(sys::close);
            input = pipe.map(|(from, to)| {
                sys::close(to);
                from
            });
        }
        input.into_iter().for_each(sys::close);
        let last = pids.last().copied().unwrap_or(0);
        if pids.len() < commands.len() {
            self.status = 254;
        }
        self.wait_foreground(&pids, last);
    }

    /// Runs a command in a child that was forked for it, and ends.
    fn run_in_child(&mut self, command: &Command) -> ! {
        if let Command::Simple {
            assignments,
            words,
            redirects,
        } = command
        {
            let args = arguments(words, self);
            if args
                .first()
                .is_some_and(|name| builtin::find(name).is_none())
            {
                self.exec(assignments, &args, redirects);
            }
        }
        self.run_command(command);
        leave(self.status)
    }

    fn run_command(&mut self, command: &Command) {
        match command {
            Command::Simple {
                assignments,
                words,
                redirects,
            } => self.run_simple(assignments, words, redirects),
            Command::Compound {
                body: Compound::Subshell(list),
                redirects,
            } => {
                let mut group = 0;
                match self.fork(&mut group, true) {
                    Ok(Some(pid)) => self.wait_foreground(&[pid], pid),
                    Ok(None) => {
                        if self.redirect(redirects, None) {
                            self.run_list(list);
                        }
                        leave(self.status);
                    }
                    Err(error) => self.cannot_fork(error),
                }
            }
            Command::Compound { body, redirects } => {
                let mut saved = Saved::default();
                if self.redirect(redirects, Some(&mut saved)) {
                    self.run_compound(body);
                }
                self.restore(saved);
            }
        }
    }

    fn run_compound(&mut self, body: &Compound) {
        match body {
            Compound::Group(list) | Compound::Subshell(list) => self.run_list(list),
            Compound::If { arms, otherwise } => {
                for (condition, then) in arms {
                    self.run_list(condition);
                    if self.exiting || self.leaving.is_some() {
                        return;
                    }
                    if self.status == 0 {
                        return self.run_list(then);
                    }
                }
                self.status = 0;
                self.run_list(otherwise);
            }
            Compound::Loop {
                condition,
                wanted,
                body,
            } => {
                let mut status = 0;
                loop {
                    self.run_list(condition);
                    if self.exiting || self.leaving.is_some() || (self.status == 0) != *wanted {
                        break;
                    }
                    self.run_list(body);
                    status = self.status;
                    if self.exiting || self.leave_loop() {
                        return;
                    }
                }
                if !self.exiting {
                    self.status = status;
                }
            }
            Compound::For { name, words, body } => {
                let values = match words {
                    Some(words) => arguments(words, self),
                    None => self.arguments.clone(),
                };
                self.status = 0;
                for value in values {
                    self.set(name, value);
                    self.run_list(body);
                    if self.exiting || self.leave_loop() {
                        return;
                    }
                }
            }
        }
    }

    /// After a loop's body: whether `break` or an outer `continue` ends this loop.
    fn leave_loop(&mut self) -> bool {
        match self.leaving {
            None => false,
            Some((1, goes_on)) => {
                self.leaving = None;
                !goes_on
            }
            Some((levels, goes_on)) => {
                self.leaving = Some((levels - 1, goes_on));
                true
            }
        }
    }

    fn run_simple(
        &mut self,
        assignments: &[(String, Word)],
        words: &[Word],
        redirects: &[Redirect],
    ) {
        let args = arguments(words, self);
        let Some(name) = args.first() else {
            // Without a command the assignments are the shell's own; `$?` in them is what it was, and
            // becomes that of the last `$(…)` among them, or 0.
            self.substituted = None;
            for (name, value) in assignments {
                let value = text(value, self);
                self.set(name, value);
            }
            let status = self.substituted.take().unwrap_or(0);
            let mut saved = Saved::default();
            if self.redirect(redirects, Some(&mut saved)) {
                self.status = status;
            }
            return self.restore(saved);
        };
        if let Some(run) = builtin::find(name) {
            for (name, value) in assignments {
                let value = text(value, self);
                self.set(name, value);
            }
            let mut saved = Saved::default();
            if self.redirect(redirects, Some(&mut saved)) {
                self.status = run(self, &args[1..]);
            }
            return self.restore(saved);
        }
        let mut group = 0;
        match self.fork(&mut group, true) {
            Ok(Some(pid)) => self.wait_foreground(&[pid], pid),
            Ok(None) => self.exec(assignments, &args, redirects),
            Err(error) => self.cannot_fork(error),
        }
    }

    /// Becomes the program `args` names.
    pub fn exec(
        &mut self,
        assignments: &[(String, Word)],
        args: &[Vec<u8>],
        redirects: &[Redirect],
    ) -> ! {
        for (name, value) in assignments {
            let value = text(value, self);
            sys::set_variable(name, &value);
        }
        if !self.redirect(redirects, None) {
            leave(1);
        }
        let strings: Vec<_> = args.iter().map(|arg| sys::c_string(arg)).collect();
        let mut argv: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        argv.push(core::ptr::null());
        // SAFETY: a vector of C strings that ends with a null pointer.
        unsafe { c::execvp(argv[0], argv.as_ptr()) };
        let error = sys::errno();
        let name = String::from_utf8_lossy(&args[0]);
        if error == Errno::ENOEXEC {
            self.exec_script(&args[0], args);
        }
        if error == Errno::ENOENT && !args[0].contains(&b'/') {
            self.complain(&format!("{name}: command not found"));
        } else {
            self.complain(&format!("{name}: {}", sys::message(error)));
        }
        leave(if error == Errno::ENOENT { 127 } else { 126 })
    }

    /// Runs a file that is no program as a script, if it looks like text.
    fn exec_script(&mut self, file: &[u8], args: &[Vec<u8>]) {
        let Ok(fd) = sys::open(file, 0, 0) else {
            return;
        };
        let text = sys::read_all(fd);
        sys::close(fd);
        let Ok(script) = text else {
            return;
        };
        if script.iter().take(512).any(|&byte| byte == 0) {
            return;
        }
        let mut shell = Shell::new(file.to_vec(), args[1..].to_vec());
        shell.run_text(&script);
        leave(shell.status)
    }

    /// Runs a command's text in a child and takes what it writes.
    pub fn capture(&mut self, command: &[u8]) -> Vec<u8> {
        let Ok((from, to)) = sys::pipe() else {
            return Vec::new();
        };
        let interactive = core::mem::replace(&mut self.interactive, false);
        let mut group = 0;
        let forked = self.fork(&mut group, false);
        self.interactive = interactive;
        let pid = match forked {
            Ok(Some(pid)) => pid,
            Ok(None) => {
                self.interactive = false;
                sys::close(from);
                let _ = sys::dup2(to, 1);
                sys::close(to);
                self.run_text(command);
                leave(self.status)
            }
            Err(error) => {
                sys::close(from);
                sys::close(to);
                self.cannot_fork(error);
                return Vec::new();
            }
        };
        sys::close(to);
        let output = sys::read_all(from).unwrap_or_default();
        sys::close(from);
        let before = self.status;
        self.wait_foreground(&[pid], pid);
        self.substituted = Some(core::mem::replace(&mut self.status, before));
        output
    }
}

/// Ends a child of the shell.
fn leave(status: i32) -> ! {
    // SAFETY: does not return; the shell has nothing buffered.
    unsafe { c::_exit(status) }
}
