//! Several file systems in one tree.

use super::*;

/// A tree with the watched file system on `/mnt`.
fn mounted(access: Access) -> (TestTree, Shared<AtomicBool>) {
    let tree = tree();
    let on = make(&tree, "/mnt", What::Directory).unwrap();
    make(&tree, "/mnt/hidden", What::File).unwrap();
    let (watched, is_unmounted) = Watched::new();
    tree.mount(&on, System::Disk(watched), b"vd0", access)
        .unwrap();
    (tree, is_unmounted)
}

fn watched(node: &Node) -> (u32, u32, u32) {
    let System::Disk(watched) = node.mount().sort() else {
        panic!("not the watched one")
    };
    (
        watched.lookups.load(Relaxed),
        watched.syncs.load(Relaxed),
        watched.releases.load(Relaxed),
    )
}

fn break_it(node: &Node, broken: bool) {
    let System::Disk(watched) = node.mount().sort() else {
        panic!("not the watched one")
    };
    watched.is_broken.store(broken, Relaxed);
}

fn unmount(tree: &TestTree, path: &str) -> Result<(), Errno> {
    tree.unmount(tree.at(path.as_bytes())?)
}

#[test]
fn a_mount_hides_what_is_below_and_is_crossed_both_ways() {
    let (tree, _) = mounted(Access::ReadWrite);
    assert_eq!(tree.at(b"/mnt/hidden").err(), Some(Errno::ENOENT));
    make(&tree, "/mnt/d", What::Directory).unwrap();
    let file = make(&tree, "/mnt/d/f", What::File).unwrap();
    assert_eq!(path_of(&file).unwrap(), "/mnt/d/f");
    assert_eq!(tree.at(b"/mnt/d/../../bin/sh").unwrap().size(), 5);
    let root = tree.at(b"/mnt").unwrap();
    assert_eq!(path_of(&root).unwrap(), "/mnt");
    assert_eq!(path_of(&tree.at(b"/mnt/d/..").unwrap()).unwrap(), "/mnt");
    assert!(tree.at(b"/mnt/..").unwrap().same(tree.root()));
    assert_ne!(root.mount().number, tree.root().mount().number);
    assert_eq!(names(&tree, "/mnt"), [".", "..", "d"]);
    // The listing of a mount's root names the directory above, not the root itself.
    let mut above = 0;
    tree.list(&root, 1, |entry| {
        above = entry.number;
        false
    })
    .unwrap();
    assert_eq!(above, tree.root().number);
}

#[test]
fn names_do_not_cross_mounts() {
    let (tree, _) = mounted(Access::ReadWrite);
    make(&tree, "/mnt/f", What::File).unwrap();
    assert_eq!(rename(&tree, "/mnt/f", "/f"), Err(Errno::EXDEV));
    assert_eq!(rename(&tree, "/bin/sh", "/mnt/sh"), Err(Errno::EXDEV));
    assert_eq!(link(&tree, "/mnt/f", "/f"), Err(Errno::EXDEV));
    assert_eq!(rmdir(&tree, "/mnt"), Err(Errno::EBUSY));
    assert_eq!(rename(&tree, "/mnt", "/other"), Err(Errno::EBUSY));
}

#[test]
fn a_read_only_mount_refuses_every_change() {
    let (tree, _) = mounted(Access::ReadOnly);
    let root = tree.at(b"/mnt").unwrap();
    let before = root.attributes().unwrap();
    assert_eq!(make(&tree, "/mnt/x", What::File).err(), Some(Errno::EROFS));
    assert_eq!(
        make(&tree, "/mnt/x", What::Directory).err(),
        Some(Errno::EROFS)
    );
    assert_eq!(root.set_permissions(0), Err(Errno::EROFS));
    root.note_read();
    assert_eq!(root.attributes().unwrap(), before);
    assert_eq!(unlink(&tree, "/mnt/x"), Err(Errno::ENOENT));
    drop(root);
    assert_eq!(unmount(&tree, "/mnt"), Ok(()));
}

#[test]
fn what_is_used_is_not_unmounted() {
    let (tree, is_unmounted) = mounted(Access::ReadWrite);
    let file = make(&tree, "/mnt/f", What::File).unwrap();
    assert_eq!(unmount(&tree, "/mnt"), Err(Errno::EBUSY));
    unlink(&tree, "/mnt/f").unwrap();
    assert_eq!(
        unmount(&tree, "/mnt"),
        Err(Errno::EBUSY),
        "open without a name"
    );
    drop(file);
    let directory = tree.at(b"/mnt").unwrap();
    assert_eq!(
        unmount(&tree, "/mnt"),
        Err(Errno::EBUSY),
        "somebody's directory"
    );
    assert!(!is_unmounted.load(Relaxed));
    drop(directory);
    assert_eq!(unmount(&tree, "/mnt"), Ok(()));
    assert!(is_unmounted.load(Relaxed));
    assert_eq!(unmount(&tree, "/mnt"), Err(Errno::EINVAL));
    assert_eq!(unmount(&tree, "/"), Err(Errno::EBUSY));
    tree.at(b"/mnt/hidden").unwrap();
    assert!(tree.mount_at(1).is_none());
}

