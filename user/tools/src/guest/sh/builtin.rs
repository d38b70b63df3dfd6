//! Commands that the shell runs itself.

use super::super::{c, sys};
use super::Shell;
use crate::guest::kill::signal_of;
use crate::guest::options::number;
use crate::guest::out::Out;
use crate::sh::lexer::is_name;
use abi::stat::mode;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A builtin: takes its arguments, answers its status.
pub type Builtin = fn(&mut Shell, &[Vec<u8>]) -> i32;

/// The builtin of this name.
pub fn find(name: &[u8]) -> Option<Builtin> {
    Some(match name {
        b":" => |_, _| 0,
        b"." | b"source" => source,
        b"[" => bracket,
        b"break" => |shell, args| leave(shell, args, false),
        b"cd" => cd,
        b"continue" => |shell, args| leave(shell, args, true),
        b"exec" => exec,
        b"exit" => exit,
        b"export" => export,
        b"history" => history,
        b"jobs" => jobs,
        b"pwd" => pwd,
        b"read" => read,
        b"set" => set,
        b"shift" => shift,
        b"test" => test,
        b"trap" => trap,
        b"unset" => unset,
        b"wait" => wait,
        _ => return None,
    })
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn cd(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    let home = sys::variable("HOME").unwrap_or_else(|| b"/".to_vec());
    let previous = sys::variable("OLDPWD").unwrap_or_default();
    let to = match args.first() {
        None => &home,
        Some(dash) if dash == b"-" => &previous,
        Some(path) => path,
    };
    let before = sys::current_folder().unwrap_or_default();
    // SAFETY: a C string.
    if unsafe { c::chdir(sys::c_string(to).as_ptr()) } != 0 {
        shell.complain(&format!(
            "cd: {}: {}",
            lossy(to),
            sys::message(sys::errno())
        ));
        return 1;
    }
    sys::set_variable("OLDPWD", &before);
    if let Ok(now) = sys::current_folder() {
        sys::set_variable("PWD", &now);
    }
    0
}

fn pwd(_shell: &mut Shell, _args: &[Vec<u8>]) -> i32 {
    match sys::current_folder() {
        Ok(mut path) => {
            path.push(b'\n');
            i32::from(sys::write(1, &path).is_err())
        }
        Err(_) => 1,
    }
}

fn exit(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    let status = match args.first() {
        None => shell.status,
        Some(text) => match number(text) {
            Some(status) => (status & 0xff) as i32,
            None => {
                shell.complain(&format!("exit: {}: numeric argument required", lossy(text)));
                255
            }
        },
    };
    shell.exiting = true;
    status
}

fn export(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    if args.is_empty() {
        let mut out = Out::new();
        for entry in sys::environment() {
            out.bytes(b"export ");
            out.bytes(&entry);
            out.bytes(b"\n");
        }
        return 0;
    }
    let mut status = 0;
    for arg in args {
        let (name, value) = match arg.iter().position(|&byte| byte == b'=') {
            Some(equals) => (&arg[..equals], Some(arg[equals + 1..].to_vec())),
            None => (&arg[..], None),
        };
        if !is_name(name) {
            shell.complain(&format!("export: `{}': not a valid identifier", lossy(arg)));
            status = 1;
            continue;
        }
        let name = lossy(name);
        let own = shell
            .variables
            .iter()
            .position(|pair| pair.0 == name)
            .map(|at| shell.variables.remove(at).1);
        if let Some(value) = value.or(own) {
            sys::set_variable(&name, &value);
        }
    }
    status
}

fn unset(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    args.iter().for_each(|name| shell.unset(&lossy(name)));
    0
}

fn set(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    if let Some((first, rest)) = args.split_first() {
        shell.arguments = if first == b"--" {
            rest.to_vec()
        } else {
            args.to_vec()
        };
        return 0;
    }
    let mut out = Out::new();
    for entry in sys::environment() {
        out.bytes(&entry);
        out.bytes(b"\n");
    }
    for (name, value) in &shell.variables {
        out.bytes(name.as_bytes());
        out.bytes(b"=");
        out.bytes(value);
        out.bytes(b"\n");
    }
    0
}

fn shift(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    let count = args
        .first()
        .map_or(Some(1), |text| number(text))
        .and_then(|count| usize::try_from(count).ok());
    match count.filter(|count| *count <= shell.arguments.len()) {
        Some(count) => {
            shell.arguments.drain(..count);
            0
        }
        None => 1,
    }
}

fn wait(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    let mut pids = Vec::new();
    for arg in args {
        match number(arg).and_then(|pid| i32::try_from(pid).ok()) {
            Some(pid) => pids.push(pid),
            None => {
                shell.complain(&format!("wait: `{}': not a pid", lossy(arg)));
                return 2;
            }
        }
    }
    shell.wait_jobs(&pids);
    shell.status
}

fn jobs(shell: &mut Shell, _args: &[Vec<u8>]) -> i32 {
    shell.reap();
    let mut out = Out::new();
    for job in &shell.jobs {
        out.bytes(format!("[{}] Running  {}\n", job.number, job.last).as_bytes());
    }
    0
}

fn history(shell: &mut Shell, _args: &[Vec<u8>]) -> i32 {
    let mut out = Out::new();
    for (index, line) in shell.editor.history().iter().enumerate() {
        out.bytes(format!("{:>5}  ", index + 1).as_bytes());
        out.bytes(line);
        out.bytes(b"\n");
    }
    0
}

fn exec(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    if args.is_empty() {
        return 0;
    }
    shell.exec(&[], args, &[])
}

fn source(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    let Some(file) = args.first() else {
        shell.complain(".: filename argument required");
        return 2;
    };
    let text = sys::open(file, 0, 0).and_then(|fd| {
        let text = sys::read_all(fd);
        sys::close(fd);
        text
    });
    match text {
        Ok(text) => {
            shell.run_text(&text);
            shell.status
        }
        Err(error) => {
            shell.complain(&format!("{}: {}", lossy(file), sys::message(error)));
            1
        }
    }
}

fn leave(shell: &mut Shell, args: &[Vec<u8>], goes_on: bool) -> i32 {
    let levels = args
        .first()
        .map_or(Some(1), |text| number(text))
        .and_then(|count| u32::try_from(count).ok());
    match levels {
        Some(levels @ 1..) => {
            shell.leaving = Some((levels, goes_on));
            0
        }
        _ => 1,
    }
}

fn read(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    let mut line = Vec::new();
    let complete = super::read_line(&mut line);
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    let mut rest = &line[..];
    for (index, name) in args.iter().enumerate() {
        rest = rest.trim_ascii_start();
        let end = if index + 1 == args.len() {
            rest.trim_ascii_end().len()
        } else {
            rest.iter()
                .position(u8::is_ascii_whitespace)
                .unwrap_or(rest.len())
        };
        shell.set(&lossy(name), rest[..end].to_vec());
        rest = &rest[end..];
    }
    i32::from(!complete)
}

/// `trap '' SIGNAL` ignores, `trap - SIGNAL` goes back to the default; handlers are not run.
fn trap(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    let Some((action, signals)) = args.split_first() else {
        return 0;
    };
    let handler = match &action[..] {
        b"" => abi::signal::SIG_IGN,
        b"-" => abi::signal::SIG_DFL,
        _ => {
            shell.complain("trap: only '' and - are supported");
            return 1;
        }
    };
    for text in signals {
        let Some(number) = signal_of(text) else {
            shell.complain(&format!(
                "trap: {}: invalid signal specification",
                lossy(text)
            ));
            return 1;
        };
        let record = abi::signal::OldAction {
            handler,
            mask: 0,
            flags: 0,
        };
        // SAFETY: the record is ours.
        unsafe { c::sigaction(number, &record, core::ptr::null_mut()) };
    }
    0
}

fn bracket(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    match args.split_last() {
        Some((last, rest)) if last == b"]" => test(shell, rest),
        _ => {
            shell.complain("[: missing `]'");
            2
        }
    }
}

fn test(shell: &mut Shell, args: &[Vec<u8>]) -> i32 {
    let words: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    match condition(&words) {
        Some(holds) => i32::from(!holds),
        None => {
            shell.complain("test: unknown operator or operand");
            2
        }
    }
}

fn condition(words: &[&[u8]]) -> Option<bool> {
    let is_kind = |path: &[u8], kind: u16| {
        sys::stat(path, true).is_ok_and(|stat| stat.mode & mode::S_IFMT == kind)
    };
    // SAFETY: a C string.
    let may = |path: &[u8], how: i32| unsafe { c::access(sys::c_string(path).as_ptr(), how) } == 0;
    Some(match words {
        [] => false,
        [text] => !text.is_empty(),
        [b"!", rest @ ..] => !condition(rest)?,
        [b"-n", text] => !text.is_empty(),
        [b"-z", text] => text.is_empty(),
        [b"-e", path] => sys::stat(path, true).is_ok(),
        [b"-f", path] => is_kind(path, mode::S_IFREG),
        [b"-d", path] => is_kind(path, mode::S_IFDIR),
        [b"-s", path] => sys::stat(path, true).is_ok_and(|stat| stat.size > 0),
        [b"-r", path] => may(path, 4),
        [b"-w", path] => may(path, 2),
        [b"-x", path] => may(path, 1),
        [b"-t", fd] => sys::is_terminal(i32::try_from(number(fd)?).ok()?),
        [a, b"=" | b"==", b] => a == b,
        [a, b"!=", b] => a != b,
        [a, operator, b] => {
            let (a, b) = (number(a)?, number(b)?);
            match *operator {
                b"-eq" => a == b,
                b"-ne" => a != b,
                b"-lt" => a < b,
                b"-le" => a <= b,
                b"-gt" => a > b,
                b"-ge" => a >= b,
                _ => return None,
            }
        }
        _ => return None,
    })
}
