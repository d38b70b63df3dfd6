//! Calls on descriptors.

use super::{Answer, Call, DONE, Failure};
use crate::block::special;
use crate::console::tty;
use crate::files::open::{Advice, Holds, OpenFile, What};
use crate::files::pipe::pipe as new_pipe;
use crate::files::{Device, MAXIMUM_FILES, Node, OnExec, tree};
use crate::shared::Shared;
use crate::signals;
use crate::task::Task;
use crate::user_memory::{PathText, get, put, put_bytes, put_optional};
use crate::vfs::path::MustBeDirectory;
use crate::vfs::attributes::masked;
use crate::vfs::{Body, New, Path, Vnode, Walk, attributes};
use abi::Errno;
use abi::stat::{DIRENT_NAME_OFFSET, Stat64, mode};
use abi::syscall::signal::SIGPIPE;
use abi::syscall::{
    O_ACCMODE, O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_DSYNC, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_SYNC, O_TRUNC,
};
use abi::termios::FIONREAD;
use core::sync::atomic::Ordering::Relaxed;

/// What an open keeps of its flags.
const KEPT: u32 = O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC;
/// The most parts of a vector.
const IOV_MAX: u64 = 1024;

/// `read(fd, to, length)`.
pub fn read(call: &mut Call<'_>) -> Answer {
    let [fd, to, length, ..] = call.args;
    let file = call.task.files.get(fd)?;
    Ok((file.read(to, checked(length)?, None)?, 0))
}

/// `pread(fd, to, length, offset)`.
pub fn pread(call: &mut Call<'_>) -> Answer {
    let [fd, to, length, offset, ..] = call.args;
    let file = call.task.files.get(fd)?;
    Ok((file.read(to, checked(length)?, Some(checked(offset)?))?, 0))
}

/// `write(fd, from, length)`.
pub fn write(call: &mut Call<'_>) -> Answer {
    let [fd, from, length, ..] = call.args;
    let file = call.task.files.get(fd)?;
    let wrote = file.write(from, checked(length)?, None);
    Ok((broken_pipe(call.task, wrote)?, 0))
}

/// `pwrite(fd, from, length, offset)`.
pub fn pwrite(call: &mut Call<'_>) -> Answer {
    let [fd, from, length, offset, ..] = call.args;
    let file = call.task.files.get(fd)?;
    Ok((file.write(from, checked(length)?, Some(checked(offset)?))?, 0))
}

/// Sizes and offsets are signed to BSD.
fn checked(number: u64) -> Result<u64, Errno> {
    if i64::try_from(number).is_ok() { Ok(number) } else { Err(Errno::EINVAL) }
}

/// Who writes to a pipe without readers gets a signal too.
fn broken_pipe(task: &Task, result: Result<u64, Failure>) -> Result<u64, Failure> {
    if result == Err(Failure::Error(Errno::EPIPE)) {
        signals::send(task, SIGPIPE, Some(task));
    }
    result
}

/// `readv(fd, *{base, length}, count)`.
pub fn readv(call: &mut Call<'_>) -> Answer {
    vector(call, |file, base, length| file.read(base, length, None))
}

/// `writev(fd, *{base, length}, count)`.
pub fn writev(call: &mut Call<'_>) -> Answer {
    let result = vector(call, |file, base, length| file.write(base, length, None));
    let result = broken_pipe(call.task, result.map(|(done, _)| done));
    Ok((result?, 0))
}

fn vector(call: &mut Call<'_>, one: impl Fn(&OpenFile, u64, u64) -> Result<u64, Failure>) -> Answer {
    let [fd, parts, count, ..] = call.args;
    let file = call.task.files.get(fd)?;
    if count == 0 || count > IOV_MAX {
        return Err(Errno::EINVAL.into());
    }
    let mut done = 0u64;
    for index in 0..count {
        let at = parts.checked_add(index * 16).ok_or(Errno::EFAULT)?;
        let part = get::<[u64; 2]>(at).map_err(Failure::from);
        let moved = part.and_then(|[base, length]| {
            let length = checked(length)?;
            Ok((one(&file, base, length)?, length))
        });
        match moved {
            Ok((moved, wanted)) => {
                done = done.saturating_add(moved);
                if moved < wanted {
                    break;
                }
            }
            Err(failure) if done == 0 => return Err(failure),
            Err(_) => break,
        }
    }
    Ok((done, 0))
}

