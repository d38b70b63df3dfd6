//! The kernel image: built by cargo, and on aarch64 flattened for the Image header.
//!
//! Owns: which build a machine needs (profile, features), where its image is kept.
//! Does not own: the linker script and its flags (`kernel/build.rs`, `boot`).

use super::cargo::{cargo, silently};
use super::{BuildLock, replace};
use crate::failure::{Context, Failure};
use crate::machine::{Arch, Granule};
use crate::progress::Spinner;
use crate::project;
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Endianness, elf};
use std::path::{Path, PathBuf};

/// Which kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// Optimised, without its tests.
    Release,
    /// Optimised, and every lock counts: for counts, not for times.
    Locks,
    /// The same code with assertions and the in-kernel tests.
    Tests,
}

impl Flavor {
    fn profile(self) -> &'static str {
        match self {
            Flavor::Release | Flavor::Locks => "release",
            Flavor::Tests => "ktest",
        }
    }
}

/// Builds the kernel and gives the path of what QEMU loads.
pub fn build(
    arch: Arch,
    granule: Granule,
    flavor: Flavor,
    _lock: &BuildLock,
) -> Result<PathBuf, Failure> {
    let _spinner = Spinner::start(&format!("building the kernel for {arch}"));
    let mut features = Vec::new();
    if arch == Arch::Aarch64 && granule == Granule::Small {
        features.push("granule-4k");
    }
    match flavor {
        Flavor::Release => {}
        Flavor::Locks => features.push("lock-statistics"),
        Flavor::Tests => features.push("ktest"),
    }
    let mut command = cargo("build");
    command.args([
        "--quiet",
        "--package",
        "kernel",
        "--profile",
        flavor.profile(),
    ]);
    command.args([
        "--target",
        arch.kernel_target(),
        "--features",
        &features.join(","),
    ]);
    silently(&format!("the kernel for {arch}"), &mut command)?;

    let built = project::target()
        .join(arch.kernel_target())
        .join(flavor.profile())
        .join("kernel");
    let bytes = std::fs::read(&built)
        .context(format_args!("cannot read the kernel {}", built.display()))?;
    // Cargo keeps one file for all features; each flavor gets its own here, under the lock.
    let mut name = format!("kernel-{arch}-{}", flavor.profile());
    if !features.is_empty() {
        name = format!("{name}-{}", features.join("-"));
    }
    let elf_path = project::products().join(format!("{name}.elf"));
    replace(&elf_path, &bytes)?;
    match arch {
        Arch::X86_64 => Ok(elf_path),
        Arch::Aarch64 => {
            let image = project::products().join(format!("{name}.img"));
            replace(
                &image,
                &flatten(&bytes).context(format_args!("cannot flatten {}", elf_path.display()))?,
            )?;
            Ok(image)
        }
    }
}

/// The ELF file with the symbols of an image, for gdb.
pub fn symbols(image: &Path) -> PathBuf {
    image.with_extension("elf")
}

/// A kernel larger than this has a segment at a wrong physical address.
const LARGEST_IMAGE: u64 = 256 << 20;

/// The loadable segments of an ELF file laid out by physical address, from the lowest on.
fn flatten(file: &[u8]) -> Result<Vec<u8>, String> {
    let parsed = ElfFile64::<Endianness>::parse(file).map_err(|error| error.to_string())?;
    let endian = parsed.endian();
    let loads: Vec<_> = parsed
        .elf_program_headers()
        .iter()
        .filter(|header| header.p_type(endian) == elf::PT_LOAD && header.p_filesz(endian) > 0)
        .collect();
    let base = loads
        .iter()
        .map(|header| header.p_paddr(endian))
        .min()
        .ok_or("no loadable segment")?;
    let mut image = Vec::new();
    for header in loads {
        let bytes = header
            .data(endian, file)
            .map_err(|()| "a segment lies outside the file")?;
        let start = header.p_paddr(endian) - base;
        let end = start
            .checked_add(bytes.len() as u64)
            .filter(|&end| end <= LARGEST_IMAGE);
        let end =
            end.ok_or_else(|| format!("a segment {start:#x} bytes above the first"))? as usize;
        if image.len() < end {
            image.resize(end, 0);
        }
        image[start as usize..end].copy_from_slice(bytes);
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::flatten;

    /// An ELF file with the given segments (physical address, content).
    fn elf_file(segments: &[(u64, &[u8])]) -> Vec<u8> {
        let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let half = |v: u16| v.to_le_bytes();
        file.extend([half(2), half(183)].concat());
        file.extend(1u32.to_le_bytes());
        file.extend([0u64, 64, 0].map(u64::to_le_bytes).concat());
        file.extend(0u32.to_le_bytes());
        file.extend([64, 56, segments.len() as u16, 0, 0, 0].map(half).concat());
        let mut offset = 64 + 56 * segments.len() as u64;
        for (address, content) in segments {
            file.extend([1u32, 5].map(u32::to_le_bytes).concat());
            let size = content.len() as u64;
            file.extend(
                [offset, *address, *address, size, size + 100, 8]
                    .map(u64::to_le_bytes)
                    .concat(),
            );
            offset += size;
        }
        segments
            .iter()
            .for_each(|(_, content)| file.extend(*content));
        file
    }

    #[test]
    fn segments_are_placed_by_physical_address() {
        let file = elf_file(&[(0x4020_0008, b"data"), (0x4020_0000, b"text")]);
        assert_eq!(flatten(&file).unwrap(), b"text\0\0\0\0data");
    }

    #[test]
    fn a_segment_far_away_is_an_error_not_a_huge_file() {
        let file = elf_file(&[(0x4000_0000, b"text"), (0x1_4000_0000, b"data")]);
        assert!(flatten(&file).unwrap_err().contains("above the first"));
        assert!(flatten(b"not an ELF file").is_err());
    }
}
