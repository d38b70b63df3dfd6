//! Devices: what a special file's number stands for.
//!
//! Owns: the numbers, Darwin's. Does not own: the terminal (`console::tty`), random numbers (`random`), disks (`block`).

use super::pipe::Blocks;
use crate::block::special;
use crate::console::tty;
use crate::syscall::Failure;
use crate::vfs::Kind;
use crate::vfs::attributes::DeviceNumber;
use abi::Errno;

/// A device that a special file stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Device {
    /// Empty to readers, swallows what is written.
    Null,
    /// Endless zeros.
    Zero,
    /// The console.
    Console,
    /// The caller's terminal; there is one terminal, so it is the console.
    Tty,
    /// Random bytes.
    Random,
    /// The same.
    Urandom,
    /// The block device of that number.
    Block(u8),
}

/// The driver of all block devices.
const BLOCK_MAJOR: u8 = 1;

/// What `/dev` holds.
pub const ALL: [(&[u8], Device); 6] = [
    (b"/dev/null", Device::Null),
    (b"/dev/zero", Device::Zero),
    (b"/dev/console", Device::Console),
    (b"/dev/tty", Device::Tty),
    (b"/dev/random", Device::Random),
    (b"/dev/urandom", Device::Urandom),
];

impl Device {
    /// Its number.
    pub const fn number(self) -> DeviceNumber {
        match self {
            Self::Console => DeviceNumber::new(0, 0),
            Self::Tty => DeviceNumber::new(2, 0),
            Self::Null => DeviceNumber::new(3, 2),
            Self::Zero => DeviceNumber::new(3, 3),
            Self::Random => DeviceNumber::new(17, 0),
            Self::Urandom => DeviceNumber::new(17, 1),
            Self::Block(number) => DeviceNumber::new(BLOCK_MAJOR, number as u32),
        }
    }

    /// The device of a number. `ENXIO` if there is none.
    pub fn of(number: DeviceNumber) -> Result<Self, Errno> {
        if number.major() == BLOCK_MAJOR {
            return u8::try_from(number.minor()).map(Self::Block).map_err(|_| Errno::ENXIO);
        }
        let found = ALL.iter().find(|(_, device)| device.number() == number);
        found.map(|&(_, device)| device).ok_or(Errno::ENXIO)
    }

    /// The type of its special file.
    pub fn kind(self) -> Kind {
        if matches!(self, Self::Block(_)) { Kind::Block } else { Kind::Character }
    }

    /// Whether it is the terminal.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Console | Self::Tty)
    }

    /// Reads what it has, a block device from byte `at`.
    pub fn read(self, at: u64, into: &mut [u8], blocks: Blocks) -> Result<usize, Failure> {
        match self {
            Self::Null => Ok(0),
            Self::Zero => {
                into.fill(0);
                Ok(into.len())
            }
            Self::Random | Self::Urandom => {
                crate::random::fill(into);
                Ok(into.len())
            }
            Self::Console | Self::Tty if blocks == Blocks::No && tty::available() == 0 => Err(Errno::EAGAIN.into()),
            Self::Console | Self::Tty => tty::read(into),
            Self::Block(number) => Ok(special::read(number, at, into)?),
        }
    }

    /// Writes all of it, to a block device from byte `at` on and as far as there is room.
    pub fn write(self, at: u64, from: &[u8]) -> Result<usize, Failure> {
        match self {
            Self::Console | Self::Tty => tty::write(from),
            Self::Block(number) => return Ok(special::write(number, at, from)?),
            _ => {}
        }
        Ok(from.len())
    }
}
