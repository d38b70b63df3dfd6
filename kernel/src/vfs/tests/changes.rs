//! Changes of names, bytes and attributes.

use super::*;

#[test]
fn files_grow_and_shrink_and_holes_are_zero() {
    let tree = empty();
    let file = make(&tree, "/f", What::File).unwrap();
    assert_eq!(file.write(Some(4), b"ab"), Ok(4));
    assert_eq!(file.write(None, b"c"), Ok(6));
    assert_eq!(contents(&file), b"\0\0\0\0abc");
    file.truncate(5).unwrap();
    file.truncate(7).unwrap();
    assert_eq!(contents(&file), b"\0\0\0\0a\0\0");
    assert_eq!(file.read(7, &mut [0; 4]), Ok(0));
    assert_eq!(file.read(u64::MAX, &mut [0; 4]), Ok(0));
    assert_eq!(file.write(Some(u64::MAX), b"x"), Err(Errno::EFBIG));
    assert_eq!(file.truncate(u64::MAX), Err(Errno::EFBIG));
}

#[test]
fn a_write_that_stops_early_ends_the_file_there() {
    let tree = empty();
    let file = make(&tree, "/f", What::File).unwrap();
    let bytes = |length| ProgramBytes { at: 0, length };
    assert_eq!(file.write_from(None, bytes(0)), Ok((0, 0)));
    assert_eq!(file.write_from(None, bytes(50)), Ok((0, 20)));
    assert_eq!(file.write_from(Some(30), bytes(50)), Ok((30, 20)));
    assert_eq!(
        contents(&file),
        [[9; 20].as_slice(), &[0; 10], &[9; 20]].concat()
    );
    assert_eq!(file.write_from(Some(10), bytes(50)), Ok((10, 20)));
    assert_eq!(file.size(), 50);
    assert_eq!(file.write_from(Some(u64::MAX), bytes(1)), Err(Errno::EFBIG));
    // A program has the bytes up to the end, or to where its memory ends.
    for (from, length, had) in [
        (0, 10, 10),
        (0, 50, 20),
        (45, 20, 5),
        (50, 20, 0),
        (60, 20, 0),
    ] {
        assert_eq!(file.read_to(from, bytes(length), Ahead::Default), Ok(had));
    }
}

#[test]
fn what_a_mapping_wrote_beyond_the_end_never_shows() {
    let tree = empty();
    let file = make(&tree, "/f", What::File).unwrap();
    let scribble = || file.as_file().unwrap().object.lock().unwrap()[5..].fill(b'!');
    file.write(Some(0), b"12345").unwrap();
    scribble();
    file.truncate(8).unwrap();
    assert_eq!(contents(&file), b"12345\0\0\0");
    file.truncate(5).unwrap();
    scribble();
    file.write(Some(9), b"9").unwrap();
    assert_eq!(contents(&file), b"12345\0\0\0\09");
    file.truncate(5).unwrap();
    scribble();
    file.truncate(2 * PAGE + 3).unwrap();
    assert_eq!(contents(&file)[5..], [0; 30]);
}

#[test]
fn times_follow_what_happens() {
    let tree = empty();
    let file = make(&tree, "/f", What::File).unwrap();
    let begin = file.attributes().unwrap();
    file.write(Some(0), b"x").unwrap();
    let wrote = file.attributes().unwrap();
    assert!(wrote.modified.sec > begin.modified.sec && wrote.changed == wrote.modified);
    assert_eq!((wrote.accessed, wrote.born), (begin.accessed, begin.born));
    file.note_read();
    let read = file.attributes().unwrap();
    assert!(read.accessed.sec > wrote.modified.sec);
    file.note_read();
    assert_eq!(file.attributes().unwrap(), read, "one read is noted");
    file.set_permissions(0o4123).unwrap();
    let changed = file.attributes().unwrap();
    assert_eq!(
        (changed.permissions, changed.modified),
        (0o4123, wrote.modified)
    );
    assert!(changed.changed.sec > read.accessed.sec);
    let root = tree.root().attributes().unwrap();
    make(&tree, "/g", What::File).unwrap();
    assert!(tree.root().attributes().unwrap().modified.sec > root.modified.sec);
}

