//! What is asked of a block device, and how that can fail.
//!
//! Owns: parts, the rules that every request keeps, errors and their text. Does not own: devices.

use abi::Errno;
use core::fmt;
use vm::PageId;

/// Bytes of a block: requests begin and end at multiples of it.
pub const BLOCK: u64 = 512;

/// Bytes of one frame, from or to which a device moves data. Its length need not be whole blocks; the sum over a
/// request's parts is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// The frame: the caller's, who keeps everybody else away from these bytes until the request has ended.
    pub page: PageId,
    /// The first byte.
    pub offset: u32,
    /// Bytes, at least 1.
    pub length: u32,
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// From the device to the frames.
    Read,
    /// From the frames to the device.
    Write,
    /// All writes that have ended become durable.
    Flush,
}

impl Operation {
    /// Its name in messages and in rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Flush => "flush",
        }
    }
}

/// What a device allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reads and writes.
    ReadWrite,
    /// Reads.
    ReadOnly,
}

/// Why a request failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It does not begin or end at a block, or a part is empty or not in one frame.
    Unaligned,
    /// It goes beyond the device's end.
    Beyond,
    /// The device cannot be written.
    ReadOnly,
    /// A run of blocks has more parts than the device takes at once.
    Scattered,
    /// The device says so.
    Device,
    /// The device does not know the operation.
    Unsupported,
    /// The device did not answer in time, or does not work any more.
    NoAnswer,
    /// A test asked for it (`inject`).
    Injected,
}

impl Why {
    const fn text(self) -> &'static str {
        match self {
            Self::Unaligned => "not whole blocks",
            Self::Beyond => "beyond the end of the device",
            Self::ReadOnly => "the device cannot be written",
            Self::Scattered => "too many parts in one block",
            Self::Device => "the device reports an error",
            Self::Unsupported => "the device does not know the operation",
            Self::NoAnswer => "the device does not answer",
            Self::Injected => "an injected error",
        }
    }
}

/// A request that failed. What a failed write left on the device is undefined, block by block; so is what a
/// failed read left in the frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockError {
    /// The device's name.
    pub device: &'static str,
    /// What was asked.
    pub operation: Operation,
    /// The request's first block (0 for a flush).
    pub block: u64,
    /// Why it failed.
    pub why: Why,
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (device, why) = (self.device, self.why.text());
        match self.operation {
            Operation::Flush => write!(f, "{device}: flush: {why}"),
            operation => write!(
                f,
                "{device}: {} of block {}: {why}",
                operation.name(),
                self.block
            ),
        }
    }
}

impl From<BlockError> for Errno {
    fn from(error: BlockError) -> Self {
        match error.why {
            Why::Unaligned | Why::Scattered => Self::EINVAL,
            Why::Beyond => Self::ENXIO,
            Why::ReadOnly => Self::EROFS,
            Why::Device | Why::Unsupported | Why::NoAnswer | Why::Injected => Self::EIO,
        }
    }
}

/// The bytes that `parts` hold, if every part lies in a frame of `page` bytes and the sum is whole blocks.
pub fn total(parts: &[Part], page: u64) -> Result<u64, Why> {
    let mut total = 0u64;
    for part in parts {
        let end = u64::from(part.offset) + u64::from(part.length);
        if part.length == 0 || end > page {
            return Err(Why::Unaligned);
        }
        total = total.saturating_add(u64::from(part.length));
    }
    if total.is_multiple_of(BLOCK) {
        Ok(total)
    } else {
        Err(Why::Unaligned)
    }
}

/// Whether `length` bytes from byte `at` are whole blocks of a device of `bytes` bytes.
pub fn within(at: u64, length: u64, bytes: u64) -> Result<(), Why> {
    if !at.is_multiple_of(BLOCK) || !length.is_multiple_of(BLOCK) {
        return Err(Why::Unaligned);
    }
    match at.checked_add(length) {
        Some(end) if end <= bytes => Ok(()),
        _ => Err(Why::Beyond),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const PAGE: u64 = 4096;

    fn part(offset: u32, length: u32) -> Part {
        Part {
            page: PageId(7),
            offset,
            length,
        }
    }

    #[test]
    fn parts_add_up_to_whole_blocks_though_each_need_not() {
        assert_eq!(total(&[part(1, 100), part(500, 412)], PAGE), Ok(512));
        assert_eq!(total(&[part(0, 4096), part(0, 4096)], PAGE), Ok(8192));
        assert_eq!(total(&[], PAGE), Ok(0));
    }

    #[test]
    fn a_part_lies_in_one_frame_and_is_not_empty() {
        assert_eq!(total(&[part(0, 511)], PAGE), Err(Why::Unaligned));
        assert_eq!(total(&[part(3585, 512)], PAGE), Err(Why::Unaligned));
        assert_eq!(
            total(&[part(u32::MAX, u32::MAX)], PAGE),
            Err(Why::Unaligned)
        );
        assert_eq!(
            total(&[part(0, 512), part(0, 0)], PAGE),
            Err(Why::Unaligned)
        );
    }

    #[test]
    fn requests_end_at_the_end() {
        assert_eq!(within(0, 1024, 1024), Ok(()));
        assert_eq!(within(1024, 0, 1024), Ok(()));
        assert_eq!(within(512, 1024, 1024), Err(Why::Beyond));
        assert_eq!(within(u64::MAX - 511, 512, 1024), Err(Why::Beyond));
        assert_eq!(within(1, 512, 1024), Err(Why::Unaligned));
    }

    #[test]
    fn a_message_names_device_operation_and_block() {
        let mut error = BlockError {
            device: "vd0",
            operation: Operation::Write,
            block: 24,
            why: Why::Device,
        };
        assert_eq!(
            error.to_string(),
            "vd0: write of block 24: the device reports an error"
        );
        error.operation = Operation::Flush;
        assert_eq!(error.to_string(), "vd0: flush: the device reports an error");
        assert_eq!(Errno::from(error), Errno::EIO);
    }
}
