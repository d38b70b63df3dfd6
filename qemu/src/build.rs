//! What is built before a machine boots: the kernel image, the programs, the root archive.
//!
//! Owns: the order, and the lock that keeps two host commands out of each other's way.
//! Does not own: how each part is built (`kernel`, `user`, `cc`), what a run adds to the archive (`archive`).

pub mod cargo;
pub mod cc;
pub mod fresh;
pub mod kernel;
pub mod user;

use crate::archive::Archive;
use crate::failure::{Context, Failure};
use crate::machine::{Arch, Granule};
use crate::project;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Held while products are made; another host command waits for it.
pub struct BuildLock(#[allow(dead_code)] File);

/// Takes the lock of the products folder.
pub fn lock() -> Result<BuildLock, Failure> {
    let folder = project::products();
    std::fs::create_dir_all(&folder).context(format_args!("cannot make {}", folder.display()))?;
    let path = folder.join("lock");
    let file = File::create(&path).context(format_args!("cannot open {}", path.display()))?;
    file.lock()
        .context(format_args!("cannot lock {}", path.display()))?;
    Ok(BuildLock(file))
}

/// Replaces a file in one step, and only if its bytes change: whoever has the old one open keeps it.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let what = format_args!("cannot write {}", path.display()).to_string();
    std::fs::create_dir_all(folder).context(&what)?;
    let mut new = tempfile::NamedTempFile::new_in(folder).context(&what)?;
    std::io::Write::write_all(&mut new, bytes).context(&what)?;
    new.persist(path).context(&what)?;
    Ok(())
}

/// Builds the kernel and the programs: what QEMU loads, and the root archive that a run may add to.
pub fn everything(
    arch: Arch,
    granule: Granule,
    flavor: kernel::Flavor,
) -> Result<(PathBuf, Archive), Failure> {
    let lock = lock()?;
    let image = kernel::build(arch, granule, flavor, &lock)?;
    let mut archive = Archive::new();
    let files = project::root().join("user/root");
    if files.is_dir() {
        archive.host(&files, "/")?;
    }
    for name in ["/bin", "/etc", "/dev", "/usr/lib", "/var"] {
        archive.folder(name, 0o755)?;
    }
    archive.folder("/tmp", 0o1777)?;
    for program in user::programs(arch, flavor, &lock)? {
        archive.program(&program.path, &program.guest)?;
    }
    Ok((image, archive))
}
