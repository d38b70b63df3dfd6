//! Special files of block devices: `/dev/rd0`.
//!
//! Owns: which number stands for which device, and what happens at its end. Does not own: the tree (`vfs`), the
//! moving of bytes (`bytes`).

use super::disk::BlockDevice;
use super::{bytes, registry};
use crate::platform::Machine;
use abi::Errno;
use vm::ObjectRef;

/// The numbers and names of all devices.
pub fn numbers() -> impl Iterator<Item = (u8, &'static str)> {
    (0..).zip(registry::all().map(|device| device.name()))
}

fn device(number: u8) -> Result<&'static dyn BlockDevice, Errno> {
    registry::all().nth(usize::from(number)).ok_or(Errno::ENXIO)
}

/// How many of `length` bytes from `at` are on the device.
fn here(device: &dyn BlockDevice, at: u64, length: usize) -> usize {
    device.bytes().saturating_sub(at).min(length as u64) as usize
}

/// Reads from byte `at`; answers how many bytes there were: fewer, or none, at the end.
pub fn read(number: u8, at: u64, into: &mut [u8]) -> Result<usize, Errno> {
    let device = device(number)?;
    let count = here(device, at, into.len());
    bytes::read(device, at, &mut into[..count])?;
    Ok(count)
}

/// Writes from byte `at` on; answers for how many bytes there was room. `ENOSPC` at the end.
pub fn write(number: u8, at: u64, from: &[u8]) -> Result<usize, Errno> {
    let device = device(number)?;
    let count = here(device, at, from.len());
    if count == 0 && !from.is_empty() {
        return Err(Errno::ENOSPC);
    }
    bytes::write(device, at, &from[..count])?;
    Ok(count)
}

/// The device's bytes as memory to be mapped. `ENODEV` if they are none.
pub fn memory(number: u8) -> Result<&'static ObjectRef<Machine>, Errno> {
    device(number)?.memory().ok_or(Errno::ENODEV)
}

/// Makes durable what was written.
pub fn flush(number: u8) -> Result<(), Errno> {
    Ok(device(number)?.flush()?)
}
