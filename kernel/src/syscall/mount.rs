//! Calls on file systems as a whole.
//!
//! Owns: their checks and records. Does not own: what is mounted (`vfs`), how a device becomes a file system
//! (`files::mount_device`).

use super::name::resolve;
use super::{Answer, Call, DONE};
use crate::files::{self, ObjectStore, tree};
use crate::user_memory::{PathText, Plain, Text, get, put};
use crate::vfs::{Access, MemoryFs, Mount, System, Walk};
use abi::Errno;
use abi::mount::{MFSTYPENAMELEN, MNT_FORCE, MNT_LOCAL, MNT_RDONLY, MNT_ROOTFS, Statfs64};

/// What programs are told of a mount. What files gave back that have ended by now counts as free.
fn status(mount: &Mount<ObjectStore>) -> Result<Statfs64, Errno> {
    crate::memory::vm().settle_pagers();
    let space = mount.space()?;
    let mut record = Statfs64::zeroed();
    record.bsize = space.block_size;
    record.iosize = crate::memory::vm().page_size() as i32;
    (record.blocks, record.bfree, record.bavail) = (space.blocks, space.free, space.available);
    (record.files, record.ffree) = (space.files, space.free_files);
    record.fsid = [mount.number as i32, 1];
    record.kind = 1;
    record.flags = MNT_LOCAL;
    if mount.is_read_only() {
        record.flags |= MNT_RDONLY;
    }
    if mount.covers().is_none() {
        record.flags |= MNT_ROOTFS;
    }
    text(&mut record.typename, mount.system().kind().as_bytes());
    text(&mut record.mntonname, &mount.target);
    text(&mut record.mntfromname, &mount.source);
    Ok(record)
}

/// Copies as much as fits before a NUL.
fn text(to: &mut [u8], from: &[u8]) {
    let length = from.len().min(to.len() - 1);
    to[..length].copy_from_slice(&from[..length]);
}

/// `statfs64(path, *statfs)`.
pub fn statfs(call: &mut Call<'_>) -> Answer {
    let node = resolve(call.task, call.args[0], Walk::Follow)?;
    put(call.args[1], &status(node.mount())?)?;
    DONE
}

/// `fstatfs64(fd, *statfs)`.
pub fn fstatfs(call: &mut Call<'_>) -> Answer {
    let file = call.task.files.get(call.args[0])?;
    put(call.args[1], &status(file.node().ok_or(Errno::EINVAL)?.mount())?)?;
    DONE
}

/// `getfsstat64(*statfs, bytes, flags)`: how many mounts there are, or how many records fitted.
pub fn getfsstat(call: &mut Call<'_>) -> Answer {
    let [to, bytes, ..] = call.args;
    let most = (bytes as i32 as i64).max(0) as u64 / size_of::<Statfs64>() as u64;
    let mut count = 0;
    while let Some(mount) = tree().mount_at(count as usize) {
        if to != 0 {
            if count == most {
                break;
            }
            let offset = count * size_of::<Statfs64>() as u64;
            put(to.checked_add(offset).ok_or(Errno::EFAULT)?, &status(&mount)?)?;
        }
        count += 1;
    }
    Ok((count, 0))
}

/// `mount(type, directory, flags, *data)`: the data of a file system on a device is a pointer to the
/// device's path.
pub fn mount(call: &mut Call<'_>) -> Answer {
    let [kind, directory, flags, data, ..] = call.args;
    if !call.task.is_root() {
        return Err(Errno::EPERM.into());
    }
    let kind = Text::<MFSTYPENAMELEN>::get(kind)?;
    let on = resolve(call.task, directory, Walk::Follow)?;
    if !on.is_directory() {
        return Err(Errno::ENOTDIR.into());
    }
    let access = if flags as u32 & MNT_RDONLY != 0 { Access::ReadOnly } else { Access::ReadWrite };
    match kind.bytes() {
        b"tmpfs" => {
            let system = System::Memory(MemoryFs::new("tmpfs", 0o755)?);
            tree().mount(&on, system, b"tmpfs", access)?;
        }
        b"ext2" => {
            let device = PathText::get(get(data)?)?;
            files::mount_device(&on, device.bytes(), access)?;
        }
        _ => return Err(Errno::ENODEV.into()),
    }
    DONE
}

/// `unmount(path, flags)`. What is used stays, whatever the flags say.
pub fn unmount(call: &mut Call<'_>) -> Answer {
    if !call.task.is_root() {
        return Err(Errno::EPERM.into());
    }
    if call.args[1] as u32 & MNT_FORCE != 0 {
        return Err(Errno::ENOTSUP.into());
    }
    tree().unmount(resolve(call.task, call.args[0], Walk::Follow)?)?;
    DONE
}

/// `sync()`. An error is the next `fsync`'s to say.
pub fn sync(_: &mut Call<'_>) -> Answer {
    let _ = tree().sync();
    DONE
}
