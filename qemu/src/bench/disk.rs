//! The disk of the benchmarks of files.
//!
//! Owns: its making. The peer's (`qemu/peers/linux/run.sh`) is made by the same words.

use crate::build::cargo::silently;
use crate::failure::{Context, Failure};
use crate::image;
use std::path::{Path, PathBuf};

/// What is on it: one file, `data`, of so many bytes, none of them 0.
const DATA: usize = 16 << 20;
/// Its size, as `mke2fs` takes it.
const SIZE: &str = "64M";

/// Makes the image in a folder.
pub fn make(folder: &Path) -> Result<PathBuf, Failure> {
    let (root, path) = (folder.join("root"), folder.join("disk"));
    std::fs::create_dir(&root)
        .and_then(|()| std::fs::write(root.join("data"), vec![b'x'; DATA]))
        .context(format_args!("cannot fill {}", root.display()))?;
    let mut command = image::program("mke2fs");
    command.args(["-q", "-F", "-t", "ext2", "-b", "4096", "-d"]);
    command.arg(&root).arg(&path).arg(SIZE);
    silently("the disk of the benchmarks", &mut command)?;
    Ok(path)
}
