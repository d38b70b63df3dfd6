//! The tree over a store of vectors.

use super::path::{Path, Walk};
use super::store::Store;
use super::unpack::{UnpackError, unpack};
use super::vnode::{Device, Vnode};
use super::{Body, Tree};
use crate::cpio::tests::append;
use crate::shared::{NoMemory, Shared};
use abi::Errno;
use std::string::String;
use std::sync::Mutex;
use std::vec;
use std::vec::Vec;

struct Memory;

impl Store for Memory {
    type Platform = sync::host::Host;
    type Object = Mutex<Vec<u8>>;
    fn keep(node: Vnode<Self>) -> Result<Shared<Vnode<Self>>, NoMemory> {
        Shared::try_new(node)
    }
    fn create() -> Result<Self::Object, Errno> {
        Ok(Mutex::default())
    }
    fn resize(object: &Self::Object, size: u64) -> Result<(), Errno> {
        object.lock().unwrap().resize(size as usize, 0);
        Ok(())
    }
    fn read(object: &Self::Object, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        let offset = offset as usize;
        into.copy_from_slice(&object.lock().unwrap()[offset..offset + into.len()]);
        Ok(())
    }
    fn write(object: &Self::Object, offset: u64, from: &[u8]) -> Result<(), Errno> {
        let offset = offset as usize;
        object.lock().unwrap()[offset..offset + from.len()].copy_from_slice(from);
        Ok(())
    }
}

type TestTree = Tree<Memory>;

fn tree() -> TestTree {
    let mut archive = Vec::new();
    append(&mut archive, "bin/sh", 0o100755, b"shell");
    append(&mut archive, "etc", 0o040700, b"");
    append(&mut archive, "etc/deep/er/file", 0o100644, b"x");
    append(&mut archive, "lib", 0o120755, b"/etc/deep");
    append(&mut archive, "self", 0o120755, b"self");
    append(&mut archive, "TRAILER!!!", 0, b"");
    let tree = TestTree::new(5).unwrap();
    assert_eq!(unpack(&tree, &archive), Ok(5));
    tree
}

fn create(tree: &TestTree, path: &str, node: Shared<Vnode<Memory>>) -> Result<(), Errno> {
    let parent = tree.resolve_parent(tree.root(), Path::new(path.as_bytes())?)?;
    tree.create(&parent, &node, 1)
}

fn rename(tree: &TestTree, from: &str, to: &str) -> Result<(), Errno> {
    let from = tree.resolve_parent(tree.root(), Path::new(from.as_bytes())?)?;
    let to = tree.resolve_parent(tree.root(), Path::new(to.as_bytes())?)?;
    tree.rename(&from, &to, 1)
}

fn unlink(tree: &TestTree, path: &str) -> Result<(), Errno> {
    tree.unlink(
        &tree.resolve_parent(tree.root(), Path::new(path.as_bytes())?)?,
        1,
    )
}

fn rmdir(tree: &TestTree, path: &str) -> Result<(), Errno> {
    tree.remove_directory(
        &tree.resolve_parent(tree.root(), Path::new(path.as_bytes())?)?,
        1,
    )
}

fn path_of(node: &Shared<Vnode<Memory>>) -> Option<String> {
    let mut buffer = [0; 64];
    Vnode::path(node, &mut buffer).map(|path| String::from_utf8(path.to_vec()).unwrap())
}

fn contents(node: &Vnode<Memory>) -> Vec<u8> {
    let mut bytes = vec![0; 100];
    let count = node.read(0, &mut bytes).unwrap();
    bytes.truncate(count);
    bytes
}

#[test]
fn the_archive_is_found_by_path() {
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
fn files_grow_and_shrink_and_holes_are_zero() {
    let file = Vnode::<Memory>::file(0o644, 0).unwrap();
    assert_eq!(file.write(Some(4), b"ab", 9), Ok(4));
    assert_eq!(file.write(None, b"c", 9), Ok(6));
    assert_eq!(contents(&file), b"\0\0\0\0abc");
    file.truncate(5, 9).unwrap();
    file.truncate(7, 9).unwrap();
    assert_eq!(contents(&file), b"\0\0\0\0a\0\0");
    assert_eq!(file.read(7, &mut [0; 4]), Ok(0));
    assert_eq!(file.read(u64::MAX, &mut [0; 4]), Ok(0));
    assert_eq!(file.write(Some(u64::MAX), b"x", 9), Err(Errno::EFBIG));
    assert_eq!(file.truncate(u64::MAX, 9), Err(Errno::EFBIG));
    assert_eq!(file.modified(), 9);
}

#[test]
fn names_come_and_go() {
    let tree = tree();
    let file = Vnode::file(0o600, 0).unwrap();
    create(&tree, "/tmp", Vnode::directory(0o777, 0).unwrap()).unwrap();
    create(&tree, "tmp/a", file.clone()).unwrap();
    assert_eq!(
        create(&tree, "tmp/a", Vnode::file(0, 0).unwrap()),
        Err(Errno::EEXIST)
    );
    assert_eq!(rmdir(&tree, "/tmp"), Err(Errno::ENOTEMPTY));
    assert_eq!(unlink(&tree, "/tmp"), Err(Errno::EPERM));
    assert_eq!(rmdir(&tree, "/tmp/a"), Err(Errno::ENOTDIR));
    rename(&tree, "/tmp/a", "/bin/b").unwrap();
    assert_eq!(path_of(&file).unwrap(), "/bin/b");
    assert_eq!(file.links(), 1);
    rename(&tree, "/bin/b", "/bin/sh").unwrap();
    assert_eq!(contents(&tree.at(b"/bin/sh").unwrap()), b"");
    unlink(&tree, "/bin/sh").unwrap();
    assert_eq!(
        (path_of(&file), file.links(), file.references()),
        (None, 0, 1)
    );
    let gone = tree.at(b"/tmp").unwrap();
    rmdir(&tree, "/tmp").unwrap();
    let late = tree
        .resolve_parent(&gone, Path::new(b"x").unwrap())
        .unwrap();
    assert_eq!(tree.create(&late, &file, 0), Err(Errno::ENOENT));
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
    assert_eq!(rename(&tree, "/bin/sh", "/bin/sh"), Ok(()));
}

#[test]
fn a_listing_goes_on_where_it_stopped_although_names_vanish() {
    let tree = tree();
    create(&tree, "/dev", Vnode::device(Device::Null, 0).unwrap()).unwrap();
    let mut seen = Vec::new();
    let mut cookie = 0;
    for _ in 0..20 {
        let before = cookie;
        Vnode::list(tree.root(), cookie, |node, name, next| {
            seen.push((
                String::from_utf8(name.to_vec()).unwrap(),
                node.mode() & 0o170000,
            ));
            cookie = next;
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
    assert_eq!(seen[5].1, 0o020000);
}

#[test]
fn a_damaged_archive_is_reported() {
    let mut archive = Vec::new();
    append(&mut archive, "a", 0o100644, b"1");
    let tree = TestTree::new(0).unwrap();
    assert_eq!(
        unpack(&tree, &archive[..112]),
        Err(UnpackError::Malformed(0))
    );
    append(&mut archive, "a/b", 0o100644, b"1");
    assert_eq!(
        unpack(&tree, &archive),
        Err(UnpackError::Failed(Errno::ENOTDIR))
    );
}

#[test]
fn a_path_that_does_not_fit_is_none() {
    let tree = tree();
    let file = tree.at(b"/etc/deep/er/file").unwrap();
    assert!(Vnode::path(&file, &mut [0; 16]).is_none());
    assert!(Vnode::path(&file, &mut [0; 17]).is_some());
}