/// `open(path, flags, mode)`.
pub fn open(call: &mut Call<'_>) -> Answer {
    let path = PathText::get(call.args[0])?;
    let flags = call.args[1] as u32;
    let file = open_path(call.task, path.bytes(), flags, call.args[2] as u16)?;
    let on_exec = if flags & O_CLOEXEC != 0 { OnExec::Close } else { OnExec::Keep };
    Ok((call.task.files.add(file, 0, on_exec)?, 0))
}

/// Opens a path for a task.
pub fn open_path(task: &Task, path: &[u8], flags: u32, mode: u16) -> Result<Shared<OpenFile>, Errno> {
    let path = Path::new(path)?;
    let from = task.directory().ok_or(Errno::ENOENT)?;
    if flags & O_ACCMODE == O_ACCMODE {
        return Err(Errno::EINVAL);
    }
    let walk = if flags & O_NOFOLLOW == 0 { Walk::Follow } else { Walk::NoFollow };
    let node = match tree().resolve(&from, path, walk) {
        Ok(_) if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL => return Err(Errno::EEXIST),
        Err(Errno::ENOENT) if flags & O_CREAT != 0 => create(task, &from, path, mode)?,
        result => result?,
    };
    let writes = flags & O_ACCMODE != 0;
    if writes && matches!(node.body, Body::File(_)) {
        node.mount().check_writable()?;
    }
    match &node.body {
        Body::Link(_) => return Err(Errno::ELOOP),
        Body::Other => return Err(Errno::ENOTSUP),
        Body::Directory(_) if writes || flags & O_CREAT != 0 => return Err(Errno::EISDIR),
        Body::File(_) if flags & O_TRUNC != 0 && writes => node.truncate(0)?,
        Body::Directory(_) => {}
        _ if flags & O_DIRECTORY != 0 => return Err(Errno::ENOTDIR),
        _ => {}
    }
    Ok(OpenFile::new(What::Node(node), flags & KEPT)?)
}

fn create(task: &Task, from: &Node, path: Path<'_>, mode: u16) -> Result<Node, Errno> {
    let parent = tree().resolve_parent(from, path)?;
    if parent.must_be_directory == MustBeDirectory::Yes {
        return Err(Errno::EISDIR);
    }
    let new = new_file(task, attributes::What::File, mode);
    match tree().make(&parent, &new) {
        // Somebody else made it meanwhile.
        Err(Errno::EEXIST) => tree().resolve(from, path, Walk::Follow),
        result => result,
    }
}

/// A file that a task makes: its own, with what its mask leaves of the mode.
pub fn new_file<'a>(task: &Task, what: attributes::What<'a>, mode: u16) -> New<'a> {
    New {
        what,
        permissions: masked(mode, task.file_mask.load(Relaxed) as u16),
        user: task.user(),
    }
}

/// `close(fd)`.
pub fn close(call: &mut Call<'_>) -> Answer {
    call.task.files.close(call.args[0])?;
    DONE
}

/// `dup(fd)`.
pub fn dup(call: &mut Call<'_>) -> Answer {
    let file = call.task.files.get(call.args[0])?;
    Ok((call.task.files.add(file, 0, OnExec::Keep)?, 0))
}

/// `dup2(fd, new)`.
pub fn dup2(call: &mut Call<'_>) -> Answer {
    let [fd, new, ..] = call.args;
    let file = call.task.files.get(fd)?;
    let at = usize::try_from(new as i32).ok().filter(|&at| at < MAXIMUM_FILES).ok_or(Errno::EBADF)?;
    if fd as i32 != new as i32 {
        call.task.files.replace(at, file, OnExec::Keep)?;
    }
    Ok((at as u64, 0))
}

/// `pipe()`: both descriptors in the result registers.
pub fn pipe(call: &mut Call<'_>) -> Answer {
    let (read_end, write_end) = new_pipe()?;
    let files = &call.task.files;
    let read_file = OpenFile::new(What::Pipe(read_end), abi::syscall::O_RDONLY)?;
    let write_file = OpenFile::new(What::Pipe(write_end), abi::syscall::O_WRONLY)?;
    let first = files.add(read_file, 0, OnExec::Keep)?;
    match files.add(write_file, 0, OnExec::Keep) {
        Ok(second) => Ok((first, second)),
        Err(error) => {
            files.close(first)?;
            Err(error.into())
        }
    }
}

