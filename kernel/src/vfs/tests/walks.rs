//! Paths, and what they find.

use super::*;

#[test]
fn files_are_found_by_path() {
    let tree = tree();
    assert_eq!(contents(&tree.at(b"/bin/sh").unwrap()), b"shell");
    assert_eq!(
        contents(&tree.at(b"//etc/./deep/../deep/er///file").unwrap()),
        b"x"
    );
    assert_eq!(tree.at(b"/etc").unwrap().mode(), 0o040700);
    assert_eq!(
        path_of(&tree.at(b"lib/er/file").unwrap()).unwrap(),
        "/etc/deep/er/file"
    );
    assert_eq!(path_of(tree.root()).unwrap(), "/");
    assert_eq!(tree.at(b"/..").unwrap().number, tree.root().number);
}

#[test]
fn walks_fail_as_they_should() {
    let tree = tree();
    let fails = |path: &[u8]| tree.at(path).err().unwrap();
    assert_eq!(fails(b""), Errno::ENOENT);
    assert_eq!(fails(b"/none"), Errno::ENOENT);
    assert_eq!(fails(b"/none/x"), Errno::ENOENT);
    assert_eq!(fails(b"/bin/sh/x"), Errno::ENOTDIR);
    assert_eq!(fails(b"/bin/sh/"), Errno::ENOTDIR);
    assert_eq!(fails(b"/self"), Errno::ELOOP);
    assert_eq!(fails(&[b'a'; 256]), Errno::ENAMETOOLONG);
    assert_eq!(fails(&[b'/'; 1024]), Errno::ENAMETOOLONG);
    let link = tree
        .resolve(tree.root(), Path::new(b"/self").unwrap(), Walk::NoFollow)
        .unwrap();
    assert!(matches!(&link.body, Body::Link(target) if target == b"self"));
}

#[test]
fn a_listing_goes_on_where_it_stopped_although_names_vanish() {
    let tree = tree();
    let number = super::super::attributes::DeviceNumber::new(3, 2);
    let null = What::Device(super::super::Kind::Character, number);
    make(&tree, "/dev", null).unwrap();
    let mut seen = Vec::new();
    let mut cookie = 0;
    for _ in 0..20 {
        let before = cookie;
        tree.list(tree.root(), cookie, |entry| {
            seen.push((
                String::from_utf8(entry.name.to_vec()).unwrap(),
                entry.kind.entry(),
            ));
            cookie = entry.next;
            false
        })
        .unwrap();
        if cookie == before {
            break;
        }
        if seen.len() == 3 {
            unlink(&tree, "/lib").unwrap();
        }
    }
    let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [".", "..", "bin", "etc", "self", "dev"]);
    assert_eq!(seen[5].1, 2); // DT_CHR
}

#[test]
fn a_path_that_does_not_fit_is_none() {
    let tree = tree();
    let file = tree.at(b"/etc/deep/er/file").unwrap();
    assert!(Vnode::path(&file, &mut [0; 16]).is_none());
    assert!(Vnode::path(&file, &mut [0; 17]).is_some());
}

#[test]
fn a_file_has_one_vnode_however_it_is_reached() {
    let tree = tree();
    let first = tree.at(b"/bin/sh").unwrap();
    link(&tree, "/bin/sh", "/etc/shell").unwrap();
    assert!(tree.at(b"/etc/shell").unwrap().same(&first));
    assert!(tree.at(b"/bin/../bin/sh").unwrap().same(&first));
    drop(first);
    // Nobody has it, and it is still there: its bytes are in memory.
    let mount = tree.root().mount().clone();
    let count = |mount: &Mount<Memory>| {
        let mut count = 0;
        mount.each(|_| count += 1);
        count
    };
    let before = count(&mount);
    tree.at(b"/bin/sh").unwrap();
    assert_eq!(count(&mount), before);
    mount.drain();
    assert_eq!(count(&mount), 1, "the root stays: the tree has it");
    assert_eq!(contents(&tree.at(b"/etc/shell").unwrap()), b"shell");
}

#[test]
fn a_sweep_leaves_what_was_looked_up_since_the_last() {
    let tree = tree();
    let mount = tree.root().mount().clone();
    mount.drain();
    tree.at(b"/bin/sh").unwrap();
    tree.at(b"/etc").unwrap();
    assert_eq!(mount.sweep(), 0);
    tree.at(b"/bin/sh").unwrap();
    assert_eq!(mount.sweep(), 1, "/etc");
    // The file first, then the directory that it names as its place.
    assert_eq!(mount.sweep() + mount.sweep(), 2, "/bin/sh and /bin");
}
