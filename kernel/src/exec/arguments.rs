//! Arguments and environment: out of one program's memory, onto the next one's stack.
//!
//! Owns: the strings on their way, Darwin's layout of a new stack. Does not own: the stack's memory.
//!
//! From low to high addresses: argc, argv pointers, 0, envp pointers, 0, apple pointers, 0, then the
//! strings. The stack pointer is a multiple of 16 and points to argc.

use crate::shared::NoMemory;
use crate::user_memory::{append_string, get, put_bytes};
use abi::Errno;
use alloc::vec::Vec;
use core::fmt::Write;

/// The most bytes of arguments and environment.
pub const MAXIMUM: usize = 256 * 1024;
/// The most strings.
const MAXIMUM_STRINGS: usize = 16 * 1024;

/// Strings, each with its NUL.
#[derive(Default)]
struct Strings {
    bytes: Vec<u8>,
    count: usize,
}

impl Strings {
    fn push(&mut self, text: &[u8]) -> Result<(), Errno> {
        if self.bytes.len() + text.len() + 1 > MAXIMUM {
            return Err(Errno::E2BIG);
        }
        self.bytes.try_reserve(text.len() + 1).map_err(|_| NoMemory)?;
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
        self.count += 1;
        Ok(())
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split_inclusive(|&byte| byte == 0)
    }
}

/// What a program is started with.
pub struct Arguments {
    arguments: Strings,
    environment: Strings,
}

impl Arguments {
    /// From two arrays of pointers in a program's memory; a null array is empty.
    pub fn from_program(argv: u64, envp: u64) -> Result<Self, Errno> {
        let arguments = collect(argv, MAXIMUM)?;
        let left = MAXIMUM - arguments.bytes.len();
        Ok(Self {
            environment: collect(envp, left)?,
            arguments,
        })
    }

    /// From the kernel's own words.
    pub fn new(argv: &[&[u8]], envp: &[&[u8]]) -> Result<Self, Errno> {
        let mut this = Self {
            arguments: Strings::default(),
            environment: Strings::default(),
        };
        argv.iter().try_for_each(|text| this.arguments.push(text))?;
        envp.iter().try_for_each(|text| this.environment.push(text))?;
        Ok(this)
    }

    /// The first argument becomes the interpreter, its argument and the script.
    pub fn interpret(&mut self, interpreter: &[u8], argument: Option<&[u8]>, script: &[u8]) -> Result<(), Errno> {
        let mut changed = Strings::default();
        changed.push(interpreter)?;
        if let Some(argument) = argument {
            changed.push(argument)?;
        }
        changed.push(script)?;
        for text in self.arguments.iter().skip(1) {
            changed.push(&text[..text.len() - 1])?;
        }
        self.arguments = changed;
        Ok(())
    }

    /// All strings, and how many of them are arguments: for `kern.procargs2`.
    pub fn record(&self) -> Result<(Vec<u8>, i32), NoMemory> {
        let mut bytes = Vec::new();
        let length = self.arguments.bytes.len() + self.environment.bytes.len();
        bytes.try_reserve_exact(length).map_err(|_| NoMemory)?;
        bytes.extend_from_slice(&self.arguments.bytes);
        bytes.extend_from_slice(&self.environment.bytes);
        Ok((bytes, self.arguments.count as i32))
    }

    /// Writes everything below `top` of the active address space; answers the stack pointer.
    pub fn write(&self, top: u64, path: &[u8], random: u64) -> Result<u64, Errno> {
        let apple = apple_strings(path, random)?;
        let lists = [&self.arguments, &self.environment, &apple];
        let length: usize = lists.iter().map(|list| list.bytes.len()).sum();
        let strings = top - (length as u64).next_multiple_of(16);
        let words = 1 + lists.iter().map(|list| list.count + 1).sum::<usize>();
        let stack = (strings - words as u64 * 8) & !15;
        let mut pointers = Vec::new();
        pointers.try_reserve_exact(words * 8).map_err(|_| NoMemory)?;
        pointers.extend_from_slice(&(self.arguments.count as u64).to_le_bytes());
        let mut at = strings;
        for list in lists {
            put_bytes(at, &list.bytes)?;
            let mut place = at;
            for text in list.iter() {
                pointers.extend_from_slice(&place.to_le_bytes());
                place += text.len() as u64;
            }
            pointers.extend_from_slice(&[0; 8]);
            at += list.bytes.len() as u64;
        }
        put_bytes(stack, &pointers)?;
        Ok(stack)
    }
}

/// What the kernel tells a program beyond its environment.
fn apple_strings(path: &[u8], random: u64) -> Result<Strings, Errno> {
    let mut strings = Strings::default();
    let mut text = Vec::new();
    text.try_reserve_exact(path.len() + 16).map_err(|_| NoMemory)?;
    text.extend_from_slice(b"executable_path=");
    text.extend_from_slice(path);
    strings.push(&text)?;
    for (name, salt) in [("stack_guard", 1), ("ptr_munge", 2), ("malloc_entropy", 3)] {
        let mut line = Line {
            bytes: [0; 64],
            length: 0,
        };
        let value = crate::random::mix(random ^ salt);
        // The line is long enough for a name and a number.
        let _ = write!(line, "{name}={value:#018x}");
        strings.push(line.bytes())?;
    }
    Ok(strings)
}

fn collect(array: u64, limit: usize) -> Result<Strings, Errno> {
    let mut strings = Strings::default();
    if array == 0 {
        return Ok(strings);
    }
    let mut at = array;
    loop {
        let pointer: u64 = get(at)?;
        if pointer == 0 {
            return Ok(strings);
        }
        if strings.count == MAXIMUM_STRINGS {
            return Err(Errno::E2BIG);
        }
        append_string(&mut strings.bytes, pointer, limit)?;
        strings.count += 1;
        at = at.checked_add(8).ok_or(Errno::EFAULT)?;
    }
}

/// A short line in the making.
struct Line {
    bytes: [u8; 64],
    length: usize,
}

impl Line {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(core::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
