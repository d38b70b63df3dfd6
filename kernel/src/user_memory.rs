//! Records and strings in a program's memory.
//!
//! Owns: typed copies over `arch::user`'s byte copies. Does not own: the checks and the recovery
//! (`arch::user`), the faults in between (`trap`).

use crate::memory::vm;
use crate::sched::{Thread, run};
use crate::shared::{NoMemory, try_push};
use abi::Errno;
use alloc::vec::Vec;
use arch::user;
use core::mem::MaybeUninit;
use vm::{Moved, Piece};

/// A record that may hold any bytes and has no padding: safe to copy to and from a program.
///
/// # Safety
/// Every bit pattern is a value, and no byte of a value is padding.
pub unsafe trait Plain: Copy {
    /// All zeros.
    fn zeroed() -> Self {
        // SAFETY: every bit pattern is a value.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }

    /// The record's bytes.
    fn bytes(&self) -> &[u8] {
        // SAFETY: no byte is padding, so all are initialised.
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(self).cast(), size_of::<Self>()) }
    }

    /// The record's bytes, to be overwritten.
    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: every bit pattern is a value, and no byte is padding.
        unsafe { core::slice::from_raw_parts_mut(core::ptr::from_mut(self).cast(), size_of::<Self>()) }
    }
}

macro_rules! plain {
    ($($type:ty),* $(,)?) => {
        $(
            // SAFETY: integers and `repr(C)` records of integers whose padding is a named field.
            unsafe impl Plain for $type {}
        )*
    };
}

plain!(
    u8, i32, u32, i64, u64, [u8; 16], [u64; 2], [u32; 2], [u32; 5], [i64; 2],
    abi::signal::Action, abi::signal::OldAction, abi::signal::SigInfo, abi::signal::SigStack,
    abi::signal::UContext, abi::signal::x86_64::MContext, abi::signal::arm64::MContext,
    abi::stat::Stat64, abi::mount::Statfs64, abi::termios::Termios, abi::termios::WinSize,
    abi::trap::VmMapArgs, abi::trap::VmRemapArgs, abi::spawn::SpawnArgs, abi::spawn::SpawnAttr, abi::spawn::SpawnFileAction,
    abi::proc::ProcBsdInfo, abi::proc::ProcTaskInfo, abi::proc::ProcRegionInfo,
    abi::proc::ProcRegionWithPathInfo, abi::proc::KinfoProc, abi::proc::Rusage,
    abi::task_info::TaskEventsInfo, abi::task_info::TaskThreadTimesInfo, abi::task_info::TaskBasicInfo32, abi::task_info::TaskBasicInfo64,
    abi::task_info::MachTaskBasicInfo, abi::task_info::TaskVmInfo,
    abi::host_info::HostBasicInfo, abi::host_info::VmStatistics, abi::host_info::MemoryInfo,
    abi::region::RegionBasicInfo64, abi::region::RegionExtendedInfo, abi::region::RegionTopInfo,
    abi::region::RegionSubmapInfo64, abi::region::VmStatistics64, abi::region::ZoneInfo,
    abi::objects::VmEntryRecord, abi::objects::VmObjectRecord, abi::objects::VmPageRun,
    abi::sysctl::XswUsage, abi::sysctl::LoadAvg, abi::lock_statistics::LockStatistics, abi::thread::PthreadRegistration,
);

/// Reads a record.
pub fn get<T: Plain>(from: u64) -> Result<T, Errno> {
    let mut value = T::zeroed();
    get_bytes(value.bytes_mut(), from)?;
    Ok(value)
}

/// Reads an aligned word of 32 bits as it is at one moment: as half of the aligned word of 64 bits
/// around it, which every machine's copy reads at once.
pub fn get_word(from: u64) -> Result<u32, Errno> {
    let both: u64 = get(from & !7)?;
    Ok((both >> ((from & 4) * 8)) as u32)
}

/// Writes a record.
pub fn put<T: Plain>(to: u64, value: &T) -> Result<(), Errno> {
    put_bytes(to, value.bytes())
}

/// Writes a record unless the program passed a null pointer.
pub fn put_optional<T: Plain>(to: u64, value: &T) -> Result<(), Errno> {
    if to == 0 { Ok(()) } else { put(to, value) }
}

/// Reads bytes.
#[inline]
pub fn get_bytes(into: &mut [u8], from: u64) -> Result<(), Errno> {
    user::copy_in(into, from).map_err(|_| Errno::EFAULT)
}

/// Writes bytes.
#[inline]
pub fn put_bytes(to: u64, from: &[u8]) -> Result<(), Errno> {
    user::copy_out(to, from).map_err(|_| Errno::EFAULT)
}

/// While it is there, this thread copies between frames and its program without faults, and without waiting.
pub struct Straight {
    thread: &'static Thread,
}

impl Straight {
    /// From now on.
    pub fn begin() -> Self {
        let thread = run::current();
        thread.must_not_fault();
        Self { thread }
    }

    /// Copies a piece of a page to its place in the program's bytes that begin at `to`.
    pub fn put(&self, to: u64, piece: Piece) -> Moved {
        let (length, to) = (piece.length as usize, to.saturating_add(piece.done));
        let from = vm().machine().bytes_of(piece.page, piece.inside as usize, length);
        // SAFETY: the bytes are in the page, which is RAM and held for this copy; frames are not borrowed.
        moved(unsafe { user::copy_out_raw(to, from, length) })
    }

    /// Copies a piece of a page from its place in the program's bytes that begin at `from`.
    pub fn get(&self, from: u64, piece: Piece) -> Moved {
        let (length, from) = (piece.length as usize, from.saturating_add(piece.done));
        let to = vm().machine().bytes_of(piece.page, piece.inside as usize, length);
        // SAFETY: as in `put`.
        moved(unsafe { user::copy_in_raw(to, from, length) })
    }
}

impl Drop for Straight {
    fn drop(&mut self) {
        self.thread.may_fault();
    }
}

fn moved(done: Result<(), user::UserFault>) -> Moved {
    if done.is_ok() { Moved::Yes } else { Moved::No }
}

/// A string of a program, in a buffer of at most `N` bytes with its NUL.
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// Reads it. `ENAMETOOLONG` if it does not fit.
    pub fn get(from: u64) -> Result<Self, Errno> {
        let mut bytes = [0; N];
        let length = user::copy_in_string(&mut bytes, from).map_err(|_| Errno::EFAULT)?;
        if length >= N {
            return Err(Errno::ENAMETOOLONG);
        }
        Ok(Self { bytes, length })
    }

    /// The string without its NUL.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A path of a program.
pub type PathText = Text<{ abi::proc::MAXPATHLEN }>;

/// Appends a program's string and its NUL to `to`, which may grow to `limit` bytes (`E2BIG`).
pub fn append_string(to: &mut Vec<u8>, from: u64, limit: usize) -> Result<(), Errno> {
    let mut chunk = [0; 256];
    let mut at = from;
    loop {
        let length = user::copy_in_string(&mut chunk, at).map_err(|_| Errno::EFAULT)?;
        let ended = length < chunk.len();
        if to.len() + length + 1 > limit {
            return Err(Errno::E2BIG);
        }
        to.try_reserve(length + 1).map_err(|_| NoMemory)?;
        to.extend_from_slice(&chunk[..length]);
        if ended {
            return Ok(try_push(to, 0)?);
        }
        at = at.checked_add(length as u64).ok_or(Errno::EFAULT)?;
    }
}