const F_DUPFD: u64 = 0;
const F_GETFD: u64 = 1;
const F_SETFD: u64 = 2;
const F_GETFL: u64 = 3;
const F_SETFL: u64 = 4;
const F_RDAHEAD: u64 = 45;
const F_NOCACHE: u64 = 48;
const F_GETPATH: u64 = 50;
const F_FULLFSYNC: u64 = 51;
const F_BARRIERFSYNC: u64 = 85;
const F_DUPFD_CLOEXEC: u64 = 67;
const FD_CLOEXEC: u64 = 1;

/// `fcntl(fd, command, argument)`.
pub fn fcntl(call: &mut Call<'_>) -> Answer {
    let [fd, command, argument, ..] = call.args;
    let files = &call.task.files;
    let file = files.get(fd)?;
    let result = match command & 0xffff_ffff {
        F_DUPFD | F_DUPFD_CLOEXEC => {
            let from = usize::try_from(argument as i32).map_err(|_| Errno::EINVAL)?;
            if from >= MAXIMUM_FILES {
                return Err(Errno::EINVAL.into());
            }
            let on_exec = if command & 0xffff_ffff == F_DUPFD { OnExec::Keep } else { OnExec::Close };
            files.add(file, from, on_exec)?
        }
        F_GETFD => u64::from(files.on_exec(fd)? == OnExec::Close),
        F_SETFD => {
            let close = argument & FD_CLOEXEC != 0;
            files.set_on_exec(fd, if close { OnExec::Close } else { OnExec::Keep })?;
            0
        }
        F_GETFL => u64::from(file.flags()),
        F_SETFL => {
            file.set_flags(argument as u32);
            0
        }
        F_GETPATH => {
            let mut buffer = [0; abi::proc::MAXPATHLEN];
            let node = file.node().ok_or(Errno::EBADF)?;
            let path = Vnode::path(node, &mut buffer[..abi::proc::MAXPATHLEN - 1]).ok_or(Errno::ENOENT)?;
            put_bytes(argument, path)?;
            put(argument + path.len() as u64, &0u8)?;
            0
        }
        F_NOCACHE | F_RDAHEAD => {
            file.node().ok_or(Errno::EBADF)?;
            let set = argument as i32 != 0;
            // One says what not to do, the other what to do.
            let (advice, holds) = if command & 0xffff_ffff == F_NOCACHE {
                (Advice::NO_CACHE, set)
            } else {
                (Advice::NO_AHEAD, !set)
            };
            file.set_advice(advice, if holds { Holds::Yes } else { Holds::No });
            0
        }
        F_FULLFSYNC | F_BARRIERFSYNC => {
            sync(file.node().ok_or(Errno::EBADF)?)?;
            0
        }
        _ => return Err(Errno::EINVAL.into()),
    };
    Ok((result, 0))
}

/// `ioctl(fd, request, argument)`.
pub fn ioctl(call: &mut Call<'_>) -> Answer {
    let [fd, request, argument, ..] = call.args;
    let request = request & 0xffff_ffff;
    let file = call.task.files.get(fd)?;
    if file.is_terminal() {
        return tty::control(request, argument);
    }
    match (&file.what, request) {
        (What::Pipe(end), FIONREAD) => put(argument, &(end.available() as i32))?,
        _ => return Err(Errno::ENOTTY.into()),
    }
    DONE
}

const SEEK_SET: u64 = 0;
const SEEK_CUR: u64 = 1;
const SEEK_END: u64 = 2;

/// `lseek(fd, offset, whence)`.
pub fn lseek(call: &mut Call<'_>) -> Answer {
    let [fd, offset, whence, ..] = call.args;
    let file = call.task.files.get(fd)?;
    let node = file.node().ok_or(Errno::ESPIPE)?;
    if file.is_terminal() {
        return Err(Errno::ESPIPE.into());
    }
    let base = match whence & 0xffff_ffff {
        SEEK_SET => 0,
        SEEK_CUR => file.offset(),
        SEEK_END => node.size(),
        _ => return Err(Errno::EINVAL.into()),
    };
    let base = i64::try_from(base).map_err(|_| Errno::EOVERFLOW)?;
    let new = base.checked_add(offset as i64).ok_or(Errno::EOVERFLOW)?;
    let new = u64::try_from(new).map_err(|_| Errno::EINVAL)?;
    file.seek(new);
    Ok((new, 0))
}