#[test]
fn a_mount_needs_a_free_directory() {
    let (tree, _) = mounted(Access::ReadWrite);
    let mount = |path: &[u8]| {
        let (watched, _) = Watched::new();
        tree.mount(
            &tree.at(path)?,
            System::Disk(watched),
            b"x",
            Access::ReadWrite,
        )
    };
    assert_eq!(mount(b"/mnt"), Err(Errno::EBUSY));
    assert_eq!(mount(b"/"), Err(Errno::EBUSY));
    assert_eq!(mount(b"/bin/sh"), Err(Errno::ENOTDIR));
    make(&tree, "/mnt/inner", What::Directory).unwrap();
    assert_eq!(mount(b"/mnt/inner"), Ok(()));
    assert_eq!(
        unmount(&tree, "/mnt"),
        Err(Errno::EBUSY),
        "another one is mounted on it"
    );
    assert_eq!(
        path_of(&tree.at(b"/mnt/inner/../..").unwrap()).unwrap(),
        "/"
    );
    assert_eq!(unmount(&tree, "/mnt/inner"), Ok(()));
    assert_eq!(unmount(&tree, "/mnt"), Ok(()));
}

#[test]
fn a_name_is_asked_for_once() {
    let (tree, _) = mounted(Access::ReadWrite);
    make(&tree, "/mnt/d", What::Directory).unwrap();
    make(&tree, "/mnt/d/f", What::File).unwrap();
    let root = tree.at(b"/mnt").unwrap();
    let (before, ..) = watched(&root);
    for _ in 0..10 {
        tree.at(b"/mnt/d/f").unwrap();
    }
    assert_eq!(watched(&root).0, before);
    // A name that changed its file is asked for again.
    make(&tree, "/mnt/d/g", What::File)
        .unwrap()
        .write(Some(0), b"g")
        .unwrap();
    rename(&tree, "/mnt/d/g", "/mnt/d/f").unwrap();
    assert_eq!(contents(&tree.at(b"/mnt/d/f").unwrap()), b"g");
    assert_eq!(tree.at(b"/mnt/d/g").err(), Some(Errno::ENOENT));
    unlink(&tree, "/mnt/d/f").unwrap();
    assert_eq!(tree.at(b"/mnt/d/f").err(), Some(Errno::ENOENT));
}

#[test]
fn a_file_is_released_with_its_last_user() {
    let (tree, _) = mounted(Access::ReadWrite);
    let root = tree.at(b"/mnt").unwrap();
    let file = make(&tree, "/mnt/f", What::File).unwrap();
    file.write(Some(0), b"kept").unwrap();
    unlink(&tree, "/mnt/f").unwrap();
    assert_eq!(watched(&root).2, 0);
    assert_eq!(contents(&file), b"kept");
    super::super::retire(&file, 1);
    drop(file);
    assert_eq!(watched(&root).2, 1);
    make(&tree, "/mnt/f", What::File).unwrap();
    unlink(&tree, "/mnt/f").unwrap();
    assert_eq!(watched(&root).2, 2, "nobody had it");
    make(&tree, "/mnt/d", What::Directory).unwrap();
    rmdir(&tree, "/mnt/d").unwrap();
    assert_eq!(watched(&root).2, 3);
}

#[test]
fn a_broken_medium_is_an_error_and_no_more() {
    let (tree, is_unmounted) = mounted(Access::ReadWrite);
    make(&tree, "/mnt/f", What::File)
        .unwrap()
        .write(Some(0), b"1")
        .unwrap();
    let root = tree.at(b"/mnt").unwrap();
    break_it(&root, true);
    assert_eq!(tree.at(b"/mnt/none").err(), Some(Errno::EIO));
    assert_eq!(make(&tree, "/mnt/none", What::File).err(), Some(Errno::EIO));
    assert_eq!(rename(&tree, "/mnt/f", "/mnt/g"), Err(Errno::EIO));
    assert_eq!(tree.sync(), Err(Errno::EIO));
    assert_eq!(contents(&tree.at(b"/bin/sh").unwrap()), b"shell");
    break_it(&root, false);
    // What could not be written was not forgotten.
    assert_eq!(tree.sync(), Ok(()));
    drop(root);
    break_it(&tree.at(b"/mnt").unwrap(), true);
    let ended = unmount(&tree, "/mnt");
    assert!(matches!(ended, Err(Errno::EIO | Errno::EBUSY)));
    assert_eq!(is_unmounted.load(Relaxed), ended == Err(Errno::EIO));
}
