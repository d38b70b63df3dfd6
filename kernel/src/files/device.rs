//! Devices: what a special file's number stands for.
//!
//! Owns: the numbers, Darwin's. Does not own: the terminal (`console::tty`), random numbers (`random`).

use super::pipe::Blocks;
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
}

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
        }
    }

    /// The device of a number. `ENXIO` if there is none.
    pub fn of(number: DeviceNumber) -> Result<Self, Errno> {
        let found = ALL.iter().find(|(_, device)| device.number() == number);
        found.map(|&(_, device)| device).ok_or(Errno::ENXIO)
    }

    /// The type of its special file.
    pub fn kind(self) -> Kind {
        Kind::Character
    }

    /// Whether it is the terminal.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Console | Self::Tty)
    }

    /// Reads what it has.
    pub fn read(self, into: &mut [u8], blocks: Blocks) -> Result<usize, Failure> {
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
        }
    }

    /// Writes all of it.
    pub fn write(self, from: &[u8]) -> usize {
        if self.is_terminal() {
            tty::write(from);
        }
        from.len()
    }
}
