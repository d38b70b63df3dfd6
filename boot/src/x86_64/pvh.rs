//! PVH's `hvm_start_info`: where the loader put the memory map, the modules and the command line.
//!
//! Owns: the record's layout and its checks. Does not own: what is done with it. All of it lies in
//! RAM that its own memory map calls usable: it is read once, before any of that is used.
//! Source: Xen's public interface `arch-x86/hvm/start_info.h` (facts). Tested on every host.

use crate::info::PhysRange;

/// The record's first word.
const MAGIC: u32 = 0x336e_c578;
const RECORD_SIZE: usize = 56;
const MEMORY_ENTRY_SIZE: u64 = 24;
const MODULE_SIZE: u64 = 32;
/// More entries than any firmware lists; what says more is damaged.
const MAXIMUM_ENTRIES: u32 = 128;
/// RAM, as the memory map counts types.
const TYPE_RAM: u32 = 1;

/// Physical memory, as far as it can be read before the final tables.
pub trait PhysicalMemory {
    /// Reads `into.len()` bytes at `address`, or nothing if they are out of reach.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), StartInfoError>;
}

/// Why the loader's record cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartInfoError {
    /// The record does not begin with the magic word.
    BadMagic,
    /// Version 0: no memory map.
    NoMemoryMap,
    /// The memory map has no entry, or more than there can be.
    BadMemoryMap,
    /// More modules than there can be.
    BadModuleCount,
    /// A module's range wraps around.
    BadModule,
    /// A table lies where nothing can be read.
    OutOfReach,
    /// The command line has no end, or is longer than the buffer.
    CommandLineTooLong,
    /// The command line is not UTF-8.
    CommandLineEncoding,
}

impl StartInfoError {
    /// For the one line that says why the machine cannot start.
    pub const fn text(self) -> &'static str {
        match self {
            Self::BadMagic => "the loader gave no PVH start info",
            Self::NoMemoryMap => "the loader gave no memory map",
            Self::BadMemoryMap => "the loader's memory map is empty or too long",
            Self::BadModuleCount => "the loader's module list is too long",
            Self::BadModule => "the loader's module has no sensible range",
            Self::OutOfReach => "the loader's tables lie above 4 GiB",
            Self::CommandLineTooLong => "the command line is too long",
            Self::CommandLineEncoding => "the command line is not UTF-8",
        }
    }
}

/// The record's fields that matter here, checked for magic, version and counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StartInfo {
    modules: u32,
    module_list: u64,
    command_line: u64,
    /// Physical address of ACPI's root pointer, or 0.
    pub acpi_root: u64,
    memory_map: u64,
    memory_entries: u32,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}

impl StartInfo {
    /// Reads the record at `address`.
    pub fn read(memory: &impl PhysicalMemory, address: u64) -> Result<Self, StartInfoError> {
        let mut record = [0; RECORD_SIZE];
        memory.read(address, &mut record)?;
        if word(&record, 0) != MAGIC {
            return Err(StartInfoError::BadMagic);
        }
        if word(&record, 4) == 0 {
            return Err(StartInfoError::NoMemoryMap);
        }
        let info = Self {
            modules: word(&record, 12),
            module_list: long(&record, 16),
            command_line: long(&record, 24),
            acpi_root: long(&record, 32),
            memory_map: long(&record, 40),
            memory_entries: word(&record, 48),
        };
        if info.memory_entries == 0 || info.memory_entries > MAXIMUM_ENTRIES {
            return Err(StartInfoError::BadMemoryMap);
        }
        if info.modules > MAXIMUM_ENTRIES {
            return Err(StartInfoError::BadModuleCount);
        }
        Ok(info)
    }

