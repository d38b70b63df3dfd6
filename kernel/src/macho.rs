//! The Mach-O executable: what a file's header and load commands say.
//!
//! Owns: parsing and checking. Does not own: mapping (`exec`), relocation (the program's own start
//! code). The file is an allegation: every number is checked here, once, and what comes out is a
//! [`Program`] whose segments are aligned, disjoint, ascending and inside the file and user space.

use abi::{Errno, Protection};

/// `MH_MAGIC_64`.
const MAGIC_64: u32 = 0xfeed_facf;
/// Magic numbers of files that are Mach-O, but not 64-bit ones of our byte order.
const OTHER_MAGICS: [u32; 5] = [
    0xfeed_face,
    0xcefa_edfe,
    0xcffa_edfe,
    0xcafe_babe,
    0xbeba_feca,
];
const MH_EXECUTE: u32 = 2;
/// Bytes of `mach_header_64`.
pub const HEADER_SIZE: usize = 32;
/// The most bytes of load commands that are read.
pub const MAXIMUM_COMMANDS: usize = 64 * 1024;
/// The most segments of a program.
pub const MAXIMUM_SEGMENTS: usize = 24;
const SEGMENT_COMMAND: usize = 72;
const SECTION: usize = 80;

const REQUIRED: u32 = 0x8000_0000;
const LC_UNIXTHREAD: u32 = 0x5;
const LC_LOAD_DYLIB: u32 = 0xc;
const LC_LOAD_DYLINKER: u32 = 0xe;
const LC_SEGMENT_64: u32 = 0x19;
const LC_REEXPORT_DYLIB: u32 = 0x1f | REQUIRED;
const LC_LAZY_LOAD_DYLIB: u32 = 0x20;
const LC_LOAD_WEAK_DYLIB: u32 = 0x18 | REQUIRED;
const LC_LOAD_UPWARD_DYLIB: u32 = 0x23 | REQUIRED;
const LC_MAIN: u32 = 0x28 | REQUIRED;

/// Why a file cannot be run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// It is no Mach-O file at all.
    NotExecutable,
    /// It is for another processor, byte order or word size.
    WrongCpu,
    /// Its header or a load command is damaged or has no meaning.
    Malformed,
    /// It is a library or object file, or it needs a library that nobody can load.
    Unsupported,
}

impl From<LoadError> for Errno {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NotExecutable => Self::ENOEXEC,
            LoadError::WrongCpu => Self::EBADARCH,
            LoadError::Malformed => Self::EBADMACHO,
            LoadError::Unsupported => Self::EBADEXEC,
        }
    }
}

/// A part of the file and where it goes. All in bytes; address and offset are page-aligned,
/// `file_size <= memory_size`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// First address, without slide.
    pub address: u64,
    /// Bytes in memory, rounded up to pages.
    pub memory_size: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// What accesses are allowed at first.
    pub initial: Protection,
    /// What `mprotect` may allow.
    pub maximum: Protection,
}

/// What a program needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Program {
    segments: [Segment; MAXIMUM_SEGMENTS],
    count: usize,
    /// The first address, without slide.
    pub entry: u64,
    /// One past `__PAGEZERO`: the lowest address that the program may map. At least a page.
    pub lowest: u64,
    /// The stack that the program asks for, in bytes, or 0.
    pub stack_size: u64,
}

impl Program {
    /// The segments to map, ascending.
    pub fn segments(&self) -> &[Segment] {
        &self.segments[..self.count]
    }
}

/// How the machine wants its programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// `CPU_TYPE_*`.
    pub cpu_type: u32,
    /// Bytes of a page.
    pub page_size: u64,
    /// One past the last address that a program may use.
    pub limit: u64,
}

/// The first step: reads `mach_header_64` from the file's first bytes (at least [`HEADER_SIZE`]) and
/// answers how many bytes header and load commands take together.
pub fn commands_end(start: &[u8], target: Target) -> Result<usize, LoadError> {
    let magic = word(start, 0).ok_or(LoadError::NotExecutable)?;
    if OTHER_MAGICS.contains(&magic) {
        return Err(LoadError::WrongCpu);
    }
    if magic != MAGIC_64 {
        return Err(LoadError::NotExecutable);
    }
    let header = |at| word(start, at).ok_or(LoadError::Malformed);
    if header(4)? != target.cpu_type {
        return Err(LoadError::WrongCpu);
    }
    if header(12)? != MH_EXECUTE {
        return Err(LoadError::Unsupported);
    }
    let size = header(20)? as usize;
    if size > MAXIMUM_COMMANDS {
        return Err(LoadError::Malformed);
    }
    Ok(HEADER_SIZE + size)
}

