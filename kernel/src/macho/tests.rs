//! Malformed programs are errors, and what is accepted keeps its promises.

use super::*;
use std::vec::Vec;

const TARGET: Target = Target {
    cpu_type: 0x0100_0007,
    page_size: 0x1000,
    limit: 0x7fff_0000_0000,
};

struct Builder {
    commands: Vec<Vec<u8>>,
}

impl Builder {
    fn segment(
        mut self,
        address: u64,
        memory: u64,
        offset: u64,
        file: u64,
        protections: (u32, u32),
    ) -> Self {
        let mut command = Vec::new();
        command.extend(LC_SEGMENT_64.to_le_bytes());
        command.extend((SEGMENT_COMMAND as u32).to_le_bytes());
        command.extend([0; 16]);
        for number in [address, memory, offset, file] {
            command.extend(number.to_le_bytes());
        }
        for number in [protections.0, protections.1, 0, 0] {
            command.extend(number.to_le_bytes());
        }
        self.commands.push(command);
        self
    }

    fn command(mut self, kind: u32, words: &[u64]) -> Self {
        let mut command = Vec::new();
        command.extend(kind.to_le_bytes());
        command.extend((8 + 8 * words.len() as u32).to_le_bytes());
        for number in words {
            command.extend(number.to_le_bytes());
        }
        self.commands.push(command);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let commands: Vec<u8> = self.commands.concat();
        let mut file = Vec::new();
        let header = [
            MAGIC_64,
            TARGET.cpu_type,
            3,
            MH_EXECUTE,
            self.commands.len() as u32,
            commands.len() as u32,
            0,
            0,
        ];
        for number in header {
            file.extend(number.to_le_bytes());
        }
        file.extend(commands);
        file
    }

    fn parse(&self) -> Result<Program, LoadError> {
        parse(&self.bytes(), 0x5000, TARGET)
    }
}

fn zero_and_text() -> Builder {
    Builder {
        commands: Vec::new(),
    }
    .segment(0, 0x1_0000_0000, 0, 0, (0, 0))
    .segment(0x1_0000_0000, 0x2000, 0, 0x2000, (5, 5))
}

fn good() -> Builder {
    zero_and_text()
        .segment(0x1_0000_2000, 0x3000, 0x2000, 0x800, (3, 3))
        .command(LC_MAIN, &[0x1234, 0])
        .command(LC_LOAD_DYLINKER, &[12])
}

#[test]
fn a_good_program_is_read() {
    let program = good().parse().unwrap();
    assert_eq!(program.lowest, 0x1_0000_0000);
    assert_eq!(program.entry, 0x1_0000_1234);
    assert_eq!(program.segments().len(), 2);
    assert_eq!(
        program.segments()[1],
        Segment {
            address: 0x1_0000_2000,
            memory_size: 0x3000,
            offset: 0x2000,
            file_size: 0x800,
            initial: Protection::DEFAULT,
            maximum: Protection::DEFAULT,
        }
    );
}

#[test]
fn other_files_get_their_own_error() {
    assert_eq!(
        parse(b"#!/bin/sh\nxxxxxxxxxxxxxxxxxxxxxxxxx", 36, TARGET),
        Err(LoadError::NotExecutable)
    );
    assert_eq!(parse(b"", 0, TARGET), Err(LoadError::NotExecutable));
    let mut file = good().bytes();
    file[4] = 12;
    assert_eq!(parse(&file, 0x5000, TARGET), Err(LoadError::WrongCpu));
    let mut file = good().bytes();
    file[12] = 6;
    assert_eq!(parse(&file, 0x5000, TARGET), Err(LoadError::Unsupported));
    assert_eq!(
        good().command(LC_LOAD_DYLIB, &[24, 0, 0]).parse(),
        Err(LoadError::Unsupported)
    );
    assert_eq!(Errno::from(LoadError::WrongCpu), Errno::EBADARCH);
}

