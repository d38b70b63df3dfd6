//! Corners of the format, judged by `e2fsck` and `debugfs`.

use crate::disk::{Cuts, SimulatedDisk};
use crate::files::{at, find, mount, names, plain, read, write_back, write_unreported};
use crate::tools::{Image, OnFile};
use ext2::*;

const ROOT: InodeNumber = InodeNumber::ROOT;

#[test]
fn blocks_far_behind_are_reached_and_freed() {
    for block_size in [1024u32, 2048, 4096] {
        let disk = SimulatedDisk::new(Image::new(block_size, 4096).make());
        let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
        let f = fs
            .create(ROOT, b"f", &plain(Node::File), at(1))
            .unwrap()
            .inode;
        let block = u64::from(block_size);
        let n = block / 4;
        // The first and the last block of each level, and one in the middle of the third.
        let levels = [
            0,
            11,
            12,
            11 + n,
            12 + n,
            11 + n + n * n,
            12 + n + n * n,
            2 * n * n + 7,
        ];
        let start = fs.statistics().free_blocks;
        fs.truncate(f, (levels[7] + 1) * block, at(1)).unwrap();
        let mut runs = [Run::EMPTY];
        for (index, &level) in levels.iter().enumerate() {
            let runs = fs
                .map(f, level * block, 1, Allocate::Yes, &mut runs)
                .unwrap();
            let Place::Disk(place) = runs[0].place else {
                panic!("no place")
            };
            fs.disk()
                .write(place, &vec![index as u8 + 1; block_size as usize])
                .unwrap();
            fs.written(f, level * block, block);
        }
        fs.sync(f).unwrap();
        let attributes = fs.attributes(f).unwrap();
        // 8 of data; one indirect block of the first level; of the second its top and two below, of the third its
        // top, one below that and two below that.
        let blocks = 8 + 1 + (1 + 2) + (1 + 1 + 2);
        assert_eq!(attributes.blocks, blocks * block / 512, "{block_size}");
        assert_eq!(fs.statistics().free_blocks, start - blocks);
        let image = OnFile::new(&disk.bytes());
        for (index, &level) in levels.iter().enumerate() {
            let bmap = image.ask(&format!("bmap <{}> {level}", f.0));
            let place: u64 = bmap
                .trim()
                .parse()
                .unwrap_or_else(|_| panic!("bmap: {bmap}"));
            assert_eq!(disk.bytes()[(place * block) as usize], index as u8 + 1);
        }
        // From the end on, one level after the other.
        for (index, &level) in levels.iter().enumerate().rev() {
            let place = |size: u64| {
                fs.truncate(f, size, at(2)).unwrap();
                let mut runs = [Run::EMPTY];
                let runs = fs
                    .map(f, level * block, 1, Allocate::No, &mut runs)
                    .unwrap();
                runs.first().map(|run| run.place)
            };
            let kept = place(level * block + 1);
            assert!(matches!(kept, Some(Place::Disk(_))), "{index}");
            assert_eq!(place(level * block), None, "{index}");
            assert_eq!(place(level * block + 1), Some(Place::Hole), "{index}");
        }
        fs.truncate(f, 0, at(2)).unwrap();
        assert_eq!(fs.attributes(f).unwrap().blocks, 0);
        assert_eq!(fs.statistics().free_blocks, start);
        let largest = fs.truncate(f, 1 << 50, at(3));
        assert_eq!(largest, Err(Error::TooLarge));
        fs.unmount(at(3)).unwrap();
        OnFile::new(&disk.bytes()).assert_clean("after truncation");
    }
}

#[test]
fn a_file_of_gigabytes_is_one_hole() {
    let options = ["-O", "none,filetype,sparse_super"];
    let disk = SimulatedDisk::new(Image::new(4096, 1024).with(&options).make());
    let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
    let f = fs
        .create(ROOT, b"f", &plain(Node::File), at(1))
        .unwrap()
        .inode;
    fs.truncate(f, 5 << 30, at(1)).unwrap();
    write_at_end(&fs, f);
    let mut runs = [Run::EMPTY; 3];
    let runs = fs.map(f, 0, u64::MAX, Allocate::No, &mut runs).unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!(
        runs[0],
        Run {
            at: 0,
            bytes: (5 << 30) - 4096,
            place: Place::Hole
        }
    );
    fs.unmount(at(1)).unwrap();
    let image = OnFile::new(&disk.bytes());
    image.assert_clean("a large file");
    assert!(image.ask("stat f").contains("Size: 5368709120"));
    // The maker did not say that there are large files; now the superblock does.
    assert!(image.ask("features").contains("large_file"));
}

