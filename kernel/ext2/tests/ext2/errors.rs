//! A disk that fails at its k-th transfer: the operation says so, nothing that was written before is lost, and the
//! file system goes on.

use crate::disk::{Failing, SimulatedDisk};
use crate::files::{Fs, at, find, mount, plain, read, tree, write_back};
use crate::tools::{Image, OnFile};
use ext2::*;

const OLD: &[u8] = &[0x5a; 30_000];

/// Makes what must not be lost.
fn prepare(fs: &Fs<'_>) {
    let old = fs
        .create(InodeNumber::ROOT, b"old", &plain(Node::File), at(1))
        .unwrap()
        .inode;
    fs.truncate(old, OLD.len() as u64, at(1)).unwrap();
    write_back(fs, old, OLD, 0, OLD.len() as u64).unwrap();
    fs.create(InodeNumber::ROOT, b"d", &plain(Node::Directory), at(1))
        .unwrap();
    fs.create(InodeNumber::ROOT, b"e", &plain(Node::Directory), at(1))
        .unwrap();
    fs.sync_all().unwrap();
}

/// A bit of everything. Returns at the first error.
fn work(fs: &Fs<'_>) -> Result<()> {
    let d = find(fs, "/d")?.inode;
    let e = find(fs, "/e")?.inode;
    let f = fs.create(d, b"f", &plain(Node::File), at(2))?.inode;
    fs.truncate(f, 300_000, at(2))?;
    write_back(fs, f, &[0x33; 300_000], 0, 300_000)?;
    fs.sync(f)?;
    fs.truncate(f, 5000, at(3))?;
    fs.link(f, e, b"again", at(3))?;
    fs.create(e, b"link", &plain(Node::Symlink(&[b'l'; 300])), at(3))?;
    fs.rename(
        Name {
            directory: d,
            name: b"f",
        },
        Name {
            directory: e,
            name: b"moved",
        },
        at(4),
    )?;
    let gone = fs.rmdir(InodeNumber::ROOT, b"d", at(4))?;
    fs.release(gone.inode, at(4))?;
    let gone = fs.unlink(e, b"again", at(5))?;
    fs.release(gone.inode, at(5))?;
    for index in 0..8u8 {
        let name = [b'g', index + b'0'];
        let g = fs.create(e, &name, &plain(Node::File), at(6))?.inode;
        fs.truncate(g, 100_000, at(6))?;
        write_back(fs, g, &[index; 100_000], u64::from(index) * 9000, 2000)?;
        fs.sync(g)?;
    }
    tree(fs)?;
    fs.sync_all()
}

fn start() -> Vec<u8> {
    let disk = SimulatedDisk::new(Image::new(1024, 800).with(&["-N", "64"]).make());
    let fs = mount(&disk, Access::ReadWrite, 32).unwrap();
    prepare(&fs);
    fs.unmount(at(1)).unwrap();
    disk.bytes()
}

#[test]
fn an_error_at_any_transfer_loses_nothing_old() {
    let start = start();
    let disk = SimulatedDisk::new(start.clone());
    let fs = mount(&disk, Access::ReadWrite, 32).unwrap();
    disk.fail(Failing::Nothing);
    work(&fs).unwrap();
    let all = disk.transfers();
    assert!(all > 100, "{all} transfers");
    let mut failed = 0;
    for k in 0..all {
        let disk = SimulatedDisk::new(start.clone());
        let fs = mount(&disk, Access::ReadWrite, 32).unwrap();
        disk.fail(Failing::One(k));
        let result = work(&fs);
        disk.fail(Failing::Nothing);
        match result {
            Ok(()) => {}
            Err(Error::Device { .. }) => failed += 1,
            Err(error) => panic!("transfer {k}: {error}"),
        }
        // The disk works again, and so does the file system.
        let old = find(&fs, "/old").unwrap().inode;
        assert_eq!(read(&fs, old).unwrap(), OLD, "transfer {k}");
        let new = fs
            .create(InodeNumber::ROOT, b"after", &plain(Node::File), at(9))
            .unwrap();
        fs.truncate(new.inode, 9, at(9)).unwrap();
        write_back(&fs, new.inode, b"afterward", 0, 9).unwrap();
        fs.unmount(at(9))
            .unwrap_or_else(|error| panic!("transfer {k}: {error}"));
        drop(fs);
        // What an operation took and could not give back is a leak, which e2fsck mends; it loses nothing.
        let why = format!("transfer {k}");
        let (repaired, _) = OnFile::new(&disk.bytes()).repair(&why);
        let disk = SimulatedDisk::new(repaired);
        let fs = mount(&disk, Access::ReadOnly, 32).unwrap();
        assert_eq!(
            read(&fs, find(&fs, "/old").unwrap().inode).unwrap(),
            OLD,
            "{why}"
        );
        assert_eq!(
            read(&fs, find(&fs, "/after").unwrap().inode).unwrap(),
            b"afterward",
            "{why}"
        );
    }
    assert!(failed > all / 2, "{failed} of {all} transfers were noticed");
}

#[test]
fn a_dead_disk_gives_errors_and_no_more() {
    let start = start();
    for k in (0..100).step_by(3) {
        let disk = SimulatedDisk::new(start.clone());
        let Ok(fs) = mount(&disk, Access::ReadWrite, 32) else {
            continue;
        };
        disk.fail(Failing::From(k));
        let result = work(&fs);
        assert!(matches!(result, Err(Error::Device { .. })), "{result:?}");
        assert!(matches!(fs.sync_all(), Err(Error::Device { .. })));
        assert!(matches!(fs.unmount(at(9)), Err(Error::Device { .. })));
        let Err(error) = result else { continue };
        assert!(error.to_string().contains("disk cannot"), "{error}");
        drop(fs);
        let (repaired, _) = OnFile::new(&disk.bytes()).repair("a dead disk");
        let disk = SimulatedDisk::new(repaired);
        let fs = mount(&disk, Access::ReadOnly, 32).unwrap();
        assert_eq!(read(&fs, find(&fs, "/old").unwrap().inode).unwrap(), OLD);
    }
}
