//! Calls on paths.

use super::{Answer, Call, DONE};
use super::file::{new_file, stat_of};
use crate::files::{Node, tree};
use crate::task::Task;
use crate::user_memory::{PathText, put, put_bytes};
use crate::vfs::attributes::DeviceNumber;
use crate::vfs::{Body, Kind, Path, Walk, What};
use abi::Errno;
use core::sync::atomic::Ordering::Relaxed;

/// The vnode at a program's path.
pub fn resolve(task: &Task, path: u64, walk: Walk) -> Result<Node, Errno> {
    let path = PathText::get(path)?;
    let from = task.directory().ok_or(Errno::ENOENT)?;
    tree().resolve(&from, Path::new(path.bytes())?, walk)
}

/// `stat(path, *stat)`.
pub fn stat(call: &mut Call<'_>) -> Answer {
    put(call.args[1], &stat_of(&resolve(call.task, call.args[0], Walk::Follow)?)?)?;
    DONE
}

/// `lstat(path, *stat)`.
pub fn lstat(call: &mut Call<'_>) -> Answer {
    put(call.args[1], &stat_of(&resolve(call.task, call.args[0], Walk::NoFollow)?)?)?;
    DONE
}

/// `access(path, mode)`: root may do everything but execute what nobody may.
pub fn access(call: &mut Call<'_>) -> Answer {
    const EXECUTE: u64 = 1;
    let node = resolve(call.task, call.args[0], Walk::Follow)?;
    if call.args[1] & !7 != 0 {
        return Err(Errno::EINVAL.into());
    }
    if call.args[1] & EXECUTE != 0 && node.mode() & 0o111 == 0 {
        return Err(Errno::EACCES.into());
    }
    DONE
}

/// `chdir(path)`.
pub fn chdir(call: &mut Call<'_>) -> Answer {
    let node = resolve(call.task, call.args[0], Walk::Follow)?;
    if !node.is_directory() {
        return Err(Errno::ENOTDIR.into());
    }
    call.task.set_directory(Some(node));
    DONE
}

/// `umask(mask)`: answers the old one.
pub fn umask(call: &mut Call<'_>) -> Answer {
    let old = call.task.file_mask.swap(call.args[0] as u32 & 0o777, Relaxed);
    Ok((u64::from(old), 0))
}

/// `truncate(path, length)`.
pub fn truncate(call: &mut Call<'_>) -> Answer {
    let length = u64::try_from(call.args[1] as i64).map_err(|_| Errno::EINVAL)?;
    resolve(call.task, call.args[0], Walk::Follow)?.truncate(length)?;
    DONE
}

/// `readlink(path, to, length)`.
pub fn readlink(call: &mut Call<'_>) -> Answer {
    let node = resolve(call.task, call.args[0], Walk::NoFollow)?;
    let Body::Link(target) = &node.body else {
        return Err(Errno::EINVAL.into());
    };
    let length = target.len().min(usize::try_from(call.args[2]).unwrap_or(usize::MAX));
    put_bytes(call.args[1], &target[..length])?;
    Ok((length as u64, 0))
}

/// `mkdir(path, mode)`.
pub fn mkdir(call: &mut Call<'_>) -> Answer {
    let path = PathText::get(call.args[0])?;
    let from = call.task.directory().ok_or(Errno::ENOENT)?;
    let parent = tree().resolve_parent(&from, Path::new(path.bytes())?)?;
    tree().make(&parent, &new_file(call.task, What::Directory, call.args[1] as u16))?;
    DONE
}

/// `symlink(target, path)`.
pub fn symlink(call: &mut Call<'_>) -> Answer {
    let target = PathText::get(call.args[0])?;
    let path = PathText::get(call.args[1])?;
    let from = call.task.directory().ok_or(Errno::ENOENT)?;
    let parent = tree().resolve_parent(&from, Path::new(path.bytes())?)?;
    const MODE: u16 = 0o777;
    tree().make(&parent, &new_file(call.task, What::Link(target.bytes()), MODE))?;
    DONE
}

/// `mknod(path, mode, device)`: devices and files; there are no pipes with names.
pub fn mknod(call: &mut Call<'_>) -> Answer {
    let path = PathText::get(call.args[0])?;
    let mode = call.args[1] as u16;
    let number = DeviceNumber(call.args[2] as u32);
    let what = match Kind::of_mode(mode) {
        Some(kind @ (Kind::Character | Kind::Block)) if call.task.is_root() => What::Device(kind, number),
        Some(Kind::Character | Kind::Block) => return Err(Errno::EPERM.into()),
        Some(Kind::File) => What::File,
        Some(Kind::Pipe) => return Err(Errno::ENOTSUP.into()),
        _ => return Err(Errno::EINVAL.into()),
    };
    let from = call.task.directory().ok_or(Errno::ENOENT)?;
    let parent = tree().resolve_parent(&from, Path::new(path.bytes())?)?;
    tree().make(&parent, &new_file(call.task, what, mode))?;
    DONE
}

/// `rmdir(path)`.
pub fn rmdir(call: &mut Call<'_>) -> Answer {
    let path = PathText::get(call.args[0])?;
    let from = call.task.directory().ok_or(Errno::ENOENT)?;
    tree().remove_directory(&tree().resolve_parent(&from, Path::new(path.bytes())?)?)?;
    DONE
}

/// `unlink(path)`.
pub fn unlink(call: &mut Call<'_>) -> Answer {
    let path = PathText::get(call.args[0])?;
    let from = call.task.directory().ok_or(Errno::ENOENT)?;
    tree().unlink(&tree().resolve_parent(&from, Path::new(path.bytes())?)?)?;
    DONE
}

/// `link(old, new)`.
pub fn link(call: &mut Call<'_>) -> Answer {
    let node = resolve(call.task, call.args[0], Walk::Follow)?;
    let path = PathText::get(call.args[1])?;
    let from = call.task.directory().ok_or(Errno::ENOENT)?;
    tree().link(&node, &tree().resolve_parent(&from, Path::new(path.bytes())?)?)?;
    DONE
}

/// `rename(old, new)`.
pub fn rename(call: &mut Call<'_>) -> Answer {
    let old = PathText::get(call.args[0])?;
    let new = PathText::get(call.args[1])?;
    let from = call.task.directory().ok_or(Errno::ENOENT)?;
    let old = tree().resolve_parent(&from, Path::new(old.bytes())?)?;
    let new = tree().resolve_parent(&from, Path::new(new.bytes())?)?;
    tree().rename(&old, &new)?;
    DONE
}