#[test]
fn segments_that_make_no_sense_are_malformed() {
    type Row = (u64, u64, u64, u64, (u32, u32));
    let rows: [Row; 12] = [
        (0x1_0000_1000, 0x1000, 0, 0x1000, (3, 3)), // overlaps __TEXT
        (0x1_0000_2800, 0x1000, 0x2000, 0x1000, (3, 3)), // address not aligned
        (0x1_0000_2000, 0x1000, 0x2001, 0x800, (3, 3)), // offset not aligned
        (0x1_0000_2000, 0x1000, 0x4000, 0x1001, (3, 3)), // beyond the file
        (0x1_0000_2000, 0x1000, u64::MAX & !0xfff, 0x1000, (3, 3)), // offset wraps
        (0x1_0000_2000, 0x1000, 0x2000, 0x1800, (3, 3)), // more file than memory
        (0x1_0000_2000, u64::MAX, 0x2000, 0x800, (3, 3)), // size wraps
        (0x7fff_0000_0000, 0x1000, 0x2000, 0x800, (3, 3)), // outside user space
        (0xffff_ffff_8000_0000, 0x1000, 0x2000, 0x800, (3, 3)), // in the kernel
        (0x1_0000_2000, 0x1000, 0x2000, 0x800, (1, 3)), // above the maximum
        (0x1_0000_2000, 0x1000, 0x2000, 0x800, (7, 7)), // writable and executable
        (0x1_0000_2000, 0x1000, 0x2000, 0x800, (0x13, 3)), // unknown bits
    ];
    for row in rows {
        let file = zero_and_text()
            .segment(row.0, row.1, row.2, row.3, row.4)
            .command(LC_MAIN, &[0, 0]);
        assert_eq!(file.parse(), Err(LoadError::Malformed), "{row:x?}");
    }
}

#[test]
fn page_zero_comes_first_and_once() {
    let none = Builder {
        commands: Vec::new(),
    }
    .segment(0x1_0000_0000, 0x2000, 0, 0x2000, (5, 5))
    .command(LC_MAIN, &[0, 0]);
    assert_eq!(none.parse(), Err(LoadError::Malformed));
    let twice = zero_and_text()
        .segment(0, 0x1000, 0, 0, (0, 0))
        .command(LC_MAIN, &[0, 0]);
    assert_eq!(twice.parse(), Err(LoadError::Malformed));
    let readable = Builder {
        commands: Vec::new(),
    }
    .segment(0, 0x1000, 0, 0x1000, (1, 1));
    assert_eq!(readable.parse(), Err(LoadError::Malformed));
}

#[test]
fn the_entry_lies_in_the_text() {
    assert_eq!(zero_and_text().parse(), Err(LoadError::Malformed));
    assert_eq!(
        zero_and_text().command(LC_MAIN, &[0x2000, 0]).parse(),
        Err(LoadError::Malformed)
    );
    assert_eq!(
        zero_and_text().command(LC_MAIN, &[u64::MAX, 0]).parse(),
        Err(LoadError::Malformed)
    );
    let twice = zero_and_text()
        .command(LC_MAIN, &[0, 0])
        .command(LC_MAIN, &[0, 0]);
    assert_eq!(twice.parse(), Err(LoadError::Malformed));
}

/// Damages a good file in every byte and in random ways: no panic, and whatever is accepted is
/// aligned, ascending, disjoint and inside the file.
#[test]
fn damage_never_panics_and_promises_hold() {
    let good = good().bytes();
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut accepted = 0;
    for round in 0..20_000usize {
        let mut file = good.clone();
        let changes = 1 + random() % 3;
        for _ in 0..changes {
            let at = if round < good.len() * 4 {
                round / 4
            } else {
                random() as usize % file.len()
            };
            file[at] = match random() % 4 {
                0 => 0xff,
                1 => 0,
                2 => file[at] ^ (1 << (random() % 8)),
                _ => random() as u8,
            };
        }
        if round % 7 == 0 {
            file.truncate(random() as usize % file.len());
        }
        let Ok(program) = parse(&file, 0x5000, TARGET) else {
            continue;
        };
        accepted += 1;
        let mut before = program.lowest;
        for segment in program.segments() {
            assert!(segment.address >= before && segment.address % TARGET.page_size == 0);
            before = segment.address + segment.memory_size;
            assert!(before <= TARGET.limit && segment.memory_size % TARGET.page_size == 0);
            assert!(segment.offset + segment.file_size <= 0x5000);
            assert!(segment.file_size <= segment.memory_size);
        }
        assert!(program.entry < before);
    }
    assert!(accepted > 100, "{accepted}");
}
