//! Random programs against the model; then `e2fsck` finds nothing and `debugfs` reads the model's bytes.

use crate::disk::{Failing, SimulatedDisk};
use crate::files::{Fs, at, find, mount, read, tree};
use crate::model::World;
use crate::random::rounds;
use crate::tools::{Image, OnFile};
use ext2::*;
use std::collections::BTreeMap;

/// What we read of the file system is what the model says.
fn assert_agrees(fs: &Fs<'_>, world: &World<'_>, why: &str) {
    let mut found = BTreeMap::new();
    for (path, inode, kind) in tree(fs).unwrap() {
        if path != "/lost+found" {
            found.insert(path, (inode, kind));
        }
    }
    let expected: Vec<&String> = world.names.keys().collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), expected, "{why}: names");
    for (path, &file) in &world.names {
        let file = &world.files[file];
        let attributes = find(fs, path).unwrap();
        assert_eq!(found[path], (file.inode, file.kind), "{why}: {path}");
        assert_eq!(attributes.kind, file.kind, "{why}: {path}");
        assert_eq!(attributes.permissions, file.permissions, "{why}: {path}");
        assert_eq!(attributes.uid, file.uid, "{why}: {path}");
        match file.kind {
            Kind::File => {
                // Inodes of 128 bytes keep whole seconds.
                let mut mtime = at(file.mtime);
                if attributes.mtime.nsec == 0 && why.ends_with("128") {
                    mtime.nsec = 0;
                }
                assert_eq!(attributes.mtime, mtime, "{why}: {path}");
                assert!(
                    read(fs, file.inode).unwrap() == file.content,
                    "{why}: {path}'s bytes"
                );
                let links = world
                    .names
                    .values()
                    .filter(|&&named| named == world.names[path]);
                assert_eq!(
                    usize::from(attributes.links),
                    links.count(),
                    "{why}: {path}"
                );
            }
            Kind::Symlink => {
                let mut text = [0; 4096];
                assert_eq!(fs.readlink(file.inode, &mut text).unwrap(), file.text);
            }
            _ => {}
        }
    }
}

/// What debugfs reads of the image is what the model says.
fn assert_debugfs_agrees(image: &OnFile, world: &World<'_>, why: &str) {
    let folder = tempfile::TempDir::new().unwrap();
    image.ask(&format!("rdump / {}", folder.path().display()));
    for (path, &file) in &world.names {
        let file = &world.files[file];
        let host = folder.path().join(&path[1..]);
        match file.kind {
            Kind::File => {
                let bytes =
                    std::fs::read(&host).unwrap_or_else(|error| panic!("{why}: {path}: {error}"));
                assert!(
                    bytes == file.content,
                    "{why}: debugfs reads other bytes of {path}"
                );
            }
            Kind::Symlink => {
                let target = std::fs::read_link(&host).unwrap();
                assert_eq!(
                    target.to_str().unwrap().as_bytes(),
                    file.text,
                    "{why}: {path}"
                );
            }
            Kind::Directory => assert!(host.is_dir(), "{why}: {path}"),
            _ => {}
        }
    }
}

fn program(seed: u64, block_size: u32, inode_size: u32, kibibytes: u64, largest: u64) -> u64 {
    let why = format!("seed {seed}, blocks of {block_size}, inodes of {inode_size}");
    let image = Image::new(block_size, kibibytes)
        .with(&["-I", &inode_size.to_string(), "-N", "128"])
        .make();
    let disk = SimulatedDisk::new(image);
    let fs = mount(&disk, Access::ReadWrite, 32).unwrap();
    let start = fs.statistics();
    let mut world = World::new(fs, &disk, seed, largest);
    for _ in 0..1200 {
        world.step();
    }
    world.sync_everything();
    assert_agrees(&world.fs, &world, &why);
    world.fs.unmount(at(9999)).unwrap();
    let on_file = OnFile::new(&disk.bytes());
    on_file.assert_clean(&why);
    assert_debugfs_agrees(&on_file, &world, &why);

    // The same through a mount that begins anew; then all of it goes and every block is free again.
    world.fs = mount(&disk, Access::ReadWrite, 32).unwrap();
    assert_eq!(world.fs.condition(), Condition::Clean);
    assert_agrees(&world.fs, &world, &why);
    world.remove_everything();
    let mut end = world.fs.statistics();
    // Directories do not shrink: the root keeps the blocks that it got.
    let root = world.fs.attributes(InodeNumber::ROOT).unwrap();
    end.free_blocks += root.blocks * 512 / u64::from(block_size) - 1;
    assert_eq!(end, start, "{why}");
    world.fs.unmount(at(9999)).unwrap();
    OnFile::new(&disk.bytes()).assert_clean(&why);
    world.full
}

#[test]
fn random_programs_agree_with_the_model() {
    let mut full = 0;
    for round in 0..2 * rounds() {
        for (block_size, inode_size, kibibytes, largest) in [
            (1024, 128, 260, 150_000),
            (1024, 256, 20_000, 1_000_000),
            (2048, 256, 500, 400_000),
            (4096, 256, 6000, 1_000_000),
            (4096, 128, 800, 500_000),
        ] {
            full += program(100 + round, block_size, inode_size, kibibytes, largest);
        }
    }
    assert!(
        full > 20,
        "the disk was full {full} times only: nothing is known about that"
    );
}

/// The disk fails now and then. An operation that says so has left no trace: done again, it does what the model does.
#[test]
fn an_operation_that_failed_can_be_done_again() {
    let mut failed = 0;
    for seed in 0..3 * rounds() {
        let why = format!("seed {seed}, a disk that fails");
        let disk = SimulatedDisk::new(
            Image::new(1024, 400)
                .with(&["-N", "128", "-I", "256"])
                .make(),
        );
        let fs = mount(&disk, Access::ReadWrite, 32).unwrap();
        let mut world = World::new(fs, &disk, seed, 60_000);
        world.failing = true;
        for _ in 0..1500 {
            world.step();
        }
        disk.fail(Failing::Nothing);
        world.sync_everything();
        assert_agrees(&world.fs, &world, &why);
        world.fs.unmount(at(9999)).unwrap();
        // What an operation could not give back is a leak; nothing else is wrong.
        let (repaired, said) = OnFile::new(&disk.bytes()).repair(&why);
        assert!(!OnFile::says_used_but_free(&said), "{why}: {said}");
        let repaired = SimulatedDisk::new(repaired);
        assert_agrees(
            &mount(&repaired, Access::ReadOnly, 32).unwrap(),
            &world,
            &why,
        );
        failed += world.failed.get();
    }
    assert!(
        failed > 100 * rounds(),
        "{failed} operations met the failing disk"
    );
}