    /// The ranges of RAM, in the loader's order. One that wraps around ends at the last byte.
    pub fn ram<'a>(
        &self,
        memory: &'a impl PhysicalMemory,
    ) -> impl Iterator<Item = Result<PhysRange, StartInfoError>> + 'a {
        let start = self.memory_map;
        (0..u64::from(self.memory_entries)).filter_map(move |index| {
            let mut entry = [0; MEMORY_ENTRY_SIZE as usize];
            let read = entry_address(start, index, MEMORY_ENTRY_SIZE)
                .and_then(|address| memory.read(address, &mut entry));
            if let Err(error) = read {
                return Some(Err(error));
            }
            (word(&entry, 16) == TYPE_RAM).then(|| {
                let start = long(&entry, 0);
                Ok(PhysRange {
                    start,
                    end: start.saturating_add(long(&entry, 8)),
                })
            })
        })
    }

    /// Module `index`, if there are that many.
    pub fn module(
        &self,
        memory: &impl PhysicalMemory,
        index: u32,
    ) -> Result<Option<PhysRange>, StartInfoError> {
        if index >= self.modules {
            return Ok(None);
        }
        let mut entry = [0; MODULE_SIZE as usize];
        let address = entry_address(self.module_list, index.into(), MODULE_SIZE)?;
        memory.read(address, &mut entry)?;
        let start = long(&entry, 0);
        let end = start
            .checked_add(long(&entry, 8))
            .ok_or(StartInfoError::BadModule)?;
        Ok(Some(PhysRange { start, end }))
    }

    /// How many modules there are.
    pub fn module_count(&self) -> u32 {
        self.modules
    }

    /// Copies the command line into `buffer` and returns it, trimmed; empty if there is none.
    pub fn command_line<'b>(
        &self,
        memory: &impl PhysicalMemory,
        buffer: &'b mut [u8],
    ) -> Result<&'b str, StartInfoError> {
        let mut length = 0;
        if self.command_line != 0 {
            loop {
                let slot = buffer
                    .get_mut(length..length + 1)
                    .ok_or(StartInfoError::CommandLineTooLong)?;
                let address = self
                    .command_line
                    .checked_add(length as u64)
                    .ok_or(StartInfoError::OutOfReach)?;
                memory.read(address, slot)?;
                if slot[0] == 0 {
                    break;
                }
                length += 1;
            }
        }
        core::str::from_utf8(&buffer[..length])
            .map(str::trim)
            .map_err(|_| StartInfoError::CommandLineEncoding)
    }
}