fn write_at_end(fs: &crate::files::Fs<'_>, inode: InodeNumber) {
    let mut runs = [Run::EMPTY];
    let runs = fs
        .map(inode, (5 << 30) - 1, 1, Allocate::Yes, &mut runs)
        .unwrap();
    let Place::Disk(place) = runs[0].place else {
        panic!("no place")
    };
    fs.disk().write(place, &[1; 4096]).unwrap();
    fs.written(inode, runs[0].at, runs[0].bytes);
}

#[test]
fn device_nodes_links_and_names_are_as_debugfs_shows_them() {
    let disk = SimulatedDisk::new(Image::new(1024, 600).make());
    let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
    let device = |major, minor| DeviceNumber { major, minor };
    let nodes = [
        ("small", Node::Character(device(4, 64)), "04:64"),
        ("large", Node::Block(device(259, 70000)), "259:70000"),
    ];
    for (name, node, _) in nodes {
        fs.create(ROOT, name.as_bytes(), &plain(node), at(1))
            .unwrap();
    }
    fs.create(ROOT, b"fifo", &plain(Node::Fifo), at(1)).unwrap();
    fs.create(ROOT, b"socket", &plain(Node::Socket), at(1))
        .unwrap();
    for length in [59, 60, 61, 1023] {
        let text = vec![b'a'; length];
        let name = format!("link{length}");
        fs.create(ROOT, name.as_bytes(), &plain(Node::Symlink(&text)), at(1))
            .unwrap();
        let mut into = [0; 2000];
        let link = find(&fs, &name).unwrap();
        assert_eq!(fs.readlink(link.inode, &mut into).unwrap(), text);
    }
    let too_long = [b'a'; 1024];
    let refused = fs.create(ROOT, b"no", &plain(Node::Symlink(&too_long)), at(1));
    assert_eq!(refused, Err(Error::NameTooLong));
    let long = [b'n'; 255];
    fs.create(ROOT, &long, &plain(Node::File), at(1)).unwrap();
    let refused = fs.create(ROOT, &[b'n'; 256], &plain(Node::File), at(1));
    assert_eq!(refused, Err(Error::NameTooLong));
    for name in [&b""[..], b".", b"..", b"a/b", b"a\0b"] {
        let refused = fs.create(ROOT, name, &plain(Node::File), at(1));
        assert_eq!(refused, Err(Error::Invalid));
    }
    for (name, _, shown) in nodes {
        let found = find(&fs, name).unwrap().device;
        let (major, minor) = shown.split_once(':').unwrap();
        assert_eq!(
            (found.major, found.minor),
            (major.parse().unwrap(), minor.parse().unwrap())
        );
    }
    fs.unmount(at(1)).unwrap();
    let image = OnFile::new(&disk.bytes());
    image.assert_clean("nodes");
    for (name, _, shown) in nodes {
        let said = image.ask(&format!("stat {name}"));
        let said = said
            .replace("New-style device number: ", "")
            .replace("Device major/minor number: ", "");
        assert!(said.contains(shown), "{name}: {said}");
    }
    for length in [59, 60, 61, 1023] {
        let said = image.ask(&format!("stat link{length}"));
        assert!(said.contains(&format!("Size: {length}")), "{said}");
    }
}

#[test]
fn a_directory_with_a_hash_tree_is_read_and_changed() {
    let folder = tempfile::TempDir::new().unwrap();
    for number in 0..600 {
        std::fs::write(
            folder.path().join(format!("a-file-with-a-name-{number}")),
            b"",
        )
        .unwrap();
    }
    let root = folder.path().to_str().unwrap().to_string();
    let options = ["-O", "dir_index", "-N", "1024", "-d", &root];
    let image = OnFile::new(&Image::new(1024, 2048).with(&options).make());
    image.index_directories();
    let disk = SimulatedDisk::new(image.bytes());
    assert!(
        image.ask("htree_dump /").contains("Indirect levels"),
        "no directory has a tree"
    );
    let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
    assert_eq!(names(&fs, ROOT, 7).unwrap().len(), 601);
    for number in (0..600).step_by(3) {
        let name = format!("a-file-with-a-name-{number}");
        let gone = fs.unlink(ROOT, name.as_bytes(), at(1)).unwrap();
        fs.release(gone.inode, at(1)).unwrap();
    }
    for number in 0..300 {
        let name = format!("another-{number}");
        fs.create(ROOT, name.as_bytes(), &plain(Node::File), at(1))
            .unwrap();
    }
    assert_eq!(names(&fs, ROOT, 7).unwrap().len(), 601 - 200 + 300);
    fs.unmount(at(1)).unwrap();
    OnFile::new(&disk.bytes()).assert_clean("a hash tree that is none any more");
}

