//! Images with wrong bytes: every operation ends, with an answer or an error, and nothing panics.

use crate::disk::SimulatedDisk;
use crate::files::{Fs, at, mount, plain, write_back};
use crate::random::{Random, rounds};
use crate::tools::{Image, OnFile};
use ext2::*;
use std::ops::ControlFlow;

/// An image with a bit of everything.
fn image(block_size: u32) -> Vec<u8> {
    let disk = SimulatedDisk::new(Image::new(block_size, 400).with(&["-N", "64"]).make());
    let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
    let root = InodeNumber::ROOT;
    let d = fs
        .create(root, b"d", &plain(Node::Directory), at(1))
        .unwrap()
        .inode;
    for index in 0..12 {
        let name = format!("file-{index}");
        let f = fs
            .create(d, name.as_bytes(), &plain(Node::File), at(1))
            .unwrap()
            .inode;
        let size = 4000 * index + 1;
        fs.truncate(f, size, at(1)).unwrap();
        // Every second block: holes too.
        for block in (0..size / u64::from(block_size)).step_by(2) {
            let content = vec![7; size as usize];
            write_back(&fs, f, &content, block * u64::from(block_size), 1).unwrap();
        }
    }
    fs.create(d, b"link", &plain(Node::Symlink(&[b'x'; 100])), at(1))
        .unwrap();
    fs.create(d, b"short", &plain(Node::Symlink(b"x")), at(1))
        .unwrap();
    fs.create(d, b"sub", &plain(Node::Directory), at(1))
        .unwrap();
    fs.unmount(at(2)).unwrap();
    disk.bytes()
}