fn entry_address(start: u64, index: u64, size: u64) -> Result<u64, StartInfoError> {
    index
        .checked_mul(size)
        .and_then(|offset| start.checked_add(offset))
        .ok_or(StartInfoError::OutOfReach)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Memory from address 0x1000 on; the rest is out of reach.
    struct Bytes(Vec<u8>);

    impl PhysicalMemory for Bytes {
        fn read(&self, address: u64, into: &mut [u8]) -> Result<(), StartInfoError> {
            let start = address
                .checked_sub(0x1000)
                .ok_or(StartInfoError::OutOfReach)? as usize;
            let end = start
                .checked_add(into.len())
                .ok_or(StartInfoError::OutOfReach)?;
            into.copy_from_slice(self.0.get(start..end).ok_or(StartInfoError::OutOfReach)?);
            Ok(())
        }
    }

    /// A record with one module at 0x1100, the map at 0x1200, the command line at 0x1300.
    fn good() -> Bytes {
        let mut bytes = std::vec![0u8; 0x400];
        let mut put = |at: usize, data: &[u8]| bytes[at..at + data.len()].copy_from_slice(data);
        put(0, &MAGIC.to_le_bytes());
        put(4, &1u32.to_le_bytes());
        put(12, &1u32.to_le_bytes());
        put(16, &0x1100u64.to_le_bytes());
        put(24, &0x1300u64.to_le_bytes());
        put(32, &0xf_5a10u64.to_le_bytes());
        put(40, &0x1200u64.to_le_bytes());
        put(48, &3u32.to_le_bytes());
        put(0x100, &0x800_0000u64.to_le_bytes());
        put(0x108, &0x1234u64.to_le_bytes());
        for (index, (start, size, kind)) in [
            (0u64, 0x9_fc00u64, 1u32),
            (0xf_0000, 0x1_0000, 2),
            (0x10_0000, 0xfee_0000, 1),
        ]
        .into_iter()
        .enumerate()
        {
            put(0x200 + index * 24, &start.to_le_bytes());
            put(0x208 + index * 24, &size.to_le_bytes());
            put(0x210 + index * 24, &kind.to_le_bytes());
        }
        put(0x300, b"  mode=test seed=7 \0");
        Bytes(bytes)
    }

    fn poke(at: usize, value: u32) -> Bytes {
        let mut memory = good();
        memory.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
        memory
    }

    #[test]
    fn a_good_record_is_read() {
        let memory = good();
        let info = StartInfo::read(&memory, 0x1000).unwrap();
        assert_eq!(info.acpi_root, 0xf_5a10);
        let ram: Vec<_> = info.ram(&memory).map(|range| range.unwrap()).collect();
        assert_eq!(
            ram,
            [
                PhysRange {
                    start: 0,
                    end: 0x9_fc00
                },
                PhysRange {
                    start: 0x10_0000,
                    end: 0xffe_0000
                },
            ]
        );
        assert_eq!(
            info.module(&memory, 0),
            Ok(Some(PhysRange {
                start: 0x800_0000,
                end: 0x800_1234
            }))
        );
        assert_eq!(info.module(&memory, 1), Ok(None));
        let mut buffer = [0; 64];
        assert_eq!(
            info.command_line(&memory, &mut buffer),
            Ok("mode=test seed=7")
        );
    }

    #[test]
    fn damaged_records_are_refused() {
        let read = |memory: &Bytes| StartInfo::read(memory, 0x1000).map(|_| ());
        assert_eq!(read(&poke(0, 1)), Err(StartInfoError::BadMagic));
        assert_eq!(read(&poke(4, 0)), Err(StartInfoError::NoMemoryMap));
        assert_eq!(read(&poke(48, 0)), Err(StartInfoError::BadMemoryMap));
        assert_eq!(read(&poke(48, 129)), Err(StartInfoError::BadMemoryMap));
        assert_eq!(
            read(&poke(12, u32::MAX)),
            Err(StartInfoError::BadModuleCount)
        );
        assert_eq!(
            StartInfo::read(&good(), 8).map(|_| ()),
            Err(StartInfoError::OutOfReach)
        );
    }

    #[test]
    fn tables_out_of_reach_are_refused() {
        let memory = poke(44, 0xffff_ffff);
        let info = StartInfo::read(&memory, 0x1000).unwrap();
        assert!(
            info.ram(&memory)
                .all(|range| range == Err(StartInfoError::OutOfReach))
        );
        let memory = poke(20, 0xffff_ffff);
        let info = StartInfo::read(&memory, 0x1000).unwrap();
        assert_eq!(info.module(&memory, 0), Err(StartInfoError::OutOfReach));
        let memory = poke(0x104, 0xffff_ffff);
        let mut wrapped = memory;
        wrapped.0[0x108..0x110].copy_from_slice(&u64::MAX.to_le_bytes());
        let info = StartInfo::read(&wrapped, 0x1000).unwrap();
        assert_eq!(info.module(&wrapped, 0), Err(StartInfoError::BadModule));
    }

    #[test]
    fn command_lines_end_and_are_text() {
        let line = |memory: &Bytes, size: usize| {
            let mut buffer = std::vec![0; size];
            StartInfo::read(memory, 0x1000)
                .unwrap()
                .command_line(memory, &mut buffer)
                .map(str::len)
        };
        assert_eq!(line(&good(), 19), Err(StartInfoError::CommandLineTooLong));
        assert_eq!(line(&good(), 20), Ok(16));
        assert_eq!(
            line(&poke(0x300, 0xff), 64),
            Err(StartInfoError::CommandLineEncoding)
        );
        assert_eq!(line(&poke(24, 0), 64), Ok(0));
        assert_eq!(line(&poke(24, 0x13ff), 64), Ok(0));
        let mut endless = good();
        endless.0[0x300..].fill(b'x');
        assert_eq!(line(&endless, 4096), Err(StartInfoError::OutOfReach));
    }
}
