//! Orders of writes that chance meets too rarely: at every cut of a short program, with every subset of the writes
//! since the last flush, each file keeps a name and its bytes.

use crate::disk::{Cuts, SimulatedDisk};
use crate::files::{Fs, at, mount, plain, read, tree, write_back};
use crate::tools::{Image, OnFile};
use ext2::*;
use std::collections::HashSet;

const BYTES: &[u8] = b"bytes that were synced";

/// Makes a synced file.
fn file(fs: &Fs<'_>, directory: InodeNumber, name: &str) -> InodeNumber {
    let made = fs
        .create(directory, name.as_bytes(), &plain(Node::File), at(1))
        .unwrap();
    fs.truncate(made.inode, BYTES.len() as u64, at(1)).unwrap();
    write_back(fs, made.inode, BYTES, 0, BYTES.len() as u64).unwrap();
    fs.sync(made.inode).unwrap();
    made.inode
}

fn directory(fs: &Fs<'_>, name: &str) -> InodeNumber {
    let made = fs.create(
        InodeNumber::ROOT,
        name.as_bytes(),
        &plain(Node::Directory),
        at(1),
    );
    made.unwrap().inode
}

fn name(directory: InodeNumber, name: &str) -> Name<'_> {
    Name {
        directory,
        name: name.as_bytes(),
    }
}

/// Prepares, syncs all, acts, syncs all; then cuts everywhere in every way.
fn every_cut<T>(prepare: impl Fn(&Fs<'_>) -> (Vec<InodeNumber>, T), act: impl Fn(&Fs<'_>, &T)) {
    let image = Image::new(1024, 120).with(&["-N", "32"]).make();
    let disk = SimulatedDisk::new(image);
    let fs = mount(&disk, Access::ReadWrite, 64).unwrap();
    let (kept, handles) = prepare(&fs);
    // Twice, so that what was freed is on the disk too.
    fs.sync_all().unwrap();
    fs.sync_all().unwrap();
    let start = disk.bytes();
    disk.record();
    act(&fs, &handles);
    fs.sync_all().unwrap();
    let events = disk.events();
    let mut state = Cuts::new(start);
    let mut seen = HashSet::new();
    for position in 0..=events.len() {
        state.advance(&events, position);
        for subset in 0..1u64 << state.pending().min(10) {
            let bytes = state.subset(subset);
            if seen.insert(bytes.clone()) {
                let why = format!(
                    "cut before event {position} of {}, writes {subset:#b}",
                    events.len()
                );
                let (repaired, said) = OnFile::new(&bytes).repair(&why);
                let disk = SimulatedDisk::new(repaired);
                let fs = mount(&disk, Access::ReadOnly, 64).unwrap();
                let tree = tree(&fs).unwrap();
                for &inode in &kept {
                    let named = tree.iter().any(|(path, found, _)| {
                        *found == inode && !path.starts_with("/lost+found/")
                    });
                    assert!(
                        named,
                        "{why}: inode {} has no name: {tree:?}\n{said}",
                        inode.0
                    );
                    assert_eq!(read(&fs, inode).unwrap(), BYTES, "{why}");
                }
            }
        }
    }
    assert!(seen.len() > 4, "{} images", seen.len());
}

#[test]
fn names_that_change_places_are_never_both_gone() {
    every_cut(
        |fs| {
            let (a, b) = (directory(fs, "a"), directory(fs, "b"));
            (vec![file(fs, a, "f"), file(fs, b, "g")], (a, b))
        },
        |fs, &(a, b)| {
            fs.rename(name(a, "f"), name(b, "f"), at(2)).unwrap();
            fs.rename(name(b, "g"), name(a, "g"), at(2)).unwrap();
        },
    );
}

#[test]
fn a_name_that_goes_on_is_never_gone() {
    every_cut(
        |fs| {
            let (a, b) = (directory(fs, "a"), directory(fs, "b"));
            (vec![file(fs, a, "f")], (a, b))
        },
        |fs, &(a, b)| {
            fs.rename(name(a, "f"), name(b, "f"), at(2)).unwrap();
            fs.rename(name(b, "f"), name(InodeNumber::ROOT, "f"), at(2))
                .unwrap();
        },
    );
}

#[test]
fn a_link_is_there_before_the_first_name_goes() {
    every_cut(
        |fs| {
            let (a, b) = (directory(fs, "a"), directory(fs, "b"));
            let f = file(fs, a, "f");
            (vec![f], (a, b, f))
        },
        |fs, &(a, b, f)| {
            fs.link(f, b, b"again", at(2)).unwrap();
            let left = fs.unlink(a, b"f", at(2)).unwrap();
            assert_eq!(left.links, 1);
        },
    );
}

#[test]
fn a_name_is_moved_out_before_its_directory_goes() {
    every_cut(
        |fs| {
            let (a, b) = (directory(fs, "a"), directory(fs, "b"));
            (vec![file(fs, a, "f")], (a, b))
        },
        |fs, &(a, b)| {
            fs.rename(name(a, "f"), name(b, "f"), at(2)).unwrap();
            let gone = fs.rmdir(InodeNumber::ROOT, b"a", at(2)).unwrap();
            fs.release(gone.inode, at(2)).unwrap();
        },
    );
}

#[test]
fn a_directory_that_moves_keeps_its_files() {
    every_cut(
        |fs| {
            let (a, b) = (directory(fs, "a"), directory(fs, "b"));
            (vec![file(fs, a, "f")], b)
        },
        |fs, &b| {
            fs.rename(name(InodeNumber::ROOT, "a"), name(b, "below"), at(2))
                .unwrap();
        },
    );
}

#[test]
fn a_name_is_moved_into_a_new_directory() {
    every_cut(
        |fs| (vec![file(fs, InodeNumber::ROOT, "f")], ()),
        |fs, ()| {
            let new = directory(fs, "new");
            fs.rename(name(InodeNumber::ROOT, "f"), name(new, "f"), at(2))
                .unwrap();
        },
    );
}

#[test]
fn a_new_directory_has_its_name_before_what_moves_into_it_loses_its_own() {
    every_cut(
        |fs| {
            let (a, b, c) = (directory(fs, "a"), directory(fs, "b"), directory(fs, "c"));
            (vec![file(fs, a, "f"), file(fs, b, "g")], (a, b, c))
        },
        |fs, &(a, b, c)| {
            // The block of `a` is late now, and gets the new directory's name.
            fs.rename(name(a, "f"), name(c, "f"), at(2)).unwrap();
            let new = fs
                .create(a, b"new", &plain(Node::Directory), at(2))
                .unwrap()
                .inode;
            fs.rename(name(b, "g"), name(new, "g"), at(2)).unwrap();
        },
    );
}

#[test]
fn a_file_that_replaces_another_takes_its_name_at_once() {
    every_cut(
        |fs| {
            let (a, b) = (directory(fs, "a"), directory(fs, "b"));
            let g = file(fs, b, "g");
            (vec![file(fs, a, "f")], (a, b, g))
        },
        |fs, &(a, b, g)| {
            let gone = fs
                .rename(name(a, "f"), name(b, "g"), at(2))
                .unwrap()
                .unwrap();
            assert_eq!(gone, Unlinked { inode: g, links: 0 });
            fs.release(g, at(2)).unwrap();
        },
    );
}
