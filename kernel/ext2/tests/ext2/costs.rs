//! What a sync costs: the blocks that are dirty, however many there are on the disk.

use crate::disk::{Event, SimulatedDisk};
use crate::files::{at, mount, plain, write_back};
use crate::tools::Image;
use ext2::*;

/// Metadata writes and flushes of `work`; the bytes of files are written from elsewhere.
fn cost(disk: &SimulatedDisk, work: impl FnOnce()) -> (usize, usize) {
    let before = disk.position();
    work();
    let events = &disk.events()[before..];
    let flushes = events
        .iter()
        .filter(|event| matches!(event, Event::Flush))
        .count();
    (events.len() - flushes, flushes)
}

#[test]
fn a_sync_writes_what_is_dirty_and_no_more() {
    let disk = SimulatedDisk::new(Image::new(4096, 8192).with(&["-N", "1024"]).make());
    disk.record();
    let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
    let root = InodeNumber::ROOT;
    let mut last = root;
    for index in 0..500 {
        let name = format!("file-{index}");
        last = fs
            .create(root, name.as_bytes(), &plain(Node::File), at(1))
            .unwrap()
            .inode;
    }
    fs.sync_all().unwrap();
    // Nothing is dirty: one flush, for the bytes of files.
    assert_eq!(cost(&disk, || fs.sync(last).unwrap()), (0, 1));
    // The bytes changed in place, and the time: the inode's block.
    let touch = Changes {
        mtime: Some(at(2)),
        ..Changes::default()
    };
    fs.set_attributes(last, &touch).unwrap();
    assert_eq!(cost(&disk, || fs.sync(last).unwrap()), (1, 2));
    // One block more: the bitmap first; then the inode, the descriptor and the superblock.
    fs.truncate(last, 4096, at(3)).unwrap();
    write_back(&fs, last, &[1; 4096], 0, 4096).unwrap();
    assert_eq!(cost(&disk, || fs.sync(last).unwrap()), (4, 2));
    // A new name: the bitmap of inodes; then the inode's and the directory's inode's block, the directory's block,
    // the descriptor and the superblock.
    let new = fs
        .create(root, b"new", &plain(Node::File), at(4))
        .unwrap()
        .inode;
    assert_eq!(cost(&disk, || fs.sync(new).unwrap()), (6, 2));
    // A name in another directory: those two blocks one after the other.
    let d = fs
        .create(root, b"d", &plain(Node::Directory), at(5))
        .unwrap()
        .inode;
    fs.sync_all().unwrap();
    let name = |directory, name| Name { directory, name };
    fs.rename(name(root, b"new"), name(d, b"new"), at(6))
        .unwrap();
    let (writes, flushes) = cost(&disk, || fs.sync(new).unwrap());
    assert_eq!(flushes, 3);
    assert!((3..=5).contains(&writes), "{writes}");
}