/// The second step: reads the load commands. `start` holds at least the bytes that
/// [`commands_end`] asked for; `file_size` is the whole file's.
pub fn parse(start: &[u8], file_size: u64, target: Target) -> Result<Program, LoadError> {
    let end = commands_end(start, target)?;
    let start = start.get(..end).ok_or(LoadError::Malformed)?;
    let mut reader = Reader {
        target,
        file_size,
        program: Program {
            segments: [Segment::default(); MAXIMUM_SEGMENTS],
            count: 0,
            entry: 0,
            lowest: 0,
            stack_size: 0,
        },
        entry_offset: None,
        library: false,
    };
    let count = word(start, 16).ok_or(LoadError::Malformed)?;
    let mut at = HEADER_SIZE;
    for _ in 0..count {
        let kind = word(start, at).ok_or(LoadError::Malformed)?;
        let size = word(start, at + 4).ok_or(LoadError::Malformed)? as usize;
        if size < 8 || !size.is_multiple_of(4) {
            return Err(LoadError::Malformed);
        }
        let next = at.checked_add(size).ok_or(LoadError::Malformed)?;
        let command = start.get(at..next).ok_or(LoadError::Malformed)?;
        reader.command(kind, command)?;
        at = next;
    }
    reader.finish()
}

struct Reader {
    target: Target,
    file_size: u64,
    program: Program,
    entry_offset: Option<u64>,
    library: bool,
}

impl Reader {
    fn command(&mut self, kind: u32, command: &[u8]) -> Result<(), LoadError> {
        match kind {
            LC_SEGMENT_64 => self.segment(command).ok_or(LoadError::Malformed)?,
            LC_MAIN => {
                if self.entry_offset.is_some() {
                    return Err(LoadError::Malformed);
                }
                self.entry_offset = Some(long(command, 8).ok_or(LoadError::Malformed)?);
                self.program.stack_size = long(command, 16).ok_or(LoadError::Malformed)?;
            }
            LC_LOAD_DYLIB | LC_LOAD_WEAK_DYLIB | LC_REEXPORT_DYLIB | LC_LAZY_LOAD_DYLIB
            | LC_LOAD_UPWARD_DYLIB => self.library = true,
            LC_UNIXTHREAD => return Err(LoadError::Unsupported),
            // Every executable that the linker makes names one; without libraries it has no work.
            LC_LOAD_DYLINKER => {}
            _ => {}
        }
        Ok(())
    }

    /// `None` where the command is malformed.
    fn segment(&mut self, command: &[u8]) -> Option<()> {
        let address = long(command, 24)?;
        let memory_size = long(command, 32)?;
        let offset = long(command, 40)?;
        let file_size = long(command, 48)?;
        let maximum = protection(word(command, 56)?)?;
        let initial = protection(word(command, 60)?)?;
        let sections = word(command, 64)? as usize;
        let room = command.len().checked_sub(SEGMENT_COMMAND)?;
        let page = self.target.page_size;
        if sections > room / SECTION || offset.checked_add(file_size)? > self.file_size {
            return None;
        }
        if memory_size == 0 {
            return (file_size == 0).then_some(());
        }
        let end = address
            .checked_add(memory_size)?
            .checked_next_multiple_of(page)?;
        if address % page != 0 || end > self.target.limit {
            return None;
        }
        if address == 0 {
            // __PAGEZERO: nothing is mapped; the map begins behind it.
            let empty = file_size == 0 && initial.is_empty() && maximum.is_empty();
            let first = self.program.count == 0 && self.program.lowest == 0;
            self.program.lowest = end;
            return (empty && first).then_some(());
        }
        let before = match self.program.segments().last() {
            Some(last) => last.address + last.memory_size,
            None => self.program.lowest,
        };
        let disjoint = address >= before && self.program.lowest > 0;
        let both = Protection::WRITE | Protection::EXECUTE;
        if !disjoint
            || offset % page != 0
            || file_size > memory_size
            || !maximum.contains(initial)
            || initial.contains(both)
        {
            return None;
        }
        *self.program.segments.get_mut(self.program.count)? = Segment {
            address,
            memory_size: end - address,
            offset,
            file_size,
            initial,
            maximum,
        };
        self.program.count += 1;
        Some(())
    }

    fn finish(mut self) -> Result<Program, LoadError> {
        if self.library {
            return Err(LoadError::Unsupported);
        }
        let entry = self.entry_offset.ok_or(LoadError::Malformed)?;
        let text = self
            .program
            .segments()
            .iter()
            .find(|segment| segment.offset == 0 && segment.file_size > 0)
            .ok_or(LoadError::Malformed)?;
        if entry >= text.file_size || !text.initial.contains(Protection::EXECUTE) {
            return Err(LoadError::Malformed);
        }
        self.program.entry = text.address + entry;
        Ok(self.program)
    }
}

/// The three bits that mean something; others are an error.
fn protection(bits: u32) -> Option<Protection> {
    Protection::from_bits(u8::try_from(bits).ok()?)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(field.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(field.try_into().ok()?))
}

#[cfg(test)]
mod tests;
