//! The root image: an ext2 file system with what the guest finds in its root folder.
//!
//! Owns: its size, the call of `mke2fs`, the images that are kept. Does not own: the tree (`archive`).
//!
//! Everything is root's, and was made at the same time. The last few images are kept by a hash of their tree,
//! because a test run boots one many times: equal trees are one image.

use crate::archive::{Archive, Item};
use crate::build::cargo::silently;
use crate::failure::{Context, Failure};
use crate::project;
use std::fmt::Write;
use std::fs::{FileTimes, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Bytes of a block.
const BLOCK: u64 = 4096;
/// Bytes that are free in an image.
const FREE: u64 = 2 << 20;
/// Files that can still be made.
const FREE_FILES: u64 = 512;
/// Images that are kept.
const KEPT: usize = 4;
/// The file system's name for itself, and what its directories' hashes begin with.
const IDENTITY: &str = "76656c6c-756d-4000-8000-000000000000";
/// The time of everything in it, in seconds since 1970.
const TIME: &str = "1";
/// Where programs of the administrator are that not everybody has in the path.
const PLACES: [&str; 2] = ["/usr/sbin", "/sbin"];

/// A program of e2fsprogs.
pub fn program(name: &str) -> Command {
    let there = PLACES.iter().map(|folder| Path::new(folder).join(name));
    let found = there.into_iter().find(|path| path.is_file());
    let mut command = Command::new(found.unwrap_or(PathBuf::from(name)));
    command.env("E2FSPROGS_FAKE_TIME", TIME);
    command
}

/// Makes the image at `out`.
pub fn write(archive: &Archive, out: &Path) -> Result<(), Failure> {
    let what = Contents::of(archive)?;
    let folder = project::products().join("images");
    let kept = folder.join(format!("{:016x}.ext2", what.hash));
    if !kept.is_file() {
        std::fs::create_dir_all(&folder)
            .context(format_args!("cannot make {}", folder.display()))?;
        let temporary = tempfile::tempdir_in(&folder)
            .context(format_args!("cannot make a folder in {}", folder.display()))?;
        let image = temporary.path().join("image");
        make(archive, &what, &temporary.path().join("root"), &image)?;
        std::fs::rename(&image, &kept).context(format_args!("cannot make {}", kept.display()))?;
        forget_oldest(&folder);
    }
    let context = format!("cannot write {}", out.display());
    // The kept one stays as it is whatever becomes of the other.
    std::fs::copy(&kept, out).context(&context)?;
    let used = std::fs::File::open(&kept).context(&context)?;
    used.set_times(FileTimes::new().set_modified(SystemTime::now()))
        .context(&context)
}

/// What has to fit, and what it is.
struct Contents {
    bytes: u64,
    files: u64,
    hash: u64,
}

impl Contents {
    fn of(archive: &Archive) -> Result<Self, Failure> {
        let mut hasher = DefaultHasher::new();
        let (mut bytes, mut files) = (0, 0);
        archive.each(|name, item| {
            name.hash(&mut hasher);
            match item {
                Item::Folder { mode } => {
                    mode.hash(&mut hasher);
                    bytes += BLOCK;
                }
                Item::File {
                    mode,
                    bytes: content,
                } => {
                    (mode, content).hash(&mut hasher);
                    let blocks = (content.len() as u64).div_ceil(BLOCK);
                    // One block in a thousand names the others.
                    bytes += (blocks + blocks.div_ceil(1000)) * BLOCK;
                }
            }
            files += 1;
            Ok(())
        })?;
        (BLOCK, FREE, FREE_FILES, IDENTITY, TIME).hash(&mut hasher);
        Ok(Self {
            bytes,
            files,
            hash: hasher.finish(),
        })
    }

    /// Blocks of the image, and files that there can be.
    fn size(&self) -> (u64, u64) {
        const INODE: u64 = 256;
        let files = self.files + FREE_FILES;
        let data = self.bytes + files * INODE + FREE;
        // Bitmaps, tables and copies of the superblock.
        ((data + data / 64).div_ceil(BLOCK) + 64, files)
    }
}

fn make(archive: &Archive, what: &Contents, root: &Path, image: &Path) -> Result<(), Failure> {
    stage(archive, root)?;
    let (blocks, files) = what.size();
    let mut command = program("mke2fs");
    command.args([
        "-q", "-F", "-t", "ext2", "-m", "0", "-U", IDENTITY, "-L", "root",
    ]);
    command.args(["-b", &BLOCK.to_string(), "-N", &files.to_string()]);
    command.args(["-E", &format!("root_owner=0:0,hash_seed={IDENTITY}")]);
    command
        .arg("-d")
        .arg(root)
        .arg(image)
        .arg(blocks.to_string());
    silently("the root image", &mut command)?;
    if !rustix::process::geteuid().is_root() {
        give_to_root(archive, image)?;
    }
    Ok(())
}

/// Makes the tree in a folder of the host.
fn stage(archive: &Archive, root: &Path) -> Result<(), Failure> {
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    let mut folders = Vec::new();
    std::fs::create_dir_all(root).context(format_args!("cannot make {}", root.display()))?;
    archive.each(|name, item| {
        let path = root.join(name);
        let context = format!("cannot make {}", path.display());
        match item {
            Item::Folder { mode } => {
                std::fs::create_dir_all(&path).context(&context)?;
                folders.push((path, mode));
            }
            Item::File { mode, bytes } => {
                std::fs::write(&path, bytes).context(&context)?;
                let file = std::fs::File::open(&path).context(&context)?;
                file.set_times(times).context(&context)?;
                file.set_permissions(Permissions::from_mode(mode))
                    .context(&context)?;
            }
        }
        Ok(())
    })?;
    // Last, from the inside out: what cannot be written could not be filled.
    folders.insert(0, (root.to_path_buf(), 0o755));
    for (path, mode) in folders.iter().rev() {
        let context = format!("cannot make {}", path.display());
        let folder = std::fs::File::open(path).context(&context)?;
        folder.set_times(times).context(&context)?;
        folder
            .set_permissions(Permissions::from_mode(*mode))
            .context(&context)?;
    }
    Ok(())
}

/// The files of somebody who is not root become root's.
fn give_to_root(archive: &Archive, image: &Path) -> Result<(), Failure> {
    let mut script = String::new();
    archive.each(|name, _| {
        for field in ["uid", "gid"] {
            // Writing to a text never fails.
            let _ = writeln!(script, "sif \"/{name}\" {field} 0");
        }
        Ok(())
    })?;
    let file = image.with_extension("owners");
    std::fs::write(&file, script).context(format_args!("cannot write {}", file.display()))?;
    let mut command = program("debugfs");
    command.arg("-w").arg("-f").arg(&file).arg(image);
    silently("the root image", &mut command)
}

/// Removes the images that were not used for the longest time. Somebody else may do the same.
fn forget_oldest(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut images: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "ext2"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    images.sort();
    let old = images.len().saturating_sub(KEPT);
    for (_, path) in images.into_iter().take(old) {
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests;