#[test]
fn attributes_survive_their_vnode() {
    let tree = empty();
    let file = make(&tree, "/f", What::File).unwrap();
    file.write(Some(0), b"seven b").unwrap();
    let owner = Change {
        user: Some(501),
        group: Some(20),
        ..Change::default()
    };
    file.change(&owner).unwrap();
    let before = file.attributes().unwrap();
    drop(file);
    tree.root().mount().drain();
    let after = tree.at(b"/f").unwrap().attributes().unwrap();
    assert_eq!(after, before);
    assert_eq!((after.user, after.group, after.size), (501, 20, 7));
}

#[test]
fn names_come_and_go() {
    let tree = tree();
    make(&tree, "/tmp", What::Directory).unwrap();
    let file = make(&tree, "tmp/a", What::File).unwrap();
    assert_eq!(make(&tree, "tmp/a", What::File).err(), Some(Errno::EEXIST));
    assert_eq!(rmdir(&tree, "/tmp"), Err(Errno::ENOTEMPTY));
    assert_eq!(unlink(&tree, "/tmp"), Err(Errno::EPERM));
    assert_eq!(rmdir(&tree, "/tmp/a"), Err(Errno::ENOTDIR));
    rename(&tree, "/tmp/a", "/bin/b").unwrap();
    assert_eq!(path_of(&file).unwrap(), "/bin/b");
    assert_eq!(file.links(), 1);
    rename(&tree, "/bin/b", "/bin/sh").unwrap();
    assert_eq!(contents(&tree.at(b"/bin/sh").unwrap()), b"");
    unlink(&tree, "/bin/sh").unwrap();
    assert_eq!((path_of(&file), file.links()), (None, 0));
    let gone = tree.at(b"/tmp").unwrap();
    rmdir(&tree, "/tmp").unwrap();
    let late = tree
        .resolve_parent(&gone, Path::new(b"x").unwrap())
        .unwrap();
    let new = New::of_root(What::File, 0);
    assert_eq!(tree.make(&late, &new).err(), Some(Errno::ENOENT));
    let other = tree.at(b"/etc/deep/er/file").unwrap();
    assert_eq!(tree.link(&other, &late), Err(Errno::ENOENT));
    assert_eq!(tree.link(&gone, &late), Err(Errno::EPERM));
}

#[test]
fn links_are_counted() {
    let tree = tree();
    let links = |path: &str| {
        tree.at(path.as_bytes())
            .unwrap()
            .attributes()
            .unwrap()
            .links
    };
    assert_eq!((links("/"), links("/etc"), links("/bin/sh")), (4, 3, 1));
    link(&tree, "/bin/sh", "/sh").unwrap();
    assert_eq!(links("/sh"), 2);
    rename(&tree, "/etc/deep", "/bin/deep").unwrap();
    assert_eq!((links("/etc"), links("/bin"), links("/")), (2, 3, 4));
    rename(&tree, "/bin/deep", "/etc").unwrap();
    assert_eq!((links("/bin"), links("/"), links("/etc")), (2, 4, 3));
    unlink(&tree, "/bin/sh").unwrap();
    assert_eq!(links("/sh"), 1);
    // The file system counted the same.
    tree.root().mount().drain();
    assert_eq!(
        (links("/"), links("/bin"), links("/etc"), links("/sh")),
        (4, 2, 3, 1)
    );
}

#[test]
fn directories_are_not_moved_into_themselves() {
    let tree = tree();
    assert_eq!(rename(&tree, "/etc", "/etc/deep/x"), Err(Errno::EINVAL));
    assert_eq!(rename(&tree, "/etc", "/bin/sh"), Err(Errno::ENOTDIR));
    assert_eq!(rename(&tree, "/bin/sh", "/etc"), Err(Errno::EISDIR));
    assert_eq!(rename(&tree, "/etc", "/bin"), Err(Errno::ENOTEMPTY));
    rename(&tree, "/etc/deep/er", "/lib2").unwrap();
    assert_eq!(
        path_of(&tree.at(b"/lib2/file").unwrap()).unwrap(),
        "/lib2/file"
    );
    assert_eq!(path_of(&tree.at(b"/lib2/..").unwrap()).unwrap(), "/");
    assert_eq!(rename(&tree, "/bin/sh", "/bin/sh"), Ok(()));
}