/// What `stat` says of a vnode.
pub fn stat_of(node: &Node) -> Result<Stat64, Errno> {
    let attributes = node.attributes()?;
    Ok(Stat64 {
        dev: node.mount().number as i32,
        mode: attributes.kind.mode() | attributes.permissions,
        nlink: attributes.links as u16,
        ino: node.number,
        uid: attributes.user,
        gid: attributes.group,
        rdev: attributes.device.0 as i32,
        atime: attributes.accessed,
        mtime: attributes.modified,
        ctime: attributes.changed,
        birthtime: attributes.born,
        size: attributes.size as i64,
        blocks: attributes.blocks as i64,
        blksize: crate::memory::vm().page_size() as i32,
        ..Stat64::default()
    })
}

/// `fstat(fd, *stat)`.
pub fn fstat(call: &mut Call<'_>) -> Answer {
    let file = call.task.files.get(call.args[0])?;
    let stat = match &file.what {
        What::Node(node) => stat_of(node)?,
        What::Pipe(end) => Stat64 {
            mode: mode::S_IFIFO | 0o600,
            nlink: 1,
            size: end.available() as i64,
            blksize: crate::files::pipe::CAPACITY as i32,
            ..Stat64::default()
        },
        What::Shared(segment) => Stat64 {
            mode: segment.mode,
            uid: segment.user,
            size: segment.size().unwrap_or(0) as i64,
            ..Stat64::default()
        },
    };
    put(call.args[1], &stat)?;
    DONE
}

/// `ftruncate(fd, length)`.
pub fn ftruncate(call: &mut Call<'_>) -> Answer {
    let file = call.task.files.get(call.args[0])?;
    let length = checked(call.args[1])?;
    if !file.is_writable() {
        return Err(Errno::EINVAL.into());
    }
    match &file.what {
        What::Node(node) => node.truncate(length)?,
        What::Shared(segment) => segment.set_size(length)?,
        What::Pipe(_) => return Err(Errno::EINVAL.into()),
    }
    DONE
}

/// `fsync(fd)`. A block device's special file flushes the device.
pub fn fsync(call: &mut Call<'_>) -> Answer {
    let file = call.task.files.get(call.args[0])?;
    sync(file.node().ok_or(Errno::ENOTSUP)?)?;
    DONE
}

/// Makes durable what was written to a file.
fn sync(node: &Node) -> Result<(), Errno> {
    match node.body {
        Body::Device(number) => match Device::of(number)? {
            Device::Block(number) => special::flush(number),
            _ => Ok(()),
        },
        _ => Vnode::sync(node),
    }
}

/// `fchdir(fd)`.
pub fn fchdir(call: &mut Call<'_>) -> Answer {
    let file = call.task.files.get(call.args[0])?;
    let node = file.node().ok_or(Errno::ENOTDIR)?;
    if !node.is_directory() {
        return Err(Errno::ENOTDIR.into());
    }
    call.task.set_directory(Some(node.clone()));
    DONE
}

/// `getdirentries64(fd, to, length, *position)`: whole records only.
pub fn getdirentries(call: &mut Call<'_>) -> Answer {
    let [fd, to, length, position, ..] = call.args;
    let file = call.task.files.get(fd)?;
    if !file.is_readable() {
        return Err(Errno::EBADF.into());
    }
    let node = file.node().ok_or(Errno::EINVAL)?;
    let start = file.offset();
    let mut at = start;
    let mut done = 0;
    let mut result = Ok(());
    let listed = tree().list(node, start, |entry| {
        let mut record = [0; 288];
        let name = entry.name;
        let size = (DIRENT_NAME_OFFSET + name.len() + 1).next_multiple_of(8);
        if done + size as u64 > length {
            return false;
        }
        record[..8].copy_from_slice(&entry.number.to_le_bytes());
        record[8..16].copy_from_slice(&entry.next.to_le_bytes());
        record[16..18].copy_from_slice(&(size as u16).to_le_bytes());
        record[18..20].copy_from_slice(&(name.len() as u16).to_le_bytes());
        record[20] = entry.kind.entry();
        record[DIRENT_NAME_OFFSET..DIRENT_NAME_OFFSET + name.len()].copy_from_slice(name);
        result = to.checked_add(done).ok_or(Errno::EFAULT).and_then(|to| put_bytes(to, &record[..size]));
        if result.is_err() {
            return false;
        }
        done += size as u64;
        at = entry.next;
        true
    });
    match listed {
        Err(Errno::ENOTDIR) => return Err(Errno::EINVAL.into()),
        listed => listed.and(result)?,
    }
    put_optional(position, &(start as i64))?;
    file.seek(at);
    Ok((done, 0))
}
