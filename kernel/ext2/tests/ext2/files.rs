//! What the layer above does: bytes of files go past the file system.

use crate::disk::SimulatedDisk;
use abi::stat::Timespec;
use ext2::*;
use std::ops::ControlFlow;
use sync::host::Host;

pub type Fs<'a> = Ext2<&'a SimulatedDisk, Host>;

/// A time, in seconds after a day in 2026.
pub fn at(seconds: i64) -> Timespec {
    Timespec {
        sec: 1_790_000_000 + seconds,
        nsec: 123_456_789,
    }
}

pub fn mount(disk: &SimulatedDisk, access: Access, cache_blocks: u32) -> Result<Fs<'_>> {
    Ext2::mount(
        disk,
        Options {
            access,
            cache_blocks,
            now: at(0),
        },
    )
}

/// A file that everybody may read.
pub fn plain(node: Node<'_>) -> New<'_> {
    let permissions = if node == Node::Directory {
        0o755
    } else {
        0o644
    };
    New {
        node,
        permissions,
        uid: 0,
        gid: 0,
    }
}

/// A file's bytes.
pub fn read(fs: &Fs<'_>, inode: InodeNumber) -> Result<Vec<u8>> {
    let size = fs.attributes(inode)?.size;
    assert!(size < 1 << 28, "inode {} has {size} bytes", inode.0);
    let mut bytes = vec![0; size as usize];
    let mut from = 0;
    while from < size {
        let mut runs = [Run::EMPTY; 7];
        let runs = fs.map(inode, from, size - from, Allocate::No, &mut runs)?;
        assert!(!runs.is_empty());
        for run in runs {
            assert_eq!(run.at, from, "the runs have a gap");
            let end = (run.at + run.bytes).min(size);
            let into = &mut bytes[run.at as usize..end as usize];
            if let Place::Disk(at) = run.place {
                fs.disk().read(at, into).map_err(|_| Error::Device {
                    transfer: Transfer::Read,
                    block: 0,
                })?;
            }
            from = run.at + run.bytes;
        }
    }
    Ok(bytes)
}

/// Writes these bytes of a file to the disk, whole blocks of `content`, which is all of the file, and says so.
pub fn write_back(
    fs: &Fs<'_>,
    inode: InodeNumber,
    content: &[u8],
    from: u64,
    bytes: u64,
) -> Result<()> {
    write_unreported(fs, inode, content, from, bytes)?;
    fs.written(inode, from, bytes);
    Ok(())
}

/// The same without saying so.
pub fn write_unreported(
    fs: &Fs<'_>,
    inode: InodeNumber,
    content: &[u8],
    from: u64,
    bytes: u64,
) -> Result<()> {
    let mut at = from;
    let end = (from + bytes).min(content.len() as u64);
    while at < end {
        let mut runs = [Run::EMPTY; 5];
        let runs = fs.map(inode, at, end - at, Allocate::Yes, &mut runs)?;
        assert!(!runs.is_empty(), "no place for byte {at} of {end}");
        for run in runs {
            let Place::Disk(place) = run.place else {
                panic!("a hole after allocation")
            };
            let mut block = vec![0; run.bytes as usize];
            let last = content.len().min((run.at + run.bytes) as usize);
            let piece = &content[run.at as usize..last];
            block[..piece.len()].copy_from_slice(piece);
            fs.disk().write(place, &block).map_err(|_| Error::Device {
                transfer: Transfer::Write,
                block: 0,
            })?;
            at = run.at + run.bytes;
        }
    }
    Ok(())
}

/// A directory's names and what they name, without `.` and `..`, read `step` at a time.
pub fn names(
    fs: &Fs<'_>,
    directory: InodeNumber,
    step: usize,
) -> Result<Vec<(Vec<u8>, InodeNumber, Kind)>> {
    let mut all = Vec::new();
    let mut cookie = Cookie(0);
    loop {
        let mut some = 0;
        fs.list(directory, cookie, |entry| {
            if entry.name != b"." && entry.name != b".." {
                all.push((entry.name.to_vec(), entry.inode, entry.kind));
            }
            cookie = entry.next;
            some += 1;
            if some == step {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        if some < step {
            return Ok(all);
        }
    }
}

/// Every path of the tree below the root, and its inode.
pub fn tree(fs: &Fs<'_>) -> Result<Vec<(String, InodeNumber, Kind)>> {
    let mut all = Vec::new();
    let mut todo = vec![(String::new(), InodeNumber::ROOT)];
    while let Some((path, directory)) = todo.pop() {
        for (name, inode, kind) in names(fs, directory, 3)? {
            let path = format!("{path}/{}", String::from_utf8_lossy(&name));
            if kind == Kind::Directory {
                todo.push((path.clone(), inode));
            }
            all.push((path, inode, kind));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

/// The inode of a path from the root.
pub fn find(fs: &Fs<'_>, path: &str) -> Result<Attributes> {
    let mut found = fs.attributes(InodeNumber::ROOT)?;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        found = fs.lookup(found.inode, name.as_bytes())?;
    }
    Ok(found)
}
