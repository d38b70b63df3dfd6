//! What we ship runs on every CPU that we promise: cortex-a76, and x86-64 with SSE4.1.
//!
//! Owns: the walk over the code of a Mach-O program, and the list of functions that ask the CPU first.
//! Does not own: which instructions each machine has (`x86_64`, `aarch64`), which programs there are
//! (`build::user`).

mod aarch64;
mod x86_64;

use crate::build::{kernel::Flavor, lock, user};
use crate::machine::Arch;
use object::macho::{
    DataInCodeEntry, LC_DATA_IN_CODE, MachHeader64, S_ATTR_PURE_INSTRUCTIONS,
    S_ATTR_SOME_INSTRUCTIONS,
};
use object::read::macho::{LoadCommandIterator, MachHeader, MachOFile};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SectionFlags};
use std::collections::BTreeSet;
use std::ops::Range;

/// Functions that may contain more than the baseline, each with what guards it. A name that no program
/// has any more fails the test.
const GUARDED: &[(Arch, &str, &str)] = &[(
    Arch::Aarch64,
    "_privileged",
    "the test bad_access wants to die of it",
)];

/// An instruction that the baseline lacks.
#[derive(Debug, PartialEq, Eq)]
struct Foreign {
    at: u64,
    what: String,
}

/// What one piece of code came to.
#[derive(Default)]
struct Scan {
    instructions: usize,
    foreign: Vec<Foreign>,
}

impl Scan {
    /// Counts an instruction; `what` says what is wrong with it.
    fn count(&mut self, at: u64, what: Option<String>) {
        self.instructions += 1;
        self.foreign.extend(what.map(|what| Foreign { at, what }));
    }
}

/// Decodes `code`, which stands at `at` and is nothing but instructions.
fn scan(arch: Arch, code: &[u8], at: u64, into: &mut Scan) {
    match arch {
        Arch::X86_64 => x86_64::scan(code, at, into),
        Arch::Aarch64 => aarch64::scan(code, at, into),
    }
}

/// A program that is looked through.
struct Image<'a> {
    file: MachOFile<'a, MachHeader64<Endianness>>,
    bytes: &'a [u8],
}

impl<'a> Image<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let file = MachOFile::parse(bytes).expect("a Mach-O program");
        Self { file, bytes }
    }

    /// The ranges of the file inside its code that are tables, as the compiler and the linker noted.
    fn tables(&self) -> Vec<Range<u64>> {
        let endian = self.file.endian();
        let header = MachHeader64::<Endianness>::parse(self.bytes, 0).expect("a header");
        let mut commands: LoadCommandIterator<_> = header
            .load_commands(endian, self.bytes, 0)
            .expect("load commands");
        let mut tables = Vec::new();
        while let Some(command) = commands.next().expect("a load command") {
            if command.cmd() != LC_DATA_IN_CODE {
                continue;
            }
            let linkedit: &object::macho::LinkeditDataCommand<Endianness> =
                command.data().expect("where the tables are listed");
            let (from, size) = (linkedit.dataoff.get(endian), linkedit.datasize.get(endian));
            let listed = &self.bytes[from as usize..(from + size) as usize];
            let each = size_of::<DataInCodeEntry<Endianness>>();
            for entry in listed.chunks_exact(each) {
                let (entry, _) = object::pod::from_bytes::<DataInCodeEntry<Endianness>>(entry)
                    .expect("an entry");
                let start = u64::from(entry.offset.get(endian));
                tables.push(start..start + u64::from(entry.length.get(endian)));
            }
        }
        tables.sort_by_key(|table| table.start);
        tables
    }

    /// Decodes all code.
    fn scan(&self, arch: Arch) -> Scan {
        let mut all = Scan::default();
        let tables = self.tables();
        for section in self.file.sections() {
            let SectionFlags::MachO { flags, .. } = section.flags() else {
                continue;
            };
            if flags.0 & (S_ATTR_PURE_INSTRUCTIONS | S_ATTR_SOME_INSTRUCTIONS).0 == 0 {
                continue;
            }
            let data = section.data().expect("the bytes of a section");
            let (offset, _) = section.file_range().expect("a section in the file");
            for part in between(offset..offset + data.len() as u64, &tables) {
                let code = &data[(part.start - offset) as usize..(part.end - offset) as usize];
                scan(
                    arch,
                    code,
                    section.address() + (part.start - offset),
                    &mut all,
                );
            }
        }
        all
    }

    /// The function that an address is in.
    fn function(&self, at: u64) -> String {
        let symbols = self.file.symbols().filter(|symbol| symbol.is_definition());
        symbols
            .filter(|symbol| symbol.address() <= at)
            .max_by_key(|symbol| symbol.address())
            .and_then(|symbol| symbol.name().ok().map(String::from))
            .unwrap_or_else(|| "(no symbol)".into())
    }
}

