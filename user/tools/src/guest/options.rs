//! Options of a tool: letters after `-`, and `--json`.

use super::sys;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};

/// The parsed command line.
pub struct Options {
    /// Letters given, with their argument where they take one.
    letters: Vec<(u8, Vec<u8>)>,
    /// `--json` was among them.
    pub json: bool,
    /// What is not an option.
    pub operands: Vec<Vec<u8>>,
}

impl Options {
    /// Whether a letter was given.
    pub fn has(&self, letter: u8) -> bool {
        self.letters.iter().any(|given| given.0 == letter)
    }

    /// The argument of the last such letter.
    pub fn value(&self, letter: u8) -> Option<&[u8]> {
        self.letters
            .iter()
            .rev()
            .find(|given| given.0 == letter)
            .map(|given| &given.1[..])
    }
}

/// Parses `args` (without the program's name) as `getopt` would: `wanted` lists the letters, a colon
/// after those that take an argument. Answers the letter that is not allowed.
pub fn parse(args: &[Vec<u8>], wanted: &[u8]) -> Result<Options, u8> {
    let mut options = Options {
        letters: Vec::new(),
        json: false,
        operands: Vec::new(),
    };
    let mut rest = args.iter();
    while let Some(argument) = rest.next() {
        if argument == b"--json" {
            options.json = true;
        } else if argument == b"--" {
            options.operands.extend(rest.by_ref().cloned());
        } else if argument.first() != Some(&b'-') || argument.len() == 1 {
            options.operands.push(argument.clone());
            // Options end at the first operand, but for --json.
            for argument in rest.by_ref() {
                if argument == b"--json" {
                    options.json = true
                } else {
                    options.operands.push(argument.clone())
                }
            }
        } else {
            let mut at = 1;
            while let Some(&letter) = argument.get(at) {
                at += 1;
                let place = wanted
                    .iter()
                    .position(|&known| known == letter && letter != b':')
                    .ok_or(letter)?;
                let mut value = Vec::new();
                if wanted.get(place + 1) == Some(&b':') {
                    value = if at < argument.len() {
                        argument[at..].to_vec()
                    } else {
                        rest.next().ok_or(letter)?.clone()
                    };
                    at = argument.len();
                }
                options.letters.push((letter, value));
            }
        }
    }
    Ok(options)
}

/// The arguments after the program's name.
///
/// # Safety
/// `argc` and `argv` are what the program was started with.
pub unsafe fn arguments(argc: c_int, argv: *const *const c_char) -> Vec<Vec<u8>> {
    // SAFETY: as the caller vouches.
    let mut all = unsafe { sys::arguments(argc, argv) };
    if !all.is_empty() {
        all.remove(0);
    }
    all
}

/// A decimal number.
pub fn number(text: &[u8]) -> Option<i64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// Defines a program's entry: `NAME_main` calls `run` with the arguments after the program's name.
macro_rules! program {
    ($name:ident, $run:path) => {
        /// The program's entry.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            argc: core::ffi::c_int,
            argv: *const *const core::ffi::c_char,
        ) -> core::ffi::c_int {
            // SAFETY: what `main` was called with.
            let args = unsafe { $crate::guest::options::arguments(argc, argv) };
            $run(&args)
        }
    };
}
pub(super) use program;
