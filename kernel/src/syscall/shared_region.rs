//! The shared region's calls: no task has one yet.
//!
//! Owns: their checks, in XNU's order (reference/xnu-vm.md §12.3). Does not own: submaps (`vm`), on
//! which the region will stand.

use super::{Answer, Call, DONE};
use crate::files::{OpenFile, What};
use crate::memory::vm;
use crate::user_memory::get;
use crate::vfs::Body;
use abi::Errno;

/// The most files of one call.
const FILES_MAX: u32 = 256;
/// The most mappings of one call.
const MAPPINGS_MAX: u32 = 2048;
/// Bytes of `shared_file_np` {fd, mappings_count, slide}.
const FILE_BYTES: u64 = 12;
/// Bytes of `shared_file_mapping_slide_np`: five words of 64 bits, two protections.
const MAPPING_BYTES: u64 = 48;

/// `shared_region_check_np(*start)`: where the caller's region begins.
pub fn check(_: &mut Call<'_>) -> Answer {
    Err(Errno::EINVAL.into())
}

/// `shared_region_map_and_slide_2_np(files_count, *files, mappings_count, *mappings)`: what may be shared
/// by all is a file with a code signature, which no file here has.
pub fn map_and_slide(call: &mut Call<'_>) -> Answer {
    let [files, files_at, mappings, mappings_at, ..] = call.args;
    let (files, mappings) = (files as u32, mappings as u32);
    if files == 0 || mappings == 0 {
        return DONE;
    }
    if files > FILES_MAX || mappings > MAPPINGS_MAX {
        return Err(Errno::EINVAL.into());
    }
    let file = |n: u32| get::<[u32; 2]>(record(files_at, n, FILE_BYTES)?);
    let mut named = 0u32;
    for n in 0..files {
        let [_, count] = file(n)?;
        named = named.saturating_add(count);
    }
    for n in 0..mappings {
        let at = record(mappings_at, n, MAPPING_BYTES)?;
        let [address, size]: [u64; 2] = get(at)?;
        let offset: u64 = get(at + 16)?;
        let mask = vm().page_size() - 1;
        if (address | size | offset) & mask != 0 || address.checked_add(size).is_none() {
            return Err(Errno::EINVAL.into());
        }
    }
    if named != mappings {
        return Err(Errno::EINVAL.into());
    }
    for n in 0..files {
        let [descriptor, _] = file(n)?;
        check_file(&*call.task.files.get(u64::from(descriptor))?)?;
    }
    // Not signed.
    Err(Errno::EINVAL.into())
}

/// Whether a descriptor may be mapped there but for its signature. All files are root's, on its volume.
fn check_file(file: &OpenFile) -> Result<(), Errno> {
    let What::Node(node) = &file.what else {
        return Err(Errno::EINVAL);
    };
    if !file.is_readable() {
        return Err(Errno::EPERM);
    }
    match node.body {
        Body::File(_) => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}

fn record(first: u64, number: u32, bytes: u64) -> Result<u64, Errno> {
    first.checked_add(u64::from(number) * bytes).ok_or(Errno::EFAULT)
}