/// Uses everything that is named, whatever the answers.
fn use_it(fs: &Fs<'_>, random: &mut Random) {
    let mut inodes: Vec<InodeNumber> = vec![InodeNumber::ROOT];
    let mut places = Vec::new();
    let mut at_inode = 0;
    while at_inode < inodes.len() && inodes.len() < 200 {
        let directory = inodes[at_inode];
        at_inode += 1;
        let _ = fs.list(directory, Cookie(random.below(3) * 12), |entry| {
            if entry.name != b"." && entry.name != b".." && !inodes.contains(&entry.inode) {
                inodes.push(entry.inode);
            }
            places.push((directory, entry.name.to_vec()));
            if places.len() < 500 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    }
    for &inode in &inodes {
        let mut text = [0; 4096];
        let _ = fs.readlink(inode, &mut text);
        let Ok(attributes) = fs.attributes(inode) else {
            continue;
        };
        let mut runs = [Run::EMPTY; 4];
        for from in [
            0,
            attributes.size / 2,
            attributes.size.saturating_sub(1),
            random.next(),
        ] {
            let _ = fs.map(inode, from, 1 << 20, Allocate::No, &mut runs);
        }
        let _ = fs.map(
            inode,
            random.below(attributes.size + 1),
            5000,
            Allocate::Yes,
            &mut runs,
        );
        let _ = fs.create(inode, b"new", &plain(Node::File), at(3));
        let _ = fs.create(inode, b"newer", &plain(Node::Directory), at(3));
        let _ = fs.truncate(inode, random.below(attributes.size + 10_000), at(3));
    }
    for (directory, name) in places {
        let _ = fs.lookup(directory, &name);
        let to = Name {
            directory: *random.pick(&inodes),
            name: b"moved",
        };
        let from = Name {
            directory,
            name: &name,
        };
        match random.below(4) {
            0 => {
                let _ = fs.rename(from, to, at(4));
            }
            1 => {
                let _ = fs.link(*random.pick(&inodes), directory, b"linked", at(4));
            }
            2 => {
                if let Ok(gone) = fs.rmdir(directory, &name, at(4)) {
                    let _ = fs.release(gone.inode, at(4));
                }
            }
            _ => {
                if let Ok(gone) = fs.unlink(directory, &name, at(4)) {
                    let _ = fs.release(gone.inode, at(4));
                }
            }
        }
    }
    let _ = fs.statistics();
    let _ = fs.sync_all();
    let _ = fs.unmount(at(5));
}

#[test]
fn wrong_bytes_give_errors() {
    let (mut mounted, mut refused, mut corrupt) = (0u64, 0u64, 0u64);
    for block_size in [1024, 4096] {
        let image = image(block_size);
        // The file system's own blocks are where bytes matter.
        let interesting: Vec<usize> = (0..image.len())
            .filter(|&at| image[at] != 0xee && image[at] != 7)
            .collect();
        for seed in 0..1500 * rounds() {
            let mut random = Random(seed);
            let mut bytes = image.clone();
            for _ in 0..1 + random.below(12) {
                let at = match random.below(4) {
                    0 => 1024 + random.below(256) as usize,
                    1 => 2048 + random.below(64) as usize,
                    _ => *random.pick(&interesting),
                };
                bytes[at] = match random.below(4) {
                    0 => bytes[at] ^ (1 << random.below(8)),
                    1 => 0xff,
                    2 => 0,
                    _ => random.next() as u8,
                };
            }
            let disk = SimulatedDisk::new(bytes);
            match mount(&disk, Access::ReadWrite, 32) {
                Ok(fs) => {
                    mounted += 1;
                    use_it(&fs, &mut random);
                }
                Err(Error::Corrupt { .. }) => corrupt += 1,
                Err(_) => refused += 1,
            }
        }
    }
    println!("{mounted} mounted, {corrupt} corrupt, {refused} refused");
    assert!(
        mounted > 500 && corrupt > 100 && refused > 100,
        "{mounted}, {corrupt}, {refused}"
    );
}

/// Blocks of a file in a row may be used up to the one that no file may have: the next group's own, or none of the disk.
#[test]
fn a_run_ends_where_files_may_not_be() {
    let disk = SimulatedDisk::new(Image::new(1024, 20 << 10).with(&["-N", "256"]).make());
    let fs = mount(&disk, Access::ReadWrite, 32).unwrap();
    let root = InodeNumber::ROOT;
    let f = fs.create(root, b"f", &plain(Node::File), at(1)).unwrap();
    fs.truncate(f.inode, 8 * 1024, at(1)).unwrap();
    fs.unmount(at(2)).unwrap();
    let (bytes, blocks) = (disk.bytes(), 20u32 << 10);
    // The second group begins with a copy of the superblock, the third with its bitmap.
    for edge in [8193, 2 * 8192 + 1, blocks] {
        for good in 1..=8 {
            let image = OnFile::new(&bytes);
            for place in 0..8 {
                let block = edge - good + place;
                image.change(&format!("sif f block[{place}] {block}"));
            }
            let disk = SimulatedDisk::new(image.bytes());
            let fs = mount(&disk, Access::ReadOnly, 32).unwrap();
            let mut runs = [Run::EMPTY];
            let map = |from: u32, runs: &mut [Run; 1]| {
                let from = u64::from(from) * 1024;
                let found = fs.map(f.inode, from, 8 * 1024 - from, Allocate::No, runs);
                found.map(|runs| (runs[0].place, runs[0].bytes))
            };
            let first = Place::Disk(u64::from(edge - good) * 1024);
            assert_eq!(map(0, &mut runs), Ok((first, u64::from(good) * 1024)));
            if good < 8 {
                let beyond = map(good, &mut runs);
                assert!(matches!(beyond, Err(Error::Corrupt { .. })), "{beyond:?}");
            }
        }
    }
}

#[test]
fn unknown_features_are_refused_or_read_only() {
    const INCOMPATIBLE: usize = 1024 + 0x60;
    const READ_ONLY: usize = 1024 + 0x64;
    let image = image(1024);
    let with = |at: usize, bits: u8| {
        let mut bytes = image.clone();
        bytes[at] |= bits;
        SimulatedDisk::new(bytes)
    };
    // Extents; a journal to be replayed.
    for (bits, unknown) in [(0x40, 0x40), (0x04, 0x04)] {
        let disk = with(INCOMPATIBLE, bits);
        let refused = mount(&disk, Access::ReadWrite, 32).err();
        assert_eq!(refused, Some(Error::Unsupported(unknown)));
        assert!(
            refused
                .unwrap()
                .to_string()
                .contains(&format!("{unknown:#x}"))
        );
    }
    let disk = with(READ_ONLY, 0x10);
    let before = disk.bytes();
    let fs = mount(&disk, Access::ReadWrite, 32).unwrap();
    assert_eq!(fs.access(), Access::ReadOnly);
    let refused = fs.create(InodeNumber::ROOT, b"x", &plain(Node::File), at(1));
    assert_eq!(refused, Err(Error::ReadOnly));
    drop(fs);
    assert!(disk.bytes() == before);
    let no_magic = SimulatedDisk::new(vec![0; 1 << 16]);
    assert!(matches!(
        mount(&no_magic, Access::ReadOnly, 32).err(),
        Some(Error::NotExt2(_))
    ));
}

#[test]
fn a_mount_that_was_not_ended_is_noticed() {
    let disk = SimulatedDisk::new(image(1024));
    drop(mount(&disk, Access::ReadWrite, 32).unwrap());
    let fs = mount(&disk, Access::ReadWrite, 32).unwrap();
    assert_eq!(fs.condition(), Condition::NeedsCheck);
    // Its end does not say that all is well: nobody has looked.
    fs.unmount(at(1)).unwrap();
    drop(fs);
    let fs = mount(&disk, Access::ReadOnly, 32).unwrap();
    assert_eq!(fs.condition(), Condition::NeedsCheck);
}