/// What is left of `whole` without the sorted ranges `holes`.
fn between(whole: Range<u64>, holes: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut parts = Vec::new();
    let mut from = whole.start;
    for hole in holes {
        if hole.start >= whole.end || hole.end <= from {
            continue;
        }
        if from < hole.start {
            parts.push(from..hole.start);
        }
        from = hole.end;
    }
    if from < whole.end {
        parts.push(from..whole.end);
    }
    parts
}

/// Looks through everything that the archive of one machine holds.
fn check(arch: Arch) {
    let programs = {
        let lock = lock().unwrap_or_else(|_| panic!("the lock of the products"));
        user::programs(arch, Flavor::Tests, &lock)
            .unwrap_or_else(|_| panic!("the programs of {arch} are built"))
    };
    assert!(programs.iter().any(|program| program.guest == "/bin/sh"));
    let mut wrong = String::new();
    let mut met = BTreeSet::new();
    for program in &programs {
        let bytes = std::fs::read(&program.path).expect("a program that was just built");
        let image = Image::new(&bytes);
        let scan = image.scan(arch);
        assert!(
            scan.instructions > 100,
            "{} has {} instructions: its code was not found",
            program.guest,
            scan.instructions
        );
        for foreign in scan.foreign {
            let function = image.function(foreign.at);
            let guarded = GUARDED
                .iter()
                .find(|(machine, name, _)| *machine == arch && *name == function);
            match guarded {
                Some((_, name, _)) => {
                    met.insert(*name);
                }
                None => wrong.push_str(&format!(
                    "{} {:#x} in {function}: {}\n",
                    program.guest, foreign.at, foreign.what
                )),
            }
        }
    }
    assert!(wrong.is_empty(), "beyond the baseline of {arch}:\n{wrong}");
    let stale: Vec<_> = GUARDED
        .iter()
        .filter(|(machine, name, _)| *machine == arch && !met.contains(name))
        .collect();
    assert!(stale.is_empty(), "no longer needed: {stale:?}");
}

#[test]
fn programs_run_on_x86_64_with_sse4_1() {
    check(Arch::X86_64);
}

#[test]
fn programs_run_on_cortex_a76() {
    check(Arch::Aarch64);
}

#[test]
fn tables_are_cut_out_of_code() {
    let left = |holes: &[(u64, u64)]| -> Vec<(u64, u64)> {
        let holes: Vec<_> = holes.iter().map(|(from, to)| *from..*to).collect();
        let parts = between(10..20, &holes);
        parts.iter().map(|part| (part.start, part.end)).collect()
    };
    assert_eq!(left(&[]), [(10, 20)]);
    assert_eq!(left(&[(12, 14), (14, 15)]), [(10, 12), (15, 20)]);
    assert_eq!(left(&[(0, 11), (19, 30)]), [(11, 19)]);
    assert_eq!(left(&[(0, 30)]), []);
    assert_eq!(left(&[(0, 5), (25, 30)]), [(10, 20)]);
}
