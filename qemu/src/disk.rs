//! Disk images: what `--disk` accepts, and how QEMU is told.
//!
//! Owns: the check of an image before anything is built, QEMU's words for a raw image behind a virtio disk. Does not
//! own: what is on it.

use crate::failure::{Context, Failure};
use crate::machine::Arch;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// Bytes of a block: an image has whole ones.
const BLOCK: u64 = 512;
/// Disks that the guest has names for.
const MAXIMUM: usize = 8;
/// The first place on x86_64's PCI bus that nothing else has.
const FIRST_PLACE: usize = 2;

/// Checks images as `--disk` names them: they can be read and written, hold whole blocks, and there is room for them.
pub fn check(images: &[PathBuf]) -> Result<(), Failure> {
    if images.len() > MAXIMUM {
        return Err(Failure::not_started(format_args!(
            "--disk: a machine has at most {MAXIMUM} disks"
        )));
    }
    images.iter().try_for_each(|image| check_one(image))
}

fn check_one(image: &Path) -> Result<(), Failure> {
    let name = image.display();
    let about = std::fs::metadata(image).context(format_args!("--disk {name}"))?;
    let wrong = if about.is_dir() {
        "a folder is no disk image"
    } else if !about.is_file() {
        "not a file"
    } else if about.len() == 0 || !about.len().is_multiple_of(BLOCK) {
        "a raw image holds whole blocks of 512 bytes, one at least; truncate -s makes it longer"
    } else {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(image)
            .context(format_args!(
                "--disk {name}: cannot be opened for reading and writing"
            ))?;
        return Ok(());
    };
    Err(Failure::not_started(format_args!("--disk {name}: {wrong}")))
}

/// QEMU's words for the images: the n-th is the guest's `vdN`. What the guest wrote is in the host's cache, and on the
/// host's disk after a flush.
pub fn arguments(arch: Arch, images: &[PathBuf]) -> Vec<OsString> {
    let mut words = Vec::new();
    if arch == Arch::Aarch64 && !images.is_empty() {
        words.extend(["-global", "virtio-mmio.force-legacy=false"].map(OsString::from));
    }
    for (number, image) in images.iter().enumerate() {
        let mut backend = OsString::from(format!(
            "driver=raw,node-name=disk{number},cache.direct=off,cache.no-flush=off,file.driver=file,file.filename="
        ));
        backend.push(escaped(image));
        let device = match arch {
            Arch::X86_64 => format!(
                "virtio-blk-pci,disable-legacy=on,addr={:#x}",
                FIRST_PLACE + number
            ),
            // `virt` numbers its transports by address, as the guest does.
            Arch::Aarch64 => format!("virtio-blk-device,bus=virtio-mmio-bus.{number}"),
        };
        words.extend(["-blockdev".into(), backend, "-device".into()]);
        words.push(format!("{device},drive=disk{number},write-cache=on").into());
    }
    words
}

/// What the kernel is told where the clock counts instructions: else time would pass while the host reads.
pub const STILL: &str = "disk_wait=still";

/// A path as the value of one of QEMU's options: commas are doubled.
fn escaped(path: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = path.as_os_str().as_bytes().iter();
    OsString::from_vec(
        bytes
            .flat_map(|&byte| std::iter::repeat_n(byte, 1 + usize::from(byte == b',')))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(images: &[PathBuf]) -> String {
        let failure = check(images).unwrap_err();
        assert_eq!(failure.code(), crate::failure::NOT_STARTED);
        failure.to_string()
    }

    #[test]
    fn what_is_no_image_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        assert!(message(std::slice::from_ref(&path)).contains("image"));
        assert!(message(&[folder.path().into()]).contains("a folder is no disk image"));
        assert!(message(&["/dev/null".into()]).contains("not a file"));
        for length in [0, 511, 513] {
            std::fs::write(&path, vec![0; length]).unwrap();
            assert!(message(std::slice::from_ref(&path)).contains("whole blocks"));
        }
        std::fs::write(&path, vec![0; 1024]).unwrap();
        assert!(check(&vec![path.clone(); MAXIMUM]).is_ok());
        assert!(message(&vec![path; MAXIMUM + 1]).contains("at most 8"));
    }

    #[test]
    fn images_have_their_places() {
        let words = |arch| {
            let words = arguments(arch, &["a,b".into(), "c".into()]);
            words.join(" ".as_ref()).into_string().unwrap()
        };
        let x86 = words(Arch::X86_64);
        assert!(
            x86.contains(
                "file.filename=a,,b -device virtio-blk-pci,disable-legacy=on,addr=0x2,drive=disk0"
            ),
            "{x86}"
        );
        assert!(
            x86.contains(
                "file.filename=c -device virtio-blk-pci,disable-legacy=on,addr=0x3,drive=disk1"
            ),
            "{x86}"
        );
        let arm = words(Arch::Aarch64);
        assert!(
            arm.starts_with("-global virtio-mmio.force-legacy=false"),
            "{arm}"
        );
        assert!(
            arm.contains("virtio-blk-device,bus=virtio-mmio-bus.1,drive=disk1,write-cache=on"),
            "{arm}"
        );
        assert!(arguments(Arch::Aarch64, &[]).is_empty());
    }
}
