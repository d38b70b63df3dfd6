//! The disks of a test boot: `vd0` to scribble on, `vd1` to check both ways (`abi::test_disk`).
//!
//! Owns: their making, and what must be on them afterwards. Does not own: the guest's half of the check.

use crate::failure::{Context, Failure};
use abi::test_disk::{BYTES, GUEST, SCRATCH, byte};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Makes the images in a boot's folder.
pub fn make(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let scratch = folder.join("vd0");
    File::create(&scratch)
        .and_then(|file| file.set_len(SCRATCH))
        .context(format_args!("cannot make {}", scratch.display()))?;
    let checked = checked(folder);
    let mut bytes: Vec<u8> = (0..GUEST).map(byte).collect();
    bytes.resize(BYTES as usize, 0);
    std::fs::write(&checked, bytes).context(format_args!("cannot write {}", checked.display()))?;
    Ok(vec![scratch, checked])
}

fn checked(folder: &Path) -> PathBuf {
    folder.join("vd1")
}

/// Whether `vd1` holds what the host put there and what the guest says it wrote. `Err`: what is wrong.
pub fn verify(folder: &Path) -> Result<(), String> {
    let bytes = std::fs::read(checked(folder)).map_err(|error| error.to_string())?;
    if bytes.len() as u64 != BYTES {
        return Err(format!(
            "the image has {} bytes instead of {BYTES}",
            bytes.len()
        ));
    }
    match (0..).zip(&bytes).find(|&(at, &found)| found != byte(at)) {
        Some((at, found)) => Err(format!(
            "byte {at} of the image is {found} instead of {}",
            byte(at)
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_the_guest_did_not_write_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let images = make(folder.path()).unwrap();
        assert_eq!(std::fs::metadata(&images[0]).unwrap().len(), SCRATCH);
        let mut bytes = std::fs::read(&images[1]).unwrap();
        assert!(
            verify(folder.path())
                .unwrap_err()
                .contains("of the image is 0 instead of")
        );
        for (at, slot) in (0..).zip(&mut bytes) {
            *slot = byte(at);
        }
        std::fs::write(&images[1], &bytes).unwrap();
        assert_eq!(verify(folder.path()), Ok(()));
        bytes[7] ^= 1;
        std::fs::write(&images[1], &bytes).unwrap();
        assert!(verify(folder.path()).unwrap_err().starts_with("byte 7 "));
        std::fs::write(&images[1], &bytes[1..]).unwrap();
        assert!(verify(folder.path()).is_err());
    }
}