#[test]
fn extended_attributes_go_with_their_file() {
    let image = OnFile::new(
        &Image::new(1024, 600)
            .with(&["-O", "ext_attr", "-I", "128"])
            .make(),
    );
    let disk = SimulatedDisk::new(image.bytes());
    let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
    fs.create(ROOT, b"f", &plain(Node::File), at(1)).unwrap();
    fs.create(ROOT, b"l", &plain(Node::Symlink(b"short")), at(1))
        .unwrap();
    fs.unmount(at(1)).unwrap();
    drop(fs);
    let image = OnFile::new(&disk.bytes());
    for name in ["f", "l"] {
        image.change(&format!("ea_set {name} user.note {}", "x".repeat(200)));
    }
    image.assert_clean("attributes");
    let disk = SimulatedDisk::new(image.bytes());
    let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
    assert_eq!(
        find(&fs, "f").unwrap().blocks,
        2,
        "debugfs made no block of attributes"
    );
    let before = fs.statistics().free_blocks;
    let mut into = [0; 100];
    assert_eq!(
        fs.readlink(find(&fs, "l").unwrap().inode, &mut into)
            .unwrap(),
        b"short"
    );
    for name in [b"f", b"l"] {
        let gone = fs.unlink(ROOT, name, at(1)).unwrap();
        fs.release(gone.inode, at(1)).unwrap();
    }
    assert_eq!(fs.statistics().free_blocks, before + 2);
    fs.unmount(at(1)).unwrap();
    OnFile::new(&disk.bytes()).assert_clean("no attributes");
}

#[test]
fn a_deleted_file_lives_until_it_is_released() {
    let image = Image::new(1024, 400).make();
    let disk = SimulatedDisk::new(image.clone());
    disk.record();
    let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
    let f = fs
        .create(ROOT, b"f", &plain(Node::File), at(1))
        .unwrap()
        .inode;
    let bytes = vec![9; 20_000];
    fs.truncate(f, 20_000, at(1)).unwrap();
    write_back(&fs, f, &bytes, 0, 20_000).unwrap();
    let free = fs.statistics();
    let gone = fs.unlink(ROOT, b"f", at(2)).unwrap();
    assert_eq!(gone, Unlinked { inode: f, links: 0 });
    fs.sync_all().unwrap();
    assert_eq!(read(&fs, f).unwrap(), bytes);
    assert_eq!(fs.statistics().free_blocks, free.free_blocks);
    // Cut now, while it is open: e2fsck frees it.
    let mut cuts = Cuts::new(image);
    cuts.advance(&disk.events(), disk.position());
    let cut = cuts.subset(u64::MAX);
    let (repaired, said) = OnFile::new(&cut).repair("open and deleted");
    assert!(said.contains(&format!("{}", f.0)), "{said}");
    let after = SimulatedDisk::new(repaired);
    let after = mount(&after, Access::ReadOnly, 64).unwrap();
    assert_eq!(after.statistics().free_inodes, free.free_inodes + 1);
    assert_eq!(after.attributes(f), Err(Error::Stale(f)));
    // Or end it: its blocks are free, but nobody gets them before that is on the disk.
    fs.release(f, at(3)).unwrap();
    assert_eq!(fs.attributes(f), Err(Error::Stale(f)));
    assert!(fs.statistics().free_blocks > free.free_blocks + 19);
    fs.unmount(at(3)).unwrap();
    OnFile::new(&disk.bytes()).assert_clean("deleted");
}

#[test]
fn a_block_that_was_not_reported_is_a_hole_after_a_cut() {
    let disk = SimulatedDisk::new(Image::new(1024, 400).make());
    let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
    let f = fs
        .create(ROOT, b"f", &plain(Node::File), at(1))
        .unwrap()
        .inode;
    // Direct blocks and some of an indirect one; the disk has 0xee everywhere.
    let bytes = vec![9; 20 * 1024];
    fs.truncate(f, 20 * 1024, at(1)).unwrap();
    write_unreported(&fs, f, &bytes, 0, 20 * 1024).unwrap();
    fs.written(f, 4 * 1024, 1024);
    fs.written(f, 14 * 1024, 1024);
    let after_a_cut = || {
        let (repaired, _) = OnFile::new(&disk.bytes()).repair("a cut");
        let disk = SimulatedDisk::new(repaired);
        let fs = mount(&disk, Access::ReadOnly, 64).unwrap();
        read(&fs, f).unwrap()
    };
    fs.sync(f).unwrap();
    let mut expected = vec![0; 20 * 1024];
    expected[4 * 1024..5 * 1024].fill(9);
    expected[14 * 1024..15 * 1024].fill(9);
    assert!(after_a_cut() == expected);
    // Nor does the mount show what nobody has said to be there.
    assert!(read(&fs, f).unwrap() == expected);
    fs.written(f, 0, 20 * 1024);
    fs.sync(f).unwrap();
    assert!(after_a_cut() == bytes);
}
