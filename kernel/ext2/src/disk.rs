//! What lies below: a disk of bytes.
//!
//! Owns: the trait [`Disk`]. Does not own: any cache, any order of writes.

/// The disk could not do it; the file system names the block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskError;

/// A disk. Offsets and lengths are bytes, multiples of 512 (of the block size but for the superblock).
/// The calls may sleep; the file system's lock is held.
pub trait Disk {
    /// Reads `into.len()` bytes from byte `at`.
    ///
    /// # Errors
    /// The bytes are not there or cannot be read; `into` is then undefined.
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), DiskError>;

    /// Writes `from` to byte `at`. Until the next `flush` the write may be lost by a power cut, whole, and
    /// whatever the order of the writes was.
    ///
    /// # Errors
    /// The bytes there are then the old ones or the new ones.
    fn write(&self, at: u64, from: &[u8]) -> Result<(), DiskError>;

    /// Returns when every write that returned before survives a power cut.
    ///
    /// # Errors
    /// Nothing is known about the writes since the last flush; they have to be written again.
    fn flush(&self) -> Result<(), DiskError>;
}

impl<D: Disk + ?Sized> Disk for &D {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), DiskError> {
        (**self).read(at, into)
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), DiskError> {
        (**self).write(at, from)
    }

    fn flush(&self) -> Result<(), DiskError> {
        (**self).flush()
    }
}
